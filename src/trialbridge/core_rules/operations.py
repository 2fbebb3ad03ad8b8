"""What rules compute before they check, from the rows of datasets: distinct values, counts, extremes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, Lists, constant, flags, keys_of, same_list
from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.model import Operation
from trialbridge.core_rules.operators_rows import cut, ranks
from trialbridge.core_rules.view import Found, View, record_view, resolved
from trialbridge.timing import Precision
from trialbridge.validation.frame import Frame, Mask, Rows
from trialbridge.validation.package import Package


@dataclass(frozen=True, eq=False)
class Setting:
    """Where an operation is computed.

    Attributes:
        package: All datasets.
        view: The rows that are checked.
        guide: The version of SDTMIG.
    """

    package: Package
    view: View
    guide: str

    def frame(self) -> Frame:
        """Return the dataset that is checked.

        Raises:
            Absent: The rule is about the whole study.
        """
        if self.view.frame is None:
            raise Absent("no dataset that the rule is for")
        return self.view.frame


def of_operation(setting: Setting, operation: Operation) -> View:
    """Return the rows that an operation computes from: those of the dataset it names, or that is checked.

    Raises:
        Absent: There is no such dataset.
    """
    if not operation.domain:
        return record_view(setting.frame())
    found = setting.package.frame(operation.domain)
    if found is None:
        raise Absent(f"no dataset {operation.domain}")
    return record_view(found)


def chosen(rows: View, wanted: Mapping[str, Any]) -> Mask:
    """Return the rows that a filter means; ``RACE&`` and ``RACE%`` mean all that begin so."""
    found = np.ones(rows.rows, np.bool_)
    for name, value in wanted.items():
        text = rows.cells(name).text
        if isinstance(value, str) and value.endswith(("&", "%")):
            found &= flags(pc.starts_with(text, value[:-1]))
        else:
            found &= flags(pc.equal(text, str(value)))
    return found


def grouped(setting: Setting, rows: View, operation: Operation) -> tuple[pa.Array, pa.Array]:
    """Return the group of each row that is computed from, and of each row that is checked."""
    names = list(_expanded(setting, operation.group))
    aliases = [*operation.group_aliases, *names[len(operation.group_aliases) :]]
    there = [
        (name, alias)
        for name, alias in zip(names, aliases, strict=False)
        if _in_both(setting, rows, name, alias)
    ]
    own = [_cut(rows.cells(name).text, operation.regex) for name, _ in there]
    checked = [_cut(setting.view.cells(alias).text, operation.regex) for _, alias in there]
    return keys_of(own), keys_of(checked)


def _in_both(setting: Setting, rows: View, name: str, alias: str) -> bool:
    for view, one in ((rows, name), (setting.view, alias)):
        if not isinstance(view.find(one), Cells):
            raise Absent(f"no {view.resolve(one)}")
    return True


def _cut(column: pa.Array, form: str | None) -> pa.Array:
    return column if form is None else cut(column, form)


def _expanded(setting: Setting, names: Sequence[str]) -> Sequence[str]:
    """Return the variables of a group, with those of a ``$list`` in its place."""
    found: list[str] = []
    for name in names:
        there = setting.view.needed(name) if name.startswith("$") else None
        found += list(there.only() or ()) if isinstance(there, Lists) else [name]
    return list(dict.fromkeys(found))


def _distinct(setting: Setting, operation: Operation) -> Found:
    if operation.value_is_reference:
        return _referenced_variables(setting)
    rows = of_operation(setting, operation)
    text = rows.cells(operation.name).text
    kept = chosen(rows, operation.filter) & flags(text.is_valid())
    if not operation.group:
        return same_list(setting.view.rows, pc.unique(text.filter(pa.array(kept))).to_pylist())
    own, checked = grouped(setting, rows, operation)
    table = pa.table({"group": own.filter(pa.array(kept)), "value": text.filter(pa.array(kept))})
    lists = table.group_by("group", use_threads=False).aggregate([("value", "distinct")])
    which = pc.fill_null(pc.index_in(checked, lists["group"].combine_chunks()), -1)
    found = [tuple(one) for one in lists["value_distinct"].to_pylist()]
    return Lists(which.cast(pa.int64()).to_numpy(zero_copy_only=False), found)


def _referenced_variables(setting: Setting) -> Found:
    """Return, for each row, the variables of the dataset that RDOMAIN names."""
    domains = setting.view.cells("RDOMAIN").text
    known = pc.unique(domains).drop_null()
    frames = [setting.package.frame(name) for name in known.to_pylist()]
    which = pc.fill_null(pc.index_in(domains, known), -1).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return Lists(which, [tuple(frame.variables) if frame is not None else () for frame in frames])


def _record_count(setting: Setting, operation: Operation) -> Found:
    rows = of_operation(setting, operation)
    kept = chosen(rows, operation.filter)
    if not operation.group:
        return constant(setting.view.rows, float(kept.sum()))
    own, checked = grouped(setting, rows, operation)
    counts = pa.table({"group": own.filter(pa.array(kept))}).group_by("group").aggregate([("group", "count")])
    at = pc.index_in(checked, counts["group"].combine_chunks())
    found = counts["group_count"].combine_chunks().take(at)
    return Cells(pc.cast(pc.fill_null(found, 0), pa.float64()))


def _extreme(*, last: bool) -> Callable[[Setting, Operation], Found]:
    def compute(setting: Setting, operation: Operation) -> Found:
        rows = of_operation(setting, operation)
        cells = rows.cells(operation.name)
        kept = np.flatnonzero(chosen(rows, operation.filter) & cells.filled)
        order = kept[np.argsort(ranks(cells)[kept], kind="stable")]
        first = order[::-1] if last else order
        if not operation.group:
            at = np.full(setting.view.rows, first[0] if len(first) else -1)
            return _taken(cells, at)
        own, checked = grouped(setting, rows, operation)
        places = pc.index_in(checked, own.take(pa.array(first)))
        at = np.append(first, -1)[pc.fill_null(places, len(first)).to_numpy(zero_copy_only=False)]
        return _taken(cells, at)

    return compute


def _taken(cells: Cells, rows: Rows) -> Cells:
    return Cells(cells.values.take(pa.array(rows, mask=rows < 0)))


def _mean(setting: Setting, operation: Operation) -> Found:
    rows = of_operation(setting, operation)
    numbers = rows.cells(operation.name).number[chosen(rows, operation.filter)]
    known = numbers[~np.isnan(numbers)]
    if operation.group or not len(known):
        raise Absent(f"no mean of {operation.name}")
    return constant(setting.view.rows, float(known.mean()))


def _study_day(setting: Setting, operation: Operation) -> Found:
    """Return the study day of a date: none where it, or the day of reference, is not known to the day."""
    dates, reference = (setting.view.cells(name).times for name in (operation.name, "RFSTDTC"))
    known = (dates.precision >= Precision.DAY) & (reference.precision >= Precision.DAY)
    days = dates.day - reference.day
    return Cells(pa.array(np.where(days >= 0, days + 1, days).astype(np.float64), mask=~known))


def _variable_exists(setting: Setting, operation: Operation) -> Found:
    frame = setting.package.frame(operation.domain) if operation.domain else setting.view.frame
    there = frame is not None and resolved(frame, operation.name) in frame.variables
    return constant(setting.view.rows, str(there))


def _variable_count(setting: Setting, operation: Operation) -> Found:
    frames = setting.package.frames.values()
    count = sum(resolved(frame, operation.name) in frame.variables for frame in frames)
    return constant(setting.view.rows, float(count))


def _is_null(setting: Setting, operation: Operation) -> Found:
    found = setting.view.find(operation.name)
    return constant(setting.view.rows, str(found is None or not bool(found.filled.any())))


DATA: Mapping[str, Callable[[Setting, Operation], Found]] = {
    "distinct": _distinct,
    "record_count": _record_count,
    "max": _extreme(last=True),
    "max_date": _extreme(last=True),
    "min": _extreme(last=False),
    "min_date": _extreme(last=False),
    "mean": _mean,
    "dy": _study_day,
    "variable_exists": _variable_exists,
    "variable_count": _variable_count,
    "variable_is_null": _is_null,
}
"""Operation -> what it computes from the rows of datasets."""
