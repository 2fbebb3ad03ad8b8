"""``trialbridge terminology decide``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json

if TYPE_CHECKING:
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
