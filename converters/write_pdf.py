"""The guide as a PDF with bookmarks and page numbers: the same bytes for the same content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from trialbridge.converters.guide import Grid, Section

PAGE = landscape(A4)
MARGIN = 40
ROOM = 110
"""Points that must be left on a page for a heading with the first rows behind it."""

INK = colors.HexColor("#1F3A5F")
LOOK = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), INK),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, colors.HexColor("#F5F7FA")]),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.HexColor("#B8C4D0")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
)
_STYLES = getSampleStyleSheet()
BODY = _STYLES["BodyText"]
HEAD = ParagraphStyle("head", BODY, textColor=colors.white, fontSize=8)
CELL = ParagraphStyle("cell", BODY, fontSize=7.5, leading=9, spaceBefore=0, wordWrap="CJK")


def write_pdf(title: str, sections: Sequence[Section], target: Path) -> None:
    """Write sections as a PDF."""
    _Document(
        str(target), pagesize=PAGE, title=title, author="trialbridge", invariant=1,
        leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
    ).build(list(_story(title, sections)), onFirstPage=_foot, onLaterPages=_foot)  # fmt: skip


class _Document(SimpleDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """A document that makes a bookmark of each heading."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 -- reportlab's name
        """Make a bookmark of what is a heading."""
        name = flowable.style.name if isinstance(flowable, Paragraph) else ""
        if name.startswith("Heading"):
            key = f"heading{self.seq.nextf('heading')}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, int(name[-1]) - 1)


def _foot(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont("Helvetica", 7.5)
    canvas.setFillColor(colors.HexColor("#5A6675"))
    canvas.drawString(MARGIN, MARGIN / 2, document.title)
    canvas.drawRightString(PAGE[0] - MARGIN, MARGIN / 2, f"Page {document.page}")


def _story(title: str, sections: Sequence[Section]) -> Iterator[Flowable]:
    yield Paragraph(_plain(title), _STYLES["Title"])
    for section in sections:
        yield CondPageBreak(ROOM)
        yield Paragraph(_plain(section.title), _STYLES[f"Heading{section.level}"])
        for one in section.content:
            if isinstance(one, str):
                yield Paragraph(_plain(one), BODY)
            elif one.rows:
                yield Spacer(1, 4)
                yield _table(one)
                yield Spacer(1, 10)
            else:
                yield Paragraph("There are none.", BODY)


def _table(grid: Grid) -> LongTable:
    head = [Paragraph(_plain(text), HEAD) for text in grid.head]
    rows = [[Paragraph(_plain(text), CELL) for text in row] for row in grid.rows]
    table = LongTable([head, *rows], repeatRows=1, colWidths=_widths(grid, PAGE[0] - 2 * MARGIN))
    table.setStyle(LOOK)
    return table


def _widths(grid: Grid, whole: float) -> list[float]:
    """Return the widths of columns: by the longest text of each, within bounds."""
    longest = [
        min(max(10, *(len(row[number]) for row in (grid.head, *grid.rows))), 60)
        for number in range(len(grid.head))
    ]
    return [whole * one / sum(longest) for one in longest]


def _plain(text: str) -> str:
    """Return text for a paragraph of reportlab, which reads markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
