"""Two pressures of one measurement are one Observation of two components, and two records again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.carriage import RECORD
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.elements import Version
from trialbridge.model import Dataset, Variable
from trialbridge.registry import all_declarations
from trialbridge.standards import ig_variables
from trialbridge.study import Study

Row = Mapping[str, str | None]
APART = ("VSSEQ", "VSTESTCD", "VSORRES", "VSORRESU", "VSSTRESC", "VSSTAT", "VSLOBXFL", "VSBLFL")
"""What the two records of a measurement may differ in."""

FEW: Mapping[str, Sequence[str | None]] = {
    "USUBJID": ["S-1", "S-2"],
    "VSTESTCD": ["SYSBP", "DIABP", "PULSE"],
    "VSGRPID": [None, "1"],
    "VSSPID": [None, "F1"],
    "VSPOS": ["SITTING", "SUPINE"],
    "VSORRES": [None, "120", "<60", "120.50", "high"],
    "VSORRESU": [None, "mmHg"],
    "VSSTRESC": [None, "120"],
    "VSSTAT": [None, None, "NOT DONE"],
    "VSLOC": ["ARM", None],
    "VSLOBXFL": [None, "Y"],
    "VSBLFL": [None, "Y"],
    "VISITNUM": ["1", "2"],
    "VSDTC": ["2024-05-01", "2024-05-01T08:00", None],
    "VSTPT": [None, "PREDOSE"],
    "VSREPNUM": [None, "1"],
}
"""Values of which few are enough for records to meet."""


def _records() -> st.SearchStrategy[list[dict[str, str | None]]]:
    record = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FEW.items()})
    pair = record.map(lambda one: [{**one, "VSTESTCD": test} for test in ("SYSBP", "DIABP")])
    halves = st.tuples(pair, record, st.sampled_from([name for name in FEW if name != "VSTESTCD"])).map(
        lambda some: [some[0][0], {**some[0][1], some[2]: some[1][some[2]]}]
    )
    return st.lists(st.one_of(halves, record.map(lambda one: [one])), min_size=1, max_size=6).map(
        lambda groups: [one for group in groups for one in group]
    )


def _vital_signs(records: Sequence[Row]) -> Dataset:
    rows = [{"STUDYID": "S", **one, "VSSEQ": str(number)} for number, one in enumerate(records, 1)]
    variables = tuple(Variable(name, name) for name in rows[0])
    return Dataset("VS", "Vital Signs", variables, pa.table(_columns(rows)))


def _columns(rows: Sequence[Row]) -> dict[str, pa.Array]:
    return {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}


def _qualifiers(records: Sequence[Row]) -> Dataset:
    """Return a qualifier of every record, whichever Observation it stands in."""
    rows = [
        {
            "STUDYID": "S",
            "RDOMAIN": "VS",
            "USUBJID": one["USUBJID"],
            "IDVAR": "VSSEQ",
            "IDVARVAL": str(number),
            "QNAM": "CUFF",
            "QVAL": f"cuff {number}",
        }
        for number, one in enumerate(records, 1)
    ]
    return Dataset("SUPPVS", "", tuple(Variable(name, name) for name in rows[0]), pa.table(_columns(rows)))


def _measurements(records: Sequence[Row]) -> int:
    """Return how many measurements have both pressures, each once."""
    found: dict[tuple[str | None, ...], Counter[str]] = defaultdict(Counter)
    for one in records:
        key = tuple(one[name] for name in sorted(one) if name not in APART)
        found[key][str(one["VSTESTCD"])] += 1
    return sum(tests["SYSBP"] == tests["DIABP"] == 1 for tests in found.values())


def _resources(datasets: Sequence[Dataset], release: Version) -> Iterator[dict[str, Any]]:
    conversion = DatasetsToFhir(datasets, release)
    yield from (json.loads(line.text) for block in conversion for line in block)
    assert conversion.findings == []


@pytest.mark.parametrize("release", ["R4", "R5"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=_records())
def test_each_record_comes_back_and_those_of_one_measurement_were_together(
    release: Version, records: list[Row]
) -> None:
    datasets = [_vital_signs(records), _qualifiers(records)]
    written = [one for one in _resources(datasets, release) if one["resourceType"] == "Observation"]
    panels = [one for one in written if "component" in one]
    assert len(panels) == _measurements(records)
    assert len(written) + len(panels) == len(records)
    for one in panels:
        assert [_loinc(part) for part in one["component"]] == ["8480-6", "8462-4"]
        assert _loinc(one) == "85354-9"
        assert not any(name.startswith(("value", "dataAbsent")) for name in one)
    with TemporaryDirectory() as folder:
        assert roundtrip(datasets, Path(folder), release).exit_code == 0


def _loinc(one: Mapping[str, Any]) -> str:
    return next(
        str(coding["code"]) for coding in one["code"]["coding"] if coding["system"] == "http://loinc.org"
    )


PRESSURES = [
    dict.fromkeys(FEW, None)
    | {"USUBJID": "S-1", "VSORRESU": "mmHg", "VSDTC": "2024-05-01", "VSTESTCD": test, "VSORRES": value}
    for test, value in (("DIABP", "80"), ("SYSBP", "120.0"))
]


def test_a_qualifier_of_either_record_finds_the_observation() -> None:
    found = list(_resources([_vital_signs(PRESSURES), _qualifiers(PRESSURES)], "R4"))
    (panel,) = [one for one in found if one["resourceType"] == "Observation"]
    parents = [
        one["valueReference"]["reference"]
        for resource in found
        if resource["resourceType"] == "Basic"
        for one in resource["extension"]
        if "valueReference" in one
    ]
    assert parents == [f"Observation/{panel['id']}"] * 2


def test_who_knows_nothing_of_our_extension_reads_two_pressures(tmp_path: Path) -> None:
    for one in _resources([_vital_signs(PRESSURES)], "R4"):
        for part in one.get("component", ()):
            assert {extension["url"] for extension in part.pop("extension")} == {RECORD}
        with (tmp_path / f"{one['resourceType']}.ndjson").open("a") as file:
            file.write(json.dumps(one) + "\n")
    (tmp_path / "Library.ndjson").unlink()
    found = to_sdtm([tmp_path], Study(id="S", every_patient=True))
    (vs,) = [one.table.to_pylist() for one in found.datasets if one.name == "VS"]
    assert [(one["VSTESTCD"], one["VSORRES"], one["VSORRESU"]) for one in vs] == [
        ("DIABP", "80", "mmHg"),
        ("SYSBP", "120.0", "mmHg"),
    ]


def test_a_component_that_somebody_changed_changes_its_record_alone(tmp_path: Path) -> None:
    for one in _resources([_vital_signs(PRESSURES)], "R4"):
        for part in one.get("component", ())[:1]:
            part["valueQuantity"]["value"] = 130
        with (tmp_path / "all.ndjson").open("a") as file:
            file.write(json.dumps(one) + "\n")
    found = to_sdtm([tmp_path], release="R4")
    (vs,) = [one.table.to_pylist() for one in found.datasets if one.name == "VS"]
    assert {one["VSTESTCD"]: one["VSORRES"] for one in vs} == {"DIABP": "80", "SYSBP": "130"}
    assert [one.rule for one in found.findings].count("record-changed") == 1


def test_the_codes_of_a_panel_are_read_as_its_tests() -> None:
    for domain in all_declarations():
        known = {variable.name for variable in ig_variables(domain.code)}
        for panel in domain.panels:
            assert {f"{domain.code}{suffix}" for suffix in panel.own} <= known
            for test, code in panel.components.items():
                found = Study().vocabulary.test([("http://loinc.org", code)], "", "")
                assert found is not None
                assert (found.domain, found.testcd) == (domain.code, test)
