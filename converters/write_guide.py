"""The guide as DOCX: the same bytes for the same content."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from trialbridge.converters.guide import Grid, Section

MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of every member of an archive; the earliest that the format can hold."""


def write_docx(title: str, sections: Sequence[Section], target: Path, *, created: datetime) -> None:
    """Write the guide as a Word document."""
    from docx import Document  # noqa: PLC0415 -- only packages need it

    document = Document()
    document.core_properties.title = title
    document.core_properties.author = "trialbridge"
    document.core_properties.created = document.core_properties.modified = created
    document.add_heading(title, 0)
    for section in sections:
        document.add_heading(section.title, section.level)
        for one in section.content:
            if isinstance(one, str):
                document.add_paragraph(one)
            else:
                _grid(document, one)
    data = BytesIO()
    document.save(data)
    target.write_bytes(timeless(data.getvalue()))


def _grid(document: object, grid: Grid) -> None:
    table = document.add_table(rows=1, cols=len(grid.head), style="Light Grid Accent 1")  # type: ignore[attr-defined]  # a document of python-docx
    for cell, text in zip(table.rows[0].cells, grid.head, strict=True):
        cell.text = text
    for row in grid.rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def timeless(data: bytes) -> bytes:
    """Return a zip archive with its members in order and without the time of day."""
    found = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(found, "w", ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            member = ZipInfo(name, MOMENT)
            member.compress_type = ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return found.getvalue()
