"""Timing derivations: dates that are none, ends before their start, study days."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import numbers, reference_times, report, texts, with_column
from trialbridge.findings import Finding
from trialbridge.timing import as_mask, before, parse_dtc, study_day, to_dtc

STUDY_DAYS = {"DTC": "DY", "STDTC": "STDY", "ENDTC": "ENDY"}
"""Of each date variable the study day that is counted from it."""
SPANS = (("STDTC", "ENDTC"), ("DTC", "ENDTC"))
"""Start and end, by suffix."""
SUBJECT_SPANS = (
    ("BRTHDTC", "RFSTDTC"),
    ("BRTHDTC", "DTHDTC"),
    ("RFSTDTC", "RFENDTC"),
    ("RFXSTDTC", "RFXENDTC"),
    ("RFICDTC", "RFPENDTC"),
)
"""Start and end among the variables of DM."""


def derive_dtc_check(table: pa.Table, context: Context) -> Derived:
    """Return the table without dates that are none; its findings hold their text, and ends before starts.

    A --DTC that no calendar knows would make the dataset invalid, so its cell becomes null; the text itself
    stands in the finding, one for each subject and text.
    """
    findings: list[Finding] = []
    for name in [name for name in table.column_names if name.endswith("DTC") and not name.startswith("_")]:
        found = _faults(table, name, context)
        if found:
            findings += found
            table = with_column(table, name, to_dtc(texts(table, name)))
    for start, end in _spans(table, context):
        findings += _out_of_order(table, start, end, context)
    return table, findings


def _faults(table: pa.Table, name: str, context: Context) -> list[Finding]:
    """Return the findings on the texts of one variable that are no date-time."""
    column = texts(table, name)
    times = parse_dtc(column)

    def say(row: int) -> tuple[str, str, str]:
        value = column[row].as_py()
        if times.formed[row]:
            return "date-impossible", f"{value!r} is in no calendar", value
        return "date-form", f"{value!r} is not ISO 8601", value

    return report(table, context, name, times.faulty, [texts(table, "USUBJID"), column], say)


def _spans(table: pa.Table, context: Context) -> list[tuple[str, str]]:
    """Return the pairs of start and end variables that the table has."""
    pairs = SUBJECT_SPANS if context.domain == "DM" else ()
    named = [*pairs, *((context.named(start), context.named(end)) for start, end in SPANS)]
    # AEDTC says when an event was recorded: only where there is no start does --DTC begin the --ENDTC
    starts = context.named("STDTC") in table.column_names
    return [
        (start, end)
        for start, end in named
        if {start, end} <= set(table.column_names) and not (starts and start == context.named("DTC"))
    ]


def _out_of_order(table: pa.Table, start: str, end: str, context: Context) -> list[Finding]:
    """Return the findings on ends that lie before their start, at the precision that both have."""
    starts, ends = texts(table, start), texts(table, end)
    wrong = before(parse_dtc(ends), parse_dtc(starts))

    def say(row: int) -> tuple[str, str, str]:
        return "date-order", f"{end} {ends[row]} lies before {start} {starts[row]}", str(ends[row])

    return report(table, context, end, wrong, [texts(table, "USUBJID"), starts, ends], say)


def derive_study_day(table: pa.Table, context: Context) -> Derived:
    """Return the table with --DY, --STDY and --ENDY, counted from RFSTDTC; one that is given stays."""
    dated = [suffix for suffix in STUDY_DAYS if context.named(suffix) in table.column_names]
    if not dated or "USUBJID" not in table.column_names:
        return table, []
    reference = reference_times(table, context, "RFSTDTC")
    findings: list[Finding] = []
    for suffix in dated:
        name = context.named(STUDY_DAYS[suffix])
        days = study_day(parse_dtc(table[context.named(suffix)]), reference)
        given = numbers(table, name)
        findings += _contradictions(table, name, given, days, context)
        table = with_column(table, name, pc.coalesce(given, days))
    return table, findings


def _contradictions(
    table: pa.Table, name: str, given: pa.Array, days: pa.Array, context: Context
) -> list[Finding]:
    """Return the findings on study days that are given otherwise than they are counted."""
    other = as_mask(pc.not_equal(given, days))

    def say(row: int) -> tuple[str, str, str]:
        stated, counted = (f"{column[row].as_py():.0f}" for column in (given, days))
        return "study-day-contradicts", f"{name} is given as {stated} and counts as {counted}", stated

    return report(table, context, name, other, [texts(table, "USUBJID"), given, days], say)
