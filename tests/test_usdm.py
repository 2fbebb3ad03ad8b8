"""A study definition in USDM becomes resources and datasets, and nothing of its design is lost."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.cli import main
from trialbridge.converters.design_resources import design_of_fhir
from trialbridge.converters.fhir_gate import Gate
from trialbridge.converters.leaf_account import UNKNOWN
from trialbridge.converters.read_records import read_records
from trialbridge.converters.registry_run import RegistryRun, registry_run
from trialbridge.converters.usdm_design import Records, usdm_design
from trialbridge.converters.usdm_study import StudyDefinition, is_study_definition
from trialbridge.elements import Version
from trialbridge.errors import ReadError

SYNTHETIC = Path(__file__).parent / "usdm" / "synthetic.json"


@pytest.fixture
def data() -> dict[str, Any]:
    return dict(json.loads(SYNTHETIC.read_text(encoding="utf-8")))


def _design(data: dict[str, Any]) -> dict[str, Any]:
    return dict(data["study"]["versions"][0]["studyDesigns"][0])


def _values(found: Records, code: str) -> list[str]:
    return [one["TSVAL"] for one in found["TS"] if one["TSPARMCD"] == code]


def test_visits_are_in_the_order_of_their_chain_and_on_the_days_that_timings_lead_to(
    data: dict[str, Any],
) -> None:
    visits = usdm_design(StudyDefinition(data))["TV"]
    assert [one["VISIT"] for one in visits] == ["SCREENING", "BASELINE", "WEEK 2", "END OF STUDY"]
    assert [one["VISITDY"] for one in visits] == ["-7", "1", "15", "29"]
    assert [(one.get("EARLY"), one.get("LATE")) for one in visits[2:]] == [("-2", "2"), ("-3", "3")]


def test_arms_go_through_the_epochs_in_their_order(data: dict[str, Any]) -> None:
    found = usdm_design(StudyDefinition(data))
    cells = [one for one in found["TA"] if one["ARMCD"] == "PLACEBO"]
    assert [(one["TAETORD"], one["ETCD"], one["EPOCH"]) for one in cells] == [
        ("1", "SCRN", "SCREENING"),
        ("2", "PBO", "TREATMENT"),
        ("3", "FUP", "FOLLOW-UP"),
    ]
    assert {one["ETCD"]: one.get("TEENRL") for one in found["TE"]}["FUP"] == "End of study"


def test_criteria_are_plain_words_with_what_their_tags_stand_for(data: dict[str, Any]) -> None:
    study = StudyDefinition(data)
    assert [(one["IETESTCD"], one["IETEST"]) for one in usdm_design(study)["TI"]] == [
        ("INCL01", "Aged 18 years or more"),
        ("INCL02", "Lupus for > 6 months"),
        ("EXCL01", "Pregnant, as [unknown] says"),
    ]
    assert study.unresolved == ["unknown"]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("TITLE", "A synthetic study of a made-up drug"),
        ("SPREFID", "MADE-UP-1"),
        ("REGID", "NCT99999999"),
        ("SPONSOR", "Made-up Sponsor"),
        ("TPHASE", "PHASE II TRIAL"),
        ("TBLIND", "DOUBLE BLIND"),
        ("AGEMIN", "P18Y"),
        ("SEXPOP", "BOTH"),
        ("PLANSUB", "20"),
        ("DOSU", "mg"),
        ("TCNTRL", "PLACEBO"),
        ("LENGTH", "P6W"),
        ("OUTMSSEC", "Adverse events"),
    ],
)
def test_a_parameter_of_the_trial_summary(data: dict[str, Any], code: str, value: str) -> None:
    assert _values(usdm_design(StudyDefinition(data)), code) == [value]


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_resources_pass_the_gate_and_give_the_design_back(data: dict[str, Any], version: Version) -> None:
    run = registry_run(StudyDefinition(data), version)
    lines = [(one["resourceType"], json.dumps(one).encode()) for one in run.resources]
    assert Gate(version).check(lines, set()) == []
    records = usdm_design(StudyDefinition(data))
    back = design_of_fhir(run.resources, version)
    for name in ("TA", "TE", "TV", "TI"):
        assert back[name] == records[name]
    key = ("TSPARMCD", "TSVAL", "TSGRPID", "TSVALCD")
    said = {tuple(one.get(name) for name in key) for one in back["TS"]}
    assert {tuple(one.get(name) for name in key) for one in records["TS"]} <= said


def test_activities_stand_below_their_visit(data: dict[str, Any]) -> None:
    run = registry_run(StudyDefinition(data))
    [plan] = [one for one in run.resources if one["resourceType"] == "PlanDefinition"]
    [baseline] = [one for one in plan["action"] if one.get("title") == "BASELINE"]
    assert [one["title"] for one in baseline["action"]] == ["Vital signs", "Haematology"]
    assert baseline["action"][0]["code"][0]["coding"][0]["code"] == "46973005"


def _unknown(run: RegistryRun) -> list[str]:
    return [one.path for one in run.ledger if one.where == UNKNOWN]


def test_every_leaf_is_used_or_has_a_reason(data: dict[str, Any]) -> None:
    assert _unknown(registry_run(StudyDefinition(data))) == []
    _design(data)["population"]["newField"] = "x"
    assert _unknown(registry_run(StudyDefinition(data))) == [
        "study.versions[0].studyDesigns[0].population.newField"
    ]


def test_what_it_leaves_open_is_listed(data: dict[str, Any]) -> None:
    found = {one.name for one in registry_run(StudyDefinition(data)).open}
    assert {"STOPRULE", "SSTDTC"} <= found
    assert "TPHASE" not in found


def test_a_timing_that_no_chain_reaches_gives_no_day(data: dict[str, Any]) -> None:
    timings = _design(data)["scheduleTimelines"][0]["timings"]
    timings[:] = [one for one in timings if one["id"] != "Timing_3"]
    visits = usdm_design(StudyDefinition(data))["TV"]
    assert [one.get("VISITDY") for one in visits] == ["-7", "1", None, None]


def test_a_circle_of_timings_and_a_broken_chain_end(data: dict[str, Any]) -> None:
    design = _design(data)
    timings = {one["id"]: one for one in design["scheduleTimelines"][0]["timings"]}
    timings["Timing_3"]["relativeToScheduledInstanceId"] = "I4"
    for one in design["encounters"]:
        one["nextId"] = design["encounters"][0]["id"]
    visits = usdm_design(StudyDefinition(data))["TV"]
    assert [one["VISIT"] for one in visits] == ["WEEK 2", "SCREENING", "END OF STUDY", "BASELINE"]


def test_the_command_writes_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["registry", str(SYNTHETIC), "--out", str(tmp_path / "run")])
    assert "TA 6, TE 4, TV 4, TI 3" in capsys.readouterr().out
    assert (tmp_path / "run" / "sdtm" / "tv.xpt").is_file()
    assert (tmp_path / "run" / "sdtm" / "define.xml").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"usdmVersion": "3.0.0"}, "is USDM 3.0.0"), ({"study": {"versions": []}}, "is neither")],
)
def test_another_version_is_refused(
    tmp_path: Path, data: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    file = tmp_path / "other.json"
    file.write_text(json.dumps(data | change), encoding="utf-8")
    with pytest.raises(ReadError, match=said):
        read_records([file])


DATA: dict[str, Any] = json.loads(SYNTHETIC.read_text(encoding="utf-8"))


def _paths(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, one in below for found in _paths(one, (*path, key)))]


PATHS = [path for path in _paths(DATA) if len(path) > 3]


@given(st.lists(st.sampled_from(PATHS), min_size=1, max_size=4), st.sampled_from([None, "x", 3, [], {}]))
def test_damage_never_ends_in_a_traceback(paths: list[tuple[str | int, ...]], value: Any) -> None:
    data = deepcopy(DATA)
    for *path, last in paths:
        node: Any = data
        for key in path:
            node = node[key] if isinstance(node, dict) and key in node else None
        if isinstance(node, dict):
            node[last] = value
    if is_study_definition(data):
        registry_run(StudyDefinition(data))
