"""The design of a trial as data: from settings, from datasets, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from trialbridge.design import Design, design_of_datasets, overlaps
from trialbridge.design_settings import design_problems, design_settings
from trialbridge.errors import ConfigurationError
from trialbridge.milestones import Milestone, milestone
from trialbridge.study import study_of

VISIT = {"number": 1, "name": "SCREENING", "day": -7}
ELEMENT = {"code": "SCRN", "name": "Screen", "epoch": "SCREENING", "start": "informed consent"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"visits": {"number": 1}}, "[[visits]]"),
        ({"visits": [{**VISIT, "dya": 3}]}, "no key 'dya'"),
        ({"visits": [{"number": 1}]}, "needs 'name'"),
        ({"visits": [{**VISIT, "number": "1"}]}, "number is of the wrong type"),
        ({"visits": [{**VISIT, "day": True}]}, "day is of the wrong type"),
        ({"visits": [VISIT, {**VISIT, "name": "OTHER"}]}, "two have the number 1"),
        ({"visits": [VISIT, {**VISIT, "number": 2}]}, "two have the name 'SCREENING'"),
        ({"visits": [{**VISIT, "day": 0}]}, "no day 0"),
        ({"visits": [{**VISIT, "window": [1, 3]}]}, "such as [-3, 3]"),
        ({"visits": [{**VISIT, "window": [-3]}]}, "such as [-3, 3]"),
        ({"visits": [{"number": 1, "name": "X", "window": [-1, 1]}]}, "a window needs a day"),
        ({"visits": [{**VISIT, "domains": ["LABS"]}]}, "'LABS' is no domain"),
        ({"visits": [{**VISIT, "aliases": [3]}]}, "aliases must be a list of texts"),
        (
            {"visits": [VISIT, {"number": 2, "name": "BASELINE", "aliases": ["screening"]}]},
            "'screening' names 'SCREENING', too",
        ),
        ({"elements": [{**ELEMENT, "start": "the first dose"}]}, "names no moment"),
        ({"elements": [{**ELEMENT, "start": [3]}]}, ""),
        ({"elements": [{**ELEMENT, "code": "SCREENING"}]}, "at most 8 characters"),
        ({"elements": [{**ELEMENT, "duration": "2 weeks"}]}, "ISO 8601"),
        ({"timepoints": [{"name": "1 H", "elapsed": "1H"}]}, "ISO 8601"),
        ({"timepoints": [{"name": "1 H", "anchor": "dose"}]}, "first dose or previous dose"),
        ({"epochs": {"tie": "earlier"}}, "treatment or later"),
        ({"epochs": {"ties": "later"}}, "no key"),
        ({"lobxfl": {"same_day": "yes"}}, "exclude or include"),
        ({"baseline": {"LB": "visit"}}, "must be one of"),
        ({"baseline": {"LAB": "visit 1"}}, "no domain"),
    ],
)
def test_what_means_nothing_is_a_problem(data: dict[str, Any], said: str) -> None:
    found = design_problems(data)
    assert found
    assert any(said in problem for problem in found), found
    with pytest.raises(ConfigurationError):
        study_of(data)


def test_sections_become_a_design() -> None:
    design = study_of(
        {
            "arms": {"Active": "ACT", "Placebo": "PBO"},
            "visits": [
                {**VISIT, "window": [-7, 2], "aliases": ["V1"], "domains": ["LB"]},
                {"number": 1.5, "name": "PK", "day": 2, "arms": ["ACT", "PBO"]},
            ],
            "elements": [
                ELEMENT,
                {
                    **ELEMENT,
                    "code": "ACT",
                    "epoch": "TREATMENT",
                    "start": ["first dose", "visit 2"],
                    "arms": ["ACT"],
                },
                {**ELEMENT, "code": "FOLO", "epoch": "FOLLOW-UP", "start": "last dose", "end": "death"},
            ],
            "timepoints": [{"name": "1 H", "number": 1, "elapsed": "PT1H", "anchor": "previous dose"}],
            "epochs": {"tie": "later", "before": "first"},
            "baseline": {"LB": "visit 1"},
        }
    ).design
    assert design.numbers() == {"screening": "1", "v1": "1", "pk": "1.5"}
    assert design.visits["ARMCD"].to_pylist() == [None, "ACT", "PBO"]
    assert [(row["ARMCD"], row["TAETORD"], row["ETCD"]) for row in design.arms.to_pylist()] == [
        ("ACT", 1, "SCRN"),
        ("ACT", 2, "ACT"),
        ("ACT", 3, "FOLO"),
        ("PBO", 1, "SCRN"),
        ("PBO", 2, "FOLO"),
    ]
    assert design.elements["TESTRL"].to_pylist() == ["informed consent", "first dose or visit 2", "last dose"]
    assert (design.tie, design.before, design.baseline) == ("later", "first", {"LB": "visit 1"})


def test_every_part_of_the_design_is_in_the_report() -> None:
    study = study_of(
        {"visits": [{**VISIT, "window": [-7, 2]}], "elements": [ELEMENT], "epochs": {"tie": "later"}}
    )
    said = dict(study.overrides())
    assert said["visit 1"] == "SCREENING; day -7; -7 to 2 days"
    assert said["element SCRN"] == "informed consent"
    assert said["tie of epochs"] == "later"


def test_trial_design_datasets_are_a_design_and_free_text_starts_nothing() -> None:
    design = design_of_datasets(
        {
            "TE": pa.table(
                {
                    "ETCD": ["SCRN", "TRT"],
                    "ELEMENT": ["Screen", "Treatment"],
                    "TESTRL": ["Informed consent", "Administration of first dose"],
                    "TEENRL": ["", "last dose"],
                }
            ),
            "TV": pa.table({"VISITNUM": [0.0], "VISIT": ["DAY 0"], "VISITDY": [None], "TVSTRL": [""]}),
        }
    )
    assert design.elements["START"].to_pylist() == [["Informed consent"], []]
    assert design.elements["END"].to_pylist() == [[], ["last dose"]]
    assert design.visits["VISITNUM"].to_pylist() == [0.0]
    assert design.arms.num_rows == 0


def test_a_plan_from_elsewhere_fills_only_what_is_not_there() -> None:
    mine = design_settings({"visits": [VISIT], "epochs": {"tie": "later"}})
    other = design_settings({"visits": [{**VISIT, "number": 9}], "elements": [ELEMENT], "arms": {"A": "A"}})
    both = mine.with_plan_of(other)
    assert both.visits["VISITNUM"].to_pylist() == [1.0]
    assert both.elements.num_rows == 1
    assert both.tie == "later"


def test_visits_of_other_arms_or_domains_do_not_compete() -> None:
    def pairs(one: dict[str, Any], other: dict[str, Any]) -> int:
        two = [
            {**VISIT, "window": [-3, 3], **one},
            {"number": 2, "name": "B", "day": -5, "window": [-3, 3], **other},
        ]
        return len(list(overlaps(design_settings({"visits": two}).visits)))

    assert pairs({}, {}) == 1
    assert pairs({"arms": ["A"]}, {}) == 1
    assert pairs({"arms": ["A"]}, {"arms": ["B"]}) == 0
    assert pairs({"domains": ["LB", "VS"]}, {"domains": ["VS"]}) == 1
    assert pairs({"domains": ["LB"]}, {"domains": ["VS"]}) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("First Dose", Milestone("date", "RFXSTDTC")),
        ("death", Milestone("date", "DTHDTC")),
        ("informed consent - P1D", Milestone("date", "RFICDTC", days=-1)),
        ("visit 3.50", Milestone("visit", "3.5")),
        ("end of visit 13 + P2W", Milestone("visit", "13", last=True, days=14)),
        ("first visit", Milestone("visit")),
        ("last visit", Milestone("visit", last=True)),
        ("first dose of UC-MSC", Milestone("dose", "UC-MSC")),
        ("last dose of uc-msc + P7D", Milestone("dose", "UC-MSC", last=True, days=7)),
        ("disposition", Milestone("disposition", last=True)),
        ("disposition screen failure", Milestone("disposition", "SCREEN FAILURE")),
    ],
)
def test_moments_have_names(text: str, expected: Milestone) -> None:
    assert milestone(text) == expected


@pytest.mark.parametrize("text", ["", "dose", "visit", "first dose + 3 days", "first dose +P1M", "visit x"])
def test_other_text_names_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="names no moment"):
        milestone(text)


def test_an_empty_design_plans_nothing() -> None:
    assert Design().numbers() == {}
    assert list(overlaps(Design().visits)) == []
