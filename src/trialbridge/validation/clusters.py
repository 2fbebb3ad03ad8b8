"""Findings by root cause: one wrong unit is one thing to repair, however many records have it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trialbridge.dispositions import Cause
from trialbridge.findings import Severity
from trialbridge.validation.frame import Frame, Rows
from trialbridge.validation.outcome import Hits, Outcome, RuleFacts, Validation

_ORDER = {severity: place for place, severity in enumerate(Severity)}
_MOST_DATASETS = 3
"""Beyond this many datasets with one finding each, the files have it in common."""
_MOST_CAUSES = 200
"""Beyond this many distinct values a variable is no cause but the data itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Findings of one rule that have one cause.

    Attributes:
        rule: The rule.
        dataset: The domain, or the file; how many, where several have the same cause.
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
    hits: tuple[Hits, ...]
    rows: Rows | None
    count: int

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that the findings are about."""
        return tuple(dict.fromkeys(name for one in self.hits for name in one.variables))

    @property
    def of(self) -> Cause:
        """The cause as dispositions speak of it."""
        alone = len({one.dataset for one in self.hits}) == 1
        dataset = self.dataset if alone else ""
        return Cause(self.rule.id, dataset, self.variables, self.cause, self.count)

    @property
    def id(self) -> str:
        """The name of the cause, the same in every run, however many findings it has.

        Records are told apart by their variables and shared values; what means no record, by the dataset.
        """
        cause = self.of
        parts: list[object] = [cause.rule, cause.dataset]
        if self.rows is not None:
            parts += [sorted(cause.variables), sorted(cause.values.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


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
        cluster for outcome in validation.outcomes for cluster in _of_outcome(outcome, validation.frames)
    ]
    return sorted(found, key=lambda one: (_ORDER[one.rule.severity], -one.count, one.rule.id, one.dataset))


def _of_outcome(outcome: Outcome, frames: Mapping[str, Frame]) -> Iterator[Cluster]:
    """Yield the causes of one rule: by values where rows are meant, else by dataset."""
    rule, loose = outcome.rule, dict[str, list[Hits]]()
    for hits in outcome.hits:
        frame = frames.get(hits.dataset)
        if hits.rows is None or frame is None:
            loose.setdefault(hits.dataset, []).append(hits)
            continue
        message = message_of(rule, hits, frame)
        for cause, rows in _by_cause(frame, hits.rows, _causes(hits, frame)):
            yield Cluster(rule, hits.dataset, message, cause, (hits,), rows, len(rows))
    if len(loose) > _MOST_DATASETS and all(len(group) == 1 for group in loose.values()):
        together = [one for group in loose.values() for one in group]
        yield _loose(rule, f"{len(loose)} datasets", together, frames)
        return
    for dataset, group in loose.items():
        yield _loose(rule, dataset, group, frames)


def _loose(rule: RuleFacts, dataset: str, hits: Sequence[Hits], frames: Mapping[str, Frame]) -> Cluster:
    """Return the cluster of findings that mean no record."""
    first = hits[0]
    message = message_of(rule, first, frames.get(first.dataset))
    more = f" (and {len(hits) - 1} more)" if len(hits) > 1 else ""
    shared = {one.value for one in hits}
    cause = {first.variables[0]: first.value} if first.variables and first.value and len(shared) == 1 else {}
    return Cluster(rule, dataset, message + more, cause, tuple(hits), None, sum(one.count for one in hits))


def message_of(rule: RuleFacts, hits: Hits, frame: Frame | None) -> str:
    """Return what is wrong, in the names that the dataset's variables have."""
    text = rule.message.replace("--", frame.code) if frame is not None and frame.code else rule.message
    more = hits.message or hits.value
    said = more in text.replace(":", " ").split()
    return text if said or not more else f"{text}: {more}"


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
