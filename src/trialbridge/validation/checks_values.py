"""Checks of values that no condition can tell: durations, every date, groups of rows, what SUPP-- adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.timing import before, parse_dtc
from trialbridge.validation.checking import Check, NotChecked
from trialbridge.validation.frame import Frame, Mask
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule

_DURATION = r"^[-+]?P(\d+([.,]\d+)?W|(\d+([.,]\d+)?Y)?(\d+([.,]\d+)?M)?(\d+([.,]\d+)?D)?(T(\d+([.,]\d+)?H)?(\d+([.,]\d+)?M)?(\d+([.,]\d+)?S)?)?)$"  # noqa: E501 -- one form
_HOLLOW = r"^[-+]?P?T?$|T$"
_DURATIONS = ("DUR", "ELTM", "EVLINT", "STINT", "ENINT", "TDSTOFF", "TDTGTPAI")
_DAYS = ("DY", "STDY", "ENDY")
_FLAGS = ("BLFL", "LOBXFL", "DRVFL", "FAST", "PRESP", "OCCUR")
_CUTOFF = "DCUTDTC"


def _named(frame: Frame, endings: Sequence[str]) -> Iterator[str]:
    """Yield the variables of a domain that have one of these endings behind its code."""
    for name in frame.variables:
        if name.removeprefix(frame.code) in endings and (name != "VISITDY"):
            yield name


def _dates_of(frame: Frame) -> Iterator[str]:
    for name in frame.variables:
        if name.endswith("DTC") and pa.types.is_string(frame.column(name).type):
            yield name


def _dates(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    return [
        one
        for name in _dates_of(frame)
        for one in hits_of(frame, frame.times(name).faulty, [name, *_keys(frame)], cause=(name,))
    ]


def _keys(frame: Frame) -> list[str]:
    return [name for name in ("USUBJID", "--SEQ") if frame.has(name)]


def _durations(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    hits: list[Hits] = []
    for name in _named(frame, _DURATIONS):
        formed = pc.match_substring_regex(frame.text(name), _DURATION)
        hollow = pc.match_substring_regex(frame.text(name), _HOLLOW)
        hits += hits_of(frame, frame.filled(name) & ~(_mask(formed) & ~_mask(hollow)), [name], cause=(name,))
    return hits


def _mask(array: pa.Array) -> Mask:
    found: Mask = pc.fill_null(array, False).to_numpy(zero_copy_only=False)  # noqa: FBT003 -- Arrow's own order
    return found


def _negative_duration(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    names = [name for name in frame.variables if name.endswith("DUR")]
    return [
        one
        for name in names
        for one in hits_of(frame, frame.where(name, lambda text: text.startswith("-P")), [name])
    ]


def _day_zero(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    return [
        one
        for name in (*_named(frame, _DAYS), *(["VISITDY"] if frame.has("VISITDY") else []))
        for one in hits_of(frame, frame.number(name) == 0, [name])
    ]


def _day_not_whole(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    hits: list[Hits] = []
    for name in _named(frame, _DAYS):
        days = frame.number(name)
        hits += hits_of(frame, ~np.isnan(days) & (days != np.floor(days)), [name])
    return hits


def _flags(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    return [
        one
        for name in _named(frame, _FLAGS)
        for one in hits_of(frame, frame.where(name, lambda text: text not in {"Y", "N", "U", "NA"}), [name])
    ]


def _after_cutoff(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that have a date after the data cutoff of TS."""
    del rule
    cutoff = _parameter(package, _CUTOFF)
    if not cutoff:
        raise NotChecked(f"needs {_CUTOFF} in TS")
    limit = parse_dtc(pa.array([cutoff])).take(np.zeros(frame.rows, np.int64))
    return [
        one
        for name in _dates_of(frame)
        for one in hits_of(frame, before(limit, frame.times(name)), [name, *_keys(frame)], cause=(name,))
    ]


def _parameter(package: Package, name: str) -> str:
    """Return the value of a parameter of TS; empty where there is none."""
    ts = package.frame("TS")
    if ts is None or not ts.has("TSPARMCD"):
        return ""
    values = ts.text("TSVAL").filter(pc.equal(ts.text("TSPARMCD"), name)).drop_null()
    return str(values[0].as_py()) if len(values) else ""


def _redundant(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows in which a category repeats topic, decode, body system or DOMAIN."""
    del package
    name = rule.asked["of"]
    others = ("--TERM", "--TRT", "--TEST", "--TESTCD", "--DECOD", "--BODSYS", "DOMAIN")
    mask = np.zeros(frame.rows, np.bool_)
    for other in others:
        if frame.has(other):
            mask |= _mask(pc.equal(pc.utf8_upper(frame.text(name)), pc.utf8_upper(frame.text(other))))
    return hits_of(frame, mask, [name, *(one for one in others[:4] if frame.has(one))], cause=(name,))


def _treatment_emergence(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the events without AETRTEM; the dataset where no event has it."""
    del rule
    if frame.has("AETRTEM"):
        return ()
    told = _qualified(package, frame, "AETRTEM")
    if told is None or not told.any():
        return [Hits(frame.name, value="AETRTEM")]
    return hits_of(frame, ~told, _keys(frame))


def _other_seriousness(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del rule
    told = _qualified(package, frame, "AESOSP")
    medical = _mask(pc.equal(frame.text("AESMIE"), "Y"))
    return hits_of(frame, medical if told is None else medical & ~told, ["AESMIE"])


def _qualified(package: Package, frame: Frame, name: str) -> Mask | None:
    """Return the rows that have a supplemental qualifier, by their --SEQ; none where there is no SUPP--."""
    other = package.frame(f"SUPP{frame.name}")
    if other is None and not package.complete:
        raise NotChecked(f"needs SUPP{frame.name}")
    if other is None or not (other.has("QNAM") and frame.has("--SEQ")):
        return None
    chosen = pc.equal(other.text("QNAM"), name)
    there = _joined(other.text("USUBJID"), pc.utf8_trim_whitespace(other.text("IDVARVAL"))).filter(chosen)
    return _mask(pc.is_in(_joined(frame.text("USUBJID"), frame.text("--SEQ")), value_set=there.drop_null()))


def _joined(first: pa.Array, second: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(first, second, "\x1f", null_handling="emit_null")


def _beside_dataset(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables that must not be there beside another dataset."""
    if not any(map(package.frame, rule.asked["beside"])):
        if not package.complete:
            raise NotChecked(f"needs {', '.join(rule.asked['beside'])}")
        return ()
    return [Hits(frame.name, value=name) for name in rule.asked["there"] if frame.has(name)]


def _elements_overlap(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the elements that begin before the subject's element before them has ended."""
    del package, rule
    starts, ends = frame.times("SESTDTC"), frame.times("SEENDTC")
    subject = frame.groups(["USUBJID"])
    order = np.lexsort((ends.start, starts.start, subject))
    order = order[starts.valid[order]]
    earlier, later = order[:-1], order[1:]
    early = before(starts.take(later), ends.take(earlier)) & (subject[earlier] == subject[later])
    mask = np.zeros(frame.rows, np.bool_)
    mask[later[early]] = True
    return hits_of(frame, mask, ["USUBJID", "SESTDTC", "SEENDTC"])


def _number_of_arms(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del rule
    ta, said = package.frame("TA"), _parameter(package, "NARMS")
    if ta is None:
        raise NotChecked("needs TA")
    arms = len(pc.unique(ta.text("ARMCD").drop_null())) if ta.has("ARMCD") else 0
    return [Hits(frame.name, value=f"{said}, TA has {arms}")] if said and said != str(arms) else ()


def _study_dates(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del rule
    first, last = (parse_dtc(pa.array([_parameter(package, name)])) for name in ("SSTDTC", "SENDTC"))
    return [Hits(frame.name, value="SENDTC")] if before(last, first).any() else ()


VALUE_CHECKS: Mapping[str, Check] = {
    "dates": Check(_dates),
    "durations": Check(_durations),
    "negative duration": Check(_negative_duration),
    "day zero": Check(_day_zero),
    "day not whole": Check(_day_not_whole),
    "flags": Check(_flags),
    "dates after": Check(_after_cutoff),
    "redundant": Check(_redundant),
    "treatment emergence": Check(_treatment_emergence),
    "other seriousness": Check(_other_seriousness),
    "dataset variables": Check(_beside_dataset),
    "elements overlap": Check(_elements_overlap),
    "number of arms": Check(_number_of_arms),
    "study dates": Check(_study_dates),
}
"""Name of a check -> what runs it."""
