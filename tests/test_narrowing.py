"""Narrowing: a feed is read alike, whether its elements were seen before or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.converters import folding
from trialbridge.converters.read_fhir import sources
from trialbridge.converters.stage import Staged, stage
from trialbridge.registry import all_declarations, paths_by_type

NEVER = 2**40
SAMPLE = Path(__file__).parents[1] / "samples" / "nct06737380" / "resources.zip"


def staged(inputs: Sequence[Path], familiar: int, monkeypatch: pytest.MonkeyPatch) -> Staged:
    monkeypatch.setattr(folding, "FAMILIAR", familiar)
    monkeypatch.setattr("trialbridge.converters.stage._EXTRACTORS", {})
    return stage(sources(inputs)[0], paths_by_type(all_declarations()), processes=1)


def cells(table: pa.Table) -> dict[str, list[Any]]:
    columns = {name: table[name].to_pylist() for name in sorted(table.column_names)}
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def assert_alike(inputs: Sequence[Path], monkeypatch: pytest.MonkeyPatch, familiar: int = 0) -> Staged:
    """Compare what is read with narrowed readers from the `familiar`-th resource on, and without any."""
    narrow, whole = (staged(inputs, number, monkeypatch) for number in (familiar, NEVER))
    assert narrow.tables.keys() == whole.tables.keys()
    for key, table in whole.tables.items():
        assert cells(narrow.tables[key]) == cells(table), key
    assert narrow.census == whole.census
    assert narrow.findings == whole.findings
    return narrow


@pytest.mark.parametrize("familiar", [0, 500])
def test_a_sample_is_read_alike(familiar: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_alike([SAMPLE], monkeypatch, familiar)


def test_the_standards_own_examples_are_read_alike(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_alike([shared / "data" / "fhir" / "hl7_examples"], monkeypatch)


def results(number: int) -> dict[str, Any]:
    """Return an Observation; some have what no other had before them, or what FHIR does not know."""
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "valueQuantity": {"value": number, "unit": "mg/dL"},
    }
    rare: dict[int, dict[str, Any]] = {
        900: {"method": {"text": "by eye"}, "bodySite": {"text": "arm"}},
        1200: {"valueQuantity": {"value": 1, "comparator": "<", "extension": [{"url": "u"}]}},
        1500: {"component": [{"code": {"text": "part"}, "interpretation": [{"text": "y"}]}]},
        1800: {"subject": {"reference": "Patient/1", "identifier": {"value": "7"}}, "note": [{"text": "n"}]},
        2100: {"colour": "no element of FHIR"},
        2400: {"status": 7},
        2700: {"component": []},
    }
    return found | rare.get(number, {})


def test_what_comes_late_is_read_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = tmp_path / "feed.ndjson"
    feed.write_text("\n".join(json.dumps(results(number)) for number in range(3000)), encoding="utf-8")
    found = assert_alike([feed], monkeypatch)
    assert len(found.tables["Observation", ""]) == 3000
    assert len(found.tables["Observation", "component"]) == 1
    assert {finding.rule for finding in found.findings} == {"element-type"}
    counted = {path: tally.count for path, tally in found.census.items()}
    assert counted["Observation.colour"] == 1
    assert counted["Observation.subject.identifier"] == 1


def test_the_readers_are_narrowed_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = tmp_path / "feed.ndjson"
    feed.write_text("\n".join(json.dumps(results(0)) for _ in range(3000)), encoding="utf-8")
    made: list[object] = []
    learn = folding.Narrowing.learn
    monkeypatch.setattr(
        folding.Narrowing, "learn", lambda self, *given: (made.append(self), learn(self, *given))
    )
    staged([feed], 1024, monkeypatch)
    assert len(made) < 3000 / 256
