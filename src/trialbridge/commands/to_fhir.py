"""``trialbridge convert --to fhir``: the datasets of a study as FHIR resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from trialbridge.commands.outcome import console, print_json

if TYPE_CHECKING:
    from trialbridge.elements import Version
    from trialbridge.model import Dataset


def datasets_to_fhir(
    inputs: Sequence[Path],
    out: Path,
    release: str,
    form: Literal["ndjson", "bundle"],
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
    from trialbridge.lean import become_lean

    become_lean()
    from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
    from trialbridge.converters.read_sdtm import dataset_files, shelve_sdtm
    from trialbridge.converters.report import to_json
    from trialbridge.converters.show_fhir_run import show_fhir_run
    from trialbridge.converters.write_fhir_run import FhirRun, write_fhir_run
    from trialbridge.converters.write_run import beside, moment_of, refuse_foreign

    if not force:
        refuse_foreign(out)
    files = dataset_files(inputs)
    described = _described(inputs) if any(path.suffix.lower() == ".csv" for path in files) else {}
    with beside(out) as folder:
        (folder / "input").mkdir()
        datasets, findings = shelve_sdtm(inputs, described, folder / "input")
        created = moment_of(max(one.overview.latest for one in datasets))
        conversion = DatasetsToFhir(datasets, cast("Version", release))
        summary = write_fhir_run(conversion, FhirRun(out, form, created, files, findings), folder)
    if json:
        print_json(to_json(summary))
    else:
        show_fhir_run(summary, out, console())
    return summary.exit_code


def _described(inputs: Sequence[Path]) -> Mapping[str, Dataset]:
    """Return what the define.xml of a folder says of its datasets; nothing where there is none."""
    from trialbridge.define_xml.datasets import datasets_of
    from trialbridge.define_xml.read import read_define

    for folder in inputs:
        if (folder / "define.xml").is_file():
            return datasets_of(read_define(folder / "define.xml"))
    return {}
