"""Dataset-JSON 1.1, written and read: against the official schemas and the SEND samples."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.converters.dataset_json_format import DatasetJsonMetadata
from trialbridge.converters.read_dataset_json import inspect_dataset_json, read_dataset_json
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.write_dataset_json import check_dataset_json, write_dataset_json
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.errors import ConversionErrors, ReadError
from trialbridge.model import Dataset, Variable

METADATA = DatasetJsonMetadata(
    created=datetime(2014, 1, 2, 3, 4, 5, tzinfo=UTC),
    originator="Sponsor",
    study="CDISC01",
    metadata_version="MDV.CDISC01",
    define="define.xml",
    system="trialbridge",
    system_version="0.1.0",
    modified=datetime(2014, 1, 1, tzinfo=UTC),
    file="CDISC01/lb",
)
NDJSON = "dataset-ndjson-schema.json"
MANY = 10_000
"""Records from which one form is enough: both write the same rows."""
CREATED = METADATA.created.replace(tzinfo=None)
SCHEMAS = {".json": "dataset.schema.json", ".ndjson": NDJSON, ".dsjc": NDJSON}

LB = Dataset(
    "LB",
    "Laboratory Test Results",
    (
        Variable("USUBJID", "Unique Subject Identifier"),
        Variable("LBSEQ", "Sequence Number", "Num"),
        Variable("LBORRES", "Result", length=20, format="$20."),
        Variable("LBSTRESN", "Numeric Result", "Num", significant_digits=1),
        Variable("LBDTC", "Date/Time"),
    ),
    pa.table(
        {
            "USUBJID": ["01-001", "01-002", "01-002"],
            "LBSEQ": [1.0, 1.0, 2.0],
            "LBORRES": ["<5", 'µg "quoted"', None],
            "LBSTRESN": [None, 0.1, -0.0],
            "LBDTC": ["2014-01", "2014-01-02T03:04", None],
        }
    ),
    keys=("USUBJID", "LBSEQ"),
)


@pytest.fixture(params=[".json", ".ndjson", ".dsjc"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def documents(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Return header and rows of a file, by another JSON reader."""
    if path.suffix in {".ndjson", ".dsjc"}:
        data = path.read_bytes()
        text = (zlib.decompress(data, 47) if path.suffix == ".dsjc" else data).decode()
        header, *rows = map(json.loads, text.splitlines())
        return header, rows
    document = json.loads(path.read_text("utf-8"))
    return document, document.pop("rows")


def validate(shared: Path, path: Path) -> None:
    schema = json.loads((shared / "standards/dataset-json-1.1" / SCHEMAS[path.suffix]).read_text())
    if path.suffix in {".ndjson", ".dsjc"}:
        instance, _ = documents(path)
    else:
        instance = json.loads(path.read_text("utf-8"))
    jsonschema.Draft201909Validator(schema).validate(instance)


def test_what_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"lb{suffix}"
    write_dataset_json(LB, path, metadata=METADATA)
    header, rows = documents(path)
    assert rows == [
        ["01-001", 1, "<5", None, "2014-01"],
        ["01-002", 1, 'µg "quoted"', 0.1, "2014-01-02T03:04"],
        ["01-002", 2, "", 0.0, ""],
    ]
    assert str(rows[2][3]) == "0.0", "a zero has no sign"
    columns = header.pop("columns")
    assert columns == [
        {
            "itemOID": "IT.LB.USUBJID",
            "name": "USUBJID",
            "label": "Unique Subject Identifier",
            "dataType": "string",
        }
        | {"length": 6, "keySequence": 1},
        {"itemOID": "IT.LB.LBSEQ", "name": "LBSEQ", "label": "Sequence Number", "dataType": "integer"}
        | {"keySequence": 2},
        {"itemOID": "IT.LB.LBORRES", "name": "LBORRES", "label": "Result", "dataType": "string"}
        | {"length": 20, "displayFormat": "$20."},
        {"itemOID": "IT.LB.LBSTRESN", "name": "LBSTRESN", "label": "Numeric Result", "dataType": "float"},
        {"itemOID": "IT.LB.LBDTC", "name": "LBDTC", "label": "Date/Time", "dataType": "datetime"},
    ]
    assert header == {
        "datasetJSONCreationDateTime": "2014-01-02T03:04:05+00:00",
        "datasetJSONVersion": "1.1.0",
        "fileOID": "CDISC01/lb",
        "dbLastModifiedDateTime": "2014-01-01T00:00:00+00:00",
        "originator": "Sponsor",
        "sourceSystem": {"name": "trialbridge", "version": "0.1.0"},
        "studyOID": "CDISC01",
        "metaDataVersionOID": "MDV.CDISC01",
        "metaDataRef": "define.xml",
        "itemGroupOID": "IG.LB",
        "records": 3,
        "name": "LB",
        "label": "Laboratory Test Results",
    }


@pytest.mark.parametrize("metadata", [METADATA, DatasetJsonMetadata(METADATA.created)])
def test_it_is_valid(shared: Path, tmp_path: Path, suffix: str, metadata: DatasetJsonMetadata) -> None:
    path = tmp_path / f"lb{suffix}"
    write_dataset_json(LB, path, metadata=metadata)
    validate(shared, path)
    assert inspect_dataset_json(path) == metadata


def test_it_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"lb{suffix}"
    write_dataset_json(LB, path, metadata=METADATA)
    read = read_dataset_json(path)
    assert (read.name, read.label, read.keys) == (LB.name, LB.label, LB.keys)
    assert read.table.equals(LB.table)
    assert [
        (variable.name, variable.label, variable.type, variable.format) for variable in read.variables
    ] == [(variable.name, variable.label, variable.type, variable.format) for variable in LB.variables]


@pytest.mark.parametrize("name", ["dm", "ds", "ex", "lb", "ts"])
def test_the_send_samples_are_one_in_three_forms(
    shared: Path, tmp_path: Path, name: str, suffix: str
) -> None:
    folder = shared / "data/formats"
    transport = read_xpt(folder / f"send_{name}.xpt")
    sample = read_dataset_json(folder / f"send_{name}{suffix}")
    assert (sample.name, transport.label) == (transport.name, ""), "the XPT samples have no dataset label"
    assert [variable.label for variable in sample.variables] == [
        variable.label for variable in transport.variables
    ]
    assert sample.table.equals(transport.table)
    ours = tmp_path / f"{name}{suffix}"
    write_dataset_json(sample, ours, metadata=inspect_dataset_json(folder / f"send_{name}{suffix}"))
    validate(shared, ours)
    written, rows = documents(ours)
    given, given_rows = documents(folder / f"send_{name}{suffix}")
    assert rows == given_rows
    if suffix == ".dsjc":  # whose sample was written by another tool: in another order, with Z for the zone
        moments = {name for name in given if name.endswith("DateTime")}
        given |= {name: datetime.fromisoformat(given[name]).isoformat() for name in moments}
    else:
        assert [key for key in given if key != "columns"] == [key for key in written if key != "columns"]
    assert {key: given[key] for key in given if key != "columns"} == {
        key: written[key] for key in written if key != "columns"
    }


@given(
    st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=20,
    )
)
def test_any_text_and_any_number_come_back(rows: list[tuple[str | None, float | None]]) -> None:
    texts, numbers = zip(*rows, strict=True) if rows else ((), ())
    table = pa.table({"QVAL": pa.array(texts, pa.string()), "QSEQ": pa.array(numbers, pa.float64())})
    dataset = Dataset("QS", "", (Variable("QVAL", ""), Variable("QSEQ", "", "Num")), table)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".json", ".ndjson", ".dsjc"):
            path = Path(folder) / f"qs{suffix}"
            write_dataset_json(dataset, path, metadata=METADATA)
            assert read_dataset_json(path).table.equals(table)


def test_many_rows(tmp_path: Path, suffix: str) -> None:
    count = 20_000
    table = pa.table({"AESEQ": pa.array(range(count), pa.float64())})
    dataset = Dataset("AE", "", (Variable("AESEQ", "", "Num"),), table)
    write_dataset_json(dataset, tmp_path / f"ae{suffix}", metadata=METADATA)
    _, rows = documents(tmp_path / f"ae{suffix}")
    assert rows == [[number] for number in range(count)]
    assert read_dataset_json(tmp_path / f"ae{suffix}").table.equals(table)


def test_no_rows(shared: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"lb{suffix}"
    write_dataset_json(
        Dataset(LB.name, LB.label, LB.variables, LB.table.slice(0, 0)), path, metadata=METADATA
    )
    validate(shared, path)
    assert read_dataset_json(path).table.equals(LB.table.slice(0, 0))


@pytest.mark.parametrize(
    ("values", "missing", "fault"),
    [
        ([1.0, float("nan")], {}, "AE.AESEQ, row 2: the value is no finite number"),
        ([None], {"AESEQ": pa.array(["A"])}, "AE.AESEQ, row 1: JSON has no special missing values"),
        (["1"], {}, "AE.AESEQ: the column is string, a Num variable needs double"),
    ],
)
def test_refused(tmp_path: Path, values: list[Any], missing: dict[str, pa.Array], fault: str) -> None:
    column = pa.array(values) if isinstance(values[0], str) else pa.array(values, pa.float64())
    table = pa.table({"AESEQ": column})
    dataset = Dataset("AE", "", (Variable("AESEQ", "", "Num"),), table, missing)
    assert [str(found) for found in check_dataset_json(dataset)] == [fault]
    with pytest.raises(ConversionErrors):
        write_dataset_json(dataset, tmp_path / "ae.json", metadata=METADATA)
    assert list(tmp_path.iterdir()) == []


HEADER = (
    '{"datasetJSONCreationDateTime":"2014-01-02T03:04:05","datasetJSONVersion":"1.1.0","itemGroupOID":"IG.AE",'
    '"records":1,"name":"AE","label":"","columns":[{"itemOID":"IT.AE.AESEQ","name":"AESEQ","label":"",'
    '"dataType":"integer"}]}'
)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "line 1 is not Dataset-JSON"),
        ("<html>", "line 1 is not Dataset-JSON"),
        ('{"name":"AE"}', "missing required field"),
        (HEADER.replace("1.1.0", "1.0.0") + "\n[1]", "is Dataset-JSON 1.0.0, not 1.1"),
        (HEADER.replace("integer", "boolean") + "\n[1]", "AE.AESEQ has the type 'boolean'"),
        (HEADER, "says 1 records and holds 0"),
        (HEADER + "\n[1]\n[2]", "says 1 records and holds 2"),
        (HEADER + "\n[1, 2]", "row 1 has 2 values for 1 columns"),
        (HEADER + '\n["1"]', "AE.AESEQ, row 1: '1' does not fit the type integer"),
        (HEADER + "\n[true]", "AE.AESEQ, row 1: True does not fit the type integer"),
        (HEADER + "\n[9007199254740993]", "row 1: 9007199254740993 does not fit the type integer"),
        (HEADER.replace("integer", "string") + "\n[1]", "AE.AESEQ, row 1: 1 does not fit the type string"),
        (HEADER.replace("integer", "decimal") + '\n["NaN"]', "row 1: 'NaN' does not fit the type decimal"),
        (HEADER + "\n[1", "line 2 is not Dataset-JSON"),
        (HEADER + "\n{}", "line 2 is not Dataset-JSON"),
        (HEADER + "\n" + "[" * 20_000, "line 2 is not Dataset-JSON"),
    ],
)
def test_what_is_not_dataset_json(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "ae.ndjson"
    path.write_text(content)
    with pytest.raises(ReadError) as caught:
        read_dataset_json(path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_decimals_kept_as_text_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "ae.ndjson"
    path.write_text("\ufeff" + HEADER.replace("integer", "decimal") + '\n["72.50"]\n\n')
    assert read_dataset_json(path).table["AESEQ"].to_pylist() == [72.5]


def test_a_document_without_rows(tmp_path: Path) -> None:
    (tmp_path / "ae.json").write_text(HEADER)
    with pytest.raises(ReadError, match="missing required field `rows`"):
        read_dataset_json(tmp_path / "ae.json")


def test_the_compressed_form_is_zlib_and_a_wrapped_one_is_read(tmp_path: Path) -> None:
    write_dataset_json(LB, tmp_path / "lb.dsjc", metadata=METADATA)
    write_dataset_json(LB, tmp_path / "lb.ndjson", metadata=METADATA)
    plain = (tmp_path / "lb.ndjson").read_bytes()
    assert zlib.decompress((tmp_path / "lb.dsjc").read_bytes()) == plain
    wrapped = zlib.compressobj(wbits=31)
    (tmp_path / "gz.dsjc").write_bytes(wrapped.compress(plain) + wrapped.flush())
    assert read_dataset_json(tmp_path / "gz.dsjc").table.equals(LB.table)


@pytest.mark.parametrize("data", [b"", b"no zlib", zlib.compress(b"x" * 99)[:-8]])
def test_what_is_no_compressed_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ae.dsjc").write_bytes(data)
    with pytest.raises(ReadError, match="zlib"):
        read_dataset_json(tmp_path / "ae.dsjc")


def pilot_datasets(shared: Path) -> Iterator[Dataset]:
    """Yield every dataset of the CDISC pilot, of both its releases."""
    for name in ("cdiscpilot01_tdf/cdiscpilot_update2", "cdiscpilot01_original/cdiscpilot01_original_sdtm"):
        with zipfile.ZipFile(shared / f"data/sdtm/{name}.zip") as archive:
            for member in archive.namelist():
                data = archive.read(member)
                if data.startswith(b"HEADER RECORD"):
                    yield read_xpt(io.BytesIO(data))


def test_every_pilot_dataset_comes_back_as_it_was(shared: Path, tmp_path: Path) -> None:
    count = 0
    for dataset in pilot_datasets(shared):
        write_xpt(dataset, tmp_path / "old.xpt", created=CREATED)
        for suffix in (".json", ".dsjc") if len(dataset.table) < MANY else (".dsjc",):
            path = tmp_path / f"a{suffix}"
            write_dataset_json(dataset, path, metadata=DatasetJsonMetadata(CREATED))
            again = read_dataset_json(path)
            assert again.table.equals(dataset.table), dataset.name
            write_xpt(again, tmp_path / "new.xpt", created=CREATED)
            assert (tmp_path / "new.xpt").read_bytes() == (tmp_path / "old.xpt").read_bytes(), dataset.name
            count += 1
    assert count > 80


def test_a_compressed_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lb.dsjc").write_bytes(zlib.compress(b" " * (80 << 20)))
    with pytest.raises(ReadError, match="a line of more than"):
        read_dataset_json(tmp_path / "lb.dsjc")
