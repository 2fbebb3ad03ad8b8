"""EPOCH: the part of the trial in which a record begins, by the elements that its subject went through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, report, texts, with_column
from trialbridge.design import Design
from trialbridge.findings import Finding
from trialbridge.standards import domain_variables
from trialbridge.timing import Mask, Numbers, Precision, Times, as_mask, before, parse_dtc

NOWHERE = -1
"""The place of an epoch that is not known."""


def derive_epoch(table: pa.Table, context: Context) -> Derived:
    """Return the table with EPOCH, by the date on which each record begins; one that is given stays.

    A record belongs to the element in which its --STDTC lies, or its --DTC where no start was collected. On
    the day on which one element ends and the next begins, dates alone do not say which it is: then the
    treatment epoch has the day, and of two others the later one (`Design.tie`). A partial date has an epoch
    only where all that it allows lies in the same one.
    """
    dates = [name for name in map(context.named, ("STDTC", "DTC")) if name in table.column_names]
    known = any(variable.name == "EPOCH" for variable in domain_variables(context.domain))
    if not dates or not known or not context.elements.num_rows or context.domain == "SE":
        return table, []
    given = texts(table, "EPOCH")
    begins = parse_dtc(pc.coalesce(*(texts(table, name) for name in dates)))
    derived = epochs(table["USUBJID"], begins, context.elements, context.design)
    findings = _contradictions(table, given, derived, context)
    return with_column(table, "EPOCH", pc.coalesce(given, derived)), findings


def epochs(subjects: pa.Array, times: Times, elements: pa.Table, design: Design) -> pa.Array:
    """Return the epoch of each moment in the course of its subject.

    Args:
        subjects: USUBJID of each moment.
        times: The moments.
        elements: SE: USUBJID, SESTDTC, SEENDTC, EPOCH.
        design: How a day is decided that two elements share, and what lies before the first.

    Example:
        >>> elements = pa.table({
        ...     "USUBJID": ["1", "1"],
        ...     "SESTDTC": ["2014-01-01", "2014-01-08"],
        ...     "SEENDTC": ["2014-01-08", "2014-02-01"],
        ...     "EPOCH": ["SCREENING", "TREATMENT"],
        ... })
        >>> times = parse_dtc(pa.array(["2014-01-07", "2014-01-08", "2014-01", "2014-02-02"]))
        >>> epochs(pa.array(["1"] * 4), times, elements, Design()).to_pylist()
        ['SCREENING', 'TREATMENT', None, None]
    """
    course = _course(subjects, elements)
    treatment = np.array(["TREATMENT" in name for name in course.names] + [False])
    epoch = np.full(len(times), NOWHERE)
    found, several, begun, open_end = (np.zeros(len(times), bool) for _ in range(4))
    for start, stop, which, there in course.each():
        inside = there & times.valid & start.valid & ~before(times, start) & ~before(stop, times)
        several |= inside & found & (epoch != which)
        stays = treatment[epoch] & ~treatment[which] if design.tie == "treatment" else False
        begun |= inside & ~found & (start.start <= times.start)
        open_end = np.where(inside, ~stop.valid | (times.stop <= stop.stop), open_end)
        epoch = np.where(inside & ~(found & stays), which, epoch)
        found |= inside
    if design.before == "first":
        early = times.valid & course.there & before(times, course.begin)
        epoch = np.where(early, course.first, epoch)
        begun |= early | (found & (course.first == epoch))
        open_end |= early
    certain = (times.precision >= Precision.DAY) | (begun & open_end & ~several)
    places = np.where(certain, epoch, NOWHERE)
    return course.epochs.take(pa.array(places, mask=places < 0))


@dataclass(frozen=True)
class _Course:
    """The elements of the subject of each row, in their order.

    Attributes:
        rows: Row of the record, ordinal of the element -> row of the element; -1 where there is none.
        start: When each element begins.
        stop: When it ends: where that is not said, when the next one begins.
        places: The epoch of each element, as a place in `epochs`.
        epochs: The epochs by name.
    """

    rows: Numbers
    start: Times
    stop: Times
    places: Numbers
    epochs: pa.Array

    @property
    def names(self) -> list[str]:
        """The epochs by name."""
        names: list[str] = self.epochs.to_pylist()
        return names

    @property
    def there(self) -> Mask:
        """Where the subject has an element at all."""
        there: Mask = self.rows[:, 0] >= 0
        return there

    @property
    def begin(self) -> Times:
        """When the subject's first element begins."""
        return self.start.take(self.rows[:, 0])

    @property
    def first(self) -> Numbers:
        """The epoch of the subject's first element."""
        return self.places[self.rows[:, 0]]

    def each(self) -> Iterator[tuple[Times, Times, Numbers, Mask]]:
        """Yield start, end, epoch and presence of the first element of each row, of the second, and so on."""
        for ordinal in range(self.rows.shape[1]):
            rows = self.rows[:, ordinal]
            yield self.start.take(rows), self.stop.take(rows), self.places[rows], rows >= 0


def _course(subjects: pa.Array, elements: pa.Table) -> _Course:
    codes, known = encode(elements["USUBJID"])
    start, stop = (parse_dtc(texts(elements, name)) for name in ("SESTDTC", "SEENDTC"))
    order = np.lexsort((stop.instant, start.instant, codes))
    order = order[start.valid[order]]
    ordinal = np.arange(len(order)) - np.searchsorted(codes[order], codes[order])
    rows = np.full((len(known) + 1, int(ordinal.max(initial=0)) + 1), -1)
    rows[codes[order], ordinal] = order
    following = np.full(len(codes) + 1, -1)
    following[order[:-1]] = np.where(codes[order[:-1]] == codes[order[1:]], order[1:], -1)
    missing = ~stop.valid & (following[:-1] >= 0)
    stop = stop.put(missing, start.take(following[:-1][missing]))
    places, names = encode(texts(elements, "EPOCH"))
    whose = pc.index_in(pa.array(texts(pa.table({"s": subjects}), "s")), known)
    place = whose.fill_null(len(known)).to_numpy(zero_copy_only=False)
    return _Course(rows[place], start, stop, np.append(places, NOWHERE), names)


def _contradictions(table: pa.Table, given: pa.Array, derived: pa.Array, context: Context) -> list[Finding]:
    """Return the findings on epochs that are given otherwise than the elements say."""
    other = as_mask(pc.not_equal(given, derived))

    def say(row: int) -> tuple[str, str, str]:
        message = f"EPOCH is given as {given[row]}, and the subject was in {derived[row]}"
        return "epoch-contradicts", message, str(given[row])

    return report(table, context, "EPOCH", other, [texts(table, "USUBJID"), given, derived], say)
