"""Records of domains that no published package has, to FHIR and back: which resources they become."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets
from trialbridge.study import study_of

Record = Mapping[str, Any]
DATASETS = "urn:trialbridge:sdtm:dataset"

RECORDS: Mapping[str, Sequence[Record]] = {
    "CE": [
        {
            "CETERM": "Flare",
            "CEDECOD": "Flare",
            "CECAT": "FLARES",
            "CESEV": "SEVERE",
            "CESTDTC": "2024-03-01",
        },
        {"CETERM": "Nephritis", "CEPRESP": "Y", "CEOCCUR": "N", "CEDTC": "2024-03-02"},
        {"CETERM": "Rash", "CEPRESP": "Y", "CESTAT": "NOT DONE", "CEREASND": "Not asked"},
    ],
    "DV": [
        {"DVTERM": "Visit late", "DVDECOD": "Out of window", "DVCAT": "MINOR", "DVSTDTC": "2024-03-01"},
        {"DVTERM": "No consent", "DVSTDTC": "2024-03", "DVENDTC": "2024-04-02"},
    ],
    "EC": [
        {"ECTRT": "X", "ECMOOD": "PERFORMED", "ECPRESP": "Y", "ECOCCUR": "Y", "ECDOSE": 50.0, "ECDOSU": "mg"},
        {"ECTRT": "X", "ECMOOD": "PERFORMED", "ECPRESP": "Y", "ECOCCUR": "N", "ECREASOC": "Low platelets"},
        {"ECTRT": "X", "ECMOOD": "SCHEDULED", "ECDOSE": 50.0, "ECDOSU": "mg", "ECSTDTC": "2024-03-07"},
    ],
    "FA": [
        {"FATESTCD": "SEV", "FATEST": "Severity/Intensity", "FAOBJ": "Rash", "FAORRES": "MILD"},
        {"FATESTCD": "OCCUR", "FATEST": "Occurrence Indicator", "FAOBJ": "Rash", "FASTAT": "NOT DONE"},
    ],
}


def _dataset(code: str) -> Dataset:
    rows = [
        {"STUDYID": "S1", "DOMAIN": code, "USUBJID": "S1-1", f"{code}SEQ": float(number), **record}
        for number, record in enumerate(RECORDS[code], 1)
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, float)}
    variables = [Variable(name, name, "Num" if name in numbers else "Char") for name in names]
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    return Dataset(code, ig_datasets()[code].label, tuple(variables), table)


def _resources(code: str, release: Version) -> list[dict[str, Any]]:
    conversion = DatasetsToFhir([_dataset(code)], release)
    found = [json.loads(line.text) for block in conversion for line in block]
    assert conversion.findings == []
    return [one for one in found if one["resourceType"] not in {"Library", "Patient"}]


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("code", sorted(RECORDS))
def test_every_cell_comes_back(code: str, release: Version, tmp_path: Path) -> None:
    assert roundtrip([_dataset(code)], tmp_path, release).exit_code == 0


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_planned_dose_is_an_order_and_a_given_one_an_administration(release: Version) -> None:
    found = _resources("EC", release)
    orders = [one for one in found if one["resourceType"] == "MedicationRequest"]
    given = [one["status"] for one in found if one["resourceType"] == "MedicationAdministration"]
    assert [one["intent"] for one in orders] == ["plan"]
    assert sorted(given) == ["completed", "not-done"]


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize(
    ("code", "kind"), [("CE", "Condition"), ("DV", "DetectedIssue"), ("FA", "Observation")]
)
def test_a_record_is_the_resource_that_its_mapping_names(code: str, kind: str, release: Version) -> None:
    assert {one["resourceType"] for one in _resources(code, release)} == {kind}


@pytest.mark.parametrize("code", ["CE", "DV", "EC"])
def test_without_our_extension_a_reader_still_finds_the_domain(code: str, tmp_path: Path) -> None:
    """The category, or the code of an issue, says it: an event is no history, a dose of EC no exposure."""
    subject = {
        "resourceType": "ResearchSubject",
        "id": "s",
        "status": "on-study",
        "identifier": [{"value": "1"}],
        "study": {"reference": "ResearchStudy/t"},
        "individual": {"reference": f"Patient/{_patient(code)}"},
    }
    study = {"resourceType": "ResearchStudy", "id": "t", "status": "active", "identifier": [{"value": "S1"}]}
    records = [one for one in _resources(code, "R4") if one["resourceType"] != "MedicationRequest"]
    patient = {"resourceType": "Patient", "id": _patient(code)}
    plain = [{name: value for name, value in one.items() if name != "extension"} for one in records]
    source = tmp_path / "plain.ndjson"
    source.write_text("\n".join(map(json.dumps, [study, subject, patient, *plain])) + "\n", "utf-8")
    tables = {
        one.name: one.table for one in to_sdtm([source], study_of({"study": {"products": ["X"]}})).datasets
    }
    assert len(tables[code]) == len([one for one in records if one["resourceType"] != "Medication"])
    assert not {"MH", "EX", "AE"} & set(tables)


ENDS = {
    "1": [("INFORMED CONSENT OBTAINED", "PROTOCOL MILESTONE", ""), ("COMPLETED", "DISPOSITION EVENT", "")],
    "2": [("RANDOMIZED", "PROTOCOL MILESTONE", ""), ("WITHDRAWAL BY SUBJECT", "DISPOSITION EVENT", "")],
    "3": [("SCREEN FAILURE", "DISPOSITION EVENT", "STUDY PARTICIPATION")],
    "4": [
        ("ENTERED INTO TRIAL", "PROTOCOL MILESTONE", ""),
        ("COMPLETED", "DISPOSITION EVENT", "STUDY TREATMENT"),
    ],
    "5": [("INFORMED CONSENT OBTAINED", "PROTOCOL MILESTONE", "")],
    "6": [("DEATH", "DISPOSITION EVENT", "STUDY PARTICIPATION"), ("RANDOMIZED", "PROTOCOL MILESTONE", "")],
    "7": [],
}
STATES = ["off-study", "withdrawn", "ineligible", "on-study", "screening", "off-study", "on-study"]


def _table(name: str, rows: list[dict[str, str]]) -> Dataset:
    variables = tuple(Variable(one, one) for one in rows[0])
    return Dataset(
        name, name, variables, pa.table({one: [row[one] or None for row in rows] for one in rows[0]})
    )


def _subjects() -> list[Dataset]:
    people = [{"STUDYID": "S1", "DOMAIN": "DM", "USUBJID": name, "SUBJID": name} for name in ENDS]
    said = [
        {
            "STUDYID": "S1",
            "DOMAIN": "DS",
            "USUBJID": name,
            "DSTERM": term,
            "DSDECOD": term,
            "DSCAT": cat,
            "DSSCAT": scat,
        }
        for name, dispositions in ENDS.items()
        for term, cat, scat in dispositions
    ]
    return [_table("DM", people), _table("DS", said)]


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_what_became_of_a_subject_follows_from_the_dispositions(release: Version, tmp_path: Path) -> None:
    conversion = DatasetsToFhir(_subjects(), release)
    found = [json.loads(line.text) for block in conversion for line in block]
    subjects = [one for one in found if one["resourceType"] == "ResearchSubject"]
    told = {
        one["identifier"][0]["value"]: one["status"]
        if release == "R4"
        else one["progress"][0]["subjectState"]["coding"][0]["code"]
        for one in subjects
    }
    assert [told[name] for name in ENDS] == STATES
    assert roundtrip(_subjects(), tmp_path, release).exit_code == 0


def _patient(code: str) -> str:
    one = next(one for one in _resources(code, "R4") if one["resourceType"] != "Medication")
    holder = one.get("subject") or one["patient"]
    return str(holder["reference"]).removeprefix("Patient/")
