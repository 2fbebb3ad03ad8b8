"""VISITNUM, VISIT and VISITDY of a record: by its Encounter, by a visit of its day, or by a window."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat
from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, gather, numbers, texts, with_column
from trialbridge.converters.derive_subject_visits import BY, WINDOW
from trialbridge.converters.planned_visits import (
    NONE,
    SEVERAL,
    PlannedVisits,
    arms_of,
    elapsed_days,
    planned_visits,
)
from trialbridge.findings import Finding, Severity
from trialbridge.standards import domain_variables
from trialbridge.timing import Mask, Numbers, Precision, Times, as_mask, parse_dtc

GIVEN, BY_DAY = "given", "encounter"
NO_DATE = "its date is not known to the day, and it names no Encounter"
NO_VISIT = "no visit of the subject has its day, and no window holds it"
OTHER_ENCOUNTER = "its Encounter is no visit of the study"
VISITS_OF_DAY = "several visits of the subject have its day"
WINDOWS_OF_DAY = "the windows of several planned visits hold its day"
AMBIGUOUS = (VISITS_OF_DAY, WINDOWS_OF_DAY)
MOST_DAYS = 366
"""How many days of a visit a record can lie on: what lasts longer is a stay, and no visit."""


def derive_visits(table: pa.Table, context: Context) -> Derived:
    """Return the table with VISITNUM, VISIT and VISITDY, and in ``_visit_by`` how each record got them.

    In this order: ``given``; the visit of the Encounter that the record names, in the way in which that got
    its number (``link``, ``window``, ``unscheduled``); ``encounter``, the one visit that the subject had on
    the day, a planned one before an unscheduled one; ``window``, the one planned visit whose window holds the
    day. Nothing is assigned where several would do, or none: then the reason stands there, and the number is
    blank. A visit that is planned for other domains only does not count.
    """
    variables = {variable.name for variable in domain_variables(context.domain)}
    if context.domain in {"SV", "DM"} or "VISITNUM" not in variables or not context.design.visits.num_rows:
        return table, []
    planned = planned_visits(context.design, context.domain)
    given = numbers(table, "VISITNUM")
    by = np.where(as_mask(given.is_valid()), GIVEN, "").astype(object)
    place = _own_encounters(table, by, context)
    times = parse_dtc(texts(table, _dated(table, context)))
    _days(table, times, place, by, context)
    window = _windows(table, times, by, planned, context)
    table = _assigned(table, place, window, planned, context)
    return with_column(table, BY, pa.array(by, pa.string())), _findings(table, by, context)


def _dated(table: pa.Table, context: Context) -> str:
    return next((n for n in map(context.named, ("DTC", "STDTC")) if n in table.column_names), "")


def _own_encounters(table: pa.Table, by: np.ndarray, context: Context) -> Numbers:
    """Return the row in SV of the Encounter that each record names; fill `by`."""
    named = texts(table, "_join_encounter")
    keys = pc.binary_join_element_wise(texts(table, "USUBJID"), named, "|")
    own = pc.binary_join_element_wise(texts(context.visits, "USUBJID"), texts(context.visits, "_key"), "|")
    place: Numbers = pc.index_in(keys, own).fill_null(NONE).to_numpy(zero_copy_only=False).astype(np.int64)
    place[(by != "") | as_mask(named.is_null())] = NONE
    numbered = as_mask(numbers(context.visits, "VISITNUM").is_valid())
    how = np.append(texts(context.visits, BY).to_numpy(zero_copy_only=False), "")
    found = (place >= 0) & np.append(numbered, False)[place]
    by[found] = how[place[found]]
    by[as_mask(named.is_valid()) & (by == "")] = OTHER_ENCOUNTER
    return np.where(found, place, NONE)


def _days(table: pa.Table, times: Times, place: Numbers, by: np.ndarray, context: Context) -> None:
    """Fill `place` and `by` of the open records on whose day the subject had one visit, or several."""
    open_rows = np.flatnonzero((by == "") & (times.precision >= Precision.DAY))
    for scheduled in (True, False):
        subjects, days, rows = _days_of_visits(context, scheduled=scheduled)
        whose = pc.index_in(texts(table, "USUBJID").take(pa.array(open_rows)), subjects[1])
        codes = whose.fill_null(NONE).to_numpy(zero_copy_only=False)
        found, several = _one_of(subjects[0], days, rows, codes, times.day[open_rows], context)
        place[open_rows] = found
        by[open_rows[found >= 0]] = BY_DAY
        by[open_rows[several]] = VISITS_OF_DAY
        open_rows = open_rows[by[open_rows] == ""]


def _days_of_visits(
    context: Context, *, scheduled: bool
) -> tuple[tuple[Numbers, pa.Array], Numbers, Numbers]:
    """Return subject, day and row of every day of every visit in SV that took place, in order."""
    visits = context.visits
    codes, subjects = encode(texts(visits, "USUBJID"))
    start, stop = (parse_dtc(texts(visits, name)) for name in ("SVSTDTC", "SVENDTC"))
    last = np.where(stop.precision >= Precision.DAY, np.maximum(stop.day, start.day), start.day)
    lasting = last - start.day + 1
    counted = (start.precision >= Precision.DAY) & (lasting <= MOST_DAYS) & _counts(context, scheduled)
    rows = np.repeat(np.flatnonzero(counted), lasting[counted])
    starts = np.cumsum(lasting[counted]) - lasting[counted]
    days = start.day[rows] + np.arange(len(rows)) - np.repeat(starts, lasting[counted])
    order = np.lexsort((days, codes[rows]))
    return (codes[rows][order], subjects), days[order], rows[order]


def _counts(context: Context, scheduled: bool) -> Mask:  # noqa: FBT001 -- one of two passes
    """Return which visits of SV took place, have a number, and can hold records of the domain."""
    visits = context.visits
    number = numbers(visits, "VISITNUM")
    of_plan = as_mask(pc.is_in(number, flat(context.design.visits["VISITNUM"])))
    for_domain = as_mask(pc.is_in(number, pa.array(planned_visits(context.design, context.domain).number)))
    took_place = ~as_mask(pc.equal(texts(visits, "SVOCCUR"), "N"))
    return took_place & as_mask(number.is_valid()) & (for_domain if scheduled else ~of_plan)


def _one_of(
    codes: Numbers, days: Numbers, rows: Numbers, whose: Numbers, wanted: Numbers, context: Context
) -> tuple[Numbers, Mask]:
    """Return the row of the one visit on each wanted day, and where there are several."""
    if not len(rows):
        return np.full(len(whose), NONE), np.zeros(len(whose), bool)
    least = min(int(days.min()), int(wanted.min(initial=0)))
    width = max(int(days.max()), int(wanted.max(initial=0))) - least + 1
    keys, asked = codes * width + days - least, whose * width + wanted - least
    first, last = (np.searchsorted(keys, asked, side=side) for side in ("left", "right"))
    number = numbers(context.visits, "VISITNUM").to_numpy(zero_copy_only=False)[rows]
    changes = np.concatenate([[0], np.cumsum((np.diff(number) != 0) | (np.diff(keys) != 0)), [-1]])
    there = (last > first) & (whose >= 0)
    several = there & (changes[first] != changes[np.maximum(last - 1, 0)])
    return np.where(there & ~several, np.append(rows, NONE)[first], NONE), several


def _windows(
    table: pa.Table, times: Times, by: np.ndarray, planned: PlannedVisits, context: Context
) -> Numbers:
    """Return the planned visit whose window holds each open record; fill `by` of all that are open."""
    days, known = elapsed_days(table, times, context)
    open_rows = by == ""
    held = planned.holding(days, known & open_rows, arms_of(table, context))
    by[open_rows & (held >= 0)] = WINDOW
    by[open_rows & (held == SEVERAL)] = WINDOWS_OF_DAY
    by[(by == "") & (times.precision < Precision.DAY)] = NO_DATE
    by[by == ""] = NO_VISIT
    return held


def _assigned(
    table: pa.Table,
    place: Numbers,
    window: Numbers,
    planned: PlannedVisits,
    context: Context,
) -> pa.Table:
    """Return the table with the visits that were found; what is given stays, and gets its planned name."""
    of_subject = pa.array(place, mask=place < 0)
    of_plan = pa.array(window, mask=window < 0)
    number = pc.coalesce(
        numbers(table, "VISITNUM"),
        numbers(context.visits, "VISITNUM").take(of_subject),
        pa.array(planned.number).take(of_plan),
    )
    whole = planned_visits(context.design)
    known = pc.index_in(number, pa.array(whole.number))
    name = texts(context.visits, "VISIT").take(of_subject)
    table = with_column(table, "VISITNUM", number)
    table = with_column(table, "VISIT", pc.coalesce(whole.name.take(known), name, texts(table, "VISIT")))
    return with_column(table, "VISITDY", pc.coalesce(numbers(table, "VISITDY"), whole.day.take(known)))


def _findings(table: pa.Table, by: np.ndarray, context: Context) -> list[Finding]:
    """Return what there is to say of records without a visit: by reason, and each ambiguous day by itself."""
    blank = as_mask(texts(table, "VISITNUM").is_null())
    reasons, counts = np.unique(by[blank].astype(str), return_counts=True)
    found = [
        Finding(
            Severity.NOTICE,
            "visit-unassigned",
            f"VISITNUM is blank: {reason}",
            context.domain,
            "VISITNUM",
            count=int(count),
        )
        for reason, count in zip(reasons, counts, strict=True)
        if reason not in AMBIGUOUS
    ]
    ambiguous = blank & np.isin(by.astype(str), AMBIGUOUS)
    if not ambiguous.any():
        return found
    dates = texts(table, _dated(table, context))
    rows, times = gather(ambiguous, [texts(table, "USUBJID"), pc.utf8_slice_codeunits(dates, 0, 10)])
    return found + [
        Finding(
            Severity.WARNING,
            "visit-ambiguous",
            f"VISITNUM is blank: {by[row]}",
            context.domain,
            "VISITNUM",
            table["USUBJID"][row].as_py(),
            value=dates[row].as_py()[:10],
            count=int(count),
        )
        for row, count in zip(rows.tolist(), times.tolist(), strict=True)
    ]
