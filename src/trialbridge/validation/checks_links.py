"""Checks of records that point to records: SUPP--, RELREC and CO, by domain, variable and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.validation.checking import Check, NotChecked
from trialbridge.validation.frame import Frame, Mask
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule

_SHOWN = ("RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL")


def _domain(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that name a dataset which is not there."""
    del rule
    if not package.complete:
        raise NotChecked("needs the folder of all datasets")
    wrong = frame.where("RDOMAIN", lambda name: package.frame(name) is None)
    return hits_of(frame, wrong, ["RDOMAIN"], cause=("RDOMAIN",))


def _variable(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that name a variable which their dataset has not."""
    del rule
    mask = np.zeros(frame.rows, np.bool_)
    for _, names, other, rows in _links(package, frame):
        if names and not other.has(names):
            mask |= rows
    return hits_of(frame, mask, ["RDOMAIN", "IDVAR"], cause=("RDOMAIN", "IDVAR"))


def _record(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that name a record which is not there."""
    del rule
    mask = np.zeros(frame.rows, np.bool_)
    for _, name, other, rows in _links(package, frame):
        if not name:
            continue
        if other.has(name):
            rows = rows & frame.filled("IDVARVAL")  # noqa: PLW2901 -- narrower
            mask |= rows & ~_among(frame, rows, other, name)
    return hits_of(frame, mask, [name for name in _SHOWN if frame.has(name)], cause=("RDOMAIN", "IDVAR"))


def _subject(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows without IDVAR whose subject is not in their dataset."""
    del rule
    mask = np.zeros(frame.rows, np.bool_)
    for _, name, other, rows in _links(package, frame):
        if not name and other.has("USUBJID") and frame.has("USUBJID"):
            known = pc.is_in(frame.text("USUBJID"), value_set=pc.unique(other.text("USUBJID")))
            mask |= rows & frame.filled("USUBJID") & ~known.to_numpy(zero_copy_only=False)
    return hits_of(frame, mask, [name for name in _SHOWN if frame.has(name)], cause=("RDOMAIN",))


def _links(package: Package, frame: Frame) -> Iterator[tuple[str, str, Frame, Mask]]:
    """Yield each combination of RDOMAIN and IDVAR whose dataset is there, with its rows."""
    groups = frame.groups(["RDOMAIN", "IDVAR"])
    _, first = np.unique(groups, return_index=True)
    for row in first:
        domain, name = frame.value("RDOMAIN", int(row)), frame.value("IDVAR", int(row))
        other = package.frame(domain)
        if other is not None:
            yield domain, name, other, groups == groups[row]


def _among(frame: Frame, rows: Mask, other: Frame, name: str) -> Mask:
    """Return which of `rows` name a value that `other` has in a variable, for the same subject."""
    by_subject = frame.has("USUBJID") and other.has("USUBJID")
    subject = frame.text("USUBJID") if by_subject else pa.nulls(frame.rows, pa.string())
    owners = other.text("USUBJID") if by_subject else pa.nulls(other.rows, pa.string())
    there = pc.binary_join_element_wise(
        pc.fill_null(owners, ""), other.text(name), "\x1f", null_handling="emit_null"
    )
    values = (
        _plain(frame.text("IDVARVAL")) if other.column(name).type == pa.float64() else frame.text("IDVARVAL")
    )
    wanted = pc.binary_join_element_wise(pc.fill_null(subject, ""), values, "\x1f", null_handling="emit_null")
    found = pc.is_in(wanted, value_set=pc.unique(there).drop_null()).to_numpy(zero_copy_only=False)
    if by_subject:  # a relation of whole datasets names no subject
        found = found | ~frame.filled("USUBJID")
    result: Mask = found | ~rows
    return result


def _plain(texts: pa.Array) -> pa.Array:
    """Return numbers that are written as text without leading blanks and zeros."""
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.replace_substring_regex(trimmed, r"^0+([0-9])", r"\1")


def _one_sided(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose RELID nothing else has: a relation of one record."""
    del package, rule
    names = [name for name in ("RELID", "USUBJID") if frame.has(name)]
    groups = frame.groups(names)
    counts = np.bincount(groups, minlength=1) if frame.rows else np.zeros(0, np.int64)
    return hits_of(frame, frame.filled("RELID") & (counts[groups] < 2), names)


LINK_CHECKS: Mapping[str, Check] = {
    "linked domain": Check(_domain),
    "linked variable": Check(_variable),
    "linked record": Check(_record),
    "linked subject": Check(_subject),
    "one-sided relation": Check(_one_sided),
}
"""Name of a check -> what runs it."""
