"""Our transactions on real servers: accepted, read back by our own fetch, and the same datasets again."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from check_server import bundles, check, differences, of_subjects, post, read_back, resources, sample

from trialbridge.cli import main
from trialbridge.converters.fetch import fetch
from trialbridge.converters.fetch_client import Server
from trialbridge.converters.fetch_folder import Asked
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.model import Dataset

SUBJECTS = 4
SAMPLE_SUBJECTS = 1
"""Few, for the sake of the suite: `tools/check_server.py` gives a server as many as there are."""


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    folder = tmp_path_factory.mktemp("pilot")
    for archive in (shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"):
        with ZipFile(archive) as opened:
            opened.extractall(folder)
    datasets, _ = read_sdtm([next(folder.rglob("dm.xpt")).parent])
    return of_subjects(datasets, SUBJECTS)


def taken(base: str, paths: Sequence[Path]) -> None:
    """Give the transactions to a server, which has to take every resource of every one."""
    assert not post(base, paths)


def same(datasets: Sequence[Dataset], folder: Path) -> None:
    assert not differences(datasets, folder)


@pytest.fixture(scope="module")
def given(
    strict: str, pilot: list[Dataset], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Path]]:
    """Return the strict server that has the ten subjects, and what it was given."""
    paths = bundles(pilot, tmp_path_factory.mktemp("given") / "fhir")
    taken(strict, paths)
    taken(strict, paths)  # a second time updates, and doubles nothing
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


def test_a_strict_server_takes_a_shipped_sample(strict: str, tmp_path: Path) -> None:
    datasets = of_subjects(sample("nct06737380"), SAMPLE_SUBJECTS)
    found = check(strict, datasets, tmp_path, page=100, times=1)
    assert found.counts["resources"] > 500
    assert found.faults == []


def test_a_lenient_server_gives_back_the_same_datasets(
    lenient: str, pilot: list[Dataset], tmp_path: Path
) -> None:
    paths = bundles(pilot, tmp_path / "fhir")
    taken(lenient, paths)
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
