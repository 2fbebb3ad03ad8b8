"""The output gate finds what it is there to find."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from trialbridge.converters.fhir_gate import check_resources

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


def rules(*resources: dict[str, Any]) -> set[str]:
    data = tuple(json.dumps(one).encode() for one in resources)
    return {finding.rule for finding in check_resources([Text("Observation", data)], "R4", KNOWN)}


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
