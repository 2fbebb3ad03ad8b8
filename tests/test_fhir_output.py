"""What SDTM becomes in FHIR: valid for other readers, said by elements, linked, and not repeated."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.carriage import RECORD
from trialbridge.converters import block_to_fhir
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.resource_lines import Line
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.converters.write_fhir_run import FhirRun, write_fhir_run
from trialbridge.converters.write_run import beside
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable

EACH = 150
"""Resources of a type that another library looks at; `tools/check_fhir_output.py` shows it all of them."""


def _package(shared: Path, study: str, folder: Path) -> list[Dataset]:
    """Return the datasets of a pilot package."""
    for path in (shared / "data" / "sdtm" / study).rglob("*.xpt"):
        (folder / path.name).write_bytes(path.read_bytes())
    for archive in (shared / "data" / "sdtm" / study).rglob("*.zip"):
        with ZipFile(archive) as files:
            for name in (one for one in files.namelist() if one.lower().endswith(".xpt")):
                (folder / Path(name).name).write_bytes(files.read(name))
    return read_sdtm([folder])[0]


@pytest.fixture(scope="module")
def original(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    return _package(shared, "cdiscpilot01_original", tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """Return every fifteenth subject of the pilot."""
    datasets = _package(shared, "cdiscpilot01_tdf", tmp_path_factory.mktemp("pilot"))
    (subjects,) = [one.table["USUBJID"] for one in datasets if one.name == "DM"]
    some = pa.array(sorted(subjects.to_pylist())[::15])
    return [
        replace(one, table=one.table.filter(pc.is_in(one.table["USUBJID"], some)))
        for one in datasets
        if "USUBJID" in one.table.column_names and not one.missing
    ] + [one for one in datasets if one.name == "TA"]


def _tool(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _lines(datasets: list[Dataset], release: Version = "R4") -> list[Line]:
    conversion = DatasetsToFhir(datasets, release)
    lines = [line for block in conversion for line in block]
    assert conversion.findings == []
    return lines


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [one for part in node for one in _references(part)]
    if not isinstance(node, dict):
        return []
    own = [node["reference"]] if isinstance(node.get("reference"), str) else []
    return own + [one for part in node.values() for one in _references(part)]


@pytest.mark.parametrize("release", ["R4", "R4B", "R5"])
def test_every_resource_passes_the_gate_and_other_readers(original: list[Dataset], release: Version) -> None:
    package = "fhir.resources." if release == "R5" else "fhir.resources.R4B."
    seen: dict[str, int] = defaultdict(int)
    lines = _lines(original, release)
    known = {f"{line.kind}/{line.id}" for line in lines}
    assert len(known) == len(lines)
    for line in lines:
        seen[line.kind] += 1
        if seen[line.kind] <= EACH:
            getattr(import_module(package + line.kind.lower()), line.kind).model_validate_json(line.text)
            assert {one for one in _references(json.loads(line.text)) if ":" not in one} <= known
    assert len(seen) > 10


def test_elements_hold_what_has_one(pilot: list[Dataset]) -> None:
    tool = _tool("native_share")
    conversion = DatasetsToFhir(pilot, "R4")
    for _ in conversion:
        pass
    found = {one.domain: one.per_cent for one in tool.shares(conversion.accounts, tool.known_elements())}
    assert {name: share for name, share in found.items() if share < 90} == {}
    assert set(found) == {"LB", "VS", "QS", "CM", "AE", "EX", "MH", "DM"}


def test_a_qualifier_leads_to_the_record_it_is_of(original: list[Dataset]) -> None:
    resources = [json.loads(line.text) for line in _lines(original)]
    qualifiers = [
        one for one in resources if one["resourceType"] == "Basic" and '"SUPPAE"' in json.dumps(one)
    ]
    parents = [
        part["valueReference"]["reference"]
        for one in qualifiers
        for part in one["extension"]
        if part["url"] == f"{RECORD}:parent"
    ]
    assert len(parents) == len(qualifiers) > 100
    assert {one.partition("/")[0] for one in parents} == {"AdverseEvent"}


def _dataset(name: str, **cells: str | float) -> Dataset:
    variables = [
        Variable(one, one, "Num" if isinstance(value, float) else "Char") for one, value in cells.items()
    ]
    return Dataset(name, name, tuple(variables), pa.table({one: [value] for one, value in cells.items()}))


def test_what_contradicts_itself_comes_back(tmp_path: Path) -> None:
    event = _dataset(
        "AE", STUDYID="S", USUBJID="S-1", AESEQ=1.0, AETERM="X", AESER="N", AESDTH="Y", AESLIFE="N",
        AEOUT="FATAL",
    )  # fmt: skip
    (own,) = [json.loads(line.text) for line in _lines([event]) if line.kind == "AdverseEvent"]
    assert {one["code"] for one in own["seriousness"]["coding"]} == {"Non-serious", "SeriousResultsInDeath"}
    assert b"AESDTH" not in json.dumps(own).encode()
    assert roundtrip([event], tmp_path, "R4").exit_code == 0


def test_a_disposition_is_no_consent(tmp_path: Path) -> None:
    cells = {
        "STUDYID": ["S"] * 2,
        "USUBJID": ["S-1"] * 2,
        "DSSEQ": [1.0, 2.0],
        "DSTERM": ["CONSENT", "DIED"],
        "DSDECOD": ["INFORMED CONSENT OBTAINED", "DEATH"],
        "DSSTDTC": ["2014-01-02", "2014-02"],
    }
    variables = tuple(Variable(one, one, "Num" if one == "DSSEQ" else "Char") for one in cells)
    dataset = Dataset("DS", "DS", variables, pa.table(cells))
    kinds = sorted(line.kind for line in _lines([dataset]) if line.kind not in {"Library", "Patient"})
    assert kinds == ["Consent", "Observation"]
    assert roundtrip([dataset], tmp_path, "R4").exit_code == 0


def test_any_number_of_processes_and_blocks_makes_the_same(original: list[Dataset]) -> None:
    some = [one for one in original if one.name in {"DM", "AE", "EX", "SUPPAE"}]
    kinds: list[dict[str, object]] = [{}, {"processes": 2}, {"block_subjects": 7}]
    blocks = [{**kind, "block_subjects": 7} for kind in kinds]
    one, two, _ = ([line for block in DatasetsToFhir(some, **kind) for line in block] for kind in blocks)  # type: ignore[arg-type]
    assert one == two
    first, *others = (
        sorted(line for block in DatasetsToFhir(some, **kind) for line in block)  # type: ignore[arg-type]
        for kind in kinds
    )
    assert all(first == other for other in others)


def test_the_gate_stops_what_is_no_fhir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = Line("Patient", "p", "p", b'{"resourceType":"Patient","id":"p","gender":"unknowable"}')
    monkeypatch.setattr(block_to_fhir, "bare_patient", lambda _: spoilt)
    event = _dataset("XQ", STUDYID="S", USUBJID="S-1", XQSEQ=1.0, XQVAL="v")
    run = FhirRun(tmp_path / "run", "ndjson", datetime(2024, 1, 1), [])  # noqa: DTZ001 -- headers have no zone
    with beside(run.out) as folder:
        summary = write_fhir_run(DatasetsToFhir([event]), run, folder)
    assert summary.exit_code == 1
    assert summary.findings["error"] >= 1
