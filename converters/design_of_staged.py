"""The design of the trial in what was read: the one study, its plans, and who may take part."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.design_forms import Json, Record, coded, dicts
from trialbridge.converters.design_plan import is_visit, part_of_design
from trialbridge.converters.design_population import Sponsor
from trialbridge.converters.design_resources import (
    PLANNED,
    TYPES,
    arms_of_fhir,
    design_of_fhir,
)
from trialbridge.converters.extract import WHOLE
from trialbridge.converters.identity import Identities
from trialbridge.converters.stage import Staged, column
from trialbridge.design import PLANS, Design, design_of_datasets
from trialbridge.elements import Version
from trialbridge.findings import Finding, Severity

ORGANIZATION = "Organization"
NUMBERS = ("VISITNUM", "VISITDY", "TAETORD", "EARLY", "LATE")


@dataclass(frozen=True)
class Resource:
    """One resource as it was read.

    Attributes:
        kind: Its type.
        row: Its row in the staged table of the type.
        data: Its elements.
        version: Its release.
    """

    kind: str
    row: int
    data: Json
    version: Version

    @property
    def names(self) -> set[str]:
        """What references and canonical URLs may call it."""
        return {f"{self.kind}/{self.data.get('id')}", str(self.data.get("url", f"{self.kind}/"))}


@dataclass(frozen=True)
class StagedDesign:
    """What the input says of the trial's design.

    Attributes:
        records: Dataset -> its records.
        resources: Those that it was read of, the study first.
        arms: The name of each arm -> ARMCD.
        findings: What is odd.
    """

    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    resources: Sequence[Resource] = ()
    arms: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()

    def plan(self) -> Design:
        """Return the visits, elements and arms, for the timing of records."""
        tables = {name: _table(self.records[name]) for name in PLANNED if name in self.records}
        return design_of_datasets(tables)


def _table(records: Sequence[Record]) -> pa.Table:
    return pa.Table.from_pylist([dict(_typed(one)) for one in records], _schema(records))


def _schema(records: Sequence[Record]) -> pa.Schema:
    kinds = {one.name: one.type for schema in PLANS.values() for one in schema}
    names = dict.fromkeys(name for one in records for name in one)
    return pa.schema({name: kinds[name] for name in names if name in kinds})


def _typed(record: Record) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        yield name, float(value) if name in NUMBERS else value


def staged_design(staged: Staged, identities: Identities, study: str = "") -> StagedDesign:
    """Return the design that the input states: of the study, where it holds several.

    Args:
        staged: What was read.
        identities: Which version of each resource counts.
        study: STUDYID where the settings name it.
    """
    found = {kind: list(_resources(kind, staged, identities)) for kind in TYPES}
    return stated_design({**found, ORGANIZATION: _organizations(staged, identities)}, study)


def stated_design(found: Mapping[str, Sequence[Resource]], study: str = "") -> StagedDesign:
    """Return the design that some resources state: of the study, where they hold several.

    Args:
        found: Resource type -> its resources, those of `TYPES`.
        study: STUDYID where the settings name it.
    """
    chosen, several = _study(found["ResearchStudy"], study)
    plans, groups = found["PlanDefinition"], [*found["Group"], *found["EvidenceVariable"]]
    if chosen is not None:
        protocol = _references(chosen.data.get("protocol"))
        plans = _named(plans, protocol) or [one for one in plans if _is_design(one.data)]
        groups = _eligible(chosen.data, groups)
    else:
        plans, groups = [one for one in plans if _is_design(one.data)], []
    sponsor = _sponsor(chosen, found[ORGANIZATION])
    used = [*([chosen] if chosen else []), *plans, *groups, *sponsor]
    if not used:
        return StagedDesign(findings=several)
    version = used[0].version
    records = design_of_fhir([one.data for one in used], version)
    arms = arms_of_fhir(chosen.data, version) if chosen else {}
    arms |= {one["ARM"]: one["ARMCD"] for one in records.get("TA", ()) if {"ARM", "ARMCD"} <= one.keys()}
    return StagedDesign(records, used, arms, several)


def _resources(kind: str, staged: Staged, identities: Identities) -> Iterator[Resource]:
    whole, texts = staged.table(kind), staged.table(kind, WHOLE)
    if whole is None or texts is None:
        return
    rows = pc.index_in(column(texts, "_parent"), column(whole, "_uid")).to_pylist()
    live = identities.indexes[kind].live
    versions = column(whole, "_version").to_pylist()
    order = np.argsort(column(whole, "_hash").to_numpy(zero_copy_only=False), kind="stable").tolist()
    found = dict(zip(rows, column(texts, "text").to_pylist(), strict=True))
    for row in order:
        if live[row] and row in found:
            yield Resource(kind, row, json.loads(found[row]), versions[row])


def _study(studies: Sequence[Resource], named: str) -> tuple[Resource | None, list[Finding]]:
    """Return the study whose design counts: no part of another, and the one that is named."""
    whole = [one for one in studies if not one.data.get("partOf")] or list(studies)
    known = [
        one for one in whole if named in [node.get("value") for node in dicts(one.data.get("identifier"))]
    ]
    chosen = list({_number(one.data): one for one in reversed(known or whole)}.values())
    if len(chosen) > 1:
        names = ", ".join(sorted(f"ResearchStudy/{one.data.get('id')}" for one in chosen))
        message = f"there are several studies ({names}); nothing says whose design counts"
        return None, [Finding(Severity.WARNING, "design-of-several-studies", message, "TS")]
    return (chosen[0] if chosen else None), []


def _number(study: Json) -> str:
    """Return what a study is known by: bundles of several subjects may each bring it along."""
    numbers = dicts(study.get("identifier"))
    usual = [one for one in numbers if one.get("use") == "usual"]
    values = (str(one["value"]) for one in (*usual, *numbers) if one.get("value"))
    return next(values, str(study.get("id")))


def _references(nodes: object) -> set[str]:
    return {str(one["reference"]) for one in dicts(nodes) if one.get("reference")}


def _named(resources: Sequence[Resource], references: set[str]) -> list[Resource]:
    tails = {"/".join(text.partition("|")[0].split("/")[-2:]) for text in references}
    found = [one for one in resources if one.names & (references | tails)]
    return list({(one.kind, str(one.data.get("id"))): one for one in reversed(found)}.values())


def _is_design(plan: Json) -> bool:
    return any(part_of_design(one) or is_visit(one) for one in dicts(plan.get("action")))


def _eligible(study: Json, groups: Sequence[Resource]) -> list[Resource]:
    """Return the groups of those who may take part; a group of those who do is none."""
    references = _references(study.get("enrollment"))
    for recruitment in dicts(study.get("recruitment")):
        references |= _references(recruitment.get("eligibility"))
    return [one for one in _named(groups, references) if not one.data.get("actual")]


def _organizations(staged: Staged, identities: Identities) -> list[Resource]:
    """Return the Organizations, as far as their names go."""
    table = staged.table(ORGANIZATION)
    if table is None:
        return []
    live = identities.indexes[ORGANIZATION].live
    cells = zip(*(column(table, name).to_pylist() for name in ("id", "name", "_version")), strict=True)
    return [
        Resource(ORGANIZATION, row, {"resourceType": ORGANIZATION, "id": name, "name": called}, version)
        for row, (name, called, version) in enumerate(cells)
        if live[row] and called
    ]


def _sponsor(study: Resource | None, organizations: Sequence[Resource]) -> list[Resource]:
    """Return the Organization that the study names as its sponsor."""
    if study is None:
        return []
    parties = [
        one.get("party")
        for one in dicts(study.data.get("associatedParty"))
        if coded(one.get("role"), Sponsor.role) in Sponsor.roles
    ]
    references = _references(study.data.get("sponsor")) | _references(parties)
    return sorted(_named(organizations, references), key=lambda one: str(one.data.get("id")))[:1]


def rows_by_type(design: StagedDesign) -> dict[str, list[int]]:
    """Return the rows of the resources that the design was read of, by type."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in design.resources:
        found[one.kind].append(one.row)
    return found


__all__ = ["Resource", "StagedDesign", "rows_by_type", "staged_design", "stated_design"]
