"""The columns of a dataset as text, made when they are asked for: a study is larger than its blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT, flat
from trialbridge.model import Dataset


@dataclass(frozen=True)
class Texts(Mapping[str, pa.Array]):
    """Columns of a dataset as text, and others beside them; each is made anew whenever it is asked for.

    Attributes:
        dataset: The dataset.
        names: The variables that are asked for.
        beside: Further columns.
    """

    dataset: Dataset
    names: tuple[str, ...]
    beside: Mapping[str, pa.Array]

    def __getitem__(self, name: str) -> pa.Array:
        """Return a column."""
        if name in self.beside:
            return self.beside[name]
        if name not in self.names:
            raise KeyError(name)
        return text_of(self.dataset, name)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the columns."""
        yield from self.names
        yield from self.beside

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.names) + len(self.beside)


def text_of(dataset: Dataset, name: str, rows: np.ndarray | None = None) -> pa.Array:
    """Return a column as text: a number in its shortest form, ``.A`` for missing A.

    Args:
        dataset: The dataset.
        name: The variable.
        rows: Some rows of it; all where none are named.
    """
    column = _some(dataset.table[name], rows)
    if pa.types.is_string(column.type):
        return column
    text = column.cast(TEXT)
    if name in dataset.missing:
        marks = _some(pa.chunked_array([dataset.missing[name]]), rows).cast(TEXT)
        text = pc.coalesce(text, pc.binary_join_element_wise(".", marks, ""))
    return text


def _some(column: pa.ChunkedArray, rows: np.ndarray | None) -> pa.Array:
    if rows is None:
        return flat(column)
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):  # they follow each other, for rows are in order
        return flat(column.slice(int(rows[0]), len(rows)))
    return flat(column.take(pa.array(rows)))
