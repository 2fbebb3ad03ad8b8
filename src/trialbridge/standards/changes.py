"""What changed from one release of controlled terminology to another, and what became of a term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from trialbridge.errors import TermError
from trialbridge.standards.stores import DEFAULT_CT, CodelistFacts, Store, releases, store_of
from trialbridge.standards.terminology import Codelist, Term, codelist


class Change(NamedTuple):
    """One difference between two releases.

    Attributes:
        kind: ``codelist added``, ``codelist removed``, ``codelist renamed``, ``codelist resubmitted`` (it has
            another submission value), ``extensible changed``, ``term added``, ``term removed``,
            ``term renamed`` (it has another submission value), ``term recoded`` (the same submission value
            has another NCI code), ``synonyms changed`` or ``preferred term changed``.
        codelist: NCI code of the codelist.
        codelist_value: Its submission value; of the newer release where it is in both.
        code: NCI code of the term; empty where the codelist itself changed.
        old: What it was.
        new: What it is.
        successors: For a term that was removed: where its concept is now, as ``codelist: submission value``.
    """

    kind: str
    codelist: str
    codelist_value: str
    code: str
    old: str
    new: str
    successors: tuple[str, ...] = ()


class Successor(NamedTuple):
    """A term with the NCI code of one that was retired."""

    codelist: CodelistFacts
    term: Term


class Retirement(NamedTuple):
    """What became of a term that a release does not have.

    Attributes:
        term: The term as it was.
        last: The latest release that has it.
        successors: Terms with the same NCI code in the release that was asked; of the same codelist first.
    """

    term: Term
    last: str
    successors: tuple[Successor, ...]


def changes(old: str, new: str) -> tuple[Change, ...]:
    """Return every difference between two releases, codelist by codelist, terms by NCI code.

    Raises:
        ReleaseError: There is no such release.

    Example:
        >>> found = changes("2025-03-28", "2026-03-27")
        >>> [change.new for change in found if change.codelist_value == "ROUTE"]
        ['TRANSFORAMINAL']
    """
    before, after = _by_code(old), _by_code(new)
    both = {**before, **after}
    codes = sorted(both, key=lambda code: both[code].submission_value)
    return tuple(change for code in codes for change in _of_codelist(before.get(code), after.get(code), new))


def retirement(code_or_submission_value: str, value: str, ct: str = DEFAULT_CT) -> Retirement | None:
    """Return what became of a term that an older release had and `ct` has not; none where it has it.

    A term is another where its submission value changed: the successor then is in the same codelist.

    Args:
        code_or_submission_value: The codelist.
        value: Submission value or NCI code of the term.
        ct: The release that is asked.

    Returns:
        None too where no release that there is ever had it.

    Raises:
        ReleaseError: There is no such release.

    Example:
        >>> found = retirement("LBTESTCD", "MYPCERPC")
        >>> found.last, [(to.codelist.submission_value, to.term.submission_value) for to in found.successors]
        ('2025-03-28', [('MITSCD', 'MYPCERPC'), ('MITS', 'Myeloid/Erythroid Ratio')])
        >>> retirement("LBTESTCD", "GLUC") is None
        True
    """
    if _term(code_or_submission_value, value, ct) is not None:
        return None
    standard = ct[:-10]
    known = [facts for facts in releases() if facts.name[:-10] == standard and facts.date != ct[-10:]]
    for facts in reversed(known):
        name = facts.name
        former = _term(code_or_submission_value, value, name)
        if former is not None:
            return Retirement(former, name, successors(former.code, ct, code_or_submission_value))
    return None


def successors(code: str, ct: str = DEFAULT_CT, first: str = "") -> tuple[Successor, ...]:
    """Return every term of a release that has this NCI code, those of the codelist `first` before the others.

    Example:
        >>> [found.codelist.submission_value for found in successors("C105585")]
        ['LBTESTCD', 'LBTEST']
    """
    store = store_of(ct)
    found = [
        Successor(store.entries[place].facts, term)
        for place in _concepts(store).get(code, ())
        if (term := codelist(place, ct).by_code(code))
    ]
    return tuple(sorted(found, key=lambda one: first not in one.codelist[:3]))


def _term(name: str, value: str, ct: str) -> Term | None:
    try:
        known = codelist(name, ct)
    except TermError:
        return None
    return known.term(value) or known.by_code(value)


@cache
def _concepts(store: Store) -> Mapping[str, list[str]]:
    """Return NCI code of a term -> the codelists that have it."""
    found: dict[str, list[str]] = {}
    for facts in store.facts:
        for cells in store.lines(facts.code):
            found.setdefault(cells[1], []).append(facts.code)
    return found


def _by_code(ct: str) -> Mapping[str, Codelist]:
    return {facts.code: codelist(facts.code, ct) for facts in store_of(ct).facts}


def _of_codelist(before: Codelist | None, after: Codelist | None, new: str) -> Iterator[Change]:
    there = after or before
    if there is None:
        return
    place = (there.code, there.submission_value)
    if before is None or after is None:
        kind, names = ("added", ("", there.name)) if before is None else ("removed", (there.name, ""))
        yield Change(f"codelist {kind}", *place, "", *names)
    else:
        for kind, was, now in (
            ("codelist renamed", before.name, after.name),
            ("codelist resubmitted", before.submission_value, after.submission_value),
            ("extensible changed", _word(before), _word(after)),
        ):
            if was != now:
                yield Change(kind, *place, "", was, now)
    yield from _of_terms(place, before, after, new)


def _word(one: Codelist) -> str:
    return "extensible" if one.extensible else "not extensible"


def _of_terms(
    place: tuple[str, str], before: Codelist | None, after: Codelist | None, new: str
) -> Iterator[Change]:
    for term in before.terms if before else ():
        now = after.by_code(term.code) if after else None
        same = after.term(term.submission_value) if after and now is None else None
        if same is not None:
            yield Change("term recoded", *place, term.code, term.submission_value, same.code)
        elif now is None:
            found = successors(term.code, new)
            where = tuple(f"{to.codelist.submission_value}: {to.term.submission_value}" for to in found)
            yield Change("term removed", *place, term.code, term.submission_value, "", where)
        else:
            yield from _of_term(place, term, now)
    for term in after.terms if after else ():
        if after and before and (same := before.term(term.submission_value)):
            if after.by_code(same.code) and not before.by_code(term.code):
                yield Change("term recoded", *place, same.code, same.submission_value, term.code)
        elif before is None or before.by_code(term.code) is None:
            yield Change("term added", *place, term.code, "", term.submission_value)


def _of_term(place: tuple[str, str], before: Term, after: Term) -> Iterator[Change]:
    for kind, was, now in (
        ("term renamed", before.submission_value, after.submission_value),
        ("synonyms changed", "; ".join(before.synonyms), "; ".join(after.synonyms)),
        ("preferred term changed", before.preferred_term, after.preferred_term),
    ):
        if was != now:
            yield Change(kind, *place, before.code, was, now)
