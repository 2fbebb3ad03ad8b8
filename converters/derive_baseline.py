"""--BLFL: the baseline record, by the sponsor's own rule for the domain; --LOBXFL is another thing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import (
    group,
    in_table,
    numbers,
    reference_times,
    report,
    texts,
    with_column,
)
from trialbridge.converters.derive_exposure import ONE_TEST
from trialbridge.design import BASELINE
from trialbridge.findings import Finding
from trialbridge.timing import Mask, Numbers, Precision, Times, as_mask, before, latest, parse_dtc

ONE_SERIES = (*ONE_TEST, "TPT", "TPTNUM")
"""The variables that say what is followed over time; each planned time point has its own baseline."""


def derive_baseline(table: pa.Table, context: Context) -> Derived:
    """Return the table with --BLFL: Y on the last result that the rule of the domain allows.

    The rule is `Design.baseline`: ``visit N``, the result of that planned visit; ``last before first dose``,
    of what is certainly over before RFXSTDTC; ``last on or before day of first dose``, the day included.
    Without a rule there is no such flag. A flag that is given stays, and its series gets no second one.
    """
    names = [context.named(suffix) for suffix in ("TESTCD", "STRESC", "DTC")]
    rule = context.design.baseline.get(context.domain, "")
    if not rule or not {"USUBJID", *names} <= set(table.column_names):
        return table, []
    series = group(
        in_table(table, ["USUBJID", *(context.named(suffix) for suffix in ONE_SERIES)]), len(table)
    )
    given = texts(table, context.named("BLFL"))
    times = parse_dtc(table[context.named("DTC")])
    chosen = latest(times, series, _allowed(table, times, rule, context))
    findings = _contradictions(table, given, series, chosen, context)
    free = ~np.isin(series[chosen], series[as_mask(given.is_valid())])
    flags = np.zeros(len(table), bool)
    flags[chosen[free]] = True
    derived = pa.array(np.where(flags, "Y", ""), pa.string(), mask=~flags)
    return with_column(table, context.named("BLFL"), pc.coalesce(given, derived)), findings


def _allowed(table: pa.Table, times: Times, rule: str, context: Context) -> Mask:
    """Return where there is a result that the rule lets be the baseline."""
    result = texts(table, context.named("STRESC")).is_valid()
    there = as_mask(pc.and_(result, texts(table, context.named("STAT")).is_null()))
    if rule.startswith("visit "):
        at_visit = pc.equal(numbers(table, "VISITNUM"), float(rule.removeprefix("visit ")))
        return there & as_mask(at_visit)
    exposure = reference_times(table, context, "RFXSTDTC")
    allowed = before(times, exposure)
    if rule == BASELINE[2]:
        dated = np.minimum(times.precision, exposure.precision) >= Precision.DAY
        allowed |= dated & (times.day <= exposure.day)
    return there & allowed


def _contradictions(
    table: pa.Table, given: pa.Array, series: Numbers, chosen: Numbers, context: Context
) -> list[Finding]:
    """Return the findings on given flags that stand on another record than the rule says."""
    elsewhere = as_mask(given.is_valid())
    elsewhere[chosen] = False

    def say(row: int) -> tuple[str, str, str]:
        rule = context.design.baseline[context.domain]
        return "blfl-contradicts", f"The given flag is not where the rule {rule!r} puts it", str(given[row])

    return report(table, context, context.named("BLFL"), elsewhere, [pa.array(series)], say)
