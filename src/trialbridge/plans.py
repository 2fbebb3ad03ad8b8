"""How a shape is read: one C call a row fetches every single value and the head of every list.

An absent single element is one shared empty instance, so no step tests for absence. A list step chooses one
element a row, or the empty instance, and goes on with the chosen ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import Any

import msgspec

from trialbridge.shapes import Shape

Columns = dict[str, list[Any]]
Row = msgspec.Struct


@dataclass(frozen=True, slots=True)
class ListPlan:
    """What is read of one repeating complex element."""

    empty: Row
    first: ReadPlan | None
    keyed: tuple[tuple[Callable[[Row], Any], tuple[tuple[str, ReadPlan], ...]], ...]
    every: ReadPlan | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What is read of one place: single values, primitive lists, and lists of parts."""

    get: Callable[[Row], tuple[Any, ...]]
    scalars: tuple[str | None, ...]
    primitive_lists: tuple[tuple[str, str], ...]
    lists: tuple[ListPlan, ...]
    columns: tuple[str, ...]

    def fill(self, rows: Sequence[Row], out: Columns) -> None:
        """Append what `rows` hold to the columns of `out`."""
        values = zip(*map(self.get, rows), strict=True)
        for column, cells in zip(self.scalars, values, strict=False):
            if column is not None:
                out[column].extend(cells)
        for (select, column), cells in zip(self.primitive_lists, values, strict=False):
            out[column].extend(_primitive(select, cells))
        for plan, cells in zip(self.lists, values, strict=False):
            if any(cells):
                _fill_list(plan, cells, out)
            else:
                _fill_nothing(plan, len(cells), out)


def _primitive(select: str, cells: Sequence[tuple[Any, ...]]) -> list[Any]:
    if select == "every":
        return [list(cell) or None for cell in cells]
    return [cell[0] if cell else None for cell in cells]


def _fill_nothing(plan: ListPlan, rows: int, out: Columns) -> None:
    absent = [None] * rows
    for column in plan.columns:
        out[column].extend(absent)


def _fill_list(plan: ListPlan, cells: Sequence[tuple[Row, ...]], out: Columns) -> None:
    if plan.every is not None:
        _fill_every(plan.every, cells, out)
    if plan.first is not None:
        plan.first.fill([cell[0] if cell else plan.empty for cell in cells], out)
    for key, choices in plan.keyed:
        found = [{key(part): part for part in reversed(cell)} if cell else None for cell in cells]
        for value, below in choices:
            below.fill([one.get(value, plan.empty) if one else plan.empty for one in found], out)


def _fill_every(plan: ReadPlan, cells: Sequence[tuple[Row, ...]], out: Columns) -> None:
    """Read all repetitions as one flat sequence, then cut it into a list a row; lists below are joined."""
    flat: Columns = {column: [] for column in plan.columns}
    plan.fill([part for cell in cells for part in cell], flat)
    ends = list(accumulate(map(len, cells)))
    for column, values in flat.items():
        out[column].extend(
            _joined(values[end - len(cell) : end]) if cell else None for end, cell in zip(ends, cells, strict=True)
        )


def _joined(values: list[Any]) -> list[Any]:
    if not any(isinstance(value, list) for value in values):
        return values
    return [inner for value in values for inner in (value or ())]


def read_plan(shape: Shape) -> ReadPlan:
    """Return the plan that reads every column of `shape`."""
    leaves = list(_leaves(shape, ""))
    primitives = list(_primitives(shape, ""))
    lists = list(_lists(shape, ""))
    names = [name for name, _ in leaves] + [name for name, _ in primitives] + [name for name, _ in lists]
    scalars = [column for _, column in leaves]
    padding = ["__class__"] * max(0, 2 - len(names))
    return ReadPlan(
        attrgetter(*padding, *names),
        (*[None] * len(padding), *scalars),
        tuple(plan for _, plan in primitives),
        tuple(plan for _, plan in lists),
        (
            *scalars,
            *(column for _, (_, column) in primitives),
            *(column for _, plan in lists for column in plan.columns),
        ),
    )


def _leaves(shape: Shape, prefix: str) -> Iterator[tuple[str, str]]:
    for name, column in shape.leaves.items():
        yield prefix + name, column
    for name, child in shape.singles.items():
        yield from _leaves(child, f"{prefix}{name}.")


def _primitives(shape: Shape, prefix: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for (name, select), column in shape.lists.items():
        yield prefix + name, (select, column)
    for name, child in shape.singles.items():
        yield from _primitives(child, f"{prefix}{name}.")


def _lists(shape: Shape, prefix: str) -> Iterator[tuple[str, ListPlan]]:
    names = dict.fromkeys([*shape.firsts, *shape.everys, *(name for name, _ in shape.keyed)])
    for name in names:
        yield prefix + name, _list_plan(shape, name)
    for name, child in shape.singles.items():
        yield from _lists(child, f"{prefix}{name}.")


def _list_plan(shape: Shape, name: str) -> ListPlan:
    first, every = shape.firsts.get(name), shape.everys.get(name)
    keyed = tuple(
        (attrgetter(key), tuple((value, read_plan(below)) for value, below in choices.items()))
        for (owner, key), choices in shape.keyed.items()
        if owner == name
    )
    child = next(below for owner, below in shape.children() if owner == name)
    assert child.position is not None  # noqa: S101 -- a shape made by `shape_of`
    plans = (read_plan(first) if first else None, read_plan(every) if every else None)
    below = [plan for plan in plans if plan] + [plan for _, choices in keyed for _, plan in choices]
    columns = tuple(column for plan in below for column in plan.columns)
    return ListPlan(child.position.empty, plans[0], keyed, plans[1], columns)
