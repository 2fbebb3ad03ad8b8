"""Decisions of people: applied before every table, traced, warned of, and merged as text."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from trialbridge.cli import main
from trialbridge.conversion import Conversion
from trialbridge.converters.explain import explain
from trialbridge.converters.judge_decisions import judged
from trialbridge.converters.manifest import read_manifest
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.decisions import LEAVE, Decision, Decisions, Word, merged, read_decisions, to_toml
from trialbridge.errors import ConfigurationError
from trialbridge.study import Study, read_study

LAB = "https://lab.example.org"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
MADE = {"who": "J. Roe", "when": "2026-11-20", "ct": "2026-03-27", "why": "read in the manual"}


def decision(domain: str, variable: str, code: str, value: str, **more: str) -> Decision:
    said = {"system": LAB, **MADE, **more}
    return Decision(domain, variable, code=code, decision=value, **said)


def _coded(code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": LAB, "code": code}], **({"text": text} if text else {})}


def _race(*codes: tuple[str, str]) -> dict[str, Any]:
    parts = [
        {"url": "ombCategory", "valueCoding": {"system": system, "code": code}} for system, code in codes
    ]
    return {"url": f"{US_CORE}/us-core-race", "extension": parts}


def _result(name: str, code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": code,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-05-03",
        "valueQuantity": {"value": 4.1, "unit": "mmol/L"},
        **more,
    }


RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "other",
        "extension": [_race(("urn:oid:2.16.840.1.113883.6.238", "2106-3"), (LAB, "R7"))],
    },
    {"resourceType": "Specimen", "id": "s1", "type": _coded("SP9", "Blutserum")},
    _result("o1", _coded("GLU1", "Zucker"), specimen={"reference": "Specimen/s1"}),
    _result("o2", _coded("IL18", "Interleukin-18"), valueQuantity={"value": 7, "unit": "pg pro ml"}),
    _result("o3", _coded("X-RAY", "Röntgen"), valueQuantity={"value": 1}),
    _result("o4", {"text": "Blutbild  HB"}, valueQuantity={"value": 130, "unit": "g/L"}),
    {
        "resourceType": "AdverseEvent",
        "id": "a1",
        "actuality": "actual",
        "subject": {"reference": "Patient/p1"},
        "event": {"text": "Headache"},
        "date": "2024-05-05",
        "outcome": _coded("G", "genesen"),
    },
]

ALL = (
    decision("DM", "RACE", "R7", "ASIAN"),
    decision("LB", "LBSPEC", "SP9", "SERUM"),
    decision("LB", "LBTESTCD", "GLU1", "GLUC", text="Zucker", cat="CHEMISTRY"),
    decision("LB", "LBTESTCD", "IL18", "LB.INTLK18"),
    decision("LB", "LBORRESU", "", "pg/mL", text="pg pro ml", system=""),
    decision("LB", "LBTESTCD", "X-RAY", LEAVE),
    decision("LB", "LBTESTCD", "", "HGB", text="blutbild hb", system="", spec="BLOOD"),
    decision("AE", "AEOUT", "G", "RECOVERED/RESOLVED"),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    target = tmp_path / "input.ndjson"
    target.write_text("\n".join(json.dumps(one) for one in RESOURCES), "utf-8")
    return target


def convert(source: Path, *made: Decision) -> Conversion:
    return to_sdtm([source], Study(id="S1", every_patient=True, decisions=Decisions(made, "d.toml", "0")))


def rows(conversion: Conversion, name: str) -> list[dict[str, Any]]:
    return next(one for one in conversion.datasets if one.name == name).table.to_pylist()


def rules(conversion: Conversion) -> list[str]:
    return [one.rule for one in conversion.findings if one.rule.startswith("decision")]


def test_without_decisions_every_word_is_on_the_worklist(source: Path) -> None:
    found = {(row["variable"], row["code"] or row["text"]) for row in convert(source).unmapped.to_pylist()}
    assert found >= {
        ("RACE", "R7"),
        ("SEX", "other"),
        ("LBTESTCD", "GLU1"),
        ("LBTESTCD", "IL18"),
        ("LBTESTCD", "X-RAY"),
        ("LBTESTCD", "Blutbild  HB"),
        ("AEOUT", "G"),
    }


def test_every_kind_of_variable_takes_its_decision(source: Path) -> None:
    conversion = convert(source, *ALL)
    found = {row["LBTESTCD"]: row for row in rows(conversion, "LB")}
    assert set(found) == {"GLUC", "INTLK18", "HGB"}
    assert (found["GLUC"]["LBSPEC"], found["GLUC"]["LBCAT"]) == ("SERUM", "CHEMISTRY")
    assert found["INTLK18"]["LBORRESU"] == "pg/mL"
    assert found["HGB"]["LBSPEC"] == "BLOOD"
    assert rows(conversion, "AE")[0]["AEOUT"] == "RECOVERED/RESOLVED"
    assert {row["variable"] for row in conversion.unmapped.to_pylist()} == {"SEX"}


def test_one_of_several_races_is_decided_and_the_others_stay(source: Path) -> None:
    conversion = convert(source, *ALL)
    assert rows(conversion, "DM")[0]["RACE"] == "MULTIPLE"
    said = {row["QNAM"]: row["QVAL"] for row in rows(conversion, "SUPPDM")}
    assert {"RACE1": "WHITE", "RACE2": "ASIAN"}.items() <= said.items()


def test_what_is_left_unmapped_is_excluded_by_name_and_not_to_be_decided(source: Path) -> None:
    conversion = convert(source, *ALL)
    row = next(row for row in conversion.resources.to_pylist() if row["id"] == "o3")
    assert (row["status"], row["reason"]) == (
        "excluded",
        "left unmapped by J. Roe on 2026-11-20: read in the manual",
    )
    assert rules(conversion).count("decision-leaves-unmapped") == 1


def test_a_foreign_value_never_enters_a_closed_list(source: Path) -> None:
    conversion = convert(source, decision("DM", "SEX", "other", "OTHER", system=""))
    assert rows(conversion, "DM")[0]["SEX"] is None
    assert rules(conversion) == ["decision-refused"]
    assert ("SEX", "other") in {(row["variable"], row["code"]) for row in conversion.unmapped.to_pylist()}


def test_a_value_beyond_an_open_list_is_the_sponsors_own(source: Path) -> None:
    conversion = convert(source, decision("LB", "LBSPEC", "SP9", "SERUM FRACTION"), *ALL[2:])
    assert "SERUM FRACTION" in {row["LBSPEC"] for row in rows(conversion, "LB")}
    assert "decision-extends-codelist" in rules(conversion)


def test_a_decision_that_nothing_asks_for_is_said(source: Path) -> None:
    conversion = convert(source, decision("EX", "EXROUTE", "Q", "ORAL"))
    assert rules(conversion) == ["decision-unused"]


def test_a_code_that_now_has_another_text_is_decided_anew(source: Path) -> None:
    conversion = convert(source, replace(ALL[2], text="Glukagon"))
    row = next(row for row in conversion.unmapped.to_pylist() if row["code"] == "GLU1")
    assert row["reason"] == "the decision about this code was made of another text: 'Glukagon'"
    assert "decision-unused" in rules(conversion)


def test_a_unit_that_the_decided_test_cannot_have_is_a_warning(source: Path) -> None:
    conversion = convert(source, decision("LB", "LBTESTCD", "GLU1", "HCT"))
    assert "decision-unit-differs" in rules(conversion)


def test_a_decision_against_a_table_is_said(tmp_path: Path) -> None:
    source = tmp_path / "x.ndjson"
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
    known = _result("o9", code, valueQuantity={"value": 130, "unit": "g/L"})
    source.write_text("\n".join(map(json.dumps, (RESOURCES[0], known))), "utf-8")
    other = decision("LB", "LBTESTCD", "718-7", "MCHC", system="http://loinc.org")
    conversion = convert(source, other)
    assert [row["LBTESTCD"] for row in rows(conversion, "LB")] == ["MCHC"]
    assert "decision-overrules-table" in rules(conversion)


@pytest.mark.parametrize(("value", "now"), [("MYPCERPC", "MITSCD MYPCERPC"), ("TNFSR2", "LBTESTCD TNFR1BS")])
def test_a_retired_term_is_a_warning_and_says_where_it_is_now(value: str, now: str) -> None:
    gone = decision("LB", "LBTESTCD", "1", value, ct="2025-03-28")
    assert judged(Decisions((gone,)), "2025-03-28") == (Decisions((gone,)), [])
    kept, found = judged(Decisions((gone,)), "2026-03-27")
    assert kept.made == (gone,)
    assert [one.rule for one in found] == ["decision-term-retired"]
    assert f"the same concept is now {now}" in found[0].message


def test_a_run_says_who_decided_when_and_why(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.toml"
    file.write_text(to_toml(ALL), "utf-8")
    out = tmp_path / "out"
    main(["convert", str(source), "--out", str(out), "--study", "S1", "--decisions", str(file), "--json"])
    cell = explain(out, "AE", "1", "AEOUT").cells[0]
    assert (cell.value, cell.how) == ("RECOVERED/RESOLVED", "decision")
    assert cell.note == "decided by J. Roe on 2026-11-20: read in the manual"
    assert explain(out, "DM", "S1-p1", "RACE").cells[0].note == cell.note
    settings = read_manifest(out).settings["decisions"]
    assert settings["source"] == "d.toml"
    assert settings["sha256"] == read_decisions(file).sha256


def test_the_settings_name_a_file_beside_them(tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text(to_toml(ALL), "utf-8")
    (tmp_path / "study.toml").write_text('[study]\nid = "S1"\ndecisions = "d.toml"\n', "utf-8")
    assert len(read_study(tmp_path / "study.toml").decisions.made) == len(ALL)


def _filled_in(source: Path, out: Path, decisions: dict[str, str]) -> Path:
    main(["convert", str(source), "--out", str(out), "--study", "S1", "--json"])
    book = load_workbook(out / "run/worklist.xlsx")
    sheet = book["Unmapped codes"]
    titles = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        cells = dict(zip(titles, row, strict=True))
        word = cells["Code"].value or cells["Text"].value
        if word in decisions:
            cells["Decision"].value = decisions[word]
            cells["Reason"].value = "told by the laboratory"
    target = out / "filled.xlsx"
    book.save(target)
    return target


CELLS = {
    "GLU1": "LB.GLUC; SPEC=SERUM; CAT=CHEMISTRY",
    "X-RAY": "Leave unmapped: no test",
    "G": "recovered/resolved",
    "other": "OTHER",
}


def test_a_worklist_is_taken_over_into_the_file(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = _filled_in(source, tmp_path / "out", CELLS)
    file = tmp_path / "d.toml"
    command = ["terminology", "decide", str(filled), "--decisions", str(file), "--who", "J. Roe"]
    assert main([*command, "--when", "2026-11-20"]) == 1  # OTHER is refused
    assert "'OTHER' is no term of SEX" in capsys.readouterr().out
    made = {one.code: one for one in read_decisions(file).made}
    assert set(made) == {"GLU1", "X-RAY", "G"}
    assert (made["GLU1"].spec, made["GLU1"].cat, made["GLU1"].why) == (
        "SERUM",
        "CHEMISTRY",
        "told by the laboratory",
    )
    assert (made["X-RAY"].decision, made["X-RAY"].why) == (LEAVE, "no test")
    assert (made["G"].decision, made["G"].ct) == ("RECOVERED/RESOLVED", "2026-03-27")
    assert "GLUC" in {row["LBTESTCD"] for row in rows(convert(source, *made.values()), "LB")}


def test_another_decision_is_kept_unless_it_is_to_be_replaced(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = _filled_in(source, tmp_path / "out", {"GLU1": "GLUC"})
    file = tmp_path / "d.toml"
    file.write_text(to_toml([decision("LB", "LBTESTCD", "GLU1", "GLUCA", text="Zucker")]), "utf-8")
    command = ["terminology", "decide", str(filled), "--decisions", str(file)]
    assert main(command) == 1
    assert "kept: 'GLU1' is 'GLUCA'" in capsys.readouterr().out
    assert read_decisions(file).made[0].decision == "GLUCA"
    assert main([*command, "--replace"]) == 0
    assert read_decisions(file).made[0].decision == "GLUC"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[decision]]\ncode = 'a'", "decision is missing"),
        ("[[decision]]\ndecision = 'HGB'\nwho = 'a'\nwhen = 'b'\nct = 'c'", "neither a code nor a text"),
        ("[[decision]]\ncode = 'a'\ncolour = 'red'", "has no field 'colour'"),
        ("[decisions]", "there is no 'decisions'"),
        ("not toml", "Expected"),
    ],
)
def test_a_file_that_says_what_means_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "d.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=problem):
        read_decisions(file)


def test_one_word_is_not_decided_twice(tmp_path: Path) -> None:
    file = tmp_path / "d.toml"
    file.write_text(to_toml([ALL[1], replace(ALL[1], decision="PLASMA")]), "utf-8")
    with pytest.raises(ConfigurationError, match="decided twice"):
        read_decisions(file)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


@given(st.lists(st.builds(Decision, domain=TEXTS, variable=TEXTS, code=TEXTS, decision=TEXTS, why=TEXTS)))
def test_any_text_comes_back_from_the_file(made: list[Decision]) -> None:
    blocks = tomllib.loads(to_toml(made)).get("decision", [])
    assert sorted((Decision(**block) for block in blocks), key=repr) == sorted(made, key=repr)


def test_merging_is_stable_and_loses_nothing() -> None:
    result = merged(ALL[:3], ALL)
    assert len(result.made) == len(ALL)
    assert merged(result.made, ALL).made == result.made
    assert to_toml(result.made) == to_toml(reversed(result.made))


def test_a_code_is_looked_up_whatever_its_text_where_none_was_named() -> None:
    made = Decisions((ALL[1], replace(ALL[1], text="Kapillarblut", decision="BLOOD")))
    asked = [Word("LB", "LBSPEC", LAB, "SP9", text) for text in ("Blutserum", "kapillarblut")]
    found = [made.find(word) for word in asked]
    assert [one.decision for one in found if one] == ["SERUM", "BLOOD"]
