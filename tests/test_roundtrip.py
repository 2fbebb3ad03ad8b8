"""SDTM to FHIR and back: every cell of real packages, and what happens where somebody changes a resource."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pytest

from trialbridge.cli import main
from trialbridge.conversion import Conversion
from trialbridge.converters.compare_datasets import compare
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.roundtrip import Roundtrip, roundtrip
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_fhir import FhirFolder, Form
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable

Resource = dict[str, Any]


def unpacked(shared: Path, study: str, folder: Path) -> Path:
    """Put the transport files of a pilot package into a folder, and return it."""
    for archive in sorted((shared / "data" / "sdtm" / study).rglob("*.zip")):
        with ZipFile(archive) as files:
            for name in files.namelist():
                if name.lower().endswith(".xpt"):
                    (folder / Path(name).name).write_bytes(files.read(name))
    for path in (shared / "data" / "sdtm" / study).rglob("*.xpt"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def original(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    datasets, _ = read_sdtm([unpacked(shared, "cdiscpilot01_original", tmp_path_factory.mktemp("original"))])
    return datasets


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    datasets, _ = read_sdtm([unpacked(shared, "cdiscpilot01_tdf", tmp_path_factory.mktemp("pilot"))])
    return datasets


def whole(found: Roundtrip) -> None:
    lost = [fate for fate in found.fates if fate.lost]
    assert not lost
    assert not found.declared
    assert found.exit_code == 0


def test_the_whole_pilot_comes_back_cell_by_cell(pilot: list[Dataset], tmp_path: Path) -> None:
    assert sum(len(dataset.table) for dataset in pilot) == 294_211
    whole(roundtrip(pilot, tmp_path, "R4"))


@pytest.mark.parametrize("form", ["ndjson", "bundle"])
@pytest.mark.parametrize("release", ["R4", "R4B", "R5"])
def test_the_original_pilot_comes_back(
    original: list[Dataset], release: Version, form: Form, tmp_path: Path
) -> None:
    whole(roundtrip(original, tmp_path, release, form))


@pytest.mark.parametrize("ending", ["xpt", "ndjson", "json"])
def test_animals_come_back(shared: Path, ending: str, tmp_path: Path) -> None:
    datasets, _ = read_sdtm(sorted((shared / "data" / "formats").glob(f"send_*.{ending}")))
    assert {dataset.name for dataset in datasets} == {"DM", "DS", "EX", "LB", "TS"}
    whole(roundtrip(datasets, tmp_path, "R4"))


def test_without_the_declared_metadata_every_value_comes_back(
    original: list[Dataset], tmp_path: Path
) -> None:
    back = _there_and_back(original, tmp_path, lambda resource: resource["resourceType"] != "Library")
    differences = [
        one for one in compare(original, back.datasets) if one.what in {"values", "records", "dataset"}
    ]
    assert not differences


def _there_and_back(
    datasets: Sequence[Dataset], folder: Path, keep: Callable[[Resource], bool], release: Version = "R4"
) -> Conversion:
    lines = [line.text for block in DatasetsToFhir(datasets, release) for line in block]
    kept = [line for line in lines if keep(json.loads(line))]
    (folder / "all.ndjson").write_bytes(b"\n".join(kept))
    return to_sdtm([folder / "all.ndjson"], release=release)


HOSTILE = Dataset(
    "XB",
    "A sponsor's own dataset",
    (
        Variable("STUDYID", "Study"),
        Variable("USUBJID", "Subject"),
        Variable("XBSEQ", "Sequence", "Num", 8),
        Variable("XBTESTCD", "Test"),
        Variable("XBORRES", "Result", length=200),
        Variable("XBSTRESN", "Number", "Num", 8, "8.2"),
        Variable("XBDTC", "Date"),
    ),
    pa.table(
        {
            "STUDYID": ["S1"] * 5,
            "USUBJID": ["S1-1", "S1-1", "S1-2", None, "S1-2"],
            "XBSEQ": [1.0, 1.0, 2.0, 7.0, None],
            "XBTESTCD": ["A", "A", "B", "é漢", 'q"\\\n'],
            "XBORRES": ["<5", "72.50", "x" * 200, " leading", "null"],
            "XBSTRESN": [None, 0.1 + 0.2, 1e-300, -0.0, 123456789012345680.0],
            "XBDTC": ["2014-02", "2014---15", "2014-02-30", "2014-02-03T10:00", "--05"],
        }
    ),
    {"XBSTRESN": pa.array(["A", None, None, None, None])},
)


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_sponsors_own_dataset_comes_back(release: Version, tmp_path: Path) -> None:
    whole(roundtrip([HOSTILE], tmp_path, release))


def test_a_dataset_without_records_comes_back(tmp_path: Path) -> None:
    empty = Dataset(
        "LB", "Laboratory", (Variable("STUDYID", "Study"),), pa.table({"STUDYID": pa.array([], pa.string())})
    )
    whole(roundtrip([empty], tmp_path, "R4"))


def test_what_does_not_come_back_is_told(original: list[Dataset], tmp_path: Path) -> None:
    back = _there_and_back(
        original, tmp_path, lambda resource: resource["resourceType"] != "MedicationAdministration"
    )
    found = compare(original, back.datasets)
    assert {(one.dataset, one.what) for one in found} == {("EX", "records")}


def test_what_was_not_there_before_is_told() -> None:
    more = replace(
        HOSTILE, table=HOSTILE.table.append_column("XBMORE", pa.array(["x", None, None, None, None]))
    )
    more = replace(more, variables=(*more.variables, Variable("XBMORE", "More")))
    found = [(one.dataset, one.variable, one.what, one.count) for one in compare([HOSTILE], [more])]
    assert found == [("XB", "XBMORE", "variable", 1)]
    assert [(one.dataset, one.what) for one in compare([], [HOSTILE])] == [("XB", "dataset")]


def test_a_file_that_cannot_be_read_is_no_success(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dm.xpt").write_bytes((shared / "data" / "formats" / "send_dm.xpt").read_bytes())
    (tmp_path / "lb.xpt").write_text("<html>not found</html>")
    assert main(["roundtrip", str(tmp_path)]) == 1
    assert "dataset-unreadable" in capsys.readouterr().out


CODED = {"Observation", "Observation.component", "Condition"}


def _component_changes(resource: Resource) -> Iterator[tuple[str, Resource]]:
    parts = resource.get("component", [])
    for number, part in enumerate(parts):
        for kind, changed in _changes({**part, "resourceType": "Observation.component"}):
            del changed["resourceType"]
            yield kind, {**resource, "component": [*parts[:number], changed, *parts[number + 1 :]]}


def _changes(resource: Resource) -> Iterator[tuple[str, Resource]]:
    """Yield what somebody may change in a resource: its value, unit, date, code, status."""
    if "valueQuantity" in resource:
        quantity = resource["valueQuantity"]
        yield "value", {**resource, "valueQuantity": {**quantity, "value": quantity["value"] + 1}}
        other = {"unit": "furlong", "value": quantity["value"]}
        yield "unit", {**resource, "valueQuantity": other}
    yield from _component_changes(resource)
    for name in ("effectiveDateTime", "recordedDate", "authoredOn"):
        if name in resource:
            yield "date", {**resource, name: "1999-12-31"}
    if resource["resourceType"] in CODED and "component" not in resource:
        yield "code", {**resource, "code": {"text": "something else"}}
    if resource["resourceType"] in {"Observation", "MedicationStatement", "MedicationAdministration"}:
        yield "status", {**resource, "status": "entered-in-error"}


def test_a_changed_resource_changes_its_record_or_is_told(original: list[Dataset], tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 -- a seeded choice
    lines = [line for block in DatasetsToFhir(original, "R4") for line in block]
    able = [number for number, line in enumerate(lines) if any(_changes(json.loads(line.text)))]
    changed: dict[str, str] = {}
    texts = [line.text for line in lines]
    for number in chance.sample(able, 500):
        kind, resource = chance.choice(list(_changes(json.loads(texts[number]))))
        texts[number] = json.dumps(resource).encode()
        changed[f"{resource['resourceType']}/{resource['id']}"] = kind
    (tmp_path / "all.ndjson").write_bytes(b"\n".join(texts))
    back = to_sdtm([tmp_path / "all.ndjson"], release="R4")
    told = {one.resource for one in back.findings if one.rule == "record-changed"}
    assert {name: kind for name, kind in changed.items() if name not in told} == {}
    withdrawn = {name for name, kind in changed.items() if kind == "status"}
    ledger = back.resources.to_pylist()
    excluded = {f"{row['resource_type']}/{row['id']}" for row in ledger if row["status"] == "excluded"}
    assert withdrawn == excluded
    assert told <= set(changed)


def test_the_command_writes_what_a_loader_needs_and_the_same_bytes_again(
    shared: Path, tmp_path: Path
) -> None:
    sources = [str(path) for path in sorted((shared / "data" / "formats").glob("send_*.xpt"))]
    for out in ("one", "two"):
        arguments = ["convert", *sources, "--to", "fhir", "--fhir", "R5", "--out", str(tmp_path / out)]
        assert main(arguments) == 0
    first, second = (
        {
            path.relative_to(tmp_path / out): path.read_bytes()
            for path in (tmp_path / out).rglob("*")
            if path.is_file()
        }
        for out in ("one", "two")
    )
    assert first == second
    manifest = json.loads((tmp_path / "one" / "fhir" / "manifest.json").read_text())
    counts = {one["url"]: one["count"] for one in manifest["output"]}
    for name, count in counts.items():
        assert len((tmp_path / "one" / "fhir" / name).read_bytes().splitlines()) == count
    assert main(["convert", str(tmp_path / "one" / "fhir"), "--out", str(tmp_path / "back")]) in {0, 1}
    assert {path.name for path in (tmp_path / "back" / "sdtm").glob("*.xpt")} == {
        "dm.xpt", "ds.xpt", "ex.xpt", "lb.xpt", "ts.xpt"
    }  # fmt: skip


def test_the_bundle_of_a_subject_holds_all_that_is_of_the_subject(
    original: list[Dataset], tmp_path: Path
) -> None:
    with FhirFolder(tmp_path, "bundle") as folder:
        for lines in DatasetsToFhir(original, "R4"):
            folder.write(lines)
    subjects = len(original[[one.name for one in original].index("DM")].table)
    bundles = sorted(path for path in tmp_path.glob("*.json") if path.stem != "study")
    assert len(bundles) == subjects
    one = json.load(BytesIO(bundles[0].read_bytes()))
    assert one["type"] == "transaction"
    assert {entry["request"]["method"] for entry in one["entry"]} == {"PUT"}
    patients = [
        entry["resource"]["id"] for entry in one["entry"] if entry["resource"]["resourceType"] == "Patient"
    ]
    assert patients == [bundles[0].stem]


def test_the_proof_is_printed_and_written(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [str(path) for path in sorted((shared / "data" / "formats").glob("send_*.xpt"))]
    assert main(["roundtrip", *sources, "--out", str(tmp_path)]) == 0
    assert "cells came back exactly" in capsys.readouterr().out
    assert json.loads((tmp_path / "roundtrip.json").read_text())["exit_code"] == 0
    assert "<h1>SDTM to FHIR R4 and back</h1>" in (tmp_path / "roundtrip.html").read_text()
