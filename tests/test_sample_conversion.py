"""The shipped sample trial converts to what its lists say, record by record, and to nothing else."""

from __future__ import annotations

import tomllib
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.findings import Finding, Severity
from trialbridge.samples import generate
from trialbridge.samples.participants import PARTICIPANTS
from trialbridge.study import read_study

FOLDER = Path(generate.__file__).parent / "nct06737380"
EXPECTED = tomllib.loads((FOLDER / "expected_problems.toml").read_text("utf-8"))
BAD = [record for record in EXPECTED["record"] if record["file"] == generate.BAD_RECORDS]
PLAIN = [record for record in EXPECTED["record"] if record["file"] == generate.PACKAGE]
PRODUCT = "UC-MSC"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def good() -> Conversion:
    return convert(generate.PACKAGE)


@pytest.fixture(scope="module")
def everything() -> Conversion:
    return convert(generate.PACKAGE, generate.BAD_RECORDS)


def convert(*names: str) -> Conversion:
    return to_sdtm([FOLDER / name for name in names], read_study(FOLDER / "study.toml"), processes=1)


def rows(conversion: Conversion, name: str) -> list[Row]:
    found: list[Row] = next(each.table for each in conversion.datasets if each.name == name).to_pylist()
    return found


def records_of(conversion: Conversion, domain: str, resource: str) -> list[Row]:
    pointers = conversion.provenance[domain].select(["resource_type", "id"]).to_pylist()
    named = [f"{pointer['resource_type']}/{pointer['id']}" for pointer in pointers]
    return [row for row, name in zip(rows(conversion, domain), named, strict=True) if name == resource]


def ledger(conversion: Conversion, resource: str) -> list[Row]:
    found = conversion.resources.to_pylist()
    return [row for row in found if f"{row['resource_type']}/{row['id']}" == resource]


def findings_on(conversion: Conversion, record: Row) -> list[Finding]:
    """Return the findings on a record; some name the bare id."""
    names = {record["resource"], record["resource"].partition("/")[2]}
    where = (finding for finding in conversion.findings if finding.source.endswith(record["file"]))
    named = [finding for finding in conversion.findings if finding.resource and finding.resource in names]
    return named if record["resource"] else list(where)


def balance(conversion: Conversion) -> Counter[str]:
    table = conversion.resources.to_pylist()
    assert all(row["reason"] for row in table if row["status"] != "mapped")
    written = sum(pointers.num_rows for pointers in conversion.provenance.values())
    assert sum(row["records"] for row in table) == written
    return Counter(row["status"] for row in table)


def case(record: Row) -> str:
    return str(record["resource"] or "cut-off line")


@pytest.mark.parametrize("record", EXPECTED["record"], ids=case)
def test_each_odd_record_ends_as_listed(record: Row, everything: Conversion) -> None:
    accounts = ledger(everything, record["resource"])
    fates = {"none": set(), "not-done": {"mapped"}}.get(record["fate"], {record["fate"]})
    assert fates <= {row["status"] for row in accounts}
    if record["fate"] == "none":
        assert not accounts
    if "reason" in record:
        assert record["reason"] in {row["reason"] for row in accounts}
    if "finding" in record:
        assert record["finding"] in {finding.rule for finding in findings_on(everything, record)}
    if record["fate"] == "not-done":
        domain = next(row["domains"] for row in accounts if row["status"] == "mapped")
        (made,) = records_of(everything, domain, record["resource"])
        assert made[f"{domain}STAT"] == "NOT DONE"
        assert made[f"{domain}REASND"]
        assert made[f"{domain}ORRES"] is None


def test_unknown_words_stand_on_the_worklist(everything: Conversion) -> None:
    wanted = Counter(record["worklist"] for record in BAD if "worklist" in record)
    found: Counter[str] = Counter()
    for row in everything.unmapped.to_pylist():
        found[row["variable"]] += row["count"]
    assert found == wanted


def notices(file: str) -> set[tuple[str, str, str]]:
    found = (one for one in EXPECTED["notice"] if one["file"] == file)
    return {(one["finding"], one["variable"], one["value"]) for one in found}


def test_nothing_else_is_odd_in_the_bad_records(good: Conversion, everything: Conversion) -> None:
    listed = {id(finding) for record in BAD for finding in findings_on(everything, record)}
    others = [one for one in set(everything.findings) - set(good.findings) if id(one) not in listed]
    assert {(one.rule, one.variable, one.value) for one in others} == notices(generate.BAD_RECORDS)


def test_the_good_resources_are_clean(good: Conversion) -> None:
    assert [finding for finding in good.findings if finding.severity != Severity.NOTICE] == []
    found = {(finding.rule, finding.variable, finding.value) for finding in good.findings}
    assert found == notices(generate.PACKAGE)
    assert good.unmapped.num_rows == 0


def test_nothing_else_is_unmapped(good: Conversion) -> None:
    wanted = Counter({(one["type"], one["reason"]): one["count"] for one in EXPECTED["unmapped"]})
    named = [record for record in PLAIN if record["fate"] == "unmapped"]
    wanted += Counter((record["resource"].partition("/")[0], record["reason"]) for record in named)
    table = good.resources.to_pylist()
    assert Counter((r["resource_type"], r["reason"]) for r in table if r["status"] == "unmapped") == wanted


def test_nothing_else_is_excluded(good: Conversion) -> None:
    named = {record["resource"] for record in PLAIN if record["fate"] == "excluded"}
    older = "an older version of a resource of which a newer one was read"
    table = [row for row in good.resources.to_pylist() if row["status"] == "excluded"]
    assert {f"{r['resource_type']}/{r['id']}" for r in table if r["reason"] != older} == named
    assert sum(row["reason"] == older for row in table) == 6


def test_the_ledger_balances(good: Conversion, everything: Conversion) -> None:
    with zipfile.ZipFile(FOLDER / generate.PACKAGE) as package:
        sent = sum(len(package.read(name).splitlines()) for name in package.namelist())
    assert balance(good).total() == sent
    lines = (FOLDER / generate.BAD_RECORDS).read_bytes().splitlines()
    assert balance(everything).total() == sent + len(lines) - 1  # the last line is cut off


def test_records_per_domain(good: Conversion) -> None:
    counts = {name: len(rows(good, name)) for name in ("DM", "AE", "EX", "LB", "QS", "VS")}
    assert counts == {"DM": 12, "AE": 19, "EX": 10, "LB": 3897, "QS": 3346, "VS": 536}


def test_every_participant_is_in_dm_under_one_number(good: Conversion) -> None:
    subjects = {row["USUBJID"]: row for row in rows(good, "DM")}
    assert set(subjects) == {f"LKB-SLE-101-{person.key}" for person in PARTICIPANTS}
    for person in PARTICIPANTS:
        row = subjects[f"LKB-SLE-101-{person.key}"]
        assert (row["SUBJID"], row["SITEID"], row["COUNTRY"]) == (person.key, "101", "USA")
        assert row["SEX"] == {"female": "F", "male": "M"}[person.gender]
        assert (row["ARMCD"], row["ARMNRS"]) == (("UCMSC", None) if person.dose else (None, "SCREEN FAILURE"))
        assert (row["RFSTDTC"] is None) == (person.dose is None)
        assert row["DTHFL"] == ("Y" if person.dies else None)
        assert len(person.birth) < 10 or row["AGE"] == person.age()
    assert {row["ETHNIC"] for row in subjects.values()} == {
        "HISPANIC OR LATINO", "NOT HISPANIC OR LATINO", "NOT REPORTED",
    }  # fmt: skip
    assert sum(row["RACE"] == "MULTIPLE" for row in subjects.values()) == 1


def test_the_dose_is_a_dose_of_cells(good: Conversion) -> None:
    for row in rows(good, "EX"):
        assert (row["EXTRT"], row["EXDOSE"], row["EXDOSU"]) == (PRODUCT, 100, "10^6 Therapeutic Cells")
        assert (row["EXROUTE"], row["EXDOSFRM"]) == ("SUBCUTANEOUS", "INJECTION, SUSPENSION")
        assert (row["EXSTDY"], row["EXENDY"]) == (1, 1)


def test_serious_events_say_why(good: Conversion) -> None:
    events = rows(good, "AE")
    criteria = ("AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESINTV", "AESLIFE", "AESMIE")
    for event in events:
        assert (event["AESER"] == "Y") == any(event[name] == "Y" for name in criteria), event["AETERM"]
        assert event["AEACN"] in {"DOSE NOT CHANGED", "NOT APPLICABLE", "UNKNOWN"}
        assert event["AEREL"]
        assert (event["AEENRTPT"] == "ONGOING") == (event["AEOUT"] == "NOT RECOVERED/NOT RESOLVED")
    assert all(any(event[name] == "Y" for event in events) for name in criteria)
    assert {event["AETOXGR"] for event in events} == {None, "1", "2", "3", "4", "5"}
    (shock,) = (event for event in events if event["AETERM"] == "Septic shock")
    assert (shock["AESDTH"], shock["AESHOSP"], shock["AESLIFE"]) == ("Y", "Y", "N")


def test_no_test_of_one_specimen_has_two_standard_units(good: Conversion) -> None:
    for domain in ("LB", "VS"):
        units: dict[tuple[str, str], set[str]] = {}
        for row in rows(good, domain):
            if row[f"{domain}STRESN"] is not None:
                key = (row[f"{domain}TESTCD"], row.get(f"{domain}SPEC", ""))
                units.setdefault(key, set()).add(row[f"{domain}STRESU"])
        assert {key: found for key, found in units.items() if len(found) > 1} == {}


def test_results_keep_their_digits_and_their_limits(good: Conversion) -> None:
    results = rows(good, "LB")
    assert sum(row["LBORRES"] is not None and row["LBORRES"].endswith("0") for row in results) > 200
    limits = [row for row in results if (row["LBORRES"] or "").startswith("<")]
    assert limits
    assert all(row["LBSTRESC"].startswith("<") and row["LBSTRESN"] is None for row in limits)


def test_a_revised_result_is_there_once_as_it_was_last(good: Conversion) -> None:
    (potassium,) = records_of(good, "LB", "Observation/101-002-v5-k")
    assert potassium["LBORRES"] != "6.8"
    notes = {row["QVAL"] for row in rows(good, "SUPPLB") if row["QNAM"] == "LBRSLT"}
    assert {"AMENDED", "CORRECTED"} <= notes


def test_every_questionnaire_item_has_a_name_and_a_category(good: Conversion) -> None:
    for row in rows(good, "QS"):
        assert row["QSTEST"]
        assert len(row["QSTEST"]) <= 40
        assert row["QSCAT"]
        assert (row["QSORRES"] is None) == (row["QSSTAT"] == "NOT DONE")
    scores = {row["QSTESTCD"] for row in rows(good, "QS") if row["QSDRVFL"] == "Y"}
    assert scores >= {"SF36312", "SF36319", "PFATTS"}
