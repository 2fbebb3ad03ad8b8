"""Small verbs over whole Arrow columns, used by codecs, rules and the terminology."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
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


def by_values(
    columns: Sequence[pa.Array], translate: Callable[..., Any], kind: pa.DataType = TEXT
) -> pa.Array:
    """Return one column made of several: each distinct combination is translated once.

    A null arrives as ``""``.

    Example:
        >>> by_values([pa.array(["a", "b"]), pa.array([None, "x"])], lambda p, q: p + q).to_pylist()
        ['a', 'bx']
    """
    rows, combinations = distinct(columns)
    terms = [translate(*combination) for combination in combinations]
    return pa.array(terms, kind).take(rows)


def distinct(columns: Sequence[pa.Array]) -> tuple[pa.Array, list[tuple[str, ...]]]:
    """Return, for each row, the number of its combination of values, and the combinations; a null is ``""``.

    Example:
        >>> distinct([pa.array(["a", "a"]), pa.array(["x", "x"])])[1]
        [('a', 'x')]
    """
    encoded = [pc.fill_null(flat(column).cast(TEXT), "").dictionary_encode() for column in columns]
    codes = np.zeros(len(columns[0]), np.int64)
    for one in encoded:
        codes = codes * max(len(one.dictionary), 1) + one.indices.to_numpy()
        _, codes = np.unique(codes, return_inverse=True) if len(codes) else (None, codes)
    _, first, rows = np.unique(codes, return_index=True, return_inverse=True)
    words = [one.dictionary.take(one.indices.take(pa.array(first))).to_pylist() for one in encoded]
    return pa.array(rows), list(zip(*words, strict=True))


def joined(column: pa.Array) -> pa.Array:
    """Return a column of lists as text, one separator between values; null stays null."""
    column = flat(column)
    if not pa.types.is_list(column.type):
        return column
    cells = pc.fill_null(column.values, "")
    if pc.any(pc.match_substring(cells, SEPARATOR)).as_py():
        cells = pc.replace_substring(cells, SEPARATOR, " ")
    return pc.binary_join(pa.ListArray.from_arrays(column.offsets, cells, mask=column.is_null()), SEPARATOR)


def split(text: str) -> list[str]:
    """Return the values that `joined` made one text of."""
    return text.split(SEPARATOR)


def first_valid(columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Return the first value of each row that is not null, and which column it came from."""
    which = blank(len(columns[0]), pa.uint8())
    for number in reversed(range(len(columns))):
        which = pc.if_else(columns[number].is_valid(), pa.scalar(number, pa.uint8()), which)
    return pc.coalesce(*columns), which
