# ruff: noqa: FBT002, PLC0415, PLR0913, PLR0917 -- options are many and boolean; late imports make --help quick
"""The command ``trialbridge``: the composition root, and so the one module of the core that imports leaves.

Leaves never import each other; here they are put together, inside the commands, so that ``--help`` is quick.
Exit codes: 0 clean, 1 findings, 2 unmapped content, 3 bad input or usage, 70 a fault of the program itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from traceback import print_exception
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.errors import ConfigurationError, ConversionErrors, TrialbridgeError

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from trialbridge.conversion import Conversion
    from trialbridge.converters.report import Summary
    from trialbridge.findings import Finding
    from trialbridge.study import Study

BAD_INPUT = 3
INTERRUPTED = 130
INTERNAL = 70
SAMPLE = "nct06737380"
SAMPLE_INPUT = ("resources.zip", "bad_records.ndjson")

app = typer.Typer(
    name="trialbridge",
    help="Carry clinical trial data between HL7 FHIR and CDISC SDTM, every value traceable to its source.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
define_app = typer.Typer(help="Look at a define.xml.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(define_app, name="define")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine instead of tables.")]


class Target(StrEnum):
    """What can be converted to."""

    SDTM = "sdtm"


class Units(StrEnum):
    """Systems of standard units."""

    SI = "SI"
    CONVENTIONAL = "conventional"


class Done(Exception):  # noqa: N818 -- no error: the end of a command, with its exit code
    """A command has done its work."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _NoOrdinaryCode:
    """Keeps a fault of the program from ending with exit code 1, which means findings."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print the traceback of an unforeseen exception, and end with exit code 70."""
        if kind is not None and issubclass(kind, Exception):
            print_exception(kind, error, trace)
            sys.stderr.write("This is a fault of trialbridge, not of your data.\n")
            raise SystemExit(INTERNAL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of the command that `arguments` are, after running it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with _NoOrdinaryCode():
        return _run(given, debug=debug)


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        app([word for word in arguments if word != "--debug"], prog_name="trialbridge")
    except Done as done:
        return done.code
    except SystemExit as stop:  # typer ends so: 0 after --help, 2 after wrong usage
        return BAD_INPUT if stop.code == 2 else int(stop.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (TrialbridgeError, ConversionErrors, OSError) as error:
        if debug:
            print_exception(error)
        for line in _lines(error):
            sys.stderr.write(f"error: {line}\n")
        return BAD_INPUT
    return 0


def _lines(error: Exception) -> Iterator[str]:
    if isinstance(error, ConversionErrors):
        yield error.message
        yield from map(str, error.exceptions)
    else:
        yield str(error)


@app.callback()
def _everything(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    del debug  # `main` looks for it, wherever it stands


@app.command()
def convert(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="FHIR files, folders, NDJSON, .gz, .zip.")
    ],
    out: Annotated[Path, typer.Option(help="The run folder.")],
    to: Annotated[Target, typer.Option(help="What to convert to.")] = Target.SDTM,
    config: Annotated[
        Path | None, typer.Option(metavar="study.toml", help="The settings of the study.")
    ] = None,
    study: Annotated[
        str, typer.Option(help="The study, where the input names none; every Patient is a subject then.")
    ] = "",
    formats: Annotated[
        str, typer.Option("--format", help="Besides xpt: dataset-json, parquet; with commas.")
    ] = "xpt",
    units: Annotated[Units | None, typer.Option(help="System of the standard units.")] = None,
    ct: Annotated[str, typer.Option(help="Date of the controlled terminology.")] = "",
    processes: Annotated[int | None, typer.Option(min=1, help="How many processes read.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is no run of trialbridge.")
    ] = False,
    json: Json = False,
) -> None:
    """Convert FHIR to SDTM: transport files, define.xml, and the proof of every value."""
    del to  # there is one target
    settings = _settings(config, study, units, ct)
    summary = _convert(inputs, settings, out, _formats(formats), processes=processes, force=force, json=json)
    raise Done(summary.exit_code)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where to put the sample trial and its run.")] = Path(
        "trialbridge-demo"
    ),
    json: Json = False,
) -> None:
    """Convert a shipped sample trial, and say what to open."""
    from importlib.resources import as_file, files
    from shutil import copytree

    from trialbridge.converters.write_run import refuse_foreign
    from trialbridge.study import read_study

    given, run = out / "input", out / "output"
    refuse_foreign(run)
    with as_file(files("trialbridge.samples") / SAMPLE) as sample:
        copytree(sample, given, dirs_exist_ok=True)
    inputs = [given / name for name in SAMPLE_INPUT]
    _convert(inputs, read_study(given / "study.toml"), run, ("xpt",), json=json)
    raise Done(0)


@app.command()
def why(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The run folder.")],
    domain: Annotated[str, typer.Argument(help="Such as LB or SUPPAE.")],
    key: Annotated[
        str, typer.Argument(help='"USUBJID SEQ", USUBJID/SEQ, USUBJID (for DM), or SEQ where one has it.')
    ],
    variable: Annotated[str, typer.Argument(help="One variable; all of the record without it.")] = "",
    inputs: Annotated[
        list[Path] | None, typer.Option("--input", help="Where the input is now, if it was moved.")
    ] = None,
    json: Json = False,
) -> None:
    """Say where a value comes from: the resource, the exact path, the rule, and the term."""
    from trialbridge.converters.explain import explain
    from trialbridge.converters.report import to_json
    from trialbridge.converters.show_explanation import to_tree

    found = explain(folder, domain.upper(), key, variable.upper(), inputs or ())
    if json:
        _print_json(to_json(found))
    else:
        _console().print(to_tree(found))
    raise Done(BAD_INPUT if found.problem else 0)


@define_app.command("check")
def define_check(
    file: Annotated[Path, typer.Argument(help="A define.xml.")],
    json: Json = False,
) -> None:
    """Check a define.xml against the schema and the rules that a schema cannot say."""
    from trialbridge.converters.report import CLEAN, FINDINGS, findings_table, to_json
    from trialbridge.define_xml.check import check_define
    from trialbridge.findings import Severity

    findings = check_define(file)
    if json:
        _print_json(to_json(findings))
    else:
        _console().print(findings_table(findings) if findings else f"{file}: nothing is wrong")
    if any(finding.rule == "define-not-xml" for finding in findings):
        raise Done(BAD_INPUT)
    raise Done(FINDINGS if any(finding.severity != Severity.NOTICE for finding in findings) else CLEAN)


@define_app.command("html")
def define_html(
    file: Annotated[Path, typer.Argument(help="A define.xml.")],
    out: Annotated[Path | None, typer.Option(help="The page; beside the file without it.")] = None,
) -> None:
    """Write a define.xml as one page that any browser opens, offline."""
    from trialbridge.define_xml.html import write_define_html
    from trialbridge.define_xml.read import read_define

    target = out or file.with_suffix(".html")
    write_define_html(read_define(file), target)
    _console().print(f"written: {target}", soft_wrap=True)


@app.command()
def version(json: Json = False) -> None:
    """Print the version, and those of the standards."""
    from trialbridge.converters.report import to_json
    from trialbridge.standards import CT_VERSIONS

    facts = {
        "trialbridge": _version(),
        "SDTMIG": "3.4",
        "SDTM CT": ", ".join(CT_VERSIONS),
        "Define-XML": "2.1",
    }
    if json:
        _print_json(to_json(facts))
    else:
        for name, value in facts.items():
            _console().print(f"{name} {value}", highlight=False)


def _version() -> str:
    from importlib.metadata import version as version_of

    return version_of("trialbridge")


def _settings(config: Path | None, study: str, units: Units | None, ct: str) -> Study:
    from trialbridge.standards import CT_VERSIONS
    from trialbridge.study import Study, read_study

    if ct and ct not in CT_VERSIONS:
        raise ConfigurationError("--ct", f"{ct} is not one of {', '.join(CT_VERSIONS)}")
    settings = read_study(config) if config else Study()
    if study:
        settings = replace(settings, id=study, every_patient=True)
    if units:
        settings = replace(settings, units=units.value)
    return replace(settings, ct=ct) if ct else settings


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
    formats: Sequence[str],
    *,
    processes: int | None = None,
    force: bool = False,
    json: bool = False,
) -> Summary:
    from trialbridge.converters.report import show_run, to_json
    from trialbridge.converters.to_sdtm import to_sdtm
    from trialbridge.converters.write_run import header_date, refuse_foreign, write_run

    if not force:
        refuse_foreign(out)
    with _progress() as progress:
        conversion = to_sdtm(inputs, settings, processes=processes, progress=progress)
        created = header_date(conversion)
        summary = write_run(
            conversion, out, created=created, inputs=inputs, formats=formats, describe=_describe, force=force
        )
    if json:
        _print_json(to_json(summary))
    else:
        show_run(summary, conversion, out, _console())
    return summary


def _describe(conversion: Conversion, created: datetime, folder: Path) -> Sequence[Finding]:
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
        source_system_version=_version(),
        sdtmig_version=study.sdtmig,
        ct_version=study.ct,
        permitted={(places[name][0], places[name][2]): values for name, values in study.permitted.items()},
    )
    define = build_define(description, conversion.datasets)
    write_define(define, folder / "define.xml")
    write_define_html(define, folder / "define.html")
    copy_stylesheet(folder)
    agreement = check_agreement(define, conversion.datasets, description.permitted)
    return [*check_define(folder / "define.xml"), *agreement]


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """Give what shows how far a run is; nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield tell


def _console() -> Console:
    """Return the console; where nobody looks at it, lines are as long as in summary.txt."""
    from rich.console import Console

    from trialbridge.converters.report import TEXT_WIDTH

    return Console(width=None if sys.stdout.isatty() else TEXT_WIDTH)


def _print_json(data: bytes) -> None:
    sys.stdout.write(data.decode())
