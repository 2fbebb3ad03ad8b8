"""Which instrument and which item something is, by address, title, LOINC code, ``linkId`` or printed name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from trialbridge import crosswalks
from trialbridge.instruments.definitions import Instrument, Item, instruments
from trialbridge.standards import DEFAULT_CT, codelist

_OTHERS = re.compile(r"[^a-z0-9]+")


class Found(NamedTuple):
    """An item, and the instrument that it is of."""

    instrument: Instrument
    item: Item


def plain_name(text: str) -> str:
    """Return a name in the form in which names are compared.

    Example:
        >>> plain_name("PHQ-9 Example"), plain_name("phq-9")
        ('phq9', 'phq9')
    """
    return _OTHERS.sub("", re.sub(r"\[.*?\]", "", text).casefold()).removesuffix("example")


def instrument_called(*names: str) -> Instrument | None:
    """Return the first instrument that one of `names` is a name of.

    Example:
        >>> instrument_called("Our diary", "PHQ-9 Example").category
        'PHQ-9'
    """
    plain = (plain_name(name) for name in names if name)
    return next((found for name in plain if (found := _by_name().get(name))), None)


def instrument_for(panels: Iterable[str]) -> Instrument | None:
    """Return the instrument that one of the LOINC codes stands for as a whole.

    Example:
        >>> instrument_for(["44249-1"]).category
        'PHQ-9'
    """
    return next((found for code in panels if (found := _by_panel().get(code))), None)


def item_among(instrument: Instrument, codes: Iterable[str], ct: str = DEFAULT_CT) -> Item | None:
    """Return the item of an instrument that one of `codes` means: CDISC's or our code, or LOINC's.

    Example:
        >>> item_among(instruments()["PRAPARE"], ["32624-9"]).testcd
        'PRAP02'
    """
    inside = _inside(instrument.category)
    for code in codes:
        if found := inside.get(code) or instrument.item(code.upper(), ct):
            return found
        known = crosswalks.loinc(code)
        if known is not None and (found := instrument.item(known.testcd, ct)):
            return found
    return None


def item_called(code: str) -> Found | None:
    """Return the item that a code means wherever it stands: CDISC's or our code of it, or LOINC's.

    Example:
        >>> item_called("93035-4").item.testcd, item_called("32624-9")
        ('PRAP03', None)
    """
    return _by_code().get(code)


def item_named(text: str) -> Found | None:
    """Return the item that a printed name means.

    Example:
        >>> item_named("SLEDAI-2K total score").item.testcd
        'SLE2KTOT'
    """
    return _by_word().get(plain_name(text)) if text else None


def answered(testcd: str, *words: str) -> tuple[str, str] | None:
    """Return --STRESC and CDISC's --ORRES of an answer; None where the item has none that `words` mean.

    Args:
        testcd: The item.
        words: Codes and texts of the answer, the surest first.

    Example:
        >>> answered("PHQ0101", "LA6570-1", ""), answered("PHQ0101", "often")
        (('2', 'More than half the days'), None)
    """
    known = _answers().get(testcd, {})
    return next((found for word in words if word and (found := known.get(word.casefold()))), None)


@cache
def _by_name() -> Mapping[str, Instrument]:
    found = {plain_name(name): one for one in instruments().values() for name in one.names}
    return found | {plain_name(category): one for category, one in instruments().items()}


@cache
def _by_panel() -> Mapping[str, Instrument]:
    return {code: one for one in instruments().values() for code in one.panels}


@cache
def _inside(category: str) -> Mapping[str, Item]:
    items = instruments()[category].items.values()
    return {code: item for item in items for code in (*item.loinc, *item.within)}


@cache
def _by_code() -> Mapping[str, Found]:
    found: dict[str, Found] = {}
    for one in instruments().values():
        codes = [term.submission_value for term in codelist(one.codelist).terms] if one.codelist else []
        found |= {code: Found(one, one.items.get(code, Item(code))) for code in codes}
        found |= {code: Found(one, item) for code, item in one.items.items()}
        found |= {code: Found(one, item) for item in one.items.values() for code in item.loinc}
    return found


@cache
def _by_word() -> Mapping[str, Found]:
    pairs = ((one, item) for one in instruments().values() for item in one.items.values())
    return {plain_name(word): Found(one, item) for one, item in pairs for word in item.words}


@cache
def _answers() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    return {
        item.testcd: {
            word.casefold(): (answer.result, answer.collected)
            for answer in item.answers
            for word in answer.words
        }
        for one in instruments().values()
        for item in one.items.values()
        if item.answers
    }
