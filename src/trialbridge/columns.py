"""Small verbs over whole Arrow columns, used by codecs, rules and the terminology."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
Made = TypeVar("Made")
SEPARATOR = "\x1f"
DENSE = 4
"""Combinations for each row up to which a table of all of them is made."""


def blank(rows: int, kind: pa.DataType = TEXT) -> pa.Array:
    """Return a column of nulls."""
    return pa.nulls(rows, kind)


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return `column` as one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which copies even one


REPEATED = 4
"""Rows for each distinct value from which a column is kept folded."""


def unfolded(column: pa.Array) -> pa.Array:
    """Return a column that may be folded, as a dictionary of its distinct values, as plain values.

    Example:
        >>> unfolded(pa.array(["a", None, "a"]).dictionary_encode()).to_pylist()
        ['a', None, 'a']
    """
    return column.dictionary.take(column.indices) if pa.types.is_dictionary(column.type) else column


def refolded(parts: Sequence[pa.Array]) -> pa.Array:
    """Return one column of several, of which some are folded: folded where its values repeat themselves.

    Where a folded column is blank, it has no value; none of its distinct values is a null.

    Example:
        >>> parts = [pa.array(["a"] * 9).dictionary_encode(), pa.array(["a", "b"])]
        >>> refolded(parts).dictionary.to_pylist(), len(unfolded(refolded(parts)))
        (['a', 'b'], 11)
    """
    folded = [part if pa.types.is_dictionary(part.type) else _each_its_own(part) for part in parts]
    values = pa.concat_arrays([part.dictionary for part in folded])
    starts = np.cumsum([0, *(len(part.dictionary) for part in folded[:-1])])
    pairs = zip(folded, starts, strict=True)
    rows = pa.concat_arrays([pc.add(part.indices.cast(pa.int64()), start) for part, start in pairs])
    kept, numbers = _without_repeats(values)
    if len(kept) * REPEATED > len(rows):
        return values.take(rows)
    return pa.DictionaryArray.from_arrays(numbers.take(rows), kept)


def _each_its_own(column: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(len(column), dtype=np.int32)), column)


def _without_repeats(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the distinct of `values`, and for each of them its number."""
    if not pa.types.is_list(values.type):
        encoded = values.dictionary_encode()
        return encoded.dictionary, encoded.indices
    known: dict[tuple[str | None, ...], int] = {}
    numbers = [
        None if value is None else known.setdefault(tuple(value), len(known)) for value in values.to_pylist()
    ]
    return pa.array(list(known), values.type), pa.array(numbers, pa.int32())


_MADE: ContextVar[dict[tuple[Any, ...], tuple[pa.Array, Any]] | None] = ContextVar("made", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Let `once` remember, while this is open, what was made of each column."""
    token = _MADE.set({})
    try:
        yield
    finally:
        _MADE.reset(token)


def once(column: pa.Array, make: Callable[[pa.Array], Made]) -> Made:
    """Return what `make` makes of a column; while `remembering`, it is made once and shared.

    Example:
        >>> column = pa.array(["a", "b"])
        >>> with remembering():
        ...     once(column, pa.Array.to_pylist) is once(column, pa.Array.to_pylist)
        True
        >>> once(column, pa.Array.to_pylist) is once(column, pa.Array.to_pylist)
        False
    """
    known = _MADE.get()
    if known is None or pa.types.is_dictionary(column.type) or column.null_count == len(column):
        return make(column)
    places = (buffer.address if buffer else 0 for buffer in column.buffers())
    key = (make, column.type.id, column.offset, len(column), *places)
    if key not in known:
        known[key] = column, make(column)  # with the column itself, so that nothing else gets its address
    made: Made = known[key][1]
    return made


def by_value(column: pa.Array, translate: Callable[[str], str | None]) -> pa.Array:
    """Return `column` with each distinct value translated once.

    Example:
        >>> by_value(pa.array(["a", None, "a"]), str.upper).to_pylist()
        ['A', None, 'A']
    """
    encoded = once(flat(column), pa.Array.dictionary_encode)
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
    encoded = [once(flat(column), _encoded) for column in columns]
    first, rows = _combinations(encoded)
    words = [one.dictionary.take(one.indices.take(pa.array(first))).to_pylist() for one in encoded]
    return pa.array(rows), list(zip(*words, strict=True))


def combinations(columns: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each combination of values, and the number of each row's combination.

    Example:
        >>> first, rows = combinations([pa.array(["a", "b", "a"]), pa.array(["x", None, "x"])])
        >>> first.tolist(), rows.tolist()
        ([0, 1], [0, 1, 0])
    """
    return _combinations([once(flat(column), _encoded) for column in columns])


def _combinations(encoded: Sequence[pa.DictionaryArray]) -> tuple[np.ndarray, np.ndarray]:
    codes, size = np.zeros(len(encoded[0]), np.int64), 1
    for one in encoded:
        values = len(one.dictionary)
        if values > 1:
            if size * values > DENSE * len(codes):
                _, codes, size = _numbered(codes, size)
            codes, size = codes * values + one.indices.to_numpy(), size * values
    first, rows, _ = _numbered(codes, size)
    return first, rows


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    if column.null_count == len(column):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(column), np.int32)), [""])
    if pa.types.is_dictionary(column.type):
        return _with_blank(column)
    text = column.cast(TEXT)
    return (pc.fill_null(text, "") if text.null_count else text).dictionary_encode()


def _with_blank(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a folded column with empty text for a null."""
    values, numbers = _without_repeats(pa.concat_arrays([column.dictionary, pa.array([""], TEXT)]))
    blank_ = len(column.dictionary)
    return pa.DictionaryArray.from_arrays(numbers.take(pc.fill_null(column.indices, blank_)), values)


def _numbered(codes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the first row of each distinct code, in their order, the number of each row's, and how many."""
    if size > DENSE * len(
        codes
    ):  # else a table of all codes that there may be is quicker than putting them in order
        _, first, rows = np.unique(codes, return_index=True, return_inverse=True)
        return first, rows, len(first)
    firsts = np.full(size, -1, np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]
    there = firsts >= 0
    return firsts[there], (np.cumsum(there) - 1)[codes], int(there.sum())


def joined(column: pa.Array) -> pa.Array:
    """Return a column of lists as text, one separator between values; null stays null, and folded folded."""
    column = flat(column)
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, joined(column.dictionary))
    return once(column, _joined) if pa.types.is_list(column.type) else column


def _joined(column: pa.Array) -> pa.Array:
    cells = pc.fill_null(column.values, "")
    if _below_blank(cells) and pc.any(pc.match_substring(cells, SEPARATOR)).as_py():
        cells = pc.replace_substring(cells, SEPARATOR, " ")
    return pc.binary_join(pa.ListArray.from_arrays(column.offsets, cells, mask=column.is_null()), SEPARATOR)


def _below_blank(texts: pa.Array) -> bool:
    """Return whether the texts may hold a control character, of which the separator is one."""
    data = texts.buffers()[2]
    return data is not None and data.size > 0 and int(np.frombuffer(data, np.uint8).min()) < ord(" ")


def split(text: str) -> list[str]:
    """Return the values that `joined` made one text of."""
    return text.split(SEPARATOR)


def first_valid(columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Return the first value of each row that is not null, and which column it came from."""
    rows = len(columns[0])
    which = blank(rows, pa.uint8())
    held = [number for number, column in enumerate(columns) if column.null_count < rows]
    for number in reversed(held):
        which = pc.if_else(columns[number].is_valid(), pa.scalar(number, pa.uint8()), which)
    return pc.coalesce(*(columns[number] for number in held or range(len(columns)))), which
