"""``trialbridge roundtrip``: there and back, and the proof of what survives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.options import Config, Form, FormOf, Release, StudyName
from trialbridge.commands.outcome import Done, Json, console, print_json

if TYPE_CHECKING:
    from trialbridge.converters.fhir_roundtrip import FhirRoundtrip
    from trialbridge.converters.roundtrip import Roundtrip


def roundtrip(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="SRC...", help="Datasets or FHIR: files, or folders; it looks which it is."),
    ],
    release: Annotated[
        Release, typer.Option("--fhir", help="The FHIR release that is written.")
    ] = Release.R4,
    form: FormOf = Form.NDJSON,
    config: Config = None,
    study: StudyName = "",
    out: Annotated[Path | None, typer.Option(help="A folder for roundtrip.html and roundtrip.json.")] = None,
    json: Json = False,
) -> None:
    """Convert to the other standard and back, compare all of it, and say what became of each part."""
    from trialbridge.converters.fhir_roundtrip import are_datasets

    if are_datasets(inputs):
        raise Done(_datasets(inputs, release, form, out, json=json))
    raise Done(_fhir(inputs, release, config, study, out, json=json))


def _datasets(inputs: Sequence[Path], release: Release, form: Form, out: Path | None, *, json: bool) -> int:
    from tempfile import TemporaryDirectory

    from trialbridge.converters.read_sdtm import read_sdtm
    from trialbridge.converters.roundtrip import roundtrip as there_and_back
    from trialbridge.converters.show_roundtrip import show_roundtrip, write_roundtrip_html

    datasets, unread = read_sdtm(inputs)
    with TemporaryDirectory(prefix="trialbridge-") as folder:
        found = there_and_back(datasets, Path(folder), release.value, form.value, unread)
    _keep(found, out, json=json)
    if out is not None:
        write_roundtrip_html(found, out / "roundtrip.html")
    if not json:
        show_roundtrip(found, console())
    return found.exit_code


def _fhir(
    inputs: Sequence[Path], release: Release, config: Path | None, study: str, out: Path | None, *, json: bool
) -> int:
    from trialbridge.converters.fhir_roundtrip import fhir_roundtrip
    from trialbridge.converters.fhir_roundtrip_show import show_fhir_roundtrip, write_fhir_roundtrip_html
    from trialbridge.study import Study, read_study

    settings = read_study(config) if config else Study()
    if study:
        settings = replace(settings, id=study, every_patient=True)
    found = fhir_roundtrip(inputs, settings, release=release.value)
    _keep(found, out, json=json)
    if out is not None:
        write_fhir_roundtrip_html(found, out / "roundtrip.html")
    if not json:
        show_fhir_roundtrip(found, console())
    return found.exit_code


def _keep(found: Roundtrip | FhirRoundtrip, out: Path | None, *, json: bool) -> None:
    """Write and print the proof for a machine, where it is asked for."""
    from trialbridge.converters.report import to_json

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "roundtrip.json").write_bytes(to_json(found))
    if json:
        print_json(to_json(found))
