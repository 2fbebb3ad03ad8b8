"""What a validation found, in numbers and by cause: for the terminal, for JSON, and for the reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trialbridge.converters.record_sources import no_resources
from trialbridge.findings import Severity
from trialbridge.validation.clusters import Cluster, clusters_of
from trialbridge.validation.details import Detail, Resources, details_of
from trialbridge.validation.outcome import Outcome, Status, Validation
from trialbridge.validation.package import Package
from trialbridge.validation.run import reasons

CLEAN, FINDINGS = 0, 1
_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "dim"}
_MOST_ROWS = 40
_EXAMPLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSummary:
    """A validation with what its reports are made of.

    Attributes:
        package: What was validated.
        validation: What became of every rule.
        clusters: The findings by cause, the gravest first.
        sources: What the user gave.
        resources: Finds the FHIR resource of a record, where the package is one of ours.
    """

    package: Package
    validation: Validation
    clusters: Sequence[Cluster]
    sources: Sequence[Path] = ()
    resources: Resources = field(default=no_resources)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings there are of each severity."""
        found: Counter[str] = Counter({severity.value: 0 for severity in Severity})
        for cluster in self.clusters:
            found[cluster.rule.severity.value] += cluster.count
        return found

    @property
    def exit_code(self) -> int:
        """0 where nothing or only notices were found, else 1."""
        return FINDINGS if any(one.rule.severity != Severity.NOTICE for one in self.clusters) else CLEAN

    def details(self, most: int | None = None) -> Iterator[Detail]:
        """Yield the findings one by one, at most `most` of a cluster."""
        return details_of(self.validation, self.clusters, self.resources, most)

    def statuses(self) -> Mapping[str, int]:
        """Return how many rules there are of each status."""
        return Counter(outcome.status.value for outcome in self.validation.outcomes)


def summarise_validation(
    package: Package,
    validation: Validation,
    sources: Sequence[Path] = (),
    resources: Resources = no_resources,
) -> ValidationSummary:
    """Return a validation with its findings gathered by cause."""
    return ValidationSummary(package, validation, clusters_of(validation), sources, resources)


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
        "rules_by_status": dict(summary.statuses()),
        "seconds": {name: round(value, 3) for name, value in summary.validation.seconds.items()},
        "datasets": list(_datasets(summary.package)),
        "clusters": [cluster_document(one) for one in summary.clusters],
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


def cluster_document(cluster: Cluster) -> dict[str, Any]:
    """Return a cluster as plain data."""
    return {
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


def show_validation(summary: ValidationSummary, console: Console) -> None:
    """Print what was found, one line for a rule and a dataset, and what could not be checked and why."""
    console.print(summary.package.standards.said_by, soft_wrap=True, style="dim")
    issues = list(_issues(summary.clusters))
    if issues:
        console.print(_table(issues[:_MOST_ROWS]))
    if len(issues) > _MOST_ROWS:
        console.print(f"and {len(issues) - _MOST_ROWS} more: --report FILE.html lists all", style="dim")
    counts, statuses = summary.counts, summary.statuses()
    said = ", ".join(f"{counts[severity.value]:,} {severity.value}s" for severity in Severity)
    console.print(
        f"{said} of {len(summary.clusters):,} causes; {statuses.get(Status.RUN.value, 0)} rules run"
    )
    for reason, names in reasons(summary.validation.outcomes):
        console.print(f"not checked: {len(names)} rules: {reason}", soft_wrap=True, style="dim")


def _issues(clusters: Sequence[Cluster]) -> Iterator[list[Cluster]]:
    """Yield the causes of each rule in each dataset, in the order of the gravest and most frequent."""
    found: dict[tuple[str, str], list[Cluster]] = {}
    for one in clusters:
        found.setdefault((one.rule.id, one.dataset), []).append(one)
    order = [*Severity]
    yield from sorted(
        found.values(),
        key=lambda group: (order.index(group[0].rule.severity), -sum(one.count for one in group)),
    )


def _table(issues: Sequence[list[Cluster]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in (("", 7), ("found", 8), ("in", 8), ("what", None)):
        table.add_column(
            name, justify="right" if name == "found" else "left", min_width=width, overflow="fold"
        )
    for group in issues:
        rule = group[0].rule
        found = sum(one.count for one in group)
        severity = Text(rule.severity.value, style=_COLOURS[rule.severity])
        table.add_row(severity, f"{found:,}", group[0].dataset, _what(group))
    return table


def _what(group: Sequence[Cluster]) -> Text:
    """Return what is wrong, with the most frequent causes and the ids that people know."""
    rule = group[0].rule
    text = Text(group[0].message)
    named = [one for one in group if any(one.cause.values())]
    causes = [f"{' '.join(one.cause.values())} {one.count:,}" for one in named[:_EXAMPLES]]
    if causes:
        more = f", {len(named) - _EXAMPLES} more" if len(named) > _EXAMPLES else ""
        text.append(f" ({'/'.join(named[0].cause)}: {', '.join(causes)}{more})")
    text.append(f"  {rule.id}", style="cyan")
    if rule.cites:
        text.append(" " + " ".join(rule.cites[:_EXAMPLES]), style="dim")
    return text
