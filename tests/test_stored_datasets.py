"""Datasets on disk are those in memory, whatever the order of their records."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from trialbridge.converters import read_sdtm, stored_datasets
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.resource_lines import Line
from trialbridge.converters.stored_datasets import Shelved, shelve
from trialbridge.model import Dataset, Variable

ROWS = 400
SUBJECTS = [None, *(f"S-{number:02d}" for number in range(23))]


def _dataset(name: str, order: str) -> Dataset:
    """Return findings of some subjects, with missing values of all kinds."""
    chance = random.Random(name)  # noqa: S311 -- a seeded choice
    subjects = [chance.choice(SUBJECTS) for _ in range(ROWS)]
    if order == "sorted":
        subjects.sort(key=lambda subject: subject or "")
    cells = {
        "STUDYID": pa.array(["S"] * ROWS),
        "USUBJID": pa.array(subjects),
        f"{name}SEQ": pa.array([float(row // 2) for row in range(ROWS)]),
        f"{name}TESTCD": pa.array([chance.choice("ABC") for _ in range(ROWS)]),
        f"{name}ORRES": pa.array([chance.choice(["5.4", "72.50", None, "é"]) for _ in range(ROWS)]),
        f"{name}STRESN": pa.array([chance.choice([5.4, None]) for _ in range(ROWS)]),
    }
    numeric = {f"{name}SEQ", f"{name}STRESN"}
    variables = tuple(Variable(one, one, "Num" if one in numeric else "Char") for one in cells)
    letters = [
        chance.choice(["A", "_", None]) if value is None else None
        for value in cells[f"{name}STRESN"].to_pylist()
    ]
    return Dataset(name, name, variables, pa.table(cells), {f"{name}STRESN": pa.array(letters, pa.string())})


def _shelved(dataset: Dataset, folder: Path, rows: int) -> Shelved:
    batches = []
    for start in range(0, len(dataset.table), rows):
        (batch,) = dataset.table.slice(start, rows).combine_chunks().to_batches()
        batches.append((batch, {name: one.slice(start, rows) for name, one in dataset.missing.items()}))
    empty = Dataset(dataset.name, dataset.label, dataset.variables, dataset.table.slice(0, 0))
    return shelve(empty, batches, folder / f"{dataset.name}.arrow")


def _lines(conversion: DatasetsToFhir) -> list[Line]:
    return [line for block in conversion for line in block]


@pytest.mark.parametrize("order", ["sorted", "mixed"])
@pytest.mark.parametrize("rows", [7, 64, 1000])
def test_what_is_on_disk_makes_the_same_resources(
    order: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_datasets, "TOGETHER", 3)
    datasets = [_dataset(name, order) for name in ("XA", "XB")]
    shelved = [_shelved(one, tmp_path, rows) for one in datasets]
    for one, dataset in zip(shelved, datasets, strict=True):
        assert one.whole().table.equals(dataset.table.combine_chunks())
        assert one.whole().missing == dataset.missing
    wanted = DatasetsToFhir(datasets, block_subjects=5)
    found = DatasetsToFhir(shelved, block_subjects=5)
    assert _lines(found) == _lines(wanted)
    assert found.accounts == wanted.accounts
    assert found.findings == wanted.findings == []


def test_another_process_changes_nothing(tmp_path: Path) -> None:
    shelved = [_shelved(_dataset(name, "mixed"), tmp_path, 64) for name in ("XA", "XB")]
    alone, together = (
        _lines(DatasetsToFhir(shelved, block_subjects=5, processes=processes)) for processes in (1, 2)
    )
    assert alone == together


def test_a_file_without_records_is_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "xc.csv").write_text("STUDYID,USUBJID,XCTERM\n")
    (one,), findings = read_sdtm.shelve_sdtm([tmp_path / "xc.csv"], {}, tmp_path)
    assert findings == []
    assert (one.name, one.overview.rows, len(one.whole().table)) == ("XC", 0, 0)
    assert [line.kind for line in _lines(DatasetsToFhir([one]))] == ["Library"]
