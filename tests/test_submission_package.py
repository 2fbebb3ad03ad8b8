"""The submission package: where regulators look, the same bytes again, and nothing changed without a word."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest

from trialbridge.cli import main
from trialbridge.converters.package import HASHES, Packaging, package
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.verify_package import verify
from trialbridge.errors import ConfigurationError, ReadError

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"
PLACE = Path("m5", "datasets", "tb-001", "tabulations", "sdtm")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    main(["convert", str(SMALL), "--out", str(out)])
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_files_stand_where_they_are_looked_for(run: Path, tmp_path: Path) -> None:
    assert main(["package", str(run), "--out", str(tmp_path / "p")]) == 0
    names = {path.name for path in (tmp_path / "p" / PLACE).iterdir()}
    assert {
        "define.xml",
        "define.html",
        "define2-1.xsl",
        "csdrg.docx",
        "csdrg.pdf",
        "acrf.pdf",
        "dm.xpt",
    } <= names
    assert {f"{path.stem}.xpt" for path in (run / "sdtm").glob("*.xpt")} <= names


def test_a_second_package_has_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        package(Packaging(run, tmp_path / name))
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_every_change_is_told(run: Path, tmp_path: Path) -> None:
    package(Packaging(run, tmp_path / "p"))
    assert main(["verify", str(tmp_path / "p")]) == 0
    place = tmp_path / "p" / PLACE
    (place / "dm.xpt").write_bytes((place / "dm.xpt").read_bytes()[:-80])
    (place / "ae.xpt").unlink()
    (place / "extra.txt").write_text("x")
    found = {(one.rule, Path(one.source).name) for one in verify(tmp_path / "p")}
    assert {
        ("package-file-changed", "dm.xpt"),
        ("package-file-missing", "ae.xpt"),
        ("package-file-added", "extra.txt"),
    } <= found
    assert main(["verify", str(tmp_path / "p")]) == 1


def test_a_large_dataset_is_split_where_a_subject_ends(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "samples" / "nct06737380"
    main(
        [
            "convert",
            str(sample / "resources.zip"),
            "--config",
            str(sample / "study.toml"),
            "--out",
            str(tmp_path / "r"),
        ]
    )
    package(Packaging(tmp_path / "r", tmp_path / "p", limit=300_000))
    place = next((tmp_path / "p").rglob("split"))
    whole = read_xpt(place.parent / "lb.xpt")
    parts = [read_xpt(path) for path in sorted(place.glob("lb*.xpt"))]
    assert len(parts) > 2
    assert pa.concat_tables([part.table for part in parts]).equals(whole.table)
    subjects = [set(part.table["USUBJID"].to_pylist()) for part in parts]
    assert sum(map(len, subjects)) == len(set.union(*subjects))
    assert [part.name for part in parts] == [f"LB{number:02d}" for number in range(1, len(parts) + 1)]
    assert all(path.stat().st_size <= 300_000 for path in place.glob("lb*.xpt"))
    assert verify(tmp_path / "p") == []
    (place / "lb01.xpt").unlink()
    found = [(one.rule, one.source) for one in verify(tmp_path / "p")]
    assert ("split-incomplete", "lb.xpt") in found


def test_the_guide_holds_the_sponsors_explanations(run: Path, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    block = '[[disposition]]\nrule = "{}"\nexplanation = "{}"\nwho = "J. Roe"\nwhen = "2026-11-22"\n'
    said = {"required-blank": "Known; the site answers.", "required-variable-blank": "Not coded."}
    (tmp_path / "e.toml").write_text("".join(block.format(*one) for one in said.items()))
    arguments = [str(run), "--out", str(tmp_path / "p"), "--dispositions", str(tmp_path / "e.toml")]
    assert main(["package", *arguments]) == 0
    document = docx.Document(io.BytesIO((tmp_path / "p" / PLACE / "csdrg.docx").read_bytes()))
    cells = {cell.text for table in document.tables for row in table.rows for cell in row.cells}
    assert {"DM", "Demographics", "SDTM CT", "Not coded. (J. Roe, 2026-11-22)"} <= cells
    headings = [one.text for one in document.paragraphs if one.style.name.startswith("Heading")]
    assert headings[0] == "1. Introduction"


def test_what_is_no_input_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"define\.xml"):
        package(Packaging(tmp_path, tmp_path / "p"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(ConfigurationError, match="holds files"):
        package(Packaging(run, tmp_path / "full"))
    with pytest.raises(ReadError, match=HASHES):
        verify(tmp_path)
