"""A validation as JUnit XML: a rule is a test, so that a build server shows it and stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from trialbridge.converters.validation_summary import ValidationSummary
from trialbridge.validation.clusters import Cluster
from trialbridge.validation.outcome import Outcome, Status

_MOST_LINES = 20
_BAD = {code: None for code in range(32) if code not in {9, 10, 13}}


def write_validation_junit(summary: ValidationSummary, path: Path) -> None:
    """Write the file: a suite a group of rules, a failure a rule with findings that nobody has explained."""
    causes: dict[str, list[Cluster]] = {}
    for cluster in filter(summary.weighs, summary.clusters):
        causes.setdefault(cluster.rule.id, []).append(cluster)
    groups: dict[str, list[Outcome]] = {}
    for outcome in summary.validation.outcomes:
        groups.setdefault(outcome.rule.group, []).append(outcome)
    root = etree.Element("testsuites", name="trialbridge validate")
    for name, outcomes in groups.items():
        suite = etree.SubElement(root, "testsuite", name=name, tests=str(len(outcomes)))
        for outcome in outcomes:
            _case(suite, outcome, causes.get(outcome.rule.id, ()))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    path.write_bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _case(suite: etree._Element, outcome: Outcome, causes: Sequence[Cluster]) -> None:
    rule = outcome.rule
    case = etree.SubElement(suite, "testcase", name=f"{rule.id}: {rule.message}", classname=rule.group)
    if outcome.status != Status.RUN:
        etree.SubElement(case, "skipped", message=f"{outcome.status.value}: {outcome.reason}")
    elif causes:
        found = sum(one.count for one in causes)
        failure = etree.SubElement(case, "failure", message=f"{found} findings", type=rule.severity.value)
        lines = [f"{one.dataset}: {one.message} ({one.count})" for one in causes[:_MOST_LINES]]
        failure.text = "\n".join(lines).translate(_BAD)
