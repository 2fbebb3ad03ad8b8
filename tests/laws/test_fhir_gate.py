"""The output gate finds what it is there to find."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trialbridge.carriage import RECORD
from trialbridge.converters.fhir_gate import Gate, check_resources
from trialbridge.converters.fhir_gate_columns import FEW, check_sheets
from trialbridge.converters.sheets import Sheet, Spread
from trialbridge.shapes import Position

GOOD: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "extension": [{"url": "urn:x", "valueString": "x"}],
    "status": "final",
    "code": {"text": "Pulse Rate"},
    "subject": {"reference": "Patient/p1"},
    "effectivePeriod": {"start": "2024-02-01", "end": "2024-02"},
    "valueQuantity": {"value": 72.50, "unit": "beats/min"},
}
KNOWN = frozenset({"Patient/p1"})
Change = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Text:
    """What was written, as text alone."""

    kind: str
    data: tuple[bytes, ...]

    def lines(self) -> tuple[bytes, ...]:
        return self.data


def sheet(resources: Sequence[dict[str, Any]]) -> Sheet:
    """Return resources as columns of JSON."""
    names = dict.fromkeys(name for one in resources for name in one if name != "resourceType")
    columns = {}
    for name in names:
        texts = pa.array([json.dumps(one[name]) for one in resources if name in one])
        there = np.array([name in one for one in resources])
        values = pa.array([str(one[name]) for one in resources if name in one])
        columns[name] = Spread(texts, np.where(there, np.cumsum(there) - 1, -1), values)
    return Sheet("Observation", Position("Observation", "R4"), columns, len(resources))


def rules(*resources: dict[str, Any]) -> set[str]:
    """Return what is found in texts, after seeing that the same is found in columns."""
    data = tuple(json.dumps(one).encode() for one in resources)
    found = check_resources([Text("Observation", data)], "R4", KNOWN)
    in_columns = check_sheets(Gate("R4"), [sheet(resources)], KNOWN)
    assert {(one.rule, one.resource, one.path) for one in in_columns} == {
        (one.rule, one.resource, one.path) for one in found
    }
    return {finding.rule for finding in found}


def test_a_good_resource_passes() -> None:
    assert rules(GOOD) == set()


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("fhir-empty", lambda one: one["code"].update(coding=[])),
        ("fhir-empty", lambda one: one["code"].update(coding=[{}])),
        ("fhir-empty", lambda one: one.update(issued=None)),
        ("fhir-empty", lambda one: one["code"].update(text="")),
        ("fhir-unknown-element", lambda one: one.update(value="x")),
        ("fhir-cardinality", lambda one: one.update(category={"text": "x"})),
        ("fhir-cardinality", lambda one: one.update(status=["final"])),
        ("fhir-required", lambda one: one.pop("status")),
        ("fhir-required", lambda one: one["extension"][0].pop("url")),
        ("fhir-choice", lambda one: one.update(valueString="72.50")),
        ("fhir-binding", lambda one: one.update(status="done")),
        ("fhir-form", lambda one: one.update(issued="2024-02-30T10:00:00Z")),
        ("fhir-form", lambda one: one["valueQuantity"].update(value="72.50")),
        ("fhir-form", lambda one: one.update(id="a b")),
        ("fhir-ext-1", lambda one: one["extension"][0].update(extension=[{"url": "x", "valueString": "y"}])),
        ("fhir-ext-1", lambda one: one["extension"][0].pop("valueString")),
        ("fhir-obs-6", lambda one: one.update(dataAbsentReason={"text": "broken"})),
        ("fhir-per-1", lambda one: one["effectivePeriod"].update(end="2024-01")),
        ("fhir-reference", lambda one: one["subject"].update(reference="Patient/p2")),
    ],
)
def test_a_fault_is_found(rule: str, change: Change) -> None:
    bad = json.loads(json.dumps(GOOD))
    change(bad)
    assert rules(bad) == {rule}


def test_two_resources_of_one_id_are_found() -> None:
    assert rules(GOOD, GOOD) == {"fhir-id"}


def test_a_dose_that_is_neither_given_nor_unknown_is_found() -> None:
    given = {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "status": "completed",
        "medicationCodeableConcept": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024",
        "dosage": {"text": "one"},
    }
    findings = check_resources([Text("MedicationAdministration", (json.dumps(given).encode(),))], "R4", KNOWN)
    assert [finding.rule for finding in findings] == ["fhir-invariant"]


CARRIED = {
    "a text": ({"url": "LBREASND", "valueString": 'é "broken"\n'}, set()),
    "a number": ({"url": "LBSTRESN", "valueDecimal": 5.4}, set()),
    "blanks": ({"url": "LBREASND", "valueString": "  "}, {"fhir-form"}),
    "nothing": ({"url": "LBREASND"}, {"fhir-ext-1"}),
    "no address": ({"url": "", "valueString": "x"}, {"fhir-empty"}),
    "two": ({"url": "LBREASND", "valueString": "x", "valueDecimal": 1}, {"fhir-choice"}),
}


@pytest.mark.parametrize("name", CARRIED)
def test_what_is_carried_is_looked_at_in_columns_too(name: str) -> None:
    part, wrong = CARRIED[name]
    bare = {key: value for key, value in GOOD.items() if key != "extension"}
    carried = pa.array([json.dumps({"url": RECORD, "extension": [part]})])
    own = replace(sheet([bare]), carried=carried)
    assert {one.rule for one in check_sheets(Gate("R4"), [own], KNOWN)} == wrong


def test_one_fault_among_many_is_found_where_it_is() -> None:
    many = [
        {**GOOD, "id": f"o{number}", "issued": f"2024-02-01T10:00:{number % 60:02d}.{number}Z"}
        for number in range(2 * FEW)
    ]
    many[FEW]["issued"] = "2024-02-30T10:00:00Z"
    (found,) = check_sheets(Gate("R4"), [sheet(many)], KNOWN)
    assert (found.rule, found.resource, found.value) == (
        "fhir-form",
        f"Observation/o{FEW}",
        many[FEW]["issued"],
    )
