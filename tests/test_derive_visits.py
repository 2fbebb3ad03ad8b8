"""Which visit each record belongs to, how it got it, and which visits there were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.context import Context
from trialbridge.converters.complete_visits import complete_visits
from trialbridge.converters.derive_subject_visits import NOT_PLANNED, UNDATED, number_visits
from trialbridge.converters.derive_visits import (
    NO_DATE,
    NO_VISIT,
    OTHER_ENCOUNTER,
    VISITS_OF_DAY,
    WINDOWS_OF_DAY,
    derive_visits,
)
from trialbridge.design_settings import design_settings
from trialbridge.findings import Finding

Row = dict[str, Any]
PLAN: list[Row] = [
    {"number": 1, "name": "SCREENING", "day": -7, "window": [-7, 3]},
    {"number": 2, "name": "BASELINE", "day": 1},
    {"number": 3, "name": "WEEK 1", "day": 8, "window": [-2, 2]},
    {"number": 4, "name": "WEEK 2", "day": 15, "window": [-2, 2]},
    {"number": 5, "name": "WEEK 3", "day": 22, "window": [-2, 2]},
]
TEXTS = ("USUBJID", "SVSTDTC", "SVENDTC", "SVOCCUR", "SVREASOC", "SVUPDES", "VISIT", "_key", "_id")


def context(plan: list[Row] | None = None, **subject: str | None) -> Context:
    one = {
        "STUDYID": "S",
        "USUBJID": "1",
        "ARMCD": None,
        "RFSTDTC": "2014-01-08",
        "RFPENDTC": None,
        **subject,
    }
    reference = pa.Table.from_pylist([one], pa.schema(dict.fromkeys(one, pa.string())))
    return Context("SV", reference, design=design_settings({"visits": PLAN if plan is None else plan}))


def encounters(*rows: Row) -> pa.Table:
    schema = pa.schema({**dict.fromkeys(TEXTS, pa.string()), "VISITNUM": pa.float64()})
    cells = [
        {"USUBJID": "1", "_key": f"Encounter/{place}", "_id": str(place), **row}
        for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(cells, schema)


def visits(*rows: Row, where: Context | None = None) -> tuple[list[Row], list[Finding]]:
    table, findings = number_visits(encounters(*rows), where or context())
    return table.to_pylist(), findings


def assigned(
    *rows: Row, had: tuple[Row, ...] = (), where: Context | None = None, domain: str = "LB"
) -> tuple[list[tuple[float | None, str]], list[Finding]]:
    where = where or context()
    numbered, _ = number_visits(encounters(*had), where)
    schema = pa.schema(
        {
            **dict.fromkeys(("USUBJID", f"{domain}DTC", "_join_encounter", "VISIT"), pa.string()),
            "VISITNUM": pa.float64(),
        }
    )
    table = pa.Table.from_pylist([{"USUBJID": "1", **row} for row in rows], schema)
    table, findings = derive_visits(table, replace(where, domain=domain, visits=numbered))
    return list(zip(table["VISITNUM"].to_pylist(), table["_visit_by"].to_pylist(), strict=True)), findings


# --- Encounters


def test_an_encounter_that_names_its_visit_is_that_visit_whatever_its_day() -> None:
    (row,), _ = visits({"VISITNUM": 3.0, "SVSTDTC": "2014-03-01", "VISIT": "Week one"})
    assert (row["VISITNUM"], row["VISIT"], row["VISITDY"]) == (3.0, "WEEK 1", 8.0)
    assert row["_visit_by"] == "link"


def test_an_encounter_without_a_name_is_the_one_visit_whose_window_holds_its_day() -> None:
    (row,), _ = visits({"SVSTDTC": "2014-01-17T09:00"})
    assert (row["VISITNUM"], row["_visit_by"]) == (3.0, "window")


def test_a_visit_is_not_had_twice_by_its_window() -> None:
    rows, _ = visits({"VISITNUM": 3.0, "SVSTDTC": "2014-01-15"}, {"SVSTDTC": "2014-01-17"})
    assert [row["VISITNUM"] for row in rows] == [3.0, 3.1]


def test_encounters_of_two_days_in_one_window_are_both_unscheduled_and_a_finding() -> None:
    rows, findings = visits({"SVSTDTC": "2014-01-14"}, {"SVSTDTC": "2014-01-16"})
    assert [(row["VISITNUM"], row["_visit_by"]) for row in rows] == [
        (0.1, "unscheduled"),
        (0.2, "unscheduled"),
    ]
    assert [(one.rule, one.value) for one in findings] == [
        ("visit-ambiguous", "2014-01-14"),
        ("visit-ambiguous", "2014-01-16"),
    ]


def test_encounters_of_one_day_in_a_window_are_one_visit() -> None:
    rows, findings = visits({"SVSTDTC": "2014-01-14T08:00"}, {"SVSTDTC": "2014-01-14T11:00"})
    assert [row["VISITNUM"] for row in rows] == [3.0, 3.0]
    assert findings == []


def test_unscheduled_visits_are_numbered_by_day_after_the_planned_one_before() -> None:
    rows, _ = visits(
        {"SVSTDTC": "2014-02-20", "VISIT": "Emergency"},
        {"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"},
        {"SVSTDTC": "2014-02-10", "VISIT": "Clinic"},
        {"SVSTDTC": "2013-12-01"},
        {"SVSTDTC": "2014-02-10T11:00"},
    )
    assert [row["VISITNUM"] for row in rows] == [2.2, 2.0, 2.1, 0.1, 2.1]
    assert rows[0]["VISIT"] == "UNSCHEDULED 2.2"
    assert rows[0]["SVUPDES"] == "Emergency"
    assert rows[1]["SVUPDES"] is None


def test_unscheduled_numbers_do_not_reach_the_next_planned_one() -> None:
    plan = [{"number": 1.0, "name": "A", "day": 1}, {"number": 1.1, "name": "B", "day": 90}]
    had = [{"VISITNUM": 1.0, "SVSTDTC": "2014-01-08"}] + [
        {"SVSTDTC": f"2014-02-{day:02d}"} for day in range(1, 12)
    ]
    rows, _ = visits(*had, where=context(plan))
    assert [row["VISITNUM"] for row in rows[1:]] == [round(1 + step / 1000, 3) for step in range(1, 12)]


def test_what_did_not_take_place_or_has_no_day_gets_no_number() -> None:
    rows, _ = visits({"SVSTDTC": "2014-02"}, {"SVOCCUR": "N", "SVSTDTC": "2014-02-03"}, {})
    assert [(row["VISITNUM"], row["_visit_by"]) for row in rows] == [
        (None, UNDATED),
        (None, NOT_PLANNED),
        (None, UNDATED),
    ]


def test_an_arm_has_its_own_visits() -> None:
    plan = [
        {"number": 1, "name": "A1", "day": 8, "window": [-2, 2], "arms": ["A"]},
        {"number": 2, "name": "B1", "day": 8, "window": [-2, 2], "arms": ["B"]},
    ]
    for arm, number in (("A", 1.0), ("B", 2.0), (None, 0.1)):
        (row,), findings = visits({"SVSTDTC": "2014-01-15"}, where=context(plan, ARMCD=arm))
        assert (row["VISITNUM"], findings) == (number, [])


# --- records


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"LBDTC": "2014-01-08T07:00"}, (2.0, "encounter")),
        ({"LBDTC": "2014-02-20", "_join_encounter": "Encounter/0"}, (2.0, "link")),
        ({"LBDTC": "2014-01", "_join_encounter": "Encounter/0"}, (2.0, "link")),
        ({"LBDTC": "2014-01-16", "_join_encounter": "Encounter/1"}, (3.0, "window")),
        ({"LBDTC": "2014-01-13"}, (3.0, "window")),
        ({"LBDTC": "2014-02-10"}, (3.1, "encounter")),
        ({"LBDTC": "2014-02-09", "_join_encounter": "Encounter/2"}, (3.1, "unscheduled")),
        ({"LBDTC": "2014-01-08", "VISITNUM": 4.0}, (4.0, "given")),
        ({"LBDTC": "2014-01-08", "_join_encounter": "Encounter/9"}, (None, OTHER_ENCOUNTER)),
        ({"LBDTC": "2014-01"}, (None, NO_DATE)),
        ({"LBDTC": None}, (None, NO_DATE)),
        ({"LBDTC": "2014-02-09"}, (None, NO_VISIT)),
        ({"LBDTC": "2014-01-09"}, (None, NO_VISIT)),
    ],
)
def test_how_a_record_gets_its_visit(row: Row, expected: tuple[float | None, str]) -> None:
    had = (
        {"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"},
        {"SVSTDTC": "2014-01-16"},
        {"SVSTDTC": "2014-02-10"},
    )
    (found,), findings = assigned(row, had=had)
    assert found == expected
    assert [one.rule for one in findings] == ([] if expected[0] else ["visit-unassigned"])


def test_the_day_of_a_record_is_that_of_its_own_zone() -> None:
    had = ({"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"},)
    found, _ = assigned({"LBDTC": "2014-01-08T23:30:00-05:00"}, {"LBDTC": "2014-01-09T04:30:00Z"}, had=had)
    assert found == [(2.0, "encounter"), (None, NO_VISIT)]


def test_two_visits_of_a_day_are_a_finding_and_not_a_guess() -> None:
    had = ({"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"}, {"VISITNUM": 3.0, "SVSTDTC": "2014-01-08"})
    found, findings = assigned({"LBDTC": "2014-01-08"}, {"LBDTC": "2014-01-08T10:00"}, had=had)
    assert found == [(None, VISITS_OF_DAY)] * 2
    assert [(one.rule, one.record, one.value, one.count) for one in findings] == [
        ("visit-ambiguous", "1", "2014-01-08", 2)
    ]


def test_a_visit_for_other_domains_does_not_count() -> None:
    plan = [*PLAN, {"number": 9, "name": "AE FOLLOW-UP", "domains": ["AE"]}]
    had = ({"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"}, {"VISITNUM": 9.0, "SVSTDTC": "2014-01-08"})
    found, _ = assigned({"LBDTC": "2014-01-08"}, had=had, where=context(plan))
    assert found == [(2.0, "encounter")]
    found, _ = assigned({"LBDTC": "2014-01-08"}, had=had[1:], where=context(plan))
    assert found == [(None, NO_VISIT)]


def test_a_planned_visit_of_the_day_goes_before_an_unscheduled_stay() -> None:
    had = (
        {"VISITNUM": 3.0, "SVSTDTC": "2014-01-15"},
        {"SVSTDTC": "2014-01-12", "SVENDTC": "2014-01-20"},
    )
    plan = [{**row, "window": [0, 0]} for row in PLAN]
    found, _ = assigned({"LBDTC": "2014-01-15"}, {"LBDTC": "2014-01-16"}, had=had, where=context(plan))
    assert found == [(3.0, "encounter"), (0.1, "encounter")]


def test_overlapping_windows_are_a_finding_and_not_the_nearest() -> None:
    plan = [
        {"number": 3, "name": "WEEK 1", "day": 8, "window": [-2, 5]},
        {"number": 4, "name": "WEEK 2", "day": 15, "window": [-4, 2]},
    ]
    found, findings = assigned({"LBDTC": "2014-01-18"}, {"LBDTC": "2014-01-17"}, where=context(plan))
    assert found == [(None, WINDOWS_OF_DAY), (3.0, "window")]
    assert [one.rule for one in findings] == ["visit-ambiguous"]


def test_without_a_plan_nothing_is_assigned() -> None:
    table = pa.table({"USUBJID": ["1"], "LBDTC": ["2014-01-08"], "VISIT": ["Week 1"]})
    assert derive_visits(table, replace(context([]), domain="LB")) == (table, [])


def test_a_domain_without_visits_in_the_guide_gets_none() -> None:
    table = pa.table({"USUBJID": ["1"], "EXSTDTC": ["2014-01-08"]})
    assert derive_visits(table, replace(context(), domain="EX")) == (table, [])


# --- SV as a whole


def whole(
    *rows: Row, dates: tuple[str, ...] = (), where: Context | None = None
) -> tuple[dict[float, Row], list[Finding]]:
    where = where or context()
    numbered, _ = number_visits(encounters(*rows), where)
    table = pa.table(
        {"USUBJID": pa.array(["1"] * len(dates), pa.string()), "LBDTC": pa.array(dates, pa.string())}
    )
    table, _ = derive_visits(table, replace(where, domain="LB", visits=numbered))
    found, findings = complete_visits(numbered, {"LB": table}, where)
    return {row["VISITNUM"]: row for row in found.to_pylist()}, findings


def test_several_encounters_of_a_visit_are_one_record() -> None:
    found, _ = whole(
        {"VISITNUM": 2.0, "SVSTDTC": "2014-01-09", "SVENDTC": "2014-01-09T12:00"},
        {"VISITNUM": 2.0, "SVSTDTC": "2014-01-08", "SVENDTC": "2014-01-08T12:00"},
    )
    assert (found[2.0]["SVSTDTC"], found[2.0]["SVENDTC"]) == ("2014-01-08", "2014-01-09T12:00")
    assert (found[2.0]["SVPRESP"], found[2.0]["SVOCCUR"]) == ("Y", "Y")


def test_an_end_that_nobody_states_stays_blank() -> None:
    found, _ = whole({"VISITNUM": 2.0, "SVSTDTC": "2014-01-08"})
    assert found[2.0]["SVENDTC"] is None


def test_a_visit_that_only_records_tell_of_lasts_from_the_first_to_the_last() -> None:
    found, _ = whole(dates=("2014-01-14T09:00", "2014-01-13"))
    assert (found[3.0]["SVSTDTC"], found[3.0]["SVENDTC"]) == ("2014-01-13", "2014-01-14T09:00")
    assert found[3.0]["_visit_by"] == "window"


def test_a_planned_visit_that_was_missed_is_kept() -> None:
    found, findings = whole({"VISITNUM": 3.0, "SVSTDTC": "2014-01-15"}, where=context(RFPENDTC="2014-01-26"))
    assert sorted(found) == [1.0, 3.0, 4.0]
    assert {name: found[4.0][name] for name in ("SVPRESP", "SVOCCUR", "SVSTDTC", "SVREASOC", "VISITDY")} == {
        "SVPRESP": "Y",
        "SVOCCUR": "N",
        "SVSTDTC": None,
        "SVREASOC": None,
        "VISITDY": 15.0,
    }
    assert [(one.rule, one.value) for one in findings] == [
        ("visit-missed", "SCREENING"),
        ("visit-missed", "WEEK 2"),
    ]


def test_a_visit_is_not_missed_where_something_unassigned_lies_in_its_window() -> None:
    had = ({"SVSTDTC": "2014-01-21"}, {"SVSTDTC": "2014-01-23"})
    found, _ = whole(*had, where=context(RFPENDTC="2014-03-01"))
    assert 4.0 not in found
    assert 5.0 in found


def test_a_cancelled_visit_keeps_its_reason_and_loses_its_date() -> None:
    found, findings = whole(
        {"VISITNUM": 3.0, "SVOCCUR": "N", "SVSTDTC": "2014-01-15", "SVREASOC": "SUBJECT ILL"},
        where=context(PLAN[1:3]),
    )
    row = found[3.0]
    assert (row["SVOCCUR"], row["SVREASOC"], row["SVSTDTC"], row["SVENDTC"]) == (
        "N",
        "SUBJECT ILL",
        None,
        None,
    )
    assert findings == []


def test_a_visit_that_was_cancelled_and_then_held_took_place() -> None:
    found, _ = whole(
        {"VISITNUM": 3.0, "SVOCCUR": "N", "SVSTDTC": "2014-01-15"}, {"VISITNUM": 3.0, "SVSTDTC": "2014-01-16"}
    )
    assert (found[3.0]["SVOCCUR"], found[3.0]["SVSTDTC"]) == ("Y", "2014-01-16")


def test_nobody_who_has_no_reference_date_missed_a_visit() -> None:
    found, _ = whole({"VISITNUM": 1.0, "SVSTDTC": "2014-01-02"}, where=context(RFSTDTC=None))
    assert sorted(found) == [1.0]
