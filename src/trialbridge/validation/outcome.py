"""What became of a rule: whether it was run, and what it hit. Every executor says it in this form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pyarrow as pa

from trialbridge.findings import Severity
from trialbridge.validation.frame import Frame, Mask, Rows


class Status(StrEnum):
    """Whether a rule was run."""

    RUN = "run"
    NOT_APPLICABLE = "not applicable"
    NOT_CHECKED = "not checked"
    NOT_SUPPORTED = "not supported"


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What is to be said of a rule, whoever wrote it and whatever executes it.

    Attributes:
        id: Its name, the same for ever.
        message: What is wrong, in one line.
        severity: How much it matters.
        group: Such as ``Dates and study days``.
        cites: Ids of CDISC (CG0006, CORE-000123), FDA and PMDA (SD0038, FDAB034, eCTD 1734).
        why: Why it matters.
        fix: What to do.
        origin: ``trialbridge`` or ``CDISC CORE``.
    """

    id: str
    message: str
    severity: Severity = Severity.ERROR
    group: str = ""
    cites: tuple[str, ...] = ()
    why: str = ""
    fix: str = ""
    origin: str = "trialbridge"


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What one rule found in one dataset, for one reason.

    Attributes:
        dataset: The domain, or the file where there is no domain.
        variables: The variables whose values are shown.
        rows: The rows of the domain; none where the dataset, a variable or a file is meant.
        message: What is wrong here, where it is more than the rule's message.
        value: The value in question, where no row shows it.
        cause: The variables whose values tell one root cause from another.
        place: A line and XPath of define.xml, or a byte of a file.
        source: The file, where it is not the dataset's own.
        count: How many there are, where no rows are given.
        beside: What else is shown of each row, by name: values of joined datasets, and what a rule computes.
    """

    dataset: str
    variables: tuple[str, ...] = ()
    rows: Rows | None = None
    message: str = ""
    value: str = ""
    cause: tuple[str, ...] = ()
    place: str = ""
    source: str = ""
    count: int = 1
    beside: Mapping[str, pa.Array] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """How many findings these are."""
        return self.count if self.rows is None else len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: The rule.
        status: Whether it was run.
        reason: Why it was not; empty where it was.
        hits: What it found.
        datasets: What it was run on.
    """

    rule: RuleFacts
    status: Status
    reason: str = ""
    hits: Sequence[Hits] = ()
    datasets: Sequence[str] = ()

    @property
    def found(self) -> int:
        """How many findings there are."""
        return sum(one.found for one in self.hits)


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What became of every rule, with what the rules looked at.

    Attributes:
        outcomes: One a rule.
        frames: Domain -> its rows, for values and keys.
        seconds: Short name of a step -> how long it took.
    """

    outcomes: Sequence[Outcome]
    frames: Mapping[str, Frame] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def hits(self) -> list[tuple[RuleFacts, Hits]]:
        """Return everything that was found, each with its rule."""
        return [(outcome.rule, one) for outcome in self.outcomes for one in outcome.hits]


def hits_of(
    frame: Frame, mask: Mask, variables: Sequence[str], message: str = "", cause: Sequence[str] = ()
) -> list[Hits]:
    """Return the hits in the rows of a mask; none where no row is in it.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> ae = frame_of("AE", [{"AETERM": "Rash"}, {"AETERM": None}])
        >>> [(one.variables, one.rows.tolist()) for one in hits_of(ae, ~ae.filled("AETERM"), ["--TERM"])]
        [(('AETERM',), [1])]
    """
    rows = np.flatnonzero(mask)
    if not len(rows):
        return []
    shown = tuple(dict.fromkeys(map(frame.resolve, variables)))
    return [Hits(frame.name, shown, rows, message, cause=tuple(map(frame.resolve, cause)))]
