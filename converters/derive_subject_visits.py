"""SV: the visits that each subject had, their numbers, and the planned ones that it missed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.as_of import last_at_or_before
from trialbridge.converters.derive_columns import encode, numbers, texts, with_column
from trialbridge.converters.planned_visits import (
    SEVERAL,
    PlannedVisits,
    arms_of,
    elapsed_days,
    planned_visits,
)
from trialbridge.findings import Finding, Severity
from trialbridge.timing import Mask, Numbers, Precision, Times, as_mask, parse_dtc

BY = "_visit_by"
"""The column that says how a record got its visit, or why it has none."""
LINK, WINDOW, UNSCHEDULED = "link", "window", "unscheduled"
UNDATED = "its date is not known to the day"
NOT_PLANNED = "it did not take place, and names no planned visit"


def number_visits(table: pa.Table, context: Context) -> Derived:
    """Return SV, a row for each Encounter, with VISITNUM, VISIT and VISITDY, and in ``_visit_by`` how.

    ``link``: the Encounter names the planned visit. ``window``: it names none, and its day lies in the window
    of one planned visit that the subject did not have otherwise. ``unscheduled``: neither; such visits are
    numbered by date, x.1, x.2, after the planned visit x that came before. Else there is no number, and the
    reason stands there.
    """
    planned = planned_visits(context.design)
    times = parse_dtc(texts(table, "SVSTDTC"))
    number = numbers(table, "VISITNUM").to_numpy(zero_copy_only=False)
    took_place = ~as_mask(pc.equal(texts(table, "SVOCCUR"), "N"))
    held, ambiguous = _in_window(table, times, number, np.isnan(number) & took_place, planned, context)
    by = np.select(
        [~np.isnan(number), ~np.isnan(held), ~took_place, times.precision < Precision.DAY],
        [LINK, WINDOW, NOT_PLANNED, UNDATED],
        UNSCHEDULED,
    )
    number = np.where(by == WINDOW, held, number)
    wanted = by == UNSCHEDULED
    codes, _ = encode(table["USUBJID"])
    number[wanted] = _unscheduled(codes, times, number, took_place, wanted, planned)
    return _named(table, number, by, planned), _ambiguous(table, ambiguous)


def _in_window(
    table: pa.Table,
    times: Times,
    number: np.ndarray,
    open_rows: Mask,
    planned: PlannedVisits,
    context: Context,
) -> tuple[np.ndarray, Mask]:
    """Return the number of the one visit whose window holds each open row, and which rows are ambiguous.

    A visit that the subject had otherwise is not had a second time; one that Encounters of several days lie
    in the window of is none of them.
    """
    days, known = elapsed_days(table, times, context)
    place = planned.holding(days, known & open_rows, arms_of(table, context))
    held = np.where(place >= 0, np.append(planned.number, np.nan)[place], np.nan)
    codes, _ = encode(table["USUBJID"])
    keys = packed_pairs(codes, np.where(np.isnan(held), number, held))
    taken = np.isin(keys, keys[~np.isnan(number)]) & (place >= 0)
    claims = np.unique(np.stack([keys, times.day], axis=1)[place >= 0], axis=0)[:, 0]
    contested = np.isin(keys, claims[1:][np.diff(claims) == 0]) & (place >= 0) & ~taken
    held[taken | contested] = np.nan
    return held, contested | (place == SEVERAL)


def packed_pairs(codes: Numbers, number: np.ndarray) -> Numbers:
    """Return one number for each row, the same for rows of the same subject and visit.

    Example:
        >>> packed_pairs(np.array([0, 0, 1]), np.array([3.5, 3.5, 3.5])).tolist()
        [0, 0, 1]
    """
    _, ranks = np.unique(number, return_inverse=True)
    return codes * (int(ranks.max(initial=0)) + 1) + ranks


def _ambiguous(table: pa.Table, rows: Mask) -> list[Finding]:
    found = table.filter(pa.array(rows))
    return [
        Finding(
            Severity.WARNING,
            "visit-ambiguous",
            "Encounters of several days lie in one window, or several windows hold the day: none is guessed",
            "SV",
            "VISITNUM",
            subject,
            value=date,
        )
        for subject, date in zip(
            found["USUBJID"].to_pylist(), texts(found, "SVSTDTC").to_pylist(), strict=True
        )
    ]


def _unscheduled(
    codes: Numbers, times: Times, number: np.ndarray, took_place: Mask, wanted: Mask, planned: PlannedVisits
) -> np.ndarray:
    """Return the numbers of the `wanted` rows: by day, between the planned visit before them and the next."""
    had = np.flatnonzero(~np.isnan(number) & took_place & (times.precision >= Precision.DAY))
    had = had[np.lexsort((number[had], times.day[had], codes[had]))]
    rows = np.flatnonzero(wanted)
    places = last_at_or_before(codes[rows], times.day[rows], codes[had], times.day[had])
    lowest = np.floor(planned.number.min(initial=1)) - 1
    base = np.where(places < 0, lowest, np.append(number[had], lowest)[places])
    numbered: np.ndarray = base + _steps(codes[rows], base, times.day[rows], np.unique(planned.number))
    return numbered


def _steps(codes: Numbers, base: np.ndarray, days: Numbers, plan: np.ndarray) -> np.ndarray:
    """Return what is added to `base`: 0.1, 0.2 by day, or 0.01, 0.02 where the next visit is too near."""
    _, gap = np.unique(np.stack([codes, base], axis=1), axis=0, return_inverse=True)
    both, each = np.unique(np.stack([gap.ravel(), days], axis=1), axis=0, return_inverse=True)
    first = np.searchsorted(both[:, 0], both[:, 0])
    order = (np.arange(len(both)) - first + 1)[each.ravel()]
    most = np.bincount(both[:, 0].astype(np.int64), minlength=1)[gap.ravel()]
    following = np.append(plan, np.inf)[np.searchsorted(plan, base, side="right")]
    room = np.minimum(following, np.floor(base) + 1) - base
    digits = np.floor(np.log10(most / room) + 1e-9) + 1  # 1.1 - 1 is a little more than 0.1
    steps: np.ndarray = order / 10**digits
    return steps


def _named(table: pa.Table, number: np.ndarray, by: np.ndarray, planned: PlannedVisits) -> pa.Table:
    """Return SV with number, name and planned day; what an unplanned visit was called becomes SVUPDES."""
    number = np.round(number, 6)
    known = pa.array(number, mask=np.isnan(number))
    rows = pc.index_in(known, pa.array(planned.number))
    unplanned = pa.array(by == UNSCHEDULED)
    called = texts(table, "VISIT")
    made = pa.array(
        [f"UNSCHEDULED {one:g}" if how == UNSCHEDULED else None for one, how in zip(number, by, strict=True)],
        pa.string(),
    )
    described = pc.coalesce(texts(table, "SVUPDES"), pc.if_else(unplanned, called, None))
    described = pc.if_else(rows.is_valid(), None, described)
    table = with_column(table, "VISITNUM", known)
    table = with_column(table, "VISIT", pc.coalesce(planned.name.take(rows), made, called))
    table = with_column(table, "VISITDY", planned.day.take(rows))
    table = with_column(table, "SVUPDES", described)
    return with_column(table, BY, pa.array(by, pa.string()))
