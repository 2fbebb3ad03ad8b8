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
from trialbridge.converters.write_run import move
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


def write_fhir_run(conversion: DatasetsToFhir, run: FhirRun, folder: Path) -> FhirSummary:
    """Write a run folder, and return the summary of the run.

    Args:
        conversion: The datasets on their way.
        run: How it is to be written.
        folder: A folder beside the target, see `write_run.beside`.
    """
    (folder / FHIR).mkdir()
    with FhirFolder(folder / FHIR, run.form) as target:
        for block in conversion:
            target.write(block)
        described = [one.described for one in conversion.stored]
        inputs = {path: sha256_of(path) for path in sorted(run.inputs)}
        target.write(conversion.checked(list(provenances(described, run.created, inputs))))
    findings = [*run.findings, *conversion.findings, *_lost(conversion.accounts)]
    summary = _summary(conversion, target.counts, findings)
    (folder / "run" / "findings.json").write_bytes(to_json(findings))
    (folder / "run" / "summary.json").write_bytes(to_json(summary))
    if run.form == "ndjson":
        (folder / FHIR / "manifest.json").write_bytes(to_json(_bulk(run.created, target.written)))
    outputs = _digests(folder, target.written)
    (folder / MANIFEST).write_bytes(to_json(_manifest(conversion, run, inputs, outputs)))
    move(folder, run.out)
    return summary


def _digests(folder: Path, written: Sequence[FhirFile]) -> dict[str, str]:
    """Return file -> digest of all that was written; that of a large one is known, and of others is made."""
    known = {f"{FHIR}/{file.name}": file.sha256 for file in written}
    names = [f"{FHIR}/manifest.json", "run/findings.json", "run/summary.json"]
    return known | {name: sha256_of(folder / name) for name in names if (folder / name).exists()}


def _manifest(
    conversion: DatasetsToFhir, run: FhirRun, inputs: Mapping[Path, str], outputs: Mapping[str, str]
) -> Manifest:
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
        records={one.described.name: one.overview.rows for one in conversion.stored},
        inputs=tuple(File(path.name, sha256) for path, sha256 in inputs.items()),
        outputs=tuple(File(name, sha256) for name, sha256 in sorted(outputs.items())),
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
