"""The reports of Pinnacle 21 and CDISC CORE, read and held against what is found here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from trialbridge.cli import main
from trialbridge.converters.compare_validation import Standing, compare_validation
from trialbridge.converters.read_other_report import read_other_report
from trialbridge.errors import ReadError
from trialbridge.validation.example import package_of
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

CHOSEN = {"start-after-end", "unit-missing", "variable-unknown"}
PINNACLE = {
    "Details": [
        ("Domain", "Record", "Count", "Variables", "Values", "Pinnacle 21 ID", "Publisher ID", "Message"),
        ("AE", 1, 1, "AESTDTC", "2020-01-05", "SD0013", "FDAC031", "start after end"),
        ("AE", 3, 1, "AESTDTC", "2020-01-05", "SD0013", "FDAC031", "start after end"),
        ("LB (LBCH)", 1, 1, "LBORRESU", "null", "SD9999", "", "a rule that nobody has"),
    ],
    "Rules": [
        ("Pinnacle 21 ID", "Publisher ID", "Message"),
        ("SD0013", "FDAC031", "start after end"),
        ("SD0026", "FDAC032", "unit missing"),
        ("SD9999", "", "a rule that nobody has"),
    ],
}
CORE_SHEETS = {
    "Issue Details": [
        ("CORE-ID", "Message", "Executability", "Dataset", "USUBJID", "Record", "Sequence"),
        ("CORE-000001", "start after end", "Fully Executable", "ae.xpt", "S-1", 1, 1),
    ],
    "Rules Report": [("CORE-ID", "Version", "Message", "Status"), ("CORE-000001", "1", "after", "ISSUE")],
}
CORE_JSON = {
    "Issue_Details": [{"core_id": "CORE-000001", "message": "after", "dataset": "ae.xpt", "row": 1}],
    "Rules_Report": [{"core_id": "CORE-000001", "message": "after", "status": "ISSUE"}],
}


def workbook(path: Path, sheets: dict[str, list[tuple[Any, ...]]]) -> Path:
    book = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in [("a title above",), (), *rows]:
            sheet.append(row)
    book.save(path)
    return path


def test_a_report_of_pinnacle_21_is_held_against_what_is_found(tmp_path: Path) -> None:
    other = read_other_report(workbook(tmp_path / "p21.xlsx", PINNACLE))
    assert other.listed["SD9999"] == [("LBCH", 1)]
    rows = [{"AESTDTC": "2020-01-05", "AEENDTC": "2020-01-01"}] * 2
    lb = [{"LBTESTCD": "GLUC", "LBORRES": "5", "LBORRESU": None}]
    package = package_of({"AE": rows, "LB": lb})
    validation = run_rules(package, [rule for rule in rules() if rule.facts.id in CHOSEN])
    compared = {one.rule: one for one in compare_validation(validation, other)}
    start = compared["SD0013"]
    assert (start.standing, start.listed, start.common, start.missing, start.found) == (
        Standing.BOTH,
        2,
        1,
        1,
        2,
    )
    assert compared["SD0026"].standing == Standing.OURS
    assert compared["SD9999"].standing == Standing.NONE


def test_what_is_not_checked_here_says_why(tmp_path: Path) -> None:
    sheets = {**PINNACLE, "Rules": [PINNACLE["Rules"][0], ("SD0058", "", "not in the guide")]}
    other = read_other_report(workbook(tmp_path / "p21.xlsx", sheets))
    package = package_of({"AE": [{}]}, ig="3.2")
    validation = run_rules(package, [rule for rule in rules() if rule.facts.id in CHOSEN])
    (one,) = compare_validation(validation, other)
    assert one.standing == Standing.NOT_CHECKED
    assert "SDTMIG 3.2" in one.reason


def test_both_forms_of_a_report_of_core_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "core.json").write_text(json.dumps(CORE_JSON))
    of_json = read_other_report(tmp_path / "core.json")
    of_book = read_other_report(workbook(tmp_path / "core.xlsx", CORE_SHEETS))
    assert dict(of_json.listed) == dict(of_book.listed) == {"CORE-000001": [("AE", 1)]}
    assert of_json.rules == of_book.rules == {"CORE-000001": "after"}


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b"[]"), ("a.json", b"{}"), ("a.xlsx", b"PK"), ("a.xlsx", b"")]
)
def test_what_is_no_report_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError):
        read_other_report(tmp_path / name)


def test_the_pilot_is_compared_with_its_published_report(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = next((shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    report = next(tmp_path.rglob("*report*.xlsx"))
    book = tmp_path / "ours.xlsx"
    folder = next(tmp_path.rglob("dm.xpt")).parent
    main(["validate", str(folder), "--only", "content", "--compare", str(report), "--report", str(book)])
    said = capsys.readouterr().out
    assert "6 found by both" in said
    rows = openpyxl.load_workbook(book, read_only=True)["Comparison"].iter_rows(min_row=2, values_only=True)
    listed = {row[0]: row[3:6] for row in rows if row[3] and row[2] == Standing.BOTH}
    assert listed == {
        "SD0006": (1, 1, 0),
        "SD0021": (472, 472, 0),
        "SD0026": (318, 318, 0),
        "SD0029": (1000, 1000, 0),
        "SD1131": (7, 7, 0),
        "SD2236": (12, 12, 0),
    }
