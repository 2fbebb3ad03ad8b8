"""The summary of SDTM to FHIR on a terminal: per dataset, what elements hold and what is carried."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from trialbridge.converters.write_fhir_run import DatasetSummary, FhirSummary

_MOST = 6


def show_fhir_run(summary: FhirSummary, out: Path, console: Console) -> None:
    """Print the summary of a run that has just been written, and what to open next."""
    console.print(_table(summary))
    resources = ", ".join(f"{count:,} {kind}" for kind, count in summary.resources.items())
    console.print(f"{sum(summary.resources.values()):,} resources of FHIR {summary.release}: {resources}")
    found = ", ".join(f"{count:,} {severity}s" for severity, count in summary.findings.items() if count)
    console.print(f"findings: {found or 'none'}")
    console.print(
        f"written: {out / 'fhir'}, and what became of every variable: {out / 'run' / 'summary.json'}"
    )


def _table(summary: FhirSummary) -> Table:
    table = Table(
        title=f"{summary.study or 'no study'}: SDTM to FHIR {summary.release}", title_justify="left"
    )
    for name in ("dataset", "records", "cells", "in elements", "carried by the extension", "lost"):
        table.add_column(name, justify="left" if name in {"dataset", "carried by the extension"} else "right")
    for one in summary.datasets:
        share = f"{one.elements / one.cells:.0%}" if one.cells else "-"
        lost = sum(one.lost.values())
        table.add_row(
            one.dataset,
            f"{one.records:,}",
            f"{one.cells:,}",
            share,
            _carried(one),
            f"{lost:,}" if lost else "",
        )
    return table


def _carried(one: DatasetSummary) -> str:
    names = sorted(one.carried, key=lambda name: (-one.carried[name], name))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
