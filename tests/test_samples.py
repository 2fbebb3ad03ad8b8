"""The shipped sample trial is what its generator writes, is valid FHIR, and holds what its README says."""

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
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trialbridge.samples import generate
from trialbridge.samples.participants import PARTICIPANTS, Participant, attendances
from trialbridge.samples.questionnaires import INSTRUMENTS

FOLDER = Path(generate.__file__).parent / "nct06737380"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    with zipfile.ZipFile(FOLDER / generate.PACKAGE) as package:
        return {name: package.read(name) for name in package.namelist()}


@pytest.fixture(scope="module")
def resources(files: dict[str, bytes]) -> list[Json]:
    return [json.loads(line) for content in files.values() for line in content.splitlines()]


def of_type(resources: list[Json], kind: str) -> list[Json]:
    return [said for said in resources if said["resourceType"] == kind]


def references(said: object) -> list[str]:
    if isinstance(said, list):
        return list(chain.from_iterable(references(each) for each in said))
    if not isinstance(said, dict):
        return []
    own = [said["reference"]] if isinstance(said.get("reference"), str) else []
    return own + list(chain.from_iterable(references(each) for each in said.values()))


def test_the_generator_writes_what_is_shipped(tmp_path: Path, files: dict[str, bytes]) -> None:
    generate.write_sample(tmp_path)
    with zipfile.ZipFile(tmp_path / generate.PACKAGE) as package:
        assert {name: package.read(name) for name in package.namelist()} == files
        assert {entry.date_time for entry in package.infolist()} == {generate.NO_TIME}
    assert (tmp_path / generate.BAD_RECORDS).read_bytes() == (FOLDER / generate.BAD_RECORDS).read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate.write_sample(tmp_path / name, seed)
    first, second, third = ((tmp_path / name / generate.PACKAGE).read_bytes() for name in "abc")
    assert first == second != third


def test_the_package_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 450_000
    assert (FOLDER / generate.PACKAGE).stat().st_size < 400_000


def test_every_resource_is_valid_fhir(resources: list[Json]) -> None:
    models = pytest.importorskip("fhir.resources.R4B")
    for said in resources:
        models.get_fhir_model_class(said["resourceType"]).model_validate(said)


def test_every_resource_says_that_it_is_synthetic(resources: list[Json]) -> None:
    for said in resources:
        assert [label["code"] for label in said["meta"]["security"]] == ["HTEST"]


def test_every_reference_resolves(resources: list[Json]) -> None:
    known = {f"{said['resourceType']}/{said['id']}" for said in resources}
    missing = {target for said in resources for target in references(said) if target not in known}
    assert missing == set()


def test_ids_are_fhir_ids_and_unique_but_for_versions(resources: list[Json]) -> None:
    seen = Counter((said["resourceType"], said["id"], said["meta"]["versionId"]) for said in resources)
    assert max(seen.values()) == 1
    assert all(re.fullmatch(r"[A-Za-z0-9.-]{1,64}", ident) for _, ident, _ in seen)


def test_twelve_screened_ten_dosed_one_death_one_dropout(resources: list[Json]) -> None:
    states = Counter(said["status"] for said in of_type(resources, "ResearchSubject"))
    assert states == {"off-study": 9, "withdrawn": 1, "ineligible": 2}
    assert sum("deceasedDateTime" in said for said in of_type(resources, "Patient")) == 1
    given = of_type(resources, "MedicationAdministration")
    assert sum(said["status"] == "completed" and "medicationReference" in said for said in given) == 10
    assert sum(said["status"] == "not-done" for said in given) == 1


def test_the_size_is_realistic(resources: list[Json]) -> None:
    assert 5_000 < len(of_type(resources, "Observation")) < 6_000


def test_numbers_keep_their_last_digit(files: dict[str, bytes]) -> None:
    written = re.findall(rb'"valueQuantity":\{"value":([0-9.]+)', files["Observation.ndjson"])
    assert sum(number.endswith(b"0") and b"." in number for number in written) > 200
    assert all(Decimal(number.decode()) >= 0 for number in written)


def test_results_come_in_every_form(resources: list[Json]) -> None:
    forms = Counter(
        key for said in of_type(resources, "Observation") for key in said if key.startswith("value")
    )
    assert set(forms) == {"valueQuantity", "valueString", "valueCodeableConcept"}
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


def test_no_result_after_death_or_before_birth(resources: list[Json]) -> None:
    death = next(
        said["deceasedDateTime"] for said in of_type(resources, "Patient") if "deceasedDateTime" in said
    )
    for said in of_type(resources, "Observation"):
        if said["subject"]["reference"] == "Patient/101-007" and "effectiveDateTime" in said:
            assert said["effectiveDateTime"] < death


def test_blood_pressure_is_a_panel_and_height_is_measured_once(resources: list[Json]) -> None:
    codes: Counter[str] = Counter()
    for said in of_type(resources, "Observation"):
        codes[said["code"].get("coding", [{}])[0].get("code")] += 1
        if said["code"].get("coding", [{}])[0].get("code") == "85354-9":
            assert len(said["component"]) == 2
    assert codes["8302-2"] == len(PARTICIPANTS)


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
    assert {len(instrument.items) for instrument in INSTRUMENTS} == {36, 7, 4, 12, 8}


def test_codes_of_instruments_are_terms_of_the_standard(shared: Path) -> None:
    with gzip.open(shared / "standards/sdtm_ct_2026-03-27.csv.gz", "rt") as terms:
        known = {(row["submission_value"], row["term_code"]) for row in csv.DictReader(terms)}
    for instrument in INSTRUMENTS:
        coded = [(item.test, item.ncit) for item in instrument.items if item.ncit]
        coded += [(test, ncit) for test, ncit, _ in instrument.scores if ncit]
        assert set(coded) <= known


def test_expected_problems_name_records_that_exist(resources: list[Json]) -> None:
    listed = tomllib.loads((FOLDER / "expected_problems.toml").read_text("utf-8"))["record"]
    *lines, cut = (FOLDER / generate.BAD_RECORDS).read_bytes().splitlines()
    bad = {f"{said['resourceType']}/{said['id']}" for said in map(json.loads, lines)}
    good = {f"{said['resourceType']}/{said['id']}" for said in resources}
    by_file = {"bad_records.ndjson": bad | {""}, "resources.zip": good}
    for record in listed:
        assert record["resource"] in by_file[record["file"]], record
        assert record["fate"] in {"mapped", "not-done", "unmapped", "excluded", "none"}
    named = {record["resource"] for record in listed if record["file"] == "bad_records.ndjson"}
    assert named == bad | {""}
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)


def test_no_flag_contradicts_its_range(resources: list[Json]) -> None:
    for said in of_type(resources, "Observation"):
        if "valueQuantity" in said and "referenceRange" in said:
            flag = said["interpretation"][0]["coding"][0]["code"]
            value, bounds = said["valueQuantity"]["value"], said["referenceRange"][0]
            low = "low" in bounds and value < bounds["low"]["value"]
            high = "high" in bounds and value > bounds["high"]["value"]
            assert flag in (("L", "LL") if low else ("H", "HH") if high else ("N",)), said["id"]


def test_codes_of_the_study_settings_are_used(resources: list[Json]) -> None:
    settings = tomllib.loads((FOLDER / "study.toml").read_text("utf-8"))
    used = {
        (coding["system"], coding["code"])
        for said in of_type(resources, "Observation")
        for coding in said["code"].get("coding", [])
    }
    without_loinc = {
        (coding["system"], coding["code"])
        for said in of_type(resources, "Observation")
        for coding in said["code"].get("coding", [])
        if said["category"][0]["coding"][0]["code"] == "laboratory"
        and not any(each["system"] == "http://loinc.org" for each in said["code"]["coding"])
    }
    mapped = {(system, code) for system, codes in settings["codes"].items() for code in codes}
    assert mapped == without_loinc <= used


@pytest.mark.parametrize("person", PARTICIPANTS, ids=lambda person: person.key)
def test_visits_are_in_order_and_stop_where_the_participant_stops(person: Participant) -> None:
    visits = attendances(person, generate.SEED)
    assert [came.on for came in visits] == sorted(came.on for came in visits)
    last = person.leaves if person.leaves is not None else person.dies
    assert last is None or all(came.day <= last for came in visits)
    assert (person.dose is None) == (len(visits) == 1)


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
