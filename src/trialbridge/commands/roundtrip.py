"""``trialbridge roundtrip``: there and back, and the proof of what survives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trialbridge.commands.convert import Form, Release
from trialbridge.commands.outcome import Done, Json, console, print_json


def roundtrip(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="SRC...", help="Datasets: files, or folders that hold them.")
    ],
    release: Annotated[Release, typer.Option("--fhir", help="The FHIR release in between.")] = Release.R4,
    form: Annotated[
        Form, typer.Option("--as", help="NDJSON by type, or a transaction Bundle a subject.")
    ] = Form.NDJSON,
    out: Annotated[Path | None, typer.Option(help="A folder for roundtrip.html and roundtrip.json.")] = None,
    json: Json = False,
) -> None:
    """Convert datasets to FHIR and back, compare every cell, and say what became of each variable."""
    from tempfile import TemporaryDirectory

    from trialbridge.converters.read_sdtm import read_sdtm
    from trialbridge.converters.report import to_json
    from trialbridge.converters.roundtrip import roundtrip as there_and_back
    from trialbridge.converters.show_roundtrip import show_roundtrip, write_roundtrip_html

    datasets, _ = read_sdtm(inputs)
    with TemporaryDirectory(prefix="trialbridge-") as folder:
        found = there_and_back(datasets, Path(folder), release.value, form.value)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "roundtrip.json").write_bytes(to_json(found))
        write_roundtrip_html(found, out / "roundtrip.html")
    if json:
        print_json(to_json(found))
    else:
        show_roundtrip(found, console())
    raise Done(found.exit_code)
