"""The derivations against what the sponsor of the CDISC pilot derived."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.context import Context
from trialbridge.converters.derive_result import (
    derive_standard_result,
)
from trialbridge.converters.derive_subject import derive_reference_dates
from trialbridge.converters.derive_timing import derive_study_day

PILOT = {
    "AE": ["ae"],
    "CM": ["cm"],
    "EX": ["ex"],
    "LB": ["lbch", "lbhe", "lbur"],
    "QS": ["qsco", "qsda", "qsgi", "qshi", "qsmm", "qsni"],
    "VS": ["vs"],
}


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pilot")
    with zipfile.ZipFile(shared / "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip") as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".xpt")])
    return folder / "SDTM"


def read(folder: Path, name: str) -> pa.Table:
    pyreadstat = pytest.importorskip("pyreadstat")
    table = pa.Table.from_pandas(pyreadstat.read_xport(folder / f"{name}.xpt")[0], preserve_index=False)
    for place, column in enumerate(table.column_names):
        if not pa.types.is_floating(table[column].type):
            texts = table[column].cast(pa.string())
            blank = pc.equal(texts, "")
            table = table.set_column(place, column, pc.if_else(blank, pa.scalar(None, pa.string()), texts))
    return table


@pytest.mark.parametrize("domain", PILOT)
def test_study_days_of_the_pilot_are_counted_as_the_sponsor_did(pilot: Path, domain: str) -> None:
    subjects = read(pilot, "dm")
    compared = 0
    for name in PILOT[domain]:
        table = read(pilot, name)
        days = [
            column
            for column in table.column_names
            if column in {f"{domain}{s}" for s in ("DY", "STDY", "ENDY")}
        ]
        derived, findings = derive_study_day(table.drop_columns(days), Context(domain, subjects))
        assert findings == []
        for day in days:
            assert derived[day].to_pylist() == table[day].to_pylist()
            compared += len(table) - table[day].null_count
    assert compared


def test_reference_start_of_the_pilot_is_its_first_exposure(pilot: Path) -> None:
    subjects = read(pilot, "dm")
    derived = derive_reference_dates(subjects.select(["USUBJID"]), read(pilot, "ex"))
    assert derived["RFXSTDTC"].to_pylist() == subjects["RFXSTDTC"].to_pylist()
    assert derived["RFSTDTC"].to_pylist() == subjects["RFSTDTC"].to_pylist()


@pytest.mark.parametrize(("name", "domain"), [("lbch", "LB"), ("vs", "VS")])
def test_standard_numbers_of_the_pilot_agree_within_a_thousandth(pilot: Path, name: str, domain: str) -> None:
    table = read(pilot, name)
    standard = [f"{domain}{suffix}" for suffix in ("STRESC", "STRESN", "STRESU")]
    derived, findings = derive_standard_result(
        table.drop_columns(standard), Context(domain, read(pilot, "dm"))
    )
    assert findings == []
    ours, theirs = (t[standard[1]].to_numpy() for t in (derived, table))
    assert ours == pytest.approx(theirs, rel=1e-3, nan_ok=True)
    assert derived[standard[2]].to_pylist() == table[standard[2]].to_pylist()
