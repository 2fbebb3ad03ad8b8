"""``trialbridge registry``: a stated design as resources and trial design datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.convert import describe
from trialbridge.commands.options import Release
from trialbridge.commands.outcome import Done, Json, console, print_json
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime

    from trialbridge.conversion import Conversion
    from trialbridge.converters.registry_run import RegistryRun, Stated
    from trialbridge.converters.report import Summary
    from trialbridge.elements import Version
    from trialbridge.findings import Finding
    from trialbridge.study import Study


def registry(
    records: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORD.json...", help="Records of ClinicalTrials.gov (API v2), pages of them, or USDM 4."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run folder; with several studies, one in it for each.")],
    config: Annotated[
        Path | None, typer.Option(metavar="study.toml", help="What the sponsor knows besides.")
    ] = None,
    release: Annotated[Release, typer.Option("--fhir", help="The FHIR release to write.")] = Release.R4,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is no run of trialbridge.")
    ] = False,
    json: Json = False,
) -> None:
    """Turn registry records or USDM into ResearchStudy, TS, TI, TA, TE and TV; list what is left open."""
    from trialbridge.converters.read_records import read_records
    from trialbridge.converters.report import to_json
    from trialbridge.study import Study, read_study

    found = read_records(records)
    if not found:
        raise ConfigurationError(str(records[0]), "holds no study")
    settings = read_study(config) if config else Study()
    folders = _folders(found, out)
    made = [
        (folder, _write(one, folder, records, settings, release.value, force=force))
        for one, folder in zip(found, folders, strict=True)
    ]
    if json:
        print_json(to_json([{"folder": str(folder), "open": run.open} for folder, (run, _) in made]))
    else:
        for folder, (run, _) in made:
            _show(run, folder)
    raise Done(max(summary.exit_code for _, (_, summary) in made))


def _folders(found: Sequence[Stated], out: Path) -> list[Path]:
    """Return where each study goes.

    Raises:
        ConfigurationError: A study among several has no number, or two have the same one.
    """
    if len(found) == 1:
        return [out]
    numbers = [one.number for one in found]
    if not all(numbers) or len(set(numbers)) < len(numbers):
        raise ConfigurationError(str(out), "of several studies each needs a number of its own")
    return [out / number for number in numbers]


def _write(
    record: Stated, out: Path, inputs: Sequence[Path], settings: Study, version: Version, *, force: bool
) -> tuple[RegistryRun, Summary]:
    from trialbridge.converters.registry_run import registry_run
    from trialbridge.converters.write_run import write_run

    run = registry_run(record, version, settings)

    def beside(conversion: Conversion, created: datetime, folder: Path) -> Sequence[Finding]:
        run.write(folder.parent)
        return describe(conversion, created, folder)

    summary = write_run(run.conversion, out, created=run.created, inputs=inputs, describe=beside, force=force)
    return run, summary


def _show(run: RegistryRun, folder: Path) -> None:
    from rich.table import Table

    used = sum(one.used for one in run.ledger)
    sizes = ", ".join(f"{one.name} {len(one.table)}" for one in run.conversion.datasets)
    lines = Table(box=None, title=f"{run.conversion.study.id}: open", title_justify="left", pad_edge=False)
    for name in ("in", "what", "", "level"):
        lines.add_column(name)
    for one in run.open:
        lines.add_row(one.dataset, one.name, one.label, one.level)
    screen = console()
    screen.print(lines)
    screen.print(f"{sizes}; {len(run.resources)} resources", highlight=False)
    place = folder / "run"
    screen.print(f"{used} of {len(run.ledger)} fields of the record used; see {place}", highlight=False)
