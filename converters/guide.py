"""The draft of the reviewer's guide (cSDRG) as plain content, which two writers turn into DOCX and PDF."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from trialbridge.converters.contents import Contents
from trialbridge.converters.feeds import HOW, Feed
from trialbridge.converters.manifest import Manifest
from trialbridge.converters.record_ids import code_of
from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.dispositions import NO_DISPOSITIONS, Cause, Dispositions
from trialbridge.findings import Severity
from trialbridge.model import Dataset
from trialbridge.standards import ig_datasets
from trialbridge.validation.outcome import Status

TO_WRITE = "[To be written by the sponsor.]"


@dataclass(frozen=True)
class Grid:
    """A table: its head, and its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One section: its level, its title, and paragraphs and tables in their order."""

    level: int
    title: str
    content: tuple[str | Grid, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What a package knows of itself.

    Attributes:
        study: STUDYID.
        title: Title of the study; empty where nobody said it.
        datasets: What is in the datasets.
        design: The datasets of the trial's arms and visits.
        split: Dataset -> the names of its parts.
        manifest: The run that they came from; none for a folder of datasets alone.
        findings: What was found, as `findings.json` has it.
        dispositions: What people have said of findings.
        validated: What the rules of conformance found in the package; none where nobody asked them.
        feeds: How each variable is filled; none for a folder of datasets alone.
    """

    study: str
    title: str
    datasets: Sequence[Contents]
    design: Sequence[Dataset] = ()
    split: Mapping[str, Sequence[str]] = field(default_factory=dict)
    manifest: Manifest | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    dispositions: Dispositions = NO_DISPOSITIONS
    validated: ValidationSummary | None = None
    feeds: Sequence[Feed] = ()


def read_findings(folder: Path) -> list[dict[str, Any]]:
    """Return the findings of a run folder; none where there are none."""
    source = folder / "run" / "findings.json"
    found: list[dict[str, Any]] = msgspec.json.decode(source.read_bytes()) if source.is_file() else []
    return found


def read_rules(folder: Path) -> list[dict[str, Any]]:
    """Return where the variables of a run come from; nothing for a folder of datasets alone."""
    source = folder / "run" / "rules.parquet"
    return pq.read_table(source).to_pylist() if source.is_file() else []


def guide(facts: Facts) -> tuple[Section, ...]:
    """Return the sections of the guide, in the order that reviewers know."""
    return (
        Section(1, "1. Introduction"),
        Section(
            2,
            "1.1 Purpose",
            (f"This guide describes the tabulation datasets of study {facts.study}.", TO_WRITE),
        ),
        Section(2, "1.2 Study data standards and dictionaries", (_standards(facts),)),
        Section(1, "2. Protocol description", (facts.title or TO_WRITE, *_design(facts))),
        Section(1, "3. Subject data description"),
        Section(2, "3.1 Datasets", (_datasets(facts), *_split(facts))),
        Section(2, "3.2 Supplemental qualifiers", (_qualifiers(facts),)),
        Section(2, "3.3 Annotated CRF", (CRF,)),
        Section(1, "4. Data conformance summary"),
        Section(2, "4.1 What the rules of conformance found", tuple(_conformance(facts.validated))),
        Section(2, "4.2 What the conversion found", (_unresolved(facts),)),
        Section(1, "5. Traceability and mapping"),
        Section(2, "5.1 How the data came about", tuple(_origin(facts))),
        Section(2, "5.2 Which element of FHIR feeds which variable", tuple(_mapping(facts))),
        Section(1, "6. Privacy", (PRIVACY, TO_WRITE)),
    )


CRF = (
    "Values that were received from electronic health records and laboratories as FHIR resources have no "
    "case report form; acrf.pdf says so, and the define.xml gives the source of each variable."
)
PRIVACY = (
    "Names, addresses, contact details and photographs of people are not carried from FHIR into any dataset. "
    "Dates and identifiers are as they were received."
)


def _standards(facts: Facts) -> Grid:
    known = facts.manifest.standards if facts.manifest else {}
    packages = [(one.name, one.sha256[:16]) for one in (facts.manifest.terminology if facts.manifest else ())]
    return Grid(("Standard", "Version"), (*((name, str(value)) for name, value in known.items()), *packages))


def _design(facts: Facts) -> Iterator[str | Grid]:
    for name, title in (("TA", "Arms"), ("TV", "Visits")):
        dataset = next((one for one in facts.design if one.name == name), None)
        if dataset is not None and len(dataset.table):
            names = [
                one
                for one in ("ARMCD", "ARM", "ETCD", "ELEMENT", "EPOCH", "VISITNUM", "VISIT")
                if one in dataset.table.column_names and dataset.table[one].null_count < len(dataset.table)
            ]
            rows = dataset.table.select(names).to_pylist()
            yield title
            yield Grid(tuple(names), tuple(tuple(_text(row[one]) for one in names) for row in rows))


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _datasets(facts: Facts) -> Grid:
    rows = []
    for dataset in facts.datasets:
        known = ig_datasets().get(code_of(dataset.name))
        group = (
            "SUPPLEMENTAL"
            if dataset.name.startswith("SUPP")
            else known.observation_class
            if known
            else "CUSTOM"
        )
        subjects = "" if dataset.subjects is None else f"{len(dataset.subjects):,}"
        rows.append((dataset.name, dataset.label, group, f"{dataset.records:,}", subjects))
    return Grid(("Dataset", "Label", "Class", "Records", "Subjects"), tuple(rows))


def _split(facts: Facts) -> Iterator[str]:
    for name, parts in facts.split.items():
        yield f"{name} is larger than the limit and stands in the folder split as {', '.join(parts)} too."


def _qualifiers(facts: Facts) -> Grid:
    rows = [
        (dataset.name, name, label, f"{count:,}")
        for dataset in facts.datasets
        for (name, label), count in dataset.combinations.get(("QNAM", "QLABEL"), {}).items()
    ]
    return Grid(("Dataset", "QNAM", "QLABEL", "Records"), tuple(sorted(rows)))


def _conformance(summary: ValidationSummary | None) -> Iterator[str | Grid]:
    """Yield what the rules found in the package, each cause with its explanation; notices are left out."""
    if summary is None:
        yield TO_WRITE
        return
    found: Counter[tuple[str, ...]] = Counter()
    for one in summary.clusters:
        if one.rule.severity != Severity.NOTICE:
            said = summary.explanation(one) or TO_WRITE
            found[one.rule.severity, one.rule.id, one.dataset, one.message, said] += one.count
    run = summary.statuses().get(Status.RUN, 0)
    left = sum(count for key, count in found.items() if key[-1] == TO_WRITE)
    yield (
        f"{run:,} rules were run, by {summary.package.standards.said_by}. "
        f"They found {found.total():,} errors and warnings, of which {left:,} have no explanation yet."
    )
    rows = ((*key[:3], f"{count:,}", *key[3:]) for key, count in sorted(found.items()))
    yield Grid(("Severity", "Rule", "Where", "Count", "What", "Explanation"), tuple(rows))


def _unresolved(facts: Facts) -> Grid:
    found: dict[tuple[str, str, str, str], int] = defaultdict(int)
    sentences: dict[tuple[str, str, str, str], str] = {}
    for one in facts.findings:
        if one["severity"] != "notice":
            key = (one["severity"], one["rule"], one["domain"], one["variable"])
            found[key] += one["count"]
            sentences.setdefault(key, one["message"])
    rows = (
        (severity, rule, ".".join(filter(None, (domain, variable))), f"{count:,}", sentences[key], said)
        for key, count in sorted(found.items())
        for severity, rule, domain, variable in (key,)
        for said in (
            _said(facts.dispositions, Cause(rule, domain, (variable,) if variable else (), count=count)),
        )
    )
    return Grid(("Severity", "Rule", "Where", "Count", "What", "Explanation"), tuple(rows))


def _said(dispositions: Dispositions, cause: Cause) -> str:
    found = dispositions.explanation(cause)
    return found.said() if found else TO_WRITE


def _origin(facts: Facts) -> Iterator[str | Grid]:
    if facts.manifest is None:
        yield f"The datasets came without the record of a run. {TO_WRITE}"
        return
    ledger = facts.manifest.ledger
    counts = ", ".join(f"{count:,} {status}" for status, count in ledger.items())
    software = ", ".join(f"{name} {value}" for name, value in facts.manifest.software.items())
    resources = f"{sum(ledger.values()):,} FHIR resources: {counts}"
    yield f"The datasets were converted from {resources}. Software: {software}."
    yield Grid(("Input", "SHA-256"), tuple((one.name, one.sha256) for one in facts.manifest.inputs))


def _mapping(facts: Facts) -> Iterator[str | Grid]:
    """Yield which variables of each dataset came about in which way, and where the whole mapping stands."""
    if not facts.feeds:
        return
    yield (
        "The annotated mapping, mapping.html and mapping.xlsx, says for each variable which element of which "
        "FHIR resource feeds it, by what rule and in how many records, with the codes and units of the study."
    )
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for feed in facts.feeds:
        what = f"{HOW[feed.how]} from {feed.resource}" if feed.resource else HOW[feed.how]
        found[feed.dataset, what][feed.variable] = None
    rows = ((name, what, ", ".join(variables)) for (name, what), variables in found.items())
    yield Grid(("Dataset", "How", "Variables"), tuple(rows))
