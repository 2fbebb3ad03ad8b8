"""A blinded run: no file of it says who got what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest

from trialbridge.cli import main
from trialbridge.converters.blinding import MASK, Secrets
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.errors import ConfigurationError
from trialbridge.study import study_of

PRODUCT, PLACEBO, LOT = "Lupotrilumab", "Saltwater", "LOT-77Q"
ARMS = {f"{PRODUCT} high dose": "LTMHIGH", f"{PLACEBO} control": "SWCTL"}
NAMES = (PRODUCT, PLACEBO, LOT, *ARMS, *ARMS.values())
SETTINGS = f"""
[study]
id = "S1"
title = "A trial of {PRODUCT}"
products = ["{PRODUCT}", "{PLACEBO}"]

[arms]
"{PRODUCT} high dose" = "LTMHIGH"
"{PLACEBO} control" = "SWCTL"

[permitted]
"DM.ARM" = ["{PRODUCT} high dose", "{PLACEBO} control"]

[blinded]
tests = ["LB.CRP"]

[[visits]]
number = 1
name = "BASELINE"
day = 1
window = [-1, 1]

[[elements]]
code = "SCRN"
name = "Screening"
epoch = "SCREENING"
start = ["first visit"]

[[elements]]
code = "LTM"
name = "{PRODUCT}"
epoch = "TREATMENT"
start = "first dose"
arms = ["LTMHIGH"]

[[elements]]
code = "SWT"
name = "{PLACEBO}"
epoch = "TREATMENT"
start = "first dose"
arms = ["SWCTL"]
"""


def resources() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "resourceType": "ResearchStudy",
            "id": "study",
            "identifier": [{"value": "S1"}],
            "status": "active",
            "title": f"A trial of {PRODUCT}",
            "arm": [{"name": name} for name in ARMS],
            "focus": [{"text": PRODUCT}],
        }
    ]
    for number, (arm, product, crp) in enumerate(zip(ARMS, (PRODUCT, PLACEBO), (3.25, 97.5), strict=True), 1):
        subject = {"reference": f"Patient/p{number}"}
        result = {"subject": subject, "status": "final", "effectiveDateTime": "2024-03-05"}
        found += [
            {"resourceType": "Patient", "id": f"p{number}", "gender": "female", "birthDate": "1980-05-20"},
            {
                "resourceType": "ResearchSubject",
                "id": f"s{number}",
                "identifier": [{"value": f"00{number}"}],
                "status": "on-study",
                "study": {"reference": "ResearchStudy/study"},
                "individual": subject,
                "assignedArm": arm,
                "actualArm": arm,
            },
            {
                "resourceType": "MedicationAdministration",
                "id": f"{product.lower()}-dose-{number}",
                "identifier": [{"value": LOT}],
                "status": "completed",
                "medicationCodeableConcept": {"text": product},
                "subject": subject,
                "effectiveDateTime": "2024-03-01",
                "dosage": {"text": f"500 mg of {product}", "dose": {"value": 512.5, "unit": "mg"}},
                "note": [{"text": f"{LOT} of {product} given"}, {"text": f"again {product}"}],
            },
            {
                "resourceType": "Observation",
                "id": f"crp{number}",
                **result,
                "code": {"coding": [{"system": "http://loinc.org", "code": "1988-5"}]},
                "valueQuantity": {
                    "value": crp,
                    "unit": "mg/L",
                    "code": "mg/L",
                    "system": "http://unitsofmeasure.org",
                },
                "note": [{"text": f"{crp} is low after {product}"}, {"text": f"again {crp}"}],
            },
            {
                "resourceType": "Observation",
                "id": f"own{number}",
                **result,
                "category": [{"coding": [{"code": "laboratory"}]}],
                "code": {
                    "coding": [{"system": "urn:x", "code": f"{product}-level"}],
                    "text": f"{product} level",
                },
                "valueString": f"{product} found",
                "extension": [{"url": f"urn:{product}", "valueString": product}],
            },
            {
                "resourceType": "AdverseEvent",
                "id": f"ae{number}",
                "actuality": "actual",
                "event": {"text": f"Rash after {product.upper()}"},
                "subject": subject,
                "date": "2024-03-02",
                "suspectEntity": [
                    {"instance": {"reference": f"MedicationAdministration/{product.lower()}-dose-{number}"}}
                ],
            },
        ]
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blind")
    source = folder / f"{PRODUCT}-export.ndjson"
    source.write_text("\n".join(json.dumps(one) for one in resources()) + "\n", encoding="utf-8")
    settings = folder / "study.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    out = folder / "run"
    formats = ["--format", "xpt,dataset-json,parquet"]
    code = main(["convert", str(source), "--config", str(settings), "--blinded", "--out", str(out), *formats])
    assert code in {1, 2}
    return out


def said(path: Path) -> str:
    """Return everything that a file says, unpacked, in lower case."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return f"{table.schema} {table.to_pylist()}".lower()
    if path.suffix == ".xlsx":
        with ZipFile(path) as packed:
            return " ".join(
                packed.read(name).decode("utf-8", "replace") for name in packed.namelist()
            ).lower()
    return path.read_bytes().decode("latin-1").lower()


def test_no_file_says_an_arm_a_product_or_a_batch(run: Path) -> None:
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".xpt", ".json", ".parquet", ".xml", ".html", ".xlsx", ".txt"}
    told = [
        f"{path.relative_to(run)}: {name}"
        for path in files
        for name in NAMES
        if name.lower() in said(path) or name.lower() in path.name.lower()
    ]
    assert not told


def test_no_file_says_a_dose_or_a_result_that_unblinds(run: Path) -> None:
    files = [
        path for path in run.rglob("*") if path.is_file() and path.suffix in {".json", ".parquet", ".txt"}
    ]
    told = [path.name for path in files for value in ("512.5", "97.5", "3.25") if value in said(path)]
    assert not told


def test_what_the_terminal_says_is_masked_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = next(run.parent.glob("*.ndjson"))
    main(["convert", str(source), "--config", str(run.parent / "study.toml"), "--blinded", "--out", str(run)])
    shown = capsys.readouterr()
    assert not [name for name in NAMES if name.lower() in (shown.out + shown.err).lower()]


def records(run: Path, name: str) -> list[dict[str, Any]]:
    return read_xpt(run / "sdtm" / f"{name}.xpt").table.to_pylist()


def test_a_subject_has_an_arm_and_a_product_that_say_nothing(run: Path) -> None:
    for name in ("ARM", "ARMCD", "ACTARM", "ACTARMCD"):
        assert {row[name] for row in records(run, "dm")} == {MASK}
    for row in records(run, "ex"):
        assert row["EXTRT"] == MASK
        assert not row.get("EXDOSE")


def test_what_is_no_secret_stays(run: Path) -> None:
    assert [row["USUBJID"] for row in records(run, "dm")] == ["S1-001", "S1-002"]
    assert [row["EXSTDTC"] for row in records(run, "ex")] == ["2024-03-01"] * 2
    assert {row["EPOCH"] for row in records(run, "se")} <= {"SCREENING", "TREATMENT"}
    assert {row["AETERM"] for row in records(run, "ae")} == {f"Rash after {MASK}"}


def test_the_plan_keeps_its_arms_apart(run: Path) -> None:
    arms = {row["ARMCD"] for row in records(run, "ta")}
    assert len(arms) == 2
    assert all(one.startswith(MASK) for one in arms)


def test_a_run_that_is_not_blind_says_it_all(tmp_path: Path) -> None:
    source = tmp_path / "all.ndjson"
    source.write_text("\n".join(json.dumps(one) for one in resources()) + "\n", encoding="utf-8")
    found = to_sdtm([source], study_of({"study": {"id": "S1", "products": [PRODUCT, PLACEBO]}, "arms": ARMS}))
    subjects = next(one for one in found.datasets if one.name == "DM")
    assert set(subjects.table["ARM"].to_pylist()) == set(ARMS)


def test_short_names_are_masked_where_they_stand_alone() -> None:
    secrets = Secrets(frozenset({"A", "IL-2"}))
    assert secrets.mask("A dose of IL2, and of il-2; FIL-2") == f"A dose of {MASK}, and of {MASK}; FIL-2"


@pytest.mark.parametrize("tests", [["crp"], ["LB CRP"], [3]])
def test_what_is_no_test_is_refused(tests: list[Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"blinded\.tests"):
        study_of({"blinded": {"tests": tests}})
