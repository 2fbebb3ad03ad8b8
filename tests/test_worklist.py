"""The worklist: read back as a spreadsheet reads it; suggestions are near in letters and say how near."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import load_workbook

from trialbridge.conversion import ELEMENTS, UNMAPPED, Conversion
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.worklist import grouped, write_worklist
from trialbridge.findings import Finding, Severity

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"
WHEN = datetime(2024, 6, 1)  # noqa: DTZ001 -- headers have no zone


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    return to_sdtm([SMALL])


def _rows(source: Path, sheet: str) -> list[dict[str, Any]]:
    title, *rows = load_workbook(source)[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, title), row, strict=True)) for row in rows]


def test_an_unknown_code_stands_with_all_that_is_known_of_it(conversion: Conversion, tmp_path: Path) -> None:
    target = tmp_path / "worklist.xlsx"
    write_worklist(conversion, conversion.findings, target, created=WHEN)
    row = next(row for row in _rows(target, "Unmapped codes") if row["Variable"] == "LBTESTCD")
    assert row["Code"] == "=X1"  # text, and no formula
    assert (row["Records"], row["Subjects"], row["Units"]) == (1, 1, "10*12/L")
    assert (row["Suggestion 1"], row["Score 1"]) == ("RBC (Erythrocytes)", 93)
    assert row["Why 1"] == "'Erythrocytes' is like 'Erythrocytes'; unit 10^12/L fits"
    assert (row["Decision"], row["Reason"]) == (None, None)


def test_a_decision_is_offered_the_suggestions(conversion: Conversion, tmp_path: Path) -> None:
    target = tmp_path / "worklist.xlsx"
    write_worklist(conversion, conversion.findings, target, created=WHEN)
    sheet = load_workbook(target)["Unmapped codes"]
    checks = sheet.data_validations.dataValidation
    titles = [cell.value for cell in sheet[1]]
    decision = sheet.cell(1, titles.index("Decision") + 1).column_letter
    assert {str(check.sqref) for check in checks} == {
        f"{decision}{row}" for row in range(2, sheet.max_row + 1)
    }
    offered = [str(check.formula1) for check in checks if check.type == "list"]
    assert any(words.strip('"').split(",")[0] == "RBC" for words in offered)
    assert all(check.errorStyle == "warning" for check in checks if check.type == "list")


@pytest.mark.parametrize("sheet", ["Unmapped codes", "Findings", "Elements not read"])
def test_every_table_is_frozen_and_filtered(conversion: Conversion, tmp_path: Path, sheet: str) -> None:
    target = tmp_path / "worklist.xlsx"
    write_worklist(conversion, conversion.findings, target, created=WHEN)
    found = load_workbook(target)[sheet]
    assert found.freeze_panes in {"A2", "F2"}
    assert found.auto_filter.ref == found.dimensions


def test_findings_and_elements_are_gathered(conversion: Conversion, tmp_path: Path) -> None:
    target = tmp_path / "worklist.xlsx"
    one = Finding(Severity.WARNING, "date-impossible", "no such day", "LB", "LBDTC", value="2024-02-30")
    many = [replace(one, count=3), one, Finding(Severity.ERROR, "json-truncated", "cut off", source="a.json")]
    elements = pa.Table.from_pylist(
        [{"path": "Observation.issued", "count": 7, "example": '"x"'}], schema=ELEMENTS
    )
    write_worklist(replace(conversion, elements=elements), many, target, created=WHEN)
    findings = _rows(target, "Findings")
    assert [(row["Severity"], row["Rule"], row["Count"]) for row in findings] == [
        ("error", "json-truncated", 1),
        ("warning", "date-impossible", 4),
    ]
    assert _rows(target, "Elements not read") == [
        {"Element": "Observation.issued", "Count": 7, "Start of a value": '"x"'}
    ]


def test_the_same_run_gives_the_same_bytes(conversion: Conversion, tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_worklist(conversion, conversion.findings, tmp_path / name, created=WHEN)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_run_without_anything_to_decide_has_a_worklist_too(conversion: Conversion, tmp_path: Path) -> None:
    target = tmp_path / "worklist.xlsx"
    clean = replace(conversion, unmapped=UNMAPPED.empty_table(), elements=ELEMENTS.empty_table())
    write_worklist(clean, (), target, created=WHEN)
    assert _rows(target, "Unmapped codes") == []
    settings = dict(load_workbook(target)["Read me"].iter_rows(min_row=9, values_only=True))
    assert settings["Study"] == "TB-001"


def test_groups_are_ordered_by_gravity_then_number() -> None:
    findings = [
        Finding(Severity.NOTICE, "n", "", count=99),
        Finding(Severity.WARNING, "few", ""),
        Finding(Severity.WARNING, "many", "", count=5),
        Finding(Severity.ERROR, "e", ""),
    ]
    assert [group.first.rule for group in grouped(findings)] == ["e", "many", "few", "n"]
