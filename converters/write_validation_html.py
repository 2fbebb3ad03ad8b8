"""A validation as one page that any browser opens offline: filter by anything, and look into each cause."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from trialbridge.converters.validation_summary import ValidationSummary, as_document

_PAGE = files("trialbridge.validation").joinpath("report.html")
_SUMMARY, _DETAILS = b"/*SUMMARY*/", b"/*DETAILS*/"


def write_validation_html(summary: ValidationSummary, path: Path) -> None:
    """Write the page, with every finding in it."""
    details = [
        (one.cluster, one.dataset, one.record, one.keys, one.variables, one.values, one.resource)
        for one in summary.details()
    ]
    page = _PAGE.read_bytes()
    page = page.replace(_SUMMARY, _embedded(as_document(summary)))
    path.write_bytes(page.replace(_DETAILS, _embedded(details)))


def _embedded(document: object) -> bytes:
    """Return JSON that cannot end the script element which it stands in."""
    return msgspec.json.encode(document).replace(b"<", b"\\u003c")
