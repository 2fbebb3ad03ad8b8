"""What units, specimens and values say for a test, and against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from trialbridge import crosswalks
from trialbridge.crosswalks.dimensions import parse
from trialbridge.units import conversion, standard_unit

UNIT_FITS, UNIT_DIFFERS = 4.0, -20.0
SPECIMEN_FITS, SPECIMEN_DIFFERS = 3.0, -10.0
VALUES_DIFFER = -6.0
COMMON = 2.0
"""What a test that the tables know, because trials use it, is ahead of any other."""

_BLOOD = frozenset({"SERUM", "PLASMA", "BLOOD"})
_NUMBER = re.compile(r"\s*[<>]?=?\s*-?\d+(?:[.,]\d+)?\s*")
_IN_TEXT = re.compile(
    r"\b(serum|plasma|blood|urine|urinary|ur|csf|cerebrospinal fluid|stool|f[a]?ecal|saliva)\b", re.IGNORECASE
)
_PREFIX = re.compile(r"^f?(s|p|b|u|csf)-(?=[a-z])", re.IGNORECASE)
_WORDS = {
    "s": "SERUM",
    "p": "PLASMA",
    "b": "BLOOD",
    "u": "URINE",
    "ur": "URINE",
    "urinary": "URINE",
    "csf": "CEREBROSPINAL FLUID",
    "stool": "STOOL",
    "fecal": "STOOL",
    "faecal": "STOOL",
}
_UNIT_IN_TEXT = re.compile(
    r"[(\[,]\s*([^()\[\],]*[/%][^()\[\],]*)[)\]]?\s*$|(%)\s*$|(?:\bx\s*)?(10\s*[\^*e]\s*\d+\s*/\s*\w+)",
    re.IGNORECASE,
)


class Seen(NamedTuple):
    """What was seen beside a test: its unit and its specimens as CDISC writes them, and how it came out."""

    unit: str
    specimens: tuple[str, ...]
    numeric: bool | None


def seen_of(texts: Iterable[str], units: str = "", specimens: str = "", values: str = "") -> Seen:
    """Return what is known beside the name of a test; what the name says counts where nothing else does.

    Example:
        >>> seen_of(["S-Glucose"], "mg/dl", values="5.1; 4.9")
        Seen(unit='mg/dL', specimens=('SERUM',), numeric=True)
    """
    words = list(texts)
    said = [one for one in (_cdisc(unit) for unit in _parts(units)) if one]
    in_name = [one for text in words for one in _units_in(text)]
    found = [one for text in _parts(specimens) if (one := _specimen(text))]
    named = [one for text in words for one in _specimens_in(text)]
    return Seen(next(iter([*said, *in_name]), ""), tuple(found or named), _numeric(_parts(values)))


def _parts(text: str) -> list[str]:
    return [part for part in text.split("; ") if part]


def _cdisc(unit: str) -> str:
    return crosswalks.to_cdisc_unit(unit, unit) or (unit if parse(unit) else "")


def _units_in(text: str) -> list[str]:
    match = _UNIT_IN_TEXT.search(text)
    unit = next((group for group in match.groups() if group), "").strip() if match else ""
    return [found] if unit and (found := _cdisc(unit.replace(" ", ""))) else []


def _specimen(text: str) -> str:
    return crosswalks.crosswalk("specimen").find_text(text) or _WORDS.get(text.casefold(), "")


def _specimens_in(text: str) -> list[str]:
    prefix = _PREFIX.match(text)
    words = [prefix[1]] if prefix else _IN_TEXT.findall(text)
    return [found for word in words if (found := _WORDS.get(word.casefold()) or _specimen(word))]


def _numeric(values: Sequence[str]) -> bool | None:
    return None if not values else sum(bool(_NUMBER.fullmatch(value)) for value in values) * 2 > len(values)


def weighed(testcd: str, seen: Seen) -> tuple[float, list[str]]:
    """Return what evidence adds to the score of a test, and what it says.

    Example:
        >>> weighed("GLUC", Seen("mg/dL", ("SERUM",), True))
        (9.0, ['unit mg/dL fits', 'specimen SERUM is usual'])
        >>> weighed("GLUC", Seen("mmHg", (), None))[1]
        ['unit mmHg does not fit mmol/L']
    """
    parts = (
        _of_unit(testcd, seen.unit),
        _of_specimen(testcd, seen.specimens),
        _of_values(testcd, seen.numeric),
    )
    common = COMMON if testcd in _usual() or standard_unit(testcd) else 0.0
    return common + sum(change for change, _ in parts), [said for _, said in parts if said]


def _of_unit(testcd: str, unit: str) -> tuple[float, str]:
    standard = standard_unit(testcd)
    if not unit or not standard or parse(unit) is None:
        return 0.0, ""
    if measures(testcd, unit):
        return UNIT_FITS, f"unit {unit} fits"
    return UNIT_DIFFERS, f"unit {unit} does not fit {standard}"


def measures(testcd: str, unit: str) -> bool:
    """Return whether a test may have a unit; it may where nothing says that it cannot.

    Example:
        >>> measures("GLUC", "mg/dL"), measures("GLUC", "mmHg")
        (True, False)
    """
    standards = {standard_unit(testcd), standard_unit(testcd, "", "conventional"), *_other_units(testcd)}
    known = [one for one in standards if one and parse(one) is not None]
    if not known or parse(unit) is None:
        return True
    return any(conversion(unit, one, testcd) is not None for one in known)


@cache
def _other_units(testcd: str) -> frozenset[str]:
    """Return the standard units of a test in special specimens."""
    rows = (row for row in crosswalks.crosswalk("standard_units").rows if row["testcd"] == testcd)
    return frozenset(unit for row in rows for unit in (row["si"], row["conventional"]))


def _of_specimen(testcd: str, specimens: Sequence[str]) -> tuple[float, str]:
    usual = _usual().get(testcd)
    if not specimens or not usual:
        return 0.0, ""
    if any(_materials(one) & usual for one in specimens):
        return SPECIMEN_FITS, f"specimen {specimens[0]} is usual"
    return SPECIMEN_DIFFERS, f"specimen {specimens[0]} is unusual"


def _of_values(testcd: str, numeric: bool | None) -> tuple[float, str]:  # noqa: FBT001 -- a fact
    scales = _scales().get(testcd)
    if numeric is None or not scales:
        return 0.0, ""
    if numeric and not scales & {"QUANTITATIVE"}:
        return VALUES_DIFFER, "its results are words, those seen are numbers"
    if not numeric and scales == {"QUANTITATIVE"}:
        return VALUES_DIFFER, "its results are numbers, those seen are words"
    return 0.0, ""


def _materials(specimen: str) -> frozenset[str]:
    """Return what a specimen is made of; serum and plasma are blood."""
    return frozenset("BLOOD" if word in _BLOOD else word for word in specimen.split() if word != "OR")


@cache
def _usual() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in crosswalks.crosswalk("loinc").rows:
        if row["spec"]:
            found[row["testcd"]] = found.get(row["testcd"], frozenset()) | _materials(row["spec"])
    return found


@cache
def _scales() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in crosswalks.crosswalk("loinc").rows:
        if row["resscl"]:
            found[row["testcd"]] = found.get(row["testcd"], frozenset()) | {row["resscl"]}
    return found
