"""Records of ClinicalTrials.gov become resources and datasets, and nothing of their design is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trialbridge.cli import main
from trialbridge.converters.design_resources import design_of_fhir
from trialbridge.converters.leaf_account import UNKNOWN, Entry, leaves
from trialbridge.converters.read_records import read_records
from trialbridge.converters.registry_design import criteria_of, registry_design
from trialbridge.converters.registry_record import Record
from trialbridge.converters.registry_run import RegistryRun, registry_run
from trialbridge.elements import Version
from trialbridge.errors import ReadError

FILES = (
    "NCT00184067_full.json",
    "NCT04267848_full.json.gz",
    "get_nct02576665_20260811.json",
    "search_phelan_limit5_20260811.json",
    "search_phelan_next_20260811.json",
)
RELEASES: tuple[Version, ...] = ("R4", "R5")
DESIGN = "protocolSection.designModule"
KEPT = ("designModule", "armsInterventionsModule", "outcomesModule", "conditionsModule", "eligibilityModule")
"""The modules of which no leaf may be left out."""

SMALL: dict[str, Any] = {
    "protocolSection": {
        "identificationModule": {"nctId": "NCT00000001", "orgStudyIdInfo": {"id": "P-1"}},
        "statusModule": {"overallStatus": "RECRUITING", "completionDateStruct": {"date": "2030-01"}},
        "designModule": {
            "studyType": "INTERVENTIONAL",
            "phases": ["PHASE1", "PHASE2"],
            "designInfo": {
                "allocation": "NON_RANDOMIZED",
                "interventionModel": "SEQUENTIAL",
                "interventionModelDescription": "One dose after another",
                "maskingInfo": {"masking": "TRIPLE", "whoMasked": ["PARTICIPANT", "INVESTIGATOR"]},
            },
            "enrollmentInfo": {"count": 12, "type": "ESTIMATED"},
        },
        "armsInterventionsModule": {
            "armGroups": [
                {"label": "Cells", "type": "EXPERIMENTAL", "interventionNames": ["Biological: Cells"]},
                {"label": "Salt", "type": "PLACEBO_COMPARATOR", "interventionNames": ["Drug: Saline"]},
            ],
            "interventions": [
                {"name": "Cells", "type": "BIOLOGICAL", "otherNames": ["MSC"], "armGroupLabels": ["Cells"]},
                {"name": "Saline", "type": "DRUG", "armGroupLabels": ["Salt"]},
            ],
        },
        "eligibilityModule": {"minimumAge": "18 Years", "sex": "FEMALE", "stdAges": ["ADULT"]},
        "newModule": {"newField": "x"},
    }
}


def _records(shared: Path) -> list[Record]:
    return read_records([shared / "data" / "ctgov" / name for name in FILES])


def _values(run: RegistryRun, code: str) -> list[str | None]:
    [ts] = [one.table.to_pylist() for one in run.conversion.datasets if one.name == "TS"]
    return [row["TSVAL"] for row in ts if row["TSPARMCD"] == code]


def _said(run: RegistryRun) -> str:
    """Return all that resources and datasets say, on one line and without Markdown's backslashes."""
    texts = [text for _, text in leaves(run.resources)]
    for dataset in run.conversion.datasets:
        for name in dataset.table.column_names:
            texts += [str(cell) for cell in dataset.table[name].to_pylist() if cell is not None]
    return _plain(" ".join(texts))


def _plain(text: str) -> str:
    return "".join(text.replace("\\", "").split())


@pytest.mark.parametrize("release", RELEASES)
def test_every_record_imports_and_nothing_of_its_design_is_lost(shared: Path, release: Version) -> None:
    found = _records(shared)
    assert len(found) == 13
    for record in found:
        run = registry_run(record, release)
        assert {"TS"} <= {one.name for one in run.conversion.datasets}, record.number
        assert [entry.path for entry in run.ledger] == [path for path, _ in leaves(record.data)]
        lost = [one for one in run.ledger if not one.used and one.path.startswith(DESIGN)]
        assert lost == []
        assert [one for one in run.ledger if one.where == UNKNOWN] == []
        assert all(one.where for one in run.ledger)


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_used_stands_in_resources_or_datasets(shared: Path, release: Version) -> None:
    for record in _records(shared):
        run = registry_run(record, release)
        said = _said(run)
        assert _missing(run.ledger, said) == [], record.number


CODED = (
    *("designModule.", ".sex", "Age", ".type", ".role", "healthyVolunteers", "oversightModule"),
    *("overallStatus", "stdAges"),
)
"""What becomes a code or a choice of element: its own words stand nowhere."""


def _missing(ledger: Sequence[Entry], said: str) -> list[str]:
    """Return the used leaves in words that nothing says; codes are other words by then."""
    words = [one for one in ledger if one.used and not any(part in one.path for part in CODED)]
    joined = ("eligibilityCriteria", "interventionNames", "country", "lastUpdateSubmitDate")
    plain = [one for one in words if not any(part in one.path for part in joined)]
    return [one.path for one in plain if _plain(one.value) not in said]


@pytest.mark.parametrize("release", RELEASES)
def test_the_resources_are_fhir_and_say_the_same_design(shared: Path, release: Version) -> None:
    package = "fhir.resources" + ("" if release == "R5" else ".R4B")
    for record in _records(shared):
        run = registry_run(record, release)
        for one in run.resources:
            kind = one["resourceType"]
            getattr(import_module(f"{package}.{kind.lower()}"), kind).model_validate(one)
        design = registry_design(record)
        back = design_of_fhir(run.resources, release)
        for name in ("TA", "TE", "TI"):
            assert back.get(name, []) == design.get(name, []), record.number


def test_a_small_record_says_what_it_says() -> None:
    run = registry_run(Record(SMALL))
    assert {
        name: _values(run, name) for name in ("TPHASE", "RANDOM", "INTMODEL", "PLANSUB", "TRT", "TCNTRL")
    } == {
        "TPHASE": ["PHASE I/II TRIAL"],
        "RANDOM": ["N"],
        "INTMODEL": ["SEQUENTIAL"],
        "PLANSUB": ["12"],
        "TRT": ["Cells"],
        "TCNTRL": ["PLACEBO"],
    }
    assert _values(run, "TBLIND") == [None], "three of four who are masked need not be two"
    open_ = {one.name for one in run.open}
    assert {"TBLIND", "SENDTC", "TITLE", "STOPRULE", "TV", "TESTRL of TRT1"} <= open_
    assert not {"TPHASE", "PLANSUB", "AGEMAX"} & open_
    assert [one.path for one in run.ledger if one.where == UNKNOWN] == ["protocolSection.newModule.newField"]
    assert [one.rule for one in run.conversion.findings if one.severity == "warning"] == [
        "registry-field-unknown"
    ]
    said = _said(run)
    assert "TRIPLE" in said
    assert "PARTICIPANT,INVESTIGATOR" in said


def test_criteria_keep_what_is_nested_below_them() -> None:
    included = "Inclusion Criteria:\n\n1. Adults who\n\n   * read\n   * write\n2. Consent\n\n"
    text = f"{included}Exclusion Criteria\n\n* Age \\< 18"
    assert [(one["IETESTCD"], one["IETEST"]) for one in criteria_of(text)] == [
        ("INCL01", "Adults who * read * write"),
        ("INCL02", "Consent"),
        ("EXCL01", "Age < 18"),
    ]


def test_the_command_writes_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "record.json"
    source.write_text(json.dumps(SMALL), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["registry", str(source), "--out", str(out), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in told[0]["open"]} >= {"STOPRULE", "TV"}
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"sdtm/ts.xpt", "sdtm/ta.xpt", "sdtm/te.xpt", "sdtm/define.xml", "fhir/design.ndjson"} <= written
    assert {"run/open.json", "run/registry_ledger.json"} <= written
    assert main(["registry", str(source), "--out", str(out)]) == 1, "a run is replaced"


def test_several_studies_have_a_folder_each(tmp_path: Path) -> None:
    other = json.loads(json.dumps(SMALL))
    other["protocolSection"]["identificationModule"]["nctId"] = "NCT00000002"
    source = tmp_path / "page.json"
    source.write_text(json.dumps({"studies": [SMALL, other]}), encoding="utf-8")
    main(["registry", str(source), "--out", str(tmp_path / "out"), "--fhir", "R5"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["NCT00000001", "NCT00000002"]


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "other.json"
    source.write_text('{"resourceType": "Patient"}', encoding="utf-8")
    with pytest.raises(ReadError, match="neither a study record"):
        read_records([source])
    assert main(["registry", str(source), "--out", str(tmp_path / "out")]) == 3
