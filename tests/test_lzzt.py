"""The pilot study from its FHIR bundles, against its own SDTM."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import compare_lzzt
import match_lzzt
import pytest

from trialbridge.conversion import Conversion
from trialbridge.study import read_study

ROOT = Path(__file__).resolve().parents[1]
EQUAL_SUBJECTS = ("1015", "1023", "1028", "1033", "1047", "1118")
CONTRADICTED, SCREEN_FAILURE = "1115", "1057"
FINDINGS_DOMAINS = ("LB", "VS")


Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def conversion(shared: Path) -> Conversion:
    found: Conversion = compare_lzzt.converted(shared)
    return found


@pytest.fixture(scope="module")
def page(shared: Path) -> str:
    found: str = compare_lzzt.report(shared)
    return found


@pytest.fixture(scope="module")
def sides(shared: Path, conversion: Conversion) -> dict[str, tuple[list[Row], list[Row]]]:
    subjects = [row["USUBJID"] for row in match_lzzt.our_rows(conversion, "DM")]
    return {
        domain: (match_lzzt.our_rows(conversion, domain), match_lzzt.pilot_rows(shared, domain, subjects))
        for domain in match_lzzt.MEMBERS
    }


@pytest.fixture(scope="module")
def pairs(sides: dict[str, tuple[list[Row], list[Row]]]) -> dict[str, list[Any]]:
    return {domain: match_lzzt.match_findings(domain, *sides[domain]).pairs for domain in FINDINGS_DOMAINS}


@pytest.mark.parametrize(
    ("domain", "records"), [("LB", 1503), ("VS", 798), ("AE", 23), ("CM", 228), ("DM", 8), ("MH", 104)]
)
def test_every_record_of_the_pilot_is_there(
    sides: dict[str, tuple[list[Row], list[Row]]], domain: str, records: int
) -> None:
    ours, pilot = sides[domain]
    assert (len(ours), len(pilot)) == (records, records)
    key = "USUBJID"
    assert Counter(row[key] for row in ours) == Counter(row[key] for row in pilot)


@pytest.mark.parametrize("domain", FINDINGS_DOMAINS)
def test_results_match_row_for_row(sides: dict[str, tuple[list[Row], list[Row]]], domain: str) -> None:
    """On subject, --TESTCD, --DTC to the minute, --ORRES as a number; on the position where there is one."""
    found = match_lzzt.match_findings(domain, *sides[domain])
    assert not found.only_ours
    assert not found.only_pilot
    assert len({id(pair.pilot) for pair in found.pairs}) == len(sides[domain][1])
    position = f"{domain}POS"
    assert all(ours[position] == pilot[position] for ours, pilot in found.pairs if ours.get(position))


@pytest.mark.parametrize(("domain", "count"), [("LB", 63), ("VS", 6)])
def test_only_zeros_make_the_text_of_a_result_differ(
    pairs: dict[str, list[Any]], domain: str, count: int
) -> None:
    name = f"{domain}ORRES"
    differing = match_lzzt.text_differences(pairs[domain], name)
    assert len(differing) == count
    for ours, pilot in differing:
        assert ours[name] in {pilot[name].rstrip("0"), pilot[name].rstrip("0") + "0", pilot[name].lstrip("0")}


@pytest.mark.parametrize("domain", FINDINGS_DOMAINS)
def test_standard_results_are_the_pilots_where_the_bundle_has_its_unit(
    pairs: dict[str, list[Any]], domain: str
) -> None:
    right = [pair for pair in pairs[domain] if not match_lzzt.contradicted(pair, domain)]
    assert not match_lzzt.far(right, f"{domain}STRESN")
    numeric = [pair for pair in right if pair.pilot[f"{domain}STRESN"] is not None]
    assert len(numeric) > 0.9 * len(pairs[domain])


def test_the_units_that_contradict_the_pilot_are_few(pairs: dict[str, list[Any]]) -> None:
    """One albumin in g/L that the pilot has in g/dL, and one limit of glucose whose unit was lost."""
    wrong = {
        domain: Counter(
            (ours[f"{domain}TESTCD"], ours[f"{domain}ORRESU"], pilot[f"{domain}ORRESU"])
            for ours, pilot in pairs[domain]
            if match_lzzt.contradicted(match_lzzt.Pair(ours, pilot), domain)
        )
        for domain in FINDINGS_DOMAINS
    }
    assert wrong == {"LB": {("ALB", "g/L", "g/dL"): 1, ("GLUC", None, "mg/dL"): 1}, "VS": {}}


@pytest.mark.parametrize("name", ["LBORNRLO", "LBORNRHI"])
def test_ranges_are_the_pilots(pairs: dict[str, list[Any]], name: str) -> None:
    assert not match_lzzt.other_range(pairs["LB"], name)
    assert sum(pair.ours[name] is not None for pair in pairs["LB"]) == 1424


def test_indicators_are_the_pilots(pairs: dict[str, list[Any]]) -> None:
    assert all(ours["LBNRIND"] == pilot["LBNRIND"] for ours, pilot in pairs["LB"])


def test_adverse_events_match_on_all_that_the_bundles_hold(
    sides: dict[str, tuple[list[Row], list[Row]]],
) -> None:
    found = match_lzzt.match_events(*sides["AE"])
    assert not found.only_ours
    names = ("AETERM", "AESEV", "AESER", "AEREL", "AEOUT", "AESTDTC")
    assert all(ours[name] == pilot[name] for ours, pilot in found.pairs for name in names)


def test_medications_match_on_name_and_dates(sides: dict[str, tuple[list[Row], list[Row]]]) -> None:
    """Three differ: the bundles have a hyphen where the pilot has a comma."""
    found = match_lzzt.match_medications(*sides["CM"])
    assert len(found.pairs) == 225
    assert {row["CMTRT"] for row in found.only_ours} == {"HYDROCORTISONE- TOPICAL"}
    assert {row["CMTRT"] for row in found.only_pilot} == {"HYDROCORTISONE, TOPICAL"}
    dates = ("USUBJID", "CMSTDTC", "CMENDTC")
    ours, pilot = (Counter(tuple(row[name] for name in dates) for row in side) for side in sides["CM"])
    assert ours == pilot


def test_conditions_match_on_term_and_dates(sides: dict[str, tuple[list[Row], list[Row]]]) -> None:
    """The pilot's MHTERM is masked; the name of the condition in the bundles is its MHDECOD."""
    found = match_lzzt.match_history(*sides["MH"])
    assert len(found.pairs) == 104
    assert not found.only_ours
    assert not found.only_pilot
    decoded = [pair for pair in found.pairs if pair.pilot["MHDECOD"]]
    assert len(decoded) > 90
    assert all(ours["MHTERM"].upper() == pilot["MHDECOD"] for ours, pilot in decoded)


def test_demographics_are_the_pilots(sides: dict[str, tuple[list[Row], list[Row]]]) -> None:
    ours, pilot = ({row["SUBJID"]: row for row in side} for side in sides["DM"])
    for subject in EQUAL_SUBJECTS:
        for name in ("USUBJID", "SEX", "SITEID", "ARM", "RFSTDTC", "AGE", "RACE", "ETHNIC"):
            assert ours[subject][name] == pilot[subject][name], (subject, name)


def test_a_participation_that_contradicts_the_visits_is_a_finding(conversion: Conversion) -> None:
    found = [one for one in conversion.findings if one.rule == "participation-contradicts"]
    assert [(one.record[-4:], one.variable, one.severity) for one in found] == [
        (CONTRADICTED, "RFSTDTC", "error")
    ]


def test_a_screen_failure_has_no_arm_but_a_reason(sides: dict[str, tuple[list[Row], list[Row]]]) -> None:
    subject = next(row for row in sides["DM"][0] if row["SUBJID"] == SCREEN_FAILURE)
    assert [subject[name] for name in ("ARM", "ARMCD", "ACTARM", "ACTARMCD")] == [None] * 4
    assert subject["ARMNRS"] == "SCREEN FAILURE"


def test_every_override_is_in_the_report(conversion: Conversion, page: str) -> None:
    said = dict(conversion.study.overrides())
    assert said["code 8867-4 of http://loinc.org"] == "testcd = PULSE"
    assert said["unit system"] == "SI"
    assert said["standard unit of HGB"] == "mmol/L"
    for name, value in read_study(compare_lzzt.STUDY).overrides():
        assert f"| {name} | {value} |" in page


def test_the_page_of_differences_is_this_one(page: str) -> None:
    written = (ROOT / "docs/lzzt-differences.md").read_text(encoding="utf-8")
    assert written == page, "run tools/compare_lzzt.py"


def _words_of_the_study(reference: Path) -> set[str]:
    """Return what names the study, its people and its places in the bundles."""
    words = set()
    for path in sorted((reference / compare_lzzt.BUNDLES).glob("*.gz")):
        for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]:
            resource = entry["resource"]
            words |= {one["value"] for one in _identifiers(resource)}
            if resource["resourceType"] != "Observation":
                words.add(resource.get("id", ""))
            words |= {
                name
                for key in ("assignedArm", "actualArm", "name")
                if isinstance(name := resource.get(key), str)
            }
            words.add(resource.get("event", {}).get("text", ""))
    # a short id, or a common word, says nothing of this study
    return {word for word in words if len(word) >= 8} - {"Screen Failure"}


def _identifiers(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = resource.get("identifier", [])
    return [one for one in (found if isinstance(found, list) else [found]) if "value" in one]


def test_no_rule_names_a_subject_a_study_or_a_value(shared: Path) -> None:
    words = _words_of_the_study(shared) | {"LZZT", "CDISCPILOT", "01-701", "xanomeline", "pilot study"}
    assert {"01-701-1015", "APPLICATION SITE ERYTHEMA"} <= words
    product = [
        path
        for folder in ("src", "converters", "mappings", "define_xml")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".tsv", ".csv", ".toml", ".j2"} and not path.name.startswith("_")
    ]
    assert len(product) > 50
    named = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in product
        for word in _whole_words(words, path.read_text(encoding="utf-8").casefold())
    ]
    assert not named


def _whole_words(words: set[str], text: str) -> list[str]:
    there = [word for word in sorted(words) if word.casefold() in text]
    return [word for word in there if re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text)]
