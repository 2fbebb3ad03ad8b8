"""What is derived against the first exposure: --LOBXFL."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import (
    group,
    in_table,
    reference_times,
    report,
    texts,
    with_column,
)
from trialbridge.findings import Finding
from trialbridge.timing import Mask, Numbers, Times, as_mask, before, latest, parse_dtc, same_day

ONE_TEST = ("TESTCD", "CAT", "SCAT", "TSTDTL", "BDAGNT", "SPEC", "METHOD", "POS", "LOC", "LAT")
"""The variables that together say what was tested: each combination has a last observation of its own."""


def derive_last_before_exposure(table: pa.Table, context: Context) -> Derived:
    """Return the table with --LOBXFL: Y on the last result before RFXSTDTC, for each subject and test.

    Dates are compared at the precision that both have; where a date is all that one of the two has and it is
    the same day, `Context.baseline_same_day` decides. Of results at the same moment the last in the table's
    order counts. A flag that is given stays, and its subject and test get no second one.
    """
    names = [context.named(suffix) for suffix in ("TESTCD", "STRESC", "DTC")]
    if not {"USUBJID", *names} <= set(table.column_names):
        return table, []
    tests = in_table(table, ["USUBJID", *(context.named(suffix) for suffix in ONE_TEST)])
    groups = group(tests, len(table))
    given = texts(table, context.named("LOBXFL"))
    times = parse_dtc(table[context.named("DTC")])
    chosen = latest(times, groups, _eligible(table, times, context))
    findings = _other_flags(table, given, groups, chosen, context)
    flagged = np.isin(groups[chosen], groups[as_mask(given.is_valid())])
    flags = np.zeros(len(table), dtype=bool)
    flags[chosen[~flagged]] = True
    derived = pa.array(np.where(flags, "Y", ""), pa.string(), mask=~flags)
    return with_column(table, context.named("LOBXFL"), pc.coalesce(given, derived)), findings


def _eligible(table: pa.Table, times: Times, context: Context) -> Mask:
    """Return where there is a result, from before the first exposure."""
    exposure = reference_times(table, context, "RFXSTDTC")
    prior = before(times, exposure)
    if context.baseline_same_day == "include":
        prior |= same_day(times, exposure)
    there = pc.and_(
        texts(table, context.named("STRESC")).is_valid(), texts(table, context.named("STAT")).is_null()
    )
    return prior & as_mask(there)


def _other_flags(
    table: pa.Table, given: pa.Array, groups: Numbers, chosen: Numbers, context: Context
) -> list[Finding]:
    """Return the findings on given flags that stand on another record than the dates say."""
    elsewhere = as_mask(given.is_valid())
    elsewhere[chosen] = False

    def say(row: int) -> tuple[str, str, str]:
        return (
            "lobxfl-contradicts",
            "The given flag is not on the last result before exposure",
            str(given[row]),
        )

    return report(table, context, context.named("LOBXFL"), elsewhere, [pa.array(groups)], say)
