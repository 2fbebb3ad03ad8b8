"""Results that contradict their unit, specimen, code or reference range: findings, no repairs.

`trialbridge.plausible` says what a test can show; here whole columns are held against it, a combination of
test, specimen and unit at a time. Nothing in the table is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, group, report, texts
from trialbridge.converters.derive_result import BY_GRADE, RANGES, plain_numbers
from trialbridge.findings import Finding
from trialbridge.plausible import Other, Plausible, code_of_property, other_property, plausible
from trialbridge.timing import Mask, Numbers
from trialbridge.units import SAME

FAR = 8
"""How many times a unit must be another for a number beyond its reference range to be laid to it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The numbers of a table, with what each may be.

    Attributes:
        table: The table.
        context: The study's choices.
        value: The result, not a number where it is none.
        least: The lower bound of its reference range.
        most: The upper bound.
        which: For each row its combination of test, specimen, unit and scale.
        combinations: The combinations.
        known: What each combination can show.
    """

    table: pa.Table
    context: Context
    value: np.ndarray
    least: np.ndarray
    most: np.ndarray
    which: Numbers
    combinations: Sequence[tuple[str, str, str, str]]
    known: Sequence[Plausible | None]

    def of(self, number: Callable[[Plausible], float]) -> np.ndarray:
        """Return a number of each row's combination; not a number where nothing is known of it."""
        each = np.array([number(one) if one else np.nan for one in self.known], np.float64)
        found: np.ndarray = each[self.which]
        return found

    def said(self, row: int) -> tuple[str, str, Plausible]:
        """Return the test, the unit and what is known of a row."""
        test, _, unit, _ = self.combinations[self.which[row]]
        found = self.known[self.which[row]]
        assert found is not None  # noqa: S101 -- only rows of which something is known are asked for
        return test, unit, found


def check_plausible(table: pa.Table, context: Context) -> Derived:
    """Return the table as it is, and findings on results that contradict unit, specimen, code or range."""
    if not {context.named("ORRES"), context.named("TESTCD")} <= set(table.column_names):
        return table, []
    judged = _judged(table, context)
    return table, [
        *_reversed_ranges(judged),
        *_impossible_ranges(judged),
        *_impossible_results(judged),
        *_other_properties(table, context),
    ]


def _judged(table: pa.Table, context: Context) -> Judged:
    names = [context.named(suffix) for suffix in ("TESTCD", "SPEC", "ORRESU", "RESSCL")]
    columns = [pc.fill_null(texts(table, name), "") for name in names]
    which, _ = encode(pa.array(group(columns, len(table))))
    first = pa.array(np.unique(which, return_index=True)[1])
    combinations = list(zip(*(column.take(first).to_pylist() for column in columns), strict=True))
    known = [None if scale in BY_GRADE else plausible(*one) for *one, scale in combinations]
    value, least, most = (
        plain_numbers(texts(table, context.named(suffix))).to_numpy(zero_copy_only=False)
        for suffix in ("ORRES", *RANGES)
    )
    return Judged(table, context, value, least, most, which, combinations, known)


def _reversed_ranges(judged: Judged) -> list[Finding]:
    """Return the findings on reference ranges whose lower bound is above the upper one."""
    named = judged.context.named

    def say(row: int) -> tuple[str, str, str]:
        test, _, unit, _ = judged.combinations[judged.which[row]]
        bounds = f"{judged.least[row]:g} to {judged.most[row]:g}"
        return (
            "range-reversed",
            f"the reference range of {test}, {bounds} {unit}, ends before it starts",
            bounds,
        )

    by = [pa.array(judged.which), texts(judged.table, named("ORNRLO")), texts(judged.table, named("ORNRHI"))]
    return report(judged.table, judged.context, named("ORNRLO"), judged.least > judged.most, by, say)


def _impossible_ranges(judged: Judged) -> list[Finding]:
    """Return the findings on reference ranges of which a bound is beyond what anybody can have."""
    named = judged.context.named
    low, high = judged.of(lambda one: one.low), judged.of(lambda one: one.high)
    beyond = (judged.most > high) | (judged.most < low) | (judged.least > high)

    def say(row: int) -> tuple[str, str, str]:
        test, unit, found = judged.said(row)
        bounds = [bound for bound in (judged.least[row], judged.most[row]) if not np.isnan(bound)]
        shown = " to ".join(f"{bound:g}" for bound in bounds)
        fits = [other.name for other in found.others if all(other.low <= one <= other.high for one in bounds)]
        message = f"the reference range of {test}, {shown} {unit}, is not of living people{_would_fit(fits)}"
        return "range-implausible", message, shown

    by = [pa.array(judged.which), texts(judged.table, named("ORNRLO")), texts(judged.table, named("ORNRHI"))]
    return report(judged.table, judged.context, named("ORNRHI"), beyond, by, say)


def _impossible_results(judged: Judged) -> list[Finding]:
    """Return the findings on numbers that nobody can have, or that their range gives to another unit."""
    above = judged.value > judged.of(lambda one: one.high)
    below = judged.value < judged.of(lambda one: one.low)
    named = judged.context.named
    results = texts(judged.table, named("ORRES"))

    def say(row: int) -> tuple[str, str, str]:
        test, unit, known = judged.said(row)
        text = results[row].as_py()
        shown = f"{text} {unit}".strip()
        if above[row] or below[row]:
            fits = [other.name for other in known.others if other.low <= judged.value[row] <= other.high]
            why = f"{shown} is not between {known.low:g} and {known.high:g}, where living people are"
        else:
            fits = [other.name for other in known.others if _in_range(judged, row, other)]
            why = f"{shown} is far from its own reference range; for one of the two another unit was meant"
        return "value-implausible", f"{test}: {why}{_would_fit(fits)}", text

    found = above | below | _as_in_another_unit(judged)
    by = [texts(judged.table, "USUBJID"), pa.array(judged.which), pa.array(above), pa.array(below)]
    return report(judged.table, judged.context, named("ORRES"), found, by, say)


def _as_in_another_unit(judged: Judged) -> Mask:
    """Return where a number lies outside its range, and inside it if one of the two were in another unit."""
    value, least, most = judged.value, judged.least, judged.most
    found = np.zeros(len(value), bool)
    rows = np.flatnonzero(((value < least) | (value > most)) & (least > 0))
    units = [[_numbers(other) for other in _far(known)] for known in judged.known]
    for each in zip_longest(*units, fillvalue=(np.nan, 0.0)):
        factor, offset = np.array(each)[judged.which[rows]].T
        found[rows] |= _within(value[rows], least[rows], most[rows], factor, offset)
    return found


def _in_range(judged: Judged, row: int, other: Other) -> bool:
    """Return whether `other` is the unit in which a number and its reference range go together."""
    if other not in _far(judged.known[judged.which[row]]):
        return False
    return bool(_within(judged.value[row], judged.least[row], judged.most[row], *_numbers(other)))


def _within(
    value: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    factor: np.ndarray | float,
    offset: np.ndarray | float,
) -> Mask:
    meant = value * factor + offset
    found: Mask = (meant >= least) & (meant <= most)
    return found | ((least * factor + offset <= value) & (value <= most * factor + offset))


def _far(known: Plausible | None) -> list[Other]:
    """Return the other units of a steady test that are far from its own."""
    others = known.others if known is not None and known.steady else ()
    return [other for other in others if other.conversion and not 1 / FAR < _numbers(other)[0] < FAR]


def _numbers(other: Other) -> tuple[float, float]:
    factor, offset = other.conversion or SAME
    return float(factor), float(offset)


def _would_fit(names: Sequence[str]) -> str:
    return f"; it would fit {' or '.join(names)}" if names else ""


def _other_properties(table: pa.Table, context: Context) -> list[Finding]:
    """Return the findings on units that measure another property than the LOINC code of the test is of."""
    if context.named("LOINC") not in table.column_names:
        return []
    columns = [texts(table, context.named(suffix)) for suffix in ("LOINC", "ORRESU")]
    which, _ = encode(pa.array(group(columns, len(table))))
    first = np.unique(which, return_index=True)[1]
    pairs = list(zip(*(column.take(pa.array(first)).to_pylist() for column in columns), strict=True))
    strange = [other_property(code, unit) if code and unit else None for code, unit in pairs]

    def say(row: int) -> tuple[str, str, str]:
        (code, unit), measured = pairs[which[row]], strange[which[row]]
        message = f"LOINC {code} is of another property than {unit}, which measures {str(measured).lower()}"
        better = code_of_property(code, str(measured))
        return "unit-other-property", message + _would_fit([f"LOINC {better}"] if better else []), unit

    found = np.array([bool(one) for one in strange], bool)[which]
    return report(table, context, context.named("ORRESU"), found, [pa.array(which)], say)
