"""The study's settings: what means nothing here is refused when it is read, and never passed over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from trialbridge import vocabulary
from trialbridge.errors import ConfigurationError
from trialbridge.study import Study, read_study, study_of

CODE = "http://lab.example.org"


def test_every_field_of_a_test_may_be_given() -> None:
    fields = {name: "X" for name in vocabulary.Test._fields if name != "basis"}
    assert study_of({"codes": {CODE: {"A1": fields}}}).codes[CODE]["A1"] == fields


@pytest.mark.parametrize("name", ["DM.SITEID", "DM.SUBJID"])
def test_variables_that_can_have_a_pattern(name: str) -> None:
    assert study_of({"patterns": {name: "([0-9]+)$"}}).patterns == {name: "([0-9]+)$"}


def test_values_of_a_variable_and_of_one_test() -> None:
    found = study_of({"permitted": {"DM.ARM": ["A"], "QS.QSORRES.Q1": ["0", "1"]}})
    assert found.permitted == {"DM.ARM": ("A",), "QS.QSORRES.Q1": ("0", "1")}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"codes": {CODE: {"A1": {"testcode": "GLUC"}}}}, "has no field 'testcode'; it has domain, testcd,"),
        ({"codes": {CODE: {"A1": {"testcd": "GLUC", "basis": "loinc"}}}}, "has no field 'basis'"),
        ({"codes": {CODE: {"A1": {"testcd": 7}}}}, 'codes."http://lab.example.org"."A1" must be'),
        ({"codes": {CODE: {"A1": "GLUC"}}}, 'codes."http://lab.example.org"."A1" must be'),
        ({"codes": {CODE: "GLUC"}}, '[codes."http://lab.example.org"] is no section'),
        ({"patterns": {"SITEID": "([0-9]+)"}}, 'patterns."SITEID" is for no variable'),
        ({"patterns": {"DM.AGE": "([0-9]+)"}}, "DM.SITEID or DM.SUBJID"),
        ({"patterns": {"DM.SITEID": "[0-9]+"}}, "must be a regular expression with one group"),
        ({"patterns": {"DM.SITEID": 7}}, "must be a regular expression with one group"),
        ({"patterns": {"DM.SITEID": "("}}, "patterns.DM.SITEID: "),
        (
            {"domains": {"CE": {"code": ["x"]}}},
            "domains.CE: has no key 'code'; it has codes, categories, profiles",
        ),
        ({"domains": {"DV": {"codes": "x"}}}, "domains.DV: codes must be a list of texts"),
        ({"domains": {"DV": {}}}, "domains.DV: must be { codes = "),
        (
            {"domains": {"EC": {"moods": ["GIVEN"]}}},
            "domains.EC: must be { moods = [...] }, of PERFORMED and SCHED",
        ),
        ({"domains": {"LB": {"codes": ["x"]}}}, "that SDTMIG has no domain of, or one of CE, DV, EC"),
        ({"permitted": {"ARM": ["A"]}}, 'permitted."ARM" must name a dataset and a variable'),
        ({"permitted": {"DM.": ["A"]}}, 'permitted."DM." must name a dataset and a variable'),
        ({"permitted": {"DM.ARM": "A"}}, 'permitted."DM.ARM" must be a list of texts'),
        ({"permitted": {"DM.ARM": [1]}}, 'permitted."DM.ARM" must be a list of texts'),
        ({"units": {"HGB": 1}}, 'units."HGB" must be text'),
        ({"arms": {"Active": ["A"]}}, 'arms."Active" must be text'),
        ({"patterns": "([0-9]+)"}, "[patterns] is no section"),
        ({"studies": {}}, "there is no section [studies]"),
        ({"study": {"name": "S1"}}, "[study] has no key 'name'"),
    ],
)
def test_what_means_nothing_is_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        study_of(data)


def test_the_error_names_the_file_and_every_problem(tmp_path: Path) -> None:
    source = tmp_path / "study.toml"
    source.write_text('[patterns]\n"DM.AGE" = "(x)"\n[permitted]\nARM = ["A"]\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"study\.toml.*DM\.AGE.*ARM"):
        read_study(source)


def test_nothing_is_a_study_of_defaults() -> None:
    assert study_of({}) == Study()
