"""Trial design datasets on their way to FHIR and back, and the plan of FHIR in the timing of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.design_datasets import design_dataset
from trialbridge.converters.design_forms import DESIGN
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable

RELEASES: tuple[Version, ...] = ("R4", "R5")
DM = Dataset(
    "DM",
    "Demographics",
    tuple(
        Variable(name, name) for name in ("STUDYID", "DOMAIN", "USUBJID", "SUBJID", "SITEID", "ARMCD", "ARM")
    ),
    pa.table(
        {
            "STUDYID": ["S1"],
            "DOMAIN": ["DM"],
            "USUBJID": ["S1-1"],
            "SUBJID": ["1"],
            "SITEID": ["01"],
            "ARMCD": ["HI"],
            "ARM": ["High"],
        }
    ),
)
CELL = {"ARMCD": "HI", "ARM": "High", "TAETORD": "1", "ETCD": "T", "ELEMENT": "Treat", "EPOCH": "TREATMENT"}
RECORDS: dict[str, list[dict[str, str]]] = {
    "TA": [CELL],
    "TE": [{"ETCD": "T", "ELEMENT": "Treat", "TESTRL": "First dose", "TEDUR": "P2W"}],
    "TV": [{"VISITNUM": "1", "VISIT": "BASELINE", "VISITDY": "1", "TVSTRL": "Start"}],
    "TI": [{"IETESTCD": "INCL01", "IETEST": "Adult", "IECAT": "INCLUSION"}],
    "TS": [
        {"TSSEQ": "1", "TSPARMCD": "TITLE", "TSPARM": "Trial Title", "TSVAL": "A study"},
        {"TSSEQ": "1", "TSPARMCD": "STOPRULE", "TSPARM": "Study Stop Rules", "TSVAL": "None"},
    ],
}


def _datasets(**other: list[dict[str, str]]) -> list[Dataset]:
    return [DM, *(design_dataset(name, "S1", some) for name, some in {**RECORDS, **other}.items())]


def _resources(datasets: list[Dataset], release: Version) -> list[dict[str, Any]]:
    return [json.loads(line.text) for lines in DatasetsToFhir(datasets, release) for line in lines]


@pytest.mark.parametrize("release", RELEASES)
def test_the_design_is_in_the_study_of_the_subjects(release: Version) -> None:
    made = _resources(_datasets(), release)
    kinds = [one["resourceType"] for one in made]
    assert kinds.count("PlanDefinition") == kinds.count("Group") == 1
    assert "Basic" not in kinds
    [study] = [one for one in made if one["resourceType"] == "ResearchStudy" and not one.get("partOf")]
    assert study["title"] == "A study"
    assert study["protocol"][0]["reference"].startswith("PlanDefinition/")
    held = [one for one in study["extension"] if one["url"] == DESIGN]
    texts = [part["valueString"] for one in held for part in one["extension"]]
    assert "None" in texts, "no element holds rules for stopping"
    assert "A study" not in texts, "the extension never repeats what an element says"


@pytest.mark.parametrize("release", RELEASES)
def test_every_cell_comes_back(release: Version, tmp_path: Path) -> None:
    proof = roundtrip(_datasets(), tmp_path, release)
    assert [fate for fate in proof.fates if fate.lost] == []
    assert proof.declared == ()


def test_a_dataset_that_fhir_cannot_hold_goes_the_way_of_any_other(tmp_path: Path) -> None:
    odd = _datasets(TI=[{"IETESTCD": "INCL01", "IETEST": "Adult\x01", "IECAT": "INCLUSION"}])
    made = _resources(odd, "R4")
    assert sum(one["resourceType"] == "Basic" for one in made) == 1
    assert sum(one["resourceType"] == "PlanDefinition" for one in made) == 1
    lost = {(fate.dataset, fate.variable) for fate in roundtrip(odd, tmp_path, "R4").fates if fate.lost}
    assert lost <= {("TI", "IETEST")}


def test_a_changed_element_counts(tmp_path: Path) -> None:
    made = _resources(_datasets(), "R4")
    for one in made:
        if one.get("title") == "A study":
            one["title"] = "Another study"
    source = tmp_path / "changed.ndjson"
    source.write_text("".join(json.dumps(one) + "\n" for one in made), encoding="utf-8")
    [ts] = [one.table.to_pylist() for one in to_sdtm([source]).datasets if one.name == "TS"]
    assert [row["TSVAL"] for row in ts] == ["Another study", "None"]


def test_without_subjects_the_study_stands_by_itself() -> None:
    made = _resources(_datasets()[1:], "R4")
    assert sum(one["resourceType"] == "ResearchStudy" for one in made) == 1
