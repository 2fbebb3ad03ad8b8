"""Transport files above a regulator's limit, in parts beside the whole: rows are copied, never read anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trialbridge.converters.read_xpt import inspect_xpt
from trialbridge.converters.whole_file import whole_file
from trialbridge.converters.xpt_format import RECORD, blank_padding, header_bytes, row_dtype
from trialbridge.converters.xpt_members import XptHeader

_BLOCK = 8 << 20
"""Bytes in memory at a time."""


def split_xpt(source: Path, folder: Path, limit: int, created: datetime) -> list[str]:
    """Write the parts of a transport file, none of which parts a subject, and return their names.

    A subject whose records are larger than the limit is a part alone. The parts have the variables of the
    whole, at its lengths, and their rows are its rows, byte by byte.

    Args:
        source: The file.
        folder: Where the parts go, which exists.
        limit: Bytes that a part may have.
        created: The moment in the headers.

    Raises:
        ReadError: `source` is no transport file of one dataset.
    """
    header = inspect_xpt(source)
    width = row_dtype(header.variables).itemsize
    room = limit - len(header_bytes(header.name, header.label, created, header.variables)) - RECORD
    with source.open("rb") as file:
        ends = np.fromiter(_ends(file, header), np.int64)
        names = []
        for number, (start, stop) in enumerate(_ranges(ends, max(room // width, 1)), 1):
            name = f"{header.name[: 8 - len(f'{number:02d}')]}{number:02d}"
            first, size = header.first_row + start * width, (stop - start) * width
            with whole_file(folder / f"{name.lower()}.xpt") as part:
                part.write(header_bytes(name, header.label, created, header.variables))
                _copy(file, first, size, part)
                part.write(blank_padding(size))
            names.append(name)
    return names


def is_whole(source: Path, parts: Sequence[Path]) -> bool:
    """Return whether the rows of parts, one after the other, are those of a file, byte for byte."""
    return _digest([source]) == _digest(parts)


def _digest(files: Sequence[Path]) -> bytes:
    found = hashlib.sha256()
    for path in files:
        header = inspect_xpt(path)
        size = header.rows * row_dtype(header.variables).itemsize
        with path.open("rb") as file:
            file.seek(header.first_row)
            while size and (block := file.read(min(size, _BLOCK))):
                found.update(block)
                size -= len(block)
    return found.digest()


def _copy(source: BinaryIO, first: int, size: int, target: BinaryIO) -> None:
    source.seek(first)
    while size:
        block = source.read(min(size, _BLOCK))
        target.write(block)
        size -= len(block)


def _ends(file: BinaryIO, header: XptHeader) -> Iterator[int]:
    """Yield the row behind the last of each subject; behind every row where the dataset has no subjects."""
    layout = row_dtype(header.variables)
    place = next((str(row) for row, one in enumerate(header.variables) if one.name == "USUBJID"), None)
    rows = max(_BLOCK // layout.itemsize, 1)
    last = None
    file.seek(header.first_row)
    for start in range(0, header.rows, rows):
        block = np.fromfile(file, layout, min(rows, header.rows - start))
        if place is None:
            yield from range(start + 1, start + len(block) + 1)
            continue
        names = np.ascontiguousarray(block[place]).view(f"S{layout[place].itemsize}")
        if last is not None and names[0] != last:
            yield start
        yield from (np.flatnonzero(names[1:] != names[:-1]) + start + 1).tolist()
        last = names[-1]
    if header.rows and place is not None:
        yield header.rows


def _ranges(ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most so many rows that end where a subject does; one with more is a range alone.

    Example:
        >>> list(_ranges(np.array([2, 3, 9, 10]), 3))
        [(0, 3), (3, 9), (9, 10)]
    """
    start = 0
    while start < ends.max(initial=0):
        place = max(int(np.searchsorted(ends, start + most, "right")) - 1, 0)
        stop = int(ends[place]) if ends[place] > start else int(ends[np.searchsorted(ends, start, "right")])
        yield start, stop
        start = stop
