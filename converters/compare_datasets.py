"""Two states of the same datasets, cell by cell: what came back, and what did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank, flat
from trialbridge.model import Dataset, Variable


class Difference(msgspec.Struct, frozen=True):
    """What differs in one variable, or in what is declared of it.

    Attributes:
        dataset: Name of the dataset.
        variable: Name of the variable; empty for the dataset itself.
        what: ``values``, ``records``, ``dataset``, ``variable``, ``order``, ``label``, ``type``, ``length``,
            or ``format``.
        count: How many cells differ, or records.
        row: The first record that differs, from 1; 0 where none does.
        before: What it was.
        after: What it is now.
    """

    dataset: str
    variable: str
    what: str
    count: int = 1
    row: int = 0
    before: str = ""
    after: str = ""


def compare(before: Sequence[Dataset], after: Sequence[Dataset]) -> list[Difference]:
    """Return every difference between two states of the same datasets.

    Args:
        before: The datasets as they were.
        after: The datasets as they are.
    """
    known = {dataset.name: dataset for dataset in after}
    found = [one for dataset in before for one in _of_dataset(dataset, known.pop(dataset.name, None))]
    return found + [
        Difference(name, "", "dataset", len(dataset.table), before="not there", after="there")
        for name, dataset in known.items()
    ]


def _of_dataset(before: Dataset, after: Dataset | None) -> Iterator[Difference]:
    if after is None:
        yield Difference(before.name, "", "dataset", len(before.table), before="there", after="not there")
        return
    if before.label != after.label:
        yield Difference(before.name, "", "label", before=before.label, after=after.label)
    rows = len(before.table), len(after.table)
    if rows[0] != rows[1]:
        yield Difference(before.name, "", "records", abs(rows[0] - rows[1]), 0, str(rows[0]), str(rows[1]))
        return
    names = [[one.name for one in dataset.variables] for dataset in (before, after)]
    if names[0] != [name for name in names[1] if name in names[0]]:
        yield Difference(before.name, "", "order", before=" ".join(names[0]), after=" ".join(names[1]))
    for name in (one for one in names[1] if one not in names[0]):
        filled = len(after.table) - after.table[name].null_count
        yield Difference(before.name, name, "variable", filled, before="not there", after="there")
    there = {one.name: one for one in after.variables}
    for variable in before.variables:
        yield from _of_variable(before, after, variable, there.get(variable.name))


def _of_variable(
    before: Dataset, after: Dataset, was: Variable, variable: Variable | None
) -> Iterator[Difference]:
    filled = len(before.table) - before.table[was.name].null_count
    if variable is None:
        yield Difference(before.name, was.name, "variable", filled, before="there", after="not there")
        return
    for what in ("label", "type", "length", "format"):
        old, new = getattr(was, what), getattr(variable, what)
        if old != new:
            yield Difference(before.name, was.name, what, before=str(old), after=str(new))
    rows = differing(before, after, was.name)
    if len(rows):
        first = int(rows[0])
        values = (_shown(dataset, was.name, first) for dataset in (before, after))
        yield Difference(before.name, was.name, "values", len(rows), first + 1, *values)


def differing(before: Dataset, after: Dataset, name: str) -> np.ndarray:
    """Return the rows in which a variable differs: its value, or which special missing value it is."""
    old, new = (_cells(dataset, name) for dataset in (before, after))
    if old.equals(new):
        return np.empty(0, np.int64)
    same = pc.or_(pc.fill_null(pc.equal(old, new), False), pc.and_(old.is_null(), new.is_null()))  # noqa: FBT003 -- an Arrow scalar
    return np.flatnonzero(~same.to_numpy(zero_copy_only=False))


def _cells(dataset: Dataset, name: str) -> pa.Array:
    """Return a column as text, so that numbers and special missing values compare."""
    column = flat(dataset.table[name])
    marks = dataset.missing.get(name)
    if pa.types.is_string(column.type) or marks is None:
        return column if pa.types.is_string(column.type) else column.cast(pa.string())
    marked = pc.binary_join_element_wise(".", marks.cast(pa.string()), "")
    return pc.coalesce(column.cast(pa.string()), marked, blank(len(column)))


def _shown(dataset: Dataset, name: str, row: int) -> str:
    value = _cells(dataset, name)[row].as_py()
    return "" if value is None else str(value)
