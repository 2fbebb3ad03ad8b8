"""A validation as a workbook, in the sheets and columns that reviewers know, with people's explanations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.findings import Severity

_ISSUE_COLUMNS = (
    "Source", "Rule ID", "Publisher ID", "Message", "Cause", "Severity", "Found", "Why", "Fix", "Explanation",
    "Change",
)  # fmt: skip
_DETAIL_COLUMNS = (
    "Domain", "Record", "Count", "Variables", "Values", "Rule ID", "Publisher ID", "Message", "Category",
    "Severity", "Keys", "FHIR resource", "Explanation",
)  # fmt: skip
_DATASET_COLUMNS = ("Domain", "Label", "Class", "Source", "Records", "Errors", "Warnings", "Notices")
_RULE_COLUMNS = (
    "Rule ID", "Publisher ID", "Message", "Category", "Severity", "Status", "Reason", "Found", "Origin",
)  # fmt: skip
_COMPARED_COLUMNS = (
    "Rule ID", "Message", "Standing", "Listed there", "In common", "Missing", "Found here", "Reason",
    "Our rules",
)  # fmt: skip
_MOST_DETAILS = 1_000_000
"""A sheet holds 1,048,576 rows."""

_NO_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 -- a workbook's times have no zone
_WIDTHS = {
    "Message": 60,
    "Why": 40,
    "Fix": 40,
    "Explanation": 40,
    "Values": 40,
    "Keys": 34,
    "Cause": 30,
    "Reason": 50,
}


def write_validation_xlsx(summary: ValidationSummary, path: Path) -> None:
    """Write the workbook: Dataset Summary, Issue Summary, Issue Details, Rules Report, and a Comparison."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": _NO_TIME, "title": "Validation report"})
        bold = book.add_format({"bold": True, "bottom": 1})
        _sheet(book, bold, "Dataset Summary", _DATASET_COLUMNS, _datasets(summary))
        _sheet(book, bold, "Issue Summary", _ISSUE_COLUMNS, _issues(summary))
        _sheet(book, bold, "Issue Details", _DETAIL_COLUMNS, _details(summary))
        _sheet(book, bold, "Rules Report", _RULE_COLUMNS, _rules(summary))
        if summary.other is not None:
            _sheet(book, bold, "Comparison", _COMPARED_COLUMNS, _compared(summary))


def _sheet(
    book: Any, bold: Any, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | int]]
) -> None:
    sheet = book.add_worksheet(name)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, _WIDTHS.get(column, 14))
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, columns, bold)
    last = 0
    for last, row in enumerate(rows, 1):
        sheet.write_row(last, 0, row)
    sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)


def _datasets(summary: ValidationSummary) -> Iterator[Sequence[str | int]]:
    found: Counter[tuple[str, str]] = Counter()
    for cluster in summary.clusters:
        found[cluster.dataset, cluster.rule.severity.value] += cluster.count
    for frame in summary.package.frames.values():
        names = ", ".join(part.file.path.name for part in frame.parts)
        counts = [found[frame.name, severity.value] for severity in Severity]
        yield frame.name, frame.parts[0].dataset.label, frame.observation_class, names, frame.rows, *counts


def _issues(summary: ValidationSummary) -> Iterator[Sequence[str | int]]:
    for one in summary.clusters:
        cause = ", ".join(f"{name}={value or 'null'}" for name, value in one.cause.items())
        rule = one.rule
        yield (
            one.dataset, rule.id, ", ".join(rule.cites), one.message, cause, rule.severity.value.title(),
            one.count, rule.why, rule.fix, summary.explanation(one), summary.change(one),
        )  # fmt: skip


def _details(summary: ValidationSummary) -> Iterator[Sequence[str | int]]:
    explanations = [summary.explanation(one) for one in summary.clusters]
    for place, one in enumerate(summary.details()):
        if place == _MOST_DETAILS:
            yield "", "", "", "", f"{place:,} rows are shown; --report FILE.json holds all"
            return
        cluster = summary.clusters[one.cluster]
        rule = cluster.rule
        domain = one.domain if one.dataset == one.domain else f"{one.domain} ({one.dataset})"
        yield (
            domain, one.record or "", 1, one.variables, one.values, rule.id, ", ".join(rule.cites),
            cluster.message, rule.group, rule.severity.value.title(), one.keys, one.resource,
            explanations[one.cluster],
        )  # fmt: skip


def _rules(summary: ValidationSummary) -> Iterator[Sequence[str | int]]:
    for one in summary.validation.outcomes:
        rule = one.rule
        yield (
            rule.id, ", ".join(rule.cites), rule.message, rule.group, rule.severity.value.title(),
            one.status.value, one.reason, one.found, rule.origin,
        )  # fmt: skip


def _compared(summary: ValidationSummary) -> Iterator[Sequence[str | int]]:
    for one in summary.compared():
        yield (
            one.rule, one.message, one.standing.value, one.listed, one.common, one.missing, one.found,
            one.reason, ", ".join(one.ours),
        )  # fmt: skip
