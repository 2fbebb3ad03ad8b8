"""Laws: what is written is read back the same, by our reader and by two that know nothing of it."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.converters.read_xpt import iter_xpt, read_xpt, read_xpt_library
from trialbridge.converters.write_xpt import check_xpt, study_lengths, write_xpt
from trialbridge.converters.xpt_format import LARGEST, SMALLEST
from trialbridge.errors import ReadError
from trialbridge.model import Dataset, Variable

CREATED = datetime(2014, 1, 2, tzinfo=UTC)

NUMBERS = st.one_of(
    st.just(0.0),
    st.integers(-(2**53), 2**53).map(float),
    st.floats(SMALLEST, LARGEST),
    st.floats(-LARGEST, -SMALLEST),
    st.decimals(-1000, 1000, places=2).map(float),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: len(text.encode()) <= 200 and not text.endswith(" ")
)
ASCII = (
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=200).map(str.strip).filter(bool)
)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,7}", fullmatch=True)
LABELS = st.text(st.characters(exclude_categories=["Cs", "Cc"])).filter(
    lambda text: len(text.encode()) <= 40 and text == text.strip()
)
SPECIAL = st.sampled_from("_ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@st.composite
def datasets(
    draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS, numbers: st.SearchStrategy[float] = NUMBERS
) -> Dataset:
    """Draw a dataset of up to five variables; the last is a number, so that no row ends in blanks."""
    rows = draw(st.integers(0, 20))
    variables: list[Variable] = []
    columns: list[pa.Array] = []
    missing = {}
    for name in draw(st.lists(NAMES.filter(lambda name: name != "SEQ"), max_size=4, unique=True)):
        label = draw(LABELS)
        kind: Literal["Char", "Num"] = draw(st.sampled_from(("Char", "Num")))
        if kind == "Char":
            values = draw(st.lists(st.none() | texts, min_size=rows, max_size=rows))
            columns.append(pa.array(values, pa.string()))
            length = max([1, *(len(value.encode()) for value in values if value)])
        else:
            drawn = draw(st.lists(numbers | st.none() | SPECIAL, min_size=rows, max_size=rows))
            columns.append(
                pa.array([value if isinstance(value, float) else None for value in drawn], pa.float64())
            )
            codes = [value if isinstance(value, str) else None for value in drawn]
            if any(codes):
                missing[name] = pa.array(codes, pa.string())
            length = 8
        variables.append(Variable(name, label, kind, length))
    variables.append(Variable("SEQ", "Sequence", "Num", 8))
    columns.append(pa.array(np.arange(rows, dtype=float)))
    names = [variable.name for variable in variables]
    table = pa.Table.from_arrays(columns, names=names)
    return Dataset(draw(NAMES), draw(LABELS), tuple(variables), table, missing)


def same(left: Dataset, right: Dataset) -> None:
    assert (left.name, left.label, left.variables) == (right.name, right.label, right.variables)
    assert left.table.equals(right.table)
    assert {name: codes.to_pylist() for name, codes in left.missing.items()} == {
        name: codes.to_pylist() for name, codes in right.missing.items()
    }


DAMAGE = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=5)


@given(datasets(), DAMAGE, st.integers(0, 3_000))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    dataset: Dataset, damage: list[tuple[int, int]], size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xpt"
        write_xpt(dataset, path, created=CREATED)
        data = bytearray(path.read_bytes()[: size + 900])
    for place, byte in damage:
        data[place % len(data)] = byte
    with suppress(ReadError):
        for read in read_xpt_library(io.BytesIO(data)):
            read.table.validate(full=True)


@given(datasets(), st.integers(1, 25))
def test_what_is_written_is_read_back(dataset: Dataset, chunk_rows: int) -> None:
    assert check_xpt(dataset) == []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xpt"
        write_xpt(dataset, path, created=CREATED, chunk_rows=chunk_rows)
        same(read_xpt(path), dataset)
        batches = list(iter_xpt(path, chunk_rows))
        assert pa.Table.from_batches(batches, dataset.table.schema).equals(dataset.table)
        again = Path(folder) / "again.xpt"
        write_xpt(read_xpt(path), again, created=CREATED)
        assert again.read_bytes() == path.read_bytes()


@given(datasets())
@settings(max_examples=50)
def test_pyreadstat_reads_the_same(dataset: Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xpt"
        write_xpt(dataset, path, created=CREATED)
        frame, said = pyreadstat.read_xport(str(path))
    assert (said.table_name, list(frame.columns)) == (dataset.name, dataset.table.column_names)
    assert said.column_labels == [variable.label or None for variable in dataset.variables]
    compare(frame, dataset)


@given(datasets(ASCII, NUMBERS.filter(lambda number: abs(number) != SMALLEST)))
@settings(max_examples=50)
def test_pandas_reads_the_same(dataset: Dataset) -> None:
    if dataset.table.num_rows == 0:
        return  # pandas cannot read a file without rows
    dataset = with_ten_numbers(dataset)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xpt"
        write_xpt(dataset, path, created=CREATED)
        compare(pd.read_sas(path, encoding="utf-8").replace(SMALLEST, 0.0), dataset)  # pandas' reading of a 0


def with_ten_numbers(dataset: Dataset) -> Dataset:
    """Return `dataset` with 80 bytes of numbers at the end of each row.

    pandas takes any eight blanks among the last 80 bytes of a file for padding, and so miscounts the rows.
    """
    ten = {f"TAIL___{number}": pa.array(np.ones(dataset.table.num_rows)) for number in range(10)}
    table = dataset.table
    for name, column in ten.items():
        table = table.append_column(name, column)
    return replace(
        dataset, table=table, variables=(*dataset.variables, *(Variable(name, "", "Num", 8) for name in ten))
    )


def compare(frame: pd.DataFrame, dataset: Dataset) -> None:
    assert len(frame) == dataset.table.num_rows
    for variable in dataset.variables:
        found, column = frame[variable.name], dataset.table[variable.name]
        if variable.type == "Num":
            expected = column.to_numpy()
            assert np.array_equal(found.to_numpy(float), np.asarray(expected, float), equal_nan=True)
        else:
            assert [text if isinstance(text, str) and text else None for text in found] == column.to_pylist()


@given(st.lists(st.lists(st.none() | TEXTS, max_size=5), min_size=1, max_size=4))
def test_study_lengths_fit_every_dataset(parts: list[list[str | None]]) -> None:
    split = [
        Dataset("AE", "", (Variable("AETERM", ""),), pa.table({"AETERM": pa.array(values, pa.string())}))
        for values in parts
    ]
    lengths = study_lengths(split)
    assert lengths["AETERM"] == max([1, *(len(text.encode()) for values in parts for text in values if text)])
    for dataset in split:
        assert not [fault for fault in check_xpt(dataset, lengths) if fault.variable]
