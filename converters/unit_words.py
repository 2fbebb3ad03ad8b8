"""A unit that is written in words, or in a laboratory's own manner, as CDISC writes units."""

from __future__ import annotations

import re

_MANNERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        ("[\u00b5\u03bc]", "u"),
        (r"\bmcg\b", "ug"),
        (r"^\s*x?\s*10\s*[e*^]+\s*(\d)", r"10^\1"),
        (r"^\s*k\s*/\s*(?=u?L|c?mm|cu)", "10^3/"),
        (r"^\s*m\s*/\s*(?=u?L|c?mm|cu)", "10^6/"),
        (r"/\s*(?:cu\.?\s*mm|cmm|cumm|mm3|mm\^3)\s*$", "/uL"),
    )
)
_UNITS = {
    "gram": "g", "liter": "L", "litre": "L", "mole": "mol", "meter": "m", "metre": "m", "second": "s",
    "sec": "s", "minute": "min", "hour": "h", "hr": "h", "day": "day", "week": "wk", "month": "month",
    "year": "yr", "unit": "U", "equivalent": "eq", "osmole": "osm", "volt": "V", "watt": "W", "joule": "J",
    "pascal": "Pa", "newton": "N", "becquerel": "Bq", "curie": "Ci", "gray": "Gy", "hertz": "Hz",
    "katal": "kat", "dalton": "Da", "calorie": "cal", "bar": "bar", "percent": "%", "copy": "copies",
    "copie": "copies", "cell": "cells", "organism": "organisms", "siemens": "S", "ampere": "A",
    "inch": "in", "l": "L", "pound": "LB", "ounce": "oz", "foot": "ft", "celsius": "C", "fahrenheit": "F",
    "kelvin": "K", "beat": "beats", "breath": "breaths", "pixel": "pixels", "roentgen": "R",
}  # fmt: skip
_PREFIXES = {
    "femto": "f", "pico": "p", "nano": "n", "micro": "u", "milli": "m", "centi": "c", "deci": "d",
    "deka": "da", "hecto": "h", "kilo": "k", "mega": "M", "giga": "G", "tera": "T",
}  # fmt: skip
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"\bmillimeters? of mercury\b", "mmHg"),
        (r"\bcent?imeters? of water\b", "cmH2O"),
        (r"\binternational units?\b", "IU"),
        (r"\b(kilo|milli|micro|mega) ?international units?\b", r"\1iu"),
        (r"\bcolony forming units?\b", "CFU"),
        (r"\bplaque forming units?\b", "PFU"),
        (r"\b(?:one )?hundred million\b", "10^8"),
        (r"\b(?:one )?ten million\b", "10^7"),
        (r"\b(?:one )?hundred thousand\b", "10^5"),
        (r"\b(?:one )?ten thousand\b", "10^4"),
        (r"\b(?:one )?million\b", "10^6"),
        (r"\b(?:one )?billion\b", "10^9"),
        (r"\b(?:one )?trillion\b", "10^12"),
        (r"\b(?:one )?(?:thousand|thou)\b", "10^3"),
        (r"\b(?:degrees?) ", ""),
    )
)
_SLASH = re.compile(r"\s*(?:\bper\b|/)\s*")


def unit_of(text: str) -> str:
    """Return a text as a unit in CDISC's manner; as it stands where nothing in it is known.

    Example:
        >>> unit_of("Milligrams per Square Meter per Week"), unit_of("K/cumm"), unit_of("Million cells / L")
        ('mg/m2/wk', '10^3/uL', '10^6 cells/L')
    """
    for pattern, put in _MANNERS:
        text = pattern.sub(put, text)
    if not re.search(r"[a-z]{4}|\bper\b", text, re.IGNORECASE):
        return "".join(text.split()) if "10^" in text or "/" in text else text
    said = text
    for phrase, put in _PHRASES:
        said = phrase.sub(put, said if put in said else _low(said))
    parts = [" ".join(_words(part)) for part in _SLASH.split(said)]
    return "/".join(parts)


def _low(text: str) -> str:
    """Return a text in small letters, save what has been put as a unit."""
    return " ".join(word if word in _PUT else word.casefold() for word in text.split(" "))


_PUT = frozenset(put for _, put in _PHRASES)


def _words(text: str) -> list[str]:
    """Return the words of one side of a line as units."""
    found: list[str] = []
    power = ""
    for word in text.split():
        if word.casefold() in {"square", "cubic"}:
            power = "2" if word.casefold() == "square" else "3"
        else:
            found.append(_unit(word) + power)
            power = ""
    return found


def _unit(word: str) -> str:
    """Return one word as a unit, its prefix put as a letter."""
    if word in _PUT:
        return word
    low = word.casefold()
    for name in (low, low.removesuffix("s")):
        if name in _UNITS:
            return _UNITS[name]
        for prefix, letter in _PREFIXES.items():
            rest = name.removeprefix(prefix)
            if rest != name and (rest in _UNITS or rest == "iu"):
                return letter + ("IU" if rest == "iu" else _UNITS[rest])
    return word
