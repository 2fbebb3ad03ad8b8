"""Files from SAS and R: the CDISC pilot study and the SEND samples, against pyreadstat and pandas."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from trialbridge.converters.read_xpt import inspect_xpt, read_xpt
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.model import Dataset

PILOT = [
    "ae",
    "cm",
    "dm",
    "ds",
    "ex",
    "lbch",
    "lbhe",
    "lbur",
    "mh",
    "qsco",
    "qsda",
    "qsgi",
    "qshi",
    "qsmm",
    "qsni",
    "relrec",
    "sc",
    "se",
    "suppae",
    "suppdm",
    "suppds",
    "supplbch",
    "supplbhe",
    "supplbur",
    "sv",
    "ta",
    "te",
    "ti",
    "ts",
    "tv",
    "vs",
]
ORIGINAL = [
    "ae",
    "cm",
    "dm",
    "ds",
    "ex",
    "mh",
    "relrec",
    "sc",
    "se",
    "suppae",
    "suppdm",
    "suppds",
    "sv",
    "ta",
    "te",
    "ti",
    "ts",
    "tv",
]
SEND = ["dm", "ds", "ex", "lb", "ts"]

PANDAS_ZERO = 16.0**-65
"""What pandas makes of a stored 0."""

PANDAS_LOSES_A_ROW = {("pilot", "suppds")}
"""Its last row ends in blanks, which pandas takes for padding; so it does with the file as SAS wrote it."""

ZIPS = {
    "pilot": ("sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip", "SDTM/"),
    "original": ("sdtm/cdiscpilot01_original/cdiscpilot01_original_sdtm.zip", ""),
}
FILES = (
    [("pilot", name) for name in PILOT]
    + [("original", name) for name in ORIGINAL]
    + [("send", n) for n in SEND]
)


def content(shared: Path, source: str, name: str) -> bytes:
    if source == "send":
        return (shared / f"data/formats/send_{name}.xpt").read_bytes()
    archive, folder = ZIPS[source]
    with zipfile.ZipFile(shared / "data" / archive) as files:
        return files.read(f"{folder}{name}.xpt")


def test_every_file_of_the_archives_is_tested(shared: Path) -> None:
    for source, names in (("pilot", PILOT), ("original", [*ORIGINAL, "lab_refrange"])):
        archive, folder = ZIPS[source]
        with zipfile.ZipFile(shared / "data" / archive) as files:
            found = {name for name in files.namelist() if name.endswith(".xpt")}
        assert found == {f"{folder}{name}.xpt" for name in names}


def same_as(frame: pd.DataFrame, dataset: Dataset) -> None:
    assert list(frame.columns) == dataset.table.column_names
    assert len(frame) == dataset.table.num_rows
    for variable in dataset.variables:
        found, column = frame[variable.name], dataset.table[variable.name]
        if variable.type == "Num":
            assert np.array_equal(found.to_numpy(float), column.to_pandas().to_numpy(float), equal_nan=True)
        else:
            texts = found.astype(object)
            assert texts.where(texts.notna() & (texts != ""), None).tolist() == column.to_pylist()


@pytest.mark.parametrize(("source", "name"), FILES)
def test_read_and_written_as_the_others_read_it(shared: Path, tmp_path: Path, source: str, name: str) -> None:
    path = tmp_path / f"{name}.xpt"
    path.write_bytes(content(shared, source, name))
    header, dataset = inspect_xpt(path), read_xpt(path)
    frame, said = pyreadstat.read_xport(
        str(path), encoding="WINDOWS-1252" if header.encoding == "cp1252" else None
    )
    same_as(frame, dataset)
    assert (said.table_name, said.file_label or "") == (dataset.name, dataset.label)
    assert [label or "" for label in said.column_labels] == [variable.label for variable in dataset.variables]

    again = tmp_path / "again.xpt"
    write_xpt(dataset, again, created=datetime(2014, 1, 2, tzinfo=UTC))
    second = read_xpt(again)
    assert second.variables == dataset.variables
    assert second.table.equals(dataset.table)
    assert not second.missing
    same_as(pyreadstat.read_xport(str(again))[0], dataset)
    third = pd.read_sas(again, encoding="utf-8").replace(PANDAS_ZERO, 0.0)
    if (source, name) in PANDAS_LOSES_A_ROW:
        assert len(third) == dataset.table.num_rows - 1
    else:
        same_as(third, dataset)


def test_only_ts_of_the_pilot_is_not_utf_8(shared: Path) -> None:
    encodings = {
        (source, name): inspect_xpt(io.BytesIO(content(shared, source, name))).encoding
        for source, name in FILES
    }
    assert {place for place, encoding in encodings.items() if encoding != "utf-8"} == {
        ("pilot", "ts"),
        ("original", "ts"),
    }


def test_a_file_that_sas_wrote_comes_out_the_same_but_for_who_wrote_it(shared: Path, tmp_path: Path) -> None:
    data = content(shared, "pilot", "lbch")
    header = inspect_xpt(io.BytesIO(data))
    assert header.created is not None
    target = tmp_path / "lbch.xpt"
    write_xpt(read_xpt(io.BytesIO(data)), target, created=header.created)
    ours = target.read_bytes()
    assert ours[header.first_row :] == data[header.first_row :]
    assert len(ours) == len(data)
