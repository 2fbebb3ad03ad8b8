"""The shipped samples are what their generator writes, are valid FHIR, and hold what their READMEs say."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import re
import sys
import tomllib
import zipfile
from collections import Counter
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trialbridge.samples import generate
from trialbridge.samples.fhir_r5 import in_r5
from trialbridge.samples.generate import FIRST, TRIALS
from trialbridge.samples.participants import attendances
from trialbridge.samples.questionnaires import INSTRUMENTS
from trialbridge.samples.resources import encode
from trialbridge.samples.tables import folder_of
from trialbridge.samples.trial import Trial

NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
Json = dict[str, Any]


@cache
def contents(registry: str) -> dict[str, bytes]:
    with zipfile.ZipFile(folder_of(registry) / generate.PACKAGE) as package:
        return {name: package.read(name) for name in package.namelist()}


@cache
def read(registry: str) -> list[Json]:
    return [json.loads(line) for content in contents(registry).values() for line in content.splitlines()]


@pytest.fixture
def files() -> dict[str, bytes]:
    return contents(FIRST)


@pytest.fixture
def resources() -> list[Json]:
    return read(FIRST)


@pytest.fixture(params=TRIALS)
def trial(request: pytest.FixtureRequest) -> Trial:
    return TRIALS[request.param]


def of_type(resources: list[Json], kind: str) -> list[Json]:
    return [said for said in resources if said["resourceType"] == kind]


def references(said: object) -> list[str]:
    if isinstance(said, list):
        return list(chain.from_iterable(references(each) for each in said))
    if not isinstance(said, dict):
        return []
    own = [said["reference"]] if isinstance(said.get("reference"), str) else []
    return own + list(chain.from_iterable(references(each) for each in said.values()))


def test_the_generator_writes_what_is_shipped(tmp_path: Path, trial: Trial) -> None:
    generate.write_sample(tmp_path, trial)
    with zipfile.ZipFile(tmp_path / generate.PACKAGE) as package:
        assert {name: package.read(name) for name in package.namelist()} == contents(trial.registry)
        assert {entry.date_time for entry in package.infolist()} == {generate.NO_TIME}
    for name in (generate.BAD_RECORDS, generate.SETTINGS):
        assert (tmp_path / name).read_bytes() == (folder_of(trial.registry) / name).read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate.write_sample(tmp_path / name, seed=seed)
    first, second, third = ((tmp_path / name / generate.PACKAGE).read_bytes() for name in "abc")
    assert first == second != third


def test_the_packages_are_small(trial: Trial) -> None:
    assert (folder_of(trial.registry) / generate.PACKAGE).stat().st_size < 1_600_000
    assert sum(path.stat().st_size for path in folder_of(trial.registry).iterdir()) < 1_650_000


def some(resources: list[Json], most: int) -> list[Json]:
    """Return at most so many resources of each type, from all over the trial."""
    found = []
    for kind in dict.fromkeys(said["resourceType"] for said in resources):
        these = of_type(resources, kind)
        found += these[:: max(1, len(these) // most)]
    return found


def test_resources_are_valid_r4(trial: Trial) -> None:
    models = pytest.importorskip("fhir.resources.R4B")
    for said in some(read(trial.registry), 5_000 if trial.registry == FIRST else 150):
        models.get_fhir_model_class(said["resourceType"]).model_validate(said)


def test_resources_are_valid_r5(trial: Trial) -> None:
    models = pytest.importorskip("fhir.resources")
    arms = {arm.name: arm.code for arm in trial.arms.values()}
    for said in some(generate.sample_trial(trial), 200):
        moved = json.loads(encode(in_r5(said, arms)))
        models.get_fhir_model_class(moved["resourceType"]).model_validate(moved)


def test_every_resource_says_that_it_is_synthetic(trial: Trial) -> None:
    for said in read(trial.registry):
        assert [label["code"] for label in said["meta"]["security"]] == ["HTEST"]


def test_every_reference_resolves_and_every_resource_is_meant(trial: Trial) -> None:
    resources = read(trial.registry)
    known = {f"{said['resourceType']}/{said['id']}" for said in resources}
    named = {target for said in resources for target in references(said)}
    assert named - known == set()
    alone = {name for name in known - named if name.split("/")[0] in {"Medication", "Practitioner", "Group"}}
    assert alone == set()


def test_ids_are_fhir_ids_and_unique_but_for_versions(trial: Trial) -> None:
    seen = Counter(
        (said["resourceType"], said["id"], said["meta"]["versionId"]) for said in read(trial.registry)
    )
    assert max(seen.values()) == 1
    assert all(re.fullmatch(r"[A-Za-z0-9.-]{1,64}", ident) for _, ident, _ in seen)


def test_as_many_are_enrolled_as_were_planned(trial: Trial) -> None:
    resources = read(trial.registry)
    states = Counter(said["status"] for said in of_type(resources, "ResearchSubject"))
    assert states["off-study"] + states["withdrawn"] == trial.planned
    assert states["ineligible"] == sum(person.dose is None for person in trial.participants) >= 2
    assert states["withdrawn"] >= 1
    assert sum("deceasedDateTime" in said for said in of_type(resources, "Patient")) == 1
    allocated = Counter(said.get("assignedArm") for said in of_type(resources, "ResearchSubject"))
    assert len({allocated[arm.name] for arm in trial.arms.values()}) == 1
    given = of_type(resources, "MedicationAdministration")
    dosed = {one["subject"]["reference"] for one in given if one["status"] == "completed"}
    assert len(dosed) == trial.planned


def test_ages_are_those_of_the_criteria(trial: Trial) -> None:
    assert all(trial.ages[0] <= person.age() <= trial.ages[1] for person in trial.participants)


def test_the_design_has_every_criterion_arm_and_visit(trial: Trial) -> None:
    resources = read(trial.registry)
    (plan,), (group,) = of_type(resources, "PlanDefinition"), of_type(resources, "Group")
    assert sum("valueBoolean" in one for one in group["characteristic"]) == len(trial.criteria)
    parts = Counter(one["code"][0]["coding"][0]["code"] for one in plan["action"])
    assert parts == {
        "element": len(trial.elements),
        "arm": len(trial.arms),
        "day-1": 1,
        "visit": len(trial.visits) + 1,
    }
    whole = next(one for one in of_type(resources, "ResearchStudy") if "arm" in one)
    assert len(of_type(resources, "ResearchStudy")) == 1 + len(trial.sites)
    assert {one["name"] for one in whole["arm"]} == {arm.name for arm in trial.arms.values()}


def test_interleukin_is_given_every_other_day() -> None:
    trial = TRIALS["NCT05631717"]
    given: dict[str, list[str]] = {}
    for said in of_type(read(trial.registry), "MedicationAdministration"):
        if "il-2" in said["medicationReference"]["reference"] and said["status"] == "completed":
            given.setdefault(said["subject"]["reference"], []).append(said["effectivePeriod"]["start"][:10])
    assert sorted(Counter(map(len, given.values())).items()) == [(6, 1), (7, 19)]


def test_instants_carry_the_offset_of_the_site(trial: Trial) -> None:
    offsets = {"NCT06737380": {"-05:00", "-04:00"}, "NCT05631717": {"+08:00"}}
    found = {
        said["effectiveDateTime"][-6:]
        for said in of_type(read(trial.registry), "Observation")
        if len(said.get("effectiveDateTime", "")) == 25
    }
    assert found == offsets.get(trial.registry, {"-08:00", "-07:00", "-06:00", "-05:00", "-04:00"})


def test_the_size_is_realistic(resources: list[Json]) -> None:
    assert 5_000 < len(of_type(resources, "Observation")) < 7_000


def test_numbers_keep_their_last_digit(files: dict[str, bytes]) -> None:
    written = re.findall(rb'"valueQuantity":\{"value":([0-9.]+)', files["Observation.ndjson"])
    assert sum(number.endswith(b"0") and b"." in number for number in written) > 200
    assert all(Decimal(number.decode()) >= 0 for number in written)


def test_results_come_in_every_form(resources: list[Json]) -> None:
    forms = Counter(
        key for said in of_type(resources, "Observation") for key in said if key.startswith("value")
    )
    assert set(forms) >= {"valueQuantity", "valueString", "valueCodeableConcept", "valueInteger"}
    said = of_type(resources, "Observation")
    assert {"<"} == {each["valueQuantity"].get("comparator", "<") for each in said if "valueQuantity" in each}
    words = {each["valueString"] for each in said if "valueString" in each}
    assert {"1+", "NEGATIVE", "1:320", "3-5"} <= words
    assert {"final", "preliminary", "amended", "corrected", "cancelled", "entered-in-error"} <= {
        each["status"] for each in said
    }
    assert {len(each["effectiveDateTime"]) for each in said if "effectiveDateTime" in each} == {4, 7, 10, 25}


def test_a_result_and_a_reason_for_none_exclude_each_other(resources: list[Json]) -> None:
    for said in of_type(resources, "Observation"):
        has_value = any(key.startswith("value") for key in said) or "component" in said or "hasMember" in said
        assert has_value != ("dataAbsentReason" in said), said["id"]


def test_nothing_is_measured_after_death(trial: Trial) -> None:
    resources = read(trial.registry)
    (dead,) = (one for one in of_type(resources, "Patient") if "deceasedDateTime" in one)
    for said in of_type(resources, "Observation"):
        if said["subject"]["reference"] == f"Patient/{dead['id']}" and not said["id"].endswith("-death"):
            assert said.get("effectiveDateTime", "") < dead["deceasedDateTime"]


def test_blood_pressure_is_a_panel_and_height_is_measured_once(resources: list[Json]) -> None:
    codes: Counter[str] = Counter()
    for said in of_type(resources, "Observation"):
        codes[said["code"].get("coding", [{}])[0].get("code")] += 1
        if said["code"].get("coding", [{}])[0].get("code") == "85354-9":
            assert len(said["component"]) == 2
    assert codes["8302-2"] == len(TRIALS[FIRST].participants)


def test_adverse_events_show_every_criterion_and_outcome(resources: list[Json]) -> None:
    events = of_type(resources, "AdverseEvent")
    assert 15 <= len(events) <= 25
    assert {said["seriousness"]["coding"][0]["code"] for said in events} == {
        "Non-serious",
        "Serious",
        "SeriousResultsInDeath",
        "SeriousIsLifeThreatening",
        "SeriousResultsInHospitalization",
        "SeriousResultsInDisability",
        "SeriousIsBirthDefect",
        "SeriousRequiresPreventImpairment",
    }
    assert len({said["outcome"]["coding"][0]["code"] for said in events}) == 6
    assert sum(len(said["suspectEntity"]) == 2 for said in events) >= 5
    assert {len(said["date"]) for said in events} == {7, 10}


def test_questionnaires_hold_every_type_of_answer_and_no_wording_of_an_instrument(
    resources: list[Json],
) -> None:
    responses = of_type(resources, "QuestionnaireResponse")
    text = json.dumps(responses)
    kinds = set(
        re.findall(
            r'"(value(?:Boolean|Decimal|Integer|Date|DateTime|Time|String|Uri|Attachment|Coding|Quantity|Reference))":',
            text,
        )
    )
    assert len(kinds) == 12
    for said in of_type(resources, "Questionnaire"):
        if said["id"] != "participant-diary":
            shown = set(re.findall(r'"text": "([^"]*)"', json.dumps(said)))
            assert all(re.fullmatch(r"(Item|Group) \d+", words) for words in shown)
    assert {len(instrument.items) for instrument in INSTRUMENTS} == {36, 7, 4, 12, 10, 1}


def test_codes_of_instruments_are_terms_of_the_standard(shared: Path) -> None:
    with gzip.open(shared / "standards/sdtm_ct_2026-03-27.csv.gz", "rt") as terms:
        known = {(row["submission_value"], row["term_code"]) for row in csv.DictReader(terms)}
    for instrument in INSTRUMENTS:
        coded = [(item.test, item.ncit) for item in instrument.items if item.ncit]
        coded += [(test, ncit) for test, ncit, _ in instrument.scores if ncit]
        assert set(coded) <= known


def test_expected_problems_name_records_that_exist(trial: Trial) -> None:
    folder = folder_of(trial.registry)
    listed = tomllib.loads((folder / "expected_problems.toml").read_text("utf-8"))["record"]
    *lines, cut = (folder / generate.BAD_RECORDS).read_bytes().splitlines()
    bad = {f"{said['resourceType']}/{said['id']}" for said in map(json.loads, lines)}
    good = {f"{said['resourceType']}/{said['id']}" for said in read(trial.registry)}
    by_file = {"bad_records.ndjson": bad | {""}, "resources.zip": good}
    for record in listed:
        assert record["resource"] in by_file[record["file"]], record
        assert record["fate"] in {"mapped", "not-done", "unmapped", "excluded", "none"}
    named = {record["resource"] for record in listed if record["file"] == "bad_records.ndjson"}
    assert named == bad | {""}
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)


def test_no_flag_contradicts_its_range(trial: Trial) -> None:
    for said in of_type(read(trial.registry), "Observation"):
        if "valueQuantity" in said and "referenceRange" in said:
            flag = said["interpretation"][0]["coding"][0]["code"]
            value, bounds = said["valueQuantity"]["value"], said["referenceRange"][0]
            low = "low" in bounds and value < bounds["low"]["value"]
            high = "high" in bounds and value > bounds["high"]["value"]
            assert flag in (("L", "LL") if low else ("H", "HH") if high else ("N",)), said["id"]


def test_codes_of_the_study_settings_are_used(trial: Trial) -> None:
    settings = tomllib.loads((folder_of(trial.registry) / generate.SETTINGS).read_text("utf-8"))["codes"]
    used: dict[str, set[str]] = {}
    for said in of_type(read(trial.registry), "Observation"):
        for one in (said, *said.get("component", ())):
            codings = one["code"]["coding"]
            if not any(each["system"] in {"http://loinc.org", NCIT} for each in codings):
                for coding in codings:
                    used.setdefault(coding["system"], set()).add(coding["code"])
    sponsor = "https://sponsor.example.org/"
    for system in ("https://biomarker-lab.example.org/lab-codes", "https://hospital.example.org/lab-codes"):
        assert set(settings[system]) == used[system]
    assert used[f"{sponsor}examinations"] - {"PHYSEXAM"} == set(settings[f"{sponsor}examinations"])
    assert used[f"{sponsor}ratings"] <= set(settings[f"{sponsor}ratings"])
    assert used[f"{sponsor}criteria"] <= set(settings[f"{sponsor}criteria"])


def test_visits_are_in_order_and_stop_where_the_participant_stops(trial: Trial) -> None:
    for person in trial.participants:
        visits = attendances(trial, person, trial.seed)
        assert [came.on for came in visits] == sorted(came.on for came in visits)
        last = person.leaves if person.leaves is not None else person.dies
        assert last is None or all(came.day <= last for came in visits)
        assert (person.dose is None) == (len(visits) == 1)
        for came in visits:
            if came.visit.day is not None and came.visit.window:
                assert came.visit.window[0] <= came.day - came.visit.day <= came.visit.window[1], came.key


def benchmark_generator() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "observations.py"
    spec = importlib.util.spec_from_file_location("observations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["observations"] = module
    spec.loader.exec_module(module)
    return module


def test_benchmark_observations_are_valid_sized_and_seeded(tmp_path: Path) -> None:
    models = pytest.importorskip("fhir.resources.R4B")
    observations = benchmark_generator()
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    observations.write_observations(first, count=1_000, seed=3)
    observations.write_observations(second, count=1_000, seed=3)
    assert first.read_bytes() == second.read_bytes()
    lines = first.read_bytes().splitlines()
    found = [json.loads(line) for line in lines]
    for said in found[:400] + found[-50:]:
        models.get_fhir_model_class(said["resourceType"]).model_validate(said)
    measured = [
        line for line, said in zip(lines, found, strict=True) if said["resourceType"] == "Observation"
    ]
    assert len(measured) == 1_000
    assert all(1_000 <= len(line) <= 1_400 for line in measured)
    kept = {said["resourceType"] for said in found}
    assert kept >= {"Patient", "ResearchSubject", "ResearchStudy", "MedicationAdministration"}
    codes = {said["code"]["coding"][0]["code"] for said in found if said["resourceType"] == "Observation"}
    assert len(codes) == 40
    known = {f"{said['resourceType']}/{said['id']}" for said in found}
    assert {said["subject"]["reference"] for said in found if "subject" in said} <= known
