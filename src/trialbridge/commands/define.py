"""``trialbridge define``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trialbridge.commands.outcome import BAD_INPUT, Done, Json, console, print_json

define_app = typer.Typer(help="Look at a define.xml.", no_args_is_help=True, rich_markup_mode=None)


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
        print_json(to_json(findings))
    else:
        console().print(findings_table(findings) if findings else f"{file}: nothing is wrong")
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
    console().print(f"written: {target}", soft_wrap=True)
