"""How a shape is read: one C call a row fetches every single value and the head of every list.

An absent single element is one shared empty instance, so no step tests for absence. A list step chooses one
element a row, or the empty instance, and goes on with the chosen ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, pairwise
from operator import attrgetter
from typing import Any

import msgspec

from trialbridge.shapes import Shape

Row = msgspec.Struct


@dataclass(slots=True)
class Columns:
    """Columns that grow.

    Attributes:
        rows: How many rows there are; a column that nothing was found for may be shorter, or lack.
        cells: Column -> its cells; of a list column all of them, row after row.
        lengths: List column -> how many cells each row has; none where there is no list.
    """

    rows: int = 0
    cells: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    lengths: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def fill_up(self, plan: ListPlan | ReadPlan) -> None:
        """Make the columns of `plan` as long as there are rows."""
        for column in plan.singles:
            cells = self.cells[column]
            cells += [None] * (self.rows - len(cells))
        for column in plan.repeated:
            lengths = self.lengths[column]
            lengths += [0] * (self.rows - len(lengths))


@dataclass(frozen=True, slots=True)
class ListPlan:
    """What is read of one repeating complex element.

    Attributes:
        empty: The absent repetition.
        first: Reads the first repetition.
        keyed: Getter of a key, and value of the key -> what reads the repetition that has it.
        every: Reads all repetitions.
        singles: Columns with one cell a row.
        repeated: Columns with a list a row.
    """

    empty: Row
    first: ReadPlan | None
    keyed: tuple[tuple[Callable[[Row], Any], tuple[tuple[str, ReadPlan], ...]], ...]
    every: ReadPlan | None
    singles: tuple[str, ...]
    repeated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What is read of one place: single values, primitive lists, and lists of parts."""

    get: Callable[[Row], tuple[Any, ...]]
    scalars: tuple[str | None, ...]
    primitive_lists: tuple[tuple[str, str], ...]
    lists: tuple[ListPlan, ...]
    singles: tuple[str, ...]
    repeated: tuple[str, ...]

    def fill(self, rows: Sequence[Row], out: Columns) -> None:
        """Append what `rows` hold to the columns of `out`; the caller counts the rows."""
        values = zip(*map(self.get, rows), strict=True)
        for column, cells in zip(self.scalars, values, strict=False):
            if column is not None:
                out.cells[column] += cells
        for (select, column), cells in zip(self.primitive_lists, values, strict=False):
            _fill_primitives(select, column, cells, out)
        for plan, cells in zip(self.lists, values, strict=False):
            if any(cells):
                out.fill_up(plan)
                _fill_list(plan, cells, out)


def _fill_primitives(select: str, column: str, cells: Sequence[tuple[Any, ...]], out: Columns) -> None:
    if select == "every":
        out.cells[column] += chain.from_iterable(cells)
        out.lengths[column] += map(len, cells)
    else:
        out.cells[column] += [cell[0] if cell else None for cell in cells]


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
    """Read all repetitions as one flat sequence; lists below are joined."""
    parts = list(chain.from_iterable(cells))
    sizes = list(map(len, cells))
    flat = Columns()
    plan.fill(parts, flat)
    flat.rows = len(parts)
    flat.fill_up(plan)
    for column in plan.singles:
        out.cells[column] += flat.cells[column]
        out.lengths[column] += sizes
    for column in plan.repeated:
        joined, lengths = _joined(flat.cells[column], flat.lengths[column], sizes)
        out.cells[column] += joined
        out.lengths[column] += lengths


def _joined(cells: list[Any], inner: Sequence[int], sizes: Sequence[int]) -> tuple[list[Any], list[int]]:
    """Return the cells and lengths of joined lists; a row whose every repetition lacks the list has nulls.

    Args:
        cells: The cells of all inner lists.
        inner: The length of each inner list.
        sizes: How many inner lists each row has.
    """
    if 0 not in inner:
        ends = [0, *accumulate(inner)]
        bounds = [ends[bound] for bound in accumulate(sizes, initial=0)]
        return cells, [end - start for start, end in pairwise(bounds)]
    kept: list[Any] = []
    lengths = []
    rest, counts = iter(cells), iter(inner)
    for size in sizes:
        length = sum(islice(counts, size))
        kept += islice(rest, length) if length else [None] * size
        lengths.append(length or size)
    return kept, lengths


def read_plan(shape: Shape) -> ReadPlan:
    """Return the plan that reads every column of `shape`."""
    leaves = list(_leaves(shape, ""))
    primitives = list(_primitives(shape, ""))
    lists = list(_lists(shape, ""))
    names = [name for name, _ in leaves] + [name for name, _ in primitives] + [name for name, _ in lists]
    scalars = [column for _, column in leaves]
    padding = ["__class__"] * max(0, 2 - len(names))
    firsts = [column for _, (select, column) in primitives if select != "every"]
    everys = [column for _, (select, column) in primitives if select == "every"]
    return ReadPlan(
        attrgetter(*padding, *names),
        (*[None] * len(padding), *scalars),
        tuple(plan for _, plan in primitives),
        tuple(plan for _, plan in lists),
        (*scalars, *firsts, *(column for _, plan in lists for column in plan.singles)),
        (*everys, *(column for _, plan in lists for column in plan.repeated)),
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
    of_first = [read_plan(first)] if first else []
    of_every = [read_plan(every)] if every else []
    one = of_first + [plan for _, choices in keyed for _, plan in choices]
    return ListPlan(
        child.position.empty,
        of_first[0] if first else None,
        keyed,
        of_every[0] if every else None,
        tuple(column for plan in one for column in plan.singles),
        tuple(column for plan in one + of_every for column in plan.repeated)
        + tuple(column for plan in of_every for column in plan.singles),
    )
