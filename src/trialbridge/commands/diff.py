"""``trialbridge diff``: what changed between two cuts, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json


def diff(
    old: Annotated[Path, typer.Argument(help="The run folder of the earlier cut, or a folder of datasets.")],
    new: Annotated[Path, typer.Argument(help="The run folder of the later cut, or a folder of datasets.")],
    out: Annotated[Path | None, typer.Option(help="A folder for diff.html, diff.xlsx and diff.json.")] = None,
    json: Json = False,
) -> None:
    """Say which rows are new, changed or gone, by natural keys, and the cause of each."""
    from trialbridge.converters.diff_runs import diff_runs
    from trialbridge.converters.report import to_json
    from trialbridge.converters.show_diff import show_diff, write_diff_html, write_diff_xlsx
    from trialbridge.converters.write_run import moment

    found = diff_runs(old, new)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "diff.json").write_bytes(to_json(found))
        write_diff_html(found, out / "diff.html")
        write_diff_xlsx(found, out / "diff.xlsx", created=moment([]))
    if json:
        print_json(to_json(found))
    else:
        show_diff(found, console())
    raise Done(found.exit_code)
