"""What a run writes: every file is read back by other readers, described, and the same bytes as before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyreadstat
import pytest

from trialbridge import cli
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.define_xml.agreement import check_agreement
from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.read import read_define
from trialbridge.findings import Severity
from trialbridge.model import Dataset

GOLDEN = Path(__file__).parent / "golden" / "sample.json"
SAMPLE = Path(str(files("trialbridge.samples"))) / "nct06737380"


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of the shipped sample trial."""
    out = tmp_path_factory.mktemp("package") / "sample"
    arguments = ["convert", str(SAMPLE / "resources.zip"), "--to", "sdtm", "--out", str(out)]
    assert cli.main([*arguments, "--config", str(SAMPLE / "study.toml")]) in {0, 1, 2}
    return out


@pytest.fixture(scope="session", params=["lzzt_r4", "synthea_r4", "us_core"])
def real(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of data that nobody here wrote."""
    out = tmp_path_factory.mktemp("package") / request.param
    arguments = ["convert", str(shared / "data" / "fhir" / request.param), "--to", "sdtm", "--out", str(out)]
    assert cli.main([*arguments, "--study", "REAL"]) in {1, 2}
    return out


def transport_files(folder: Path) -> Iterator[Path]:
    found = sorted((folder / "sdtm").glob("*.xpt"))
    assert found
    yield from found


def cells(dataset: Dataset, name: str) -> list[object]:
    """Return a column as the other readers give it: blank text for null, none for a missing number."""
    column = dataset.table[name]
    return pc.fill_null(column, "").to_pylist() if pa.types.is_string(column.type) else column.to_pylist()


def check_readers(folder: Path) -> None:
    for path in transport_files(folder):
        ours = read_xpt(path)
        assert path.stem.upper() == ours.name
        theirs, meta = pyreadstat.read_xport(path)
        pandas = pd.read_sas(path, format="xport", encoding="utf-8")
        assert meta.column_names == list(ours.table.column_names) == list(pandas.columns)
        assert meta.column_labels == [variable.label for variable in ours.variables]
        for name in ours.table.column_names:
            expected = cells(ours, name)
            assert [_plain(cell) for cell in theirs[name]] == [_plain(cell) for cell in expected], path.name
            rows = len(pandas) if _ends_blank(path) else len(expected)
            assert rows >= len(expected) - 1
            assert [_plain(cell) for cell in pandas[name]] == [_plain(cell) for cell in expected[:rows]], name


def _ends_blank(path: Path) -> bool:
    """Return whether pandas may lose the last row: it takes eight blanks in the last 80 bytes for padding."""
    return b" " * 8 in path.read_bytes()[-80:]


def _plain(cell: object) -> object:
    """Return a cell without what readers differ in: how missing is said, and pandas's number for 0."""
    if cell is None or cell != cell or cell == "":  # noqa: PLR0124 -- NaN is not itself
        return None
    return 0.0 if isinstance(cell, float) and abs(cell) < 1e-70 else cell


def check_description(folder: Path) -> None:
    define = folder / "sdtm" / "define.xml"
    errors = [finding for finding in check_define(define) if finding.severity is Severity.ERROR]
    assert errors == []
    datasets = [read_xpt(path) for path in transport_files(folder)]
    assert [
        finding
        for finding in check_agreement(read_define(define), datasets)
        if finding.severity is Severity.ERROR
    ] == []


def test_every_reader_reads_the_sample_alike(sample: Path) -> None:
    check_readers(sample)


def test_every_reader_reads_real_data_alike(real: Path) -> None:
    check_readers(real)


def test_the_sample_is_described(sample: Path) -> None:
    check_description(sample)


def test_real_data_is_described(real: Path) -> None:
    check_description(real)


def digests(folder: Path) -> dict[str, str]:
    """Return the hash of each file of a run, but of the one that says where the input lay."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".xpt", ".xml", ".html"}
    }


def test_the_sample_gives_the_same_bytes_as_before(sample: Path) -> None:
    """A change here is a change for users: look at it, say it in the changelog, and write the hashes anew.

    ``python tests/golden/renew.py`` does the last.
    """
    assert digests(sample) == json.loads(GOLDEN.read_text(encoding="utf-8"))
