"""What a test can show in a living person, in whatever unit it is reported, and what else a number would fit.

The limits stand in ``plausible.tsv``, once a test and specimen in one unit, and are converted as results are.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache
from typing import NamedTuple

from trialbridge.crosswalks.dimensions import parse
from trialbridge.crosswalks.tables import LoincRow, Row, crosswalk, loinc
from trialbridge.units import EXACT, SAME, Conversion, conversion, standard_unit

BLOOD = frozenset({"BLOOD", "PLASMA", "SERUM"})
"""What is one material to these limits."""
LIMIT = Context(prec=12)
"""Digits of a converted limit: a repeating factor must not push it past a whole number."""
PROPERTIES = {
    "AREIC VOLUME RATE": ("mL/min/1.73 m2",),
    "CATALYTIC CONCENTRATION": ("U/L", "IU/L", "ukat/L"),
    "ENTITIC MASS": ("pg",),
    "ENTITIC VOLUME": ("fL",),
    "MASS CONCENTRATION": ("g/L",),
    "MASS FRACTION": ("%", "fraction of 1", "g/kg", "g/g"),
    "MASS RATE": ("g/day",),
    "MASS RATIO": ("%", "g/kg", "g/g", "fraction of 1"),
    "PARTIAL PRESSURE": ("mmHg",),
    "SUBSTANCE CONCENTRATION": ("mol/L", "mEq/L"),
    "SUBSTANCE FRACTION": ("%", "mmol/mol", "fraction of 1"),
    "SUBSTANCE RATE": ("mol/day", "mEq/day"),
    "SUBSTANCE RATIO": ("mmol/mol",),
    "TIME": ("s",),
    "VOLUME FRACTION": ("%", "L/L", "fraction of 1"),
}
"""--RESTYP -> units that measure it."""
ALIKE = {"ARBITRARY CONCENTRATION": frozenset({"CATALYTIC CONCENTRATION"})}
"""--RESTYP -> those that go with its units as well."""


class Other(NamedTuple):
    """Another unit or specimen of a test: a number between its limits would fit there.

    Attributes:
        name: What it is, as a message says it.
        low: The lowest number, in that unit.
        high: The highest number, in that unit.
        conversion: How a number in that unit comes to the unit of the result; none for another specimen.
    """

    name: str
    low: float
    high: float
    conversion: Conversion | None = None


class Plausible(NamedTuple):
    """What a test can show in one unit.

    Attributes:
        low: The lowest number.
        high: The highest number.
        others: What else a number beyond them may be.
        steady: Whether a result never lies eight times beyond its reference range.
    """

    low: float
    high: float
    others: tuple[Other, ...] = ()
    steady: bool = False


@cache
def plausible(testcd: str, spec: str, unit: str) -> Plausible | None:
    """Return what `testcd` can show in `unit`, or None where no limits are stated, or not in such a unit.

    Without a specimen the limits are those of all its specimens together.

    Example:
        >>> found = plausible("GLUC", "SERUM", "mmol/L")
        >>> found.low, found.high, found.others[0].name
        (0.5, 80.0, 'mg/dL')
        >>> plausible("GLUC", "SERUM", "mmHg") is None
        True
    """
    own, strange = _parted(testcd, spec)
    limits = [found for row in own if (found := _limits(row, unit, testcd))]
    if not own or len(limits) < len(own):
        return None
    others = {other.name: other for row in own for other in _units(row, unit)}
    for row in strange:
        if (found := _limits(row, unit, testcd)) is not None:
            others[row["spec"]] = Other(f"{row['spec']} as specimen", *found)
    return Plausible(
        min(low for low, _ in limits),
        max(high for _, high in limits),
        tuple(others.values()),
        all(row["steady"] == "Y" for row in own),
    )


def other_property(code: str, unit: str) -> str | None:
    """Return the property that `unit` measures, where the LOINC `code` is of another, else None.

    Example:
        >>> other_property("2345-7", "mmol/L"), other_property("2345-7", "g/L")
        ('SUBSTANCE CONCENTRATION', None)
    """
    row, measure = loinc(code), parse(unit)
    if row is None or measure is None:
        return None
    measured = _properties().get(measure.dimensions, ())
    known = row.restyp in PROPERTIES or row.restyp in ALIKE
    if not measured or not known or {row.restyp, *ALIKE.get(row.restyp, ())} & set(measured):
        return None
    return measured[0]


def code_of_property(code: str, restyp: str) -> str | None:
    """Return a LOINC code that differs from `code` in its property alone, the lowest that there is.

    Example:
        >>> code_of_property("2345-7", "SUBSTANCE CONCENTRATION")
        '14749-6'
    """
    row = loinc(code)
    alike = [] if row is None else _kindred().get(_but_for_property(row), [])
    codes = [one.loinc for one in alike if one.restyp == restyp]
    return min(codes, key=lambda one: (len(one), one), default=None)


def _parted(testcd: str, spec: str) -> tuple[list[Row], list[Row]]:
    """Return the rows of a test that hold for a specimen, and those that hold for another."""
    rows = _rows().get(testcd, ())
    materials = {"BLOOD" if word in BLOOD else word for word in spec.split()}
    own = [row for row in rows if not spec or materials.issuperset(row["spec"].split())]
    return own, [row for row in rows if row not in own]


def _limits(row: Row, unit: str, testcd: str) -> tuple[float, float] | None:
    """Return the limits of a row in another unit."""
    found = SAME if unit == row["unit"] else conversion(row["unit"], unit, testcd)
    if found is None:
        return None
    low, high = (LIMIT.plus(EXACT.fma(Decimal(row[name]), *found)) for name in ("low", "high"))
    return float(low), float(high)


def _units(row: Row, unit: str) -> list[Other]:
    """Return the other units that the test of a row is reported in."""
    test, spec = row["testcd"], row["spec"]
    usual = [standard_unit(test, spec), standard_unit(test, spec, "conventional"), row["unit"]]
    names = dict.fromkeys(name for name in (*usual, *row["also"].split("|")) if name and name != unit)
    return [
        Other(name, *found, conversion(name, unit, test))
        for name in names
        if (found := _limits(row, name, test))
    ]


def _but_for_property(row: LoincRow) -> LoincRow:
    return row._replace(loinc="", restyp="")


@cache
def _rows() -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in crosswalk("plausible").rows:
        found[row["testcd"]] = (*found.get(row["testcd"], ()), row)
    return found


@cache
def _properties() -> dict[frozenset[tuple[str, int]], tuple[str, ...]]:
    """Return, of what a unit measures, every property that it may be of."""
    found: dict[frozenset[tuple[str, int]], tuple[str, ...]] = {}
    for name, units in PROPERTIES.items():
        for measure in map(parse, units):
            if measure is not None and name not in found.get(measure.dimensions, ()):
                found[measure.dimensions] = (*found.get(measure.dimensions, ()), name)
    return found


@cache
def _kindred() -> dict[LoincRow, list[LoincRow]]:
    """Return the codes that differ in nothing but their property."""
    found: dict[LoincRow, list[LoincRow]] = {}
    for row in (LoincRow(**row) for row in crosswalk("loinc").rows):
        found.setdefault(_but_for_property(row), []).append(row)
    return found
