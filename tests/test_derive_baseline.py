"""Baseline flags by the sponsor's rule, planned time points, and what is known only relative to a time."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_baseline import derive_baseline
from trialbridge.converters.derive_relative import derive_relative_to_reference, derive_time_point
from trialbridge.converters.derive_timepoint import derive_timepoint
from trialbridge.design import Design
from trialbridge.design_settings import design_settings

Row = dict[str, Any]
REFERENCE = pa.table(
    {
        "USUBJID": ["1", "2"],
        "RFSTDTC": ["2014-01-08", "2014-01-08"],
        "RFENDTC": ["2014-03-01", "2014-03-01"],
        "RFXSTDTC": ["2014-01-08T09:00", None],
    }
)
LAST, ON_DAY = "last before first dose", "last on or before day of first dose"


def flags(rule: str, *rows: Row) -> Derived:
    names = ("USUBJID", "LBTESTCD", "LBSTRESC", "LBSTAT", "LBDTC", "LBTPT", "LBBLFL")
    cells = [{"USUBJID": "1", "LBTESTCD": "HGB", "LBSTRESC": "7", **row} for row in rows]
    schema = pa.schema({**dict.fromkeys(names, pa.string()), "VISITNUM": pa.float64()})
    design = Design(baseline={"LB": rule})
    return derive_baseline(pa.Table.from_pylist(cells, schema), Context("LB", REFERENCE, design=design))


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [
        (LAST, [{"LBDTC": "2014-01-07"}, {"LBDTC": "2014-01-08"}], ["Y", None]),
        (LAST, [{"LBDTC": "2014-01-08T08:59"}, {"LBDTC": "2014-01-08T09:00"}], ["Y", None]),
        (ON_DAY, [{"LBDTC": "2014-01-07"}, {"LBDTC": "2014-01-08"}], [None, "Y"]),
        (ON_DAY, [{"LBDTC": "2014-01-08T10:00"}, {"LBDTC": "2014-01-09"}], ["Y", None]),
        (ON_DAY, [{"LBDTC": "2014-01"}, {"LBDTC": None}], [None, None]),
        (LAST, [{"LBDTC": "2014-01-06"}, {"LBDTC": "2014-01-07", "LBSTRESC": None}], ["Y", None]),
        (LAST, [{"LBDTC": "2014-01-06"}, {"LBDTC": "2014-01-07", "LBSTAT": "NOT DONE"}], ["Y", None]),
        (LAST, [{"LBDTC": "2014-01-07"}, {"LBDTC": "2014-01-07"}], [None, "Y"]),
        (LAST, [{"LBDTC": "2014-01-07", "LBTPT": "A"}, {"LBDTC": "2014-01-06", "LBTPT": "B"}], ["Y", "Y"]),
        (LAST, [{"USUBJID": "2", "LBDTC": "2014-01-07"}], [None]),
        (
            "visit 3",
            [{"LBDTC": "2014-01-09", "VISITNUM": 3.0}, {"LBDTC": "2014-01-07", "VISITNUM": 2.0}],
            ["Y", None],
        ),
        ("visit 3", [{"LBDTC": "2014-01-09", "VISITNUM": 3.1}], [None]),
        ("visit 3.1", [{"LBDTC": "2014-01-09", "VISITNUM": 3.1}], ["Y"]),
    ],
)
def test_baseline_by_the_rule_of_the_domain(rule: str, rows: list[Row], expected: list[str | None]) -> None:
    table, findings = flags(rule, *rows)
    assert table["LBBLFL"].to_pylist() == expected
    assert findings == []


def test_a_flag_that_is_given_stays_alone_and_elsewhere_is_a_finding() -> None:
    table, findings = flags(LAST, {"LBDTC": "2014-01-06", "LBBLFL": "Y"}, {"LBDTC": "2014-01-07"})
    assert table["LBBLFL"].to_pylist() == ["Y", None]
    assert [finding.rule for finding in findings] == ["blfl-contradicts"]


def test_without_a_rule_there_is_no_baseline() -> None:
    table = pa.table({"USUBJID": ["1"], "VSTESTCD": ["HR"], "VSSTRESC": ["7"], "VSDTC": ["2014-01-07"]})
    context = Context("VS", REFERENCE, design=Design(baseline={"LB": LAST}))
    assert derive_baseline(table, context) == (table, [])


# --- planned time points

DOSES = pa.table(
    {
        "USUBJID": ["1", "1", "2", "1"],
        "EXSTDTC": ["2014-01-08T09:00", "2014-01-10T09:00", "2014-01-09T09:00", "2014-02"],
    }
)
POINTS = [
    {
        "name": "1 HOUR",
        "number": 1,
        "elapsed": "PT1H",
        "reference": "PREVIOUS DOSE",
        "anchor": "previous dose",
    },
    {"name": "PREDOSE", "number": 0, "elapsed": "-PT15M", "reference": "FIRST DOSE", "anchor": "first dose"},
]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"LBTPT": "1 HOUR", "LBDTC": "2014-01-08T10:00"},
            (1.0, "PT1H", "PREVIOUS DOSE", "2014-01-08T09:00"),
        ),
        (
            {"LBTPT": "1 HOUR", "LBDTC": "2014-01-10T10:00"},
            (1.0, "PT1H", "PREVIOUS DOSE", "2014-01-10T09:00"),
        ),
        (
            {"LBTPT": "1 HOUR", "LBDTC": "2014-01-08T09:00"},
            (1.0, "PT1H", "PREVIOUS DOSE", "2014-01-08T09:00"),
        ),
        ({"LBTPT": "1 HOUR", "LBDTC": "2014-01-08T08:59"}, (1.0, "PT1H", "PREVIOUS DOSE", None)),
        ({"LBTPT": "1 HOUR", "LBDTC": "2014-01-09"}, (1.0, "PT1H", "PREVIOUS DOSE", "2014-01-08T09:00")),
        ({"LBTPT": "1 HOUR", "LBDTC": "2014-01"}, (1.0, "PT1H", "PREVIOUS DOSE", None)),
        ({"LBTPT": "PREDOSE", "LBDTC": "2014-01"}, (0.0, "-PT15M", "FIRST DOSE", "2014-01-08T09:00")),
        (
            {"LBTPT": "PREDOSE", "LBTPTREF": "DOSE", "LBDTC": None},
            (0.0, "-PT15M", "DOSE", "2014-01-08T09:00"),
        ),
        ({"LBTPT": None, "LBDTC": "2014-01-08T10:00"}, (None, None, None, None)),
        ({"USUBJID": "3", "LBTPT": "1 HOUR", "LBDTC": "2014-01-11"}, (1.0, "PT1H", "PREVIOUS DOSE", None)),
    ],
)
def test_what_the_design_knows_of_a_time_point(row: Row, expected: tuple[Any, ...]) -> None:
    schema = pa.schema(dict.fromkeys(("USUBJID", "LBTPT", "LBTPTREF", "LBDTC"), pa.string()))
    design = design_settings({"timepoints": POINTS})
    context = Context("LB", REFERENCE, design=design, exposure=DOSES)
    table, findings = derive_timepoint(pa.Table.from_pylist([{"USUBJID": "1", **row}], schema), context)
    (found,) = table.to_pylist()
    assert tuple(found[f"LB{name}"] for name in ("TPTNUM", "ELTM", "TPTREF", "RFTDTC")) == expected
    assert findings == []


def test_a_time_point_that_is_not_planned_is_a_finding() -> None:
    table = pa.table({"USUBJID": ["1", "1"], "LBTPT": ["2 HOURS", "2 HOURS"], "LBDTC": ["2014-01-08"] * 2})
    context = Context("LB", REFERENCE, design=design_settings({"timepoints": POINTS}))
    _, findings = derive_timepoint(table, context)
    assert [(one.rule, one.value, one.count) for one in findings] == [("timepoint-unknown", "2 HOURS", 2)]


# --- relative to a time point, and to the reference period


def relative(**row: str | None) -> Row:
    names = ("USUBJID", "CMDTC", "CMSTDTC", "CMENDTC", "CMSTRTPT", "CMSTTPT", "CMENRTPT", "CMENTPT")
    table = pa.Table.from_pylist([{"USUBJID": "1", **row}], pa.schema(dict.fromkeys(names, pa.string())))
    context = Context("CM", REFERENCE)
    for derivation in (derive_time_point, derive_relative_to_reference):
        table, findings = derivation(table, context)
        assert findings == []
    found: Row = table.to_pylist()[0]
    return found


def test_the_time_point_of_a_relation_is_when_it_was_recorded() -> None:
    found = relative(CMENRTPT="ONGOING", CMDTC="2014-01-01")
    assert found["CMENTPT"] == "2014-01-01"
    assert relative(CMENRTPT="ONGOING", CMDTC="2014-01-01", CMENTPT="2014-02-01")["CMENTPT"] == "2014-02-01"
    assert relative(CMENRTPT="ONGOING")["CMENTPT"] is None
    assert relative(CMDTC="2014-01-01")["CMENTPT"] is None


@pytest.mark.parametrize(
    ("relation", "point", "end", "expected"),
    [
        ("ONGOING", "2014-03-01", None, "AFTER"),
        ("AFTER", "2014-03-02", None, "AFTER"),
        ("ONGOING", "2014-02-28", None, "DURING/AFTER"),
        ("ONGOING", "2014-01-08", None, "DURING/AFTER"),
        ("ONGOING", "2014-01-07", None, None),
        ("ONGOING", "2014-03", None, None),
        ("ONGOING", None, None, None),
        ("BEFORE", "2014-03-01", None, None),
        ("ONGOING", "2014-03-01", "2014-03-05", None),
        ("U", "2014-03-01", None, None),
    ],
)
def test_an_end_relative_to_the_reference_period(
    relation: str, point: str | None, end: str | None, expected: str | None
) -> None:
    assert relative(CMENRTPT=relation, CMENTPT=point, CMENDTC=end)["CMENRF"] == expected


@pytest.mark.parametrize(
    ("relation", "point", "start", "expected"),
    [
        ("BEFORE", "2014-01-08", None, "BEFORE"),
        ("BEFORE", "2013", None, "BEFORE"),
        ("BEFORE", "2014-01-09", None, None),
        ("BEFORE", "2014-01", None, None),
        ("AFTER", "2014-01-01", None, None),
        ("BEFORE", "2014-01-08", "2013-05", None),
    ],
)
def test_a_start_relative_to_the_reference_period(
    relation: str, point: str, start: str | None, expected: str | None
) -> None:
    assert relative(CMSTRTPT=relation, CMSTTPT=point, CMSTDTC=start)["CMSTRF"] == expected
