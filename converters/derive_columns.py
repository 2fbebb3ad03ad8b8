"""What the derivations share: columns as plain arrays, rows put in groups, findings with their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank, flat
from trialbridge.context import Context
from trialbridge.timing import Column, Mask, Numbers, Times, parse_dtc

Codes: TypeAlias = tuple[Numbers, pa.Array]
"""For each row the place of its value among the distinct values, -1 for null; and the distinct values."""
MOST_CODES = 2**62


def texts(table: pa.Table, name: str) -> pa.Array:
    """Return a column as text; nulls where the table lacks it."""
    return flat(table[name]).cast(pa.string()) if name in table.column_names else blank(len(table))


def numbers(table: pa.Table, name: str) -> pa.Array:
    """Return a column as numbers; nulls where the table lacks it."""
    found = flat(table[name]) if name in table.column_names else blank(len(table))
    return found.cast(pa.float64())


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return the table with `values` in the place of the column, or as its last one if it is new."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def encode(column: Column) -> Codes:
    """Return the codes of a column.

    Example:
        >>> codes, values = encode(pa.array(["b", None, "a", "b"]))
        >>> codes.tolist(), values.to_pylist()
        ([0, -1, 1, 0], ['b', 'a'])
    """
    array = flat(column)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes: Numbers = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary


def ranks(column: Column) -> tuple[Numbers, int]:
    """Return the place of each value in the order of the values, nulls last, and how many places there are.

    Text is ordered by its UTF-8 bytes, in no locale.

    Example:
        >>> ranks(pa.array(["b", None, "a", "b"]))
        (array([1, 2, 0, 1]), 3)
    """
    codes, values = encode(column)
    places = np.empty(len(values) + 1, dtype=np.int64)
    places[pc.sort_indices(values).to_numpy()] = np.arange(len(values))
    places[-1] = len(values)
    return places[codes], len(values) + 1


def packed(rows: int, keys: Sequence[tuple[Numbers, int]]) -> Numbers:
    """Return one number for each row that orders and groups the rows as `keys` do, the first key first."""
    joint, size = np.zeros(rows, dtype=np.int64), 1
    for codes, places in keys:
        if size * places > MOST_CODES:
            distinct, joint = np.unique(joint, return_inverse=True)
            size = len(distinct)
        joint, size = joint * places + codes, size * places
    return joint


def group(columns: Sequence[Column], rows: int) -> Numbers:
    """Return one number for each row, the same for rows that are equal in all columns."""
    coded = (encode(column) for column in columns)
    return packed(rows, [(codes + 1, len(values) + 1) for codes, values in coded])


def in_table(table: pa.Table, names: Sequence[str]) -> list[Column]:
    """Return those of the named columns that the table has."""
    return [table[name] for name in names if name in table.column_names]


def gather(found: Mask, by: Sequence[Column]) -> list[tuple[int, int]]:
    """Return the first row, and the number of rows, of each group among the `found` rows, in row order.

    Example:
        >>> gather(np.array([True, False, True, True]), [pa.array(["a", "a", "b", "a"])])
        [(0, 2), (2, 1)]
    """
    rows = np.flatnonzero(found)
    if not len(rows):
        return []
    groups = group([flat(column).take(pa.array(rows)) for column in by], len(rows))
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(first)
    return list(zip(rows[first[order]].tolist(), counts[order].tolist(), strict=True))


def place(table: pa.Table, row: int, context: Context) -> dict[str, str]:
    """Return the fields of a finding that say where a row stands and what it was read from."""
    key = [_cell(table, "USUBJID", row)]
    sequence = context.named("SEQ")
    if sequence in table.column_names:
        key.append(f"{sequence} {table[sequence][row].as_py():.0f}")
    return {"domain": context.domain, "record": " ".join(key), "resource": _cell(table, "_id", row)}


def _cell(table: pa.Table, name: str, row: int) -> str:
    """Return one value as text; empty where there is none."""
    value = table[name][row].as_py() if name in table.column_names else None
    return "" if value is None else str(value)


def reference_times(table: pa.Table, context: Context, name: str) -> Times:
    """Return one of the subject's reference dates for each row, absent where there is none."""
    subjects = flat(context.reference["USUBJID"])
    rows: Numbers = (
        pc.index_in(texts(table, "USUBJID"), subjects).fill_null(-1).to_numpy(zero_copy_only=False)
    )
    return parse_dtc(texts(context.reference, name)).take(rows)
