"""What a name stands for in the rows that a rule looks at: one value a row, or one list a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat, once
from trialbridge.timing import Times, parse_dtc
from trialbridge.validation.frame import Frame, Mask, Numbers, Rows, format_number, number_text

_SHOWN = 5
"""Values of a list that a finding shows."""


class Cells:
    """One value a row: text or a number; null is blank.

    Example:
        >>> cells = Cells(pa.array([1.0, None]))
        >>> cells.numeric, cells.text.to_pylist(), cells.filled.tolist()
        (True, ['1', None], [True, False])
    """

    def __init__(self, values: pa.Array) -> None:
        self.values = values
        self.numeric = pa.types.is_floating(values.type)

    @cached_property
    def text(self) -> pa.Array:
        """The values as text; a whole number has no point."""
        if not self.numeric:
            return self.values
        known = pc.unique(self.values.drop_null())
        texts = pa.array([format_number(value) for value in known.to_pylist()], pa.string())
        rows = pc.index_in(self.values, known)
        return texts.take(rows) if len(known) else pa.nulls(len(self.values), pa.string())

    @cached_property
    def number(self) -> Numbers:
        """The values as numbers; NaN where there is none."""
        column = self.values if self.numeric else pc.cast(translated(self.values, number_text), pa.float64())
        return cast("Numbers", pc.fill_null(column, np.nan).to_numpy(zero_copy_only=False))

    @cached_property
    def filled(self) -> Mask:
        """The rows that have a value."""
        return flags(self.values.is_valid())

    @cached_property
    def times(self) -> Times:
        """The values as date-times."""
        return parse_dtc(self.text)

    def shown(self, rows: Rows) -> pa.Array:
        """Return the texts of some rows, as a report shows them."""
        return self.text.take(pa.array(rows))


class FrameCells(Cells):
    """A column of a dataset, as it stands, or with its rows taken: what was made of it once is used again."""

    def __init__(self, frame: Frame, name: str, rows: Rows | None = None) -> None:
        self._frame, self._name, self._rows = frame, name, rows
        column = frame.column(name)
        super().__init__(column if rows is None else column.take(pa.array(rows)))

    @cached_property
    def text(self) -> pa.Array:
        """The values as text."""
        text = self._frame.text(self._name)
        return text if self._rows is None else text.take(pa.array(self._rows))

    @cached_property
    def number(self) -> Numbers:
        """The values as numbers."""
        number = self._frame.number(self._name)
        return number if self._rows is None else number[self._rows]

    @cached_property
    def times(self) -> Times:
        """The values as date-times."""
        times = self._frame.times(self._name)
        return times if self._rows is None else times.take(self._rows)


@dataclass(frozen=True, eq=False)
class Lists:
    """One list a row: many rows have the same.

    Attributes:
        which: For each row, the place of its list; -1 where it has none.
        lists: The lists.
    """

    which: Rows
    lists: Sequence[tuple[str, ...]]

    @cached_property
    def filled(self) -> Mask:
        """The rows whose list is not empty."""
        sizes = np.array([*map(len, self.lists), 0])
        return sizes[self.which] > 0

    def shown(self, rows: Rows) -> pa.Array:
        """Return the lists of some rows as text, as a report shows them: the first few values."""
        texts = [", ".join(one[:_SHOWN]) + (", ..." if len(one) > _SHOWN else "") for one in self.lists]
        return pa.array([*texts, ""]).take(pa.array(self.which[rows] % (len(texts) + 1)))

    def only(self) -> tuple[str, ...] | None:
        """Return the one list that all rows have; none where rows differ, or have none."""
        if len(self.lists) != 1 or (len(self.which) and bool((self.which != 0).any())):
            return None
        return self.lists[0]


def same_list(rows: int, values: Sequence[str]) -> Lists:
    """Return one list that every row has.

    Example:
        >>> same_list(2, ["DM", "AE"]).only()
        ('DM', 'AE')
    """
    return Lists(np.zeros(rows, np.int64), [tuple(values)])


def constant(rows: int, value: str | float) -> Cells:
    """Return the same value in every row.

    Example:
        >>> constant(2, "LB").text.to_pylist()
        ['LB', 'LB']
    """
    kind = pa.string() if isinstance(value, str) else pa.float64()
    return Cells(pa.repeat(pa.scalar(value, kind), rows))


def flags(array: pa.Array | pa.ChunkedArray) -> Mask:
    """Return a Boolean column as a mask; null is false.

    Example:
        >>> flags(pa.array([True, None])).tolist()
        [True, False]
    """
    return cast("Mask", pc.fill_null(flat(array), False).to_numpy(zero_copy_only=False))  # noqa: FBT003 -- Arrow's order


def where(column: pa.Array, holds: Callable[[str], bool]) -> Mask:
    """Return the rows whose text is filled and `holds`; each distinct text is asked once.

    Example:
        >>> where(pa.array(["a", None, "b"]), str.isalpha).tolist()
        [True, False, True]
    """
    encoded = once(flat(column), pa.Array.dictionary_encode)
    found = pa.array(
        [value is not None and holds(value) for value in encoded.dictionary.to_pylist()], pa.bool_()
    )
    return flags(found.take(encoded.indices))


def translated(column: pa.Array, translate: Callable[[str], str | None]) -> pa.Array:
    """Return a column with each distinct text translated once.

    Example:
        >>> translated(pa.array(["a", None]), str.upper).to_pylist()
        ['A', None]
    """
    encoded = once(flat(column), pa.Array.dictionary_encode)
    texts = [None if value is None else translate(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def plain_numbers(column: pa.Array) -> pa.Array:
    """Return a column of text with ``1.0`` and `` 1`` as ``1``.

    Example:
        >>> plain_numbers(pa.array(["1.0", "A", None])).to_pylist()
        ['1', 'A', None]
    """
    return translated(column, _plain)


def _plain(text: str) -> str:
    bare = number_text(text)
    return text.strip() if bare is None else f"{float(bare):.15g}"


def keys_of(columns: Sequence[pa.Array]) -> pa.Array:
    """Return one text a row for the combination of its values; a blank is a value.

    Example:
        >>> keys_of([pa.array(["a"]), pa.array(["b"])]) == keys_of([pa.array(["a"]), pa.array(["c"])])
        False
    """
    filled = [pc.fill_null(column, "") for column in columns]
    return filled[0] if len(filled) == 1 else pc.binary_join_element_wise(*filled, "\x1f")


def codes_of(columns: Sequence[pa.Array]) -> Rows:
    """Return, for each row, the number of its combination of values; a blank is a value.

    Example:
        >>> codes_of([pa.array(["a", "a", None])]).tolist()
        [0, 0, 1]
    """
    if not len(columns[0]):
        return np.zeros(0, np.int64)
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = once(flat(column), _encoded)
        codes = codes * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy()
        codes = np.unique(codes, return_inverse=True)[1] if len(columns) > 1 else codes
    return cast("Rows", codes.astype(np.int64))


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    return pc.fill_null(column, "").dictionary_encode()


def pairs(left: pa.Array, right: pa.Array) -> tuple[Rows, Rows]:
    """Return the rows of two columns that have the same value, every one with every one; null has none.

    Example:
        >>> [rows.tolist() for rows in pairs(pa.array(["a", "b", None]), pa.array(["b", "b"]))]
        [[1, 1], [0, 1]]
    """
    known = pc.unique(right).drop_null()
    left_codes = pc.fill_null(pc.index_in(left, known), -1).to_numpy(zero_copy_only=False)
    right_codes = pc.fill_null(pc.index_in(right, known), -1).to_numpy(zero_copy_only=False)
    left_codes = np.where(flags(left.is_valid()), left_codes, -1)
    order = np.argsort(right_codes, kind="stable")
    starts = np.searchsorted(right_codes[order], np.arange(len(known) + 1))
    counts = np.append(np.diff(starts), 0)[left_codes]
    first = np.append(starts[:-1], 0)[left_codes]
    rows = np.repeat(np.arange(len(left_codes)), counts)
    steps = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows.astype(np.int64), order[np.repeat(first, counts) + steps].astype(np.int64)
