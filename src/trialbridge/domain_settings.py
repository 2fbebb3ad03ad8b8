"""Where a study keeps records, what is not to be seen, and what variables may hold.

The sections `[instruments]`, `[domains]`, `[blinded]`, `[patterns]` and `[permitted]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from trialbridge.event_names import EVENT_DOMAINS, event_problems
from trialbridge.questions import test_code
from trialbridge.standards import ig_datasets

_DOMAIN = re.compile(r"[A-Z][A-Z0-9]")
_OWN = {"label": str, "source": str, "codes": list}
LONGEST_LABEL = 40
_PATTERNED = ("DM.SITEID", "DM.SUBJID")
_TEST = re.compile(r"([A-Z][A-Z0-9]\.)?[A-Z_][A-Z0-9_]{0,7}")
MOODS = ("PERFORMED", "SCHEDULED")
"""The doses that may stand in EC: those that were given, or not, and those that were planned."""

INSTRUMENT_DOMAINS = ("QS", "RS")
"""The domains that an instrument may be kept in."""


def domain_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong with these sections of a `study.toml`.

    Example:
        >>> list(domain_problems({"instruments": {"PGA": {"domain": "LB"}}}))
        ['instruments."PGA" must be { domain = "QS" } or { domain = "RS" }']
    """
    for name, own in data.get("instruments", {}).items():
        if not isinstance(own, dict) or set(own) != {"domain"} or own["domain"] not in INSTRUMENT_DOMAINS:
            words = " or ".join(f'{{ domain = "{one}" }}' for one in INSTRUMENT_DOMAINS)
            yield f'instruments."{name}" must be {words}'
    for name in data.get("blinded", {}).get("tests", ()):
        if not isinstance(name, str) or not _TEST.fullmatch(name):
            yield f'blinded.tests: {name!r} is no test, such as "LB.CRP" or "CRP"'
    for name, own in data.get("domains", {}).items():
        problems = _PROBLEMS.get(name, partial(_domain_problems, name))(own)
        yield from (f"domains.{name}: {problem}" for problem in problems)


def _domain_problems(name: str, own: Any) -> Iterator[str]:
    if not _DOMAIN.fullmatch(name) or name in ig_datasets():
        yield f"must be two capitals that SDTMIG has no domain of, or one of {', '.join(_PROBLEMS)}"
    if not isinstance(own, dict) or any(not isinstance(own.get(key, of()), of) for key, of in _OWN.items()):
        yield 'must be { label = "...", source = "Observation", codes = ["system|code"] }'
        return
    yield from (f"has no key {key!r}; it has {', '.join(_OWN)}" for key in own if key not in _OWN)
    if own.get("source", "Observation") != "Observation":
        yield "source must be Observation: records of no other type are without a domain"
    if not 0 < len(own.get("label", "").encode()) <= LONGEST_LABEL:
        yield f"label must have 1 to {LONGEST_LABEL} bytes"
    for code in own.get("codes", ()):
        if not isinstance(code, str) or test_code(code.rpartition("|")[2]) is None:
            yield f"{code!r} makes no --TESTCD; give it one under [codes]"


def _mood_problems(own: Any) -> Iterator[str]:
    moods = own.get("moods") if isinstance(own, dict) and set(own) == {"moods"} else None
    if not isinstance(moods, list) or not moods or not set(moods) <= set(MOODS):
        yield f"must be {{ moods = [...] }}, of {' and '.join(MOODS)}"


_PROBLEMS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    **dict.fromkeys(EVENT_DOMAINS, event_problems),
    "EC": _mood_problems,
}
"""Domains of the standard of which a study may say which records are theirs -> what is wrong with that."""


def own_domains(domains: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the domains that are none of the standard's.

    Example:
        >>> own_domains({"XB": {"label": "Biopsy Scores"}, "CE": {"categories": ["flare"]}})
        {'XB': {'label': 'Biopsy Scores'}}
    """
    return {name: own for name, own in domains.items() if name not in ig_datasets()}


def domain_overrides(domains: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what the sections say, for the report.

    Example:
        >>> domain_overrides({"CE": {"categories": ["flare"]}})
        [('domain CE', "categories: ['flare']")]
    """
    return [
        (f"domain {name}", own.get("label", "; ".join(f"{key}: {said}" for key, said in own.items())))
        for name, own in domains.items()
    ]


def own_tests(
    domains: Mapping[str, Mapping[str, Any]], codes: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> dict[tuple[str, str], Mapping[str, str]]:
    """Return system and code -> what it is, for the codes of the study's own domains and of `[codes]`.

    Example:
        >>> own_tests({"XB": {"label": "Biopsy Scores", "codes": ["urn:lab|ACT"]}}, {})
        {('urn:lab', 'ACT'): {'domain': 'XB', 'testcd': 'ACT'}}
    """
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for name, own in own_domains(domains).items():
        for said in own.get("codes", ()):
            system, _, code = said.rpartition("|")
            found[system, code] = {"domain": name, "testcd": test_code(code) or ""}
    for system, listed in codes.items():
        for code, own in listed.items():
            found[system, code] = {**found.get((system, code), {}), **own}
    return found


def variable_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong with `[patterns]` and `[permitted]`, which speak of variables.

    Example:
        >>> list(variable_problems({"permitted": {"ARM": ["A"]}}))
        ['permitted."ARM" must name a dataset and a variable, such as "DM.ARM"']
    """
    for name, pattern in data.get("patterns", {}).items():
        if name not in _PATTERNED:
            yield f'patterns."{name}" is for no variable that can have one: {" or ".join(_PATTERNED)}'
        else:
            yield from _pattern_problems(name, pattern)
    for name, values in data.get("permitted", {}).items():
        if not all(name.partition(".")[::2]):
            yield f'permitted."{name}" must name a dataset and a variable, such as "DM.ARM"'
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            yield f'permitted."{name}" must be a list of texts'


def _pattern_problems(name: str, pattern: object) -> Iterator[str]:
    try:
        if not isinstance(pattern, str) or re.compile(pattern).groups != 1:
            yield f"patterns.{name} must be a regular expression with one group"
    except re.error as error:
        yield f"patterns.{name}: {error}"
