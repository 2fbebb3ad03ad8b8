"""Unit conversion between CDISC units, for one test at a time.

A conversion is made only where both units are understood and measure the same property, or where a stated
fact about the test bridges them: its molar mass and valence (``molar.tsv``) or an equation of its own
(``equations.tsv``). Everything else is refused.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from trialbridge.crosswalks.dimensions import Measure, parse
from trialbridge.crosswalks.tables import Row, crosswalk

#: digits carried through a conversion, before the result is rounded
EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)
#: a result is never rounded to fewer significant digits than this
LEAST_DIGITS = 5
#: bare temperatures: kelvin = value * scale + zero
TEMPERATURES = {
    "K": (Fraction(1), Fraction(0)),
    "C": (Fraction(1), Fraction("273.15")),
    "F": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
}


class Conversion(NamedTuple):
    """A linear conversion: standard = value * factor + offset."""

    factor: Decimal
    offset: Decimal


SAME = Conversion(Decimal(1), Decimal(0))


@cache
def conversion(from_unit: str, to_unit: str, testcd: str = "") -> Conversion | None:
    """Return the conversion between two CDISC units for a test, or None when it is not certain.

    Args:
        from_unit: Submission value of the unit the value is in.
        to_unit: Submission value of the unit it is wanted in.
        testcd: The test, which decides whether mass may become substance.

    Example:
        >>> conversion("mg/dL", "mmol/L", "GLUC").factor.quantize(Decimal("0.00001"))
        Decimal('0.05551')
        >>> conversion("mg/dL", "mmol/L") is None
        True
        >>> conversion("F", "C").offset.quantize(Decimal("0.01"))
        Decimal('-17.78')
    """
    if from_unit == to_unit:
        return SAME if from_unit else None
    if from_unit in TEMPERATURES and to_unit in TEMPERATURES:
        return _temperature(from_unit, to_unit)
    return _equation(from_unit, to_unit, testcd) or _proportion(from_unit, to_unit, testcd)


def standard_unit(testcd: str, spec: str = "", system: Literal["SI", "conventional"] = "SI") -> str | None:
    """Return the one standard unit of a test in SI or conventional units, or None when none is stated.

    A row for the specimen goes before the row for any specimen.

    Example:
        >>> standard_unit("GLUC", "SERUM"), standard_unit("GLUC", "SERUM", "conventional")
        ('mmol/L', 'mg/dL')
    """
    rows = _standard_units()
    row = rows.get((testcd, spec)) or rows.get((testcd, ""))
    return None if row is None else row[system.casefold()] or None


def convert(text: str, conversion: Conversion) -> Decimal:
    """Return the number in `text` converted.

    The result is rounded (half to even) to as many significant digits as `text` has, to one more where the
    way back needs it to give all of them again, and never to fewer than five. A conversion that only moves
    the decimal point, and one that changes nothing, keep every digit.

    Raises:
        decimal.InvalidOperation: `text` is no number.

    Example:
        >>> convert("85", Conversion(Decimal("0.0555074"), Decimal(0)))
        Decimal('4.7181')
        >>> convert("4.10", Conversion(Decimal(10), Decimal(0)))
        Decimal('41.0')
    """
    value = Decimal(text)
    factor, offset = conversion
    if not offset and factor.scaleb(-factor.adjusted()) == 1:
        return value.scaleb(factor.adjusted())
    exact = EXACT.fma(value, factor, offset)
    stated = len(value.as_tuple().digits)
    last = EXACT.multiply(Decimal(1).scaleb(value.adjusted() - stated + 1), factor).adjusted()
    digits = max(stated, LEAST_DIGITS, exact.adjusted() - last + 1)
    return Context(prec=digits, rounding=ROUND_HALF_EVEN).plus(exact)


def _temperature(from_unit: str, to_unit: str) -> Conversion:
    scale, zero = TEMPERATURES[from_unit]
    to_scale, to_zero = TEMPERATURES[to_unit]
    return _decimal(scale / to_scale, (zero - to_zero) / to_scale)


def _decimal(factor: Fraction, offset: Fraction = Fraction(0)) -> Conversion:
    return Conversion(*(EXACT.divide(Decimal(x.numerator), Decimal(x.denominator)) for x in (factor, offset)))


def _proportion(from_unit: str, to_unit: str, testcd: str) -> Conversion | None:
    """Return the conversion of two units in proportion: the same property, or mass against substance."""
    source, target = parse(from_unit), parse(to_unit)
    if source is None or target is None or not source.dimensions:
        return None
    if source.dimensions != target.dimensions:
        source, target = _substance(source, testcd), _substance(target, testcd)
    if source is None or target is None or source.dimensions != target.dimensions:
        return None
    return _decimal(source.factor / target.factor)


def _substance(measure: Measure, testcd: str) -> Measure | None:
    """Return `measure` with the mass or the equivalents of the test's analyte put as amount of substance."""
    analyte = _molar().get(testcd, {})
    for base, number in (("g", analyte.get("mass")), ("eq", analyte.get("valence"))):
        if number and (base, 1) in measure.dimensions:
            swapped = measure.dimensions - {(base, 1)} | {("mol", 1)}
            return Measure(measure.factor / Fraction(number), swapped)
    return measure if ("mol", 1) in measure.dimensions else None


def _equation(from_unit: str, to_unit: str, testcd: str) -> Conversion | None:
    """Return the conversion by an equation that is stated for this test, read in either direction."""
    for row in _equations().get(testcd, ()):
        factor, offset = Fraction(row["factor"]), Fraction(row["offset"])
        before = _ratio(from_unit, row["from"])
        after = _ratio(row["to"], to_unit)
        if before is not None and after is not None:
            return _decimal(before * factor * after, offset * after)
        before = _ratio(from_unit, row["to"])
        after = _ratio(row["from"], to_unit)
        if before is not None and after is not None:
            return _decimal(before / factor * after, -offset / factor * after)
    return None


def _ratio(unit: str, other: str) -> Fraction | None:
    """Return how many of `other` make one `unit`, where both measure exactly the same."""
    if unit == other:
        return Fraction(1)
    one, two = parse(unit), parse(other)
    if one is None or two is None or one.dimensions != two.dimensions:
        return None
    return one.factor / two.factor


@cache
def _molar() -> dict[str, Row]:
    return {row["testcd"]: row for row in crosswalk("molar").rows}


@cache
def _standard_units() -> dict[tuple[str, str], Row]:
    return {(row["testcd"], row["spec"]): row for row in crosswalk("standard_units").rows}


@cache
def _equations() -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in crosswalk("equations").rows:
        found[row["testcd"]] = (*found.get(row["testcd"], ()), row)
    return found
