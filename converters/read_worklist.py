"""The decisions that people wrote into the yellow columns of a worklist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook

from trialbridge.converters.judge_decisions import resolved
from trialbridge.converters.worklist import README_SHEET, TERMINOLOGY, UNMAPPED_COLUMNS, UNMAPPED_SHEET
from trialbridge.decisions import LEAVE, QUALIFIERS, Decision, is_test
from trialbridge.errors import ReadError

_LEAVE = re.compile(rf"{LEAVE}\s*(?::\s*(?P<why>.*))?", re.IGNORECASE | re.DOTALL)
_NEEDED = ("Domain", "Variable", "Code system", "Code", "Text", "Decision", "Reason")


def read_worklist(source: Path, *, who: str, when: str) -> list[Decision]:
    """Return the decisions of a workbook, in its order; rows whose yellow cell is empty are none.

    Args:
        source: A ``worklist.xlsx`` that `convert` wrote and a person filled in.
        who: Who decided.
        when: The day, such as ``2026-11-20``.

    Raises:
        ReadError: It is no worklist.
    """
    try:
        book = load_workbook(source, read_only=True, data_only=True)
    except (OSError, BadZipFile, InvalidFileException, KeyError) as error:
        raise ReadError(str(source), f"cannot be read as a workbook: {error}") from error
    ct = _terminology(book)
    return [
        resolved(one, ct) for row in _rows(book, source) if (one := _decision(row, ct, who, when)) is not None
    ]


def _terminology(book: Workbook) -> str:
    """Return the release that the run was made with."""
    rows = book[README_SHEET].iter_rows(values_only=True) if README_SHEET in book.sheetnames else ()
    return next((str(row[1]) for row in rows if len(row) > 1 and row[0] == TERMINOLOGY), "")


def _rows(book: Workbook, source: Path) -> Iterator[Mapping[str, str]]:
    if UNMAPPED_SHEET not in book.sheetnames:
        raise ReadError(str(source), f"is no worklist: it has no sheet {UNMAPPED_SHEET!r}")
    rows = book[UNMAPPED_SHEET].iter_rows(values_only=True)
    titles = [str(title) for title in next(rows, ())]
    absent = [name for name in _NEEDED if name not in titles]
    if absent:
        columns = ", ".join(column.title for column in UNMAPPED_COLUMNS)
        raise ReadError(str(source), f"lacks the columns {', '.join(absent)}; a worklist has {columns}")
    for cells in rows:
        texts = ["" if cell is None else str(cell).strip() for cell in cells]
        yield dict(zip(titles, texts, strict=False))


def _decision(row: Mapping[str, str], ct: str, who: str, when: str) -> Decision | None:
    if not row["Decision"]:
        return None
    variable = row["Variable"]
    said = _of_cell(row["Decision"], test=is_test(variable))
    why = said.pop("why", "") or row["Reason"]
    return Decision(
        row["Domain"],
        variable,
        row["Code system"],
        row["Code"],
        row["Text"],
        who=who,
        when=when,
        ct=ct,
        why=why,
        **said,
    )


def _of_cell(text: str, *, test: bool) -> dict[str, str]:
    """Return what a cell says: ``HGB``, ``LB.HGB; SPEC=BLOOD``, or ``leave unmapped: why``."""
    left = _LEAVE.fullmatch(text)
    if left:
        return {"decision": LEAVE, "why": (left["why"] or "").strip()}
    if not test:
        return {"decision": text}
    first, *more = (part.strip() for part in text.split(";"))
    named = (part.partition("=") for part in more)
    said = {name.strip().casefold(): value.strip() for name, _, value in named}
    known = {name: value for name, value in said.items() if name in QUALIFIERS}
    unknown = [part for part in more if part.partition("=")[0].strip().casefold() not in QUALIFIERS]
    return {"decision": "; ".join([first, *unknown]), **known}
