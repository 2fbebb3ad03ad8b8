"""FHIR to SDTM to FHIR: every element survives, is made anew, or is lost with a reason that is declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trialbridge.cli import main
from trialbridge.converters.fhir_roundtrip import FhirRoundtrip, are_datasets, fhir_roundtrip
from trialbridge.converters.fhir_roundtrip_losses import Losses, losses
from trialbridge.elements import Version
from trialbridge.study import Study, read_study

LZZT = Path(__file__).parent / "lzzt" / "study.toml"


def undeclared(found: FhirRoundtrip) -> list[tuple[str, str, int]]:
    return [(one.type, one.path, one.lost) for one in found.fates if one.lost and not one.declared]


def fates(found: FhirRoundtrip, kind: str, path: str) -> tuple[int, int, int, int]:
    """Return how many values are in an element, in meaning, made anew, and lost."""
    one = next(one for one in found.fates if (one.type, one.path) == (kind, path))
    return one.element, one.meaning, one.derived, one.lost


@pytest.mark.parametrize(
    ("source", "release"),
    [
        ("us_core", "R4"),
        ("synthea_r4", "R4"),
        ("ae_ig_r5", "R5"),
        ("hl7_examples/hl7.fhir.r4.examples-4.0.1-clinical.ndjson.gz", "R4"),
    ],
)
def test_what_is_lost_is_declared(shared: Path, source: str, release: Version) -> None:
    study = Study(id="EXAMPLES", every_patient=True)
    found = fhir_roundtrip([shared / "data" / "fhir" / source], study, release=release)
    assert undeclared(found) == []
    assert found.exit_code == 0


def test_facts_of_the_published_pilot_survive(shared: Path) -> None:
    source = shared / "data" / "fhir" / "lzzt_r4" / "LZZT_FHIR_Bundle_01-701-1015.json.gz"
    found = fhir_roundtrip([source], read_study(LZZT))
    assert undeclared(found) == []
    for kind, path in (
        ("Observation", "valueQuantity.value"),
        ("Observation", "effectiveDateTime"),
        ("Observation", "code.coding.code"),
        ("Observation", "referenceRange.low.value"),
        ("AdverseEvent", "event.text"),
        ("AdverseEvent", "date"),
        ("MedicationStatement", "medicationCodeableConcept.coding.display"),
        ("MedicationStatement", "dosage.doseAndRate.doseQuantity.value"),
        ("Condition", "code.text"),
        ("Patient", "gender"),
        ("Patient", "birthDate"),
    ):
        element, meaning, _, lost = fates(found, kind, path)
        assert element + meaning > 0, path
        assert lost == 0, path
    assert fates(found, "Patient", "id") == (0, 0, 1, 0)


def resource(kind: str, name: str, **more: object) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, **more}


PATIENT = resource("Patient", "p", gender="female")
HEIGHT = resource(
    "Observation",
    "o",
    status="final",
    code={"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Body height"}]},
    subject={"reference": "Patient/p"},
    effectiveDateTime="2026-01-02",
    valueQuantity={"value": 170.50, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
)


def of_lines(folder: Path, *resources: dict[str, Any]) -> FhirRoundtrip:
    (folder / "in.ndjson").write_text("\n".join(map(json.dumps, resources)))
    return fhir_roundtrip([folder / "in.ndjson"], Study(id="S", every_patient=True))


def test_each_element_has_its_fate(tmp_path: Path) -> None:
    found = of_lines(tmp_path, PATIENT, HEIGHT)
    assert fates(found, "Observation", "effectiveDateTime") == (1, 0, 0, 0)
    assert fates(found, "Observation", "valueQuantity.value") == (1, 0, 0, 0)
    assert fates(found, "Observation", "subject.reference") == (0, 0, 1, 0)
    assert fates(found, "Observation", "code.coding.display")[3] == 1
    assert sum(one.values for one in found.fates) == 13
    assert found.exit_code == 0


def test_a_loss_that_nothing_declares_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = {**HEIGHT, "mood": "cheerful"}
    assert undeclared(of_lines(tmp_path, PATIENT, strange)) == [("Observation", "mood", 1)]
    arguments = ["roundtrip", str(tmp_path / "in.ndjson"), "--study", "S", "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert "lost, and not declared: Observation.mood, 1 of 1 values, such as cheerful" in told
    assert json.loads((tmp_path / "out" / "roundtrip.json").read_text())["exit_code"] == 1
    page = (tmp_path / "out" / "roundtrip.html").read_text()
    assert "<td>mood</td>" in page
    assert "not declared" in page


def test_what_is_left_out_on_purpose_is_no_loss(tmp_path: Path) -> None:
    wrong = {**HEIGHT, "id": "wrong", "status": "entered-in-error"}
    found = of_lines(tmp_path, PATIENT, HEIGHT, wrong)
    left = [one for one in found.fates if one.left_out]
    assert [(one.type, one.left_out) for one in left] == [("Observation", 11)]
    assert found.exit_code == 0


def test_what_becomes_no_record_is_lost_with_its_reason(tmp_path: Path) -> None:
    unknown = {**HEIGHT, "id": "x", "code": {"text": "mood of the day"}}
    found = of_lines(tmp_path, PATIENT, HEIGHT, unknown)
    whole = [one for one in found.fates if one.path.startswith("(")]
    assert [one.type for one in whole] == ["Observation"]
    assert whole[0].lost == 9
    assert whole[0].reason


def test_it_looks_whether_it_is_fhir_or_datasets(shared: Path, tmp_path: Path) -> None:
    formats = shared / "data" / "formats"
    assert are_datasets([formats / "send_dm.xpt"])
    assert are_datasets([formats / "send_dm.json"])
    assert are_datasets([formats / "send_dm.ndjson"])
    assert not are_datasets([shared / "data" / "fhir" / "us_core"])
    (tmp_path / "x.json").write_text(json.dumps(PATIENT))
    assert not are_datasets([tmp_path])


def test_the_table_is_well_formed() -> None:
    table = losses().reasons
    assert len(table) > 100
    assert all(kind and path and 10 < len(reason) <= 90 for (kind, path), reason in table.items())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a.b.c", "below a.b"),
        ("a.extension[url=http://x.y/z].valueString", "any extension"),
        ("q.display", "any display"),
        ("(it is of nobody)", None),
        ("z", None),
    ],
)
def test_the_nearest_row_says_why(path: str, reason: str | None) -> None:
    table = Losses(
        {
            ("*", "*.extension"): "any extension",
            ("*", "*.display"): "any display",
            ("Observation", "a.b"): "below a.b",
            ("Observation", "a"): "below a",
        }
    )
    assert table.reason("Observation", path) == reason
