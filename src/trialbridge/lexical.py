"""What FHIR lets a primitive value look like: a value of another form has no place in its element."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

_DAY = r"(?P<year>[0-9]{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DATE = re.compile(f"{_DAY})?)?")
_DATE_TIME = re.compile(f"{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?")
_INSTANT = re.compile(f"{_DAY}T{_CLOCK}{_ZONE}))")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _calendar(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    def legal(text: str) -> bool:
        match = pattern.fullmatch(text)
        return match is not None and _in_calendar(match["year"], match["month"], match["day"])

    return legal


def _in_calendar(year: str, month: str | None, day: str | None) -> bool:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _text(text: str) -> bool:
    return text.strip() != "" and _CONTROL.search(text) is None


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "string": _text,
    "markdown": _text,
    "code": _pattern(r"[^\s]+( [^\s]+)*"),
    "id": _pattern(r"[A-Za-z0-9\-.]{1,64}"),
    "uri": _pattern(r"\S+"),
    "url": _pattern(r"\S+"),
    "canonical": _pattern(r"\S+"),
    "date": _calendar(_DATE),
    "dateTime": _calendar(_DATE_TIME),
    "instant": _calendar(_INSTANT),
    "time": _pattern(_CLOCK),
    "decimal": _pattern(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,9})?"),
    "integer": _pattern(r"0|-?[1-9][0-9]{0,8}"),
    "positiveInt": _pattern(r"[1-9][0-9]{0,8}"),
    "unsignedInt": _pattern(r"0|[1-9][0-9]{0,8}"),
}


@lru_cache(maxsize=65536)
def is_legal(kind: str, text: str) -> bool:
    """Return whether `text` is a legal value of the primitive type `kind`.

    Example:
        >>> is_legal("date", "2014-02"), is_legal("date", "2014-02-30"), is_legal("dateTime", "2014-02-01T10:00")
        (True, False, False)
    """
    form = _FORMS.get(kind)
    return form is None or form(text)
