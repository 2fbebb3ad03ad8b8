"""The run folder of SDTM to FHIR: the resources, what became of each dataset, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from trialbridge.converters.datasets_to_fhir import Account, DatasetsToFhir
from trialbridge.converters.fhir_provenance import provenances
from trialbridge.converters.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    File,
    Manifest,
    sha256_of,
    software_versions,
)
from trialbridge.converters.report import CLEAN, FINDINGS, to_json
from trialbridge.converters.write_fhir import FhirFile, FhirFolder, Form
from trialbridge.converters.write_run import beside, move, refuse_foreign
from trialbridge.findings import Finding, Severity

FHIR = "fhir"


class DatasetSummary(msgspec.Struct, frozen=True):
    """What became of the cells of one dataset.

    Attributes:
        dataset: Its name.
        records: How many records it has.
        cells: How many cells hold a value.
        elements: How many of them an element of FHIR holds.
        carried: Variable -> how many of its cells the documented extension carries.
        dated: Variable -> for how many of these an element holds the date.
        lost: Variable -> how many of its cells no FHIR text can hold.
    """

    dataset: str
    records: int
    cells: int
    elements: int
    carried: Mapping[str, int]
    dated: Mapping[str, int]
    lost: Mapping[str, int]


class FhirSummary(msgspec.Struct, frozen=True):
    """One run of SDTM to FHIR in numbers.

    Attributes:
        study: STUDYID; empty where there is no DM.
        release: The FHIR release.
        resources: Type -> how many were written.
        datasets: What became of each dataset.
        findings: Severity -> how many.
        exit_code: See docs/exit-codes.md.
    """

    study: str
    release: str
    resources: Mapping[str, int]
    datasets: tuple[DatasetSummary, ...]
    findings: Mapping[str, int]
    exit_code: int


@dataclass(frozen=True)
class FhirRun:
    """How a run is to be written.

    Attributes:
        out: The run folder.
        form: ``ndjson`` or ``bundle``.
        created: The moment in the headers.
        inputs: The files of the datasets.
        findings: What was found while reading.
    """

    out: Path
    form: Form
    created: datetime
    inputs: Sequence[Path]
    findings: Sequence[Finding] = ()


def write_fhir_run(conversion: DatasetsToFhir, run: FhirRun, *, force: bool = False) -> FhirSummary:
    """Write a run folder, and return the summary of the run.

    Raises:
        ConfigurationError: The folder holds what this package did not write.
    """
    if not force:
        refuse_foreign(run.out)
    with beside(run.out) as folder:
        (folder / FHIR).mkdir()
        with FhirFolder(folder / FHIR, run.form) as target:
            for lines in conversion:
                target.write(lines)
            target.write(conversion.checked(list(provenances(conversion.datasets, run.created, run.inputs))))
        findings = [*run.findings, *conversion.findings, *_lost(conversion.accounts)]
        summary = _summary(conversion, target.counts, findings)
        (folder / "run" / "findings.json").write_bytes(to_json(findings))
        (folder / "run" / "summary.json").write_bytes(to_json(summary))
        if run.form == "ndjson":
            (folder / FHIR / "manifest.json").write_bytes(to_json(_bulk(run.created, target.files())))
        (folder / MANIFEST).write_bytes(to_json(_manifest(conversion, run, folder)))
        move(folder, run.out)
    return summary


def _manifest(conversion: DatasetsToFhir, run: FhirRun, folder: Path) -> Manifest:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        created=run.created.isoformat(),
        study=conversion.study,
        title="",
        settings={"fhir": conversion.version, "as": run.form},
        overrides=(),
        standards={"FHIR": conversion.version},
        software=software_versions(),
        ledger={},
        records={dataset.name: dataset.table.num_rows for dataset in conversion.datasets},
        inputs=tuple(File(path.name, sha256_of(path)) for path in sorted(run.inputs)),
        outputs=tuple(File(name, sha256_of(folder / name)) for name in names),
    )


def _bulk(created: datetime, files: Sequence[FhirFile]) -> dict[str, object]:
    """Return the manifest of a bulk export, as servers and loaders know it."""
    output = [{"type": file.type, "url": file.name, "count": file.resources} for file in files]
    return {
        "transactionTime": f"{created.isoformat()}Z",
        "request": "trialbridge convert --to fhir",
        "requiresAccessToken": False,
        "output": output,
        "error": [],
    }


def _lost(accounts: Mapping[str, Account]) -> list[Finding]:
    message = "no FHIR text can hold the value: it is of blanks alone, or has control characters"
    return [
        Finding(Severity.ERROR, "cell-not-carried", message, dataset, variable, count=count)
        for dataset, account in sorted(accounts.items())
        for variable, count in sorted(account.lost.items())
        if count
    ]


def _summary(
    conversion: DatasetsToFhir, resources: Mapping[str, int], findings: Sequence[Finding]
) -> FhirSummary:
    counts = {str(severity): 0 for severity in Severity}
    for finding in findings:
        counts[str(finding.severity)] += finding.count
    grave = counts[Severity.ERROR] + counts[Severity.WARNING]
    return FhirSummary(
        conversion.study,
        conversion.version,
        dict(sorted(resources.items())),
        tuple(_dataset(name, account) for name, account in conversion.accounts.items()),
        counts,
        FINDINGS if grave else CLEAN,
    )


def _dataset(name: str, account: Account) -> DatasetSummary:
    cells, carried = sum(account.cells.values()), sum(account.carried.values())
    return DatasetSummary(
        name,
        account.records,
        cells,
        cells - carried,
        {key: count for key, count in sorted(account.carried.items()) if count},
        {key: count for key, count in sorted(account.dated.items()) if count},
        {key: count for key, count in sorted(account.lost.items()) if count},
    )
