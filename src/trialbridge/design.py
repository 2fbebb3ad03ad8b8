"""The plan of a trial in time: its visits, elements and arms, and the sponsor's own rules about them.

A `Design` is data and knows no format. It comes from the sections of a study.toml (`design_settings`), from
the trial design datasets of SDTM (`design_of_datasets`), or from FHIR.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from trialbridge.milestones import is_milestone

TEXTS = pa.list_(pa.string())
VISITS = pa.schema(
    {
        "VISITNUM": pa.float64(),
        "VISIT": pa.string(),
        "VISITDY": pa.float64(),
        "ARMCD": pa.string(),
        "TVSTRL": pa.string(),
        "TVENRL": pa.string(),
        "EARLY": pa.int64(),
        "LATE": pa.int64(),
        "NAMES": TEXTS,
        "COLLECTED": TEXTS,
    }
)
"""TV, a row for each visit and arm (ARMCD null for every arm), and what a window needs.

EARLY and LATE are days before and after VISITDY, both null without a window; NAMES are what else the data may
call the visit; COLLECTED are the domains that the visit is planned for, empty for any."""

ELEMENTS = pa.schema(
    {
        "ETCD": pa.string(),
        "ELEMENT": pa.string(),
        "TESTRL": pa.string(),
        "TEENRL": pa.string(),
        "TEDUR": pa.string(),
        "START": TEXTS,
        "END": TEXTS,
    }
)
"""TE, and its rules as `milestones`: of several the first counts that the subject has; none at END means
that the element lasts until the next one begins."""

ARMS = pa.schema(
    {
        "ARMCD": pa.string(),
        "ARM": pa.string(),
        "TAETORD": pa.float64(),
        "ETCD": pa.string(),
        "ELEMENT": pa.string(),
        "TABRANCH": pa.string(),
        "TATRANS": pa.string(),
        "EPOCH": pa.string(),
    }
)
"""TA: a row for each element of each arm, in order."""

TIMEPOINTS = pa.schema(
    {
        "TPT": pa.string(),
        "TPTNUM": pa.float64(),
        "ELTM": pa.string(),
        "TPTREF": pa.string(),
        "ANCHOR": pa.string(),
    }
)
"""The planned time points by name; ANCHOR is ``first dose`` or ``previous dose``, or null."""

Tie = Literal["treatment", "later"]
Before = Literal["blank", "first"]
SameDay = Literal["exclude", "include"]


@dataclass(frozen=True)
class Design:
    """What is planned when, and by which rules of the sponsor records are put into it.

    Attributes:
        visits: See `VISITS`.
        elements: See `ELEMENTS`.
        arms: See `ARMS`.
        timepoints: See `TIMEPOINTS`.
        tie: Which epoch has the day on which one element ends and the next begins.
        before: The epoch of what lies before the subject's first element: none, or that element's.
        baseline: Domain -> which record --BLFL is on, such as ``visit 3``; see `BASELINE`.
        same_day: Whether for --LOBXFL a result of the day of first exposure is before it, where one of the
            two has no time.

    Example:
        >>> Design().visits.num_rows
        0
    """

    visits: pa.Table = field(default_factory=VISITS.empty_table)
    elements: pa.Table = field(default_factory=ELEMENTS.empty_table)
    arms: pa.Table = field(default_factory=ARMS.empty_table)
    timepoints: pa.Table = field(default_factory=TIMEPOINTS.empty_table)
    tie: Tie = "treatment"
    before: Before = "blank"
    baseline: Mapping[str, str] = field(default_factory=dict)
    same_day: SameDay = "exclude"

    def numbers(self) -> dict[str, str]:
        """Return everything that names a planned visit, in lower case -> its number as text.

        Example:
            >>> visits = pa.Table.from_pylist([{"VISITNUM": 3, "VISIT": "WEEK 2", "NAMES": ["V3"]}], VISITS)
            >>> Design(visits=visits).numbers()
            {'week 2': '3', 'v3': '3'}
        """
        found: dict[str, str] = {}
        for row in self.visits.to_pylist():
            for name in (row["VISIT"], *(row["NAMES"] or ())):
                if name:
                    found.setdefault(name.casefold(), f"{row['VISITNUM']:g}")
        return found

    def with_plan_of(self, other: Design) -> Design:
        """Return this design, with the tables of `other` where this one has none.

        Example:
            >>> Design().with_plan_of(Design(tie="later")).tie
            'treatment'
        """
        names = ("visits", "elements", "arms", "timepoints")
        empty = {name: getattr(other, name) for name in names if not getattr(self, name).num_rows}
        return replace(self, **empty)


PLANS: Mapping[str, pa.Schema] = {
    "visits": VISITS,
    "elements": ELEMENTS,
    "arms": ARMS,
    "timepoints": TIMEPOINTS,
}
"""The tables of a design."""


def rows_of(design: Design) -> dict[str, Any]:
    """Return a design as plain values.

    Example:
        >>> design_of(rows_of(Design(tie="later"))) == Design(tie="later")
        True
    """
    tables = {name: getattr(design, name).to_pylist() for name in PLANS}
    return {**tables, "tie": design.tie, "before": design.before, "baseline": dict(design.baseline)}


def design_of(rows: Mapping[str, Any]) -> Design:
    """Return the design of plain values, see `rows_of`."""
    tables = {name: pa.Table.from_pylist(rows[name], schema) for name, schema in PLANS.items()}
    return Design(**{**rows, **tables})


BASELINE = ("visit N", "last before first dose", "last on or before day of first dose")
"""The rules there are for --BLFL; N is the number of a planned visit."""


def elapsed(day: float) -> int:
    """Return the days from the reference date to a study day: there is no day 0.

    Example:
        >>> elapsed(-1), elapsed(1), elapsed(14)
        (-1, 0, 13)
    """
    return int(day) - (day > 0)


def study_day_of(days: int) -> int:
    """Return the study day that is so many days from the reference date.

    Example:
        >>> study_day_of(-1), study_day_of(0)
        (-1, 1)
    """
    return days + (days >= 0)


def windows(visits: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last day of each visit's window, as days from the reference date.

    Where a visit has no window the first day is after the last.

    Example:
        >>> row = {"VISITNUM": 2, "VISIT": "DAY 2", "VISITDY": 2, "EARLY": -3, "LATE": 1}
        >>> windows(pa.Table.from_pylist([row], VISITS))
        (array([-2]), array([2]))
    """
    spans = [
        (elapsed(row["VISITDY"]) + row["EARLY"], elapsed(row["VISITDY"]) + row["LATE"])
        if None not in (row["VISITDY"], row["EARLY"], row["LATE"])
        else (1, 0)
        for row in visits.to_pylist()
    ]
    first, last = np.array(spans, np.int64).reshape(-1, 2).T
    return first, last


def overlaps(visits: pa.Table) -> Iterator[tuple[str, str, int]]:
    """Yield each pair of visits of one arm whose windows share a day, and the first such study day.

    Visits that are planned for different domains do not compete.

    Example:
        >>> days = {"EARLY": -4, "LATE": 3}
        >>> rows = [{"VISITNUM": n, "VISIT": f"V{n}", "VISITDY": 7 * n, **days} for n in (1, 2)]
        >>> list(overlaps(pa.Table.from_pylist(rows, VISITS)))
        [('V1', 'V2', 10)]
    """
    first, last = windows(visits)
    rows = visits.to_pylist()
    order = [int(row) for row in np.lexsort((last, first)) if first[row] <= last[row]]
    for place, one in enumerate(order):
        for other in order[place + 1 :]:
            if first[other] > last[one]:
                break
            if rows[one]["VISITNUM"] != rows[other]["VISITNUM"] and _compete(rows[one], rows[other]):
                yield rows[one]["VISIT"], rows[other]["VISIT"], study_day_of(int(first[other]))


def _compete(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    arms = {one["ARMCD"], other["ARMCD"]} - {None}
    domains = [set(visit["COLLECTED"] or ()) for visit in (one, other)]  # type: ignore[call-overload]
    return len(arms) < 2 and (not all(domains) or bool(domains[0] & domains[1]))


def design_of_datasets(datasets: Mapping[str, pa.Table]) -> Design:
    """Return the design that the trial design datasets TA, TE and TV state; a missing one is empty.

    Their rules are free text: one that is a milestone counts as one, any other starts and ends nothing.

    Example:
        >>> te = pa.table({"ETCD": ["SCRN"], "ELEMENT": ["Screen"], "TESTRL": ["Informed consent"]})
        >>> design_of_datasets({"TE": te}).elements["START"].to_pylist()
        [['Informed consent']]
    """
    elements = _conformed(datasets.get("TE"), ELEMENTS)
    for rule, name in (("TESTRL", "START"), ("TEENRL", "END")):
        told = [[text] if is_milestone(text) else [] for text in elements[rule].to_pylist()]
        elements = elements.set_column(elements.column_names.index(name), name, pa.array(told, TEXTS))
    return Design(_conformed(datasets.get("TV"), VISITS), elements, _conformed(datasets.get("TA"), ARMS))


def _conformed(table: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """Return a table in the columns of a schema; a column that it lacks is null."""
    if table is None:
        return schema.empty_table()
    rows = table.to_pylist()
    return pa.Table.from_pylist(
        [{name: None if row.get(name) == "" else row.get(name) for name in schema.names} for row in rows],
        schema,
    )
