"""Terms that a text may mean: a plain comparison of letters, for a person to decide upon.

Both texts are cut into words and each word into overlapping groups of three letters. The score is twice the
number of groups that both have, in a hundredth of all groups of both: 100 is the same words in any order.
A text is also tried without what follows a bracket, a comma, ``in``, ``by`` or ``of``, for nine tenths of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from trialbridge.errors import TermError
from trialbridge.standards import DEFAULT_CT, codelist, codelists, ig_variables

MOST = 5
LOWEST = 40
"""A score below this is a coincidence of letters."""

_FINDINGS = ("LB", "VS")
_WORD = re.compile(r"[^\W_]+")
_TAIL = re.compile(r"\s*(?:[\[(,]|\b(?:in|by|of)\b).*$", re.IGNORECASE)


class Suggestion(NamedTuple):
    """One term that a text may mean, the name of it that is nearest, and how near it is."""

    value: str
    name: str
    code: str
    score: int


@dataclass(frozen=True)
class _Names:
    """Every name of every term of some codelists, by its groups of letters."""

    terms: tuple[tuple[str, str, str], ...]
    sizes: tuple[int, ...]
    postings: Mapping[str, tuple[int, ...]]


def suggest(domain: str, variable: str, texts: Iterable[str], ct: str = DEFAULT_CT) -> list[Suggestion]:
    """Return at most five terms of the variable's codelists that are nearest to any of `texts`, best first.

    Example:
        >>> [(found.value, found.score) for found in suggest("LB", "LBTESTCD", ["Erythrocytes"])][:1]
        [('RBC', 100)]
        >>> suggest("LB", "LBREFID", ["anything"])
        []
    """
    names = _names(_codelists(domain, variable), ct)
    best: dict[str, Suggestion] = {}
    for text, weight in _tried(texts).items():
        for number, full in _scores(text, names):
            value, name, code = names.terms[number]
            score = full * weight // 100
            if score >= LOWEST and (value not in best or best[value].score < score):
                best[value] = Suggestion(value, name, code, score)
    return sorted(best.values(), key=lambda found: (-found.score, found.value))[:MOST]


def _tried(texts: Iterable[str]) -> dict[str, int]:
    """Return what is compared -> its weight in hundredths."""
    whole = {text: 100 for text in texts if text}
    return {short: 90 for text in whole if (short := _TAIL.sub("", text))} | whole


def _scores(text: str, names: _Names) -> list[tuple[int, int]]:
    groups = _groups(text)
    shared = Counter(number for group in groups for number in names.postings.get(group, ()))
    return [(number, 200 * count // (len(groups) + names.sizes[number])) for number, count in shared.items()]


@cache
def _groups(text: str) -> frozenset[str]:
    words = (f"  {word} " for word in _WORD.findall(text.casefold()))
    return frozenset(word[start : start + 3] for word in words for start in range(len(word) - 2))


@cache
def _codelists(domain: str, variable: str) -> tuple[str, ...]:
    """Return the codelists of a variable; those of all tests where not even the domain is known."""
    places = [(domain, variable)] if domain else [(code, f"{code}TESTCD") for code in _FINDINGS]
    return tuple(
        code
        for of, name in places
        for facts in ig_variables(of)
        if facts.name == name
        for code in facts.codelists
    )


@cache
def _names(codes: tuple[str, ...], ct: str) -> _Names:
    terms = [term for code in codes for term in _terms(code, ct)]
    sizes: list[int] = []
    postings: dict[str, list[int]] = {}
    for number, (_, name, _) in enumerate(terms):
        groups = _groups(name)
        sizes.append(len(groups))
        for group in groups:
            postings.setdefault(group, []).append(number)
    return _Names(tuple(terms), tuple(sizes), {group: tuple(found) for group, found in postings.items()})


def _terms(code: str, ct: str) -> list[tuple[str, str, str]]:
    """Return (submission value, one of its names, NCI code) for every name of every term of a codelist."""
    try:
        facts = codelist(code, ct)
    except TermError:
        return []
    other = next((found.paired for found in codelists(ct) if found.code == code), "")
    pairs = codelist(other, ct) if other else None
    found = []
    for term in facts.terms:
        pair = pairs.by_code(term.code) if pairs else None
        names = [term.submission_value, *term.synonyms, term.preferred_term]
        names += [pair.submission_value] if pair else []
        found += [(term.submission_value, name, term.code) for name in dict.fromkeys(names) if name]
    return found
