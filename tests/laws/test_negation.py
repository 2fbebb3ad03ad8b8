"""What did not happen is said by an element: who ignores our extension finds no fact that is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.carriage import RECORD
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable
from trialbridge.registry import DOMAINS
from trialbridge.standards import ig_datasets, ig_variables

Resource = Mapping[str, Any]
TOPICS = ("TESTCD", "TRT", "TERM")
SAID = {"OCCUR": "N", "STAT": "NOT DONE"}
OWN = {"XF": "XFTESTCD", "XI": "XITRT", "XE": "XETERM"}
"""A sponsor's own datasets, one of each observation class, with their topics."""

BESIDE = {"Library", "Patient", "Encounter", "Questionnaire", "ServiceRequest", "Specimen", "Medication"}
BESIDE |= {"MedicationRequest", "Organization", "Practitioner", "Location", "Device"}
"""What stands beside a record, and says nothing of whether it happened."""


def _codes(concept: Any) -> set[str]:
    return {coding.get("code") for coding in (concept or {}).get("coding", ())}


def _unanswered(item: Any) -> bool:
    values = [name for answer in item.get("answer", ()) for name in answer if name.startswith("value")]
    return not values and all(map(_unanswered, item.get("item", ())))


NEGATED: Mapping[str, Callable[[Resource], bool]] = {
    "Observation": lambda one: (
        one.get("valueBoolean") is False
        or ("dataAbsentReason" in one and not any(name.startswith("value") for name in one))
    ),
    "Procedure": lambda one: one["status"] == "not-done",
    "MedicationAdministration": lambda one: one["status"] == "not-done",
    "MedicationStatement": lambda one: (
        one["status"] in {"not-taken", "unknown"}
        or bool(_codes(one.get("adherence", {}).get("code")) & {"not-taking", "unknown"})
    ),
    "AdverseEvent": lambda one: one["actuality"] == "potential",
    "Condition": lambda one: bool(_codes(one.get("verificationStatus")) & {"refuted", "unconfirmed"}),
    "Encounter": lambda one: one["status"] == "cancelled",
    "QuestionnaireResponse": lambda one: all(map(_unanswered, one.get("item", ()))),
}
"""Resource type -> whether it says that the thing did not happen, or was not done."""


def _cases() -> Iterator[tuple[str, str, str]]:
    for code in DOMAINS:
        names = {variable.name for variable in ig_variables(code)}
        topic = next((code + one for one in TOPICS if code + one in names), "VISIT" if code == "SV" else "")
        yield from ((code, topic, code + one) for one in SAID if topic and code + one in names)
    for code, topic in OWN.items():
        yield from (
            (code, topic, code + one) for one in SAID if not topic.endswith("TESTCD") or one == "STAT"
        )
    yield from (("AE", "AETERM", f"AE{one}") for one in SAID)
    yield from (("EX", "EXTRT", f"EX{one}") for one in SAID)


def _dataset(code: str, topic: str, said: str) -> Dataset:
    cells: dict[str, Any] = {
        "STUDYID": "S1",
        "USUBJID": "S1-1",
        f"{code}SEQ": 1.0,
        topic: "THING",
        f"{code}CAT": "SOME CATEGORY",
        said: SAID[said[2:]],
    }
    variables = [Variable(name, name, "Num" if name.endswith("SEQ") else "Char") for name in cells]
    return Dataset(code, code, tuple(variables), pa.table({name: [cell] for name, cell in cells.items()}))


RESULTS = ("ORRES", "STRESC", "STRESN", "OCCUR", "STAT")
"""What would say that it was done after all."""


def _filled(dataset: Dataset) -> Dataset:
    """Return the same record with whatever else it may say: dates, doses, places, reasons."""
    code, row = dataset.name, dataset.table.to_pylist()[0]
    kept = (one for one in (ig_variables(code) if code in DOMAINS else ()) if one.name not in row)
    for one in kept:
        if not one.name.endswith(RESULTS) and not one.name.endswith("SEQ"):
            date = "2024-05-01" if one.name.endswith("DTC") else "WORD"
            row[one.name] = 2.0 if one.type == "Num" else date
    row |= {"DOMAIN": code}
    variables = [
        Variable(name, name, "Num" if isinstance(cell, float) else "Char") for name, cell in row.items()
    ]
    return Dataset(code, code, tuple(variables), pa.table({name: [cell] for name, cell in row.items()}))


def _without_ours(node: Any) -> Any:
    if isinstance(node, list):
        return [
            _without_ours(one) for one in node if not (isinstance(one, dict) and one.get("url") == RECORD)
        ]
    return {name: _without_ours(one) for name, one in node.items()} if isinstance(node, dict) else node


def _own(lines: list[Resource]) -> list[Resource]:
    """Return the resources of records, without our extension."""
    ours = f'"url": "{RECORD}"'
    return [_without_ours(one) for one in lines if ours in json.dumps(one)]


@pytest.mark.parametrize(("code", "topic", "said"), sorted(set(_cases())))
@pytest.mark.parametrize(("release", "whole"), [("R4", False), ("R4", True), ("R5", True)])
def test_what_did_not_happen_is_no_fact(
    code: str, topic: str, said: str, release: Version, tmp_path: Path, *, whole: bool
) -> None:
    dataset = _dataset(code, topic, said)
    dataset = _filled(dataset) if whole else dataset
    conversion = DatasetsToFhir([dataset], release)
    lines = [json.loads(line.text) for block in conversion for line in block]
    own = _own(lines)
    assert len(own) == 1
    assert NEGATED[own[0]["resourceType"]](own[0]), own
    assert {one["resourceType"] for one in lines} - {own[0]["resourceType"]} <= BESIDE
    assert conversion.findings == []
    assert roundtrip([dataset], tmp_path, release).exit_code == 0


def test_what_happened_is_a_fact() -> None:
    """The judgement above can tell: nothing of it holds for a record that says that it happened."""
    for code, topic in (("PR", "PRTRT"), ("MH", "MHTERM"), ("LB", "LBTESTCD"), ("XE", "XETERM")):
        dataset = _dataset(code, topic, f"{code}STAT")
        whole = dataset.table.drop_columns([f"{code}STAT"]).append_column(f"{code}ORRES", pa.array(["5"]))
        variables = tuple(Variable(name, name) for name in whole.column_names if not name.endswith("SEQ"))
        table = whole.select([one.name for one in variables])
        lines = [
            json.loads(line.text)
            for block in DatasetsToFhir([Dataset(code, code, variables, table)])
            for line in block
        ]
        (own,) = _own(lines)
        assert not NEGATED[own["resourceType"]](own)


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize(
    "cells",
    [
        {"ARMCD": "Scrnfail", "ARM": "Screen Failure", "ACTARMCD": "Scrnfail", "ACTARM": "Screen Failure"},
        {"ARMCD": None, "ARM": None, "ACTARMCD": None, "ACTARM": None, "ARMNRS": "SCREEN FAILURE"},
    ],
)
def test_a_screen_failure_is_not_on_study(
    cells: dict[str, str | None], release: Version, tmp_path: Path
) -> None:
    names = {"STUDYID": "S1", "DOMAIN": "DM", "USUBJID": "S1-1", "SUBJID": "1", **cells}
    columns = {name: pa.array([cell], pa.string()) for name, cell in names.items()}
    dataset = Dataset("DM", "", tuple(Variable(name, name) for name in names), pa.table(columns))
    lines = [json.loads(line.text) for block in DatasetsToFhir([dataset], release) for line in block]
    (subject,) = [_without_ours(one) for one in lines if one["resourceType"] == "ResearchSubject"]
    said = [coding["code"] for one in subject.get("progress", ()) for coding in one["subjectState"]["coding"]]
    assert (said or [subject["status"]])[0] == "ineligible"
    assert "on-study" not in json.dumps(subject)
    assert "Group" not in json.dumps(subject)  # a comparison group of R5 would be an arm that was given
    assert roundtrip([dataset], tmp_path, release).exit_code == 0


def test_every_class_is_asked() -> None:
    classes = {ig_datasets()[code].observation_class for code, _, _ in _cases() if code in ig_datasets()}
    assert {"FINDINGS", "INTERVENTIONS", "EVENTS"} <= classes
    assert set(OWN) <= {code for code, _, _ in _cases()}
