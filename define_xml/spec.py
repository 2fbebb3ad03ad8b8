"""A specification as plain data: its sheets, their headers and their rows; and how rows and elements meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trialbridge.define_xml.spec_columns import Column
from trialbridge.define_xml.spec_sheets import Sheet

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet, with its number there."""

    number: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet: its name, its headers, and its rows."""

    name: str
    headers: tuple[str, ...]
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole specification, and the moment it was saved."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    saved: str = ""


def expanded(sheet: Sheet, paths: Iterable[str], headers: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of `sheet`, those of an element that repeats once for each that is there.

    Args:
        sheet: A sheet.
        paths: The paths that its rows have, where they come from a define.xml.
        headers: Its headers, where they come from a workbook.
    """
    paths = tuple(paths)
    columns = list(sheet.columns)
    for repeats in sheet.repeats:
        group = [column for column in sheet.columns if repeats in _where(column)]
        number = 2
        while _is_there(repeats, number, group, paths, headers):
            columns.extend(column.numbered(repeats, number) for column in group)
            number += 1
    return tuple(columns)


def _where(column: Column) -> str:
    return getattr(column, "path", "")


def _is_there(
    repeats: str, number: int, group: list[Column], paths: tuple[str, ...], headers: Sequence[str]
) -> bool:
    """Return whether any row has a further element of those that repeat."""
    if any(path.startswith(f"{repeats}[{number}]") for path in paths):
        return True
    return any(header in headers for column in group for header in column.numbered(repeats, number).headers)
