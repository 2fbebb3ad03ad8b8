"""Suggestions: measured by names that they have not seen, and held to what a person may expect of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import make_labelled_suggestions
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.cli import main
from trialbridge.converters.alike import plain
from trialbridge.converters.suggest import LOWEST, MOST, Asked, suggest
from trialbridge.crosswalks.tables import crosswalk
from trialbridge.standards import codelist

HERE = Path(__file__).parent
LABELLED = HERE / "labelled.tsv"
TESTCDS = [term.submission_value for term in codelist("VSTESTCD").terms]


def test_the_labelled_set_is_what_its_tool_draws() -> None:
    rows = make_labelled_suggestions.labelled()
    assert len(rows) == 200
    assert LABELLED.read_text("utf-8") == make_labelled_suggestions.to_text(rows)


def test_a_held_out_name_is_not_looked_at() -> None:
    for row in make_labelled_suggestions.read(LABELLED):
        asked = Asked(row.domain, row.variable, (row.text,))
        held = make_labelled_suggestions.held_out(row)
        assert held
        found = [one for one in suggest(asked, without=held) if one.value == row.value]
        likes = {plain(like) for one in found for like in re.findall("is like '([^']*)'", one.why)}
        assert plain(row.text) not in likes - {""}


def test_four_of_five_held_out_names_find_their_term_among_the_first_five() -> None:
    rows = make_labelled_suggestions.read(LABELLED)
    found = sum(map(make_labelled_suggestions.found, rows))
    assert found >= 0.8 * len(rows), found


def test_the_names_that_laboratories_write_find_their_test() -> None:
    lines = (HERE / "local_names.tsv").read_text("utf-8").splitlines()[2:]
    missed = []
    for domain, text, unit, specimen, tests in (line.split("\t") for line in lines):
        asked = Asked(domain, f"{domain}TESTCD" if domain else "", (text,), "", unit, specimen)
        found = [one.value.rpartition(".")[2] for one in suggest(asked)]
        if not set(tests.split("|")) & set(found):
            missed.append((text, tests, found))
    assert len(missed) <= 0.05 * len(lines), missed


def _first(domain: str, variable: str, *texts: str, **known: str) -> str:
    found = suggest(Asked(domain, variable, texts, **known))
    return found[0].value if found else ""


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("Neutrophils", "%", "NEUTLE"),
        ("Neutrophils", "10*9/L", "NEUT"),
        ("HbA1c", "%", "HBA1C"),
        ("Calcium", "mmol/L", "CA"),
    ],
)
def test_the_unit_tells_tests_of_one_name_apart(text: str, unit: str, value: str) -> None:
    values = [one.value for one in suggest(Asked("LB", "LBTESTCD", (text,), units=unit))]
    assert value in values[:2]


def test_a_unit_that_does_not_fit_costs_and_is_said() -> None:
    fits = suggest(Asked("LB", "LBTESTCD", ("Glucose",), units="mg/dL"))[0]
    not_so = suggest(Asked("LB", "LBTESTCD", ("Glucose",), units="mmHg"))[0]
    assert (fits.value, not_so.value) == ("GLUC", "GLUC")
    assert not_so.score < fits.score
    assert "unit mmHg does not fit" in not_so.why


def test_a_test_of_another_domain_is_offered_with_its_domain() -> None:
    found = suggest(Asked("LB", "LBTESTCD", ("Anti-Neutrophil Cytoplasmic Antibody",)))
    assert found[0].value == "IS.ANCAB"


def test_a_test_without_a_domain_is_looked_for_among_all_tests() -> None:
    assert _first("", "", "Diastolic blood pressure") == "VS.DIABP"


def test_a_name_in_other_words_order_is_as_near_as_can_be() -> None:
    found = suggest(Asked("LB", "LBTESTCD", ("phosphatase alkaline",)))
    assert (found[0].value, found[0].score) == ("ALP", 100)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Milligrams per Decilitre", "mg/dL"),
        ("x10E9/L", "10^9/L"),
        ("K/cumm", "10^9/L"),
        ("Million Colony Forming Units per Gram", "10^6 CFU/g"),
    ],
)
def test_a_unit_in_words_or_of_another_manner_is_the_same_unit(text: str, unit: str) -> None:
    assert unit in [one.value for one in suggest(Asked("LB", "LBORRESU", (text,)))][:2]


def test_loinc_parts_speak_for_a_test() -> None:
    name = "Creatinine [Moles/volume] in Serum or Plasma"
    found = suggest(Asked("LB", "LBTESTCD", (name, "14682-9"), system="http://loinc.org"))
    assert found[0].value == "CREAT"


def test_a_short_codelist_is_shown_whole() -> None:
    values = {one.value for one in suggest(Asked("DM", "SEX", ("other",)))}
    assert values == {term.submission_value for term in codelist("SEX").terms}


def test_a_variable_without_codelist_has_no_suggestions() -> None:
    assert suggest(Asked("LB", "LBREFID", ("anything",))) == []
    assert suggest(Asked("LB", "LBTESTCD", ("", "zzzzzzqqq"))) == []


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30))
def test_suggestions_are_few_ordered_and_real(text: str) -> None:
    found = suggest(Asked("VS", "VSTESTCD", (text,)))
    assert len(found) <= MOST
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(LOWEST <= one.score <= 100 and one.why for one in found)
    for one in found:
        domain, _, value = one.value.rpartition(".")
        assert codelist(f"{domain or 'VS'}TESTCD").term(value)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(TESTCDS))
def test_a_term_suggests_itself(value: str) -> None:
    found = {one.value: one.score for one in suggest(Asked("VS", "VSTESTCD", (value.lower(),)))}
    assert found[value] >= 97


def test_every_test_of_our_own_names_is_a_term() -> None:
    rows = crosswalk("test_names").rows
    wrong = [row for row in rows if codelist(f"{row['domain']}TESTCD").term(row["testcd"]) is None]
    assert wrong == []
    keys = [(row["domain"], row["testcd"]) for row in rows]
    assert len(keys) == len(set(keys))


def test_the_command_prints_what_the_worklist_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["terminology", "suggest", "by mouth", "--variable", "exroute", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["value"], first["score"]) == ("ORAL", 100)
    assert main(["terminology", "suggest", "x", "--variable", "NOSUCH"]) == 3
    assert "no dataset" in capsys.readouterr().err
