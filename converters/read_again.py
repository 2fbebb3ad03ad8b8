"""What a reader finds in resources that were just made, each distinct part of them read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trialbridge.converters.extract import POINTERS, UNIT_POINTERS, UNITS
from trialbridge.converters.growing import as_column
from trialbridge.converters.sheets import Sheet, Spread
from trialbridge.converters.stage import Staged, whole_table
from trialbridge.plans import Columns, ReadPlan
from trialbridge.readers import Reader, columns_of

BATCH = 256
"""Rows that are read in one go: few enough to stay in the processor's cache."""

Batches = defaultdict[tuple[str, str], list[pa.RecordBatch]]


def read_again(sheets: Sequence[tuple[Reader, Sheet]]) -> Staged:
    """Return what a reader would stage of resources: their parts are the reader's own Structs.

    Args:
        sheets: The resources, each type with what reads it.
    """
    batches: Batches = defaultdict(list)
    known: defaultdict[str, int] = defaultdict(int)
    for made, sheet in sheets:
        first = known[sheet.kind]
        known[sheet.kind] += sheet.rows
        batches[sheet.kind, ""].append(_resources(made, sheet, first))
        for unit, plan in made.units.items():
            if unit in sheet.columns:
                _add_parts(batches[sheet.kind, unit], made, unit, plan, sheet.columns[unit], first)
    return staged_of(batches)


def staged_of(batches: Mapping[tuple[str, str], Sequence[pa.RecordBatch]]) -> Staged:
    """Return tables of record batches."""
    return Staged([], {key: whole_table(some) for key, some in batches.items() if some})


def _resources(made: Reader, sheet: Sheet, first: int) -> pa.RecordBatch:
    arrays = _pointers(made, sheet.rows, first)
    owners = columns_of(made.kind, made.version, dict.fromkeys(made.wires[""]))
    for name, spread in sheet.columns.items():
        if isinstance(spread.values, pa.Array):
            if name in made.shape.leaves:
                arrays[made.shape.leaves[name]] = spread.values.take(spread.places)
            continue
        own = [column for column, path in owners.items() if path.steps[0].name == name]
        if own:
            arrays |= _element(made, name, own, spread)
    return pa.RecordBatch.from_pydict(arrays)


def _element(made: Reader, name: str, own: Sequence[str], spread: Spread) -> dict[str, pa.Array]:
    """Return the columns of one element, read of resources that have nothing else."""
    struct = made.position.struct
    found = _filled(made.plan, [struct(**{name: value}) for value in spread.values])
    places = spread.places
    return {
        column: as_column(found, column, made.wires[""][column]).take(places)
        for column in own
        if found.holds(column)
    }


def _filled(plan: ReadPlan, rows: Sequence[Any]) -> Columns:
    found = Columns()
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        plan.fill(some, found)
        found.rows += len(some)
    return found


def _pointers(made: Reader, rows: int, first: int) -> dict[str, pa.Array]:
    numbers = np.arange(first, first + rows)
    said: dict[str, Any] = {
        **dict.fromkeys(POINTERS, pa.repeat("", rows)),
        "_uid": numbers,
        "_hash": numbers,
        "_position": np.zeros(rows, np.int64),
        "_source": np.zeros(rows, np.int32),
        "_version": pa.repeat(made.version, rows),
    }
    return {name: pa.array(said[name], kind) for name, kind in POINTERS.items()}


def _add_parts(
    batches: list[pa.RecordBatch], made: Reader, unit: str, plan: ReadPlan, spread: Spread, first: int
) -> None:
    """Read the components or answers of resources, which are records of their own."""
    struct, nothing = made.position.struct, made.position.empty
    lone = [struct(**{unit: value}) for value in spread.values]
    rows = [lone[number] if number >= 0 else nothing for number in spread.rows.tolist()]
    parents, items, parts = UNITS[unit](made.position, rows, first)
    if parts:
        found = _filled(plan, parts)
        pointers = {"_parent": parents, "_item": items}
        arrays = {name: pa.array(pointers[name], kind) for name, kind in UNIT_POINTERS.items()}
        arrays |= dict(_held(found, made.wires[unit]))
        batches.append(pa.RecordBatch.from_pydict(arrays))


def _held(found: Columns, wires: Mapping[str, str]) -> Iterator[tuple[str, pa.Array]]:
    for name, wired in wires.items():
        if found.holds(name):
            yield name, as_column(found, name, wired)
