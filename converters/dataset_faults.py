"""What no dataset file can hold, whatever its format: columns that contradict their variables."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.errors import WriteError
from trialbridge.model import Dataset


def _zero(kind: pa.DataType) -> pa.Scalar:
    buffers = [None, pa.py_buffer(bytes(8)), pa.py_buffer(b"")]
    return pa.Array.from_buffers(kind, 1, buffers[: kind.num_buffers])[0]


EMPTY_TEXT = _zero(pa.string())
"""The empty text as Arrow's scalar, for `pyarrow.compute.fill_null`."""

_FALSE, _ZERO = _zero(pa.bool_()), _zero(pa.float64())
_ARROW = {"Char": pa.string(), "Num": pa.float64()}


def column_faults(dataset: Dataset) -> list[WriteError]:
    """Return how the table of `dataset` contradicts its variables: names, order, types.

    Example:
        >>> from trialbridge.model import Variable
        >>> table = pa.table({"AESEQ": pa.array([1], pa.int64())})
        >>> print(*column_faults(Dataset("AE", "", (Variable("AESEQ", "", "Num"),), table)))
        AE.AESEQ: the column is int64, a Num variable needs double
    """
    names = [variable.name for variable in dataset.variables]
    faults = [
        WriteError(dataset.name, name, f"the name stands {count} times")
        for name, count in Counter(names).items()
        if count > 1
    ]
    if dataset.table.column_names != names:
        faults.append(WriteError(dataset.name, "", "the columns are not the variables in their order"))
        return faults
    for variable, column in zip(dataset.variables, dataset.table.columns, strict=True):
        if column.type != _ARROW[variable.type]:
            needed = _ARROW[variable.type]
            text = f"the column is {column.type}, a {variable.type} variable needs {needed}"
            faults.append(WriteError(dataset.name, variable.name, text))
    return faults + [fault for name in dataset.missing if (fault := _missing_fault(dataset, name))]


def _missing_fault(dataset: Dataset, name: str) -> WriteError | None:
    codes = dataset.missing[name]
    if name not in dataset.table.column_names or dataset.variable(name).type != "Num":
        return WriteError(dataset.name, name, "special missing values need a Num variable of that name")
    if len(codes) != dataset.table.num_rows:
        text = f"there are {len(codes)} special missing values for {dataset.table.num_rows} rows"
        return WriteError(dataset.name, name, text)
    beside_number = flags(codes.is_valid()) & flags(dataset.table[name].is_valid())
    wrong = beside_number | flags(pc.invert(pc.match_substring_regex(codes, "^[A-Z_]$")))
    return first_fault(dataset, name, wrong, "a special missing value is _ or A to Z, where no number is")


def first_fault(
    dataset: Dataset, variable: str, wrong: npt.NDArray[np.bool_], problem: str
) -> WriteError | None:
    """Return the fault of the first row that is `wrong`, with how many more there are; `None` where none is.

    Example:
        >>> ae = Dataset("AE", "Adverse Events", (), pa.table({}))
        >>> print(first_fault(ae, "AETERM", np.array([False, True, True]), "no"))
        AE.AETERM, row 2: no (and 1 more row)
    """
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return None
    more = len(rows) - 1
    tail = f" (and {more} more row{'s' * (more > 1)})" if more else ""
    return WriteError(dataset.name, variable, problem + tail, int(rows[0]) + 1)


Scalar = TypeVar("Scalar", bound=np.generic)


def plain(array: pa.Array | pa.ChunkedArray, kind: type[Scalar]) -> npt.NDArray[Scalar]:
    """Return the buffer of a fixed-width array without nulls, as NumPy sees it.

    Arrow's own ways from and to Python and NumPy import pandas on their first use, which takes longer than to
    write most datasets; hence also the scalars of this module.

    Example:
        >>> plain(pa.array([1, 2], pa.int32()), np.int32).tolist()
        [1, 2]
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return np.empty(0, kind)
    return np.frombuffer(array.buffers()[1], kind, len(array), array.offset * np.dtype(kind).itemsize)


def flags(array: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return a boolean array as NumPy's; null is false.

    Example:
        >>> flags(pa.array([True, False, None])).tolist()
        [True, False, False]
    """
    return plain(pc.cast(pc.fill_null(array, _FALSE), pa.uint8()), np.uint8).view(np.bool_)


def numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return the values of a `float64` column, a 0 where there is none.

    Example:
        >>> numbers(pa.chunked_array([[1.5, None]])).tolist()
        [1.5, 0.0]
    """
    return plain(pc.fill_null(column, _ZERO), np.float64)
