"""Definitions of instruments: right by the terminology, without wording, and questionnaires read by them."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.check_scores import check_scores
from trialbridge.converters.roundtrip import roundtrip
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.crosswalks import loinc
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.instruments import Instrument, instrument_called, instruments, item_called, plain_name
from trialbridge.questions import LONGEST_NAME, TEST_CODE, made_of_loinc
from trialbridge.standards import codelist, name_of_test
from trialbridge.study import Study, study_of

INSTRUMENTS = list(instruments().values())
LUPUS = {
    "SLEDAI-2K", "BILAG-2004", "PGA", "SLICC/ACR DI", "SRI-4", "BICLA", "RENAL RESPONSE",
    "SF36 V2.0 STANDARD", "SF36 V2.0 ACUTE", "PROMIS IB V1.0 FATIGUE SF 7A", "PROMIS DEPRESSION",
    "PROMIS PAIN", "LUPUSPRO", "LIT",
    "PHQ-9", "PRAPARE", "GAD-7", "AUDIT-C", "EQ-5D-5L",
}  # fmt: skip
EACH = pytest.mark.parametrize("one", INSTRUMENTS, ids=[one.category for one in INSTRUMENTS])


def test_the_instruments_of_the_trials_are_there() -> None:
    assert set(instruments()) >= LUPUS


@EACH
def test_a_code_is_cdiscs_or_a_sponsors_with_a_name_of_its_own(one: Instrument) -> None:
    for testcd, item in one.items.items():
        assert TEST_CODE.fullmatch(testcd)
        if one.of_cdisc(testcd):
            assert not item.name
        else:
            assert 0 < len(item.name) <= LONGEST_NAME
            known = (name_of_test(f"{domain}TESTCD", testcd) for domain in ("QS", "RS", "FT"))
            assert not any(known), "the code is CDISC's of something else"


@EACH
def test_a_category_with_a_codelist_is_a_term_and_any_other_is_none(one: Instrument) -> None:
    assert one.domain in {"QS", "RS"}
    known = one.category in codelist("QSCAT" if one.domain == "QS" else "CCCAT")
    assert known == bool(one.codelist)


@EACH
def test_scores_are_made_of_items_that_there_are(one: Instrument) -> None:
    for item in one.items.values():
        parts = (*item.all, *(item.score.of if item.score else ()))
        assert all(one.item(part) for part in parts)
        if item.score and item.bounds and all(one.items[part].answers for part in item.score.of):
            points = item.score.points
            worst = [
                max(
                    points[answer.result] if points else Decimal(answer.result)
                    for answer in one.items[part].answers
                )
                for part in item.score.of
            ]
            assert sum(worst) == item.bounds[1]


@EACH
def test_loinc_codes_are_whole_and_mean_one_item(one: Instrument) -> None:
    for item in one.items.values():
        for code in (*item.loinc, *item.within):
            assert made_of_loinc(code), f"{code} has a wrong check digit"
        for code in item.loinc:
            assert loinc(code) is None, "the crosswalk knows it already"
            found = item_called(code)
            assert found is not None
            assert found.item is item


def test_no_two_instruments_share_a_name_a_code_or_a_panel() -> None:
    names = Counter(
        plain for one in INSTRUMENTS for plain in {plain_name(name) for name in (one.category, *one.names)}
    )
    codes = Counter(code for one in INSTRUMENTS for code in (*one.items, *one.panels))
    assert max(names.values()) == max(codes.values()) == 1


@pytest.mark.parametrize("test", [*(f"PHQ010{number}" for number in range(1, 10)), "PHQ0110"])
def test_answers_are_those_of_the_published_codelists(test: str) -> None:
    name = "PHQ0110" if test == "PHQ0110" else "PHQ0101T09"
    answers = instruments()["PHQ-9"].items[test].answers
    assert {one.collected for one in answers} == {
        term.submission_value for term in codelist(f"{name}OR").terms
    }
    assert {one.result for one in answers} == {term.submission_value for term in codelist(f"{name}STR").terms}


def test_definitions_hold_no_wording() -> None:
    for one in INSTRUMENTS:
        for item in one.items.values():
            assert not item.name.endswith("?")
            assert len(item.name.split()) <= 9


def test_a_name_that_means_several_instruments_is_none() -> None:
    assert instrument_called("SLEDAI") is None
    assert instrument_called("SF-36") is None


@pytest.mark.parametrize("code", ["44250-8", "1-8", "44250", "PHQ"])
def test_no_code_is_made_of_what_is_no_loinc_code(code: str) -> None:
    assert made_of_loinc(code) is None


def test_a_made_code_is_a_legal_test_code() -> None:
    assert re.fullmatch(TEST_CODE, made_of_loinc("100298-9") or "")


def phq(scores: dict[str, str], dtc: str = "2024-03-01") -> list[Finding]:
    table = pa.table(
        {
            "USUBJID": ["S-1"] * len(scores),
            "QSCAT": ["PHQ-9"] * len(scores),
            "QSDTC": [dtc] * len(scores),
            "QSTESTCD": list(scores),
            "QSSTRESC": list(scores.values()),
            "QSSEQ": pa.array(range(1, len(scores) + 1), pa.float64()),
        }
    )
    found: list[Finding] = []
    check_scores({"QS": table}, found)
    return found


ITEMS = {f"PHQ010{number}": "1" for number in range(1, 10)}


def test_a_score_that_its_items_give_is_silent() -> None:
    assert phq({**ITEMS, "PHQ0111": "9"}) == []


def test_a_score_that_its_items_contradict_is_a_finding() -> None:
    (found,) = phq({**ITEMS, "PHQ0111": "8"})
    assert (found.rule, found.value) == ("score-differs", "8")
    assert "give 9" in found.message


def test_a_score_without_all_its_items_is_not_held_against_them() -> None:
    assert phq({"PHQ0101": "1", "PHQ0111": "8"}) == []


def test_a_score_outside_its_range_is_a_finding() -> None:
    assert [one.rule for one in phq({"PHQ0111": "28"})] == ["score-out-of-range"]


@pytest.fixture(scope="module")
def us_core(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    source = tmp_path_factory.mktemp("us_core") / "all.ndjson"
    packed = shared / "data" / "fhir" / "us_core" / "us-core-examples.ndjson.gz"
    source.write_bytes(gzip.decompress(packed.read_bytes()))
    return to_sdtm([source], Study(id="USCORE", every_patient=True))


def records(found: Conversion, category: str) -> list[dict[str, Any]]:
    questions = next(one for one in found.datasets if one.name == "QS")
    return [row for row in questions.table.to_pylist() if row["QSCAT"] == category]


def answers(shared: Path, response: str) -> int:
    text = gzip.decompress((shared / "data/fhir/us_core/us-core-examples.ndjson.gz").read_bytes())
    resources = [json.loads(line) for line in text.splitlines()]
    found = next(
        one for one in resources if (one["resourceType"], one["id"]) == ("QuestionnaireResponse", response)
    )
    return json.dumps(found).count('"answer"')


def test_the_phq_9_of_us_core_has_cdiscs_codes(us_core: Conversion) -> None:
    rows = records(us_core, "PHQ-9")
    assert [row["QSTESTCD"] for row in rows] == [term.submission_value for term in codelist("PHQ01TC").terms]
    assert [row["QSSTRESN"] for row in rows] == [2, 2, 2, 2, 1, 1, 2, 0, 0, None, 12]
    assert {row["QSSTRESC"] for row in rows[:9]} <= set("0123")


def test_the_prapare_of_us_core_has_sponsor_extended_codes(us_core: Conversion, shared: Path) -> None:
    rows = records(us_core, "PRAPARE")
    assert not [term for term in codelist("QSCAT").terms if "PRAPARE" in term.submission_value]
    assert {row["QSTESTCD"] for row in rows} == set(instruments()["PRAPARE"].items)
    assert len(rows) == answers(shared, "prapare-example") + 2  # two items have two answers each


def test_no_survey_of_us_core_lacks_a_test(us_core: Conversion) -> None:
    topicless = [
        row["id"]
        for row in us_core.resources.to_pylist()
        if row["reason"].startswith("nothing in it gives QSTESTCD")
    ]
    assert topicless == [
        "glascow-coma-score"
    ]  # its items are called 1, 2 and 3, and it names no questionnaire


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_the_questionnaires_of_us_core_come_back_equal(
    us_core: Conversion, release: Version, tmp_path: Path
) -> None:
    wanted = [one for one in us_core.datasets if one.name in {"DM", "QS", "SUPPQS"}]
    assert len(wanted) == 3
    found = roundtrip(wanted, tmp_path, release)
    assert not [fate for fate in found.fates if fate.lost]
    assert found.exit_code == 0


def test_a_study_keeps_an_instrument_where_it_says() -> None:
    study = study_of({"instruments": {"SLEDAI-2K": {"domain": "QS"}}})
    test = study.vocabulary.test([("urn:x", "SLE2KTOT")])
    assert test is not None
    assert (test.domain, test.cat) == ("QS", "SLEDAI-2K")
    elsewhere = Study().vocabulary.test([("urn:x", "SLE2KTOT")])
    assert elsewhere is not None
    assert elsewhere.domain == "RS"
