"""One table while it is read: columns that grow, and become Arrow record batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.census import SAMPLED, Census, Counter, count
from trialbridge.converters.folding import FoldedCells, Folding
from trialbridge.plans import Columns, ReadPlan
from trialbridge.shapes import NO_TEXT

Row = msgspec.Struct
FLUSH = 16384
"""Rows from which a table makes a record batch of them."""


class Same(NamedTuple):
    """A pointer that is the same in a number of rows."""

    value: str | int
    rows: int


Pointers: TypeAlias = Same | pa.Array | np.ndarray | Sequence[Any]
"""A pointer of some rows."""


@dataclass
class Table:
    """Columns that grow, and become record batches; a column that holds nothing is left out of its batch."""

    wires: Mapping[str, str]
    kinds: Mapping[str, pa.DataType]
    census: Census
    pointers: dict[str, list[Pointers]] = field(default_factory=lambda: defaultdict(list))
    columns: Columns = field(default_factory=Columns)
    folding: Folding | None = None
    folded: dict[str, FoldedCells] = field(default_factory=dict)
    sampled: dict[Counter, list[Row]] = field(default_factory=lambda: defaultdict(list))
    batches: list[pa.RecordBatch] = field(default_factory=list)

    def fold(self, folding: Folding | None) -> None:
        """Go on with another folding, or none: what was read before becomes a record batch."""
        if folding is not self.folding:
            self.flush()
            self.folding, self.folded = folding, {}
        if folding is not None and not self.folded:
            pairs = zip(folding.reader.folds, folding.plans, strict=True)
            self.folded = {fold.name: FoldedCells(fold, plan) for fold, plan in pairs}

    def point(self, **values: Pointers) -> None:
        """Append the pointers of rows."""
        for name, some in values.items():
            self.pointers[name].append(some)

    def fill(self, plan: ReadPlan, rows: Sequence[Row]) -> None:
        """Read rows."""
        plan.fill(rows, self.columns)
        self.grow(len(rows))

    def count(self, plan: Counter, rows: list[Row]) -> list[int]:
        """Count what nothing reads of the last rows, and return which of them are in the sample."""
        count(plan, rows, self.census)
        hashes: np.ndarray = np.asarray(self.pointers["_hash"][-1])
        chosen: list[int] = np.flatnonzero(hashes % SAMPLED == 0).tolist()
        self.sampled[plan] += [rows[number] for number in chosen]
        return chosen

    def grow(self, rows: int) -> None:
        """Count rows that were read, and make a record batch of what there is where it is enough for one."""
        self.columns.rows += rows
        if self.columns.rows >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Turn what there is into a record batch."""
        if self.columns.rows:
            arrays = {name: _pointers(self.pointers[name], kind) for name, kind in self.kinds.items()}
            spread = dict(self._spread())
            for cells in self.folded.values():
                cells.count(self.census)
            for plan, rows in self.sampled.items():
                count(plan, rows, self.census, sample=True)
            for name, wired in self.wires.items():
                if name in spread:
                    arrays[name] = spread[name]
                elif self.columns.holds(name):
                    arrays[name] = as_column(self.columns, name, wired)
            self.batches.append(pa.RecordBatch.from_pydict(arrays))
            self.pointers, self.columns, self.folded = defaultdict(list), Columns(), {}
            self.sampled.clear()

    def _spread(self) -> Iterator[tuple[str, pa.Array]]:
        """Yield the columns of folded elements: their distinct values, and which of them each row has."""
        for cells in self.folded.values():
            for found, rows in cells.columns():
                for name in filter(found.holds, (*cells.fold.plan.singles, *cells.fold.plan.repeated)):
                    values = as_column(found, name, self.wires[name])
                    yield name, pa.DictionaryArray.from_arrays(rows, values)


def _pointers(parts: Sequence[Pointers], kind: pa.DataType) -> pa.Array:
    """Return the pointers of all rows; made at once, for those of 256 rows alone cost more than they hold."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return pa.array(np.concatenate(parts), kind)
    arrays: list[pa.Array] = []
    for kept, some in groupby(parts, _alike):
        found = list(some)
        if kept is None:
            arrays += [part if isinstance(part, pa.Array) else pa.array(part, kind) for part in found]
        else:
            arrays.append(pa.repeat(pa.scalar(kept, kind), sum(map(_rows, found))))
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _alike(part: Pointers) -> str | int | None:
    return part.value if isinstance(part, Same) else None


def _rows(part: Pointers) -> int:
    return part.rows if isinstance(part, Same) else len(part)


def as_column(columns: Columns, name: str, wired: str) -> pa.Array:
    """Return a column; where it ends early, nothing was found for the rest."""
    rows, kind = columns.rows, wired.removesuffix("[]")
    repeated = kind != wired
    if name not in (columns.lengths if repeated else columns.cells):
        return pa.nulls(rows, pa.list_(pa.string()) if repeated else pa.string())
    cells = columns.cells[name]
    if not repeated:
        return _array(cells + [None] * (rows - len(cells)), kind)
    lengths = np.zeros(rows, np.int32)
    found = columns.lengths[name]
    lengths[: len(found)] = found
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), _array(cells, kind), mask=pa.array(lengths == 0))


def _array(values: list[Any], wired: str) -> pa.Array:
    if wired == "raw":
        texts = [None if value is NO_TEXT or value is None else bytes(value) for value in values]
        numbers = pa.array(texts, pa.binary()).cast(pa.string())
        return pc.if_else(pc.equal(numbers, "null"), None, numbers)
    if wired == "bool":
        return pa.array(values, pa.bool_()).cast(pa.string())
    return pa.array(values, pa.string())
