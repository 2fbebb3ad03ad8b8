"""Durations: one number of one unit, as a Quantity in UCUM and in ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

UNITS: Mapping[str, tuple[str, str]] = {
    "P{}Y": ("a", "year"),
    "P{}M": ("mo", "month"),
    "P{}W": ("wk", "week"),
    "P{}D": ("d", "day"),
    "PT{}H": ("h", "hour"),
    "PT{}M": ("min", "minute"),
}
"""ISO 8601 -> UCUM code and word."""

_FORMS = {form: re.compile(form.replace("{}", r"(\d+)")) for form in UNITS}
_DAYS: Mapping[str, int] = {"d": 1, "wk": 7}


def duration(text: str, system: str = "http://unitsofmeasure.org") -> dict[str, Any] | None:
    """Return a Quantity for a duration in ISO 8601; none where it is not one number of one unit.

    Example:
        >>> duration("P2W")
        {'value': 2, 'unit': 'week', 'system': 'http://unitsofmeasure.org', 'code': 'wk'}
    """
    for form, (code, word) in UNITS.items():
        found = _FORMS[form].fullmatch(text)
        if found and str(int(found[1])) == found[1]:
            return {"value": int(found[1]), "unit": word, "system": system, "code": code}
    return None


def iso_duration(quantity: object) -> str:
    """Return a Quantity as ISO 8601; empty where it is no whole number of a unit of time.

    Example:
        >>> iso_duration({"value": 18, "code": "a"}), iso_duration({"value": 18, "unit": "years"})
        ('P18Y', 'P18Y')
    """
    if not isinstance(quantity, dict) or not isinstance(quantity.get("value"), int | float):
        return ""
    number = quantity["value"]
    named = str(quantity.get("code") or str(quantity.get("unit", "")).casefold().removesuffix("s"))
    forms = {word: form for form, (code, name) in UNITS.items() for word in (code, name)}
    return forms[named].format(f"{number:g}") if named in forms and float(number).is_integer() else ""


def days_of(quantity: object) -> int | None:
    """Return a Quantity in whole days; none where it is none.

    Example:
        >>> days_of({"value": 2, "code": "wk"}), days_of({"value": 24, "code": "h"})
        (14, 1)
    """
    if not isinstance(quantity, dict) or not isinstance(quantity.get("value"), int | float):
        return None
    unit = str(quantity.get("code") or str(quantity.get("unit", "")).casefold().removesuffix("s"))
    factors = {**_DAYS, "day": 1, "week": 7, "h": 1 / 24, "hour": 1 / 24}
    days = quantity["value"] * factors[unit] if unit in factors else 0.5
    return int(days) if float(days).is_integer() else None
