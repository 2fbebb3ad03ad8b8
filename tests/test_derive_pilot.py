"""The derivations against what the sponsor of the CDISC pilot derived."""

from __future__ import annotations

import zipfile
from pathlib import Path

import check_timing
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.context import Context
from trialbridge.converters.derive_result import (
    derive_standard_result,
)
from trialbridge.converters.derive_subject import derive_reference_dates
from trialbridge.design import Design
from trialbridge.study import read_study


@pytest.fixture(scope="module")
def data(shared: Path) -> dict[str, pa.Table]:
    found: dict[str, pa.Table] = check_timing.pilot(shared)
    return found


@pytest.fixture(scope="module")
def design() -> Design:
    return read_study(check_timing.STUDY).design


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


@pytest.mark.parametrize("domain", check_timing.PARTS)
def test_study_days_of_the_pilot_are_counted_as_the_sponsor_did(
    data: dict[str, pa.Table], domain: str
) -> None:
    found = check_timing.study_days(data, domain)
    assert found.rows
    assert found.differ == {}


@pytest.mark.parametrize(("domain", "least"), check_timing.LEAST.items())
def test_epochs_of_the_pilot_by_its_elements(
    data: dict[str, pa.Table], design: Design, domain: str, least: float
) -> None:
    found = check_timing.epochs_of(data, domain, design)
    assert found.rows
    assert found.equal >= least


@pytest.mark.parametrize(
    ("domain", "patterns"),
    [
        # the sponsor mostly took the date on which it was recorded, and not the start
        ("CM", {("SCREENING", "TREATMENT"): 4711, ("TREATMENT", "SCREENING"): 57}),
        # the sponsor counts the end of treatment as follow-up in DS, and as treatment everywhere else
        ("DS", {("TREATMENT", "FOLLOW-UP"): 466}),
        # the sponsor counts two questionnaires of screening, and retrieval visits, as treatment
        ("QS", {("SCREENING", "TREATMENT"): 4826, ("FOLLOW-UP", "TREATMENT"): 2991}),
    ],
)
def test_epochs_that_the_pilot_has_otherwise_differ_in_known_ways(
    data: dict[str, pa.Table], design: Design, domain: str, patterns: dict[tuple[str, str], int]
) -> None:
    found = check_timing.epochs_of(data, domain, design)
    assert {pattern: found.differ[pattern] for pattern in patterns} == patterns
    assert found.differ.total() - sum(patterns.values()) < 0.03 * found.rows


@pytest.mark.parametrize(
    ("domain", "precision", "recall"), [("LB", 1.0, 1.0), ("QS", 1.0, 0.999), ("VS", 1.0, 1.0)]
)
def test_baseline_flags_of_the_pilot_by_the_rule_that_the_settings_name(
    data: dict[str, pa.Table], design: Design, domain: str, precision: float, recall: float
) -> None:
    found = check_timing.baselines(data, domain, design)
    assert found.theirs > 2000
    assert found.precision >= precision
    assert found.recall >= recall


def test_elements_of_the_pilot_by_rules(data: dict[str, pa.Table], design: Design) -> None:
    """Its sponsor gave a follow-up only to some; whoever has an element in both has it at the same time."""
    found = check_timing.elements(data, design)
    for code, least in {"SCRN": 0.95, "PBO": 0.95, "LO": 0.95, "HIS": 0.98, "HIM": 0.98, "HIE": 0.98}.items():
        both = sum(count for how, count in found[code].items() if not how.startswith("only"))
        assert found[code]["equal"] >= least * both, code
        assert both > 20


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
