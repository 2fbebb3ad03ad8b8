"""Operators over dates and durations: two dates are compared as far as both are written."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from trialbridge.core_rules.cells import Cells, where
from trialbridge.core_rules.compared import Comparand, comparand
from trialbridge.core_rules.lacking import NotSupported
from trialbridge.core_rules.model import Leaf
from trialbridge.core_rules.operators_values import Operator, negated
from trialbridge.core_rules.view import View
from trialbridge.timing import COMPONENTS, Precision, Times, parse_dtc
from trialbridge.validation.frame import Mask, Rows

_MICROSECONDS = {Precision.DAY: 86_400_000_000, Precision.HOUR: 3_600_000_000, Precision.MINUTE: 60_000_000}
_UNITS = {Precision.YEAR: "Y", Precision.MONTH: "M"}
_NUMBER = r"\d+(?:[.,]\d+)?"
_DURATION = re.compile(
    rf"P(?=.)(?:{_NUMBER}W|(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
_FRACTION_BEFORE_THE_END = re.compile(r"[.,]\d+[A-Z]T?\d")


def moments(first: Times, second: Times) -> tuple[Rows, Rows, Mask]:
    """Return two columns of moments, each pair as precise as its less precise one, and where both are dates.

    Example:
        >>> first, second = (parse_dtc(pa.array([text])) for text in ("2014-03", "2014-03-15T10:00"))
        >>> one, other, known = moments(first, second)
        >>> bool(one[0] == other[0]), known.tolist()
        (True, [True])
    """
    both = first.valid & second.valid
    precision = np.minimum(first.precision, second.precision)
    zoned = first.has_zone & second.has_zone
    starts = [np.where(zoned, one.instant, one.start) for one in (first, second)]
    known: Mask = both & (precision >= Precision.YEAR)
    return _truncated(starts[0], precision), _truncated(starts[1], precision), known


def _truncated(start: Rows, precision: Any) -> Rows:
    found = start.copy()
    for least, size in _MICROSECONDS.items():
        found = np.where(precision == least, start // size * size, found)
    for least, unit in _UNITS.items():
        months = start.astype("datetime64[us]").astype(f"datetime64[{unit}]").astype("datetime64[us]")
        found = np.where(precision == least, months.astype(np.int64), found)
    return found


def _dates(compare: Callable[[Any, Any], Any]) -> Operator:
    def hold(view: View, leaf: Leaf) -> Mask:
        first, second = view.cells(leaf.target).times, _times(view, comparand(view, leaf))
        if leaf.date_component:
            return _component(first, second, leaf.date_component, compare)
        one, other, known = moments(first, second)
        found: Mask = known & compare(one, other)
        return found

    return hold


def _component(first: Times, second: Times, name: str, compare: Callable[[Any, Any], Any]) -> Mask:
    """Return where one part of the dates, such as the year, compares; both must have it."""
    if name not in COMPONENTS:
        raise NotSupported(f"the part {name} of a date")
    place = COMPONENTS.index(name)
    known = (first.precision > place) & (second.precision > place)
    parts = [_numbers_of(one.start, place) for one in (first, second)]
    found: Mask = known & compare(*parts)
    return found


def _numbers_of(start: Rows, place: int) -> Rows:
    units = ("Y", "M", "D", "h", "m", "s")
    moment = start.astype("datetime64[us]")
    whole = moment.astype(f"datetime64[{units[place]}]").astype(np.int64)
    if place == 0:
        return whole
    above = (
        moment.astype(f"datetime64[{units[place - 1]}]")
        .astype(f"datetime64[{units[place]}]")
        .astype(np.int64)
    )
    return whole - above


def _times(view: View, compared: Comparand) -> Times:
    if isinstance(compared, Cells):
        return compared.times
    if not isinstance(compared, str):
        raise NotSupported(f"a comparison of dates with {compared!r}")
    return parse_dtc(pa.repeat(pa.scalar(compared), view.rows))


def _complete(view: View, leaf: Leaf) -> Mask:
    times = view.cells(leaf.target).times
    found: Mask = times.valid & (times.precision >= Precision.DAY)
    return found


def _valid(view: View, leaf: Leaf) -> Mask:
    return view.cells(leaf.target).times.valid


def is_duration(text: str, *, negative: bool) -> bool:
    """Return whether a text is a duration of ISO 8601; only its last number may have a fraction.

    Example:
        >>> [is_duration(text, negative=False) for text in ("P1Y6M", "-P2D", "P1.5Y2D")]
        [True, False, False]
    """
    bare = text.removeprefix("-") if negative else text
    return _DURATION.fullmatch(bare) is not None and _FRACTION_BEFORE_THE_END.search(bare) is None


def _duration(view: View, leaf: Leaf) -> Mask:
    allowed = leaf.negative is not False
    return where(view.cells(leaf.target).text, lambda text: is_duration(text, negative=allowed))


DATES: Mapping[str, Operator] = {
    "date_equal_to": _dates(operator.eq),
    "date_not_equal_to": _dates(operator.ne),
    "date_greater_than": _dates(operator.gt),
    "date_greater_than_or_equal_to": _dates(operator.ge),
    "date_less_than": _dates(operator.lt),
    "date_less_than_or_equal_to": _dates(operator.le),
    "is_complete_date": _complete,
    "is_incomplete_date": negated(_complete),
    "invalid_date": negated(_valid),
    "invalid_duration": negated(_duration),
}
"""Operator -> the rows in which it holds."""
