"""``trialbridge convert --to fhir``: the datasets of a study as FHIR resources."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from trialbridge.commands.outcome import console, print_json

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from trialbridge.converters.write_fhir_run import FhirSummary
    from trialbridge.elements import Version
    from trialbridge.model import Dataset

Form = Literal["ndjson", "bundle"]


def datasets_to_fhir(
    inputs: Sequence[Path],
    out: Path,
    release: str,
    form: Form,
    *,
    force: bool = False,
    json: bool = False,
) -> int:
    """Return the exit code of a conversion of datasets to FHIR, after writing its run folder.

    Args:
        inputs: Files and folders of datasets; a define.xml beside them types the columns of CSV files.
        out: The run folder.
        release: The FHIR release.
        form: NDJSON files by type, or a transaction Bundle a subject.
        force: Write into a folder that is no run of trialbridge.
        json: Print JSON instead of tables.
    """
    from trialbridge.converters.other_processes import WRITING, early_processes
    from trialbridge.lean import become_lean

    with early_processes(inputs, min(2, os.cpu_count() or 1), WRITING) as others:
        become_lean()
        if not force:
            _refuse_foreign(out)
        summary = _convert(inputs, out, cast("Version", release), form, others)
    _show(summary, out, json=json)
    return summary.exit_code


def _refuse_foreign(out: Path) -> None:
    from trialbridge.converters.write_run import refuse_foreign

    refuse_foreign(out)


def _convert(
    inputs: Sequence[Path], out: Path, release: Version, form: Form, others: Executor | None
) -> FhirSummary:
    """Return the summary of a run, after writing its folder."""
    from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
    from trialbridge.converters.read_sdtm import dataset_files, shelve_sdtm
    from trialbridge.converters.write_fhir_run import FhirRun, write_fhir_run
    from trialbridge.converters.write_run import beside, moment_of

    files = dataset_files(inputs)
    described = _described(inputs) if any(path.suffix.lower() == ".csv" for path in files) else {}
    with beside(out) as folder:
        (folder / "input").mkdir()
        datasets, findings = shelve_sdtm(inputs, described, folder / "input")
        created = moment_of(max(one.overview.latest for one in datasets))
        conversion = DatasetsToFhir(datasets, release, others=others)
        return write_fhir_run(conversion, FhirRun(out, form, created, files, findings), folder)


def _show(summary: FhirSummary, out: Path, *, json: bool) -> None:
    from trialbridge.converters.report import to_json
    from trialbridge.converters.show_fhir_run import show_fhir_run

    if json:
        print_json(to_json(summary))
    else:
        show_fhir_run(summary, out, console())


def _described(inputs: Sequence[Path]) -> Mapping[str, Dataset]:
    """Return what the define.xml of a folder says of its datasets; nothing where there is none."""
    from trialbridge.define_xml.datasets import datasets_of
    from trialbridge.define_xml.read import read_define

    for folder in inputs:
        if (folder / "define.xml").is_file():
            return datasets_of(read_define(folder / "define.xml"))
    return {}
