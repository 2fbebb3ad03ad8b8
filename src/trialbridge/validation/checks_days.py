"""Checks of study days against their dates and the subject's day 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow.compute as pc

from trialbridge.timing import Precision, study_day
from trialbridge.validation.checking import Check, NotChecked
from trialbridge.validation.conditions import times
from trialbridge.validation.frame import Frame, Mask, Numbers
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule

_Wrong = Callable[[Numbers, Numbers], Mask]
"""From the days as they are and as they should be (NaN where none can be), the rows that are wrong."""

_DAY_1 = "DM.RFSTDTC"


def _day_check(wrong: _Wrong) -> Check:
    """Return the check of a study day against its date: where `wrong` of the two."""

    def run(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
        day, date = rule.asked["day"], rule.asked["date"]
        dm = package.frame("DM")
        if dm is None:
            raise NotChecked("needs DM")
        if not (frame.has(day) and frame.has(date) and frame.has("USUBJID") and dm.has("RFSTDTC")):
            return ()
        should = expected_days(package, frame, date)
        mask = wrong(frame.number(day), should)
        return hits_of(frame, mask, [date, day])

    return Check(run)


def expected_days(package: Package, frame: Frame, date: str) -> Numbers:
    """Return the study day of each date; NaN where it or day 1 is not known to the day.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> package = package_of({"DM": [{"RFSTDTC": "2020-01-02"}], "AE": [{"AESTDTC": "2020-01-01"}]})
        >>> expected_days(package, package.frames["AE"], "AESTDTC").tolist()
        [-1.0]
    """
    reference = times(package, frame, _DAY_1)
    days = study_day(frame.times(date), reference)
    found: Numbers = pc.fill_null(days, np.nan).to_numpy(zero_copy_only=False)
    return found


def _missing(day: Numbers, should: Numbers) -> Mask:
    found: Mask = np.isnan(day) & ~np.isnan(should)
    return found


def _imputed(day: Numbers, should: Numbers) -> Mask:
    found: Mask = ~np.isnan(day) & np.isnan(should)
    return found


def _incorrect(day: Numbers, should: Numbers) -> Mask:
    found: Mask = ~np.isnan(day) & ~np.isnan(should) & (day != should)
    return found


def _after_last(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose date is after the last date that the subject has in another dataset."""
    other = package.frame(rule.asked["dataset"])
    if other is None:
        raise NotChecked(f"needs {rule.asked['dataset']}")
    date = rule.asked["date"]
    if not (frame.has(date) and other.has(rule.asked["last"])):
        return ()
    last = _last_days(frame, other, rule.asked["last"])
    own = frame.times(date)
    known = own.precision >= Precision.DAY
    return hits_of(frame, known & (last > _NEVER) & (own.day > last), ["USUBJID", date])


_NEVER = -(10**9)


def _last_days(frame: Frame, other: Frame, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the last day of each row's subject in `other`; `_NEVER` where no date is known to the day."""
    read = other.times(name)
    known = read.precision >= Precision.DAY
    subjects = pc.unique(other.text("USUBJID")).drop_null()
    places = pc.fill_null(pc.index_in(other.text("USUBJID"), value_set=subjects), len(subjects))
    last = np.full(len(subjects) + 1, _NEVER, np.int64)
    np.maximum.at(last, places.to_numpy(zero_copy_only=False)[known], read.day[known])
    own = pc.fill_null(pc.index_in(frame.text("USUBJID"), value_set=subjects), len(subjects))
    last[len(subjects)] = _NEVER
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = last[own.to_numpy(zero_copy_only=False)]
    return found


DAY_CHECKS: Mapping[str, Check] = {
    "study day missing": _day_check(_missing),
    "study day imputed": _day_check(_imputed),
    "study day wrong": _day_check(_incorrect),
    "after the last": Check(_after_last),
}
"""Name of a check -> what runs it."""
