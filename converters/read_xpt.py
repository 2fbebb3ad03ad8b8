"""SAS transport files, version 5, read as they are: what is odd in them is a finding, what is wrong an error.

Blank text is null, trailing blanks are padding. Blank rows at the very end of a file that fit into the
padding of its last 80-byte record cannot be told from it and are taken for padding; all other blank rows are
kept. (pyreadstat drops every blank row at the end. pandas takes any eight blanks in the last 80 bytes for
padding: it may invent blank rows, and may lose the last row, as it does in a file of the CDISC pilot.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.xpt_format import XptVariable, from_ibm, missing_codes, row_dtype
from trialbridge.converters.xpt_members import XptHeader, XptMember, file_name, members, only_member, opened
from trialbridge.errors import ReadError
from trialbridge.model import Dataset, Variable

_BATCH_ROWS = 16_384

Batch = tuple[pa.RecordBatch, dict[str, pa.Array]]
"""Some records, and variable -> the letters of its special missing values, of those that have any."""


def read_xpt(source: Path | BinaryIO, *, encoding: str | None = None) -> Dataset:
    """Return the one dataset of a transport file.

    Args:
        source: The file, or an open binary file that can seek.
        encoding: Encoding of its text. Without it, UTF-8 where all of the text is that, else cp1252
            (`inspect_xpt` tells which).

    Raises:
        ReadError: It is not XPT version 5, is cut short, or holds several datasets.

    Example:
        >>> import tempfile
        >>> from datetime import datetime
        >>> from trialbridge.converters.write_xpt import write_xpt
        >>> path = Path(tempfile.mkdtemp()) / "dm.xpt"
        >>> table = pa.table({"AGE": [63.0, None]})
        >>> dm = Dataset("DM", "Demographics", (Variable("AGE", "Age", "Num"),), table)
        >>> write_xpt(dm, path, created=datetime(2014, 1, 2))
        >>> read_xpt(path).table["AGE"].to_pylist()
        [63.0, None]
    """
    with opened(source) as file:
        return _read_member(file, only_member(file, encoding))


def read_xpt_library(source: Path | BinaryIO, *, encoding: str | None = None) -> list[Dataset]:
    """Return all datasets of a transport file, in its order.

    Raises:
        ReadError: It is not XPT version 5, or is cut short.
    """
    with opened(source) as file:
        return [_read_member(file, member) for member in list(members(file, encoding))]


def stream_xpt_library(source: Path) -> Iterator[tuple[Dataset, Iterator[Batch]]]:
    """Yield all datasets of a transport file without their records, each with these in batches.

    The batches of one dataset are to be taken before the next dataset is asked for.

    Raises:
        ReadError: It is not XPT version 5, or is cut short.
    """
    with opened(source) as file:
        for member in list(members(file, None)):
            empty = _schema(member.header).empty_table()
            yield _dataset(member.header, empty), _batches(file, member, _BATCH_ROWS)


def read_xpt_members(source: Path | BinaryIO) -> list[tuple[XptHeader, Dataset]]:
    """Return all datasets of a transport file, each with what the file says of it.

    Raises:
        ReadError: It is not XPT version 5, or is cut short.
    """
    with opened(source) as file:
        return [(member.header, _read_member(file, member)) for member in list(members(file, None))]


def iter_xpt(
    source: Path | BinaryIO, batch_rows: int = _BATCH_ROWS, *, encoding: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the one dataset of a transport file, `batch_rows` at a time.

    A special missing value is null here, as every missing one; `read_xpt` keeps which it was.

    Raises:
        ReadError: It is not XPT version 5, is cut short, or holds several datasets.
    """
    with opened(source) as file:
        for batch, _ in _batches(file, only_member(file, encoding), batch_rows):
            yield batch


def inspect_xpt(source: Path | BinaryIO, *, encoding: str | None = None) -> XptHeader:
    """Return what the file says of its one dataset, with the encoding of its text and what is odd.

    Raises:
        ReadError: It is not XPT version 5, is cut short, or holds several datasets.
    """
    with opened(source) as file:
        return only_member(file, encoding).header


def _read_member(file: BinaryIO, member: XptMember) -> Dataset:
    header = member.header
    batches: list[pa.RecordBatch] = []
    special: dict[str, list[pa.Array]] = {}
    for batch, codes in _batches(file, member, _BATCH_ROWS):
        for name, letters in codes.items():
            special.setdefault(name, [pa.nulls(len(part), pa.string()) for part in batches]).append(letters)
        batches.append(batch)
        for name in special.keys() - codes.keys():
            special[name].append(pa.nulls(len(batch), pa.string()))
    missing = {name: pa.concat_arrays(parts) for name, parts in special.items()}
    return _dataset(header, pa.Table.from_batches(batches, _schema(header)), missing)


def _dataset(header: XptHeader, table: pa.Table, missing: Mapping[str, pa.Array] | None = None) -> Dataset:
    variables = (Variable(one.name, one.label, one.type, one.length, one.format) for one in header.variables)
    return Dataset(header.name, header.label, tuple(variables), table, missing or {})


def _schema(header: XptHeader) -> pa.Schema:
    types = {"Char": pa.string(), "Num": pa.float64()}
    return pa.schema([(variable.name, types[variable.type]) for variable in header.variables])


def _batches(file: BinaryIO, member: XptMember, batch_rows: int) -> Iterator[Batch]:
    """Yield the rows in batches, each with the special missing values of the variables that have any."""
    header = member.header
    schema = _schema(header)
    buffer = np.empty(min(batch_rows, header.rows), row_dtype(header.variables))
    file.seek(header.first_row)
    for start in range(0, header.rows, batch_rows):
        block = buffer[: header.rows - start]
        if file.readinto(block.view(np.uint8)) != block.nbytes:  # type: ignore[attr-defined]
            raise ReadError(file_name(file), "became shorter while it was read", header.first_row)
        columns, special = [], {}
        for index, variable in enumerate(header.variables):
            if variable.type == "Num":
                column, letters = _numbers(block[str(index)], variable.length)
                if letters is not None:
                    special[variable.name] = letters
            else:
                column = _texts(block[str(index)], variable.length)
                if index in member.beyond_ascii:
                    column = _decoded(file, column, variable, header)
            columns.append(column)
        yield pa.RecordBatch.from_arrays(columns, schema=schema), special


def _numbers(field: npt.NDArray[np.void], length: int) -> tuple[pa.Array, pa.Array | None]:
    """Return the numbers of a column, and the letters of its special missing values where it has any."""
    if length < 8:
        whole = np.zeros((len(field), 8), np.uint8)
        whole[:, :length] = np.ascontiguousarray(field).view(np.uint8).reshape(-1, length)
        field = whole.view(">u8").ravel()
    bits = field.astype(np.uint64)
    codes = missing_codes(bits)
    missing = codes > 0
    special = missing & (codes != ord("."))
    letters = None
    if special.any():
        letters = pa.Array.from_buffers(pa.string(), len(codes), [_bitmap(special), *_fixed(codes, 1)])
    bitmap = _bitmap(~missing) if missing.any() else None
    return pa.Array.from_buffers(pa.float64(), len(bits), [bitmap, pa.py_buffer(from_ibm(bits))]), letters


def _texts(field: npt.NDArray[np.void], width: int) -> pa.Array:
    """Return the texts of a column without trailing blanks, null where nothing is left; not yet decoded."""
    packed = np.ascontiguousarray(field)
    fixed = pa.Array.from_buffers(pa.string(), len(field), [None, *_fixed(packed, width)])
    trimmed = pc.ascii_rtrim(fixed, " ")
    _, offsets, data = trimmed.buffers()
    filled = np.diff(np.frombuffer(offsets, np.int32, len(field) + 1)) > 0
    bitmap = None if filled.all() else _bitmap(filled)
    return pa.Array.from_buffers(pa.string(), len(field), [bitmap, offsets, data])


def _fixed(data: npt.NDArray[np.generic], width: int) -> tuple[pa.Buffer, pa.Buffer]:
    """Return `data` as the buffers of an Arrow array whose values all take `width` bytes."""
    offsets = np.arange(len(data) + 1, dtype=np.int32) * np.int32(width)
    return pa.py_buffer(offsets), pa.py_buffer(data)


def _bitmap(flags: npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _decoded(file: BinaryIO, texts: pa.Array, variable: XptVariable, header: XptHeader) -> pa.Array:
    """Return `texts`, still bytes of the file's encoding, as Arrow strings; each value is decoded once."""
    distinct = texts.view(pa.binary()).dictionary_encode()
    decoded = []
    for value in distinct.dictionary.to_pylist():
        try:
            decoded.append(value.decode(header.encoding))
        except UnicodeDecodeError as error:
            text = f"{header.name}.{variable.name} holds {value!r}, which is not {header.encoding}"
            raise ReadError(file_name(file), text) from error
    return pa.array(decoded, pa.string()).take(distinct.indices)
