"""A validation as SARIF 2.1.0, one result a cause, for what collects the findings of many tools."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from trialbridge.converters.validation_since import Change
from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.findings import Severity
from trialbridge.validation.clusters import Cluster
from trialbridge.validation.outcome import RuleFacts

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
_BASELINE = {Change.NEW: "new", Change.CHANGED: "updated", Change.UNCHANGED: "unchanged"}
_LINE = re.compile(r"line (\d+)")


def write_validation_sarif(summary: ValidationSummary, path: Path) -> None:
    """Write the file."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(as_sarif(summary)), indent=1) + b"\n")


def as_sarif(summary: ValidationSummary) -> dict[str, Any]:
    """Return the SARIF log of a validation.

    Example:
        >>> from trialbridge.converters.validation_summary import summarise_validation
        >>> from trialbridge.validation.example import package_of
        >>> from trialbridge.validation.outcome import Validation
        >>> as_sarif(summarise_validation(package_of({}), Validation([])))["version"]
        '2.1.0'
    """
    rules = {one.rule.id: place for place, one in enumerate(summary.validation.outcomes)}
    driver = {
        "name": "trialbridge",
        "version": version("trialbridge"),
        "rules": [_rule(one.rule) for one in summary.validation.outcomes],
    }
    results = [_result(one, rules, summary) for one in summary.clusters]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(rule: RuleFacts) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.message},
        "fullDescription": {"text": rule.why or rule.message},
        "help": {"text": rule.fix or rule.message},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.group, *rule.cites], "origin": rule.origin},
    }


def _result(cluster: Cluster, rules: dict[str, int], summary: ValidationSummary) -> dict[str, Any]:
    return {
        "ruleId": cluster.rule.id,
        "ruleIndex": rules[cluster.rule.id],
        "level": _LEVELS[cluster.rule.severity],
        "message": {"text": cluster.message},
        "occurrenceCount": cluster.count,
        "locations": [_location(cluster, summary)],
        "partialFingerprints": {"cause/v1": cluster.id},
        **_suppressed(cluster, summary),
        **_baseline(cluster, summary),
        "properties": {
            "dataset": cluster.dataset,
            "cause": dict(cluster.cause),
            "variables": cluster.variables,
        },
    }


def _suppressed(cluster: Cluster, summary: ValidationSummary) -> dict[str, Any]:
    """Return the explanation, where there is one: SARIF knows it as a suppression with its justification."""
    said = summary.explanation(cluster)
    return {"suppressions": [{"kind": "external", "justification": said}]} if said else {}


def _baseline(cluster: Cluster, summary: ValidationSummary) -> dict[str, Any]:
    change = summary.change(cluster)
    return {"baselineState": _BASELINE[Change(change)]} if change else {}


def _location(cluster: Cluster, summary: ValidationSummary) -> dict[str, Any]:
    """Return the file, and the line where there is one."""
    first = cluster.hits[0]
    frame = summary.package.frame(first.dataset)
    name = first.source or (frame.parts[0].file.path.name if frame else first.dataset)
    place: dict[str, Any] = {"artifactLocation": {"uri": name}}
    line = _LINE.search(first.place) or _LINE.search(first.message)
    if line:
        place["region"] = {"startLine": int(line[1])}
    return {"physicalLocation": place, "logicalLocations": [{"name": cluster.dataset, "kind": "module"}]}
