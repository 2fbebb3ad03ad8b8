"""SE: the elements that each subject went through, by the rules of the trial design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank, flat
from trialbridge.context import Derived
from trialbridge.converters.derive_columns import encode, numbers, texts
from trialbridge.design import Design
from trialbridge.findings import Finding, Severity
from trialbridge.milestones import Milestone, milestone
from trialbridge.timing import Mask, Numbers, Precision, Times, as_mask, before, earliest, latest, parse_dtc

UNPLANNED = "UNPLAN"
SCREENING_ONLY = ""
"""The arm of a subject without one: the elements with which every arm begins."""
SE = pa.schema(
    {
        "STUDYID": pa.string(),
        "DOMAIN": pa.string(),
        "USUBJID": pa.string(),
        "ETCD": pa.string(),
        "ELEMENT": pa.string(),
        "TAETORD": pa.float64(),
        "EPOCH": pa.string(),
        "SESTDTC": pa.string(),
        "SEENDTC": pa.string(),
        "SEUPDES": pa.string(),
    }
)


@dataclass(frozen=True)
class Course:
    """What is known of the subjects' courses: the tables that milestones are read from."""

    subjects: pa.Table
    tables: Mapping[str, pa.Table]

    @property
    def names(self) -> pa.Array:
        """USUBJID of each subject."""
        return flat(self.subjects["USUBJID"])

    def when(self, moment: Milestone) -> pa.Array:
        """Return the date and time of a milestone for each subject; null where it has none."""
        if moment.kind == "date":
            return shifted(texts(self.subjects, moment.name), moment.days)
        code = {"visit": "SV", "dose": "EX", "disposition": "DS"}[moment.kind]
        table = self.tables.get(code)
        if table is None or not len(table):
            return blank(len(self.subjects))
        dates, chosen = _records(table, moment)
        rows = pc.index_in(texts(table, "USUBJID"), self.names)
        whose = rows.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        choose = latest if moment.last else earliest
        found = choose(parse_dtc(dates), whose, chosen & (whose >= 0))
        places = np.full(len(self.subjects), -1)
        places[whose[found]] = found
        return shifted(dates.take(pa.array(places, mask=places < 0)), moment.days)


def _records(table: pa.Table, moment: Milestone) -> tuple[pa.Array, Mask]:
    """Return the dates of the records that a milestone is chosen from, and which of them it means."""
    if moment.kind == "visit":
        start, end = texts(table, "SVSTDTC"), texts(table, "SVENDTC")
        dates = pc.coalesce(end, start) if moment.last else start
        number = numbers(table, "VISITNUM")
        named = pc.equal(number, float(moment.name)) if moment.name else number.is_valid()
        took_place = ~as_mask(pc.equal(texts(table, "SVOCCUR"), "N"))
        return dates, as_mask(named) & took_place
    if moment.kind == "dose":
        start, end = texts(table, "EXSTDTC"), texts(table, "EXENDTC")
        dates = pc.coalesce(end, start) if moment.last else start
        return dates, as_mask(pc.equal(pc.utf8_upper(texts(table, "EXTRT")), moment.name))
    if moment.name:
        return texts(table, "DSSTDTC"), as_mask(pc.equal(texts(table, "DSDECOD"), moment.name))
    return texts(table, "DSSTDTC"), as_mask(pc.equal(texts(table, "DSCAT"), "DISPOSITION EVENT"))


def shifted(dates: pa.Array, days: int) -> pa.Array:
    """Return dates so many days later, as dates; a date that is not known to the day has no later day.

    Example:
        >>> shifted(pa.array(["2014-01-30T10:00", "2014-01"]), 3).to_pylist()
        ['2014-02-02', None]
    """
    if not days:
        return dates
    times = parse_dtc(dates)
    words = (times.day + days).astype("datetime64[D]").astype(str)
    return pa.array(words, pa.string(), mask=times.precision < Precision.DAY)


def derive_elements(subjects: pa.Table, tables: Mapping[str, pa.Table], design: Design) -> Derived:
    """Return SE: the elements of each subject's planned arm that began, with their start and end.

    An element began where its rule names a moment that the subject has. It ends at the moment of its own end
    rule, else when the subject's next element begins, else with the subject's participation. A subject
    without an arm went through the elements with which all arms begin; if it was dosed all the same, the
    time from first to last dose is an element that nobody planned, UNPLAN. A finding names each element that
    begins before the one it follows.

    Args:
        subjects: DM, with its reference dates.
        tables: SV, EX and DS of these subjects, as far as there are any.
        design: The elements, and the arms.
    """
    if not design.elements.num_rows or not design.arms.num_rows:
        return SE.empty_table(), []
    course = Course(subjects, tables)
    rules = {row["ETCD"]: row for row in design.elements.to_pylist()}
    starts, ends = (
        {code: _first_known(course, row[key] or ()) for code, row in rules.items()}
        for key in ("START", "END")
    )
    parts = [
        part
        for arm, elements in _arms(design)
        for part in _of_arm(course, _in_arm(course, arm, design), elements, starts, ends)
    ]
    parts.append(_unplanned(course, design))
    whole = pa.concat_tables(parts).combine_chunks()
    return _ordered(whole)


def _first_known(course: Course, rules: Sequence[str]) -> pa.Array:
    """Return the moment of the first rule of several that each subject has."""
    moments = [course.when(milestone(text)) for text in rules]
    return pc.coalesce(*moments) if moments else blank(len(course.subjects))


def _arms(design: Design) -> Iterator[tuple[str, list[Mapping[str, object]]]]:
    """Yield each arm with its elements in order, and the elements of a subject without an arm."""
    rows = sorted(design.arms.to_pylist(), key=lambda row: (row["ARMCD"], row["TAETORD"]))
    arms: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        arms.setdefault(row["ARMCD"], []).append(row)
    yield from arms.items()
    common: list[Mapping[str, object]] = []
    for elements in zip(*arms.values(), strict=False):
        if len({one["ETCD"] for one in elements}) > 1:
            break
        common.append(elements[0])
    if len(arms) == 1:  # with one arm only the order says what comes before it: the first element
        common = common[:1]
    yield SCREENING_ONLY, common


def _in_arm(course: Course, arm: str, design: Design) -> Mask:
    """Return which subjects are of an arm; of no arm that is planned, for `SCREENING_ONLY`."""
    planned = texts(course.subjects, "ARMCD")
    if arm == SCREENING_ONLY:
        return ~as_mask(pc.is_in(planned, flat(design.arms["ARMCD"])))
    return as_mask(pc.equal(planned, arm))


def _of_arm(
    course: Course,
    members: Mask,
    elements: Sequence[Mapping[str, object]],
    starts: Mapping[str, pa.Array],
    ends: Mapping[str, pa.Array],
) -> Iterator[pa.Table]:
    """Yield SE of the elements of one arm, the last one first: each ends where the next begins."""
    following = texts(course.subjects, "RFPENDTC")
    for element in reversed(elements):
        code = str(element["ETCD"])
        start = starts.get(code, blank(len(members)))
        end = pc.coalesce(ends.get(code, blank(len(members))), following)
        began = as_mask(start.is_valid()) & members
        yield _table(course, began, element, start, end)
        following = pc.if_else(pa.array(began), start, following)


def _table(
    course: Course, began: Mask, element: Mapping[str, object], start: pa.Array, end: pa.Array
) -> pa.Table:
    """Return SE of one element, of the subjects in whose course it began."""
    rows = pa.array(np.flatnonzero(began))
    told = {"DOMAIN": "SE", **{name: element.get(name) for name in SE.names if name in element}}
    columns = {name: pa.array([told.get(name)] * len(rows), SE.field(name).type) for name in SE.names}
    columns["STUDYID"] = texts(course.subjects, "STUDYID").take(rows)
    columns["USUBJID"] = course.names.take(rows)
    columns["SESTDTC"], columns["SEENDTC"] = start.take(rows), end.take(rows)
    return pa.table(columns, schema=SE)


def _unplanned(course: Course, design: Design) -> pa.Table:
    """Return SE of the treatment of subjects that have no arm, and were dosed all the same."""
    first, last = (texts(course.subjects, name) for name in ("RFXSTDTC", "RFXENDTC"))
    dosed = as_mask(first.is_valid()) & _in_arm(course, SCREENING_ONLY, design)
    table = _table(course, dosed, {"ETCD": UNPLANNED}, first, last)
    told = pc.coalesce(
        texts(course.subjects, "ACTARMUD"), pc.if_else(pa.array(dosed), "UNPLANNED TREATMENT", None)
    )
    place = table.column_names.index("SEUPDES")
    return table.set_column(place, "SEUPDES", told.filter(pa.array(dosed)))


def _ordered(table: pa.Table) -> Derived:
    """Return SE by subject and start, and the findings on elements that begin before the one they follow."""
    codes, _ = encode(table["USUBJID"])
    start = parse_dtc(table["SESTDTC"])
    order = np.lexsort((_planned_order(table), start.instant, codes))
    table, start, codes = table.take(pa.array(order)), start.take(order), codes[order]
    planned = _planned_order(table)
    late = np.zeros(len(table), bool)
    late[1:] = (np.diff(codes) == 0) & (np.diff(planned) < 0)
    late |= before(parse_dtc(table["SEENDTC"]), start)
    return table, _out_of_order(table, late, start)


def _planned_order(table: pa.Table) -> Numbers:
    order: Numbers = pc.fill_null(table["TAETORD"], 0).to_numpy().astype(np.int64)
    return order


def _out_of_order(table: pa.Table, late: Mask, start: Times) -> list[Finding]:
    found = table.filter(pa.array(late & start.valid)).select(["USUBJID", "ETCD", "SESTDTC", "SEENDTC"])
    return [
        Finding(
            Severity.WARNING,
            "element-order",
            f"{row['ETCD']} ends before it begins, or another planned before it begins after it",
            "SE",
            "SESTDTC",
            row["USUBJID"],
            value=row["SESTDTC"],
        )
        for row in found.to_pylist()
    ]
