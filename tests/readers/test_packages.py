"""The package of each sample trial: our own gate, the schemas, and every other reader of transport files."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pyreadstat
import pytest

from trialbridge.cli import main
from trialbridge.converters.read_dataset_json import read_dataset_json
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.define_xml.check import check_define
from trialbridge.model import Dataset

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("read_xport.R")
TRIALS = ("nct06737380", "nct02633163", "nct05631717")


PANDAS_ZERO = 2.0**-260
"""What pandas makes of a zero in a transport file; pyreadstat and R read it as zero."""
PANDAS_TAIL = 80
"""The bytes at the end of a file in which pandas takes eight blanks for padding, and so loses a last row."""


@pytest.fixture(scope="module", params=TRIALS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of a sample trial, split from half a megabyte on."""
    folder = tmp_path_factory.mktemp(request.param)
    sample = ROOT / "samples" / request.param
    source, settings = str(sample / "resources.zip"), str(sample / "study.toml")
    options = ["--config", settings, "--format", "xpt,dataset-json", "--out", str(folder / "run")]
    assert main(["convert", source, *options]) in {0, 1}
    options = ["--out", str(folder / "p"), "--dataset-json", "--split-at", "500000"]
    assert main(["package", str(folder / "run"), *options]) == 0
    return folder / "p"


def place(package: Path) -> Path:
    return next(package.rglob("define.xml")).parent


@pytest.fixture(scope="module")
def datasets(package: Path) -> dict[Path, Dataset]:
    """Return every dataset of a package and the first of its parts, as we read them."""
    first = sorted(package.rglob("split/*.xpt"))[:1]
    return {path: read_xpt(path) for path in (*sorted(place(package).glob("*.xpt")), *first)}


def test_it_is_what_was_packaged(package: Path) -> None:
    assert main(["verify", str(package)]) == 0


def test_it_passes_the_gate(package: Path) -> None:
    assert main(["validate", str(place(package)), "--only", "trc"]) == 0


def test_its_parts_are_valid_by_their_own_names(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = place(package) / "split"
    assert len(list(parts.iterdir())) > 1
    capsys.readouterr()
    assert main(["validate", str(parts), "--only", "xpt", "--json"]) in {0, 1}
    found = json.loads(capsys.readouterr().out)
    assert {one["name"].lower() for one in found["datasets"]} == {path.stem for path in parts.iterdir()}
    assert not [one for one in found["clusters"] if one["severity"] == "error"]


def test_its_define_xml_is_valid(package: Path) -> None:
    found = check_define(place(package) / "define.xml")
    assert [str(one) for one in found if one.severity == "error"] == []


def test_its_dataset_json_is_valid_and_the_same(
    shared: Path, package: Path, datasets: dict[Path, Dataset]
) -> None:
    folder = place(package).parent / "json"
    schema = json.loads((shared / "standards/dataset-json-1.1/dataset.schema.json").read_text())
    validator = jsonschema.Draft201909Validator(schema)
    whole = {path: dataset for path, dataset in datasets.items() if path.parent.name == "sdtm"}
    for path, dataset in whole.items():
        document = folder / f"{path.stem}.json"
        validator.validate(json.loads(document.read_text("utf-8")))
        assert read_dataset_json(document).table.equals(dataset.table), document
    assert len(list(folder.iterdir())) == len(whole)


def same(columns: dict[str, list[object]], dataset: Dataset) -> None:
    """Assert that another reader found the same names, texts and numbers."""
    assert list(columns) == dataset.table.column_names
    for variable in dataset.variables:
        ours = dataset.table[variable.name].to_pylist()
        theirs = columns[variable.name]
        if variable.type == "Num":
            assert [None if one is None or math.isnan(one) else one for one in map(as_number, theirs)] == ours
        else:
            assert [one or None for one in map(as_text, theirs)] == ours


def as_number(value: object) -> float | None:
    return None if value in {"", None} else float(str(value))


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def test_pandas_and_pyreadstat_read_the_same(datasets: dict[Path, Dataset]) -> None:
    for path, dataset in datasets.items():
        frame = pd.read_sas(path, format="xport", encoding="utf-8")
        frame = frame.replace(PANDAS_ZERO, 0.0)
        there = replace(dataset, table=dataset.table.slice(0, len(frame)))
        assert len(frame) == len(dataset.table) or b" " * 8 in path.read_bytes()[-PANDAS_TAIL:]
        same({name: frame[name].tolist() for name in frame.columns}, there)
        columns, facts = pyreadstat.read_xport(str(path), output_format="dict", encoding="utf-8")
        same({name: list(columns[name]) for name in columns}, dataset)
        assert facts.column_labels == [variable.label for variable in dataset.variables]


@pytest.mark.parametrize("library", ["foreign", "haven"])
def test_r_reads_the_same(library: str, datasets: dict[Path, Dataset], tmp_path: Path) -> None:
    program = shutil.which("Rscript")
    if not program:
        pytest.skip("R is not there (Debian: r-base-core with r-cran-haven)")
    known = subprocess.run([program, "-e", f"library({library})"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"R has no package {library}")
    settings = {**os.environ, "LC_ALL": "C.UTF-8"}
    for folder in {path.parent for path in datasets}:
        subprocess.run([program, str(SCRIPT), library, str(folder), str(tmp_path)], env=settings, check=True)
    for path, dataset in datasets.items():
        head, *lines = (tmp_path / f"{path.stem}.tsv").read_text("utf-8").split("\n")[:-1]
        rows = [line.split("\t") for line in lines]
        names = enumerate(head.split("\t"))
        same({name: [row[number] for row in rows] for number, name in names}, dataset)
