"""The definitions of instruments, read from their files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from trialbridge.errors import TermError
from trialbridge.standards import DEFAULT_CT, codelist

_RUN = re.compile(r"(?P<stem>.*?)(?P<number>\d+|[A-Z])")


class Answer(NamedTuple):
    """One permitted answer.

    Attributes:
        result: What it is as --STRESC.
        collected: What it is as --ORRES by the terminology; empty where CDISC has no codelist.
        words: Codes and texts that mean it.
    """

    result: str
    collected: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How a score is made of other items: their sum, times a factor.

    Attributes:
        of: The items.
        points: --STRESC -> points, where a result is no number.
        times: The factor.
        answered: Whether those of the items that were asked count, instead of all.
    """

    of: tuple[str, ...]
    points: Mapping[str, Decimal] = field(default_factory=dict)
    times: Decimal = Decimal(1)
    answered: bool = False

    def value(self, results: Mapping[str, str]) -> Decimal | None:
        """Return the score of the items' --STRESC; None where one is missing or is no number.

        Example:
            >>> Score(("A", "B"), times=Decimal("2.5")).value({"A": "1", "B": "3"})
            Decimal('10.0')
            >>> Score(("A", "B")).value({"A": "1"}) is None
            True
        """
        asked = [name for name in self.of if name in results] if self.answered else list(self.of)
        points = [self._points(results.get(name, "")) for name in asked]
        known = [one for one in points if one is not None]
        return sum(known, Decimal(0)) * self.times if asked and len(known) == len(points) else None

    def _points(self, result: str) -> Decimal | None:
        if self.points:
            return self.points.get(result)
        return Decimal(result) if re.fullmatch(r"-?\d+(\.\d+)?", result) else None


@dataclass(frozen=True, slots=True)
class Item:
    """One item or score of an instrument.

    Attributes:
        testcd: --TESTCD.
        name: --TEST, where CDISC has none.
        loinc: LOINC codes that mean this item wherever they stand.
        within: LOINC codes that mean it only within the instrument.
        words: Texts that mean it wherever they stand.
        answers: The permitted answers, where they are listed.
        bounds: The least and the greatest number, where there are such.
        score: How it is made of other items.
        all: The items of which each must be ``Y`` for a response.
    """

    testcd: str
    name: str = ""
    loinc: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    bounds: tuple[Decimal, Decimal] | None = None
    score: Score | None = None
    all: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument.

    Attributes:
        category: --CAT.
        domain: The domain of its records, where the study does not say another.
        codelist: CDISC's codelist of its items; empty where it has none.
        names: What else it is called, in titles and addresses.
        panels: LOINC codes of the instrument as a whole, and of its parts.
        items: --TESTCD -> item, for every item that more is known of than its name.
    """

    category: str
    domain: str
    codelist: str
    names: tuple[str, ...]
    panels: tuple[str, ...]
    items: Mapping[str, Item]

    def item(self, testcd: str, ct: str = DEFAULT_CT) -> Item | None:
        """Return an item by its code; None where the instrument has none of it."""
        known = self.items.get(testcd)
        return known or (Item(testcd) if self.of_cdisc(testcd, ct) else None)

    def of_cdisc(self, testcd: str, ct: str = DEFAULT_CT) -> bool:
        """Return whether an item's code is CDISC's; every other is sponsor-extended.

        Example:
            >>> one = instruments()["AUDIT-C"]
            >>> one.of_cdisc("ADTC0101"), one.of_cdisc("ADTC01TS")
            (True, False)
        """
        try:
            return bool(self.codelist) and testcd in codelist(self.codelist, ct)
        except TermError:
            return False


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return --CAT -> instrument.

    Example:
        >>> instruments()["PHQ-9"].items["PHQ0111"].bounds
        (Decimal('0'), Decimal('27'))
    """
    folder = resources.files("trialbridge.instruments")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda one: one.name
    )
    found = [_instrument(tomllib.loads(file.read_text("utf-8"))) for file in files]
    return {one.category: one for one in found}


def _instrument(said: Mapping[str, Any]) -> Instrument:
    answers = {name: tuple(map(_answer, rows)) for name, rows in said.get("answers", {}).items()}
    items = [item for block in said["items"] for item in _items(block, answers)]
    return Instrument(
        said["category"],
        said["domain"],
        said.get("codelist", ""),
        tuple(said.get("names", ())),
        tuple(said.get("panels", ())),
        {item.testcd: item for item in items},
    )


def _answer(row: Sequence[str]) -> Answer:
    return Answer(row[0], row[1], (row[0], *(one for one in row[1:] if one)))


def _items(block: Mapping[str, Any], answers: Mapping[str, tuple[Answer, ...]]) -> Iterator[Item]:
    codes = _codes(block["codes"])
    names = block.get("name", "")
    for number, code in enumerate(codes, 1):
        yield Item(
            code,
            names[number - 1] if isinstance(names, list) else names.format(number=number),
            loinc=tuple(block.get("loinc", ())),
            within=tuple(block.get("within", ())),
            words=tuple(block.get("words", ())),
            answers=answers[block["answers"]] if "answers" in block else (),
            bounds=_bounds(block.get("range")),
            score=_score(block.get("score")),
            all=_codes(block.get("all", ())),
        )


def _bounds(said: Sequence[int] | None) -> tuple[Decimal, Decimal] | None:
    return (Decimal(said[0]), Decimal(said[1])) if said else None


def _score(said: Mapping[str, Any] | None) -> Score | None:
    if said is None:
        return None
    points = {name: Decimal(number) for name, number in said.get("points", {}).items()}
    return Score(_codes(said["sum"]), points, Decimal(said.get("times", "1")), said.get("answered", False))


def _codes(said: Sequence[str]) -> tuple[str, ...]:
    """Return codes, of which ``A01..A03`` stands for a run.

    Example:
        >>> _codes(["A09..A11", "B1A..B1C", "C"])
        ('A09', 'A10', 'A11', 'B1A', 'B1B', 'B1C', 'C')
    """
    return tuple(code for one in said for code in _run(*one.split("..")))


def _run(first: str, last: str = "") -> Iterator[str]:
    if not last:
        yield first
        return
    stem, lowest = _parts(first)
    _, highest = _parts(last)
    if lowest.isdigit():
        yield from (f"{stem}{number:0{len(lowest)}}" for number in range(int(lowest), int(highest) + 1))
    else:
        yield from (f"{stem}{chr(letter)}" for letter in range(ord(lowest), ord(highest) + 1))


def _parts(code: str) -> tuple[str, str]:
    """Return what a code begins with, and the number or letter that it ends with."""
    found = _RUN.fullmatch(code)
    return (found["stem"], found["number"]) if found else (code, "")
