"""How a shape is read: one C call a row fetches every single value and the head of every list.

An absent single element is one shared empty instance, so no step tests for absence. A list step chooses one
element a row, or the empty instance, and goes on with the chosen ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, pairwise, repeat
from operator import attrgetter, is_not
from typing import Any

import msgspec

from trialbridge.elements import wire
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

    def holds(self, column: str) -> bool:
        """Return whether anything was found for a column."""
        return column in self.cells or any(self.lengths.get(column, ()))

    def extend(self, column: str, cells: Iterable[Any]) -> None:
        """Append cells of the rows that come next; rows before them for which nothing was found are blank."""
        found = self.cells[column]
        if len(found) < self.rows:
            found += [None] * (self.rows - len(found))
        found += cells

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
    """What is read of one place: single values, primitive lists, single parts, and lists of parts.

    A column is left as it is where a batch holds nothing for it; ``flags`` are the columns of which false is
    a value, too. A part that no row of a batch has costs one look.
    """

    get: Callable[[Row], tuple[Any, ...]]
    scalars: tuple[str | None, ...]
    primitive_lists: tuple[tuple[str, str], ...]
    parts: tuple[tuple[Row, ReadPlan], ...]
    lists: tuple[ListPlan, ...]
    singles: tuple[str, ...]
    repeated: tuple[str, ...]
    flags: frozenset[str] = frozenset()

    def fill(self, rows: Sequence[Row], out: Columns) -> None:
        """Append what `rows` hold to the columns of `out`; the caller counts the rows."""
        values = zip(*map(self.get, rows), strict=True)
        for column, cells in zip(self.scalars, values, strict=False):
            if column is not None and (any(cells) or column in self.flags):
                out.extend(column, cells)
        for (select, column), cells in zip(self.primitive_lists, values, strict=False):
            _fill_primitives(select, column, cells, out)
        for (empty, below), cells in zip(self.parts, values, strict=False):
            if any(map(is_not, cells, repeat(empty))):
                below.fill(cells, out)
        for plan, cells in zip(self.lists, values, strict=False):
            if any(cells):
                out.fill_up(plan)
                _fill_list(plan, cells, out)


def _fill_primitives(select: str, column: str, cells: Sequence[tuple[Any, ...]], out: Columns) -> None:
    if select == "every":
        lengths = out.lengths[column]
        lengths += [0] * (out.rows - len(lengths))
        lengths += map(len, cells)
        out.cells[column] += chain.from_iterable(cells)
    else:
        out.extend(column, [cell[0] if cell else None for cell in cells])


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


def read_plan(shape: Shape, *, flat: bool = False) -> ReadPlan:
    """Return the plan that reads every column of `shape`.

    Args:
        shape: The place.
        flat: Whether one call fetches what single parts hold, too: quicker where most of them are there.
    """
    places = dict(_with_singles(shape)) if flat else {"": shape}
    leaves = {before + name: column for before, one in places.items() for name, column in one.leaves.items()}
    primitives = [
        (before + name, (select, column))
        for before, one in places.items()
        for (name, select), column in one.lists.items()
    ]
    parts = [] if flat else [(name, _part(child)) for name, child in shape.singles.items()]
    plans = [(before + name, _list_plan(one, name)) for before, one in places.items() for name in _lists(one)]
    names = [name for some in (leaves, primitives, parts, plans) for name in _names(some)]
    padding = ["__class__"] * max(0, 2 - len(names))
    below: list[ReadPlan | ListPlan] = [plan for _, (_, plan) in parts]
    below += [plan for _, plan in plans]
    return ReadPlan(
        attrgetter(*padding, *names),
        (*[None] * len(padding), *leaves.values()),
        tuple(plan for _, plan in primitives),
        tuple(plan for _, plan in parts),
        tuple(plan for _, plan in plans),
        (
            *leaves.values(),
            *(column for _, (select, column) in primitives if select != "every"),
            *_all("singles", below),
        ),
        (
            *(column for _, (select, column) in primitives if select == "every"),
            *_all("repeated", below),
        ),
        frozenset(chain.from_iterable(map(_flags, places.values()))),
    )


def _with_singles(shape: Shape, before: str = "") -> Iterator[tuple[str, Shape]]:
    """Yield a place and the single parts below it, with what their names begin with: ``meta.``."""
    yield before, shape
    for name, child in shape.singles.items():
        yield from _with_singles(child, f"{before}{name}.")


def _lists(shape: Shape) -> Iterable[str]:
    """Return the names of the repeating elements that have parts."""
    return dict.fromkeys([*shape.firsts, *shape.everys, *(name for name, _ in shape.keyed)])


def _names(some: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> Iterable[str]:
    return some if isinstance(some, Mapping) else (name for name, _ in some)


def _part(shape: Shape) -> tuple[Row, ReadPlan]:
    assert shape.position is not None  # noqa: S101 -- a shape made by `shape_of`
    return shape.position.empty, read_plan(shape)


def _all(name: str, plans: Sequence[ReadPlan | ListPlan]) -> Iterator[str]:
    for plan in plans:
        yield from getattr(plan, name)


def _flags(shape: Shape) -> Iterator[str]:
    assert shape.position is not None  # noqa: S101 -- a shape made by `shape_of`
    for name, column in shape.leaves.items():
        if wire(shape.position.elements[name]) == "bool":
            yield column


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
