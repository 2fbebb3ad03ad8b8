"""The worklist: what a person must decide before the next run, as a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import xlsxwriter

from trialbridge.conversion import Conversion
from trialbridge.converters.suggest import MOST, Asked, Suggestion, suggest
from trialbridge.decisions import LEAVE
from trialbridge.encoded import offered
from trialbridge.findings import Finding, Severity
from trialbridge.registry import DOMAINS, declarations
from trialbridge.study import Study

FONT = "Calibri"
README_SHEET = "Read me"
UNMAPPED_SHEET = "Unmapped codes"
TERMINOLOGY = "terminology"
"""The line of the sheet `README_SHEET` that names the release of the terminology."""

_LONGEST_CELL = 32_767
_LONGEST_LIST = 255
_SEVERITIES = {severity: rank for rank, severity in enumerate(Severity)}

README: Mapping[str, str] = {
    "What this is": (
        "What this run could not decide. Nothing here was guessed, and nothing was dropped: every resource "
        "that is concerned stands in run/ledger.parquet with its reason."
    ),
    "Unmapped codes": (
        "One row for each code or text that no table knows, the most frequent first. Write your choice into "
        "the yellow column Decision: a submission value; for a test its code, such as GLUC or IS.ADA_BAB, "
        "and what else it says, such as HGB; SPEC=BLOOD; or: leave unmapped. Say why in the column Reason."
    ),
    "What comes next": (
        "trialbridge terminology decide worklist.xlsx --decisions decisions.toml takes your choices over "
        "into a text file for version control; trialbridge convert --decisions decisions.toml applies it. "
        "trialbridge terminology suggest TEXT asks for suggestions of any text."
    ),
    "Suggestions": (
        "Terms of the variable's CDISC codelists whose names are most like the text, 100 being the same "
        "words; for tests unit, specimen and results speak for or against. Beside each stands why. They know "
        "nothing of medicine: a high score is where to look, not an answer."
    ),
    "Findings": (
        "What is odd in the data, gathered by rule, with how often it occurs and one example. "
        "run/findings.json has every one with its place."
    ),
    "Elements not read": (
        "FHIR elements that are in the input and that no mapping reads, with how often they occur and the "
        "start of one value."
    ),
}


class Column(NamedTuple):
    """One column of a sheet."""

    title: str
    width: int
    style: str = "text"


_OFFERED = tuple(
    column
    for rank in range(1, MOST + 1)
    for column in (
        Column(f"Suggestion {rank}", 26),
        Column(f"Score {rank}", 9, "number"),
        Column(f"Why {rank}", 36, "aside"),
    )
)
UNMAPPED_COLUMNS = (
    Column("Domain", 9),
    Column("Variable", 12),
    Column("Code system", 34),
    Column("Code", 18),
    Column("Text", 40),
    Column("Decision", 26, "decision"),
    Column("Reason", 34, "decision"),
    Column("Records", 10, "number"),
    Column("Subjects", 10, "number"),
    Column("Example values", 26),
    Column("Units", 16),
    Column("Specimens", 18),
    Column("Example resource", 30),
    Column("Why it is here", 34),
    *_OFFERED,
)
FINDING_COLUMNS = (
    Column("Severity", 10),
    Column("Rule", 26),
    Column("Domain", 9),
    Column("Variable", 12),
    Column("Count", 9, "number"),
    Column("One of them", 70),
    Column("Value", 24),
    Column("Record", 26),
    Column("Resource", 30),
    Column("Path", 34),
    Column("Source", 34),
)
ELEMENT_COLUMNS = (Column("Element", 60), Column("Count", 12, "number"), Column("Start of a value", 70))
_BOX = {"border": 1, "border_color": "#D9C77A", "locked": False}
_HEADER = {
    "bold": True,
    "bg_color": "#1F3A5F",
    "font_color": "#FFFFFF",
    "text_wrap": True,
    "valign": "vcenter",
}

_STYLES: Mapping[str, Mapping[str, object]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "aside": {"text_wrap": True, "valign": "top", "font_color": "#6B7280", "font_size": 9},
    "number": {"valign": "top", "num_format": "#,##0"},
    "decision": {"valign": "top", "bg_color": "#FFF8D6", **_BOX},
    "header": _HEADER,
    "title": {"bold": True, "font_size": 16, "font_color": "#1F3A5F"},
    "name": {"bold": True, "valign": "top"},
}


@dataclass(frozen=True)
class Group:
    """Findings of one rule about one variable: how many, and the first of them."""

    first: Finding
    count: int


def write_worklist(
    conversion: Conversion, findings: Sequence[Finding], target: Path, *, created: datetime
) -> None:
    """Write the worklist of a run to `target`, the same bytes for the same run.

    Args:
        conversion: The run.
        findings: All findings, those of writing too.
        target: The workbook.
        created: The moment that its properties name.
    """
    with xlsxwriter.Workbook(str(target), {"default_format_properties": {"font_name": FONT}}) as book:
        book.set_properties({"title": "Worklist", "author": "trialbridge", "created": created})
        styles = {name: book.add_format({"font_name": FONT, **style}) for name, style in _STYLES.items()}
        _readme(book, styles, conversion)
        _unmapped(book, styles, conversion)
        _sheet(book, styles, "Findings", FINDING_COLUMNS, map(_finding_row, grouped(findings)))
        elements = sorted(conversion.elements.to_pylist(), key=lambda row: (-row["count"], row["path"]))
        rows = ((row["path"], row["count"], row["example"]) for row in elements)
        _sheet(book, styles, "Elements not read", ELEMENT_COLUMNS, rows)


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Return the findings by severity, rule and variable, the gravest and most frequent first.

    Example:
        >>> one = Finding(Severity.NOTICE, "date-partial", "2014 is a year", "LB", "LBDTC")
        >>> [(group.first.rule, group.count) for group in grouped([one, one])]
        [('date-partial', 2)]
    """
    first: dict[tuple[Severity, str, str, str], Finding] = {}
    counts: dict[tuple[Severity, str, str, str], int] = {}
    for finding in findings:
        key = (finding.severity, finding.rule, finding.domain, finding.variable)
        first.setdefault(key, finding)
        counts[key] = counts.get(key, 0) + finding.count
    order = sorted(first, key=lambda key: (_SEVERITIES[key[0]], -counts[key], key[1:]))
    return [Group(first[key], counts[key]) for key in order]


def _finding_row(group: Group) -> tuple[object, ...]:
    one = group.first
    place = (one.record, one.resource, one.path, one.source)
    return (
        str(one.severity),
        one.rule,
        one.domain,
        one.variable,
        group.count,
        one.message,
        one.value,
        *place,
    )


def _readme(book: Any, styles: Mapping[str, Any], conversion: Conversion) -> None:
    sheet = book.add_worksheet(README_SHEET)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 24, styles["name"])
    sheet.set_column(1, 1, 96, styles["text"])
    sheet.write_string(0, 0, "Worklist", styles["title"])
    settings = [("Study", conversion.study.id), *conversion.study.overrides()]
    for row, (name, text) in enumerate((*README.items(), ("", ""), *settings), 2):
        sheet.write_string(row, 0, name, styles["name"])
        sheet.write_string(row, 1, text, styles["text"])


def _unmapped(book: Any, styles: Mapping[str, Any], conversion: Conversion) -> None:
    rows = sorted(conversion.unmapped.to_pylist(), key=lambda row: -row["count"])
    found = [_suggestions(row, conversion.study) for row in rows]
    cells = (_unmapped_row(row, some) for row, some in zip(rows, found, strict=True))
    sheet = _sheet(book, styles, UNMAPPED_SHEET, UNMAPPED_COLUMNS, cells)
    decision = [column.title for column in UNMAPPED_COLUMNS].index("Decision")
    for number, some in enumerate(found, 1):
        sheet.data_validation(number, decision, number, decision, _validation(some))
    sheet.freeze_panes(1, 5)


def _suggestions(row: Mapping[str, Any], study: Study) -> list[Suggestion]:
    told = {name: value or "" for name, value in row.items()}
    asked = Asked(
        told["domain"],
        told["variable"],
        (told["text"], told["code"]),
        told["system"],
        told["units"],
        told["specimens"],
        told["example_values"],
    )
    return [*_same_letters(asked, study), *suggest(asked, study.ct)][:MOST]


def _same_letters(asked: Asked, study: Study) -> list[Suggestion]:
    """Return the term of the user's own dictionary that has the letters of the text, if there is one."""
    rule = declarations(asked.domain)[0].rules.get(asked.variable) if asked.domain in DOMAINS else None
    found = offered(rule, asked.texts, study.dictionaries)
    why = f"the letters of a term of {found.dictionary}" if found else ""
    return [Suggestion(found.value, found.value, found.code, 100, why)] if found else []


def _unmapped_row(row: Mapping[str, Any], found: Sequence[Suggestion]) -> tuple[object, ...]:
    known = (
        row["domain"],
        row["variable"],
        row["system"],
        row["code"],
        row["text"],
        None,
        None,
        row["count"],
        row["subjects"],
    )
    context = (row["example_values"], row["units"], row["specimens"], row["example_resource"], row["reason"])
    offered = [cell for one in found for cell in (_offered(one), one.score, one.why)]
    return (*known, *context, *offered, *[None] * (3 * (MOST - len(found))))


def _offered(one: Suggestion) -> str:
    return one.value if one.name == one.value else f"{one.value} ({one.name})"


def _validation(found: Sequence[Suggestion]) -> dict[str, object]:
    """Return what the decision is checked by: suggestions are offered, another term is asked about."""
    values = [one.value for one in found if "," not in one.value]
    values += [LEAVE] * bool(values)
    while len(",".join(values)) > _LONGEST_LIST:
        values.pop()
    if not values:
        return {
            "validate": "length",
            "criteria": "<=",
            "value": 200,
            "error_message": "At most 200 characters.",
        }
    return {
        "validate": "list",
        "source": values,
        "error_type": "warning",
        "error_title": "Not one of the suggestions",
        "error_message": "This term is none of the suggestions. Keep it?",
    }


def _sheet(
    book: Any,
    styles: Mapping[str, Any],
    name: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
) -> Any:
    sheet = book.add_worksheet(name)
    for number, column in enumerate(columns):
        sheet.set_column(number, number, column.width)
        sheet.write_string(0, number, column.title, styles["header"])
    sheet.set_row(0, 32)
    last = 0
    for last, cells in enumerate(rows, 1):
        for number, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            _write(sheet, last, number, cell, styles[column.style])
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last, len(columns) - 1)
    return sheet


def _write(sheet: Any, row: int, column: int, cell: object, style: Any) -> None:
    """Write a cell; text is never taken for a formula or a link, whatever it begins with."""
    if isinstance(cell, int):
        sheet.write_number(row, column, cell, style)
    elif cell:
        sheet.write_string(row, column, str(cell)[:_LONGEST_CELL], style)
    else:
        sheet.write_blank(row, column, None, style)
