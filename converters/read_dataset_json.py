"""CDISC Dataset-JSON 1.1, read from one JSON document, or from NDJSON, compressed or not."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

import msgspec
import pyarrow as pa

from trialbridge.converters.dataset_json_format import (
    BY_LINES,
    COMPRESSED,
    DatasetJsonMetadata,
    JsonColumn,
    JsonHeader,
    JsonSystem,
)
from trialbridge.errors import ReadError
from trialbridge.model import Dataset, Variable

_BATCH_ROWS = 8_192
_LONGEST_LINE = 64 << 20
"""Bytes of a compressed file's line: no record is as long, and a bomb would be longer."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_VERSION = "1.1"
_CHUNK = 2**20
_ZLIB_OR_GZIP = 47
"""The standard says zlib; other writers wrap it as gzip."""

Rows = list[list[Any]]
Decoded = TypeVar("Decoded")

_ARROW = {"Char": pa.string(), "Num": pa.float64()}
_KINDS: dict[str, Literal["Char", "Num"]] = {
    **dict.fromkeys(("string", "date", "datetime", "time", "URI"), "Char"),
    **dict.fromkeys(("integer", "float", "double", "decimal"), "Num"),
}


class _Document(JsonHeader, frozen=True, kw_only=True):
    """The whole of a JSON document."""

    rows: Rows


def read_dataset_json(source: Path) -> Dataset:
    """Return the dataset of a Dataset-JSON 1.1 file: ``.json``, ``.ndjson``, or compressed as ``.dsjc``.

    An empty text is null. Numbers that the file keeps as text (``decimal``) become numbers; a date that it
    says to turn into a SAS number (``targetDataType``) stays the text it is.

    Raises:
        ReadError: It is not Dataset-JSON 1.1, or its rows are not what its header says.

    Example:
        >>> import tempfile
        >>> from trialbridge.converters.write_dataset_json import write_dataset_json
        >>> path = Path(tempfile.mkdtemp()) / "dm.json"
        >>> dm = Dataset("DM", "", (Variable("AGE", "Age", "Num"),), pa.table({"AGE": [63.0, None]}))
        >>> write_dataset_json(dm, path, metadata=DatasetJsonMetadata(datetime(2014, 1, 2)))
        >>> read_dataset_json(path).table["AGE"].to_pylist()
        [63.0, None]
    """
    described, batches = stream_dataset_json(source)
    return replace(described, table=pa.Table.from_batches(batches, described.table.schema))


def stream_dataset_json(source: Path) -> tuple[Dataset, Iterator[pa.RecordBatch]]:
    """Return the dataset of a Dataset-JSON 1.1 file without its records, and these in batches.

    Raises:
        ReadError: As `read_dataset_json`; that a record is wrong turns out when the batches are taken.
    """
    header, parts = _READERS[source.suffix in BY_LINES](source)
    _check_header(source, header)
    schema = pa.schema([(column.name, _ARROW[_KINDS[column.dataType]]) for column in header.columns])
    keys = sorted((column.keySequence, column.name) for column in header.columns if column.keySequence)
    described = Dataset(
        header.name,
        header.label,
        tuple(_variable(column) for column in header.columns),
        schema.empty_table(),
        keys=tuple(name for _, name in keys),
    )
    return described, _batches(source, header, schema, parts)


def _batches(
    source: Path, header: JsonHeader, schema: pa.Schema, parts: Iterator[Rows]
) -> Iterator[pa.RecordBatch]:
    first = 1
    for rows in parts:
        yield _batch(source, header, schema, rows, first)
        first += len(rows)
    if first - 1 != header.records:
        raise ReadError(str(source), f"says {header.records} records and holds {first - 1}")


def inspect_dataset_json(source: Path) -> DatasetJsonMetadata:
    """Return what a Dataset-JSON 1.1 file says beside its data.

    Raises:
        ReadError: It is not Dataset-JSON 1.1.
    """
    data = next(_text_lines(source), b"") if source.suffix in BY_LINES else source.read_bytes()
    header = _decode(source, data, JsonHeader, 1)
    system = header.sourceSystem or JsonSystem("", "")
    return DatasetJsonMetadata(
        _moment(source, header.datasetJSONCreationDateTime),
        header.originator,
        header.studyOID,
        header.metaDataVersionOID,
        header.metaDataRef,
        system.name,
        system.version,
        _moment(source, header.dbLastModifiedDateTime) if header.dbLastModifiedDateTime else None,
        header.fileOID,
    )


def _moment(source: Path, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ReadError(str(source), f"has {text!r} where a date and time is needed") from error


def _decode(source: Path, data: bytes, kind: type[Decoded], line: int) -> Decoded:
    try:
        return msgspec.json.decode(data.removeprefix(_BYTE_ORDER_MARK), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError(str(source), f"line {line} is not Dataset-JSON: {error}") from error


def _read_document(source: Path) -> tuple[JsonHeader, Iterator[Rows]]:
    document = _decode(source, source.read_bytes(), _Document, 1)
    return document, iter([document.rows])


def _read_lines(source: Path) -> tuple[JsonHeader, Iterator[Rows]]:
    lines = _text_lines(source)
    header = _decode(source, next(lines, b""), JsonHeader, 1)
    return header, _line_batches(source, enumerate(lines, 2))


def _line_batches(source: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Rows]:
    while batch := list(islice(lines, _BATCH_ROWS)):
        yield [_decode(source, line, list[Any], number) for number, line in batch if line.strip()]


def _text_lines(source: Path) -> Iterator[bytes]:
    """Yield the lines of a file; of a compressed one as they are unpacked, a part at a time."""
    with source.open("rb") as file:
        if source.suffix != COMPRESSED:
            yield from file
            return
        rest = b""
        for part in _unpacked(source, file):
            *whole, rest = (rest + part).split(b"\n")
            yield from whole
            if len(rest) > _LONGEST_LINE:
                raise ReadError(str(source), f"unpacks to a line of more than {_LONGEST_LINE:,} bytes")
        if rest:
            yield rest


def _unpacked(source: Path, file: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
    while not unpacker.eof:
        data = unpacker.unconsumed_tail or file.read(_CHUNK)
        if not data:
            raise ReadError(str(source), "is cut short, or is not compressed by zlib")
        try:
            yield unpacker.decompress(data, _CHUNK)
        except zlib.error as error:
            raise ReadError(str(source), f"is not compressed by zlib: {error}") from error


_READERS: dict[bool, Callable[[Path], tuple[JsonHeader, Iterator[Rows]]]] = {
    True: _read_lines,
    False: _read_document,
}


def _check_header(source: Path, header: JsonHeader) -> None:
    if not f"{header.datasetJSONVersion}.".startswith(f"{_VERSION}."):
        raise ReadError(str(source), f"is Dataset-JSON {header.datasetJSONVersion}, not {_VERSION}")
    for column in header.columns:
        if column.dataType not in _KINDS:
            text = f"{header.name}.{column.name} has the type {column.dataType!r}, which SDTM has not"
            raise ReadError(str(source), text)


def _batch(source: Path, header: JsonHeader, schema: pa.Schema, rows: Rows, first: int) -> pa.RecordBatch:
    width = len(header.columns)
    for number, row in enumerate(rows, first):
        if len(row) != width:
            raise ReadError(str(source), f"row {number} has {len(row)} values for {width} columns")
    columns = zip(*rows, strict=True) if rows else [()] * width
    arrays = [
        _array(source, f"{header.name}.{column.name}", column.dataType, values, first)
        for column, values in zip(header.columns, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(source: Path, name: str, data_type: str, values: tuple[Any, ...], first: int) -> pa.Array:
    kind = _KINDS[data_type]
    convert = _decimal_cell if data_type == "decimal" else _CELLS[kind]
    cells = []
    for number, value in enumerate(values, first):
        try:
            cells.append(convert(value))
        except ValueError as error:
            text = f"{name}, row {number}: {value!r} does not fit the type {data_type}"
            raise ReadError(str(source), text) from error
    return pa.array(cells, _ARROW[kind])


def _char_cell(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return value or None


def _num_cell(value: Any) -> float | None:
    if value is None:
        return None
    # a bool is an int for Python, and an int beyond 2**53 may not be a float
    if isinstance(value, bool) or not isinstance(value, (int, float)) or float(value) != value:
        raise ValueError
    return float(value)


def _decimal_cell(value: Any) -> float | None:
    number = float(value) if isinstance(value, str) else _num_cell(value)
    if number is not None and not math.isfinite(number):
        raise ValueError
    return number


_CELLS: dict[str, Callable[[Any], Any]] = {"Char": _char_cell, "Num": _num_cell}


def _variable(column: JsonColumn) -> Variable:
    return Variable(
        column.name, column.label, _KINDS[column.dataType], length=column.length, format=column.displayFormat
    )
