"""SAS transport files, version 5: every fault is found before the first byte is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.dataset_faults import (
    EMPTY_TEXT,
    column_faults,
    first_fault,
    flags,
    numbers,
    plain,
)
from trialbridge.converters.whole_file import whole_file
from trialbridge.converters.xpt_format import (
    CHAR_LIMIT,
    LABEL_LIMIT,
    LARGEST,
    NAME,
    RECORD,
    SMALLEST,
    VARIABLE_LIMIT,
    XptVariable,
    blank_padding,
    count_rows,
    header_bytes,
    missing_bits,
    row_dtype,
    split_format,
    to_ibm,
)
from trialbridge.errors import ConversionErrors, WriteError
from trialbridge.model import Dataset, Variable

_NUM_LENGTH = 8
_THREADS = 2


def write_xpt(
    dataset: Dataset,
    target: Path,
    *,
    created: datetime,
    lengths: Mapping[str, int] | None = None,
    chunk_rows: int = 8_192,
) -> None:
    """Write `dataset` to `target` as SAS XPT version 5, the same bytes for the same arguments.

    Text is written as UTF-8 and its length counted in bytes; SAS does not tell trailing blanks from padding.

    Args:
        dataset: What to write.
        target: The file; it is replaced whole, or not touched at all.
        created: The moment for both dates of the header, as it stands, without its zone.
        lengths: Bytes of character variables, study-wide (see `study_lengths`); for others, and without it,
            `Variable.length`, else the longest value. Numbers always take eight bytes.
        chunk_rows: Rows in memory at a time.

    Raises:
        ConversionErrors: With all that `check_xpt` finds; nothing is written.

    Example:
        >>> import tempfile
        >>> table = pa.table({"USUBJID": ["01", "02"]})
        >>> folder = Path(tempfile.mkdtemp())
        >>> dm = Dataset("DM", "Demographics", (Variable("USUBJID", "Subject"),), table)
        >>> write_xpt(dm, folder / "dm.xpt", created=datetime(2014, 1, 2))
        >>> (folder / "dm.xpt").stat().st_size
        960
    """
    faults = check_xpt(dataset, lengths)
    if faults:
        raise ConversionErrors(f"{dataset.name or 'the dataset'} cannot be written as XPT", faults)
    variables = _layout(dataset, lengths or {})
    with whole_file(target) as file:
        file.write(header_bytes(dataset.name, dataset.label, created, variables))
        size = 0
        for block in _blocks(dataset, variables, chunk_rows):
            size += file.write(block)
        file.write(blank_padding(size))


def study_lengths(datasets: Iterable[Dataset]) -> dict[str, int]:
    """Return for each character variable the bytes of its longest value in any of `datasets`, at least 1.

    Example:
        >>> ae = Dataset("AE", "", (Variable("USUBJID", ""),), pa.table({"USUBJID": ["01"]}))
        >>> dm = Dataset("DM", "", (Variable("USUBJID", ""),), pa.table({"USUBJID": ["1007"]}))
        >>> study_lengths([ae, dm])
        {'USUBJID': 4}
    """
    lengths: dict[str, int] = {}
    for dataset in datasets:
        for variable in dataset.variables:
            if variable.type == "Char":
                longest = _longest(dataset.table[variable.name])
                lengths[variable.name] = max(lengths.get(variable.name, 1), longest)
    return lengths


def check_xpt(dataset: Dataset, lengths: Mapping[str, int] | None = None) -> list[WriteError]:
    """Return all reasons why `dataset` cannot be written as XPT version 5; one a variable and kind of fault.

    Example:
        >>> ae = Dataset("AE", "", (Variable("AETERMTEXT", "Term"),), pa.table({"AETERMTEXT": ["x" * 201]}))
        >>> for fault in check_xpt(ae):
        ...     print(fault)
        AE.AETERMTEXT: the name is not 1 to 8 of A-Z, 0-9 and _, beginning with a letter
        AE.AETERMTEXT, row 1: the value takes 201 bytes, 200 are allowed
    """
    lengths = lengths or {}
    faults = _dataset_faults(dataset)
    for variable in dataset.variables:
        faults += _variable_faults(dataset.name, variable, _given(variable, lengths))
    contradictions = column_faults(dataset)
    if contradictions:
        return faults + contradictions
    for variable in dataset.variables:
        faults += filter(None, _VALUE_FAULTS[variable.type](dataset, variable, _given(variable, lengths)))
    if not faults and (fault := _blank_end(dataset, lengths)):
        faults.append(fault)
    return faults


def _given(variable: Variable, lengths: Mapping[str, int]) -> int | None:
    return lengths.get(variable.name, variable.length) if variable.type == "Char" else None


def _dataset_faults(dataset: Dataset) -> list[WriteError]:
    problems = {
        "the name " + _NAME_RULE: not NAME.fullmatch(dataset.name),
        "there is no variable": not dataset.variables,
        f"there are {len(dataset.variables)} variables": len(dataset.variables) > VARIABLE_LIMIT,
    } | _label_problems(dataset.label)
    return [WriteError(dataset.name, "", problem) for problem, wrong in problems.items() if wrong]


def _variable_faults(dataset: str, variable: Variable, length: int | None) -> list[WriteError]:
    possible = length is None or 1 <= length <= CHAR_LIMIT
    problems = {
        "the name " + _NAME_RULE: not NAME.fullmatch(variable.name),
        f"{variable.format!r} is no SAS format": split_format(variable.format) is None,
        f"the length is {length}, not 1 to {CHAR_LIMIT}": not possible,
    } | _label_problems(variable.label)
    return [WriteError(dataset, variable.name, problem) for problem, wrong in problems.items() if wrong]


_NAME_RULE = "is not 1 to 8 of A-Z, 0-9 and _, beginning with a letter"


def _label_problems(label: str) -> dict[str, bool]:
    try:
        size = len(label.encode())
    except UnicodeEncodeError:
        return {"the label cannot be written as UTF-8": True}
    return {
        f"the label takes {size} bytes, {LABEL_LIMIT} are allowed": size > LABEL_LIMIT,
        "the label holds a NUL": "\0" in label,
    }


def _char_faults(dataset: Dataset, variable: Variable, given: int | None) -> Iterator[WriteError | None]:
    column = dataset.table[variable.name]
    longest = _longest(column)
    if longest > (given or CHAR_LIMIT):
        sizes = plain(pc.binary_length(pc.fill_null(column, EMPTY_TEXT)), np.int32)
        limits = {CHAR_LIMIT: "are allowed"} | ({given: "is its length"} if given else {})
        for limit, meaning in limits.items():
            wrong = sizes > limit
            size = sizes[wrong.argmax()]
            text = f"the value takes {size} bytes, {limit} {meaning}"
            yield first_fault(dataset, variable.name, wrong, text)
    if _holds_nul(column):
        wrong = flags(pc.match_substring(column, "\0"))
        yield first_fault(dataset, variable.name, wrong, "the value holds a NUL, which many readers stop at")


def _longest(column: pa.ChunkedArray) -> int:
    return pc.max(pc.binary_length(column)).as_py() or 0


def _holds_nul(column: pa.ChunkedArray) -> bool:
    for chunk in column.chunks:
        if len(chunk) and (data := chunk.buffers()[2]):
            offsets = np.frombuffer(chunk.buffers()[1], np.int32)
            first, last = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
            if np.frombuffer(data, np.uint8)[first:last].min(initial=1) == 0:
                return True
    return False


def _num_faults(dataset: Dataset, variable: Variable, _given: int | None) -> Iterator[WriteError | None]:
    values = np.abs(numbers(dataset.table[variable.name]))
    finite = np.isfinite(values)
    outside = finite & ((values > LARGEST) | ((values < SMALLEST) & (values > 0)))
    yield first_fault(dataset, variable.name, ~finite, "the value is no finite number")
    yield first_fault(dataset, variable.name, outside, "the number is outside XPT's 5.4e-79 to 7.2e75")


_VALUE_FAULTS: dict[str, Callable[[Dataset, Variable, int | None], Iterator[WriteError | None]]] = {
    "Char": _char_faults,
    "Num": _num_faults,
}


def _blank_end(dataset: Dataset, lengths: Mapping[str, int]) -> WriteError | None:
    """Return the fault of a blank last row that a reader would take for padding."""
    variables = _layout(dataset, lengths)
    width = row_dtype(variables).itemsize
    rows = dataset.table.num_rows
    first = max(rows - RECORD // width - 1, 0)
    end = _block(dataset, variables, first, rows - first).tobytes()
    padding = blank_padding(rows * width)
    kept = count_rows(rows * width + len(padding), width, end + padding)
    if kept == rows:
        return None
    problem = "the row is blank, as are all after it: XPT cannot tell such rows from its padding"
    return WriteError(dataset.name, "", problem, kept + 1)


def _layout(dataset: Dataset, lengths: Mapping[str, int]) -> list[XptVariable]:
    position = 0
    variables = []
    for variable in dataset.variables:
        length = _NUM_LENGTH
        if variable.type == "Char":
            length = _given(variable, lengths) or max(_longest(dataset.table[variable.name]), 1)
        variables.append(
            XptVariable(variable.name, variable.label, variable.type, length, position, variable.format)
        )
        position += length
    return variables


def _blocks(dataset: Dataset, variables: list[XptVariable], chunk_rows: int) -> Iterator[memoryview]:
    """Yield all rows as bytes, in their order; two threads prepare the next blocks while one is written."""
    with ThreadPoolExecutor(_THREADS) as pool:
        ahead: deque[Future[memoryview]] = deque()
        for start in range(0, dataset.table.num_rows, chunk_rows):
            ahead.append(pool.submit(_block, dataset, variables, start, chunk_rows))
            if len(ahead) > _THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _block(dataset: Dataset, variables: list[XptVariable], start: int, rows: int) -> memoryview:
    part = dataset.table.slice(start, rows)
    block = np.empty(part.num_rows, row_dtype(variables))
    for index, variable in enumerate(variables):
        column = part.column(index)
        if variable.type == "Char":
            block[str(index)] = _padded_text(column, variable.length)
        else:
            block[str(index)] = _ibm_numbers(column, dataset.missing.get(variable.name), start)
    return block.view(np.uint8).data


def _padded_text(column: pa.ChunkedArray, width: int) -> npt.NDArray[np.void]:
    # despite its name the kernel counts bytes, so that UTF-8 comes out right
    padded = pc.ascii_rpad(pc.fill_null(column.combine_chunks(), EMPTY_TEXT), width)
    return np.frombuffer(padded.buffers()[2], f"V{width}", len(padded))


def _ibm_numbers(column: pa.ChunkedArray, missing: pa.Array | None, start: int) -> npt.NDArray[np.uint64]:
    bits: npt.NDArray[np.uint64] = to_ibm(numbers(column))
    if column.null_count:
        bits[flags(column.is_null())] = missing_bits(".")
    if missing is not None:
        codes = missing.slice(start, len(column))
        for code in pc.unique(codes.drop_null()).to_pylist():
            bits[flags(pc.equal(codes, code))] = missing_bits(code)
    return bits
