"""``trialbridge define``: what is done with a define.xml by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import BAD_INPUT, Done, Json, console, print_json

if TYPE_CHECKING:
    from trialbridge.define_xml.diff import Change
    from trialbridge.findings import Finding

define_app = typer.Typer(
    help="Check, show, compare and upgrade a define.xml; carry it to a workbook and back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
DefineFile = Annotated[Path, typer.Argument(metavar="DEFINE.xml", help="A define.xml, version 2.0 or 2.1.")]


@define_app.command("check", short_help="Check a define.xml, beyond the schema too.")
def define_check(file: DefineFile, json: Json = False) -> None:
    """Check a define.xml against the schema and the rules that a schema cannot say."""
    from trialbridge.define_xml.check import check_define

    findings = check_define(file)
    _show(findings, f"{file}: nothing is wrong", json=json)
    if any(finding.rule == "define-not-xml" for finding in findings):
        raise Done(BAD_INPUT)
    raise Done(_code(findings))


@define_app.command("html", short_help="Write it as one page for any browser.")
def define_html(
    file: DefineFile,
    out: Annotated[Path | None, typer.Option(help="The page; beside the file without it.")] = None,
) -> None:
    """Write a define.xml as one page that any browser opens, offline."""
    from trialbridge.define_xml.html import write_define_html
    from trialbridge.define_xml.read import read_define

    target = out or file.with_suffix(".html")
    write_define_html(read_define(file), target)
    _written(target)


@define_app.command("upgrade", short_help="Write version 2.0 as 2.1.")
def define_upgrade(
    old: Annotated[Path, typer.Argument(metavar="OLD.xml", help="A define.xml of version 2.0.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.xml", help="Where to write it as version 2.1.")],
    ct: Annotated[str, typer.Option(help="Date of the terminology that its codelists are from.")] = "",
    json: Json = False,
) -> None:
    """Write a define.xml of version 2.0 as 2.1; say what was added, and what nobody has said yet."""
    from trialbridge.define_xml.read import read_as_it_stands
    from trialbridge.define_xml.upgrade import upgrade
    from trialbridge.define_xml.write import write_define

    made = upgrade(read_as_it_stands(old), ct)
    write_define(made.define, new)
    _show(made.findings, f"{old}: it is of version 2.1 already", json=json)
    if not json:
        _written(new)
    raise Done(_code(made.findings))


@define_app.command("to-spec", short_help="Write it as the workbook that people specify with.")
def define_to_spec(
    file: DefineFile,
    spec: Annotated[Path, typer.Argument(metavar="SPEC.xlsx", help="The workbook to write.")],
    json: Json = False,
) -> None:
    """Write a define.xml as the workbook that people specify with."""
    from trialbridge.define_xml.lost import lost
    from trialbridge.define_xml.read import read_as_it_stands
    from trialbridge.define_xml.spec_workbook import write_spec
    from trialbridge.define_xml.to_spec import to_spec

    define = read_as_it_stands(file)
    made = to_spec(define)
    write_spec(made, spec, define.creation_date_time.replace(tzinfo=None))
    findings = lost(define, made)
    _show(findings, "", json=json)
    if not json:
        _written(spec)
    raise Done(_code(findings))


@define_app.command("from-spec", short_help="Write the define.xml that a workbook describes.")
def define_from_spec(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC.xlsx", help="A workbook with the sheets of a define.")
    ],
    file: Annotated[Path, typer.Argument(metavar="DEFINE.xml", help="The define.xml to write.")],
    faulty: Annotated[
        bool, typer.Option("--faulty", help="Write it in spite of faults, if there is enough for a file.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the define.xml that a workbook describes; say every fault of it with sheet, row and column."""
    from trialbridge.define_xml.from_spec import from_spec
    from trialbridge.define_xml.spec_workbook import read_spec
    from trialbridge.define_xml.write import write_define

    composed = from_spec(read_spec(spec))
    _show(composed.findings, "", json=json)
    if composed.define is None or (composed.is_faulty and not faulty):
        if not json:
            console().print("nothing was written", soft_wrap=True)
        raise Done(BAD_INPUT)
    write_define(composed.define, file)
    if not json:
        _written(file)
    raise Done(_code(composed.findings))


@define_app.command("diff", short_help="Say what differs between two of them.")
def define_diff(
    old: Annotated[Path, typer.Argument(metavar="OLD.xml", help="The earlier define.xml.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.xml", help="The later define.xml.")],
    html: Annotated[Path | None, typer.Option(help="A page to write as well.")] = None,
    json: Json = False,
) -> None:
    """Say what differs between two define.xml files; exit code 1 if anything does."""
    from trialbridge.converters.report import CLEAN, FINDINGS, to_json
    from trialbridge.define_xml.diff import diff_defines, diff_page
    from trialbridge.define_xml.read import read_define

    changes = diff_defines(read_define(old), read_define(new))
    if html is not None:
        html.write_text(diff_page(changes, str(old), str(new)), encoding="utf-8", newline="\n")
    if json:
        print_json(to_json(changes))
    else:
        _show_changes(changes)
    raise Done(FINDINGS if changes else CLEAN)


def _show(findings: Sequence[Finding], nothing: str, *, json: bool) -> None:
    """Print findings, or a word that there are none."""
    from trialbridge.converters.report import findings_table, to_json

    if json:
        print_json(to_json(findings))
    elif findings:
        console().print(findings_table(findings))
    elif nothing:
        console().print(nothing, soft_wrap=True)


def _show_changes(changes: Sequence[Change]) -> None:
    """Print differences as a table, and how many there are of each kind."""
    from collections import Counter

    from rich.table import Table
    from rich.text import Text

    if not changes:
        console().print("nothing differs")
        return
    table = Table("what", "name", "change", "old", "new", box=None, pad_edge=False)
    for one in changes:
        words = (one.kind, one.name, one.property or one.change, one.old, one.new)
        table.add_row(*map(Text, words))
    console().print(table)
    counts = Counter((one.kind, one.change) for one in changes)
    said = (f"{number} {kind} {change}" for (kind, change), number in counts.items())
    console().print(", ".join(said), soft_wrap=True)


def _code(findings: Sequence[Finding]) -> int:
    """Return the exit code: 1 where anything is more than a notice."""
    from trialbridge.converters.report import CLEAN, FINDINGS
    from trialbridge.findings import Severity

    return FINDINGS if any(finding.severity != Severity.NOTICE for finding in findings) else CLEAN


def _written(target: Path) -> None:
    console().print(f"written: {target}", soft_wrap=True)
