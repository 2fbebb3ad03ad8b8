"""Dates that are not ISO 8601, where they can mean one thing only; what may mean two is left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pyarrow as pa

from trialbridge.timing import parse_dtc

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "JAN JANUARY", "FEB FEBRUARY", "MAR MARCH", "APR APRIL", "MAY", "JUN JUNE", "JUL JULY",
            "AUG AUGUST", "SEP SEPT SEPTEMBER", "OCT OCTOBER", "NOV NOVEMBER", "DEC DECEMBER",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_UNKNOWN = frozenset({"UN", "UNK", "UK", "NK", "XX", "XXX", "--", "---"})
_WHEN = r"(?:(?:T|:|\s)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?)?T?"
_PART = r"\d{1,2}|UNK?|UK|NK|XX|--"
_FORMS = tuple(
    re.compile(form + _WHEN, re.IGNORECASE)
    for form in (
        rf"(?:(?P<day>{_PART})[-/ .]?)?(?P<month>[A-Z]{{3,9}}|UN|UK|NK|XX|---?)[-/ .,]*(?P<year>\d{{4}})",
        r"(?P<month>[A-Z]{3,9})[ .]+(?P<day>\d{1,2}),? +(?P<year>\d{4})",
        rf"(?P<year>\d{{4}})[-/.](?P<month>{_PART})(?:[-/.](?P<day>{_PART}))?",
        r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<first>\d{1,2})[-/.](?P<second_>\d{1,2})[-/.](?P<year>\d{4})",
    )
)
_YEAR_MONTHS = 12
_SAS_BEGIN = datetime(1960, 1, 1)  # noqa: DTZ001 -- SAS dates have no zone
_SAS_DAYS = re.compile(r"(DATE|YYMMDD|MMDDYY|DDMMYY|[EIB]S?8601DA)(?!TIME)\w*\.?", re.IGNORECASE)
_SAS_SECONDS = re.compile(r"(DATETIME|[EIB]S?8601DT)\w*\.?", re.IGNORECASE)


def iso_date(text: str) -> str:
    """Return a date as ISO 8601; empty where it is none, or may mean two days.

    Example:
        >>> [iso_date(text) for text in ("02JAN2020:10:30", "2020/1/2", "UN-JAN-2020", "25/12/2020")]
        ['2020-01-02T10:30', '2020-01-02', '2020-01', '2020-12-25']
        >>> iso_date("01/02/2020"), iso_date("30FEB2020")
        ('', '')
    """
    for form in _FORMS:
        match = form.fullmatch(text.strip())
        made = _written(match.groupdict()) if match else ""
        if made and parse_dtc(pa.array([made])).valid.all():
            return made
    return ""


def _written(parts: Mapping[str, str | None]) -> str:
    """Return year, month, day and clock as ISO 8601, as far as they are known; empty where unclear."""
    if parts.get("first"):
        day, month = _in_order(int(parts["first"] or 0), int(parts["second_"] or 0))
    else:
        day, month = _number(parts.get("day")), _month(parts.get("month"))
    if month is None or day is None or (day and not month):
        return ""
    known = [parts["year"] or "", *(f"{one:02d}" for one in (month, day) if one)]
    clock = _clock(parts)
    if clock and not day:
        return ""
    return "-".join(known) + clock


def _in_order(first: int, second: int) -> tuple[int | None, int | None]:
    """Return day and month of two numbers, where only one order is possible."""
    if first == second or (first > _YEAR_MONTHS >= second):
        return first, second
    return (second, first) if second > _YEAR_MONTHS >= first else (None, None)


def _number(text: str | None) -> int | None:
    """Return a day: 0 where it is not known, none where it is no day."""
    if text is None or text.upper() in _UNKNOWN:
        return 0
    return int(text) or None


def _month(text: str | None) -> int | None:
    if text is None or text.upper() in _UNKNOWN:
        return 0
    return (int(text) or None) if text.isdigit() else _MONTHS.get(text.upper())


def _clock(parts: Mapping[str, str | None]) -> str:
    if not parts.get("hour"):
        return ""
    known = [f"{int(parts['hour'] or 0):02d}", parts["minute"] or "", parts["second"] or ""]
    return "T" + ":".join(filter(None, known))


def iso_of_sas(number: float, form: str) -> str:
    """Return a SAS date or datetime by its format; empty for any other format.

    Example:
        >>> iso_of_sas(21916, "DATE9."), iso_of_sas(1893495600, "DATETIME20."), iso_of_sas(3, "BEST12.")
        ('2020-01-02', '2020-01-01T11:00:00', '')
    """
    try:
        if _SAS_SECONDS.fullmatch(form):
            return (_SAS_BEGIN + timedelta(seconds=number)).isoformat(timespec="seconds")
        if _SAS_DAYS.fullmatch(form) and number == int(number):
            return (date(1960, 1, 1) + timedelta(days=number)).isoformat()
    except OverflowError:
        return ""
    return ""
