"""What is wrong with one text of an export, and its repair where that is certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from trialbridge.converters.repair_dates import iso_date
from trialbridge.standards import Codelist
from trialbridge.timing import parse_dtc

_PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2033": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u2026": "...", "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2009": " ", "\u202f": " ",
    "\u00ad": "", "\u200b": "", "\ufeff": "",
}  # fmt: skip
"""Characters that a word processor puts in the place of plain ones."""

_TYPED = str.maketrans(_PLAIN)
_SPACES = re.compile(r"[\t\n\v\f\r]+ ?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MARKS = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6-\u02dc\u2013-\u2122]")
_COLLECTED = ("ORRES", "TERM", "TRT", "VAL", "OTH")
"""Variables that hold what was written down: a lone point is left there."""
_UNITS = ("ORRESU", "STRESU", "DOSU")
"""Case tells units apart."""


@dataclass(frozen=True)
class Column:
    """What has to be known of a column to repair its texts.

    Attributes:
        name: The variable.
        length: Its bytes in the file.
        encoding: In which the file's text was written.
        lists: The codelists that govern it, where no other values are allowed.
    """

    name: str
    length: int | None = None
    encoding: str = "utf-8"
    lists: Sequence[Codelist] = field(default=())


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a value.

    Attributes:
        before: The value as it was.
        after: The value as it is now; none where it was left.
        rule: The rule of validation that speaks of it.
        why: What was wrong, and why this is the repair; or why there is none that is certain.
    """

    before: str
    after: str | None
    rule: str
    why: str


def repair_text(text: str, column: Column) -> tuple[str, list[Verdict]]:
    """Return a text as it should be, and what was wrong with it.

    Example:
        >>> repair_text("Patient\u2019s rash", Column("AETERM"))[0]
        "Patient's rash"
        >>> [one.rule for one in repair_text("01/02/2020", Column("AESTDTC"))[1]]
        ['date-not-iso-8601']
    """
    found = []
    for step in _STEPS:
        for verdict in step(text, column):
            found.append(verdict)
            text = text if verdict.after is None else verdict.after
    return text, found


def _nul_padding(text: str, column: Column) -> Iterator[Verdict]:
    del column
    if text.endswith("\0"):
        after = text.rstrip("\0 ")
        yield Verdict(
            text, after, "text-control-character", "was filled with NUL where XPORT asks for blanks"
        )


def _decoded_wrongly(text: str, column: Column) -> Iterator[Verdict]:
    """Yield a text whose UTF-8 was read as Windows-1252: read as what it was, it has no such marks."""
    del column
    if not _MARKS.search(text):
        return
    try:
        after = text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        yield Verdict(
            text, None, "text-broken-encoding", "shows the marks of wrong decoding; no way back fits"
        )
        return
    yield Verdict(text, after, "text-broken-encoding", "was UTF-8 that had been read as Windows-1252")


def _typographic(text: str, column: Column) -> Iterator[Verdict]:
    after = text.translate(_TYPED)
    if after != text:
        places = ", ".join(_places(text, column.encoding, _PLAIN.__contains__))
        yield Verdict(text, after, "text-not-ascii", f"{places}: of a word processor, with a plain equal")


def _places(text: str, encoding: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield where characters stand, counted in the bytes of the file, from 1."""
    for at, character in enumerate(text):
        if wanted(character):
            coded = character.encode(encoding, "replace").hex(" ").upper()
            place = len(text[:at].encode(encoding, "replace")) + 1
            yield f"byte {place} ({coded}) is U+{ord(character):04X}"


def _control(text: str, column: Column) -> Iterator[Verdict]:
    del column
    after = _SPACES.sub(" ", text)
    if after != text:
        yield Verdict(text, after, "text-control-character", "a line break or tab is a blank in one line")
    if _CONTROL.search(after):
        yield Verdict(
            after, None, "text-control-character", "what the control character stands for is unknown"
        )


def _leading(text: str, column: Column) -> Iterator[Verdict]:
    del column
    if text != text.strip(" "):
        yield Verdict(text, text.strip(" "), "text-begins-blank", "blanks around a value mean nothing")


def _point(text: str, column: Column) -> Iterator[Verdict]:
    if text == ".":
        collected = column.name.endswith(_COLLECTED)
        why = "the value is as collected" if collected else "a missing number was turned into text"
        yield Verdict(text, None if collected else "", "text-is-a-point", why)


def _date(text: str, column: Column) -> Iterator[Verdict]:
    if not column.name.endswith("DTC") or not text or parse_dtc(pa.array([text])).valid.all():
        return
    after = iso_date(text)
    if after:
        yield Verdict(text, after, "date-not-iso-8601", "can mean this day only")
    else:
        yield Verdict(text, None, "date-not-iso-8601", "is no date, or may mean more than one day")


def _term(text: str, column: Column) -> Iterator[Verdict]:
    """Yield a value that differs from a term in case, or is its beginning and fills the variable."""
    if not text or not column.lists or any(text in one for one in column.lists):
        return
    terms = {term.submission_value for one in column.lists for term in one.terms}
    same = {term for term in terms if term.casefold() == text.casefold()}
    if len(same) == 1 and not column.name.endswith(_UNITS):
        yield Verdict(
            text, same.pop(), "term-in-other-case", "is the one term of its codelist, but for the case"
        )
        return
    if len(text.encode()) != column.length:
        return
    begun = {term for term in terms if term.startswith(text)}
    if len(begun) == 1:
        yield Verdict(text, begun.pop(), "term-not-in-closed-list", "was cut: one term begins so")
    elif begun:
        yield Verdict(text, None, "term-not-in-closed-list", f"was cut: {len(begun)} terms begin so")


def _left(text: str, column: Column) -> Iterator[Verdict]:
    if text.isascii():
        return
    places = ", ".join(_places(text, column.encoding, lambda one: not one.isascii()))
    if "\ufffd" in text:
        yield Verdict(text, None, "text-broken-encoding", f"{places}: the character is lost")
    else:
        yield Verdict(text, None, "text-not-ascii", f"{places}: has no plain equal")


def _cut_in_a_character(text: str, column: Column) -> Iterator[Verdict]:
    """Yield a text of UTF-8 that ends within a character: the rest of it is lost."""
    if column.encoding == "utf-8" or text.isascii():
        return
    try:
        text.encode(column.encoding).decode("utf-8")
    except UnicodeEncodeError:
        return
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            yield Verdict(text, None, "text-broken-encoding", "was cut within a character")


_STEPS: Sequence[Callable[[str, Column], Iterator[Verdict]]] = (
    _nul_padding,
    _cut_in_a_character,
    _decoded_wrongly,
    _typographic,
    _control,
    _leading,
    _point,
    _date,
    _term,
    _left,
)
"""In this order, each on what the one before has made."""
