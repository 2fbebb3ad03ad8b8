"""The design in a run of FHIR to SDTM: read before the subjects, for arms and visits; written at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from trialbridge.converters.census import Census
from trialbridge.converters.design_datasets import DesignDatasets, design_datasets
from trialbridge.converters.design_of_staged import StagedDesign, rows_by_type, staged_design
from trialbridge.converters.design_summary import Facts
from trialbridge.converters.identity import Identities
from trialbridge.converters.ledger import note_drawn
from trialbridge.converters.run import Run
from trialbridge.converters.stage import Staged

READ: Mapping[str, frozenset[str]] = {
    "ResearchStudy": frozenset(
        {
            *("title", "phase", "primaryPurposeType", "condition", "keyword", "focus", "location", "region"),
            *("category", "studyDesign", "objective", "outcomeMeasure", "period", "progressStatus"),
            *("identifier", "sponsor", "associatedParty", "recruitment", "enrollment", "arm"),
            *("comparisonGroup", "protocol", "extension"),
        }
    ),
    "Group": frozenset({"quantity", "characteristic", "actual"}),
    "PlanDefinition": frozenset({"action", "url"}),
    "EvidenceVariable": frozenset({"characteristic"}),
}
"""Type -> the elements that the design is read of, which the census would count as unread."""

COMPLETED = frozenset({"completed", "administratively-completed"})


def take_design(run: Run, staged: Staged, identities: Identities) -> StagedDesign:
    """Return the design that the input states, after making it the study's where the settings say nothing."""
    found = staged_design(staged, identities, run.study.id)
    run.findings += found.findings
    design = run.study.design.with_plan_of(found.plan())
    known = {row["ARM"]: row["ARMCD"] for row in design.arms.to_pylist() if row["ARM"] and row["ARMCD"]}
    run.study = replace(run.study, design=design, arms={**known, **found.arms, **run.study.arms})
    note_drawn(run.accounts, {kind: [np.array(rows)] for kind, rows in rows_by_type(found).items()})
    forget_read(staged.census)
    return found


def forget_read(census: Census) -> None:
    """Take out of the census what the design is read of, at any depth."""
    for path in list(census):
        kind, _, rest = path.partition(".")
        if rest.partition(".")[0].partition("[")[0] in READ.get(kind, ()):
            del census[path]


def trial_design(run: Run, found: StagedDesign, study: str, tables: Mapping[str, pa.Table]) -> DesignDatasets:
    """Return the trial design datasets of a run.

    Args:
        run: The run.
        found: What the input says of the design.
        study: STUDYID.
        tables: The derived tables of the subjects.
    """
    made = design_datasets(
        study, run.study.design, found.records, run.study.parameters, _facts(run, found, tables)
    )
    run.findings += made.findings
    return made


def _facts(run: Run, found: StagedDesign, tables: Mapping[str, pa.Table]) -> Facts:
    study = next((one.data for one in found.resources if one.kind == "ResearchStudy"), {})
    arms = {row["ARMCD"] for row in run.study.design.arms.to_pylist()} | set(found.arms.values())
    return Facts(
        run.study.title,
        run.study.cut,
        run.study.sdtmig,
        run.study.ct,
        len(arms),
        tables.get("DM", pa.table({})),
        study.get("status") in COMPLETED,
    )
