"""The file of dispositions, extended by a blank block for each cause of which it does not speak yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.dispositions import HEADING, Disposition, to_toml
from trialbridge.findings import Severity


def add_dispositions(path: Path, summary: ValidationSummary) -> int:
    """Write a blank block for each new error and warning behind what the file holds, and return how many.

    What people have written stays as it is, byte by byte.
    """
    added = list(_new(summary))
    if not added:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.is_file() else HEADING.encode()
    path.write_bytes(before + _LINE_END[before.endswith(b"\n")] + to_toml(added).encode())
    return len(added)


_LINE_END = {True: b"\n", False: b"\n\n"}


def _new(summary: ValidationSummary) -> Iterator[tuple[Disposition, str]]:
    """Yield a block for each cause that has none, with what is wrong."""
    scopes: set[tuple[object, ...]] = set()
    for one in summary.clusters:
        cause = one.of
        if one.rule.severity == Severity.NOTICE or summary.dispositions.find(cause):
            continue
        made = Disposition(cause.rule, cause.dataset, cause.variables, cause.values, cause.count)
        if made.scope not in scopes:
            scopes.add(made.scope)
            yield made, f"{one.rule.severity.value}: {one.message}"
