"""Laws of visits, elements and epochs over generated calendars."""

from __future__ import annotations

import datetime as dt
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.context import Context
from trialbridge.converters.complete_visits import complete_visits
from trialbridge.converters.derive_elements import derive_elements, shifted
from trialbridge.converters.derive_epoch import epochs
from trialbridge.converters.derive_subject_visits import number_visits
from trialbridge.converters.derive_visits import derive_visits
from trialbridge.converters.planned_visits import NONE, SEVERAL, planned_visits
from trialbridge.design import ARMS, ELEMENTS, VISITS, Design, elapsed, overlaps, study_day_of, windows
from trialbridge.timing import parse_dtc

START = dt.date(2014, 3, 1)
TEXTS = pa.string()
days = st.integers(-20, 40)
dates = days.map(lambda day: (START + dt.timedelta(day)).isoformat())
partial = st.one_of(dates, dates.map(lambda text: text[:7]), dates.map(lambda text: f"{text}T08:30"))


@st.composite
def plans(draw: st.DrawFn) -> Design:
    """Return a design with some visits, whose windows may overlap."""
    numbers = sorted(draw(st.sets(st.integers(10, 80), min_size=1, max_size=6)))
    rows = [
        {
            "VISITNUM": number / 10,
            "VISIT": f"V{number}",
            "VISITDY": study_day_of(draw(st.integers(-10, 30))),
            "ARMCD": draw(st.sampled_from([None, "A", "B"])),
            "EARLY": -draw(st.integers(0, 4)),
            "LATE": draw(st.integers(0, 4)),
            "NAMES": [],
            "COLLECTED": [],
        }
        for number in numbers
    ]
    return Design(visits=pa.Table.from_pylist(rows, VISITS))


def subjects(**more: str | None) -> pa.Table:
    row = {
        "STUDYID": "S",
        "USUBJID": "1",
        "ARMCD": "A",
        "RFSTDTC": START.isoformat(),
        "RFPENDTC": None,
        **more,
    }
    return pa.Table.from_pylist([row], pa.schema(dict.fromkeys(row, TEXTS)))


def encounters(cells: list[tuple[str | None, float | None]]) -> pa.Table:
    names = ("USUBJID", "SVSTDTC", "SVENDTC", "SVOCCUR", "VISIT", "_key", "_id")
    columns = {name: pa.array([None] * len(cells), TEXTS) for name in names}
    columns["USUBJID"] = pa.array(["1"] * len(cells), TEXTS)
    columns["SVSTDTC"] = pa.array([date for date, _ in cells], TEXTS)
    columns["VISITNUM"] = pa.array([number for _, number in cells], pa.float64())
    columns["_key"] = columns["_id"] = pa.array([f"Encounter/{row}" for row in range(len(cells))], TEXTS)
    return pa.table(columns)


def records(texts: list[str]) -> pa.Table:
    return pa.table({"USUBJID": pa.array(["1"] * len(texts), TEXTS), "LBDTC": pa.array(texts, TEXTS)})


@given(st.integers(-2000, 2000))
def test_there_is_no_day_zero_and_days_come_back(count: int) -> None:
    assert study_day_of(count) != 0
    assert elapsed(study_day_of(count)) == count


@given(plans())
def test_windows_do_not_overlap_unnoticed(design: Design) -> None:
    first, last = windows(design.visits)
    rows = design.visits.to_pylist()
    expected = {
        frozenset((rows[one]["VISIT"], rows[other]["VISIT"]))
        for one, other in combinations(range(len(rows)), 2)
        if max(first[one], first[other]) <= min(last[one], last[other])
        and len({rows[one]["ARMCD"], rows[other]["ARMCD"]} - {None}) < 2
    }
    assert {frozenset(pair[:2]) for pair in overlaps(design.visits)} == expected


@given(plans(), st.lists(days, min_size=1, max_size=30), st.sampled_from(["A", "B", None]))
def test_a_window_is_taken_only_where_it_is_the_only_one(
    design: Design, some: list[int], arm: str | None
) -> None:
    planned = planned_visits(design)
    held = planned.holding(np.array(some), np.ones(len(some), bool), pa.array([arm] * len(some), TEXTS))
    rows = design.visits.to_pylist()
    for day, place in zip(some, held.tolist(), strict=True):
        inside = [
            row
            for row in range(len(rows))
            if planned.first[row] <= day <= planned.last[row] and rows[row]["ARMCD"] in {None, arm}
        ]
        assert place == (NONE if not inside else inside[0] if len(inside) == 1 else SEVERAL)


@settings(deadline=None)
@given(
    plans(),
    st.lists(st.tuples(partial, st.booleans()), max_size=8),
    st.lists(partial, max_size=8),
    st.randoms(),
)
def test_visits_do_not_hang_on_the_order_of_rows_and_never_on_the_nearest(
    design: Design, some: list[tuple[str, bool]], texts: list[str], random: object
) -> None:
    numbers = design.visits["VISITNUM"].to_pylist()
    cells = [
        (date, numbers[row % len(numbers)] if linked else None) for row, (date, linked) in enumerate(some)
    ]
    context = Context("SV", subjects(), design=design)
    visits, _ = number_visits(encounters(cells), context)
    taken, _ = derive_visits(records(texts), Context("LB", subjects(), design=design, visits=visits))
    order = list(range(len(cells)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again, _ = number_visits(encounters([cells[row] for row in order]), context)
    assert again["VISITNUM"].to_pylist() == [visits["VISITNUM"][row].as_py() for row in order]
    for text, number, how in zip(
        texts, taken["VISITNUM"].to_pylist(), taken["_visit_by"].to_pylist(), strict=True
    ):
        on_the_day = {
            one
            for (date, _), one in zip(cells, visits["VISITNUM"].to_pylist(), strict=True)
            if one is not None and len(text) > 7 and date[:10] == text[:10] and len(date) > 7
        }
        assert (number is not None) == (how in {"encounter", "window"})
        if how == "encounter":
            planned = on_the_day & set(numbers)
            assert number in on_the_day
            assert (planned or on_the_day) == {number}
        if how == "window":
            assert not on_the_day


@settings(deadline=None)
@given(
    plans(),
    st.lists(dates, min_size=1, max_size=14),
    st.lists(st.tuples(dates, st.integers(0, 5)), max_size=4),
)
def test_unscheduled_numbers_keep_the_order_of_days_and_never_meet_the_plan(
    design: Design, free: list[str], linked: list[tuple[str, int]]
) -> None:
    numbers = design.visits["VISITNUM"].to_pylist()
    cells = [(date, None) for date in free] + [(date, numbers[row % len(numbers)]) for date, row in linked]
    no_windows = design.visits.set_column(6, "EARLY", pa.nulls(len(numbers), pa.int64()))
    visits, _ = number_visits(encounters(cells), Context("SV", subjects(), design=Design(visits=no_windows)))
    by_day: dict[float, dict[str, float]] = {}
    for date, number, how in zip(
        visits["SVSTDTC"].to_pylist(),
        visits["VISITNUM"].to_pylist(),
        visits["_visit_by"].to_pylist(),
        strict=True,
    ):
        if how != "unscheduled":
            continue
        assert number not in numbers
        before = max(
            ((one, numbers[row % len(numbers)]) for one, row in linked if one <= date), default=("", None)
        )[1]
        base = float(np.floor(min(1.0, *numbers))) - 1 if before is None else before
        following = min([one for one in numbers if one > base], default=np.inf)
        assert base < number < following
        assert by_day.setdefault(base, {}).setdefault(date, number) == number
    for one in by_day.values():
        assert [one[date] for date in sorted(one)] == sorted(set(one.values()))


@settings(deadline=None)
@given(plans(), st.lists(st.tuples(partial, st.booleans()), max_size=6), st.lists(partial, max_size=6), dates)
def test_a_made_visit_has_no_date_of_its_own_making(
    design: Design, some: list[tuple[str, bool]], texts: list[str], end: str
) -> None:
    numbers = design.visits["VISITNUM"].to_pylist()
    cells = [
        (date, numbers[row % len(numbers)] if linked else None) for row, (date, linked) in enumerate(some)
    ]
    context = Context("SV", subjects(RFPENDTC=end), design=design)
    visits, _ = number_visits(encounters(cells), context)
    taken, _ = derive_visits(records(texts), Context("LB", subjects(), design=design, visits=visits))
    whole, _ = complete_visits(visits, {"LB": taken}, context)
    keys = [(row["USUBJID"], row["VISITNUM"]) for row in whole.to_pylist()]
    assert len(keys) == len(set(keys))
    given_texts = {date for date, _ in cells} | set(texts) | {None}
    assert set(whole["SVSTDTC"].to_pylist()) | set(whole["SVENDTC"].to_pylist()) <= given_texts
    first, last = windows(design.visits)
    for row in whole.to_pylist():
        if row["_visit_by"] == "missed":
            assert (row["SVOCCUR"], row["SVSTDTC"]) == ("N", None)
            at = numbers.index(row["VISITNUM"])
            inside = [text for text in texts if len(text) > 7 and first[at] <= _count(text) <= last[at]]
            held = [
                other
                for text, other in zip(texts, taken["VISITNUM"].to_pylist(), strict=True)
                if text in inside
            ]
            assert None not in held
            assert row["VISITNUM"] not in held


def _count(text: str) -> int:
    return (dt.date.fromisoformat(text[:10]) - START).days


NAMES = ("SCREENING", "TREATMENT", "FOLLOW-UP")


@given(
    st.lists(days, min_size=2, max_size=4),
    st.lists(days, min_size=1, max_size=20),
    st.sampled_from(["treatment", "later"]),
)
def test_epochs_of_days_are_those_of_a_plain_reading(marks: list[int], some: list[int], tie: str) -> None:
    marks = sorted(marks)
    spans = list(zip(marks, marks[1:], NAMES, strict=False))
    text = [[(START + dt.timedelta(day)).isoformat() for day in pair[:2]] for pair in spans]
    elements = pa.table(
        {
            "USUBJID": ["1"] * len(spans),
            "SESTDTC": [pair[0] for pair in text],
            "SEENDTC": [pair[1] for pair in text],
            "EPOCH": [pair[2] for pair in spans],
        }
    )
    when = pa.array([(START + dt.timedelta(day)).isoformat() for day in some])
    found = epochs(
        pa.array(["1"] * len(some)),
        parse_dtc(when),
        elements,
        Design(tie=tie),  # type: ignore[arg-type]
    )
    for day, epoch in zip(some, found.to_pylist(), strict=True):
        inside = [name for first, last, name in spans if first <= day <= last]
        chosen = inside[-1] if inside else None
        assert epoch == ("TREATMENT" if tie == "treatment" and "TREATMENT" in inside else chosen)


@given(st.lists(days, min_size=2, max_size=4), partial)
def test_a_partial_date_has_an_epoch_only_where_all_its_days_have_it(marks: list[int], text: str) -> None:
    marks = sorted(marks)
    spans = [(START + dt.timedelta(one), START + dt.timedelta(two)) for one, two in pairwise(marks)]
    elements = pa.table(
        {
            "USUBJID": ["1"] * len(spans),
            "SESTDTC": [first.isoformat() for first, _ in spans],
            "SEENDTC": [last.isoformat() for _, last in spans],
            "EPOCH": list(NAMES[: len(spans)]),
        }
    )
    one = epochs(pa.array(["1"]), parse_dtc(pa.array([text])), elements, Design())[0].as_py()
    if len(text) > 7 or one is None:
        return
    month = [dt.date.fromisoformat(f"{text}-01") + dt.timedelta(day) for day in range(31)]
    month = [day.isoformat() for day in month if day.isoformat().startswith(text)]
    each = epochs(pa.array(["1"] * len(month)), parse_dtc(pa.array(month)), elements, Design()).to_pylist()
    assert set(each) == {one}


@given(st.lists(st.none() | partial, min_size=3, max_size=3), st.none() | dates)
def test_elements_follow_each_other_and_keep_the_texts(texts: list[str | None], end: str | None) -> None:
    codes = ("SCRN", "TRT", "FOLO")
    rules = ("informed consent", "first dose", "last dose")
    elements = [
        {"ETCD": code, "ELEMENT": code, "START": [rule], "END": []}
        for code, rule in zip(codes, rules, strict=True)
    ]
    arms = [
        {"ARMCD": "A", "TAETORD": float(order), "ETCD": code, "ELEMENT": code, "EPOCH": epoch}
        for order, (code, epoch) in enumerate(zip(codes, NAMES, strict=True), 1)
    ]
    design = Design(elements=pa.Table.from_pylist(elements, ELEMENTS), arms=pa.Table.from_pylist(arms, ARMS))
    known = dict(zip(("RFICDTC", "RFXSTDTC", "RFXENDTC"), texts, strict=True))
    table, _ = derive_elements(subjects(**known, RFPENDTC=end), {}, design)
    planned = sorted(table.to_pylist(), key=lambda row: row["TAETORD"])
    assert [row["ETCD"] for row in planned] == [
        code for code, text in zip(codes, texts, strict=True) if text is not None
    ]
    assert [row["SESTDTC"] for row in planned] == [text for text in texts if text is not None]
    assert [row["SEENDTC"] for row in planned] == [
        *[row["SESTDTC"] for row in planned[1:]],
        *([end] if planned else []),
    ]


@given(partial, st.integers(-40, 40).filter(bool))
def test_a_later_day_is_never_more_precise(text: str, count: int) -> None:
    later = shifted(pa.array([text]), count)[0].as_py()
    if len(text) < 10:
        assert later is None
    else:
        assert later == (dt.date.fromisoformat(text[:10]) + dt.timedelta(count)).isoformat()
