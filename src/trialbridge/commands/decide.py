"""``trialbridge terminology decide`` and ``trialbridge terminology suggest``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from trialbridge.converters.suggest import Suggestion
    from trialbridge.decisions import Decision
    from trialbridge.findings import Finding


def decide(
    worklist: Annotated[Path, typer.Argument(metavar="WORKLIST.xlsx", help="A worklist, filled in.")],
    decisions: Annotated[
        Path, typer.Option(metavar="FILE", help="The decision file; it is made where there is none.")
    ],
    who: Annotated[str, typer.Option(metavar="NAME", help="Who decided; the user's name without it.")] = "",
    when: Annotated[str, typer.Option(metavar="DATE", help="The day; today without it.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Let these decisions take the place of other ones.")
    ] = False,
    json: Json = False,
) -> None:
    """Take the decisions of a worklist over into the decision file."""
    from getpass import getuser

    from trialbridge.converters.judge_decisions import faults
    from trialbridge.converters.read_worklist import read_worklist
    from trialbridge.converters.report import CLEAN, FINDINGS, to_json
    from trialbridge.decisions import merged, read_decisions
    from trialbridge.findings import Severity

    told = read_worklist(worklist, who=who or getuser(), when=when or _today())
    said = {one: list(faults(one, one.ct)) for one in told}
    sound = [one for one in told if all(fault.severity != Severity.ERROR for fault in said[one])]
    old = read_decisions(decisions).made if decisions.exists() else ()
    result = merged(old, sound, replacing=replace)
    if result.added or result.replaced:
        _write(decisions, result.made)
    findings = [fault for faults in said.values() for fault in faults]
    if json:
        print_json(to_json({"findings": findings, **result._asdict()}))
    else:
        counts = (len(result.added), "added,", len(result.replaced), "replaced,", len(result.made), "in all")
        console().print(f"{decisions}:", *counts, soft_wrap=True, highlight=False)
        for line in (*_conflicts(result.conflicts), *_said(findings)):
            console().print(line, soft_wrap=True, markup=False, highlight=False)
    raise Done(FINDINGS if result.conflicts or len(sound) < len(told) else CLEAN)


def _today() -> str:
    from datetime import date

    return date.today().isoformat()  # noqa: DTZ011 -- the day where the person is


def _write(target: Path, made: Iterable[Decision]) -> None:
    from trialbridge.converters.whole_file import whole_file
    from trialbridge.decisions import to_toml

    with whole_file(target) as file:
        file.write(to_toml(made).encode())


def _conflicts(found: Iterable[tuple[Decision, Decision]]) -> Iterator[str]:
    for before, one in found:
        yield (
            f"kept: {one.code or one.text!r} is {before.decision!r}, {before.said()}; "
            f"the worklist says {one.decision!r} (--replace takes it)"
        )


def _said(findings: Iterable[Finding]) -> Iterator[str]:
    return (f"{fault.severity}: {fault.message}" for fault in findings)


def suggest(
    text: Annotated[str, typer.Argument(help="A code or text, such as 'S-Creat' or 'by mouth'.")],
    variable: Annotated[
        str, typer.Option(help="The variable it is for, such as LBTESTCD or EXROUTE; any test without it.")
    ] = "",
    unit: Annotated[str, typer.Option(help="The unit of its results.")] = "",
    specimen: Annotated[str, typer.Option(help="The specimen.")] = "",
    ct: Annotated[str, typer.Option(help="Date of the controlled terminology.")] = "",
    json: Json = False,
) -> None:
    """Suggest the CDISC terms that a code or text may mean, each with what speaks for it."""
    from trialbridge.converters.report import to_json
    from trialbridge.converters.suggest import Asked
    from trialbridge.converters.suggest import suggest as suggested
    from trialbridge.standards import DEFAULT_CT

    name = variable.upper()
    asked = Asked(_domain_of(name), name, (text,), units=unit, specimens=specimen)
    found = suggested(asked, ct or DEFAULT_CT)
    if json:
        print_json(to_json([one._asdict() for one in found]))
    elif found:
        console().print(_table(found))
    else:
        console().print("no term of the codelists is near", soft_wrap=True)
    raise Done(0)


def _domain_of(variable: str) -> str:
    """Return the domain of a variable; empty where none is named."""
    from trialbridge.standards import domain_variables, ig_datasets

    owners = [name for name in ig_datasets() if variable in {one.name for one in domain_variables(name)}]
    if variable and not owners:
        raise ConfigurationError("--variable", f"no dataset of SDTMIG 3.4 has a variable {variable}")
    return next(iter(owners), "")


def _table(found: Iterable[Suggestion]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("term", "name", "score", "why"):
        table.add_column(title, justify="right" if title == "score" else "left")
    for one in found:
        table.add_row(one.value, one.name, str(one.score), one.why)
    return table
