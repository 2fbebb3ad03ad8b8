"""SE by the rules of the design, and EPOCH by SE."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from trialbridge.context import Context
from trialbridge.converters.derive_elements import derive_elements
from trialbridge.converters.derive_epoch import derive_epoch, epochs
from trialbridge.design import Before, Design, Tie
from trialbridge.design_settings import design_problems, design_settings
from trialbridge.timing import parse_dtc

Row = dict[str, Any]
ARMS = {"Active": "ACT", "Placebo": "PBO"}
PLAN: list[Row] = [
    {"code": "SCRN", "name": "Screen", "epoch": "SCREENING", "start": ["informed consent", "first visit"]},
    {"code": "ACT", "name": "Active", "epoch": "TREATMENT", "start": "first dose", "arms": ["ACT"]},
    {"code": "PBO", "name": "Placebo", "epoch": "TREATMENT", "start": "first dose", "arms": ["PBO"]},
    {"code": "FOLO", "name": "Follow-up", "epoch": "FOLLOW-UP", "start": "last dose + P1D"},
]
DATES = ("RFICDTC", "RFXSTDTC", "RFXENDTC", "RFPENDTC", "DTHDTC")


def elements(
    plan: list[Row] | None = None, tables: dict[str, pa.Table] | None = None, **subject: str | None
) -> tuple[list[tuple[str, str | None, str | None]], list[str]]:
    settings = {"arms": ARMS, "elements": PLAN if plan is None else plan}
    assert design_problems(settings) == []
    names = ("STUDYID", "USUBJID", "ARMCD", "ACTARMUD", *DATES)
    row = {**dict.fromkeys(names), "STUDYID": "S", "USUBJID": "1", "ARMCD": "ACT", **subject}
    subjects = pa.Table.from_pylist([row], pa.schema(dict.fromkeys(row, pa.string())))
    table, findings = derive_elements(subjects, tables or {}, design_settings(settings))
    rows = [(one["ETCD"], one["SESTDTC"], one["SEENDTC"]) for one in table.to_pylist()]
    return rows, [finding.rule for finding in findings]


COURSE = {
    "RFICDTC": "2014-01-01",
    "RFXSTDTC": "2014-01-08T09:00",
    "RFXENDTC": "2014-02-01",
    "RFPENDTC": "2014-03-01",
}


def test_each_element_ends_where_the_next_begins() -> None:
    assert elements(**COURSE) == (
        [
            ("SCRN", "2014-01-01", "2014-01-08T09:00"),
            ("ACT", "2014-01-08T09:00", "2014-02-02"),
            ("FOLO", "2014-02-02", "2014-03-01"),
        ],
        [],
    )


def test_an_element_whose_moment_never_came_is_not_there() -> None:
    assert elements(RFICDTC="2014-01-01", RFPENDTC="2014-01-05")[0] == [("SCRN", "2014-01-01", "2014-01-05")]
    assert elements(RFICDTC="2014-01-01")[0] == [("SCRN", "2014-01-01", None)]


def test_a_subject_without_an_arm_has_what_all_arms_begin_with() -> None:
    assert elements(ARMCD=None, RFICDTC="2014-01-01", RFPENDTC="2014-01-05")[0] == [
        ("SCRN", "2014-01-01", "2014-01-05")
    ]


def test_treatment_without_an_arm_is_an_element_that_nobody_planned() -> None:
    rows, _ = elements(**{**COURSE, "ARMCD": None})
    assert rows == [("SCRN", "2014-01-01", "2014-03-01"), ("UNPLAN", "2014-01-08T09:00", "2014-02-01")]


def test_of_several_rules_the_first_that_the_subject_has_counts() -> None:
    visits = pa.table(
        {
            "USUBJID": ["1", "1", "1"],
            "VISITNUM": [1.0, 2.0, 3.0],
            "SVSTDTC": ["2014-01-03", "2014-01-02", "2014-01-01"],
            "SVOCCUR": [None, None, "N"],
        }
    )
    rows, _ = elements(tables={"SV": visits})
    assert rows == [("SCRN", "2014-01-02", None)]


def test_moments_are_read_from_visits_doses_and_dispositions() -> None:
    plan = [
        {"code": "A", "name": "A", "epoch": "SCREENING", "start": "disposition RANDOMIZED"},
        {
            "code": "B",
            "name": "B",
            "epoch": "TREATMENT",
            "start": "first dose of low",
            "end": "last dose of low",
        },
        {"code": "C", "name": "C", "epoch": "TREATMENT", "start": "end of visit 4"},
        {"code": "D", "name": "D", "epoch": "FOLLOW-UP", "start": "disposition"},
    ]
    tables = {
        "SV": pa.table(
            {"USUBJID": ["1"], "VISITNUM": [4.0], "SVSTDTC": ["2014-02-01"], "SVENDTC": ["2014-02-02"]}
        ),
        "EX": pa.table(
            {
                "USUBJID": ["1", "1", "2"],
                "EXTRT": ["Low", "LOW", "LOW"],
                "EXSTDTC": ["2014-01-09", "2014-01-08", "2013"],
                "EXENDTC": ["2014-01-20", None, None],
            }
        ),
        "DS": pa.table(
            {
                "USUBJID": ["1", "1", "1"],
                "DSCAT": ["PROTOCOL MILESTONE", "DISPOSITION EVENT", "DISPOSITION EVENT"],
                "DSDECOD": ["RANDOMIZED", "COMPLETED", "LOST TO FOLLOW-UP"],
                "DSSTDTC": ["2014-01-05", "2014-02-20", "2014-03-20"],
            }
        ),
    }
    rows, _ = elements(plan, tables, RFPENDTC="2014-04-01")
    assert rows == [
        ("A", "2014-01-05", "2014-01-08"),
        ("B", "2014-01-08", "2014-01-20"),
        ("C", "2014-02-02", "2014-03-20"),
        ("D", "2014-03-20", "2014-04-01"),
    ]


def test_elements_out_of_order_are_a_finding() -> None:
    _, rules = elements(**{**COURSE, "RFICDTC": "2014-01-20"})
    assert rules == ["element-order"]


def test_a_partial_date_stays_partial_and_has_no_later_day() -> None:
    rows, _ = elements(RFICDTC="2014-01", RFXSTDTC="2014-01-08", RFXENDTC="2014-02", RFPENDTC="2014-03")
    assert rows == [("SCRN", "2014-01", "2014-01-08"), ("ACT", "2014-01-08", "2014-03")]


def test_without_a_plan_there_are_no_elements() -> None:
    assert elements([], **COURSE) == ([], [])


# --- EPOCH

SE = pa.table(
    {
        "USUBJID": ["1", "1", "1"],
        "SESTDTC": ["2014-01-01", "2014-01-08T09:00", "2014-02-01"],
        "SEENDTC": ["2014-01-08T09:00", "2014-02-01", "2014-03-01"],
        "EPOCH": ["SCREENING", "TREATMENT", "FOLLOW-UP"],
    }
)


@pytest.mark.parametrize(
    ("date", "tie", "before", "expected"),
    [
        ("2014-01-07", "treatment", "blank", "SCREENING"),
        ("2014-01-08", "treatment", "blank", "TREATMENT"),  # the day is shared, and no time says more
        ("2014-01-08T08:59", "treatment", "blank", "SCREENING"),
        ("2014-01-08T09:00", "treatment", "blank", "TREATMENT"),
        ("2014-02-01", "treatment", "blank", "TREATMENT"),
        ("2014-02-01", "later", "blank", "FOLLOW-UP"),
        ("2014-02-01T10:00", "treatment", "blank", "TREATMENT"),
        ("2014-01", "treatment", "blank", None),
        ("2014-02", "treatment", "blank", None),
        ("2014", "treatment", "first", None),
        ("2013-12-31", "treatment", "blank", None),
        ("2013-12-31", "treatment", "first", "SCREENING"),
        ("2013", "treatment", "first", "SCREENING"),
        ("2014-03-02", "treatment", "first", None),
        ("2014-01-08T23:30-05:00", "treatment", "blank", "TREATMENT"),
        ("2014-02-30", "treatment", "first", None),
        (None, "treatment", "first", None),
    ],
)
def test_epoch(date: str | None, tie: Tie, before: Before, expected: str | None) -> None:
    times = parse_dtc(pa.array([date], pa.string()))
    assert epochs(pa.array(["1"]), times, SE, Design(tie=tie, before=before)).to_pylist() == [expected]


def test_a_month_inside_one_element_has_its_epoch() -> None:
    whole_year = pa.table(
        {"USUBJID": ["1"], "SESTDTC": ["2014-01-01"], "SEENDTC": [None], "EPOCH": ["SCREENING"]},
        pa.schema(dict.fromkeys(SE.column_names, pa.string())),
    )
    times = parse_dtc(pa.array(["2014-05", "2014", "2013-12"]))
    assert epochs(pa.array(["1"] * 3), times, whole_year, Design()).to_pylist() == [
        "SCREENING",
        "SCREENING",
        None,
    ]


def test_a_subject_without_elements_has_no_epoch() -> None:
    times = parse_dtc(pa.array(["2014-01-07"]))
    assert epochs(pa.array(["2"]), times, SE, Design(before="first")).to_pylist() == [None]


def test_epoch_that_is_given_stays_and_a_contradiction_is_a_finding() -> None:
    table = pa.table(
        {"USUBJID": ["1", "1"], "AESTDTC": ["2014-01-07", "2014-01-07"], "EPOCH": [None, "TREATMENT"]}
    )
    derived, findings = derive_epoch(table, Context("AE", pa.table({"USUBJID": ["1"]}), elements=SE))
    assert derived["EPOCH"].to_pylist() == ["SCREENING", "TREATMENT"]
    assert [finding.rule for finding in findings] == ["epoch-contradicts"]


def test_visits_and_subjects_have_no_epoch() -> None:
    table = pa.table({"USUBJID": ["1"], "SVSTDTC": ["2014-01-07"]})
    assert derive_epoch(table, Context("SV", pa.table({"USUBJID": ["1"]}), elements=SE)) == (table, [])
