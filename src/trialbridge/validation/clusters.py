"""Findings by root cause: one wrong unit is one thing to repair, however many records have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trialbridge.findings import Severity
from trialbridge.validation.frame import Frame, Rows
from trialbridge.validation.outcome import Hits, RuleFacts, Validation

_ORDER = {severity: place for place, severity in enumerate(Severity)}
_MOST_CAUSES = 200
"""Beyond this many distinct values a variable is no cause but the data itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Findings of one rule in one dataset that have one cause.

    Attributes:
        rule: The rule.
        dataset: The domain, or the file.
        message: What is wrong, in one line, in the dataset's own names.
        cause: Variable -> the value that all the findings share.
        hits: The findings, of which these rows are part.
        rows: The rows of the domain; none where no record is meant.
        count: How many findings these are.
    """

    rule: RuleFacts
    dataset: str
    message: str
    cause: Mapping[str, str]
    hits: Hits
    rows: Rows | None
    count: int


def clusters_of(validation: Validation) -> list[Cluster]:
    """Return all findings by their cause, the gravest and most frequent first.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> from trialbridge.validation.rule import rules
        >>> from trialbridge.validation.run import run_rules
        >>> rows = [{"AETERM": "Rash", "AEENDTC": "2020-01-01", "AESTDTC": "2020-01-05"}] * 3
        >>> chosen = [rule for rule in rules() if rule.facts.id == "start-after-end"]
        >>> [(one.message, one.count) for one in clusters_of(run_rules(package_of({"AE": rows}), chosen))]
        [('AESTDTC is after AEENDTC', 3)]
    """
    found = [
        cluster for rule, hits in validation.hits() for cluster in _clusters(rule, hits, validation.frames)
    ]
    return sorted(found, key=lambda one: (_ORDER[one.rule.severity], -one.count, one.rule.id, one.dataset))


def _clusters(rule: RuleFacts, hits: Hits, frames: Mapping[str, Frame]) -> Iterator[Cluster]:
    frame = frames.get(hits.dataset)
    message = message_of(rule, hits, frame)
    if hits.rows is None or frame is None:
        shared = {hits.variables[0]: hits.value} if hits.variables and hits.value else {}
        yield Cluster(rule, hits.dataset, message, shared, hits, None, hits.count)
        return
    for cause, rows in _by_cause(frame, hits.rows, _causes(hits, frame)):
        yield Cluster(rule, hits.dataset, message, cause, hits, rows, len(rows))


def message_of(rule: RuleFacts, hits: Hits, frame: Frame | None) -> str:
    """Return what is wrong, in the names that the dataset's variables have."""
    text = rule.message.replace("--", frame.code) if frame is not None and frame.code else rule.message
    more = hits.message or hits.value
    return f"{text}: {more}" if more else text


def _causes(hits: Hits, frame: Frame) -> Sequence[str]:
    """Return the variables that tell causes apart: those of the rule, else the test."""
    if hits.cause:
        return [name for name in hits.cause if frame.has(name)]
    return [name for name in ("--TESTCD", "QNAM") if frame.has(name)]


def _by_cause(frame: Frame, rows: Rows, names: Sequence[str]) -> Iterator[tuple[Mapping[str, str], Rows]]:
    if not names:
        yield {}, rows
        return
    groups = frame.groups(names)[rows]
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if len(starts) > _MOST_CAUSES:
        yield {}, rows
        return
    for chosen in np.split(rows[order], starts[1:]):
        resolved = map(frame.resolve, names)
        yield {name: frame.value(name, int(chosen[0])) for name in resolved}, chosen
