"""Decisions against the controlled terminology of the run: what is refused, retired, or the sponsor's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from trialbridge.decisions import Decision, Decisions
from trialbridge.errors import TermError
from trialbridge.findings import Finding, Severity
from trialbridge.standards import Codelist, Retirement, codelist, domain_variables, ig_datasets, retirement

_TEST = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OFFERED = re.compile(r" \([^()]*(?:\([^()]*\)[^()]*)*\)$")
"""The name that the worklist prints behind a suggested term."""

LONGEST = 200


def judged(decisions: Decisions, ct: str) -> tuple[Decisions, list[Finding]]:
    """Return the decisions that can be applied under a release of the terminology, and what is to be said.

    A value that is in no list of its variable is refused where no list may be extended; else it is applied,
    and said to be the sponsor's own. A term that the release has retired is said to be so.

    Example:
        >>> sex = Decision("DM", "SEX", code="9", decision="OTHER", who="J. Roe", when="2026-11-20")
        >>> kept, findings = judged(Decisions((sex,)), "2026-03-27")
        >>> kept.made, [finding.rule for finding in findings]
        ((), ['decision-refused'])
    """
    found = {one: list(faults(one, ct)) for one in decisions.made}
    kept = tuple(one for one, said in found.items() if all(each.severity != Severity.ERROR for each in said))
    return replace(decisions, made=kept), [each for said in found.values() for each in said]


def faults(one: Decision, ct: str) -> Iterator[Finding]:
    """Return what is to be said of one decision under a release of the terminology."""
    if problem := _malformed(one):
        yield _finding(one, Severity.ERROR, "decision-refused", problem)
        return
    domain, name = one.target
    lists = tuple(_lists(domain, name, ct))
    if not one.leaves and lists and not any(one.value in known for known in lists):
        yield from _foreign(one, one.value, lists, ct)
    for variable, value in ((f"{domain}SPEC", one.spec), (f"{domain}METHOD", one.method)):
        closer = tuple(_lists(domain, variable, ct))
        if value and closer and not any(value in known for known in closer):
            yield from _foreign(one, value, closer, ct)


def _malformed(one: Decision) -> str:
    domain, name = one.target
    if not _DAY.fullmatch(one.when):
        return f"{one.when!r} is no day such as 2026-11-20"
    if one.leaves:
        return ""
    if one.of_test and domain not in ig_datasets():
        return f"{one.decision!r} names no domain: write it as LB.GLUC"
    if one.of_test and not _TEST.fullmatch(one.value):
        return f"{one.value!r} is no test code: at most 8 capitals, digits and underscores, no digit first"
    if len(one.value.encode()) > LONGEST:
        return f"the value of {name} is longer than {LONGEST} bytes"
    return ""


def _foreign(one: Decision, value: str, lists: Sequence[Codelist], ct: str) -> Iterator[Finding]:
    """Return what is to be said of a value that is in none of the lists: retired, refused, or one's own."""
    named = " and ".join(f"{known.submission_value} ({known.code})" for known in lists)
    closed = not any(known.extensible for known in lists)
    retired = next((found for known in lists if (found := retirement(known.code, value, ct))), None)
    if retired is not None:
        text = f"{value!r} was a term of {named} in {retired.last} and is none in {ct}{_now(retired)}"
        yield _finding(one, Severity.WARNING, "decision-term-retired", f"{text}; {one.said()}")
    if closed:
        text = f"{value!r} is no term of {named} in {ct}, which may not be extended; it is not applied"
        yield _finding(one, Severity.ERROR, "decision-refused", f"{text} ({one.said()})")
    elif retired is None:
        text = f"{value!r} is no term of {named} in {ct}: it extends the codelist, {one.said()}"
        yield _finding(one, Severity.NOTICE, "decision-extends-codelist", text)


def _now(retired: Retirement) -> str:
    """Return where the concept of a retired term is now."""
    there = [f"{one.codelist.submission_value} {one.term.submission_value}" for one in retired.successors]
    return f"; the same concept is now {' and '.join(there)}" if there else ""


def _lists(domain: str, name: str, ct: str) -> Iterable[Codelist]:
    if domain not in ig_datasets():
        return
    codes = next((facts.codelists for facts in domain_variables(domain) if facts.name == name), ())
    for code in (*codes, *(["UNIT"] if name.endswith("ORRESU") and codes else [])):
        try:
            yield codelist(code, ct)
        except TermError:
            continue


def _finding(one: Decision, severity: Severity, rule: str, message: str) -> Finding:
    domain, variable = (one.domain, one.variable) if one.leaves else one.target
    return Finding(severity, rule, message, domain, variable, value=one.code or one.text)


def resolved(one: Decision, ct: str) -> Decision:
    """Return a decision with the submission value that it names by a synonym or as the worklist offers it.

    Example:
        >>> chosen = Decision("LB", "LBTESTCD", code="1", decision="RBC (Erythrocytes)")
        >>> resolved(chosen, "2026-03-27").decision
        'RBC'
        >>> resolved(Decision("DM", "SEX", code="1", decision="female"), "2026-03-27").decision
        'F'
    """
    if one.leaves or not ct:
        return one
    text = _OFFERED.sub("", one.decision)
    prefix, dot, rest = text.rpartition(".") if one.of_test else ("", "", text)
    domain = prefix or one.domain
    lists = tuple(_lists(domain, f"{domain}TESTCD" if one.of_test else one.variable, ct))
    for name in (one.decision, rest):
        if any(name in known for known in lists):
            return one if name == one.decision else replace(one, decision=prefix + dot + name)
    found = {term.submission_value for known in lists if (term := known.find(rest))}
    return replace(one, decision=prefix + dot + found.pop()) if len(found) == 1 else one
