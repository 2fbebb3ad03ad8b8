"""``trialbridge convert`` and ``trialbridge demo``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.options import (
    Blinded,
    Config,
    Decided,
    Force,
    Form,
    Formats,
    FormOf,
    Inputs,
    LoincFile,
    Packages,
    Processes,
    ReleaseOf,
    RunFolder,
    StableSeq,
    StudyName,
    Terms,
    Units,
    UnitSystem,
)
from trialbridge.commands.outcome import Done, Json, console, installed_version, print_json, progress_bars
from trialbridge.commands.to_fhir import datasets_to_fhir
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from datetime import datetime

    from trialbridge.conversion import Conversion
    from trialbridge.converters.report import Summary
    from trialbridge.elements import Version
    from trialbridge.findings import Finding
    from trialbridge.study import Study

SAMPLE_INPUT = ("resources.zip", "bad_records.ndjson")


class Sample(StrEnum):
    """The shipped sample trials, by their registry numbers."""

    CELLS_ONCE = "NCT06737380"
    CELLS_AGAINST_PLACEBO = "NCT02633163"
    CELLS_AGAINST_INTERLEUKIN = "NCT05631717"


class Target(StrEnum):
    """What can be converted to."""

    SDTM = "sdtm"
    FHIR = "fhir"


TO_SDTM = frozenset(
    {
        "config",
        "study",
        "formats",
        "units",
        "ct",
        "terminology",
        "decisions",
        "loinc",
        "processes",
        "blinded",
        "stable_seq",
    }
)
TO_FHIR = frozenset({"form"})
"""Options that mean something on one way only."""


def convert(
    context: typer.Context,
    inputs: Inputs,
    out: RunFolder,
    to: Annotated[Target, typer.Option(help="What to convert to.")] = Target.SDTM,
    config: Config = None,
    study: StudyName = "",
    formats: Formats = "xpt",
    units: UnitSystem = None,
    ct: Terms = "",
    terminology: Packages = None,
    decisions: Decided = None,
    loinc: LoincFile = None,
    processes: Processes = None,
    release: ReleaseOf = None,
    form: FormOf = Form.NDJSON,
    force: Force = False,
    blinded: Blinded = False,
    stable_seq: StableSeq = None,
    json: Json = False,
) -> None:
    """Convert FHIR to SDTM, or SDTM to FHIR, with the proof of every value."""
    _refuse(context, TO_SDTM if to is Target.FHIR else TO_FHIR, to)
    if to is Target.FHIR:
        version = release.value if release else "R4"
        raise Done(datasets_to_fhir(inputs, out, version, form.value, force=force, json=json))
    from trialbridge.converters.other_processes import early_processes
    from trialbridge.lean import become_lean

    with early_processes(inputs, processes) as others:
        become_lean()
        settings = _settings(config, study, units, ct, decisions, terminology, loinc)
        settings = replace(settings, blinded=settings.blinded or blinded)
        work = Work(_formats(formats), release.value if release else None, processes, others, stable_seq)
        summary = _convert(inputs, settings, out, work, force=force, json=json)
    raise Done(summary.exit_code)


def _refuse(context: typer.Context, names: frozenset[str], to: Target) -> None:
    """Refuse options that mean nothing on this way, so that none is passed over in silence."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise ConfigurationError(parameter.opts[0], f"means nothing with --to {to.value}")


@dataclass(frozen=True)
class Work:
    """How a conversion to SDTM is done: what is written beside XPT, the release of the input, who reads.

    Attributes:
        formats: What is written beside XPT.
        release: The release of the input.
        processes: How many read.
        others: Who reads, too.
        numbered: The run of an earlier cut, whose records keep their --SEQ.
    """

    formats: tuple[str, ...] = ("xpt",)
    release: Version | None = None
    processes: int | None = None
    others: Executor | None = None
    numbered: Path | None = None


def demo(
    out: Annotated[Path, typer.Option(help="Where to put the sample trial and its run.")] = Path(
        "trialbridge-demo"
    ),
    trial: Annotated[Sample, typer.Option(help="Which of the sample trials.")] = Sample.CELLS_ONCE,
    json: Json = False,
) -> None:
    """Convert a shipped sample trial, and say what to open."""
    from importlib.resources import as_file, files
    from shutil import copyfile, copytree

    from trialbridge.converters.write_run import refuse_foreign
    from trialbridge.dispositions import DISPOSITIONS
    from trialbridge.study import read_study

    given, run = out / "input", out / "output"
    refuse_foreign(run)
    with as_file(files("trialbridge.samples") / trial.lower()) as sample:
        copytree(sample, given, dirs_exist_ok=True)
    inputs = [given / name for name in SAMPLE_INPUT]
    _convert(inputs, read_study(given / "study.toml"), run, Work(), json=json)
    copyfile(given / DISPOSITIONS, run / DISPOSITIONS)
    raise Done(0)


def _settings(
    config: Path | None,
    study: str,
    units: Units | None,
    ct: str,
    decisions: Path | None,
    terminology: Path | None,
    loinc: Path | None,
) -> Study:
    from trialbridge.decisions import read_decisions
    from trialbridge.standards import sdtm_release
    from trialbridge.study import read_study, study_of

    settings = read_study(config, terminology) if config else study_of({}, terminology=terminology)
    if study:
        settings = replace(settings, id=study, every_patient=True)
    if decisions:
        settings = replace(settings, decisions=read_decisions(decisions))
    if loinc:
        settings = replace(settings, loinc=settings.loinc.instead(loinc))
    if units:
        settings = replace(settings, units=units.value)
    if not ct:
        return settings
    return replace(
        settings, ct=sdtm_release(ct, Path(settings.terminology) if settings.terminology else None)
    )


def _formats(text: str) -> tuple[str, ...]:
    from trialbridge.converters.write_run import FORMATS

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in FORMATS:
            raise ConfigurationError("--format", f"{name} is not one of {', '.join(FORMATS)}")
    return names


def _convert(
    inputs: Sequence[Path],
    settings: Study,
    out: Path,
    work: Work,
    *,
    force: bool = False,
    json: bool = False,
) -> Summary:
    from trialbridge.converters.earlier_numbers import NO_EARLIER, read_earlier
    from trialbridge.converters.report import show_run, to_json
    from trialbridge.converters.to_sdtm import to_sdtm
    from trialbridge.converters.write_run import header_date, refuse_foreign, write_run

    if not force:
        refuse_foreign(out)
    with progress_bars() as progress:
        conversion = to_sdtm(
            inputs,
            settings,
            release=work.release,
            processes=work.processes,
            progress=progress,
            others=work.others,
            earlier=read_earlier(work.numbered) if work.numbered else NO_EARLIER,
        )
        created = header_date(conversion)
        summary = write_run(
            conversion,
            out,
            created=created,
            inputs=() if settings.blinded else inputs,
            formats=work.formats,
            describe=describe,
            force=force,
        )
    if json:
        print_json(to_json(summary))
    else:
        show_run(summary, conversion, out, console())
    return summary


def describe(conversion: Conversion, created: datetime, folder: Path) -> Sequence[Finding]:
    """Write define.xml, its stylesheet and define.html, and return what is wrong with them."""
    from trialbridge.define_xml.agreement import check_agreement
    from trialbridge.define_xml.build import build_define
    from trialbridge.define_xml.check import check_define
    from trialbridge.define_xml.html import write_define_html
    from trialbridge.define_xml.study import StudyDescription
    from trialbridge.define_xml.write import copy_stylesheet, write_define

    study = conversion.study
    places = {name: name.partition(".") for name in study.permitted}
    description = StudyDescription(
        study_name=study.id,
        description=study.title or study.id,
        protocol_name=study.id,
        created=created,
        source_system_version=installed_version(),
        sdtmig_version=study.sdtmig,
        ct_version=study.ct,
        permitted={(places[name][0], places[name][2]): values for name, values in study.permitted.items()},
        dictionaries=dict(study.dictionaries.in_use()),
    )
    define = build_define(description, conversion.datasets)
    write_define(define, folder / "define.xml")
    write_define_html(define, folder / "define.html")
    copy_stylesheet(folder)
    agreement = check_agreement(define, conversion.datasets, description.permitted)
    return [*check_define(folder / "define.xml"), *agreement]
