"""The planned visits as arrays, and whose window holds a day: never the nearest, only the one that does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat
from trialbridge.context import Context
from trialbridge.converters.derive_columns import reference_times, texts
from trialbridge.design import Design, overlaps, windows
from trialbridge.findings import Finding, Severity
from trialbridge.timing import Mask, Numbers, Precision, Times

NONE = -1
SEVERAL = -2


@dataclass(frozen=True)
class PlannedVisits:
    """The visits that are planned for one domain, a row for each visit and arm.

    Attributes:
        number: VISITNUM.
        name: VISIT.
        day: VISITDY, null where there is none.
        arm: ARMCD; null for every arm.
        first: First day of the window, as days from the reference date.
        last: Its last day; before the first where the visit has no window.
    """

    number: np.ndarray
    name: pa.Array
    day: pa.Array
    arm: pa.Array
    first: Numbers
    last: Numbers

    def __len__(self) -> int:
        return len(self.number)

    def each(self, arms: pa.Array) -> Iterator[tuple[int, Mask]]:
        """Yield the row of each visit, and for which of the `arms` it is planned."""
        for row in range(len(self)):
            arm = self.arm[row]
            planned = np.ones(len(arms), bool)
            if arm.is_valid:
                planned = pc.fill_null(pc.equal(arms, arm), False).to_numpy(zero_copy_only=False)  # noqa: FBT003
            yield row, planned

    def holding(self, days: Numbers, known: Mask, arms: pa.Array) -> Numbers:
        """Return the row of the one visit whose window holds each day; `NONE`, or `SEVERAL` of other numbers.

        Args:
            days: Days from the reference date.
            known: Which of them are known.
            arms: The arm of each day's subject.

        Example:
            >>> from trialbridge.design import VISITS
            >>> days = {"EARLY": -4, "LATE": 3}
            >>> rows = [{"VISITNUM": n, "VISIT": f"V{n}", "VISITDY": 7 * n, **days} for n in (1, 2)]
            >>> visits = planned_visits(Design(visits=pa.Table.from_pylist(rows, VISITS)))
            >>> visits.holding(np.array([5, 9, 30]), np.ones(3, bool), pa.nulls(3, pa.string())).tolist()
            [0, -2, -1]
        """
        found = np.full(len(days), NONE)
        for row, planned in self.each(arms):
            inside = known & planned & (days >= self.first[row]) & (days <= self.last[row])
            other = (found >= 0) & (self.number[np.maximum(found, 0)] != self.number[row])
            found = np.where(inside & (found == NONE), row, np.where(inside & other, SEVERAL, found))
        return found


def planned_visits(design: Design, domain: str = "") -> PlannedVisits:
    """Return the visits of a design, only those that `domain` is collected at where one is named."""
    visits = design.visits
    if domain:
        collected = visits["COLLECTED"].to_pylist()
        visits = visits.filter(pa.array([not some or domain in some for some in collected], pa.bool_()))
    first, last = windows(visits)
    number = visits["VISITNUM"].to_numpy(zero_copy_only=False)
    name, day, arm = (flat(visits[column]) for column in ("VISIT", "VISITDY", "ARMCD"))
    return PlannedVisits(number, name, day, arm, first, last)


def overlap_findings(design: Design) -> list[Finding]:
    """Return a finding for each pair of visits whose windows share a day: what lies there has no visit."""
    return [
        Finding(
            Severity.WARNING,
            "visit-windows-overlap",
            f"The windows of {one} and {other} share study day {day}: what lies in both has no visit",
            "TV",
            "VISITNUM",
            value=f"{one}, {other}",
        )
        for one, other, day in overlaps(design.visits)
    ]


def elapsed_days(table: pa.Table, times: Times, context: Context) -> tuple[Numbers, Mask]:
    """Return the days from RFSTDTC to the date of each row, by the dates as written, and which are known."""
    reference = reference_times(table, context, "RFSTDTC")
    known = np.minimum(times.precision, reference.precision) >= Precision.DAY
    return times.day - reference.day, known


def arms_of(table: pa.Table, context: Context) -> pa.Array:
    """Return the planned arm of the subject of each row."""
    rows = pc.index_in(texts(table, "USUBJID"), flat(context.reference["USUBJID"]))
    return texts(context.reference, "ARMCD").take(rows)
