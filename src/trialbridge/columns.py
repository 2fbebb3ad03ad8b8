"""Small verbs over whole Arrow columns, used by codecs, rules and the terminology."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
SEPARATOR = "\x1f"


def blank(rows: int, kind: pa.DataType = TEXT) -> pa.Array:
    """Return a column of nulls."""
    return pa.nulls(rows, kind)


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return `column` as one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def by_value(column: pa.Array, translate: Callable[[str], str | None]) -> pa.Array:
    """Return `column` with each distinct value translated once.

    Example:
        >>> by_value(pa.array(["a", None, "a"]), str.upper).to_pylist()
        ['A', None, 'A']
    """
    encoded = flat(column).dictionary_encode()
    terms = [translate(value) for value in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(terms, TEXT), encoded.indices)


def by_values(columns: Sequence[pa.Array], translate: Callable[..., Any], kind: pa.DataType = TEXT) -> pa.Array:
    """Return one column made of several: each distinct combination is translated once.

    A null arrives as ``""``.

    Example:
        >>> by_values([pa.array(["a", "b"]), pa.array([None, "x"])], lambda p, q: p + q).to_pylist()
        ['a', 'bx']
    """
    filled = [pc.fill_null(flat(column), "") for column in columns]
    encoded = pc.binary_join_element_wise(*filled, SEPARATOR).dictionary_encode()
    terms = [translate(*value.split(SEPARATOR)) for value in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(terms, kind), encoded.indices)


def joined(column: pa.Array) -> pa.Array:
    """Return a column of lists as text, one separator between values; null stays null."""
    column = flat(column)
    if not pa.types.is_list(column.type):
        return column
    values = pa.ListArray.from_arrays(column.offsets, pc.fill_null(column.values, ""), mask=column.is_null())
    return pc.binary_join(values, SEPARATOR + SEPARATOR)


def split(text: str) -> list[str]:
    """Return the values that `joined` made one text of."""
    return text.split(SEPARATOR + SEPARATOR)


def first_valid(columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Return, for each row, the first value that is not null, and which column it came from (null for none)."""
    which = blank(len(columns[0]), pa.uint8())
    for number in reversed(range(len(columns))):
        which = pc.if_else(columns[number].is_valid(), pa.scalar(number, pa.uint8()), which)
    return pc.coalesce(*columns), which
