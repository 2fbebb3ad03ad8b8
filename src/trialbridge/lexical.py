"""What FHIR lets a primitive value look like: a value of another form has no place in its element."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, flat, once

_DAY = r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_CHARACTER = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]"
_VISIBLE = r"[^\x00-\x20]"
_TEXT = f"{_CHARACTER}*{_VISIBLE}{_CHARACTER}*"
_BLANKS = "\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SOLID = rf"[^\x00-\x20{_BLANKS}]+"

FORMS: Mapping[str, str] = {
    "string": _TEXT,
    "markdown": _TEXT,
    "code": f"{_SOLID}(?: {_SOLID})*",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "uri": _SOLID,
    "url": _SOLID,
    "canonical": _SOLID,
    "date": f"{_DAY})?)?",
    "dateTime": f"{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?",
    "instant": f"{_DAY}T{_CLOCK}{_ZONE}))",
    "time": _CLOCK,
    # FHIR allows nine digits of exponent, but past two of them most readers see infinity or zero
    "decimal": r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?",
    "integer": r"0|-?[1-9][0-9]{0,8}",
    "positiveInt": r"[1-9][0-9]{0,8}",
    "unsignedInt": r"0|[1-9][0-9]{0,8}",
}
"""Primitive type -> the form of its values, as a regular expression that Python and Arrow read alike."""

_DATED = frozenset({"date", "dateTime", "instant"})


def legal(kind: str, column: pa.Array) -> pa.Array:
    """Return the mask of values that the primitive type `kind` can hold; null where there is no value.

    Example:
        >>> legal("date", pa.array(["2014-02", "2014-02-30", None])).to_pylist()
        [True, False, None]
    """
    if kind not in FORMS:
        return column.is_valid()
    encoded = once(flat(column), pa.Array.dictionary_encode)  # most columns say the same again and again
    return pc.take(_legal(kind, encoded.dictionary), encoded.indices)


def _legal(kind: str, column: pa.Array) -> pa.Array:
    formed = pc.match_substring_regex(column, f"^(?:{FORMS[kind]})$")
    if kind not in _DATED:
        return formed
    dates = pc.if_else(formed, pc.utf8_slice_codeunits(column, 0, 10), None)
    known = by_value(dates, lambda text: text if _in_calendar(text) else None).is_valid()
    return pc.and_(formed, known)


def is_legal(kind: str, text: str) -> bool:
    """Return whether `text` is a legal value of the primitive type `kind`.

    Example:
        >>> is_legal("date", "2014-02"), is_legal("date", "2014-02-30")
        (True, False)
    """
    form = _compiled(kind)
    formed = form is None or form.fullmatch(text) is not None
    return formed and (kind not in _DATED or _in_calendar(text[:10]))


@cache
def _compiled(kind: str) -> re.Pattern[str] | None:
    return re.compile(FORMS[kind]) if kind in FORMS else None


def _in_calendar(text: str) -> bool:
    year, month, day = (*map(int, text.split("-")), 1, 1)[:3]
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
