"""``trialbridge why``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trialbridge.commands.outcome import BAD_INPUT, Done, Json, console, print_json


def why(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The run folder.")],
    domain: Annotated[str, typer.Argument(help="Such as LB or SUPPAE.")],
    key: Annotated[
        str,
        typer.Argument(
            help='"USUBJID SEQ", USUBJID/SEQ, USUBJID (for DM), or SEQ where one has it; of the trial design '
            'TSPARMCD, "ARMCD TAETORD", ETCD, VISITNUM or IETESTCD.'
        ),
    ],
    variable: Annotated[str, typer.Argument(help="One variable; all of the record without it.")] = "",
    inputs: Annotated[
        list[Path] | None, typer.Option("--input", help="Where the input is now, if it was moved.")
    ] = None,
    json: Json = False,
) -> None:
    """Say where a value comes from: the resource, the exact path, the rule, and the term."""
    from trialbridge.converters.explain import explain
    from trialbridge.converters.explain_design import DATASETS, explain_design
    from trialbridge.converters.report import to_json
    from trialbridge.converters.show_explanation import to_tree

    named = domain.upper()
    ask = explain_design if named in DATASETS else explain
    found = ask(folder, named, key, variable.upper(), inputs or ())
    if json:
        print_json(to_json(found))
    else:
        console().print(to_tree(found))
    raise Done(BAD_INPUT if found.problem else 0)
