"""SV made whole: one record a visit, those that only records tell of, and planned ones that were missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat
from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, numbers, texts, with_column
from trialbridge.converters.derive_subject_visits import BY, WINDOW, packed_pairs
from trialbridge.converters.planned_visits import arms_of, elapsed_days, planned_visits
from trialbridge.findings import Finding, Severity
from trialbridge.timing import Column, Numbers, Precision, as_mask, earliest, latest, parse_dtc

MISSED = "missed"
IDENTIFIERS = pa.schema(
    {name: pa.string() for name in ("STUDYID", "USUBJID", "SVSTDTC", "SVENDTC", "SVOCCUR", "VISIT", BY)}
)


def complete_visits(visits: pa.Table, tables: Mapping[str, pa.Table], context: Context) -> Derived:
    """Return SV with one record for each visit of a subject, planned or not, had or missed.

    Several Encounters of one visit are one record, from the first start to the last end. A visit that no
    Encounter, but a record by its window, tells of lasts from the first such record to the last. A planned
    visit with a window that is over before the subject's participation ends was missed where nothing lies in
    it but what belongs to other planned visits: SVOCCUR is N, and nobody says why. What has no number is
    left out.

    Args:
        visits: SV as `number_visits` gave it.
        tables: Every other domain of the same subjects, as `derive_visits` gave it.
        context: The design, and the subjects: USUBJID, STUDYID, ARMCD, RFSTDTC, RFPENDTC.
    """
    table = _one_each(visits.filter(numbers(visits, "VISITNUM").is_valid())) if len(visits) else visits
    table = _joined([table, _told_by_records(table, tables, context)])
    missed = _missed(table, tables, context)
    table = _joined([table, missed])
    return _planned_flags(table, context), _missed_findings(missed)


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Return several parts of SV as one."""
    whole = pa.concat_tables([part for part in parts if part.num_columns], promote_options="default")
    return whole.combine_chunks()


def _one_each(table: pa.Table) -> pa.Table:
    """Return one row for each subject and visit: the first that took place, lasting until the last."""
    codes, _ = encode(table["USUBJID"])
    keys = packed_pairs(codes, numbers(table, "VISITNUM").to_numpy(zero_copy_only=False))
    start, end = texts(table, "SVSTDTC"), texts(table, "SVENDTC")
    missed = as_mask(pc.equal(texts(table, "SVOCCUR"), "N"))
    ids = np.argsort(np.argsort(pc.fill_null(texts(table, "_id"), "").to_numpy(zero_copy_only=False)))
    order = np.lexsort((ids, parse_dtc(start).instant, missed, keys))
    chosen = order[np.unique(keys[order], return_index=True)[1]]
    first = np.isin(np.arange(len(table)), chosen)
    ends = pc.if_else(pa.array(first), end, pc.coalesce(end, start))  # a visit of one Encounter has its end
    last = latest(parse_dtc(ends), keys, ~missed)
    ending = np.full(int(keys.max(initial=0)) + 1, -1)
    ending[keys[last]] = last
    places = ending[keys[chosen]]
    some = table.take(pa.array(chosen))
    off = missed[chosen]
    some = with_column(some, "SVENDTC", ends.take(pa.array(places, mask=(places < 0) | off)))
    return with_column(some, "SVSTDTC", pc.if_else(pa.array(off), None, texts(some, "SVSTDTC")))


def _told_by_records(table: pa.Table, tables: Mapping[str, pa.Table], context: Context) -> pa.Table:
    """Return SV records of visits that records were assigned to by a window, and that no Encounter gave."""
    found = [part for code, one in tables.items() for part in _by_window(code, one)]
    if not found:
        return IDENTIFIERS.empty_table()
    records = pa.concat_tables(found).combine_chunks()
    have = _names(texts(table, "USUBJID"), numbers(table, "VISITNUM"))
    records = records.filter(pc.invert(pc.is_in(_names(records["USUBJID"], records["VISITNUM"]), have)))
    codes, _ = encode(records["USUBJID"])
    keys = packed_pairs(codes, records["VISITNUM"].to_numpy())
    times = parse_dtc(records["DATE"])
    first, last = earliest(times, keys), latest(times, keys)
    some = records.take(pa.array(first))
    some = with_column(some, "SVSTDTC", flat(some["DATE"]))
    some = with_column(some, "SVENDTC", flat(records["DATE"].take(pa.array(last))))
    return _identified(some.drop_columns(["DATE"]), WINDOW, context)


def _by_window(code: str, table: pa.Table) -> Iterator[pa.Table]:
    if BY in table.column_names:
        date = next((n for n in (f"{code}DTC", f"{code}STDTC") if n in table.column_names), "")
        some = table.filter(pc.fill_null(pc.equal(texts(table, BY), WINDOW), False))  # noqa: FBT003
        yield pa.table(
            {
                "USUBJID": texts(some, "USUBJID"),
                "VISITNUM": numbers(some, "VISITNUM"),
                "VISIT": texts(some, "VISIT"),
                "VISITDY": numbers(some, "VISITDY"),
                "DATE": texts(some, date),
            }
        )


def _names(subjects: Column, visit: Column) -> pa.Array:
    return pc.binary_join_element_wise(flat(subjects), flat(visit).cast(pa.string()), "|")


def _identified(table: pa.Table, how: str, context: Context) -> pa.Table:
    """Return made records with their study, and with how they were made."""
    rows = pc.index_in(texts(table, "USUBJID"), flat(context.reference["USUBJID"]))
    table = with_column(table, "STUDYID", texts(context.reference, "STUDYID").take(rows))
    fixed = {"DOMAIN": "SV", BY: how}
    for name, value in fixed.items():
        table = with_column(table, name, pa.array([value] * len(table), pa.string()))
    return table


def _missed(table: pa.Table, tables: Mapping[str, pa.Table], context: Context) -> pa.Table:
    """Return SV records of the planned visits in whose windows nothing lies, though the subject took part."""
    planned, subjects = planned_visits(context.design), context.reference
    last = _last_days(table, tables, context)
    arms = arms_of(subjects, context)
    names = flat(subjects["USUBJID"])
    have = _names(texts(table, "USUBJID"), numbers(table, "VISITNUM"))
    occupied = _days(table, tables, context, planned.number)
    rows: list[Numbers] = []
    visits: list[Numbers] = []
    for row, applies in planned.each(arms):
        over = applies & (planned.first[row] <= planned.last[row]) & (planned.last[row] < last)
        number = pa.array(np.full(len(names), planned.number[row]))
        had = as_mask(pc.is_in(_names(names, number), have))
        chosen = np.flatnonzero(over & ~had)
        chosen = chosen[~_any_between(occupied, chosen, planned.first[row], planned.last[row])]
        rows.append(chosen)
        visits.append(np.full(len(chosen), row))
    whose, which = (np.concatenate(parts) if parts else np.zeros(0, np.int64) for parts in (rows, visits))
    made = pa.table(
        {
            "USUBJID": names.take(pa.array(whose)),
            "VISITNUM": pa.array(planned.number[which], pa.float64()),
            "VISIT": planned.name.take(pa.array(which)),
            "SVOCCUR": pa.array(["N"] * len(whose), pa.string()),
        }
    )
    return _identified(made, MISSED, context)


def _last_days(table: pa.Table, tables: Mapping[str, pa.Table], context: Context) -> Numbers:
    """Return the days from RFSTDTC to the end of each subject's participation, else to its last record."""
    subjects = context.reference
    days, known = elapsed_days(subjects, parse_dtc(texts(subjects, "RFPENDTC")), context)
    began = parse_dtc(texts(subjects, "RFSTDTC")).precision >= Precision.DAY
    nothing = np.iinfo(np.int64).min
    last = np.full(len(subjects), nothing)
    whose, of_records = _days(table, tables, context, np.zeros(0))
    np.maximum.at(last, whose, of_records)
    return np.where(began, np.where(known, days, last), nothing)


def _days(
    table: pa.Table, tables: Mapping[str, pa.Table], context: Context, without: np.ndarray
) -> tuple[Numbers, Numbers]:
    """Return subject and day of everything that was collected or done, but at the visits `without`."""
    names = flat(context.reference["USUBJID"])
    whose, days = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for code, one in {**tables, "SV": table}.items():
        name = f"{code}STDTC" if code in {"SV", "EX", "PR"} else f"{code}DTC"
        if name in one.column_names and code not in {"DM", "SE"}:
            day, known = elapsed_days(one, parse_dtc(one[name]), context)
            row = pc.index_in(texts(one, "USUBJID"), names).fill_null(-1).to_numpy(zero_copy_only=False)
            known &= (row >= 0) & ~as_mask(
                pc.is_in(numbers(one, "VISITNUM"), pa.array(without, pa.float64()))
            )
            whose.append(row[known])
            days.append(day[known])
    return np.concatenate(whose), np.concatenate(days)


def _any_between(occupied: tuple[Numbers, Numbers], whose: Numbers, first: int, last: int) -> np.ndarray:
    """Return for each subject whether something lies in its days from `first` to `last`."""
    inside = (occupied[1] >= first) & (occupied[1] <= last)
    return np.isin(whose, occupied[0][inside])


def _planned_flags(table: pa.Table, context: Context) -> pa.Table:
    """Return SV with SVPRESP and SVOCCUR of planned visits, and their planned day."""
    planned = planned_visits(context.design)
    rows = pc.index_in(numbers(table, "VISITNUM"), pa.array(planned.number))
    yes = pc.if_else(rows.is_valid(), "Y", pa.scalar(None, pa.string()))
    occurred = pc.if_else(rows.is_valid(), pc.coalesce(texts(table, "SVOCCUR"), yes), None)
    table = with_column(table, "SVPRESP", pc.coalesce(texts(table, "SVPRESP"), yes))
    table = with_column(table, "SVOCCUR", occurred)
    return with_column(table, "VISITDY", planned.day.take(rows))


def _missed_findings(missed: pa.Table) -> list[Finding]:
    """Return one finding for each planned visit that subjects missed."""
    return [
        Finding(
            Severity.NOTICE,
            "visit-missed",
            f"{item['values']} is planned, and nothing of the subject lies in its window; nobody says why",
            "SV",
            "SVOCCUR",
            value=item["values"],
            count=item["counts"],
        )
        for item in pc.value_counts(flat(missed["VISIT"])).to_pylist()
    ]
