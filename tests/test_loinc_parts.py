"""Suggestions from the parts of a LOINC name: never used unasked, and seldom far off."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from trialbridge.converters.loinc_names import SYSTEMS, Parts, parts_of
from trialbridge.converters.loinc_parts import METHODS, suggest_from_parts
from trialbridge.converters.read_loinc_table import parts_of_code
from trialbridge.crosswalks import loinc
from trialbridge.errors import ConfigurationError
from trialbridge.loinc_files import LoincFiles
from trialbridge.standards import codelist

NAMES = {
    "Creatinine:MCnc:Pt:Ser/Plas:Qn:": ("LB", "CREAT", "SERUM OR PLASMA", ""),
    "Protein [Mass/time] in 24 hour Urine": ("LB", "PROTEXR", "URINE", ""),
    "Oxygen [Partial pressure] in Arterial blood": ("LB", "PO2", "ARTERIAL BLOOD", ""),
    "Lymphocytes/100 leukocytes in Blood by Automated count": ("LB", "LYMLE", "BLOOD", "AUTOMATED COUNT"),
    "pH of Urine by Test strip": ("LB", "PH", "URINE", "TEST STRIP"),
    "INR in Platelet poor plasma by Coagulation assay": (
        "LB", "INR", "PLATELET POOR PLASMA", "CLOT DETECTION",
    ),
    "Hepatitis B virus surface Ag [Presence] in Serum by Immunoassay": (
        "MB", "HBSAG", "SERUM", "IMMUNOASSAY",
    ),
    "HIV 1 RNA [#/volume] (viral load) in Serum or Plasma by NAA with probe detection": (
        "MB", "HIV1RNA", "SERUM OR PLASMA", "NUCLEIC ACID AMPLIFICATION TEST",
    ),
    "Cytomegalovirus IgM Ab [Presence] in Serum": ("IS", "MBIMAB", "SERUM", ""),
    "DNA double strand Ab [Units/volume] in Serum": ("IS", "ATAB", "SERUM", ""),
    "CD3+CD4+ (T4 helper) cells [#/volume] in Blood": ("CP", "TLYH", "BLOOD", ""),
    "Heart rate": ("VS", "HR", "", ""),
    "Body weight": ("VS", "WEIGHT", "", ""),
}  # fmt: skip


def tool() -> ModuleType:
    """Return the measuring script as a module."""
    path = Path(__file__).parents[1] / "tools" / "check_crosswalks.py"
    spec = importlib.util.spec_from_file_location("check_crosswalks", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_right_test_is_among_the_first_with_specimen_and_method(name: str) -> None:
    found = [(one.domain, one.testcd, one.spec, one.method) for one in suggest_from_parts(name)[:3]]
    assert NAMES[name] in found


def test_an_antibody_names_its_target() -> None:
    best = suggest_from_parts("DNA double strand Ab [Units/volume] in Serum")[0]
    assert best.bdagnt == "DOUBLE STRANDED DNA"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Sodium:SCnc:Pt:Ser/Plas:Qn:", Parts("Sodium", "SCnc", "Pt", "Ser/Plas", "Qn", "")),
        (
            "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation",
            Parts("Cholesterol in LDL", "MCnc", "Pt", "Ser/Plas", "Qn", "calculation"),
        ),
        (
            "Calcium [Moles/time] in 24 hour Urine",
            Parts("Calcium", "SRat", "24H", "Urine", "Qn", ""),
        ),
        ("Hematocrit of Blood", Parts("Hematocrit", "", "Pt", "Bld", "", "")),
        ("Prothrombin time (PT)", Parts("Prothrombin time (PT)")),
    ],
)
def test_the_parts_of_a_name(name: str, parts: Parts) -> None:
    assert parts_of(name) == parts


@pytest.mark.parametrize("name", ["", "Weltschmerz", ":", "[] in  by ", "x" * 500, "::::::"])
def test_nonsense_suggests_nothing(name: str) -> None:
    assert suggest_from_parts(name) == ()


def test_specimens_and_methods_are_terms() -> None:
    assert [one for _, one in SYSTEMS.values() if one and one not in codelist("SPECTYPE")] == []
    assert [one for one in METHODS.values() if one not in codelist("METHOD")] == []


def test_names_of_real_data_rank_their_test(shared: Path) -> None:
    """The rows of the crosswalk are not asked: only names, synonyms and preferred terms of terminology."""
    measure = tool()
    names = {
        code: display
        for folder in ("lzzt_r4", "synthea_r4", "us_core", "hl7_examples")
        for document in measure.resources(shared / "data/fhir" / folder)
        for observation in measure.observations(document)
        for code, display in measure.loincs(observation)
        if display and (row := loinc(code)) and row.domain in {"LB", "IS", "MB", "CP", "VS"}
    }
    first, five = 0, 0
    for code, display in names.items():
        row = loinc(code)
        assert row
        found = [(one.domain, one.testcd) for one in suggest_from_parts(display)]
        first += (row.domain, row.testcd) in found[:1]
        five += (row.domain, row.testcd) in found
    print(f"{len(names)} names: {first} first, {five} among the first five")
    assert len(names) >= 70
    assert first / len(names) >= 0.7
    assert five / len(names) >= 0.8


def test_the_users_own_table_gives_parts(tmp_path: Path) -> None:
    table = tmp_path / "Loinc.csv"
    table.write_text(
        '"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS"\n'
        '"99999-9","Urate","SCnc","Pt","Ser/Plas","Qn","","CHEM"\n',
        "utf-8",
    )
    parts = parts_of_code(LoincFiles(table="Loinc.csv", folder=str(tmp_path)), "99999-9")
    assert parts == Parts("Urate", "SCnc", "Pt", "Ser/Plas", "Qn", "")
    assert parts
    assert suggest_from_parts(parts)[0].testcd == "URATE"


def test_what_is_no_loinc_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "Loinc.csv"
    table.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read as a LOINC table"):
        parts_of_code(LoincFiles(table="Loinc.csv", folder=str(tmp_path)), "1-8")
