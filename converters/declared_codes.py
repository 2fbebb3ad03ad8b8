"""The codes that a rule takes for each term, as far as it is a table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trialbridge import codecs, crosswalks, rules
from trialbridge.coded import Coded, Several
from trialbridge.matching import Matching
from trialbridge.rules import Rule

Codes = Mapping[str, tuple[str, ...]]
"""Term -> the codes that mean it."""


def declared_codes(rule: Rule) -> Codes:
    """Return the codes that a rule, or one alternative of a rule, takes for each term; none for free values.

    Example:
        >>> declared_codes(rules.At("gender", codecs.Codes({"male": "M"})))
        {'M': ('male',)}
    """
    found: dict[str, dict[str, None]] = {}
    for term, code in _pairs(rule):
        found.setdefault(term, {})[code] = None
    return {term: tuple(known) for term, known in found.items()}


def _pairs(rule: Any) -> Iterator[tuple[str, str]]:
    if isinstance(rule, rules.OneOf):
        for one in rule.rules:
            yield from _pairs(one)
    elif isinstance(rule, rules.Read | rules.Conditional):
        yield from _pairs(rule.rule)
    elif isinstance(rule, Coded | Several):
        yield from _of_crosswalk(rule.crosswalk, getattr(rule, "column", "target"))
    elif isinstance(rule, rules.At | Matching):
        yield from _TABLES.get(type(rule.codec), _none)(rule.codec)


def _of_crosswalk(name: str, column: str) -> Iterator[tuple[str, str]]:
    for row in crosswalks.crosswalk(name).rows if name else ():
        if row.get(column):
            yield row[column], row["code"] or row.get("text", "")


def _of_lookup(codec: codecs.Lookup) -> Iterator[tuple[str, str]]:
    yield from _of_crosswalk(codec.crosswalk, codec.column)


def _of_codes(codec: codecs.Codes) -> Iterator[tuple[str, str]]:
    yield from ((term, code) for code, term in codec.table.items())


def _of_flag(codec: codecs.Flag) -> Iterator[tuple[str, str]]:  # noqa: ARG001 -- one of `_TABLES`
    yield from (("Y", "true"), ("N", "false"))


def _of_yes(codec: codecs.Yes) -> Iterator[tuple[str, str]]:  # noqa: ARG001 -- one of `_TABLES`
    yield "Y", "true"


def _none(codec: object) -> Iterator[tuple[str, str]]:  # noqa: ARG001 -- one of `_TABLES`
    yield from ()


_TABLES: Mapping[type, Callable[[Any], Iterator[tuple[str, str]]]] = {
    codecs.Codes: _of_codes,
    codecs.Flag: _of_flag,
    codecs.Yes: _of_yes,
    codecs.Lookup: _of_lookup,
}
