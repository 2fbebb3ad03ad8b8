"""``trialbridge validate``: a sponsor's export under the rules of conformance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trialbridge.commands.options import (
    AddDispositions,
    CoreRules,
    DefineElsewhere,
    DispositionsFile,
    Fix,
    Guide,
    OnlyPart,
    OtherReport,
    Reports,
    Since,
    Sources,
    TaggingFile,
    TermsHeld,
)
from trialbridge.commands.outcome import Done, Json, console, print_json
from trialbridge.commands.under_rules import published_rules, under_rules, with_define
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from trialbridge.converters.validation_summary import ValidationSummary
    from trialbridge.dispositions import Dispositions
    from trialbridge.validation.package import Package


def validate(
    sources: Sources,
    report: Reports = None,
    only: OnlyPart = None,
    ig: Guide = "",
    ct: TermsHeld = "",
    stf: TaggingFile = None,
    define: DefineElsewhere = None,
    core_rules: CoreRules = None,
    dispositions: DispositionsFile = None,
    add_dispositions: AddDispositions = False,
    since: Since = None,
    compare: OtherReport = None,
    fix: Fix = None,
    json: Json = False,
) -> None:
    """Check datasets and define.xml: what is wrong, why, and how to repair it."""
    from trialbridge.converters.read_other_report import read_other_report
    from trialbridge.converters.record_sources import resources_beside
    from trialbridge.converters.validate import Wanted, read_package
    from trialbridge.converters.validation_reports import check_report_names, write_reports
    from trialbridge.converters.validation_since import read_since
    from trialbridge.converters.validation_summary import summarise_validation

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
    summary = summarise_validation(package, validation, sources, resources_beside(sources), said, earlier)
    summary = replace(summary, other=other)
    write_reports(report or [], summary)
    _show(summary, json=json)
    if fix is not None:
        _repair(package, sources, fix, quiet=json)
    if add_dispositions and file is not None:
        _add_dispositions(file, summary)
    raise Done(summary.exit_code)


def _show(summary: ValidationSummary, *, json: bool) -> None:
    from trialbridge.converters.show_validation import show_validation
    from trialbridge.converters.validation_summary import to_json

    if json:
        print_json(to_json(summary))
    else:
        show_validation(summary, console())


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
