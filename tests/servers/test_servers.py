"""Our transactions on real servers: accepted, read back by our own fetch, and the same datasets again."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.cli import main
from trialbridge.converters.compare_datasets import compare
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.fetch import Fetched, fetch
from trialbridge.converters.fetch_client import Server
from trialbridge.converters.fetch_folder import Asked
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_fhir import FhirFolder
from trialbridge.elements import Version
from trialbridge.model import Dataset
from trialbridge.study import read_study

SUBJECTS = 10
SAMPLE_SUBJECTS = 5


def of_subjects(datasets: Sequence[Dataset], count: int) -> list[Dataset]:
    """Return the records of the first subjects, and those that are of nobody."""
    dm = next(one for one in datasets if one.name == "DM")
    names = pa.array(dm.table["USUBJID"].to_pylist()[:count])
    return [_cut(one, names) for one in datasets]


def _cut(dataset: Dataset, names: pa.Array) -> Dataset:
    if "USUBJID" not in dataset.table.column_names:
        return dataset
    whose = dataset.table["USUBJID"].combine_chunks()
    kept = pc.or_(whose.is_null(), pc.is_in(whose, names))
    missing = {name: column.filter(kept) for name, column in dataset.missing.items()}
    return replace(dataset, table=dataset.table.filter(kept), missing=missing)


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    folder = tmp_path_factory.mktemp("pilot")
    for archive in (shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"):
        with ZipFile(archive) as opened:
            opened.extractall(folder)
    datasets, _ = read_sdtm([next(folder.rglob("dm.xpt")).parent])
    return of_subjects(datasets, SUBJECTS)


@pytest.fixture(scope="module")
def sample() -> list[Dataset]:
    """Return the first subjects of the shipped sample."""
    with as_file(files("trialbridge.samples") / "nct06737380") as folder:
        found = to_sdtm([folder / "resources.zip"], read_study(folder / "study.toml"))
    return of_subjects(found.datasets, SAMPLE_SUBJECTS)


def bundles(datasets: Sequence[Dataset], folder: Path, release: Version = "R4") -> list[Path]:
    """Return the files of the transactions, that of the study first."""
    folder.mkdir(parents=True)
    with FhirFolder(folder, "bundle") as target:
        for lines in DatasetsToFhir(datasets, release):
            target.write(lines)
    return sorted(folder.glob("*.json"), key=lambda path: (path.stem != "study", path.name))


def resources(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for entry in json.loads(path.read_bytes())["entry"]:
            yield entry["resource"]


def post(base: str, paths: Sequence[Path]) -> None:
    """Give the transactions to a server, which has to take every resource of every one."""
    for path in paths:
        headers = {"Content-Type": "application/fhir+json"}
        request = urllib.request.Request(base, path.read_bytes(), headers)  # noqa: S310 -- it is http
        with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310 -- it is http
            answer = json.load(response)
        refused = [
            entry["response"]
            for entry in answer["entry"]
            if entry["response"]["status"][:3] not in {"200", "201"}
        ]
        assert not refused


def read_back(base: str, paths: Sequence[Path], out: Path, **asked: Any) -> Fetched:
    kinds = tuple(sorted({one["resourceType"] for one in resources(paths)}))
    server = Server(base)
    try:
        return fetch(Asked(base, types=kinds, **asked), out, server)
    finally:
        server.close()


def same(datasets: Sequence[Dataset], folder: Path) -> None:
    assert not compare(datasets, to_sdtm([folder], release="R4").datasets)


@pytest.fixture(scope="module")
def given(
    strict: str, pilot: list[Dataset], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Path]]:
    """Return the strict server that has the ten subjects, and what it was given."""
    paths = bundles(pilot, tmp_path_factory.mktemp("given") / "fhir")
    post(strict, paths)
    post(strict, paths)  # a second time updates, and doubles nothing
    return strict, paths


def test_a_strict_server_takes_all_and_gives_back_the_same_datasets(
    given: tuple[str, list[Path]], pilot: list[Dataset], tmp_path: Path
) -> None:
    found = read_back(*given, tmp_path)
    assert found.exit_code == 0
    assert found.server["name"].startswith("SEKMET")
    same(pilot, tmp_path)


def test_a_bulk_export_gives_the_same_resources_as_a_search(
    given: tuple[str, list[Path]], tmp_path: Path
) -> None:
    base, paths = given
    assert main(["fetch", base, "--how", "export", "--out", str(tmp_path / "export")]) == 0
    read_back(base, paths, tmp_path / "search")
    exported = {
        path.name: sorted(path.read_bytes().split(b"\n")) for path in (tmp_path / "export").glob("*.ndjson")
    }
    assert {"Patient.ndjson", "Observation.ndjson", "AdverseEvent.ndjson"} <= exported.keys()
    for name in exported.keys() - {"Basic.ndjson"}:  # this server exports none of those
        assert exported[name] == sorted((tmp_path / "search" / name).read_bytes().split(b"\n"))


def test_everything_of_a_studys_subjects(given: tuple[str, list[Path]], tmp_path: Path) -> None:
    base, paths = given
    study = next(one for one in resources(paths) if one["resourceType"] == "ResearchSubject")["study"]
    name = study["reference"].removeprefix("ResearchStudy/")
    server = Server(base)
    found = fetch(Asked(base, "everything", study=name), tmp_path, server)
    server.close()
    assert {one.message for one in found.findings} == {  # so we look at the study of each ourselves
        "Unknown search parameter 'study' for ResearchSubject; parameter ignored"
    }
    counts = {one.type: one.count for one in found.output}
    sent = [one["resourceType"] for one in resources(paths)]
    for kind in ("Patient", "ResearchSubject", "Observation", "Condition", "MedicationStatement"):
        assert counts[kind] == sent.count(kind)


def test_a_strict_server_takes_the_shipped_sample(strict: str, sample: list[Dataset], tmp_path: Path) -> None:
    paths = bundles(sample, tmp_path / "fhir")
    post(strict, paths)
    ours = {(one["resourceType"], one["id"]) for one in resources(paths)}
    read_back(strict, paths, tmp_path / "back")
    for path in (tmp_path / "back").glob("*.ndjson"):  # the server holds the pilot, too
        texts = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(one for one in texts if (path.stem, json.loads(one)["id"]) in ours))
    same(sample, tmp_path / "back")


def test_a_lenient_server_gives_back_the_same_datasets(
    lenient: str, pilot: list[Dataset], tmp_path: Path
) -> None:
    paths = bundles(pilot, tmp_path / "fhir")
    post(lenient, paths)
    assert read_back(lenient, paths, tmp_path / "back").exit_code == 0
    same(pilot, tmp_path / "back")


def rewritten(value: Any, names: dict[str, str]) -> Any:
    """Return JSON as a server may write it: other ids, members in another order, numbers as it has them."""
    if isinstance(value, dict):
        return {key: rewritten(value[key], names) for key in reversed(value)}
    if isinstance(value, list):
        return [rewritten(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def test_what_servers_rewrite_changes_no_dataset(pilot: list[Dataset], tmp_path: Path) -> None:
    sent = list(resources(bundles(of_subjects(pilot, 3), tmp_path / "fhir")))
    names: dict[str, str] = {}
    for one in sent:
        other = sha256(one["id"].encode()).hexdigest()[:20]
        names |= {one["id"]: other, f"{one['resourceType']}/{one['id']}": f"{one['resourceType']}/{other}"}
    texts = []
    for one in sent:
        meta = {"versionId": "7", "lastUpdated": "2026-01-02T03:04:05.678Z", "source": "#abc"}
        other = rewritten(one, names) | {"id": names[one["id"]], "meta": meta}
        texts.append(json.dumps(other))
    random.Random(5).shuffle(texts)  # noqa: S311 -- a seeded order
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "all.ndjson").write_text("\n".join(texts))
    same(of_subjects(pilot, 3), tmp_path / "server")
    shorter = [json.dumps(json.loads(one, parse_float=lambda text: _short(float(text)))) for one in texts]
    assert shorter != texts
    (tmp_path / "server" / "all.ndjson").write_text("\n".join(shorter))
    same(of_subjects(pilot, 3), tmp_path / "server")


def _short(number: float) -> float | int:
    return int(number) if number.is_integer() else number
