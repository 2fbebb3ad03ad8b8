"""Standard results of findings: --STRESC, --STRESN, --STRESU, ranges in the same unit, --NRIND."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from decimal import Context as Rounding

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, group, numbers, report, texts, with_column
from trialbridge.findings import Finding
from trialbridge.timing import Mask, Numbers, as_mask
from trialbridge.units import EXACT, SAME, Conversion, conversion, convert, standard_unit

NUMBER = r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
RESULT = rf"^\s*(?P<comparator><=|>=|<|>|≤|≥)?\s*(?P<number>{NUMBER})\s*$"
OUTWARD = {"<": ROUND_CEILING, "<=": ROUND_CEILING}
"""How a limit is rounded, so that what it says stays true; the others are rounded down."""
ASCII = {"≤": "<=", "≥": ">="}
LONGEST_POSITIONAL = 30
"""Digits up to which a number is written without an exponent."""
BY_GRADE = frozenset({"ORDINAL", "NOMINAL", "NARRATIVE"})
"""Scales whose numbers are grades or names: a standard unit, which measures a quantity, is not theirs."""
RANGES = {"ORNRLO": "STNRLO", "ORNRHI": "STNRHI"}
FAULTS = {
    "unit-no-standard": "No standard unit is known for {test}, which is collected in several units",
    "unit-missing": "A number of {test} has no unit, though the test is reported in {target}",
    "unit-property": "{unit} of {test} cannot be converted to {target}",
}

OF_THE_STUDY = frozenset({*FAULTS, "range-implausible", "range-reversed", "unit-other-property"})
"""The rules whose findings are of a test in the whole study: one each, with the first record as its place."""


@dataclass(frozen=True, slots=True)
class Step:
    """How the numbers of one test, specimen and unit come to the standard unit, or why they do not."""

    test: str
    collected: str
    unit: str = ""
    conversion: Conversion | None = None
    fault: str = ""


def collected_units(table: pa.Table, domain: str) -> dict[tuple[str, str], frozenset[str]]:
    """Return the units in which each (--TESTCD, --SPEC) was collected, to be joined over blocks.

    Example:
        >>> table = pa.table({"LBTESTCD": ["ALT", "ALT"], "LBORRESU": ["U/L", "U/L"]})
        >>> collected_units(table, "LB")
        {('ALT', ''): frozenset({'U/L'})}
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    for test, specimen, unit, _, agent in _combinations(table, domain)[0]:
        key = _measured(test, specimen, agent)
        found[key] = found.get(key, frozenset()) | ({unit} if unit else frozenset())
    return found


def _measured(test: str, specimen: str, agent: str) -> tuple[str, str]:
    """Return what results of one unit are of: antibodies are told apart by what they bind to."""
    return test, f"{specimen} {agent}".strip()


def _combinations(table: pa.Table, domain: str) -> tuple[list[tuple[str, str, str, str, str]], Numbers]:
    """Return the distinct tests, specimens, units, scales and agents, and for each row which it has."""
    names = [domain + suffix for suffix in ("TESTCD", "SPEC", "ORRESU", "RESSCL", "BDAGNT")]
    columns = [pc.fill_null(texts(table, name), "") for name in names]
    which, _ = encode(pa.array(group(columns, len(table))))
    first = pa.array(np.unique(which, return_index=True)[1])
    return list(zip(*(column.take(first).to_pylist() for column in columns), strict=True)), which


def _steps(table: pa.Table, context: Context) -> tuple[list[Step], Numbers]:
    """Return the distinct steps to the standard unit, and for each row which of them it takes."""
    combinations, which = _combinations(table, context.domain)
    collected = context.collected_units or collected_units(table, context.domain)
    steps = []
    for test, specimen, unit, scale, agent in combinations:
        units = collected.get(_measured(test, specimen, agent), frozenset())
        step = _step(test, specimen, unit, units, context)
        graded = scale in BY_GRADE and step.conversion is None
        steps.append(Step(test, unit, unit, SAME) if graded else step)
    return steps, which


def _step(test: str, specimen: str, unit: str, units: frozenset[str], context: Context) -> Step:
    """Return how one test, specimen and unit comes to its standard unit."""
    target = context.unit_of.get(test) or standard_unit(test, specimen, context.units)
    if target is None:
        if len(units) > 1:
            return Step(test, unit, fault="unit-no-standard")
        target = next(iter(units), "")
    if unit == target:
        return Step(test, unit, target, SAME)
    found = conversion(unit, target, test) if unit else None
    fault = "" if found else "unit-property" if unit else "unit-missing"
    return Step(test, unit, target, found, fault)


def derive_standard_result(table: pa.Table, context: Context) -> Derived:
    """Return the table with results and ranges in one standard unit per test; what is given stays.

    A number in the standard unit keeps its text; a converted one is rounded. A limit (``<5``) is converted
    with its comparator and has no --STRESN. Text, ordinals (``1+``) and titres (``1:160``) stay text. What
    cannot be converted gets no standard result, and a finding; but a grade is no quantity and stays as it is.
    """
    if not {context.named("ORRES"), context.named("TESTCD")} <= set(table.column_names):
        return table, []
    steps, which = _steps(table, context)
    given, results = texts(table, context.named("STRESC")), texts(table, context.named("ORRES"))
    derived, measured = _standardise(results, steps, which)
    fresh = ~as_mask(given.is_valid())
    character = pc.coalesce(given, derived)
    units = pa.array([step.unit or None for step in steps], pa.string()).take(pa.array(which))
    units = pc.if_else(
        pa.array(fresh & measured & as_mask(derived.is_valid())), units, pa.scalar(None, pa.string())
    )
    findings = _refused(table, fresh & measured & ~as_mask(derived.is_valid()), steps, which, context)
    for suffix, values in (
        ("STRESC", character),
        ("STRESN", pc.coalesce(numbers(table, context.named("STRESN")), plain_numbers(character))),
        ("STRESU", pc.coalesce(texts(table, context.named("STRESU")), units)),
    ):
        table = with_column(table, context.named(suffix), values)
    return _standard_ranges(table, steps, which, context), findings


def _standard_ranges(table: pa.Table, steps: list[Step], which: Numbers, context: Context) -> pa.Table:
    """Return the table with the bounds of the reference range, converted as the result is."""
    for original, standard in RANGES.items():
        if context.named(original) in table.column_names:
            converted, _ = _standardise(texts(table, context.named(original)), steps, which)
            given = numbers(table, context.named(standard))
            table = with_column(table, context.named(standard), pc.coalesce(given, plain_numbers(converted)))
    return table


def _standardise(results: pa.Array, steps: list[Step], which: Numbers) -> tuple[pa.Array, Mask]:
    """Return each result in its standard unit, null if refused, and the mask of numbers and limits.

    Each distinct pair of text and step is converted once.
    """
    codes, values = encode(results)
    found = pc.extract_regex(values, RESULT)
    comparators, digits = (pc.struct_field(found, name).to_pylist() for name in ("comparator", "number"))
    written = values.to_pylist()
    pairs, distinct = encode(pa.array(codes * len(steps) + which, mask=codes < 0))
    standard = [
        written[text].strip()
        if digits[text] is None
        else _standard_text(comparators[text], digits[text], steps[step])
        for text, step in (divmod(pair, len(steps)) for pair in distinct.to_pylist())
    ]
    measured = np.append(as_mask(found.is_valid()), False)[codes]
    return pa.array(standard, pa.string()).take(pa.array(pairs, mask=pairs < 0)), measured


def _standard_text(comparator: str, digits: str, step: Step) -> str | None:
    """Return a number or limit in the standard unit as text, None if it cannot be converted."""
    if step.conversion is None:
        return None
    comparator = ASCII.get(comparator, comparator)
    if step.conversion == SAME:
        return comparator + digits
    if comparator:
        return comparator + _positional(_outward(digits, step.conversion, comparator), digits)
    return _positional(convert(digits, step.conversion), digits)


def _outward(digits: str, step: Conversion, comparator: str) -> Decimal:
    """Return a limit converted, rounded to one digit more than it has, and outward so that it stays true."""
    # 15 digits first: the noise of a repeating factor must not push a whole number up
    exact = Rounding(prec=15).plus(EXACT.fma(Decimal(digits), step.factor, step.offset))
    places = max(_significant(digits) + 1, 2)
    return Rounding(prec=places, rounding=OUTWARD.get(comparator, ROUND_FLOOR)).plus(exact)


def _significant(digits: str) -> int:
    """Return how many significant digits a number is written with."""
    return len(Decimal(digits).as_tuple().digits)


def _positional(value: Decimal, digits: str) -> str:
    """Return a number as text without exponent, with no more zeros at its end than it was written with."""
    if not value:
        return "0"
    if abs(value.adjusted()) > LONGEST_POSITIONAL:
        return str(value)
    whole, _, fraction = f"{value:f}".partition(".")
    least = max(_significant(digits) - 1 - value.adjusted(), 0)
    fraction = fraction[:least] + fraction[least:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def plain_numbers(column: pa.Array) -> pa.Array:
    """Return the texts that are plain numbers as numbers, all others and what no double can hold as null.

    Example:
        >>> plain_numbers(pa.array(["72.50", "<5", "1+", "-0.0", None])).to_pylist()
        [72.5, None, None, 0.0, None]
    """
    codes, values = encode(column)
    plain = pc.match_substring_regex(values, f"^{NUMBER}$")
    parsed = pc.add(pc.if_else(plain, values, pa.scalar(None, pa.string())).cast(pa.float64()), 0.0)
    finite = pc.if_else(pc.is_finite(parsed), parsed, pa.scalar(None, pa.float64()))
    return finite.take(pa.array(codes, mask=codes < 0))


def _refused(
    table: pa.Table, refused: Mask, steps: list[Step], which: Numbers, context: Context
) -> list[Finding]:
    """Return one finding for each test, specimen and unit whose numbers have no standard result."""

    def say(row: int) -> tuple[str, str, str]:
        step = steps[which[row]]
        message = FAULTS[step.fault].format(test=step.test, unit=step.collected, target=step.unit)
        return step.fault, message, step.collected

    return report(table, context, context.named("STRESC"), refused, [pa.array(which)], say)


def derive_reference_indicator(table: pa.Table, context: Context) -> Derived:
    """Return the table with --NRIND where none is given, and findings where the range contradicts it.

    Both bounds belong to the range; a range may have one bound. Numbers as collected are compared where they
    are there, else those in the standard unit. A text result, a limit or a bound that is no number decides
    nothing.
    """
    sources = [
        _compared(table, context, *names) for names in (("ORRES", *RANGES), ("STRESN", *RANGES.values()))
    ]
    if all(source is None for source in sources):
        return table, []
    name = context.named("NRIND")
    implied = pc.coalesce(*(source for source in sources if source is not None))
    given = texts(table, name)
    findings = _indicator_findings(table, given, implied, context)
    return with_column(table, name, pc.coalesce(given, implied)), findings


def _compared(table: pa.Table, context: Context, result: str, low: str, high: str) -> pa.Array | None:
    """Return LOW, HIGH or NORMAL by result and range, null where undecided; None without a range."""
    names = [context.named(suffix) for suffix in (result, low, high)]
    if names[0] not in table.column_names or not set(names[1:]) & set(table.column_names):
        return None
    columns = [texts(table, name) if result == "ORRES" else numbers(table, name) for name in names]
    value, least, most = (
        (plain_numbers(column) if result == "ORRES" else column).to_numpy(zero_copy_only=False)
        for column in columns
    )
    unread = [
        as_mask(column.is_valid()) & np.isnan(parsed)
        for column, parsed in zip(columns, (value, least, most), strict=True)
    ]
    undecided = np.isnan(value) | (np.isnan(least) & np.isnan(most)) | unread[1] | unread[2] | (least > most)
    chosen = np.select([value < least, value > most], [0, 1], 2)
    return pa.array(["LOW", "HIGH", "NORMAL"]).take(pa.array(chosen, mask=undecided))


COMPATIBLE = ("LOW LOW", "HIGH HIGH", "NORMAL NORMAL", "ABNORMAL LOW", "ABNORMAL HIGH")
"""A given --NRIND and what the range says, where the two go together."""


def _indicator_findings(
    table: pa.Table, given: pa.Array, implied: pa.Array, context: Context
) -> list[Finding]:
    """Return the findings on indicators that the numbers contradict; a sponsor's own term is left alone."""
    judged = pc.is_in(given, pa.array(["LOW", "HIGH", "NORMAL", "ABNORMAL"]))
    together = pc.binary_join_element_wise(given, implied, " ")
    wrong = pc.and_(judged, pc.and_(implied.is_valid(), pc.invert(pc.is_in(together, pa.array(COMPATIBLE)))))
    tests = texts(table, context.named("TESTCD"))

    def say(row: int) -> tuple[str, str, str]:
        message = (
            f"{given[row]} is given for {tests[row]}; by its reference range the result is {implied[row]}"
        )
        return "nrind-contradicts", message, str(given[row])

    by = [texts(table, "USUBJID"), tests, given, implied]
    return report(table, context, context.named("NRIND"), as_mask(wrong), by, say)
