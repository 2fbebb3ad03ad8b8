"""The report of another validator, Pinnacle 21 or CDISC CORE: its rules, and the records that it lists."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec

from trialbridge.errors import ReadError

Place = tuple[str, int]
"""Dataset, and number of the record from 1; 0 where no record is meant."""

_IDS = ("Pinnacle 21 ID", "CORE-ID", "core_id", "Rule ID")
_DATASETS = ("Domain", "Dataset", "dataset")
_RECORDS = ("Record", "row")
_MESSAGES = ("Message", "message")
_DETAILS = ("Details", "Issue Details", "Issue_Details")
_RULES = ("Rules", "Rules Report", "Rules_Report")
_PART = re.compile(r"\((\w+)\)")
"""Of a split dataset, Pinnacle 21 names the part behind the domain: LB (LBCH)."""


@dataclass(frozen=True)
class OtherReport:
    """What the report of another validator says.

    Attributes:
        source: The file.
        rules: Id of a rule that was run -> its message.
        listed: Id of a rule -> the places that it lists; there may be more than are listed.
    """

    source: str
    rules: Mapping[str, str]
    listed: Mapping[str, Sequence[Place]]


Row = Mapping[str, Any]


def read_other_report(path: Path) -> OtherReport:
    """Return what a report of Pinnacle 21 (.xlsx) or of CDISC CORE (.xlsx, .json) says.

    Raises:
        ReadError: It is no such report.
    """
    tables = _json(path) if path.suffix.lower() == ".json" else _workbook(path)
    details, rules = _named(tables, _DETAILS), _named(tables, _RULES)
    if not rules or not any(_value(rules[0], _IDS)):
        raise ReadError(str(path), f"has no table {' or '.join(_RULES[:2])} with the ids of rules")
    listed: dict[str, list[Place]] = defaultdict(list)
    for row in details:
        if _value(row, _IDS):
            listed[_value(row, _IDS)].append(_place(row))
    known = {_value(row, _IDS): _value(row, _MESSAGES) for row in rules if _value(row, _IDS)}
    return OtherReport(str(path), known, listed)


def _json(path: Path) -> Mapping[str, Sequence[Row]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise ReadError(str(path), f"is no report: {error}") from error


def _workbook(path: Path) -> Mapping[str, Sequence[Row]]:
    import openpyxl  # noqa: PLC0415 -- only this needs it
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 -- the same

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that openpyxl does not know
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, BadZipFile, KeyError, InvalidFileException) as error:
        raise ReadError(str(path), f"is no workbook: {error}") from error
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # Pinnacle 21 says of each that it has one cell
    return {sheet.title: list(_rows(sheet.iter_rows(values_only=True))) for sheet in book.worksheets}


def _rows(lines: Iterable[Sequence[object]]) -> Iterator[Row]:
    """Yield the rows below the line with the names of columns, whatever stands above it."""
    names: Sequence[str] = ()
    for line in lines:
        if names:
            yield dict(zip(names, line, strict=False))
        elif any(one in _IDS for one in line):
            names = [str(one) for one in line]


def _named(tables: Mapping[str, Any], names: Sequence[str]) -> Sequence[Row]:
    found = next((tables[name] for name in names if name in tables), ())
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, Sequence) else ()


def _value(row: Row, names: Sequence[str]) -> str:
    return next((str(row[name]).strip() for name in names if row.get(name) is not None), "")


def _place(row: Row) -> Place:
    dataset = _value(row, _DATASETS)
    part = _PART.search(dataset)
    name = part[1] if part else dataset
    try:
        record = int(float(_value(row, _RECORDS) or 0))
    except ValueError:
        record = 0
    return name.removesuffix(".xpt").upper(), record
