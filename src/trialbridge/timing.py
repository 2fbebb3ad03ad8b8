"""Dates and times as text: ISO 8601 as SDTM and FHIR write it, read by the column and never completed.

A text stands for all the moments that it allows: ``2014-03`` for every moment of that March. So each value
is read as an interval, from `start` up to but without `stop`, and two values are ordered only where their
intervals are.

Three rules hold everywhere:

* A text is never completed: what is not written is not known, and no result is more precise than its source.
* A study day uses the date as written, in the zone in which it was written.
* A time without a zone is taken as written; two values are compared in UTC only where both state a zone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trialbridge.columns import flat, once

Column: TypeAlias = "pa.Array | pa.ChunkedArray"
"""One column of a table."""
Mask: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]

FORM = (
    r"^(?P<year>\d{4}|-)(?:-(?P<month>\d{2}|-)(?:-(?P<day>\d{2}|-)"
    r"(?:T(?P<hour>\d{2}|-)(?::(?P<minute>\d{2}|-)(?::(?P<second>\d{2})(?P<fraction>\.\d+)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::\d{2})?)?)?)?)?$"
)
# a hyphen holds the place of a missing component; at the end there is no place to hold
HELD_AT_END = r"-$|[T:]-(?:Z|[+-]\d{2}(?::\d{2})?)$"
COMPONENTS = ("year", "month", "day", "hour", "minute", "second")
SECOND = 1_000_000
DAY = 86_400 * SECOND
WIDTHS = np.array([0, 0, 0, DAY, 3_600 * SECOND, 60 * SECOND, SECOND, 1], dtype=np.int64)
FURTHEST_ZONE = 14 * 3_600 * SECOND
DAYS_IN_MONTH = np.array([31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)


class Precision(IntEnum):
    """How far a date-time is written without a gap; ``NONE`` where not even the year is known."""

    NONE = 0
    YEAR = 1
    MONTH = 2
    DAY = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6
    FRACTION = 7


def _first_moment(year: Numbers, month: Numbers) -> Numbers:
    """Return the day, counted from 1970-01-01, on which each month begins."""
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days: Numbers = months.astype("datetime64[D]").astype(np.int64)
    return days


BEGIN = int(_first_moment(np.array([1]), np.array([1]))[0]) * DAY
"""The first moment of year 1: what is not known may begin here."""
END = int(_first_moment(np.array([10_000]), np.array([1]))[0]) * DAY
"""The first moment after year 9999: what is not known may last until here."""


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """A column of date-times, read: one NumPy array for each thing to know of a value.

    Attributes:
        given: There is a text.
        formed: It has the form of ISO 8601.
        valid: It has the form, and the calendar and the clock know it.
        precision: A `Precision`; ``NONE`` where the text is not valid.
        day: The date as written, as days since 1970-01-01; meaningful from day precision on.
        start: The first moment that the text allows, in microseconds since 1970 as written.
        stop: The first moment that it no longer allows.
        offset: What the zone adds to UTC, in microseconds; 0 without a zone.
        has_zone: A zone is written.
    """

    given: Mask
    formed: Mask
    valid: Mask
    precision: NDArray[np.int8]
    day: Numbers
    start: Numbers
    stop: Numbers
    offset: Numbers
    has_zone: Mask

    def __len__(self) -> int:
        return len(self.given)

    @property
    def instant(self) -> Numbers:
        """The first moment in UTC, to put values in order; without a zone it is taken as written."""
        return self.start - self.offset

    @property
    def faulty(self) -> Mask:
        """The mask of texts that are no date-time."""
        return self.given & ~self.valid

    def take(self, rows: NDArray[np.integer]) -> Times:
        """Return the values at `rows`; a row of -1 gives an absent value."""
        return Times(*(np.append(getattr(self, f.name), _ABSENT[f.name])[rows] for f in fields(self)))

    def put(self, rows: Mask, other: Times) -> Times:
        """Return the values, those at `rows` replaced by `other`."""
        arrays = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for name, array in arrays.items():
            array[rows] = getattr(other, name)
        return Times(**arrays)


_ABSENT: dict[str, int | bool] = {
    "given": False,
    "formed": False,
    "valid": False,
    "precision": Precision.NONE,
    "day": 0,
    "start": BEGIN,
    "stop": END,
    "offset": 0,
    "has_zone": False,
}


def parse_dtc(column: Column) -> Times:
    """Return what each text of `column` says: a --DTC, or a FHIR date, dateTime or instant.

    Besides right-truncated values, SDTM's own forms are read: a hyphen in the place of a missing component
    (``2014---02``, ``--12-15``, ``-----T07:15``) and an interval of uncertainty
    (``2014-01-02/2014-01-05``). Digits beyond the microsecond count for the text, not for the order.
    ``24:00`` is no time: the next day has ``00:00``.

    Example:
        >>> times = parse_dtc(pa.array(["2014-03", "2014-02-30", "2014-01-02T10:00+02:00", None]))
        >>> times.valid.tolist(), times.precision.tolist()
        ([True, False, True, False], [2, 0, 5, 0])
    """
    return once(flat(column), _parsed)


def _parsed(array: pa.Array) -> Times:
    if not pa.types.is_dictionary(array.type):
        array = array.cast(pa.string()).dictionary_encode()
    rows: Numbers = array.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return _parse_texts(array.dictionary.cast(pa.string())).take(rows)


def _parse_texts(texts: pa.Array) -> Times:
    """Return what each distinct text says, a point or an interval of uncertainty."""
    times = _parse_points(texts)
    intervals = as_mask(pc.match_substring(texts, "/"))
    if not intervals.any():
        return times
    halves = pc.split_pattern(texts.filter(pa.array(intervals)), "/", max_splits=1)
    first, last = (_parse_points(pc.list_element(halves, half)) for half in (0, 1))
    return times.put(intervals, _span(first, last))


def _parse_points(texts: pa.Array) -> Times:
    """Return what each distinct text says, when it is read as one point in time."""
    found = pc.extract_regex(texts, FORM)
    parts = {name: _digits(pc.struct_field(found, name)) for name in COMPONENTS}
    fraction = pc.struct_field(found, "fraction")
    zone = pc.struct_field(found, "zone")
    formed = as_mask(pc.and_not(found.is_valid(), pc.match_substring_regex(texts, HELD_AT_END)))
    has_zone = formed & as_mask(pc.greater(pc.utf8_length(zone), 0))
    offset = np.where(has_zone, _offset(zone), 0)
    valid = formed & _possible(parts) & (np.abs(offset) <= FURTHEST_ZONE)
    known = [parts[name] >= 0 for name in COMPONENTS] + [as_mask(pc.greater(pc.utf8_length(fraction), 0))]
    precision = np.where(valid, np.cumprod(known, axis=0).sum(axis=0), 0).astype(np.int8)
    day, start, stop = _interval(parts, _microseconds(fraction), precision)
    return Times(
        given=as_mask(texts.is_valid()),
        formed=formed,
        valid=valid,
        precision=precision,
        day=day,
        start=start,
        stop=stop,
        offset=np.where(valid, offset, 0),
        has_zone=has_zone & valid,
    )


def as_mask(array: pa.Array) -> Mask:
    """Return a Boolean column as a mask; null is false.

    Example:
        >>> as_mask(pa.array([True, None])).tolist()
        [True, False]
    """
    mask: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - Arrow's own signature
    return mask


def _digits(part: pa.Array) -> Numbers:
    """Return a component as numbers; -1 where it is missing."""
    written = pc.if_else(pc.is_in(part, pa.array(["", "-"])), None, part)
    numbers: Numbers = written.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return numbers


def _microseconds(fraction: pa.Array) -> Numbers:
    """Return the microseconds of ``.5`` or ``.123456789``."""
    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(fraction, 1, 7), 6, "0")
    return np.maximum(_digits(digits), 0)


def _offset(zone: pa.Array) -> Numbers:
    """Return what ``Z``, ``+02`` or ``-05:30`` adds to UTC, in microseconds; too much if impossible."""
    hours = np.maximum(_digits(pc.utf8_slice_codeunits(zone, 1, 3)), 0)
    minutes = np.maximum(_digits(pc.utf8_slice_codeunits(zone, 4, 6)), 0)
    size = np.where(minutes < 60, (hours * 60 + minutes) * 60 * SECOND, FURTHEST_ZONE + 1)
    return np.where(as_mask(pc.starts_with(zone, "-")), -size, size)


def _possible(parts: dict[str, Numbers]) -> Mask:
    """Return where the calendar and the clock know the components; a leap second stands at minute 59 only."""
    year, month, day, hour, minute, second = (parts[name] for name in COMPONENTS)
    last_second = np.where(minute == 59, 60, 59)
    common_year = (year >= 0) & ((year % 4 != 0) | ((year % 100 == 0) & (year % 400 != 0)))
    in_range = (year != 0) & (month != 0) & (month <= 12) & (day != 0)
    days = DAYS_IN_MONTH[np.clip(month, 0, 12)] - ((month == 2) & common_year)
    clock = (hour <= 23) & (minute <= 59) & (second <= last_second)
    possible: Mask = in_range & (day <= days) & clock
    return possible


def _interval(
    parts: dict[str, Numbers], microseconds: Numbers, precision: NDArray[np.int8]
) -> tuple[Numbers, Numbers, Numbers]:
    """Return the day, the first moment that the components allow, and the first that they no longer allow."""
    year, month, day, hour, minute, second = (
        np.where(precision > place, parts[name], least)
        for place, (name, least) in enumerate(zip(COMPONENTS, (1970, 1, 1, 0, 0, 0), strict=True))
    )
    date = _first_moment(year, month) + day - 1
    clock = ((hour * 60 + minute) * 60 + second) * SECOND
    start = date * DAY + clock + np.where(precision == Precision.FRACTION, microseconds, 0)
    stop = start + WIDTHS[precision]
    stop = np.where(precision == Precision.YEAR, _first_moment(year + 1, month) * DAY, stop)
    stop = np.where(precision == Precision.MONTH, _first_moment(year, month + 1) * DAY, stop)
    unknown = precision == Precision.NONE
    return np.where(unknown, 0, date), np.where(unknown, BEGIN, start), np.where(unknown, END, stop)


def _span(first: Times, last: Times) -> Times:
    """Return intervals of uncertainty: known as far as both ends agree."""
    valid = first.valid & last.valid & (first.instant <= last.instant)
    same = [first.start // width == last.start // width for width in WIDTHS[Precision.DAY :]]
    months = [_calendar(times.start, unit) for unit in "YM" for times in (first, last)]
    agreed = [months[0] == months[1], months[2] == months[3], *same]
    common = np.minimum(np.minimum(first.precision, last.precision), np.cumprod(agreed, axis=0).sum(axis=0))
    both_zones = valid & first.has_zone & last.has_zone
    offset = np.where(both_zones, first.offset, 0)
    return Times(
        given=first.given,
        formed=first.formed & last.formed,
        valid=valid,
        precision=np.where(valid, common, 0).astype(np.int8),
        day=np.where(valid, first.day, 0),
        start=np.where(valid, first.start, BEGIN),
        stop=np.where(valid, last.stop + np.where(both_zones, offset - last.offset, 0), END),
        offset=offset,
        has_zone=both_zones,
    )


def _calendar(moments: Numbers, unit: str) -> Numbers:
    """Return the number of the year or month in which each moment lies."""
    numbers: Numbers = moments.astype("datetime64[us]").astype(f"datetime64[{unit}]").astype(np.int64)
    return numbers


def check_dtc(column: Column) -> Mask:
    """Return the mask of texts that are no date-time: not ISO 8601, or not in the calendar.

    Example:
        >>> check_dtc(pa.array(["2014-02-28", "2014-02-30", "20140228", "2014-01-02t10:00z", None])).tolist()
        [False, True, True, True, False]
    """
    return parse_dtc(column).faulty


def to_dtc(column: Column) -> pa.Array:
    """Return `column` as --DTC text: what is a date-time verbatim, ``Z`` and fractions too; else null.

    Example:
        >>> to_dtc(pa.array(["2014-01-02T10:00:00.120Z", "2014-13"])).to_pylist()
        ['2014-01-02T10:00:00.120Z', None]
    """
    texts = flat(column).cast(pa.string())
    faulty = check_dtc(texts)
    return pc.if_else(pa.array(faulty), pa.scalar(None, pa.string()), texts) if faulty.any() else texts


def study_day(dates: Times, reference: Times) -> pa.Array:
    """Return the study day of each date, counted from its reference, which is day 1: there is no day 0.

    Null where either is less precise than a day.

    Example:
        >>> dates = parse_dtc(pa.array(["2014-01-01", "2014-01-02T23:59", "2014-01"]))
        >>> study_day(dates, parse_dtc(pa.array(["2014-01-02"] * 3))).to_pylist()
        [-1.0, 1.0, None]
    """
    difference = dates.day - reference.day
    unknown = np.minimum(dates.precision, reference.precision) < Precision.DAY
    return pa.array((difference + (difference >= 0)).astype(np.float64), mask=unknown)


def before(first: Times, second: Times) -> Mask:
    """Return where `first` is certainly over before `second` begins, at the precision that both have.

    Example:
        >>> first = pa.array(["2014-01-01", "2014-01", "2014-01-02"])
        >>> before(parse_dtc(first), parse_dtc(pa.array(["2014-01-02T08:00"] * 3))).tolist()
        [True, False, False]
    """
    in_utc = first.has_zone & second.has_zone
    stop = first.stop - np.where(in_utc, first.offset, 0)
    start = second.start - np.where(in_utc, second.offset, 0)
    return first.valid & second.valid & (stop <= start)


def same_day(first: Times, second: Times) -> Mask:
    """Return where the same date is written, and a date is all that at least one of the two has.

    Example:
        >>> first, second = pa.array(["2014-01-02", "2014-01-02T07:00"]), pa.array(["2014-01-02T08:00"] * 2)
        >>> same_day(parse_dtc(first), parse_dtc(second)).tolist()
        [True, False]
    """
    same: Mask = (np.minimum(first.precision, second.precision) == Precision.DAY) & (first.day == second.day)
    return same


def earliest(times: Times, groups: Numbers, among: Mask | None = None) -> Numbers:
    """Return, for each group that has one, the row of its earliest value, in the order of the groups.

    The earliest is the one that is over first: so ``2014-01`` never displaces ``2014-01-05``, which it
    contains, but precedes ``2014-02-03``. Of two that are over together it is the more precise, then the
    first row.

    Example:
        >>> times = parse_dtc(pa.array(["2014-01", "2014-01-20", "2014-01-05", "2013"]))
        >>> earliest(times, np.array([0, 0, 0, 1])).tolist()
        [2, 3]
    """
    rows = _known(times, among)
    rows = rows[np.lexsort((-times.instant[rows], (times.stop - times.offset)[rows], groups[rows]))]
    return rows[np.flatnonzero(np.diff(groups[rows], prepend=groups[rows][:1] - 1))]


def latest(times: Times, groups: Numbers, among: Mask | None = None) -> Numbers:
    """Return, for each group that has one, the row of its latest value, in the order of the groups.

    The latest is the one that begins last. Of two that begin together it is the more precise, then the last
    row.

    Example:
        >>> times = parse_dtc(pa.array(["2014-01", "2014-01-20", "2014-01-05", "2013"]))
        >>> latest(times, np.array([0, 0, 0, 1])).tolist()
        [1, 3]
    """
    rows = _known(times, among)
    rows = rows[np.lexsort((-(times.stop - times.offset)[rows], times.instant[rows], groups[rows]))]
    return rows[np.flatnonzero(np.diff(groups[rows], append=groups[rows][-1:] + 1))]


def _known(times: Times, among: Mask | None) -> Numbers:
    """Return the rows that say at least a year, and stand in `among` if that is given."""
    known = times.precision > Precision.NONE
    return np.flatnonzero(known if among is None else known & among)
