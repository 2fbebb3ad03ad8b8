"""A validation written to files: the ending of a file's name says in which form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trialbridge.converters.validation_summary import ValidationSummary, to_json
from trialbridge.errors import ConfigurationError


def _write_json(summary: ValidationSummary, path: Path) -> None:
    path.write_bytes(to_json(summary, findings=True))


def _write_xlsx(summary: ValidationSummary, path: Path) -> None:
    from trialbridge.converters.write_validation_xlsx import write_validation_xlsx  # noqa: PLC0415 -- slow import

    write_validation_xlsx(summary, path)


def _write_html(summary: ValidationSummary, path: Path) -> None:
    from trialbridge.converters.write_validation_html import write_validation_html  # noqa: PLC0415 -- when asked

    write_validation_html(summary, path)


def _write_sarif(summary: ValidationSummary, path: Path) -> None:
    from trialbridge.converters.write_validation_sarif import write_validation_sarif  # noqa: PLC0415 -- when asked

    write_validation_sarif(summary, path)


def _write_junit(summary: ValidationSummary, path: Path) -> None:
    from trialbridge.converters.write_validation_junit import write_validation_junit  # noqa: PLC0415 -- when asked

    write_validation_junit(summary, path)


WRITERS: Mapping[str, Callable[[ValidationSummary, Path], None]] = {
    ".xlsx": _write_xlsx,
    ".html": _write_html,
    ".json": _write_json,
    ".sarif": _write_sarif,
    ".xml": _write_junit,
}
"""Ending of a report's name -> what writes it."""


def check_report_names(reports: Sequence[Path]) -> None:
    """Refuse a report that nothing here can write, before any work is done.

    Raises:
        ConfigurationError: The ending of a name is none of those that are known.
    """
    for report in reports:
        if report.suffix.lower() not in WRITERS:
            raise ConfigurationError("--report", f"{report.name} ends in none of {', '.join(WRITERS)}")


def write_reports(reports: Sequence[Path], summary: ValidationSummary) -> None:
    """Write every report that was asked for."""
    for report in reports:
        report.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[report.suffix.lower()](summary, report)
