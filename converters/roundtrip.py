"""There and back: datasets to FHIR and to datasets again, with the account of every variable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from trialbridge.converters.compare_datasets import Difference, compare
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.report import CLEAN, FINDINGS
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_fhir import FhirFolder, Form
from trialbridge.elements import Version
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset


class Fate(msgspec.Struct, frozen=True):
    """What became of one variable on the way there and back.

    Attributes:
        dataset: Name of the dataset.
        variable: Name of the variable.
        cells: How many cells hold a value.
        elements: How many of them travelled in elements of FHIR.
        carried: How many travelled in the documented extension.
        dated: For how many of these an element holds the date, and the extension the time too.
        exact: How many came back the same.
        lost: How many did not.
        example: The first that did not: its record, what it was, what came back.
    """

    dataset: str
    variable: str
    cells: int
    elements: int
    carried: int
    dated: int
    exact: int
    lost: int
    example: str = ""


class Roundtrip(msgspec.Struct, frozen=True):
    """The proof of a way there and back.

    Attributes:
        release: The FHIR release in between.
        resources: Type -> how many there were in between.
        fates: What became of every variable.
        declared: What differs in what is declared of datasets and variables.
        findings: Files that could not be read, and faults of what was written.
        exit_code: 0 where all came back, 1 where something did not, or was not there to go.
    """

    release: str
    resources: Mapping[str, int]
    fates: tuple[Fate, ...]
    declared: tuple[Difference, ...]
    findings: tuple[Finding, ...]
    exit_code: int


def roundtrip(
    datasets: Sequence[Dataset],
    folder: Path,
    release: Version,
    form: Form = "ndjson",
    unread: Sequence[Finding] = (),
) -> Roundtrip:
    """Return the proof of what survives the way to FHIR and back.

    Args:
        datasets: The datasets.
        folder: An empty folder for the resources in between.
        release: The FHIR release.
        form: How the resources are put into files.
        unread: What was found while the datasets were read.
    """
    conversion = DatasetsToFhir(datasets, release)
    with FhirFolder(folder, form) as target:
        for lines in conversion:
            target.write(lines)
    back = to_sdtm([folder], release=release)
    found = compare(datasets, back.datasets)
    fates = tuple(fate for dataset in datasets for fate in _fates(dataset, conversion, found))
    declared = tuple(one for one in found if one.what != "values")
    findings = (*unread, *conversion.findings)
    grave = any(one.severity == Severity.ERROR for one in findings)
    whole = not declared and not grave and not any(fate.lost for fate in fates)
    resources = dict(sorted(target.counts.items()))
    return Roundtrip(release, resources, fates, declared, findings, CLEAN if whole else FINDINGS)


def _fates(dataset: Dataset, conversion: DatasetsToFhir, found: Sequence[Difference]) -> list[Fate]:
    account = conversion.accounts[dataset.name]
    lost: dict[str, Difference] = {}
    gone = next(
        (one for one in found if one.dataset == dataset.name and one.what in {"dataset", "records"}), None
    )
    differences = defaultdict(int)
    for one in found:
        if one.dataset == dataset.name and one.what in {"values", "variable"}:
            lost[one.variable] = one
            differences[one.variable] = one.count
    fates = []
    for name in (variable.name for variable in dataset.variables):
        cells = len(dataset.table) - dataset.table[name].null_count
        missing = cells if gone else differences[name]
        carried = account.carried[name]
        fates.append(
            Fate(
                dataset.name, name, cells, cells - carried, carried, account.dated[name],
                cells - min(missing, cells), missing, _example(lost.get(name, gone)),
            )
        )  # fmt: skip
    return fates


def _example(one: Difference | None) -> str:
    if one is None:
        return ""
    place = f"record {one.row}: " if one.row else ""
    return f"{place}{one.before or 'blank'} came back as {one.after or 'blank'}"
