"""What the reader makes of files that are odd, wrong, or something else altogether."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trialbridge.converters.read_xpt import inspect_xpt, iter_xpt, read_xpt, read_xpt_library
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.converters.xpt_format import XptVariable, header_bytes
from trialbridge.errors import ReadError
from trialbridge.model import Dataset, Variable

CREATED = datetime(2014, 1, 2, 3, 4, 5, tzinfo=UTC)
LIBRARY_BYTES = 240


def written(dataset: Dataset, folder: Path) -> bytes:
    target = folder / f"{dataset.name.lower()}.xpt"
    write_xpt(dataset, target, created=CREATED)
    return target.read_bytes()


def text_file(*rows: bytes, label: str = "Term") -> bytes:
    width = len(rows[0])
    variable = XptVariable("AETERM", label, "Char", width, 0)
    data = b"".join(rows)
    return header_bytes("AE", "Adverse Events", CREATED, [variable]) + data + b" " * (-len(data) % 80)


@pytest.fixture
def ae() -> Dataset:
    table = pa.table({"AETERM": ["COUGH", None, "RASH"] * 40, "AESTDY": [1.5, None, -3.0] * 40})
    variables = (Variable("AETERM", "Term"), Variable("AESTDY", "Day", "Num"))
    return Dataset("AE", "Adverse Events", variables, table)


@pytest.mark.parametrize(
    ("data", "problem", "offset"),
    [
        (b"", "is empty", 0),
        (b"<HTML>\n<HEAD>\n<TITLE>404 Not Found</TITLE>", "is a web page or XML, not an XPORT file", 0),
        (b"\r\n <!DOCTYPE html>", "is a web page or XML, not an XPORT file", 0),
        (b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!", "is SAS XPORT version 8", 0),
        (b"**COMPRESSED** **COMPRESSED** **COMPRESSED**", "is a SAS CPORT file", 0),
        (bytes(12) + b"\xc2\xea\x81\x60", "is a SAS7BDAT file", 0),
        (b"PK\x03\x04....", "is a zip archive", 0),
        (b'{"datasetJSONVersion": "1.1.0"}', "is JSON", 0),
        (b"STUDYID,DOMAIN", "does not begin with the library header", 0),
        (text_file(b"abc")[:200], "is cut short in a header", 200),
        (text_file(b"abc")[:700], "is cut short in a header", 700),
        (text_file(b"abc")[:800], "is cut short in a header", 800),
    ],
)
def test_what_is_no_transport_file(data: bytes, problem: str, offset: int) -> None:
    for read in (read_xpt, inspect_xpt, read_xpt_library):
        with pytest.raises(ReadError, match=problem) as caught:
            read(io.BytesIO(data))
        assert caught.value.offset == offset


def test_the_file_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "lab.xpt"
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(ReadError) as caught:
        read_xpt(path)
    assert str(caught.value) == f"{path}, byte 0: is a web page or XML, not an XPORT file"


def test_a_real_404_page_named_xpt(shared: Path) -> None:
    archive = shared / "data/sdtm/cdiscpilot01_original/cdiscpilot01_original_sdtm.zip"
    with zipfile.ZipFile(archive) as files, pytest.raises(ReadError, match="is a web page"):
        read_xpt(io.BytesIO(files.read("lab_refrange.xpt")))


@pytest.mark.parametrize("lost", [1, 79, 80, 81, 200])
def test_a_file_cut_short_in_its_rows(ae: Dataset, tmp_path: Path, lost: int) -> None:
    data = written(ae, tmp_path)
    with pytest.raises(ReadError, match="is cut short in row"):
        read_xpt(io.BytesIO(data.rstrip(b" ")[:-lost]))


def test_every_cut_is_an_error_or_a_finding_but_where_it_leaves_a_whole_file(
    ae: Dataset, tmp_path: Path
) -> None:
    data = written(ae, tmp_path)
    first = inspect_xpt(io.BytesIO(data)).first_row
    for size in range(0, len(data), 7):
        cut = io.BytesIO(data[:size])
        part_of_row = data[size - (size - first) % 13 : size]
        if size >= first and not part_of_row.strip(b" "):
            rules = [finding.rule for finding in inspect_xpt(cut).findings]
            assert rules == (["xpt-padding"] if size % 80 else [])
        else:
            with pytest.raises(ReadError) as caught:
                inspect_xpt(cut)
            assert caught.value.offset == (size if size >= 48 else 0)


def test_a_damaged_header_says_where(ae: Dataset, tmp_path: Path) -> None:
    data = bytearray(written(ae, tmp_path))
    data[LIBRARY_BYTES + 4 * 80 + 54] = ord("x")
    with pytest.raises(ReadError, match="needs a count") as caught:
        read_xpt(io.BytesIO(data))
    assert caught.value.offset == LIBRARY_BYTES + 4 * 80 + 54


def test_a_variable_outside_its_row_is_refused() -> None:
    data = header_bytes("AE", "", CREATED, [XptVariable("AETERM", "", "Char", 3, 7)])
    with pytest.raises(ReadError, match="puts Char variable 'AETERM' in 3 bytes at 7, in rows of 3"):
        read_xpt(io.BytesIO(data))


def test_a_file_without_padding_is_read_with_a_finding() -> None:
    whole = text_file(*[b"abc"] * 5)
    header = inspect_xpt(io.BytesIO(whole.rstrip(b" ")))
    assert (header.rows, [finding.rule for finding in header.findings]) == (5, ["xpt-padding"])
    assert inspect_xpt(io.BytesIO(whole)).findings == ()


def test_what_the_header_says(ae: Dataset, tmp_path: Path) -> None:
    written(ae, tmp_path)
    header = inspect_xpt(tmp_path / "ae.xpt")
    assert (header.name, header.label, header.rows, header.encoding) == ("AE", "Adverse Events", 120, "utf-8")
    assert (header.created, header.modified) == (CREATED.replace(tzinfo=None),) * 2
    assert (header.sas_version, header.system, header.findings) == ("6.06", "bsd4.2", ())
    assert header.variables == (
        XptVariable("AETERM", "Term", "Char", 5, 0),
        XptVariable("AESTDY", "Day", "Num", 8, 5),
    )


def test_an_unreadable_date_is_a_finding() -> None:
    data = text_file(b"abc").replace(b"02JAN14:03:04:05", b"sometime        ")
    header = inspect_xpt(io.BytesIO(data))
    assert (header.created, [finding.rule for finding in header.findings]) == (None, ["xpt-date"])


def test_utf_8_unless_it_is_not() -> None:
    utf_8, cp1252 = text_file("µg\u2019s".encode()), text_file("µg\u2019s".encode("cp1252"))
    for data, encoding, rules in ((utf_8, "utf-8", []), (cp1252, "cp1252", ["xpt-encoding"])):
        assert read_xpt(io.BytesIO(data)).table["AETERM"].to_pylist() == ["µg\u2019s"]
        header = inspect_xpt(io.BytesIO(data))
        assert (header.encoding, [finding.rule for finding in header.findings]) == (encoding, rules)


def test_one_encoding_for_the_whole_file() -> None:
    data = text_file("é   ".encode("cp1252"), "Ã©".encode("cp1252") + b"  ", "caf\xe9".encode("latin-1"))
    assert read_xpt(io.BytesIO(data)).table["AETERM"].to_pylist() == ["é", "Ã©", "café"]


def test_a_label_decides_on_the_encoding_too() -> None:
    data = text_file(b"abc", label="XX").replace(b"XX  ", b"\x92X  ")
    assert read_xpt(io.BytesIO(data)).variables[0].label == "\u2019X"


def test_a_given_encoding_is_used_and_checked() -> None:
    data = text_file("é".encode("latin-1"))
    assert read_xpt(io.BytesIO(data), encoding="latin-1").table["AETERM"].to_pylist() == ["é"]
    with pytest.raises(ReadError, match=r"AE.AETERM holds b'\\xe9', which is not utf-8"):
        read_xpt(io.BytesIO(data), encoding="utf-8")
    with pytest.raises(ReadError, match="which is not cp1252"):
        read_xpt(io.BytesIO(text_file(b"\x81")))


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([b"a" * 30, b" " * 30], 1),
        ([b"a" * 30, b" " * 30, b" " * 30], 3),
        ([b"a" * 30, b" " * 30, b" " * 30, b" " * 30], 3),
        ([b" " * 30, b"a" * 30], 2),
        ([b"a" * 100, b" " * 100], 2),
        ([b" " * 8] * 10, 1),
        ([b" " * 8] * 21, 21),
    ],
)
def test_blank_rows_at_the_end_are_kept_where_they_must_exist(rows: list[bytes], kept: int) -> None:
    assert read_xpt(io.BytesIO(text_file(*rows))).table.num_rows == kept


def test_short_numbers_are_read_and_special_missing_values_in_them() -> None:
    variables = [XptVariable("A", "", "Num", 3, 0), XptVariable("B", "", "Num", 2, 3)]
    rows = bytes.fromhex("411000 4264") + b".\0\0B\0" + bytes.fromhex("C11800 0000")
    data = header_bytes("XX", "", CREATED, variables) + rows + b" " * 65
    dataset = read_xpt(io.BytesIO(data))
    assert dataset.table.to_pydict() == {"A": [1.0, None, -1.5], "B": [100.0, None, 0.0]}
    assert {name: codes.to_pylist() for name, codes in dataset.missing.items()} == {"B": [None, "B", None]}


def test_a_library_of_several_datasets(ae: Dataset, tmp_path: Path) -> None:
    dm = Dataset("DM", "Demographics", (Variable("AGE", "Age", "Num"),), pa.table({"AGE": [63.0]}))
    empty = Dataset("CM", "", (Variable("CMTRT", ""),), pa.table({"CMTRT": pa.array([], pa.string())}))
    library = written(ae, tmp_path)
    for dataset in (empty, dm):
        library += written(dataset, tmp_path)[LIBRARY_BYTES:]
    read = read_xpt_library(io.BytesIO(library))
    assert [dataset.name for dataset in read] == ["AE", "CM", "DM"]
    for found, dataset in zip(read, (ae, empty, dm), strict=True):
        assert found.table.equals(dataset.table)
    for refusing in (read_xpt, inspect_xpt, lambda file: list(iter_xpt(file))):
        with pytest.raises(ReadError, match=r"holds several datasets \(AE, CM, ...\): use read_xpt_library"):
            refusing(io.BytesIO(library))


def test_rows_come_in_batches(ae: Dataset, tmp_path: Path) -> None:
    written(ae, tmp_path)
    batches = list(iter_xpt(tmp_path / "ae.xpt", 50))
    assert [batch.num_rows for batch in batches] == [50, 50, 20]
    assert pa.Table.from_batches(batches).equals(ae.table)


def test_special_missing_values_across_batches(tmp_path: Path) -> None:
    rows = 40_000
    codes = np.full(rows, None, object)
    codes[[0, 20_000, rows - 1]] = ["_", "A", "Z"]
    table = pa.table({"AESTDY": pa.array(np.arange(rows, dtype=float), mask=codes != None)})  # noqa: E711 - elementwise
    missing = {"AESTDY": pa.array(codes, pa.string())}
    dataset = Dataset("AE", "", (Variable("AESTDY", "", "Num"),), table, missing)
    written(dataset, tmp_path)
    read = read_xpt(tmp_path / "ae.xpt")
    assert read.table.equals(table)
    assert read.missing["AESTDY"].equals(missing["AESTDY"])


def test_a_file_of_no_rows(tmp_path: Path) -> None:
    empty = Dataset("AE", "", (Variable("AETERM", ""),), pa.table({"AETERM": pa.array([], pa.string())}))
    written(empty, tmp_path)
    read = read_xpt(tmp_path / "ae.xpt")
    assert (read.table.num_rows, read.table.schema) == (0, empty.table.schema)
