"""Terms by any of their names, over all codelists of a release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from trialbridge.standards.stores import DEFAULT_CT, CodelistFacts, Store, store_of
from trialbridge.standards.terminology import Term, codelist

_Place = tuple[str, int]
_ORDER = ("code", "submission value", "synonym", "preferred term")


class Hit(NamedTuple):
    """One term that a text names, and by what.

    Attributes:
        codelist: The codelist that it is in.
        term: The term.
        by: ``code``, ``submission value``, ``synonym``, ``preferred term``; or ``part`` of one of them.
    """

    codelist: CodelistFacts
    term: Term
    by: str


def lookup(text: str, ct: str = DEFAULT_CT, within: str = "") -> tuple[Hit, ...]:
    """Return every term that has `text` as its code or one of its names, without regard to case.

    Codes go before submission values, these before synonyms, these before preferred terms.

    Args:
        text: An NCI code, a submission value, a synonym or a preferred term.
        ct: The release.
        within: NCI code or submission value of the one codelist that counts; all without it.

    Raises:
        TermError: There is no such release, or no such codelist in it.

    Example:
        >>> [(hit.codelist.submission_value, hit.term.submission_value) for hit in lookup("C105585")]
        [('LBTESTCD', 'GLUC'), ('LBTEST', 'Glucose')]
        >>> [hit.term.submission_value for hit in lookup("twice per  week", within="FREQ")]
        ['2 TIMES PER WEEK']
    """
    key = " ".join(text.split()).casefold()
    store = store_of(ct)
    hits = (_hit(place, key, store, ct) for place in _places(_named(store).get(key, "")))
    return _of_codelist(hits, within, ct)


def parts(text: str, ct: str = DEFAULT_CT, within: str = "") -> tuple[Hit, ...]:
    """Return every term of which `text` is a part of one of its names, the shortest submission value first.

    Example:
        >>> [hit.term.submission_value for hit in parts("complement c3", within="LBTESTCD")][:3]
        ['C3', 'C3A', 'C3B']
    """
    key = " ".join(text.split()).casefold()
    store = store_of(ct)
    texts = (found for name, found in _named(store).items() if key in name)
    places = dict.fromkeys(place for of_name in texts for place in _places(of_name))
    hits = (_hit(place, "", store, ct) for place in places)
    found = _of_codelist(hits, within, ct)
    return tuple(sorted(found, key=lambda hit: (len(hit.term.submission_value), hit.term.submission_value)))


def _of_codelist(hits: Iterable[Hit], within: str, ct: str) -> tuple[Hit, ...]:
    wanted = codelist(within, ct).code if within else ""
    found = [hit for hit in hits if wanted in {"", hit.codelist.code}]
    return tuple(sorted(found, key=lambda hit: _ORDER.index(hit.by) if hit.by in _ORDER else len(_ORDER)))


def _hit(place: _Place, key: str, store: Store, ct: str) -> Hit:
    code, number = place
    term = codelist(code, ct).terms[number]
    names = (
        (term.code, "code"),
        (term.submission_value, "submission value"),
        *((synonym, "synonym") for synonym in term.synonyms),
        (term.preferred_term, "preferred term"),
    )
    by = next((kind for name, kind in names if " ".join(name.split()).casefold() == key), "part")
    return Hit(store.entries[code].facts, term, by)


@cache
def _named(store: Store) -> Mapping[str, str]:
    """Return code or folded name -> the places of the terms that it names.

    Places are text, and all names are folded at once: so many small objects would take longer than the rest.
    """
    found: dict[str, str] = {}
    of, number = "", 0
    for codelist_code, code, value, synonyms, preferred in store.folded():
        if codelist_code != of:
            of, number = codelist_code, 0
        place = f"{of} {number};"
        number += 1
        for name in {code, value, preferred, *(synonyms.split("; ") if synonyms else ())}:
            found[name] = found.get(name, "") + place
    return found


def _places(text: str) -> Iterator[_Place]:
    for place in filter(None, text.split(";")):
        code, _, number = place.partition(" ")
        yield code.upper(), int(number)
