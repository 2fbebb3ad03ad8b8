"""The annotated mapping of a package: every value of every variable is told once, with where it came from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook

from trialbridge.cli import main
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.define_xml.read import read_define

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "samples" / "nct06737380"
SMALL = ROOT / "tests" / "run_folder" / "small_study.ndjson"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the datasets in the package of a sample trial."""
    folder = tmp_path_factory.mktemp("mapping")
    inputs = [str(SAMPLE / name) for name in ("resources.zip", "bad_records.ndjson")]
    settings = ["--config", str(SAMPLE / "study.toml")]
    assert main(["convert", *inputs, *settings, "--out", str(folder / "run")]) in {0, 1, 2}
    assert main(["package", str(folder / "run"), "--out", str(folder / "p")]) == 0
    return next((folder / "p").rglob("define.xml")).parent


def rows(package: Path, sheet: str) -> list[dict[str, object]]:
    """Return the rows of a sheet of the workbook, which has its head in the second line."""
    _, head, *found = load_workbook(package / "mapping.xlsx", read_only=True)[sheet].iter_rows(
        values_only=True
    )
    return [dict(zip(map(str, head), row, strict=True)) for row in found]


def test_every_value_is_told_once(package: Path) -> None:
    told: Counter[tuple[object, object]] = Counter()
    for row in rows(package, "Variables"):
        assert isinstance(row["Records"], int)
        told[row["Dataset"], row["Variable"]] += row["Records"]
    there: Counter[tuple[object, object]] = Counter()
    for path in package.glob("*.xpt"):
        dataset = read_xpt(path)
        if dataset.name.startswith("SUPP"):
            there.update((dataset.name, name) for name in dataset.table["QNAM"].to_pylist())
        else:
            columns = zip(dataset.table.column_names, dataset.table.columns, strict=True)
            there.update({(dataset.name, name): len(one) - one.null_count for name, one in columns})
    assert +told == +there


def test_what_is_read_names_its_element_and_its_rule(package: Path) -> None:
    found = rows(package, "Variables")
    read = [row for row in found if row["How"] == "read"]
    assert len(read) > 200
    assert all(row["Resource"] and row["Elements"] and row["Rule"] for row in read)
    severity = next(row for row in read if row["Variable"] == "AESEV")
    assert (severity["Resource"], severity["Elements"]) == (
        "AdverseEvent",
        "severity: system, code, display, text",
    )
    assert all(row["Rule"] for row in found)


def test_codes_units_and_what_is_not_mapped_are_counted(package: Path) -> None:
    codes = {(row["Variable"], row["Term"]): row for row in rows(package, "Codes")}
    sex = read_xpt(package / "dm.xpt").table["SEX"].to_pylist()
    assert codes["SEX", "F"]["Records"] == sex.count("F")
    assert "female" in str(codes["SEX", "F"]["Codes"])
    units = [row for row in rows(package, "Units") if row["Collected"] != row["Standard"]]
    assert any(str(row["Factor"]).startswith("x ") for row in units)
    assert {row["Reason"] for row in rows(package, "Not mapped")} >= {
        "entered in error: the sender withdraws it"
    }
    assert rows(package, "Unread elements")
    assert {row["Setting"] for row in rows(package, "Settings")} >= {"unit system", "terminology"}


def test_the_page_holds_what_the_workbook_holds(package: Path) -> None:
    page = (package / "mapping.html").read_text(encoding="utf-8")
    for row in rows(package, "Variables"):
        assert f"<b>{row['Variable']}</b>" in page
    assert page.count('<h3 id="d-') == len({row["Dataset"] for row in rows(package, "Variables")})
    assert "http-equiv" not in page
    assert "src=" not in page


def test_the_define_xml_names_the_documents(package: Path) -> None:
    definitions = read_define(package / "define.xml").definitions
    leaves = {leaf.id: leaf.href for leaf in definitions.leaves}
    assert [leaves[one.leaf_id] for one in definitions.annotated_crf] == ["acrf.pdf"]
    named = [leaves[one.leaf_id] for one in definitions.supplemental_doc]
    assert named == ["csdrg.pdf", "mapping.html", "mapping.xlsx"]
    assert all((package / name).is_file() for name in [*named, "acrf.pdf"])
    assert "csdrg.pdf" in (package / "define.html").read_text(encoding="utf-8")
    assert main(["verify", str(package.parents[4])]) == 0


def test_datasets_without_a_run_have_no_mapping_and_keep_their_define_xml(tmp_path: Path) -> None:
    main(["convert", str(SMALL), "--out", str(tmp_path / "run")])
    assert main(["package", str(tmp_path / "run" / "sdtm"), "--out", str(tmp_path / "p")]) == 0
    place = next((tmp_path / "p").rglob("define.xml"))
    assert place.read_bytes() == (tmp_path / "run" / "sdtm" / "define.xml").read_bytes()
    assert not (place.parent / "mapping.html").exists()
