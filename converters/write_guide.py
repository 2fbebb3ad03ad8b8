"""The guide as DOCX and as PDF: the same bytes for the same content."""

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


def write_pdf(title: str, sections: Sequence[Section], target: Path) -> None:
    """Write the guide as a PDF, with bookmarks."""
    from reportlab.lib import colors  # noqa: PLC0415 -- only packages need it
    from reportlab.lib.pagesizes import A4, landscape  # noqa: PLC0415 -- the same
    from reportlab.lib.styles import getSampleStyleSheet  # noqa: PLC0415 -- the same
    from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle  # noqa: PLC0415 -- the same

    styles = getSampleStyleSheet()
    look = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#1F3A5F")),
            ("GRID", (0, 0), (-1, -1), 0.25, colors.HexColor("#B8C4D0")),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    story: list[object] = [Paragraph(_plain(title), styles["Title"])]
    white = styles["BodyText"].clone("head", textColor=colors.white, fontSize=8)
    small = styles["BodyText"].clone("cell", fontSize=7.5, leading=9, wordWrap="CJK")
    for section in sections:
        story.append(Paragraph(_plain(section.title), styles[f"Heading{section.level}"]))
        for one in section.content:
            if isinstance(one, str):
                story.append(Paragraph(_plain(one), styles["BodyText"]))
            else:
                head = [Paragraph(_plain(text), white) for text in one.head]
                rows = [[Paragraph(_plain(text), small) for text in row] for row in one.rows]
                table = LongTable([head, *rows], repeatRows=1, colWidths=_widths(one, landscape(A4)[0] - 80))
                table.setStyle(look)
                story += [table, Spacer(1, 8)]
    SimpleDocTemplate(
        str(target), pagesize=landscape(A4), title=title, author="trialbridge", invariant=1,
        leftMargin=40, rightMargin=40, topMargin=40, bottomMargin=40,
    ).build(story)  # fmt: skip


def _widths(grid: Grid, whole: float) -> list[float]:
    """Return the widths of columns: by the longest text of each, within bounds."""
    longest = [
        min(max(8, *(len(row[number]) for row in (grid.head, *grid.rows))), 60)
        for number in range(len(grid.head))
    ]
    return [whole * one / sum(longest) for one in longest]


def _plain(text: str) -> str:
    """Return text for a paragraph of reportlab, which reads markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
