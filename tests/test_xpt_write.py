"""What the writer refuses, and the very bytes it writes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.write_xpt import check_xpt, study_lengths, write_xpt
from trialbridge.errors import ConversionErrors
from trialbridge.model import Dataset, Variable

CREATED = datetime(2014, 1, 2, 3, 4, 5, tzinfo=UTC)

SMALL = Dataset(
    "LB",
    "Laboratory Test Results",
    (
        Variable("USUBJID", "Unique Subject Identifier"),
        Variable("LBSEQ", "Sequence Number", "Num"),
        Variable("LBORRES", "Result", format="$8."),
        Variable("LBSTRESN", "Numeric Result", "Num", format="8.2"),
    ),
    pa.table(
        {
            "USUBJID": ["01-001", "01-002", None],
            "LBSEQ": [1.0, 2.0, 3.0],
            "LBORRES": ["<5", "72.50", "5 µg"],
            "LBSTRESN": [None, 72.5, None],
        }
    ),
    missing={"LBSTRESN": pa.array([None, None, "A"], pa.string())},
)


def one(values: list[Any], variable: Variable | None = None, **fields: Any) -> Dataset:
    variable = variable or Variable("AETERM", "Term")
    kind = {"Char": pa.string(), "Num": pa.float64()}[variable.type]
    return Dataset(
        "AE", "Adverse Events", (variable,), pa.table({variable.name: pa.array(values, kind)}), **fields
    )


def test_the_bytes_are_what_ts140_lays_down(tmp_path: Path) -> None:
    write_xpt(SMALL, tmp_path / "lb.xpt", created=CREATED)
    data = (tmp_path / "lb.xpt").read_bytes()
    assert len(data) % 80 == 0
    records = [data[at : at + 80] for at in range(0, len(data), 80)]
    marks = {0: b"LIBRARY ", 3: b"MEMBER  ", 4: b"DSCRPTR ", 7: b"NAMESTR "}
    for number, mark in marks.items():
        assert records[number][:48] == b"HEADER RECORD*******" + mark + b"HEADER RECORD!!!!!!!"
    assert records[0][48:] == b"0" * 30 + b"  "
    assert records[1] == b"SAS     SAS     SASLIB  6.06    bsd4.2  " + b" " * 24 + b"02JAN14:03:04:05"
    assert records[2] == b"02JAN14:03:04:05" + b" " * 64
    assert records[3][48:] == b"000000000000000001600000000140  "
    assert records[5] == b"SAS     LB      SASDATA 6.06    bsd4.2  " + b" " * 24 + b"02JAN14:03:04:05"
    assert records[6] == b"02JAN14:03:04:05" + b" " * 16 + b"Laboratory Test Results".ljust(40) + b" " * 8
    assert records[7][48:] == b"000000000400000000000000000000  "
    rows_header = 8 + 4 * 140 // 80
    assert records[rows_header][:48] == b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"
    rows = data[(rows_header + 1) * 80 :]
    width = 6 + 8 + 5 + 8
    assert rows[:width] == b"01-001" + bytes.fromhex("4110000000000000") + b"<5   " + b"." + bytes(7)
    assert rows[2 * width : 3 * width] == b" " * 6 + bytes.fromhex(
        "4130000000000000"
    ) + "5 µg".encode() + b"A" + bytes(7)
    assert rows[3 * width :] == b" " * (-3 * width % 80)


def test_the_same_bytes_every_time_and_for_every_chunk(tmp_path: Path) -> None:
    digests = set()
    for chunk_rows in (1, 2, 3, 100):
        write_xpt(SMALL, tmp_path / "lb.xpt", created=CREATED, chunk_rows=chunk_rows)
        digests.add(hashlib.sha256((tmp_path / "lb.xpt").read_bytes()).hexdigest())
    assert digests == {"cfaf781886dff03addfe2bb477fb99aa6a927752ad6a44022aebf1c897f4b7df"}


def test_a_table_in_pieces_is_written_as_one_in_a_piece(tmp_path: Path) -> None:
    table = pa.concat_tables([SMALL.table.slice(0, 1), SMALL.table.slice(1, 2)])
    pieces = Dataset(SMALL.name, SMALL.label, SMALL.variables, table, SMALL.missing)
    write_xpt(SMALL, tmp_path / "whole.xpt", created=CREATED)
    write_xpt(pieces, tmp_path / "pieces.xpt", created=CREATED)
    assert (tmp_path / "whole.xpt").read_bytes() == (tmp_path / "pieces.xpt").read_bytes()


def test_only_created_decides_the_dates(tmp_path: Path) -> None:
    write_xpt(SMALL, tmp_path / "a.xpt", created=CREATED)
    write_xpt(SMALL, tmp_path / "b.xpt", created=datetime(2020, 2, 29, tzinfo=UTC))
    later = (tmp_path / "b.xpt").read_bytes().replace(b"29FEB20:00:00:00", b"02JAN14:03:04:05")
    assert later == (tmp_path / "a.xpt").read_bytes()


NUM = Variable("AESTDY", "Day", "Num")


@pytest.mark.parametrize(
    ("dataset", "fault"),
    [
        (
            one(["a"], Variable("AETERMTXT", "")),
            "AE.AETERMTXT: the name is not 1 to 8 of A-Z, 0-9 and _, beginning with a letter",
        ),
        (
            one(["a"], Variable("aeterm", "")),
            "AE.aeterm: the name is not 1 to 8 of A-Z, 0-9 and _, beginning with a letter",
        ),
        (
            one(["a"], Variable("1AE", "")),
            "AE.1AE: the name is not 1 to 8 of A-Z, 0-9 and _, beginning with a letter",
        ),
        (one(["a"], Variable("AETERM", "é" * 21)), "AE.AETERM: the label takes 42 bytes, 40 are allowed"),
        (one(["a"], Variable("AETERM", "\ud800")), "AE.AETERM: the label cannot be written as UTF-8"),
        (one(["a"], Variable("AETERM", "a\0")), "AE.AETERM: the label holds a NUL"),
        (one(["a"], Variable("AETERM", "", format="9 9")), "AE.AETERM: '9 9' is no SAS format"),
        (one(["a"], Variable("AETERM", "", length=201)), "AE.AETERM: the length is 201, not 1 to 200"),
        (one(["a"], Variable("AETERM", "", length=0)), "AE.AETERM: the length is 0, not 1 to 200"),
        (one(["a", "b" * 201]), "AE.AETERM, row 2: the value takes 201 bytes, 200 are allowed"),
        (
            one(["é" * 101, "b", "c" * 300]),
            "AE.AETERM, row 1: the value takes 202 bytes, 200 are allowed (and 1 more row)",
        ),
        (
            one([None, "abcd"], Variable("AETERM", "", length=3)),
            "AE.AETERM, row 2: the value takes 4 bytes, 3 is its length",
        ),
        (one(["a", "a\0b"]), "AE.AETERM, row 2: the value holds a NUL, which many readers stop at"),
        (one([1.0, float("nan")], NUM), "AE.AESTDY, row 2: the value is no finite number"),
        (one([float("-inf")], NUM), "AE.AESTDY, row 1: the value is no finite number"),
        (one([0.0, 7.3e75], NUM), "AE.AESTDY, row 2: the number is outside XPT's 5.4e-79 to 7.2e75"),
        (one([-1e-80], NUM), "AE.AESTDY, row 1: the number is outside XPT's 5.4e-79 to 7.2e75"),
        (
            one(["x", None, ""]),
            "AE, row 2: the row is blank, as are all after it: XPT cannot tell such rows from its padding",
        ),
        (
            one([1.0], NUM, missing={"AESTDY": pa.array(["A"])}),
            "AE.AESTDY, row 1: a special missing value is _ or A to Z, where no number is",
        ),
        (
            one([None], NUM, missing={"AESTDY": pa.array(["a"])}),
            "AE.AESTDY, row 1: a special missing value is _ or A to Z, where no number is",
        ),
        (
            one([None], NUM, missing={"AESTDY": pa.array(["A", "B"])}),
            "AE.AESTDY: there are 2 special missing values for 1 rows",
        ),
        (
            one(["a"], missing={"AETERM": pa.array(["A"])}),
            "AE.AETERM: special missing values need a Num variable of that name",
        ),
    ],
)
def test_refused(dataset: Dataset, fault: str, tmp_path: Path) -> None:
    assert [str(found) for found in check_xpt(dataset)] == [fault]
    target = tmp_path / "ae.xpt"
    target.write_bytes(b"as it was")
    with pytest.raises(ConversionErrors) as caught:
        write_xpt(dataset, target, created=CREATED)
    assert [str(error) for error in caught.value.exceptions] == [fault]
    assert target.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [target]


def test_all_faults_at_once() -> None:
    variables = (Variable("AETERMTXT", ""), Variable("AESTDY", "d" * 41, "Num"))
    table = pa.table({"AETERMTXT": ["x" * 201, "y"], "AESTDY": [0.0, float("inf")]})
    faults = check_xpt(Dataset("ae", "l" * 41, variables, table))
    assert [(fault.dataset, fault.variable, fault.row) for fault in faults] == [
        ("ae", "", None),
        ("ae", "", None),
        ("ae", "AETERMTXT", None),
        ("ae", "AESTDY", None),
        ("ae", "AETERMTXT", 1),
        ("ae", "AESTDY", 2),
    ]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (
            pa.table({"AETERM": ["a"], "AESTDY": [1]}),
            "AE.AESTDY: the column is int64, a Num variable needs double",
        ),
        (
            pa.table({"AESTDY": [1.0], "AETERM": ["a"]}),
            "AE: the columns are not the variables in their order",
        ),
        (pa.table({"AETERM": ["a"]}), "AE: the columns are not the variables in their order"),
    ],
)
def test_columns_that_contradict_the_variables(table: pa.Table, fault: str) -> None:
    dataset = Dataset("AE", "", (Variable("AETERM", ""), Variable("AESTDY", "", "Num")), table)
    assert [str(found) for found in check_xpt(dataset)] == [fault]


def test_a_name_twice() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["AETERM", "AETERM"])
    dataset = Dataset("AE", "", (Variable("AETERM", ""), Variable("AETERM", "")), table)
    assert "AE.AETERM: the name stands 2 times" in [str(fault) for fault in check_xpt(dataset)]


def test_no_variable_at_all() -> None:
    assert [str(fault) for fault in check_xpt(Dataset("AE", "", (), pa.table({})))] == [
        "AE: there is no variable"
    ]


def test_lengths_hold_for_the_whole_study(tmp_path: Path) -> None:
    short, long = one(["ab", None]), one(["abcé"])
    lengths = study_lengths([short, long])
    assert lengths == {"AETERM": 5}
    assert study_lengths([one([None])]) == {"AETERM": 1}
    kept = Dataset("AE", "", (Variable("AETERM", ""), NUM), pa.table({"AETERM": ["ab"], "AESTDY": [1.0]}))
    write_xpt(kept, tmp_path / "ae.xpt", created=CREATED, lengths=lengths)
    assert [variable.length for variable in read_xpt(tmp_path / "ae.xpt").variables] == [5, 8]


def test_a_length_too_small_for_the_value_is_refused() -> None:
    assert [str(fault) for fault in check_xpt(one(["abc"]), {"AETERM": 2})] == [
        "AE.AETERM, row 1: the value takes 3 bytes, 2 is its length"
    ]


def test_an_error_on_the_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "lb.xpt"
    target.write_bytes(b"as it was")
    monkeypatch.setattr("trialbridge.converters.write_xpt.blank_padding", full)
    with_number = Dataset("AE", "", (NUM,), pa.table({"AESTDY": np.arange(3.0)}))
    with pytest.raises(OSError, match="No space"):
        write_xpt(with_number, target, created=CREATED)
    assert target.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [target]
