"""``trialbridge validate``: a sponsor's export under the rules of conformance."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json
from trialbridge.commands.under_rules import published_rules, under_rules, with_define
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from trialbridge.converters.validation_summary import ValidationSummary
    from trialbridge.dispositions import Dispositions
    from trialbridge.validation.package import Package


class Only(StrEnum):
    """The parts that can be asked for alone."""

    XPT = "xpt"
    DEFINE = "define"
    TRC = "trc"
    CONTENT = "content"


def validate(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|FILE...", help="A folder of datasets with define.xml, or single files."),
    ],
    report: Annotated[
        list[Path] | None,
        typer.Option(help="A report: .xlsx, .html, .json, .sarif or .xml (JUnit). Repeat for several."),
    ] = None,
    only: Annotated[Only | None, typer.Option(help="One part of the rules; trc is the gate.")] = None,
    ig: Annotated[str, typer.Option(help="Version of SDTMIG, against what the files say, such as 3.4.")] = "",
    ct: Annotated[str, typer.Option(help="Release of controlled terminology, by its date.")] = "",
    stf: Annotated[Path | None, typer.Option(help="The eCTD's study tagging file.")] = None,
    define: Annotated[Path | None, typer.Option(help="A define.xml that lies elsewhere.")] = None,
    core_rules: Annotated[
        Path | None,
        typer.Option(help="CDISC's open rules, your own copy: a JSON or YAML file, or a folder."),
    ] = None,
    dispositions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Why findings stay; without it, dispositions.toml beside them."
        ),
    ] = None,
    add_dispositions: Annotated[
        bool, typer.Option("--add-dispositions", help="Add a blank block for each new cause to that file.")
    ] = False,
    since: Annotated[
        Path | None, typer.Option(metavar="RUN.json", help="The --report of an earlier run: what is new?")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="REPORT", help="A report of Pinnacle 21 or CDISC CORE to compare with."),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write a repaired copy and a log of every change; never in place."),
    ] = None,
    json: Json = False,
) -> None:
    """Check datasets and define.xml: what is wrong, why, and how to repair it."""
    from trialbridge.converters.read_other_report import read_other_report
    from trialbridge.converters.record_sources import resources_beside
    from trialbridge.converters.show_validation import show_validation
    from trialbridge.converters.validate import Wanted, read_package
    from trialbridge.converters.validation_reports import check_report_names, write_reports
    from trialbridge.converters.validation_since import read_since
    from trialbridge.converters.validation_summary import summarise_validation, to_json

    if fix is not None and only is not None:
        raise ConfigurationError("--fix", "repairs all that is there: leave --only out")
    check_report_names(report or [])
    earlier = read_since(since) if since else None
    other = read_other_report(compare) if compare else None
    file = _dispositions_file(dispositions, sources, adding=add_dispositions)
    said = _read_dispositions(file, adding=add_dispositions)
    published = published_rules(core_rules)
    part = only.value if only else ""
    package = with_define(read_package(sources, Wanted(part, ig, ct, stf, define)), part)
    validation = under_rules(package, part, published)
    resources = resources_beside(sources)
    summary = summarise_validation(package, validation, sources, resources, said, earlier)
    summary = replace(summary, other=other)
    write_reports(report or [], summary)
    if json:
        print_json(to_json(summary))
    else:
        show_validation(summary, console())
    if fix is not None:
        _repair(package, sources, fix, quiet=json)
    if add_dispositions and file is not None:
        _add_dispositions(file, summary)
    raise Done(summary.exit_code)


def _dispositions_file(given: Path | None, sources: list[Path], *, adding: bool) -> Path | None:
    """Return the file that is given, or lies beside the data, or is to be made there."""
    from trialbridge.dispositions import DISPOSITIONS, dispositions_beside

    found = given or dispositions_beside(sources)
    if found is None and adding:
        first = sources[0] if sources[0].is_dir() else sources[0].parent
        return first / DISPOSITIONS
    return found


def _read_dispositions(file: Path | None, *, adding: bool) -> Dispositions:
    from trialbridge.dispositions import NO_DISPOSITIONS, read_dispositions

    if file is None or (adding and not file.exists()):
        return NO_DISPOSITIONS
    return read_dispositions(file)


def _add_dispositions(file: Path, summary: ValidationSummary) -> None:
    from trialbridge.converters.write_dispositions import add_dispositions

    added = add_dispositions(file, summary)
    typer.echo(f"{file}: {added} blocks added", err=True)


def _repair(package: Package, sources: list[Path], target: Path, *, quiet: bool) -> None:
    from trialbridge.converters.repair import repair_package, show_repairs

    log = repair_package(package, sources, target)
    if not quiet:
        show_repairs(log, target, console())
