"""``trialbridge validate`` as people call it: input, exit codes, reports."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from trialbridge.cli import main
from trialbridge.converters.dataset_json_format import DatasetJsonMetadata
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.write_dataset_json import write_dataset_json
from trialbridge.converters.write_xpt import write_xpt

sys.path.insert(0, str(Path(__file__).parent))
from clean_package import dataset, tables

CREATED = datetime(2020, 1, 1)  # noqa: DTZ001 -- a header has no zone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sdtm"
    made.mkdir()
    for name, rows in tables().items():
        write_xpt(dataset(name, rows), made / f"{name.lower()}.xpt", created=CREATED)
    return made


def damage(folder: Path) -> None:
    made = tables()
    made["CM"][0]["CMENDTC"] = "2020-02-01"
    made["CM"][0]["CMENDY"] = 1
    write_xpt(dataset("CM", made["CM"]), folder / "cm.xpt", created=CREATED)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["validate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_clean_part_ends_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = printed(capsys, str(folder), "--only", "content")
    assert (code, found["counts"]["error"], found["counts"]["warning"]) == (0, 0, 0)


def test_findings_end_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    code, found = printed(capsys, str(folder), "--only", "content")
    assert code == 1
    assert {one["rule"] for one in found["clusters"] if one["severity"] != "notice"} == {
        "start-after-end",
        "start-day-after-end-day",
    }


@pytest.mark.parametrize(
    "arguments", [["nowhere"], ["{folder}", "--report", "report.doc"], ["{folder}", "--only", "all"]]
)
def test_bad_input_ends_with_3(folder: Path, arguments: list[str]) -> None:
    assert main(["validate", *(one.format(folder=folder) for one in arguments)]) == 3


def test_an_empty_folder_ends_with_3(tmp_path: Path) -> None:
    assert main(["validate", str(tmp_path)]) == 3


def test_the_summary_names_rule_dataset_and_ids(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder)
    assert main(["validate", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "CMSTDTC is after CMENDTC" in said
    assert "SD0013" in said


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (
            b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!000000000000000000000000000000  " * 5,
            "file-xport-8",
        ),
        (b"**COMPRESSED** **COMPRESSED** **COMPRESSED** " * 9, "file-cport"),
        (b"<html>404 Not Found</html>", "file-unreadable"),
        (b"", "file-unreadable"),
    ],
)
def test_what_is_no_transport_file_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes, rule: str
) -> None:
    (folder / "zz.xpt").write_bytes(content)
    code, found = printed(capsys, str(folder), "--only", "xpt")
    assert code == 1
    assert rule in {one["rule"] for one in found["clusters"]}


def test_an_empty_file_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "qs.csv").write_bytes(b"")
    _, found = printed(capsys, str(folder), "--only", "xpt")
    assert "file-unreadable" in {one["rule"] for one in found["clusters"]}


def test_formats_give_the_same_answer(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    other = tmp_path / "json"
    other.mkdir()
    for name, rows in tables().items():
        write_dataset_json(
            dataset(name, rows), other / f"{name.lower()}.json", metadata=DatasetJsonMetadata(CREATED)
        )
    made = tables()
    made["CM"][0].update(CMENDTC="2020-02-01", CMENDY=1)
    write_dataset_json(dataset("CM", made["CM"]), other / "cm.json", metadata=DatasetJsonMetadata(CREATED))
    both = [printed(capsys, str(place), "--only", "content")[1]["clusters"] for place in (folder, other)]
    assert both[0] == both[1]


def test_reports_of_every_form(folder: Path, tmp_path: Path) -> None:
    damage(folder)
    names = [tmp_path / f"report{ending}" for ending in (".xlsx", ".html", ".json", ".sarif", ".xml")]
    options = [word for name in names for word in ("--report", str(name))]
    assert main(["validate", str(folder), *options]) == 1
    book = openpyxl.load_workbook(names[0])
    assert book.sheetnames == ["Dataset Summary", "Issue Summary", "Issue Details", "Rules Report"]
    columns = [cell.value for cell in book["Issue Details"][1]]
    assert {"Domain", "Record", "Count", "Variables", "Values", "Publisher ID", "Message", "Category"} < set(
        columns
    )
    place = columns.index("Explanation")
    assert all(not row[place] for row in book["Issue Details"].iter_rows(min_row=2, values_only=True))
    found = json.loads(names[2].read_bytes())
    assert sum(one["count"] for one in found["clusters"]) == len(found["findings"])
    record = next(one for one in found["findings"] if "CMENDTC" in one["variables"])
    assert (record["dataset"], record["record"], record["keys"]) == ("CM", 1, "USUBJID=LK-1-001, CMSEQ=1")
    sarif = json.loads(names[3].read_bytes())
    result = next(one for one in sarif["runs"][0]["results"] if one["ruleId"] == "start-after-end")
    assert sarif["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "start-after-end"
    failures = ET.parse(names[4]).findall(".//failure")  # noqa: S314 -- our own file
    assert any("CMSTDTC" in (one.text or "") for one in failures)


def test_equal_input_gives_equal_reports(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        main(["validate", str(folder), "--report", str(tmp_path / f"{number}.xlsx")])
    assert (tmp_path / "1.xlsx").read_bytes() == (tmp_path / "2.xlsx").read_bytes()


STF = """<?xml version="1.0"?><ectd:study xmlns:ectd="http://www.ich.org/ectd"
 xmlns:xlink="http://www.w3c.org/1999/xlink"><study-identifier><title>A</title><study-id>{study}</study-id>
</study-identifier><study-document>{documents}</study-document></ectd:study>"""
DOCUMENT = '<doc-content xlink:href="{index}#{name}"><file-tag name="{tag}" info-type="us"/></doc-content>'
INDEX = """<?xml version="1.0"?><ectd:ectd xmlns:ectd="http://www.ich.org/ectd"
 xmlns:xlink="http://www.w3c.org/1999/xlink"><m5-clinical-study-reports>{leaves}</m5-clinical-study-reports>
</ectd:ectd>"""
LEAF = '<leaf ID="{name}" operation="new" xlink:href="m5/datasets/lk/tabulations/sdtm/{name}.xpt"/>'
TAG = "data-tabulation-dataset-sdtm"


def tagged(place: Path, tags: dict[str, str], *, study: str = "LK", index: bool = True) -> Path:
    """Return a study tagging file, with the index that it points to two folders higher."""
    stf = place / "m5" / "53" / "stf.xml"
    stf.parent.mkdir(parents=True)
    leaves = "".join(LEAF.format(name=name) for name in tags)
    if index:
        (place / "index.xml").write_text(INDEX.format(leaves=leaves))
    documents = "".join(DOCUMENT.format(index="../../index.xml", name=name, tag=tags[name]) for name in tags)
    stf.write_text(STF.format(study=study, documents=documents))
    return stf


def stf_findings(capsys: pytest.CaptureFixture[str], folder: Path, stf: Path) -> set[tuple[str, str]]:
    _, found = printed(capsys, str(folder), "--only", "trc", "--stf", str(stf))
    said = {(one["rule"], one["message"].partition(": ")[2]) for one in found["clusters"]}
    status = {(one["id"], one["reason"]) for one in found["rules"] if one["reason"]}
    return {one for one in said | status if one[0].startswith("trc-stf")}


def test_each_file_has_its_tag_in_the_study_tagging_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tags = {path.stem: TAG for path in folder.glob("*.xpt")}
    study = read_xpt(folder / "dm.xpt").table["STUDYID"][0].as_py()
    assert stf_findings(capsys, folder, tagged(tmp_path / "a", tags, study=study)) == set()
    wrong = {**tags, "ae": "data-listing-dataset"}
    del wrong["cm"]
    assert stf_findings(capsys, folder, tagged(tmp_path / "b", wrong, study="OTHER")) == {
        ("trc-stf-study", f"it is of study OTHER, the datasets are of {study}"),
        ("trc-stf-tag", f"ae.xpt has data-listing-dataset, not {TAG}"),
        ("trc-stf-absent", "cm.xpt is not in stf.xml"),
    }


def test_without_the_index_the_tags_alone_are_looked_at(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = read_xpt(folder / "dm.xpt").table["STUDYID"][0].as_py()
    stf = tagged(tmp_path / "a", {"ae": "data-listing-dataset"}, study=study, index=False)
    assert stf_findings(capsys, folder, stf) == {
        ("trc-stf-tag", f"no file has the tag {TAG}"),
        ("trc-stf-absent", "needs the index.xml that the study tagging file points to"),
    }


def test_without_a_study_tagging_file_its_criteria_are_not_checked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = printed(capsys, str(folder), "--only", "trc")
    reasons = {one["reason"] for one in found["rules"] if one["id"].startswith("trc-stf")}
    assert reasons == {"needs --stf FILE"}
    (tmp_path / "stf.xml").write_text("<html/>")
    assert main(["validate", str(folder), "--stf", str(tmp_path / "stf.xml")]) == 3


def test_of_send_the_rules_of_sdtm_alone_are_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"TSSEQ": 1, "TSPARMCD": "SNDIGVER", "TSVAL": "SEND IMPLEMENTATION GUIDE VERSION 3.1"},
        {"TSSEQ": 2, "TSPARMCD": "STSTDTC", "TSVAL": "2015-07-24"},
    ]
    write_xpt(dataset("TS", rows), tmp_path / "ts.xpt", created=CREATED)
    lb = [{"USUBJID": "A", "LBSEQ": 1, "LBTESTCD": "ALB", "LBTEST": "Albumin", "LBEXCLFL": "Y"}]
    write_xpt(dataset("LB", lb), tmp_path / "lb.xpt", created=CREATED)
    _, found = printed(capsys, str(tmp_path))
    assert found["standards"].startswith("SENDIG 3.1 (by TS)")
    reasons = {one["id"]: one["reason"] for one in found["rules"]}
    assert reasons["send-variable"] == "is for SDTMIG, and this is SENDIG 3.1"
    assert reasons["variable-unknown"].startswith("needs the variable table of SENDIG 3.1")
    assert not [one for one in found["clusters"] if one["rule"] == "trc-study-start-absent"]


def explain(path: Path, rule: str) -> None:
    said = f'rule = "{rule}"\nexplanation = "as collected"\nwho = "J. Roe"\nwhen = "2026-11-22"\n'
    with path.open("a", encoding="utf-8") as file:
        file.write(f"[[disposition]]\n{said}")


def test_what_is_explained_is_shown_and_no_longer_counts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    said = folder / "dispositions.toml"
    explain(said, "start-after-end")
    code, found = printed(capsys, str(folder), "--only", "content")
    assert (code, found["counts"]["error"], found["explained"]["error"]) == (1, 2, 1)
    explain(said, "start-day-after-end-day")
    report = tmp_path / "report.xlsx"
    code, found = printed(capsys, str(folder), "--only", "content", "--report", str(report))
    assert code == 0
    assert {one["explanation"] for one in found["clusters"] if one["severity"] == "error"} == {"as collected"}
    for sheet in ("Issue Summary", "Issue Details"):
        rows = list(openpyxl.load_workbook(report)[sheet].iter_rows(values_only=True))
        place = rows[0].index("Explanation")
        assert "as collected (J. Roe, 2026-11-22)" in {row[place] for row in rows[1:]}
    assert main(["validate", str(folder), "--only", "content"]) == 0
    assert "explained in dispositions.toml: 2 errors" in capsys.readouterr().out


def test_a_disposition_that_speaks_of_nothing_is_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explain(folder / "dispositions.toml", "start-after-end")
    _, found = printed(capsys, str(folder), "--only", "content")
    assert found["dispositions"]["unused"] == [{"rule": "start-after-end", "dataset": ""}]
    assert main(["validate", str(folder), "--only", "content"]) == 0
    assert "1 of its blocks speak of nothing that was found" in capsys.readouterr().out


def test_a_criterion_of_rejection_cannot_be_explained_away(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ts.xpt").unlink()
    explain(folder / "dispositions.toml", "trc-ts-absent")
    explain(folder / "dispositions.toml", "trc-define-absent")
    code, found = printed(capsys, str(folder), "--only", "trc")
    assert (code, found["explained"]["error"]) == (1, 2)


def test_reports_for_machines_know_what_is_explained(folder: Path, tmp_path: Path) -> None:
    damage(folder)
    explain(folder / "dispositions.toml", "start-after-end")
    names = [tmp_path / "r.sarif", tmp_path / "r.xml"]
    main(["validate", str(folder), "--only", "content", *(f"--report={name}" for name in names)])
    results = json.loads(names[0].read_bytes())["runs"][0]["results"]
    known = {one["ruleId"]: one.get("suppressions", []) for one in results}
    assert known["start-after-end"][0]["justification"] == "as collected (J. Roe, 2026-11-22)"
    assert not known["start-day-after-end-day"]
    failures = ET.parse(names[1]).findall(".//testcase[failure]")  # noqa: S314 -- our own file
    assert [one.get("name", "").partition(":")[0] for one in failures] == ["start-day-after-end-day"]


def test_new_causes_are_added_to_the_file_once_and_nothing_is_changed(folder: Path, tmp_path: Path) -> None:
    damage(folder)
    said = tmp_path / "kept" / "said.toml"
    options = ("--only", "content", "--dispositions", str(said), "--add-dispositions")
    assert main(["validate", str(folder), "--dispositions", str(said)]) == 3
    assert main(["validate", str(folder), *options]) == 1
    first = said.read_bytes()
    assert first.count(b"[[disposition]]") == 2
    edited = first.replace(b"\n", b"\r\n")
    said.write_bytes(edited)
    main(["validate", str(folder), *options])
    assert said.read_bytes() == edited
    made = tables()
    made["AE"][0].update(AEENDTC="2019-01-01", AEENDY=-500)
    write_xpt(dataset("AE", made["AE"]), folder / "ae.xpt", created=CREATED)
    main(["validate", str(folder), *options])
    assert said.read_bytes().startswith(edited)
    assert b'dataset = "AE"' in said.read_bytes()[len(edited) :]


def test_an_earlier_run_tells_what_is_new_and_what_is_resolved(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before.json"
    clean = (folder / "cm.xpt").read_bytes()
    damage(folder)
    main(["validate", str(folder), "--report", str(before)])
    capsys.readouterr()
    _, found = printed(capsys, str(folder), "--since", str(before))
    assert {one["change"] for one in found["clusters"]} == {"unchanged"}
    assert found["since"]["gone"] == []
    (folder / "cm.xpt").write_bytes(clean)
    _, found = printed(capsys, str(folder), "--since", str(before))
    assert {one["rule"]: one["change"] for one in found["since"]["gone"]} == {
        "start-after-end": "resolved",
        "start-day-after-end-day": "resolved",
    }
    _, found = printed(capsys, str(folder), "--only", "trc", "--since", str(before))
    assert {one["change"] for one in found["since"]["gone"]} == {"not checked"}
    main(["validate", str(folder), "--report", str(before)])
    damage(folder)
    capsys.readouterr()
    main(["validate", str(folder), "--since", str(before)])
    assert "2 new" in capsys.readouterr().out
    assert main(["validate", str(folder), "--since", str(folder / "cm.xpt")]) == 3
