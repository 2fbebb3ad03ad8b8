"""A run on FHIR that was made of SDTM: the datasets as they were, and the account of every resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from trialbridge.conversion import Conversion
from trialbridge.converters.carried_records import Restored
from trialbridge.converters.check_terms import check_terms
from trialbridge.converters.fhir_parts import study_of_datasets
from trialbridge.converters.gather import elements_table, ordered_findings
from trialbridge.converters.identity import Identities
from trialbridge.converters.ledger import ledger, note_records
from trialbridge.converters.run import Run
from trialbridge.converters.stage import Staged
from trialbridge.findings import Finding, Severity


def restored_conversion(
    run: Run, staged: Staged, identities: Identities, carried: Restored, inputs: Mapping[str, str]
) -> Conversion:
    """Return the datasets that were carried to FHIR; what stands beside their records is none of them."""
    run.findings += [*carried.findings, *check_terms(carried.datasets, run.study.ct)]
    for kind, records in carried.records.items():
        for name, rows in records.items():
            note_records(run.accounts, kind, name, np.concatenate(rows))
    for kind, drawn in [*carried.drawn.items(), *_sources_of(carried)]:
        run.accounts[kind].drawn.update(*(rows.tolist() for rows in drawn))
    for kind, reasons in carried.excluded.items():
        run.accounts[kind].excluded |= reasons
    account = ledger(staged, identities, run.accounts)
    beside = pc.sum(pc.equal(account["status"], "unmapped")).as_py() or 0
    if beside:
        message = "resources stand beside records that were carried from SDTM; convert them by themselves"
        run.findings.append(Finding(Severity.WARNING, "beside-carried-records", message, count=beside))
    return Conversion(
        study=replace(run.study, id=study_of_datasets(carried.datasets) or run.study.id),
        datasets=tuple(carried.datasets),
        provenance=carried.provenance,
        resources=account,
        elements=elements_table(staged.census),
        unmapped=run.unmapped.table(run.study.decisions),
        findings=ordered_findings(run.findings, staged.census),
        inputs=inputs,
        seconds=run.seconds,
    )


def _sources_of(carried: Restored) -> Iterator[tuple[str, list[np.ndarray]]]:
    for kind, records in carried.records.items():
        for rows in records.values():
            yield kind, rows
