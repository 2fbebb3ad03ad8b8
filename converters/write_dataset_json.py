"""CDISC Dataset-JSON 1.1, as one JSON document, or as NDJSON with a row a line, compressed or not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.dataset_faults import EMPTY_TEXT, column_faults, first_fault, flags, numbers
from trialbridge.converters.dataset_json_format import (
    BY_LINES,
    COMPRESSED,
    VERSION,
    DatasetJsonMetadata,
    JsonColumn,
    JsonHeader,
    JsonSystem,
)
from trialbridge.converters.whole_file import whole_file
from trialbridge.errors import ConversionErrors, WriteError
from trialbridge.model import Dataset, Variable

_CHUNK_ROWS = 8_192
_NO_SPECIAL_MISSING = "JSON has no special missing values"
_LARGEST_INTEGER = float(1 << 53)


def write_dataset_json(dataset: Dataset, target: Path, *, metadata: DatasetJsonMetadata) -> None:
    """Write `dataset` to `target` as Dataset-JSON 1.1; its name says in which form.

    That is a document for ``.json``, lines for ``.ndjson``, compressed lines for ``.dsjc``.

    Blank text is ``""``, a missing number is ``null``; a number has the fewest digits that give it back.

    Args:
        dataset: What to write.
        target: The file; it is replaced whole, or not touched at all.
        metadata: What the file says beside the data.

    Raises:
        ConversionErrors: With all that `check_dataset_json` finds; nothing is written.

    Example:
        >>> import tempfile
        >>> from datetime import datetime
        >>> target = Path(tempfile.mkdtemp()) / "ae.ndjson"
        >>> table = pa.table({"AETERM": ["COUGH", None], "AESEQ": [1.0, 2.0]})
        >>> ae = Dataset("AE", "", (Variable("AETERM", ""), Variable("AESEQ", "", "Num")), table)
        >>> write_dataset_json(ae, target, metadata=DatasetJsonMetadata(datetime(2014, 1, 2)))
        >>> print(*target.read_text().splitlines()[1:])
        ["COUGH",1] ["",2]
    """
    faults = check_dataset_json(dataset)
    if faults:
        raise ConversionErrors(f"{dataset.name} cannot be written as Dataset-JSON", faults)
    columns = tuple(_json_column(dataset, variable) for variable in dataset.variables)
    header = msgspec.json.encode(_header(dataset, columns, metadata))
    by_lines = target.suffix in BY_LINES
    parts = _lines(dataset, columns, header) if by_lines else _document(dataset, columns, header)
    with whole_file(target) as file:
        for part in _compressed(parts) if target.suffix == COMPRESSED else parts:
            file.write(part)


def _lines(dataset: Dataset, columns: tuple[JsonColumn, ...], header: bytes) -> Iterator[bytes]:
    yield header + b"\n"
    for rows in _rows(dataset, columns):
        yield msgspec.json.Encoder().encode_lines(rows)


def _document(dataset: Dataset, columns: tuple[JsonColumn, ...], header: bytes) -> Iterator[bytes]:
    yield header[:-1] + b',"rows":['
    comma = b""
    for rows in _rows(dataset, columns):
        yield comma + msgspec.json.encode(rows)[1:-1]
        comma = b","
    yield b"]}"


def _compressed(parts: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj()
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def check_dataset_json(dataset: Dataset) -> list[WriteError]:
    """Return all reasons why `dataset` cannot be written as Dataset-JSON without a loss.

    Example:
        >>> table = pa.table({"AESEQ": [1.0, float("inf")]})
        >>> print(*check_dataset_json(Dataset("AE", "", (Variable("AESEQ", "", "Num"),), table)))
        AE.AESEQ, row 2: the value is no finite number
    """
    faults = column_faults(dataset)
    if faults:
        return faults
    infinite = {
        variable.name: ~np.isfinite(numbers(dataset.table[variable.name]))
        for variable in dataset.variables
        if variable.type == "Num"
    }
    special = {name: flags(codes.is_valid()) for name, codes in dataset.missing.items()}
    found = [
        *(
            first_fault(dataset, name, rows, "the value is no finite number")
            for name, rows in infinite.items()
        ),
        *(first_fault(dataset, name, rows, _NO_SPECIAL_MISSING) for name, rows in special.items()),
    ]
    return [fault for fault in found if fault]


def _json_column(dataset: Dataset, variable: Variable) -> JsonColumn:
    column = dataset.table[variable.name]
    kind = _data_type(variable, column)
    length = variable.length if variable.type == "Char" else None
    if kind == "string" and not length:
        length = max(pc.max(pc.binary_length(column)).as_py() or 0, 1)
    return JsonColumn(
        f"IT.{dataset.name}.{variable.name}",
        variable.name,
        variable.label,
        kind,
        length=length,
        displayFormat=variable.format,
        keySequence=dataset.keys.index(variable.name) + 1 if variable.name in dataset.keys else None,
    )


def _data_type(variable: Variable, column: pa.ChunkedArray) -> str:
    """Return the type in the standard's words; a number is an integer where nothing but integers stand."""
    if variable.type == "Char":
        return "datetime" if variable.name.endswith("DTC") else "string"
    values = numbers(column)
    whole = bool(((values == np.floor(values)) & (np.abs(values) <= _LARGEST_INTEGER)).all())
    return "integer" if whole and not variable.significant_digits else "float"


def _header(dataset: Dataset, columns: tuple[JsonColumn, ...], metadata: DatasetJsonMetadata) -> JsonHeader:
    modified = metadata.modified
    return JsonHeader(
        datasetJSONCreationDateTime=metadata.created.isoformat(),
        datasetJSONVersion=VERSION,
        fileOID=metadata.file,
        dbLastModifiedDateTime=modified.isoformat() if modified else "",
        originator=metadata.originator,
        sourceSystem=JsonSystem(metadata.system, metadata.system_version) if metadata.system else None,
        studyOID=metadata.study,
        metaDataVersionOID=metadata.metadata_version,
        metaDataRef=metadata.define,
        itemGroupOID=f"IG.{dataset.name}",
        records=dataset.table.num_rows,
        name=dataset.name,
        label=dataset.label,
        columns=columns,
    )


def _rows(dataset: Dataset, columns: tuple[JsonColumn, ...]) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, dataset.table.num_rows, _CHUNK_ROWS):
        part = dataset.table.slice(start, _CHUNK_ROWS)
        values = (_values(array, column) for array, column in zip(part.columns, columns, strict=True))
        yield list(zip(*values, strict=True))


def _values(array: pa.ChunkedArray, column: JsonColumn) -> list[Any]:
    if pa.types.is_string(array.type):
        array = pc.fill_null(array, EMPTY_TEXT)
    elif column.dataType == "integer":
        array = pc.cast(array, pa.int64())
    else:
        array = pc.add(array, 0.0)  # makes -0.0 a 0.0
    values: list[Any] = array.to_pylist()
    return values
