"""A validation against the report of another validator, rule by rule and record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from trialbridge.converters.read_other_report import OtherReport, Place
from trialbridge.validation.frame import Frame
from trialbridge.validation.outcome import Hits, Outcome, Status, Validation


class Standing(StrEnum):
    """How the two stand to each other on a rule."""

    BOTH = "found by both"
    THEIRS = "found there alone"
    OURS = "found here alone"
    NEITHER = "found by neither"
    NOT_CHECKED = "not checked here"
    NONE = "no rule here"


class Compared(msgspec.Struct, frozen=True):
    """One rule of the other report.

    Attributes:
        rule: Its id there.
        message: Its message there.
        standing: How the two stand to each other.
        listed: How many findings the report lists.
        common: How many records it lists that are found here, too.
        missing: How many records it lists that are not.
        found: How many findings there are here.
        reason: Why it was not checked here.
        ours: Our rules that cite it.
    """

    rule: str
    message: str
    standing: Standing
    listed: int
    common: int
    missing: int
    found: int
    reason: str
    ours: tuple[str, ...]


def compare_validation(validation: Validation, other: OtherReport) -> list[Compared]:
    """Return how a validation stands to each rule of another report."""
    citing: dict[str, list[Outcome]] = {}
    for outcome in validation.outcomes:
        for one in (outcome.rule.id, *outcome.rule.cites):
            citing.setdefault(one, []).append(outcome)
    return [
        _compared(rule, message, citing.get(rule, []), other.listed.get(rule, ()), validation)
        for rule, message in other.rules.items()
    ]


def _compared(
    rule: str, message: str, outcomes: Sequence[Outcome], listed: Sequence[Place], validation: Validation
) -> Compared:
    ours = {place for outcome in outcomes for hits in outcome.hits for place in _places(hits, validation)}
    theirs = {place for place in listed if place[1]}
    found = sum(outcome.found for outcome in outcomes)
    run = any(outcome.status in {Status.RUN, Status.NOT_APPLICABLE} for outcome in outcomes)
    reason = "" if run else "; ".join(dict.fromkeys(outcome.reason for outcome in outcomes))
    return Compared(
        rule,
        message,
        _standing(bool(outcomes), run, bool(listed), bool(found)),
        len(listed),
        len(theirs & ours),
        len(theirs - ours),
        found,
        reason,
        tuple(outcome.rule.id for outcome in outcomes),
    )


def _standing(cited: bool, run: bool, there: bool, here: bool) -> Standing:  # noqa: FBT001 -- four facts
    if not cited or not run:
        return Standing.NOT_CHECKED if cited else Standing.NONE
    return {
        (True, True): Standing.BOTH,
        (True, False): Standing.THEIRS,
        (False, True): Standing.OURS,
        (False, False): Standing.NEITHER,
    }[there, here]


def _places(hits: Hits, validation: Validation) -> Iterator[Place]:
    """Yield dataset and record of what was found, as the files count them."""
    frame = validation.frames.get(hits.dataset)
    if hits.rows is None or frame is None:
        return
    starts = np.array([part.start for part in frame.parts])
    parts = np.searchsorted(starts, hits.rows, side="right") - 1
    for part, row in zip(parts.tolist(), hits.rows.tolist(), strict=True):
        yield _name(frame, part), row - int(starts[part]) + 1


def _name(frame: Frame, part: int) -> str:
    return frame.parts[part].dataset.name


_SHOWN = (Standing.BOTH, Standing.THEIRS, Standing.OURS)


def show_comparison(compared: Sequence[Compared], other: OtherReport, console: Console) -> None:
    """Print the rules of which one of the two has found something, and how many there are of each kind."""
    table = Table(title=other.source, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for name in ("rule", "there", "in common", "missing", "here", "", "what"):
        right = name in {"there", "in common", "missing", "here"}
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for one in sorted(compared, key=lambda one: [*Standing].index(one.standing)):
        if one.standing in _SHOWN or one.listed:
            counts = (f"{count:,}" for count in (one.listed, one.common, one.missing, one.found))
            said = f"{one.message} ({one.reason})" if one.reason else one.message
            table.add_row(one.rule, *counts, one.standing.value, said)
    console.print(table)
    totals = Counter(one.standing for one in compared)
    console.print(", ".join(f"{totals[one]} {one.value}" for one in Standing if totals[one]), soft_wrap=True)
