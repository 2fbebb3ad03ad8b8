"""Datasets that are read a block of subjects at a time: from memory, or from a file beside the output.

On disk a dataset is one Arrow file, in the order in which it was read. Where its records are not in the order
of the blocks, they are put into that order once, some batches at a time: memory never holds the dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT
from trialbridge.converters.overview import Overview
from trialbridge.model import Dataset

ROW = "row"
"""Column of the numbers of records, from 0, beside those of the variables, which are upper case."""

LETTERS = ":letters"
"""Behind the name of a variable: the column of the letters of its special missing values."""

TOGETHER = 8
"""Batches that are put into the order of the blocks together."""

Batch = tuple[pa.RecordBatch, Mapping[str, pa.Array]]


class Piece(Protocol):
    """Some records of a dataset."""

    def read(self) -> tuple[Dataset, np.ndarray]:
        """Return the records, and the number of each in its dataset, from 0."""


class Stored(Protocol):
    """A dataset, wherever it is kept."""

    @property
    def described(self) -> Dataset:
        """The dataset; its records may lack."""

    @property
    def overview(self) -> Overview:
        """What is known of all records."""

    def pieces(self, blocks: np.ndarray) -> dict[int, Piece]:
        """Return the records of each block, in their order; `blocks` has the block of each record."""

    def whole(self) -> Dataset:
        """Return the dataset with all its records."""


def _spans(blocks: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield each block of records in the order of their blocks, its first record, and the first behind it."""
    found, firsts = np.unique(blocks, return_index=True)
    ends = [*firsts[1:].tolist(), len(blocks)]
    yield from zip(found.tolist(), firsts.tolist(), ends, strict=False)  # no end where there are no records


class InMemory(NamedTuple):
    """Some records of a dataset in memory."""

    dataset: Dataset
    rows: np.ndarray

    def read(self) -> tuple[Dataset, np.ndarray]:
        """Return the records, and the number of each in its dataset."""
        return self.dataset, self.rows


@dataclass(frozen=True)
class Held:
    """A dataset in memory."""

    dataset: Dataset
    overview: Overview

    @property
    def described(self) -> Dataset:
        """The dataset."""
        return self.dataset

    def pieces(self, blocks: np.ndarray) -> dict[int, Piece]:
        """Return the records of each block, in their order."""
        order = np.argsort(blocks, kind="stable")
        return {block: _Rows(self.dataset, order[first:last]) for block, first, last in _spans(blocks[order])}

    def whole(self) -> Dataset:
        """Return the dataset."""
        return self.dataset


class _Rows(NamedTuple):
    """Some records of a dataset in memory, which are taken when they are asked for."""

    dataset: Dataset
    rows: np.ndarray

    def read(self) -> tuple[Dataset, np.ndarray]:
        """Return the records, and the number of each in its dataset."""
        chosen = pa.array(self.rows)
        missing = {name: letters.take(chosen) for name, letters in self.dataset.missing.items()}
        return replace(self.dataset, table=self.dataset.table.take(chosen), missing=missing), self.rows

    def __reduce__(self) -> tuple[type[InMemory], tuple[Dataset, np.ndarray]]:
        """Send no more to another process than the records."""
        return InMemory, self.read()


def held(dataset: Dataset) -> Held:
    """Return a dataset in memory, looked over."""
    overview = Overview(dataset.name)
    table = dataset.table.combine_chunks()
    for batch in table.to_batches():
        overview.add(batch, dataset.missing)
    return Held(replace(dataset, table=table), overview)


class OnDisk(NamedTuple):
    """Some records of a dataset on disk.

    Attributes:
        described: The dataset without its records.
        path: Its file.
        parts: Batch of the file, and the first and the last row in it, without the last.
    """

    described: Dataset
    path: str
    parts: tuple[tuple[int, int, int], ...]

    def read(self) -> tuple[Dataset, np.ndarray]:
        """Return the records, and the number of each in its dataset."""
        with pa.OSFile(self.path) as file:
            reader = pa.ipc.open_file(file)
            some = [reader.get_batch(number).slice(start, stop - start) for number, start, stop in self.parts]
        whole = pa.Table.from_batches(some).combine_chunks()
        names = [variable.name for variable in self.described.variables]
        letters = {
            name: _letters(whole[name + LETTERS]) for name in names if name + LETTERS in whole.column_names
        }
        missing = {name: some for name, some in letters.items() if some.null_count < len(some)}
        table = whole.select(names)
        return replace(self.described, table=table, missing=missing), whole[ROW].to_numpy()


@dataclass(frozen=True)
class Shelved:
    """A dataset on disk.

    Attributes:
        described: The dataset without its records.
        overview: What is known of all of them.
        path: Its file.
        starts: The first record of each batch of the file, and the number of records.
    """

    described: Dataset
    overview: Overview
    path: Path
    starts: np.ndarray

    @property
    def name(self) -> str:
        """Dataset name."""
        return self.described.name

    def pieces(self, blocks: np.ndarray) -> dict[int, Piece]:
        """Return the records of each block, in their order."""
        if np.all(np.diff(blocks) >= 0):
            return {
                block: OnDisk(self.described, str(self.path), parts) for block, parts in self._ranges(blocks)
            }
        path = self.path.with_suffix(".sorted")
        parts = _rearranged(self.path, path, self.starts, blocks)
        return {block: OnDisk(self.described, str(path), tuple(some)) for block, some in parts.items()}

    def _ranges(self, blocks: np.ndarray) -> Iterator[tuple[int, tuple[tuple[int, int, int], ...]]]:
        for block, first, last in _spans(blocks):
            yield block, tuple(self._parts(first, last))

    def _parts(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield the parts of batches between two records."""
        begin = int(np.searchsorted(self.starts, first, side="right")) - 1
        end = int(np.searchsorted(self.starts, last, side="left"))
        for number in range(begin, end):
            start, stop = int(self.starts[number]), int(self.starts[number + 1])
            yield number, max(first - start, 0), min(last, stop) - start

    def whole(self) -> Dataset:
        """Return the dataset with all its records."""
        parts = tuple(self._parts(0, self.overview.rows))
        return OnDisk(self.described, str(self.path), parts).read()[0] if parts else self.described


def _rearranged(
    source: Path, target: Path, starts: np.ndarray, blocks: np.ndarray
) -> dict[int, list[tuple[int, int, int]]]:
    """Write the records of each batch block by block, and return where those of each block are."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    written = 0
    with pa.OSFile(str(source)) as file, pa.OSFile(str(target), "wb") as out:
        reader = pa.ipc.open_file(file)
        with pa.ipc.new_file(out, reader.schema) as writer:
            for number in range(0, reader.num_record_batches, TOGETHER):
                numbers = range(number, min(number + TOGETHER, reader.num_record_batches))
                table = pa.Table.from_batches([reader.get_batch(one) for one in numbers])
                own = blocks[starts[number] : starts[number] + len(table)]
                for block in np.unique(own).tolist():
                    (some,) = table.take(pa.array(np.flatnonzero(own == block))).combine_chunks().to_batches()
                    writer.write_batch(some)
                    found.setdefault(block, []).append((written, 0, len(some)))
                    written += 1
    return found


def shelve(described: Dataset, batches: Iterable[Batch], path: Path) -> Shelved:
    """Return a dataset that was put into a file, a batch at a time.

    Args:
        described: The dataset without its records.
        batches: The records, with the letters of special missing values.
        path: The file.
    """
    overview = Overview(described.name)
    starts = [0]
    schema = _schema(described.table.schema)
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, schema) as writer:
        for batch, letters in batches:
            if len(batch):
                writer.write_batch(_stored(batch, letters, overview.rows, schema))
                overview.add(batch, letters)
                starts.append(overview.rows)
    return Shelved(described, overview, path, np.array(starts))


def _schema(table: pa.Schema) -> pa.Schema:
    """Return the columns of the file of a dataset."""
    lettered = [pa.field(one.name + LETTERS, pa.uint8()) for one in table if pa.types.is_floating(one.type)]
    return pa.schema([*table, *lettered, pa.field(ROW, pa.int64())])


def _stored(
    batch: pa.RecordBatch, letters: Mapping[str, pa.Array], first: int, schema: pa.Schema
) -> pa.RecordBatch:
    rows = len(batch)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name in schema.names[len(columns) : -1]:
        own = letters.get(name.removesuffix(LETTERS))
        codes = pa.repeat(pa.scalar(0, pa.uint8()), rows) if own is None else _codes(own)
        columns[name] = codes
    columns[ROW] = pa.array(np.arange(first, first + rows))
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _codes(letters: pa.Array) -> pa.Array:
    """Return the code of each letter; 0 for none."""
    return pc.fill_null(pc.index_in(letters, _ALPHABET), 0).cast(pa.uint8())


def _letters(codes: pa.ChunkedArray) -> pa.Array:
    return _ALPHABET.take(pc.if_else(pc.equal(codes, 0), None, codes).combine_chunks())


_ALPHABET = pa.array(["", "_", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"], TEXT)
