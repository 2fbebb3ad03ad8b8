"""A specification as a workbook: the same bytes for the same specification; and read from anybody's."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter
from openpyxl.utils.exceptions import InvalidFileException

from trialbridge.define_xml.spec import Line, Spec, Table
from trialbridge.errors import ReadError

_RETURN = "\N{SYMBOL FOR CARRIAGE RETURN}"  # a workbook has no carriage return of its own
_LONGEST = 16_000  # characters, two units of UTF-16 each: a cell holds 32,767
_MORE = re.compile(r"(.+) \(continued(?: (\d+))?\)")
_NUMBERS = {"Order", "Length", "Significant Digits", "Position"}
_WIDTHS = {
    "Attribute": 28, "Value": 60, "Label": 36, "Description": 60, "Structure": 40, "Key Variables": 40,
    "Decoded Value": 40, "Term": 30, "Name": 30, "Where Clause": 32, "ID": 28, "Predecessor": 24, "Title": 40,
    "Expression Code": 50, "Href": 30,
}  # fmt: skip
_WRAPPED = {"Description", "Expression Code", "Value", "Label"}


def write_spec(spec: Spec, target: Path, created: datetime) -> None:
    """Write `spec` as a workbook whose properties name the moment `created`."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties(
            {"title": "Define-XML specification", "author": "trialbridge", "created": created}
        )
        styles = {
            "head": book.add_format(
                {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "valign": "top"}
            ),
            "text": book.add_format({"num_format": "@", "valign": "top"}),
            "long": book.add_format({"num_format": "@", "valign": "top", "text_wrap": True}),
            "number": book.add_format({"valign": "top"}),
        }
        for table in spec.tables.values():
            _write_table(book.add_worksheet(table.name), _cut(table), styles)
    target.write_bytes(content.getvalue())


def _write_table(sheet: Any, table: Table, styles: dict[str, Any]) -> None:
    """Write the headers and the rows of one sheet."""
    for column, header in enumerate(table.headers):
        sheet.write_string(0, column, header, styles["head"])
        sheet.set_column(column, column, _WIDTHS.get(header, max(10, min(len(header) + 3, 30))))
        style = styles["long" if header in _WRAPPED else "text"]
        for line in table.lines:
            cell = line.cells.get(header, "")
            if header in _NUMBERS and cell.isdecimal() and str(int(cell)) == cell:
                sheet.write_number(line.number - 1, column, int(cell), styles["number"])
            elif cell:
                sheet.write_string(line.number - 1, column, cell.replace("\r", _RETURN), style)
    sheet.freeze_panes(1, 0)
    if table.lines and table.headers:
        sheet.autofilter(0, 0, table.lines[-1].number - 1, len(table.headers) - 1)


def _cut(table: Table) -> Table:
    """Return a sheet whose texts fit into cells: the rest of a long one stands in a column behind."""
    headers: list[str] = []
    for header in table.headers:
        longest = max((len(line.cells.get(header, "")) for line in table.lines), default=0)
        headers += [header, *(_continued(header, number) for number in range(1, -(-longest // _LONGEST)))]
    if len(headers) == len(table.headers):
        return table
    lines = tuple(
        Line(line.number, {name: cell for header in table.headers for name, cell in _pieces(header, line)})
        for line in table.lines
    )
    return Table(table.name, tuple(headers), lines)


def _pieces(header: str, line: Line) -> Iterator[tuple[str, str]]:
    """Yield each cell that the text under `header` needs."""
    text = line.cells.get(header, "")
    for number, start in enumerate(range(0, len(text), _LONGEST)):
        yield _continued(header, number), text[start : start + _LONGEST]


def _continued(header: str, number: int) -> str:
    """Return the header of a continuation.

    Example:
        >>> [_continued("Description", number) for number in range(3)]
        ['Description', 'Description (continued)', 'Description (continued 2)']
    """
    return header if not number else f"{header} (continued{f' {number}' if number > 1 else ''})"


def read_spec(source: Path) -> Spec:
    """Return the workbook at `source` as a specification.

    Raises:
        ReadError: The file is no workbook.
    """
    try:
        book = openpyxl.load_workbook(source, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ReadError(str(source), f"not a workbook (.xlsx): {error}") from error
    saved = book.properties.modified or book.properties.created
    tables = {sheet.title: _read_table(sheet) for sheet in book.worksheets}
    return Spec(tables, saved.replace(tzinfo=None, microsecond=0).isoformat() if saved else "")


def _read_table(sheet: Any) -> Table:
    """Return the headers and the rows of one sheet; the headers are its first row that is not empty."""
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    headers: tuple[str, ...] = ()
    for _, row in rows:
        headers = tuple(_text(cell).strip() for cell in row)
        if any(headers):
            break
    lines = []
    for number, row in rows:
        cells = {
            name: _text(cell) for name, cell in zip(headers, row, strict=False) if name and cell is not None
        }
        if any(cells.values()):
            lines.append(Line(number, _joined(cells)))
    return Table(
        sheet.title, tuple(name for name in headers if name and not _MORE.fullmatch(name)), tuple(lines)
    )


def _joined(cells: dict[str, str]) -> dict[str, str]:
    """Return the cells of a row with their continuations."""
    whole: dict[str, str] = {}
    for name, text in cells.items():
        match = _MORE.fullmatch(name)
        header = match[1] if match else name
        whole[header] = whole.get(header, "") + text
    return whole


def _text(cell: object) -> str:
    """Return the text of a cell: a whole number without a point, a date as ISO 8601.

    Example:
        >>> _text(8.0), _text(None), _text(datetime(2026, 3, 1)), _text(" A ")
        ('8', '', '2026-03-01', ' A ')
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "Yes" if cell else "No"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell).replace(_RETURN, "\r")
