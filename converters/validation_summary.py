"""What a validation found, in numbers and by cause: what all reports are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from trialbridge.converters.compare_validation import Compared, compare_validation
from trialbridge.converters.read_other_report import OtherReport
from trialbridge.converters.record_sources import no_resources
from trialbridge.converters.validation_since import Since
from trialbridge.dispositions import NO_DISPOSITIONS, Cause, Disposition, Dispositions
from trialbridge.findings import Severity
from trialbridge.validation.clusters import Cluster, clusters_of
from trialbridge.validation.details import Detail, Resources, details_of
from trialbridge.validation.outcome import Outcome, Status, Validation
from trialbridge.validation.package import Package

CLEAN, FINDINGS = 0, 1
_GATE = "eCTD-"
"""The start of the ids of technical rejection criteria: no explanation helps a submission that is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSummary:
    """A validation with what its reports are made of.

    Attributes:
        package: What was validated.
        validation: What became of every rule.
        clusters: The findings by cause, the gravest first.
        sources: What the user gave.
        resources: Finds the FHIR resource of a record, where the package is one of ours.
        dispositions: What people have said of findings.
        since: What an earlier run found.
        other: The report of another validator.
    """

    package: Package
    validation: Validation
    clusters: Sequence[Cluster]
    sources: Sequence[Path] = ()
    resources: Resources = field(default=no_resources)
    dispositions: Dispositions = NO_DISPOSITIONS
    since: Since | None = None
    other: OtherReport | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings there are of each severity, explained or not."""
        return _counted(self.clusters)

    @property
    def explained(self) -> Mapping[str, int]:
        """How many of them are explained."""
        return _counted([one for one in self.clusters if self.disposition(one)])

    def disposition(self, cluster: Cluster) -> Disposition | None:
        """Return what explains a cause."""
        return self.dispositions.explanation(cluster.of)

    def explanation(self, cluster: Cluster) -> str:
        """Return the explanation of a cause, with who gave it; empty where there is none."""
        found = self.disposition(cluster)
        return found.said() if found else ""

    def change(self, cluster: Cluster) -> str:
        """Return what became of a cause since the earlier run; empty where there is none."""
        return self.since.change(cluster.id, cluster.count).value if self.since else ""

    def unused(self) -> list[Disposition]:
        """Return the dispositions that speak of nothing that was found, of rules that were run."""
        causes: dict[str, list[Cause]] = {
            one.rule.id: [] for one in self.validation.outcomes if one.status == Status.RUN
        }
        for cluster in self.clusters:
            causes.setdefault(cluster.rule.id, []).append(cluster.of)
        return [
            one
            for one in self.dispositions.made
            if one.rule in causes and not any(map(one.is_about, causes[one.rule]))
        ]

    @property
    def exit_code(self) -> int:
        """0 where nothing but notices and what is explained was found, else 1."""
        return FINDINGS if any(map(self.weighs, self.clusters)) else CLEAN

    def weighs(self, cluster: Cluster) -> bool:
        """Return whether a cause is an error or a warning that nobody has explained, or of the gate."""
        rule = cluster.rule
        if rule.severity == Severity.NOTICE:
            return False
        return any(one.startswith(_GATE) for one in rule.cites) or self.disposition(cluster) is None

    def details(self, most: int | None = None) -> Iterator[Detail]:
        """Yield the findings one by one, at most `most` of a cluster."""
        return details_of(self.validation, self.clusters, self.resources, most)

    def compared(self) -> list[Compared]:
        """Return how the rules of another report stand to what was found; nothing without one."""
        return compare_validation(self.validation, self.other) if self.other else []

    def statuses(self) -> Mapping[str, int]:
        """Return how many rules there are of each status."""
        return Counter(outcome.status.value for outcome in self.validation.outcomes)


def _counted(clusters: Iterable[Cluster]) -> Mapping[str, int]:
    found: Counter[str] = Counter({severity.value: 0 for severity in Severity})
    for cluster in clusters:
        found[cluster.rule.severity.value] += cluster.count
    return found


def summarise_validation(
    package: Package,
    validation: Validation,
    sources: Sequence[Path] = (),
    resources: Resources = no_resources,
    dispositions: Dispositions = NO_DISPOSITIONS,
    since: Since | None = None,
) -> ValidationSummary:
    """Return a validation with its findings gathered by cause."""
    clusters = clusters_of(validation)
    return ValidationSummary(package, validation, clusters, sources, resources, dispositions, since)


def to_json(summary: ValidationSummary, *, findings: bool = False) -> bytes:
    """Return the summary as JSON; with `findings`, every one of them.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> from trialbridge.validation.outcome import Validation
        >>> msgspec.json.decode(to_json(summarise_validation(package_of({}), Validation([]))))["exit_code"]
        0
    """
    document = as_document(summary)
    if findings:
        document["findings"] = list(summary.details())
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def as_document(summary: ValidationSummary) -> dict[str, Any]:
    """Return the summary as plain data, without the findings one by one."""
    return {
        "sources": [str(source) for source in summary.sources],
        "standards": summary.package.standards.said_by,
        "sdtmig": summary.package.standards.ig,
        "terminology": summary.package.standards.ct,
        "exit_code": summary.exit_code,
        "counts": dict(summary.counts),
        "explained": dict(summary.explained),
        **_dispositions(summary),
        **_since(summary),
        **({"compared": summary.compared()} if summary.other else {}),
        "rules_by_status": dict(summary.statuses()),
        "datasets": list(_datasets(summary.package)),
        "clusters": [cluster_document(one, summary) for one in summary.clusters],
        "rules": [rule_document(one) for one in summary.validation.outcomes],
    }


def _datasets(package: Package) -> Iterator[dict[str, Any]]:
    for frame in package.frames.values():
        for part in frame.parts:
            yield {
                "name": part.dataset.name,
                "domain": frame.name,
                "label": part.dataset.label,
                "class": frame.observation_class,
                "records": part.dataset.table.num_rows,
                "file": part.file.path.name,
                "format": part.file.format,
            }


def _dispositions(summary: ValidationSummary) -> dict[str, Any]:
    source = summary.dispositions.source
    if source is None:
        return {}
    unused = [{"rule": one.rule, "dataset": one.dataset} for one in summary.unused()]
    return {"dispositions": {"source": str(source), "unused": unused}}


def _since(summary: ValidationSummary) -> dict[str, Any]:
    if summary.since is None:
        return {}
    gone = summary.since.gone(summary.clusters, summary.validation)
    return {"since": {"source": summary.since.source, "gone": gone}}


def cluster_document(cluster: Cluster, summary: ValidationSummary) -> dict[str, Any]:
    """Return a cluster as plain data."""
    said = summary.disposition(cluster)
    return {
        "id": cluster.id,
        "rule": cluster.rule.id,
        "severity": cluster.rule.severity.value,
        "dataset": cluster.dataset,
        "message": cluster.message,
        "cause": dict(cluster.cause),
        "count": cluster.count,
        "group": cluster.rule.group,
        "cites": list(cluster.rule.cites),
        "why": cluster.rule.why,
        "fix": cluster.rule.fix,
        "place": cluster.hits[0].place,
        "source": cluster.hits[0].source,
        "variables": list(cluster.variables),
        "explanation": said.explanation if said else "",
        "who": said.who if said else "",
        "when": said.when if said else "",
        "change": summary.change(cluster),
    }


def rule_document(outcome: Outcome) -> dict[str, Any]:
    """Return what became of a rule as plain data."""
    rule = outcome.rule
    return {
        "id": rule.id,
        "message": rule.message,
        "severity": rule.severity.value,
        "group": rule.group,
        "cites": list(rule.cites),
        "origin": rule.origin,
        "status": outcome.status.value,
        "reason": outcome.reason,
        "found": outcome.found,
        "datasets": list(outcome.datasets),
    }
