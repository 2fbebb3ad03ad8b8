"""Timed samples: what the design knows of a planned time point, and the date and time that it counts from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat
from trialbridge.context import Context, Derived
from trialbridge.converters.as_of import last_at_or_before
from trialbridge.converters.derive_columns import encode, numbers, report, texts, with_column
from trialbridge.timing import Numbers, Precision, Times, as_mask, parse_dtc


def derive_timepoint(table: pa.Table, context: Context) -> Derived:
    """Return the table with --TPTNUM, --ELTM, --TPTREF and --RFTDTC, by the name of the planned time point.

    --RFTDTC is the first dose, or the latest dose that is not after the record's own day and time, as the
    design says for the time point; blank where no dose decides it. What is given stays, and a --TPT that
    the design does not know is a finding.
    """
    name, planned = context.named("TPT"), context.design.timepoints
    if name not in table.column_names or not planned.num_rows:
        return table, []
    point = texts(table, name)
    rows = pc.index_in(point, flat(planned["TPT"]))
    for suffix, read in (("TPTNUM", numbers), ("ELTM", texts), ("TPTREF", texts)):
        variable = context.named(suffix)
        told = flat(planned[suffix]).take(rows)
        table = with_column(table, variable, pc.coalesce(read(table, variable), told))
    anchor = flat(planned["ANCHOR"]).take(rows)
    variable = context.named("RFTDTC")
    table = with_column(
        table, variable, pc.coalesce(texts(table, variable), _anchored(table, anchor, context))
    )
    unknown = as_mask(pc.and_(point.is_valid(), rows.is_null()))

    def say(row: int) -> tuple[str, str, str]:
        return "timepoint-unknown", f"The design has no time point {point[row]!r}", str(point[row])

    return table, report(table, context, name, unknown, [point], say)


def _anchored(table: pa.Table, anchor: pa.Array, context: Context) -> pa.Array:
    """Return the date and time of the dose that each record counts from."""
    first = texts(context.reference, "RFXSTDTC").take(
        pc.index_in(texts(table, "USUBJID"), flat(context.reference["USUBJID"]))
    )
    previous = _previous_dose(table, context)
    either = pc.if_else(pc.equal(anchor, "previous dose"), previous, None)
    return pc.coalesce(pc.if_else(pc.equal(anchor, "first dose"), first, None), either)


def _previous_dose(table: pa.Table, context: Context) -> pa.Array:
    """Return the start of the latest dose that is not after each record; both must be known to the day."""
    if not context.exposure.num_rows:
        return pa.nulls(len(table), pa.string())
    texts_of_doses = texts(context.exposure, "EXSTDTC")
    doses = parse_dtc(texts_of_doses)
    codes, known = encode(texts(context.exposure, "USUBJID"))
    usable = np.flatnonzero(doses.precision >= Precision.DAY)
    order = usable[np.lexsort((doses.instant[usable], codes[usable]))]
    records = parse_dtc(texts(table, context.named("DTC")))
    whose = pc.index_in(texts(table, "USUBJID"), known).fill_null(-1).to_numpy(zero_copy_only=False)
    places = last_at_or_before(whose, _latest_moment(records), codes[order], doses.instant[order])
    places[(whose < 0) | (records.precision < Precision.DAY)] = -1
    rows = np.append(order, -1)[places]
    return texts_of_doses.take(pa.array(rows, mask=places < 0))


def _latest_moment(records: Times) -> Numbers:
    return records.stop - records.offset - 1
