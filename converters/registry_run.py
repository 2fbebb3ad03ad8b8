"""A stated design, of a registry or in USDM, to datasets and resources, with what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from trialbridge.conversion import ELEMENTS, RESOURCES, UNMAPPED, Conversion
from trialbridge.converters.check_terms import check_terms
from trialbridge.converters.datasets import with_lengths
from trialbridge.converters.design_datasets import DesignDatasets, design_datasets
from trialbridge.converters.design_forms import Json
from trialbridge.converters.design_of_staged import StagedDesign
from trialbridge.converters.design_summary import Facts
from trialbridge.converters.leaf_account import UNKNOWN, Entry
from trialbridge.converters.registry_design import registry_design
from trialbridge.converters.registry_record import Record
from trialbridge.converters.registry_resources import registry_resources
from trialbridge.converters.report import to_json
from trialbridge.converters.usdm_design import usdm_design
from trialbridge.converters.usdm_resources import usdm_resources
from trialbridge.converters.usdm_study import StudyDefinition
from trialbridge.converters.write_run import moment
from trialbridge.converters.write_xpt import study_lengths
from trialbridge.elements import Version
from trialbridge.findings import Finding, Severity
from trialbridge.standards import name_of_test
from trialbridge.study import Study

VISITS = "the record names no visits: TV, and the schedule of activities, are the sponsor's to say"
ELEMENTS_OPEN = "the record says only how an arm is treated: epochs, order and branches are open"
ENCODER = msgspec.json.Encoder()


class Open(msgspec.Struct, frozen=True):
    """What the record does not say.

    Attributes:
        dataset: The dataset that asks for it.
        name: TSPARMCD, or the rule or dataset.
        label: What it is.
        level: ``required``, or ``desired`` by the FDA.
    """

    dataset: str
    name: str
    label: str
    level: str = "required"


class Kind(NamedTuple):
    """How one kind of document that states a design is read.

    Attributes:
        design: Makes records of it.
        resources: Makes resources of it and its records.
        changed: Where it says when it was last changed; empty where it does not.
        open: What such a document never says.
    """

    design: Callable[[Any], Mapping[str, list[Json]]]
    resources: Callable[..., list[Json]]
    changed: str
    open: tuple[Open, ...]


Stated = Record | StudyDefinition
KINDS: Mapping[type, Kind] = {
    Record: Kind(
        registry_design,
        registry_resources,
        "protocolSection.statusModule.lastUpdateSubmitDate",
        (Open("TA", "TA", ELEMENTS_OPEN),),
    ),
    StudyDefinition: Kind(usdm_design, usdm_resources, "", ()),
}
"""The kinds of documents that state a design."""


@dataclass(frozen=True)
class RegistryRun:
    """What a record became.

    Attributes:
        conversion: The datasets, as any run has them.
        resources: The resources, those first that others point to.
        open: What the record does not say.
        ledger: What became of every leaf of the record.
        created: The moment for all headers: when the record was last changed.
    """

    conversion: Conversion
    resources: Sequence[Json]
    open: Sequence[Open]
    ledger: Sequence[Entry]
    created: datetime

    def write(self, folder: Path) -> None:
        """Write resources, what is open and the ledger into a run folder in the making."""
        (folder / "fhir").mkdir(exist_ok=True)
        with (folder / "fhir" / "design.ndjson").open("wb") as file:
            file.writelines(ENCODER.encode(one) + b"\n" for one in self.resources)
        (folder / "run" / "open.json").write_bytes(to_json(list(self.open)))
        ledger = [one._asdict() for one in self.ledger]
        (folder / "run" / "registry_ledger.json").write_bytes(to_json(ledger))


def registry_run(record: Stated, version: Version = "R4", study: Study | None = None) -> RegistryRun:
    """Return the datasets and resources of a record.

    Args:
        record: The record.
        version: The FHIR release to write.
        study: Settings, whose parameters and plan come before what the record says.
    """
    settings = study or Study()
    kind = KINDS[type(record)]
    records = kind.design(record)
    named = next((one["TSVAL"] for one in records["TS"] if one["TSPARMCD"] == "SPREFID"), record.number)
    studyid = settings.id or named
    found = StagedDesign(records)
    plan = settings.design.with_plan_of(found.plan())
    arms = len({one["ARMCD"] for one in records.get("TA", ())})
    facts = Facts(settings.title, settings.cut, settings.sdtmig, settings.ct, arms)
    made = design_datasets(studyid, plan, records, settings.parameters, facts)
    resources = kind.resources(record, records, studyid, version)
    changed = record.take(kind.changed, "date in the headers of files") if kind.changed else ""
    ledger = record.ledger()
    return RegistryRun(
        _conversion(settings, studyid, made, record, ledger),
        resources,
        [*_open(made), *kind.open],
        ledger,
        moment((), changed if len(changed) == len("2026-01-01") else "", record.number),
    )


def _conversion(
    settings: Study, studyid: str, made: DesignDatasets, record: Stated, ledger: Sequence[Entry]
) -> Conversion:
    datasets = with_lengths(made.datasets, study_lengths(made.datasets))
    title = next(
        (one.get("TSVAL", "") for one in made.summary.records if one["TSPARMCD"] == "TITLE"), settings.title
    )
    findings = [*made.findings, *check_terms(datasets, settings.ct), *_unknown(ledger), *_unresolved(record)]
    return Conversion(
        study=replace(settings, id=studyid, title=title),
        datasets=datasets,
        provenance={},
        resources=RESOURCES.empty_table(),
        elements=ELEMENTS.empty_table(),
        unmapped=UNMAPPED.empty_table(),
        findings=tuple(findings),
        inputs={},
    )


def _unknown(ledger: Sequence[Entry]) -> list[Finding]:
    """Return a finding for what nothing here knows: the registry may have new fields."""
    found = [one.path for one in ledger if one.where == UNKNOWN]
    if not found:
        return []
    message = "fields of the record that nothing here knows"
    return [Finding(Severity.WARNING, "registry-field-unknown", message, value=found[0], count=len(found))]


def _unresolved(record: Stated) -> list[Finding]:
    found = list(dict.fromkeys(record.unresolved))
    if not found:
        return []
    message = "a text refers to what the document does not have; the name stands in brackets"
    return [Finding(Severity.WARNING, "reference-unresolved", message, value=found[0], count=len(found))]


def _open(made: DesignDatasets) -> list[Open]:
    """Return what the record leaves open: parameters by name, rules, and whole datasets."""
    there = {one.name for one in made.datasets}
    found = [Open("TS", code, name_of_test("TSPARMCD", code) or code) for code in made.summary.open]
    found += [
        Open("TS", code, name_of_test("TSPARMCD", code) or code, "desired") for code in made.summary.desired
    ]
    rule = "a rule that the record does not say"
    found += [Open("TE" if name.startswith("TE") else "TV", name, rule) for name in made.rules]
    if "TV" not in there:
        found.append(Open("TV", "TV", VISITS))
    return found


__all__ = ["Open", "RegistryRun", "registry_run"]
