"""Each shipped sample trial converts to what its lists say, record by record, and to nothing else."""

from __future__ import annotations

import json
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.findings import Finding
from trialbridge.samples import generate
from trialbridge.samples.generate import TRIALS, Release
from trialbridge.samples.tables import counted, folder_of, table_of
from trialbridge.samples.trial import Trial
from trialbridge.study import read_study

Row = dict[str, Any]
OLDER = "an older version of a resource of which a newer one was read"


@dataclass(frozen=True)
class Converted:
    """One sample in one release, with its bad records, and what became of it."""

    trial: Trial
    release: Release
    folder: Path
    conversion: Conversion
    expected: Row

    def records(self, file: str = "") -> list[Row]:
        return [one for one in self.expected["record"] if file in {"", one["file"]}]

    def rows(self, name: str) -> list[Row]:
        table = next(each.table for each in self.conversion.datasets if each.name == name)
        found: list[Row] = table.to_pylist()
        return found

    def records_of(self, domain: str, resource: str) -> list[Row]:
        pointers = self.conversion.provenance[domain].select(["resource_type", "id"]).to_pylist()
        named = [f"{pointer['resource_type']}/{pointer['id']}" for pointer in pointers]
        return [row for row, name in zip(self.rows(domain), named, strict=True) if name == resource]

    def ledger(self) -> list[Row]:
        found: list[Row] = self.conversion.resources.to_pylist()
        return [row | {"resource": f"{row['resource_type']}/{row['id']}"} for row in found]

    def findings_on(self, record: Row) -> list[Finding]:
        """Return the findings on a record; some name the bare id."""
        names = {record["resource"], record["resource"].partition("/")[2]} - {""}
        if names:
            return [one for one in self.conversion.findings if one.resource in names]
        return [one for one in self.conversion.findings if one.rule == record["finding"]]


def convert(folder: Path) -> Conversion:
    inputs = [folder / generate.PACKAGE, folder / generate.BAD_RECORDS]
    return to_sdtm(inputs, read_study(folder / generate.SETTINGS), processes=1)


CASES = [(registry, release) for registry in TRIALS for release in ("R4", "R5")]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Release], Converted]:
    @cache
    def make(registry: str, release: Release) -> Converted:
        trial, shipped = TRIALS[registry], folder_of(registry)
        folder = shipped
        if release == "R5":
            folder = tmp_path_factory.mktemp(registry)
            generate.write_sample(folder, trial, "R5")
        expected = tomllib.loads((shipped / "expected_problems.toml").read_text("utf-8"))
        return Converted(trial, release, folder, convert(folder), expected)

    return make


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def sample(request: pytest.FixtureRequest, made: Callable[[str, Release], Converted]) -> Converted:
    return made(*request.param)


@pytest.fixture(scope="module", params=TRIALS)
def shipped(request: pytest.FixtureRequest, made: Callable[[str, Release], Converted]) -> Converted:
    return made(request.param, "R4")


@pytest.fixture(scope="module")
def first(made: Callable[[str, Release], Converted]) -> Converted:
    return made("NCT06737380", "R4")


def test_each_odd_record_ends_as_listed(sample: Converted) -> None:
    ledger = sample.ledger()
    for record in sample.records():
        accounts = [row for row in ledger if row["resource"] == record["resource"]]
        fate = {"not-done": "mapped"}.get(record["fate"], record["fate"])
        assert (fate in {row["status"] for row in accounts}) == (fate != "none"), record
        assert record.get("reason", "") in {"", *(row["reason"] for row in accounts)}, record
        rules = {finding.rule for finding in sample.findings_on(record)}
        assert rules <= {record.get("finding"), *record.get("also", ())}, record
        assert {record.get("finding"), *record.get("also", ())} - {None} <= rules, record


def test_what_was_not_done_says_so(sample: Converted) -> None:
    ledger = {row["resource"]: row for row in sample.ledger() if row["status"] == "mapped"}
    for record in sample.records(generate.PACKAGE):
        if record["fate"] == "not-done":
            domain = ledger[record["resource"]]["domains"]
            (made_of,) = sample.records_of(domain, record["resource"])
            assert made_of[f"{domain}STAT"] == "NOT DONE"
            assert made_of[f"{domain}REASND"]
            assert made_of[f"{domain}ORRES"] is None


def test_unknown_words_stand_on_the_worklist_and_no_others(sample: Converted) -> None:
    wanted = Counter(record["worklist"] for record in sample.records() if "worklist" in record)
    found: Counter[str] = Counter()
    for row in sample.conversion.unmapped.to_pylist():
        found[row["variable"]] += row["count"]
    assert found == wanted


def test_every_finding_is_on_a_listed_record_or_is_listed_itself(sample: Converted) -> None:
    on_records = {id(one) for record in sample.records() for one in sample.findings_on(record)}
    others = [one for one in sample.conversion.findings if id(one) not in on_records]
    listed = [(one["finding"], one["variable"], one["value"]) for one in sample.expected["notice"]]

    def covers(notice: tuple[str, str, str], one: Finding) -> bool:
        return notice[:2] == (one.rule, one.variable) and fnmatchcase(str(one.value), notice[2])

    assert [one for one in others if not any(covers(notice, one) for notice in listed)] == []
    assert [notice for notice in listed if not any(covers(notice, one) for one in others)] == []
    assert {one.severity.name for one in others} == {"NOTICE"}


def test_nothing_else_is_unmapped(sample: Converted) -> None:
    listed = [one for one in sample.expected.get("unmapped", ()) if one["fhir"] == sample.release]
    wanted = Counter({(one["type"], one["reason"]): one["count"] for one in listed})
    named = [record for record in sample.records() if record["fate"] == "unmapped"]
    wanted += Counter((record["resource"].partition("/")[0], record["reason"]) for record in named)
    found = Counter((r["resource_type"], r["reason"]) for r in sample.ledger() if r["status"] == "unmapped")
    assert found == wanted


def test_nothing_else_is_excluded(sample: Converted) -> None:
    named = {record["resource"] for record in sample.records() if record["fate"] == "excluded"}
    rows = [row for row in sample.ledger() if row["status"] == "excluded"]
    assert {row["resource"] for row in rows if row["reason"] != OLDER} == named
    assert sum(row["reason"] == OLDER for row in rows) == sample.expected["older"]


def test_the_ledger_balances(sample: Converted) -> None:
    with zipfile.ZipFile(sample.folder / generate.PACKAGE) as package:
        sent = sum(len(package.read(name).splitlines()) for name in package.namelist())
    sent += len((sample.folder / generate.BAD_RECORDS).read_bytes().splitlines()) - 1  # the last is cut off
    rows = sample.ledger()
    assert len(rows) == sent
    assert all(row["reason"] for row in rows if row["status"] != "mapped")
    pointers = sample.conversion.provenance.items()
    written = sum(table.num_rows for name, table in pointers if name != "SE")  # of no resource: derived
    assert sum(row["records"] for row in rows) == written


def test_both_releases_give_the_same_records(made: Callable[[str, Release], Converted]) -> None:
    for registry in TRIALS:
        sizes = [
            {one.name: one.table.num_rows for one in made(registry, release).conversion.datasets}
            for release in ("R4", "R5")
        ]
        differ = {name for name in sizes[0] if sizes[0][name] != sizes[1].get(name)}
        # R5 has no policy of a consent in words, and says of each medicine whether it is taken
        assert differ <= {"SUPPDS", "SUPPCM"}


def test_every_row_of_the_table_has_the_records_that_it_says(shipped: Converted) -> None:
    table = table_of((shipped.folder / "README.md").read_text("utf-8"))
    assert len(table) == 19
    tables = {dataset.name: dataset.table for dataset in shipped.conversion.datasets}
    for row in table:
        found = dict(counted(row.where, tables))
        assert all(found.values()), (row.assessment, found)
        assert sum(found.values()) == row.records, row.assessment
        assert {name.partition(" ")[0] for name in found} == set(row.domains.split(", ")), row.assessment


def test_the_table_has_every_row_of_the_trials_checklist(shared: Path, shipped: Converted) -> None:
    checklist = (shared / "trials.md").read_text("utf-8").partition("## Assessments")[2]
    lines = [line.strip("| ").split(" | ") for line in checklist.splitlines() if line.startswith("| ")]
    asked = [cells[0] for cells in lines[1:]]
    told = [row.assessment for row in table_of((shipped.folder / "README.md").read_text("utf-8"))]
    assert told == asked


def age(birth: str, on: date) -> int:
    born = date.fromisoformat(birth)
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def test_every_participant_is_in_dm_under_one_number(shipped: Converted) -> None:
    trial = shipped.trial
    subjects = {row["USUBJID"]: row for row in shipped.rows("DM")}
    extra = f"{trial.protocol}-S-{len(trial.participants) + 1:03}"
    assert set(subjects) == {f"{trial.protocol}-{person.key}" for person in trial.participants} | {extra}
    for person in trial.participants:
        row = subjects[f"{trial.protocol}-{person.key}"]
        country = {"US": "USA", "CN": "CHN"}[trial.site(person).country]
        assert (row["SUBJID"], row["SITEID"], row["COUNTRY"]) == (person.key, person.site, country)
        assert row["SEX"] == {"female": "F", "male": "M"}[person.gender]
        assert (row["ARMCD"] or "", row["ARMNRS"]) == (person.arm, None if person.dose else "SCREEN FAILURE")
        assert (row["RFSTDTC"] is None) == (person.dose is None)
        assert row["DTHFL"] == ("Y" if person.dies else None)
        assert len(person.birth) < 10 or row["AGE"] == age(person.birth, person.dose or person.consent)


def test_doses_are_those_of_the_arm(shipped: Converted) -> None:
    arms = {f"{shipped.trial.protocol}-{person.key}": person.arm for person in shipped.trial.participants}
    weights = {
        row["USUBJID"]: row["VSSTRESN"]
        for row in shipped.rows("VS")
        if row["VSTESTCD"] == "WEIGHT" and row["VISITDY"] == 1
    }
    doses: Counter[str] = Counter()
    for row in shipped.rows("EX"):
        regimen = shipped.trial.arms[arms[row["USUBJID"]]].regimen
        amount = regimen.amount * (weights[row["USUBJID"]] if regimen.per_kg else 1)
        assert row["EXDOSE"] == pytest.approx(amount, rel=1e-4)
        assert (row["EXTRT"], row["EXROUTE"]) == (regimen.product.name, regimen.route[0])
        assert row["EXDOSU"] in {"10^6 Therapeutic Cells", "IU"}
        assert row["EXLOT"] in regimen.product.lots
        assert row["EXSTDY"] in {day + 1 for day in regimen.days}
        doses[row["USUBJID"]] += 1
    assert len(doses) == shipped.trial.planned


def test_serious_events_say_why(shipped: Converted) -> None:
    events = shipped.rows("AE")
    criteria = ("AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESINTV", "AESLIFE", "AESMIE")
    told = [event for event in events if event["AESPID"] != contradicting(shipped)]
    for event in told:
        assert (event["AESER"] == "Y") == any(event.get(name) == "Y" for name in criteria), event["AETERM"]
        assert event["AEACN"] in {"DOSE NOT CHANGED", "NOT APPLICABLE", "UNKNOWN"}
        assert event["AEREL"]
        assert (event["AEENRTPT"] == "ONGOING") == (event["AEOUT"] == "NOT RECOVERED/NOT RESOLVED")
    (shock,) = (event for event in events if event["AETERM"] == "Septic shock")
    assert (shock["AESDTH"], shock["AESHOSP"], shock["AESLIFE"]) == ("Y", "Y", "N")


def contradicting(sample: Converted) -> str:
    """Return the number of the adverse event that one of the bad records was made from."""
    lines = (sample.folder / generate.BAD_RECORDS).read_bytes().splitlines()[:-1]
    event = next(said for said in map(json.loads, lines) if said["resourceType"] == "AdverseEvent")
    return str(event["identifier"]["value"])


def test_no_test_of_one_specimen_has_two_standard_units(shipped: Converted) -> None:
    for domain in ("LB", "VS"):
        units: dict[tuple[str, str], set[str]] = {}
        for row in shipped.rows(domain):
            if row[f"{domain}STRESN"] is not None:
                key = (row[f"{domain}TESTCD"], row.get(f"{domain}SPEC", ""))
                units.setdefault(key, set()).add(row[f"{domain}STRESU"])
        mixed = {key: found - {"furlong", "mmHg"} for key, found in units.items() if key[0] in {"ALP", "LDH"}}
        assert {key for key, found in (units | mixed).items() if len(found) > 1} == set()


def test_results_keep_their_digits_and_their_limits(shipped: Converted) -> None:
    results = shipped.rows("LB")
    assert sum(row["LBORRES"] is not None and row["LBORRES"].endswith("0") for row in results) > 200
    limits = [row for row in results if (row["LBORRES"] or "").startswith("<")]
    assert limits
    assert all(row["LBSTRESC"].startswith("<") and row["LBSTRESN"] is None for row in limits)


def test_a_revised_result_is_there_once_as_it_was_last(shipped: Converted) -> None:
    notes = {row["QVAL"] for row in shipped.rows("SUPPLB") if row["QNAM"] == "LBRSLT"}
    assert {"AMENDED", "CORRECTED"} <= notes
    for ident, (_, value, then, _) in shipped.trial.feed.revised.items():
        if value and then == "corrected":
            (found,) = shipped.records_of("LB", f"Observation/{ident}")
            assert found["LBORRES"] != value


def test_every_questionnaire_item_has_a_name_and_a_category(shipped: Converted) -> None:
    for row in shipped.rows("QS"):
        assert row["QSTEST"]
        assert len(row["QSTEST"]) <= 40
        assert row["QSCAT"]
        assert (row["QSORRES"] is None) == (row["QSSTAT"] == "NOT DONE")
    assert {row["QSTESTCD"] for row in shipped.rows("QS")} >= {"SF36312", "SF36319", "PFATTS"}  # the scores


def visits_of(sample: Converted) -> Iterator[Row]:
    visits = {visit.name for visit in (*sample.trial.visits, sample.trial.termination)}
    yield from (row for row in sample.rows("SV") if row["VISIT"] in visits)


def test_visits_missed_visits_and_elements(shipped: Converted) -> None:
    rows = list(visits_of(shipped))
    missed = {(row["USUBJID"], row["VISIT"]) for row in rows if row["SVOCCUR"] == "N"}
    names = {visit.code: visit.name for visit in shipped.trial.visits}
    wanted = {
        (f"{shipped.trial.protocol}-{person.key}", names[code])
        for person in shipped.trial.participants
        for code in person.missed
    }
    assert wanted == missed
    assert all(row["SVREASOC"] for row in rows if row["SVOCCUR"] == "N")
    elements = Counter(row["ETCD"] for row in shipped.rows("SE"))
    for arm in shipped.trial.arms.values():
        assert elements[arm.code] == sum(one.arm == arm.code for one in shipped.trial.participants)


def test_the_design_comes_from_the_plan(shipped: Converted) -> None:
    trial = shipped.trial
    assert len(shipped.rows("TI")) == len(trial.criteria)
    assert {row["ETCD"] for row in shipped.rows("TE")} == {element.code for element in trial.elements}
    assert {(row["VISITNUM"], row["VISIT"]) for row in shipped.rows("TV")} == {
        (float(visit.number), visit.name) for visit in (*trial.visits, trial.termination)
    }
    assert {row["ARMCD"] for row in shipped.rows("TA")} == set(trial.arms)
    summary = {row["TSPARMCD"]: row["TSVAL"] for row in shipped.rows("TS")}
    assert (summary["REGID"], summary["PLANSUB"]) == (trial.registry, str(trial.planned))


def test_responses_agree_with_their_parts(shipped: Converted) -> None:
    said: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in shipped.rows("RS"):
        if row["RSCAT"] in {"SRI-4", "BICLA"}:
            said.setdefault((row["USUBJID"], row["RSCAT"], row["RSDTC"]), {})[row["RSTESTCD"]] = row[
                "RSORRES"
            ]
    assert len(said) > 50
    for found in said.values():
        parts = [word for code, word in found.items() if code[-2:].isdigit()]
        response = next(word for code, word in found.items() if code in {"SRI4RESP", "BICLARSP"})
        assert (response == "RESPONDER") == (set(parts) == {"Y"})


def test_the_first_sample_shows_every_grade_and_two_races(first: Converted) -> None:
    events = first.rows("AE")
    criteria = ("AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESINTV", "AESLIFE", "AESMIE")
    assert all(any(event[name] == "Y" for event in events) for name in criteria)
    assert {event["AETOXGR"] for event in events} == {None, "1", "2", "3", "4", "5"}
    subjects = first.rows("DM")
    assert {row["ETHNIC"] for row in subjects} == {
        "HISPANIC OR LATINO", "NOT HISPANIC OR LATINO", "NOT REPORTED",
    }  # fmt: skip
    assert sum(row["RACE"] == "MULTIPLE" for row in subjects) == 1
