"""Checks that are told by conditions: rows, keys, values that go together, what is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.validation.checking import Check, NotChecked, whole
from trialbridge.validation.conditions import holds, variables_of
from trialbridge.validation.frame import Frame, Mask, Rows
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule


def _records(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows in which all conditions of the rule hold."""
    mask = holds(package, frame, rule.asked["when"])
    shown = rule.shown or [name for name in variables_of(rule.asked["when"]) if frame.has(name)]
    return hits_of(frame, mask, shown, cause=rule.cause)


def _unique(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose keys an earlier row has, too."""
    keys = [name for name in rule.asked["keys"] if frame.has(name)]
    among = holds(package, frame, rule.asked.get("where", ()))
    return hits_of(frame, repeated(frame.groups(keys), among), rule.shown or keys, cause=rule.cause)


def repeated(groups: Rows, among: Mask) -> Mask:
    """Return which of some rows have the group of an earlier one of them.

    Example:
        >>> repeated(np.array([0, 1, 0, 0]), np.array([True, True, False, True])).tolist()
        [False, False, False, True]
    """
    rows = np.flatnonzero(among)
    _, first = np.unique(groups[rows], return_index=True)
    mask = among.copy()
    mask[rows[first]] = False
    return mask


def _one_value(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that have another value than most rows of their group."""
    of, within = rule.asked["of"], rule.asked["within"]
    among = holds(package, frame, rule.asked.get("where", ())) & frame.filled(within[0])
    if not rule.asked.get("blank", False):
        among &= frame.filled(of)
    within = [name for name in within if frame.has(name)]
    odd = unlike_most(frame.groups(within), frame.groups([of]), among)
    return hits_of(frame, odd, rule.shown or [*within, of], cause=rule.cause or (within[0], of))


def unlike_most(groups: Rows, values: Rows, among: Mask) -> Mask:
    """Return which of some rows have a value that most rows of their group have not.

    Example:
        >>> groups, values = np.array([0, 0, 0, 1]), np.array([7, 7, 8, 9])
        >>> unlike_most(groups, values, np.ones(4, np.bool_)).tolist()
        [False, False, True, False]
    """
    rows = np.flatnonzero(among)
    mask = np.zeros(len(groups), np.bool_)
    if not len(rows):
        return mask
    table = pa.table({"group": groups[rows], "value": values[rows]}).group_by(["group", "value"])
    counted = table.aggregate([([], "count_all")]).sort_by(
        [("group", "ascending"), ("count_all", "descending")]
    )
    group, value = (counted[name].to_numpy() for name in ("group", "value"))
    first = np.unique(group, return_index=True)[1]
    usual = np.zeros(int(groups.max()) + 1, values.dtype)
    usual[group[first]] = value[first]
    mask[rows] = usual[groups[rows]] != values[rows]
    return mask


def _variable_absent(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return that a variable is absent although one beside which it belongs is there."""
    del package
    absent = [name for name in rule.asked["absent"] if not frame.has(name)]
    beside = [name for name in rule.asked.get("beside", ()) if frame.has(name)]
    wanted = bool(beside) or not rule.asked.get("beside")
    if not wanted or len(absent) < len(rule.asked["absent"]):
        return ()
    return [Hits(frame.name, (), None, value=", ".join(map(frame.resolve, absent)))]


def _variable_there(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return each variable that is there and must not be."""
    del package
    there = [name for name in rule.asked["there"] if frame.has(name)]
    return [Hits(frame.name, (), None, value=frame.resolve(name)) for name in there]


def _dataset_absent(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return that a dataset is absent, where those are there beside which it belongs."""
    if not package.complete:
        raise NotChecked("needs the folder of all datasets")
    absent, beside = rule.asked["absent"], rule.asked.get("beside", ())
    if package.frame(absent) is not None or (beside and not any(map(package.frame, beside))):
        return ()
    return [Hits(absent, value=absent)]


def _dataset_empty(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    return [Hits(part.dataset.name) for part in frame.parts if not part.dataset.table.num_rows]


def _parameter_absent(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return that no row of TS has a parameter, where the rows of others ask for it."""
    parameter = rule.asked["parameter"]
    wanted = holds(package, frame, rule.asked["when"]).any() if "when" in rule.asked else True
    names = pa.array([parameter, rule.asked.get("or", parameter)])
    there = pc.any(pc.is_in(frame.text("TSPARMCD"), value_set=names)).as_py()
    return [Hits(frame.name, value=parameter)] if wanted and not there else ()


RECORD_CHECKS: Mapping[str, Check] = {
    "records": Check(_records),
    "unique": Check(_unique),
    "one value": Check(_one_value),
    "variable absent": Check(_variable_absent),
    "variable there": Check(_variable_there),
    "dataset absent": whole(_dataset_absent),
    "dataset empty": Check(_dataset_empty),
    "parameter absent": Check(_parameter_absent),
}
"""Name of a check -> what runs it."""
