"""The census: what nothing reads is counted, extensions by their address, whichever way the input is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trialbridge.conversion import Conversion
from trialbridge.converters.census import RARE
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.study import Study

RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
CRITERIA = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition/seriousness-criteria"
OWN = "http://example.org/own"
OTHER = {"url": OWN, "valueString": "x"}
PATIENT = {"resourceType": "Patient", "id": "p1"}
OF_PATIENT = {"subject": {"reference": "Patient/p1"}}
EVENT = {
    "resourceType": "AdverseEvent",
    "id": "a1",
    "actuality": "actual",
    "event": {"text": "Rash"},
} | OF_PATIENT
RESULT = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
} | OF_PATIENT


def converted(folder: Path, *resources: Mapping[str, Any]) -> Conversion:
    source = folder / "input.ndjson"
    source.write_text("\n".join(map(json.dumps, (PATIENT, *resources))), encoding="utf-8")
    return to_sdtm([source], Study(id="S1"), processes=1)


def extensions(conversion: Conversion) -> dict[str, int]:
    rows = conversion.elements.to_pylist()
    return {row["path"]: row["count"] for row in rows if "xtension" in row["path"]}


def test_an_extension_that_nothing_reads_is_counted_by_its_address(tmp_path: Path) -> None:
    both = [OTHER, {"url": OWN, "valueInteger": 3}, {"url": "http://example.org/more", "valueCode": "y"}]
    found = converted(tmp_path, EVENT | {"extension": both})
    assert extensions(found) == {
        f"AdverseEvent.extension[url={OWN}]": 2,
        "AdverseEvent.extension[url=http://example.org/more]": 1,
    }
    examples = dict(
        zip(found.elements["path"].to_pylist(), found.elements["example"].to_pylist(), strict=True)
    )
    assert examples[f"AdverseEvent.extension[url={OWN}]"] == '{"valueInteger":3}'


def test_extensions_that_are_read_are_not_counted(tmp_path: Path) -> None:
    white = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}
    race = {"url": RACE, "extension": [{"url": "ombCategory", "valueCoding": white}]}
    code = {"url": "criterionCode", "valueCodeableConcept": {"coding": [{"code": "x"}]}}
    criterion = {"url": CRITERIA, "extension": [code, {"url": "criterionPresent", "valueBoolean": True}]}
    found = converted(
        tmp_path, PATIENT | {"id": "p2", "extension": [race]}, EVENT | {"extension": [criterion]}
    )
    assert extensions(found) == {}


def test_extensions_are_counted_wherever_they_stand(tmp_path: Path) -> None:
    coding = {"code": "a", "display": "A", "extension": [OTHER]}
    answer = {"extension": [OTHER], "valueCoding": coding}
    response = {"resourceType": "QuestionnaireResponse", "id": "r1", "status": "completed"} | OF_PATIENT
    found = converted(
        tmp_path,
        response | {"item": [{"linkId": "Q1", "extension": [OTHER], "answer": [answer]}]},
        RESULT
        | {
            "valueCodeableConcept": {"coding": [coding]},
            "component": [{"code": RESULT["code"], "extension": [OTHER]}],
        },
        PATIENT | {"id": "p2", "extension": [{"url": RACE, "extension": [OTHER]}]},
    )
    assert extensions(found) == {
        f"Observation.component.extension[url={OWN}]": 1,
        f"Observation.valueCodeableConcept.coding.extension[url={OWN}]": 1,
        f"Patient.extension.extension[url={OWN}]": 1,
        f"QuestionnaireResponse.item.answer.extension[url={OWN}]": 1,
        f"QuestionnaireResponse.item.answer.valueCoding.extension[url={OWN}]": 1,
        f"QuestionnaireResponse.item.extension[url={OWN}]": 1,
    }


def test_an_unread_modifier_is_a_finding_beside_one_that_is_read(tmp_path: Path) -> None:
    found = converted(
        tmp_path, EVENT | {"modifierExtension": [OTHER]}, RESULT | {"modifierExtension": [OTHER]}
    )
    told = {one.path for one in found.findings if one.rule == "modifier-extension-unread"}
    assert told == {f"AdverseEvent.modifierExtension[url={OWN}]", "Observation.modifierExtension"}


def test_repeated_elements_count_the_same_folded_or_not(tmp_path: Path) -> None:
    coding = {"system": "http://example.org", "code": "a", "userSelected": True, "extension": [OTHER, OTHER]}
    many = [RESULT | {"id": f"o{n}", "valueCodeableConcept": {"coding": [coding]}} for n in range(RARE + 1)]
    folded = converted(tmp_path, *many)
    plain = converted(tmp_path, *many, {"resourceType": "Observation", "id": "odd", "nonsense": 1})
    path = f"Observation.valueCodeableConcept.coding.extension[url={OWN}]"
    assert extensions(folded) == extensions(plain) == {path: 2 * (RARE + 1)}
    kept = [row for row in plain.elements.to_pylist() if row["path"] != "Observation.nonsense"]
    assert folded.elements.to_pylist() == kept
