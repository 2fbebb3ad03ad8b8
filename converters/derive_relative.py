"""What is only known relative to a time point: --STTPT and --ENTPT, --STRF and --ENRF."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import reference_times, texts, with_column
from trialbridge.timing import Mask, Times, as_mask, before, parse_dtc

POINTS = {"STRTPT": "STTPT", "ENRTPT": "ENTPT"}
"""Of each relation the variable that says to which time point it is."""


def derive_time_point(table: pa.Table, context: Context) -> Derived:
    """Return the table with --STTPT and --ENTPT, the time point of --STRTPT and --ENRTPT: --DTC.

    What is ongoing, or began before, was so when it was recorded. Nothing stands where no --DTC says when
    that was; a time point that is given stays.
    """
    for relation, point in ((context.named(one), context.named(other)) for one, other in POINTS.items()):
        if relation in table.column_names:
            recorded = pc.if_else(texts(table, relation).is_valid(), texts(table, context.named("DTC")), None)
            table = with_column(table, point, pc.coalesce(texts(table, point), recorded))
    return table, []


def derive_relative_to_reference(table: pa.Table, context: Context) -> Derived:
    """Return the table with --STRF and --ENRF where a relation to a time point decides them.

    They say where a start or end without a date lies against RFSTDTC to RFENDTC. A start BEFORE a point that
    is not after RFSTDTC is BEFORE. An end that is AFTER a point or ONGOING at it, is AFTER where the point is
    not before RFENDTC, and DURING/AFTER where it lies between the two. Where there is a date nothing is
    added, for the date says more; what is given stays.
    """
    first, last = (reference_times(table, context, name) for name in ("RFSTDTC", "RFENDTC"))
    for side, decide in (("ST", _start), ("EN", _end)):
        relation, point, result = (context.named(f"{side}{suffix}") for suffix in ("RTPT", "TPT", "RF"))
        if not {relation, point} <= set(table.column_names):
            continue
        undated = as_mask(texts(table, context.named(f"{side}DTC")).is_null())
        told = texts(table, relation)
        words = decide(told, parse_dtc(texts(table, point)), first, last)
        derived = pa.array(words, pa.string(), mask=~undated | (words == ""))
        table = with_column(table, result, pc.coalesce(texts(table, result), derived))
    return table, []


def _start(relation: pa.Array, point: Times, first: Times, last: Times) -> np.ndarray:  # noqa: ARG001 -- a side
    earlier = as_mask(pc.equal(relation, "BEFORE")) & _not_after(point, first)
    return np.where(earlier, "BEFORE", "")


def _end(relation: pa.Array, point: Times, first: Times, last: Times) -> np.ndarray:
    later = as_mask(pc.is_in(relation, pa.array(["AFTER", "ONGOING"])))
    after = later & _not_after(last, point)
    within = later & _not_after(first, point) & before(point, last)
    return np.where(after, "AFTER", np.where(within, "DURING/AFTER", ""))


def _not_after(one: Times, other: Times) -> Mask:
    """Return where `one` lies before `other`, or they are the same, at the same precision."""
    same = one.valid & other.valid & (one.instant == other.instant) & (one.precision == other.precision)
    not_after: Mask = before(one, other) | same
    return not_after
