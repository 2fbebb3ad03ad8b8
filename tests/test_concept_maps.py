"""Crosswalks go out as ConceptMaps that are valid and say the same, and the user's own go before them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.conceptmap import ConceptMap

from trialbridge.cli import main
from trialbridge.coded import Coded
from trialbridge.concept_maps import ConceptMaps, read_concept_maps
from trialbridge.converters.manifest import settings_of
from trialbridge.converters.write_concept_maps import concept_map, table_names
from trialbridge.crosswalks.tables import CODELISTS, crosswalk, loinc
from trialbridge.errors import ConfigurationError
from trialbridge.standards import DEFAULT_CT
from trialbridge.study import Study, study_of
from trialbridge.vocabulary import Vocabulary

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
OWN = "https://lab.example.org/codes"
SEX = '{"resourceType": "ConceptMap", "group": [{"target": "urn:SEX", "element": ['
MAN = '{"code": "m", "target": [{"code": "MAN", "equivalence": "equal"}]}'


def written(folder: Path, *elements: dict[str, Any], **more: Any) -> Path:
    group = {"source": OWN, "target": "urn:trialbridge:codelist:SPECTYPE", "element": list(elements)}
    content = {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [group | more.pop("group", {})],
    } | more
    path = folder / "own.json"
    path.write_text(json.dumps(content))
    return path


def element(code: str, *targets: dict[str, Any]) -> dict[str, Any]:
    return {"code": code, "target": list(targets)}


def target(code: str, relation: str = "equal", key: str = "equivalence", **more: Any) -> dict[str, Any]:
    return {"code": code, key: relation} | more


# Out


@pytest.mark.parametrize("name", table_names())
def test_every_crosswalk_is_a_valid_concept_map(name: str) -> None:
    made = concept_map(name)
    ConceptMap.model_validate(made)
    assert sum(len(group["element"]) for group in made["group"]) > 5
    for group in made["group"]:
        codes = [one["code"] for one in group["element"]]
        assert len(set(codes)) == len(codes)


def test_every_table_of_codes_is_there() -> None:
    assert {"loinc", "ucum", *CODELISTS} <= set(table_names())
    assert not {"molar", "systems", "equations", "standard_units"} & set(table_names())


@pytest.mark.parametrize("name", [name for name in table_names() if name in CODELISTS or name == "ucum"])
def test_what_is_written_says_what_the_table_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(concept_map(name)))
    of = CODELISTS.get(name, "UNIT")
    maps = read_concept_maps([path], DEFAULT_CT)
    several = {text.split("'")[1] for text in maps.passed}
    rows = [row for row in crosswalk(name).rows if row["code"] and row["code"] not in several]
    assert rows or name in {"ae_action", "epoch"}  # plain words only
    for row in rows:
        link = maps.find(of, row["system"], row["code"])
        if ".." not in row["code"]:
            assert link is not None, row
            assert link.value == (crosswalk(name).find(row["system"], row["code"]) or "")


def test_loinc_says_its_test_with_specimen_and_method(tmp_path: Path) -> None:
    path = tmp_path / "loinc.json"
    path.write_text(json.dumps(concept_map("loinc")))
    maps = read_concept_maps([path], DEFAULT_CT)
    assert [text for text in maps.passed if "0 targets" in text] == []
    for code in ("718-7", "8480-6", "2345-7", "3181-5"):
        row = loinc(code)
        found = maps.test(LOINC, code)
        assert row is not None
        assert found is not None
        assert (found.variable[:2], found.value) == (row.domain, row.testcd)
        assert dict(found.besides).get("spec", "") == row.spec
    assert "LOINC" in concept_map("loinc")["copyright"]


def test_a_shared_target_is_wider_and_one_of_its_own_is_equal() -> None:
    groups = [group for group in concept_map("specimen")["group"] if group.get("source") == SNOMED]
    targets = {one["code"]: one["target"][0] for group in groups for one in group["element"]}
    rows = {row["code"]: row for row in crosswalk("specimen").rows if row["system"] == SNOMED}
    shared = Counter(one.get("code") for one in targets.values())
    assert targets["119364003"]["equivalence"] == "equal"
    for code, one in targets.items():
        alone = shared[one.get("code")] == 1 or rows[code]["preferred"] == "Y"
        assert one["equivalence"] in ({"equal", "unmatched"} if alone else {"wider", "unmatched"}), code


def test_the_command_writes_one_file_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["terminology", "conceptmap", "--out", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(table_names()) == len(list(tmp_path.iterdir()))
    assert main(["terminology", "conceptmap", "route", "--out", str(tmp_path / "one")]) == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["ConceptMap-trialbridge-route.json"]
    assert main(["terminology", "conceptmap", "nonsense", "--out", str(tmp_path / "none")]) == 3
    assert not (tmp_path / "none").exists()


# In


@pytest.mark.parametrize(
    ("relation", "key", "value"),
    [
        ("equal", "equivalence", "SERUM"),
        ("equivalent", "equivalence", "SERUM"),
        ("wider", "equivalence", "SERUM"),
        ("equivalent", "relationship", "SERUM"),
        ("source-is-narrower-than-target", "relationship", "SERUM"),
        ("unmatched", "equivalence", ""),
        ("not-related-to", "relationship", ""),
        ("narrower", "equivalence", None),
        ("inexact", "equivalence", None),
        ("source-is-broader-than-target", "relationship", None),
        ("related-to", "relationship", None),
    ],
)
def test_only_targets_that_are_not_narrower_count(
    relation: str, key: str, value: str | None, tmp_path: Path
) -> None:
    path = written(tmp_path, element("S", target("SERUM", relation, key)))
    maps = read_concept_maps([path], DEFAULT_CT)
    link = maps.find("SPECTYPE", OWN, "S")
    assert (link.value if link else None) == value
    assert bool(maps.passed) == (value is None)


def test_a_target_is_an_nci_code_or_a_submission_value(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        element("A", target("C13325")),
        element("B", target("SERUM")),
        element("C", target("OUR OWN FLUID")),
        {"code": "D", "noMap": True},
        element("E", target("SERUM", dependsOn=[{"property": "x", "value": "y"}])),
        element("F", target("SERUM"), target("PLASMA")),
    )
    maps = read_concept_maps([path], DEFAULT_CT)
    values = {code: link.value for code in "ABCDEF" if (link := maps.find("C78734", OWN, code))}
    assert values == {"A": "SERUM", "B": "SERUM", "C": "OUR OWN FLUID", "D": ""}
    assert len(maps.passed) == 2


@pytest.mark.parametrize(
    "place",
    [
        {"targetUri": "https://ncit.nci.nih.gov/C66731", "group": {"target": "x"}},
        {"targetScopeUri": "urn:trialbridge:codelist:SEX", "group": {"target": "x"}},
        {"targetCanonical": "http://example.org/ValueSet/SEX|2026", "group": {"target": "x"}},
        {"group": {"target": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"}},
    ],
)
def test_the_codelist_is_named_or_the_only_one_that_fits(place: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path, element("w", target("C16576")), element("m", target("C20197")), **place)
    link = read_concept_maps([path], DEFAULT_CT).find("SEX", OWN, "w")
    assert link is not None
    assert link.value == "F"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nothing", "cannot be read"),
        ('{"resourceType": "Patient"}', "no FHIR ConceptMap"),
        ('{"resourceType": "ConceptMap", "group": [{"element": [{"target": [{"code": "?"}]}]}]}', "name one"),
        (SEX + MAN + "]}]}", "no term of SEX"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        read_concept_maps([path], DEFAULT_CT)


# Before the shipped tables


def study_with(folder: Path, **given: Any) -> Study:
    return study_of({"terminology": {"conceptmaps": ["own.json"]}, **given}, str(folder / "study.toml"))


def test_its_rows_go_before_the_shipped_ones_and_each_use_is_said(tmp_path: Path) -> None:
    written(tmp_path, element("119364003", target("PLASMA", "equivalent")), group={"source": SNOMED})
    study = study_with(tmp_path)
    rule = Coded("specimen", "SPECTYPE", crosswalk="specimen")
    shipped, own = Vocabulary(), study.vocabulary
    assert rule._term([SNOMED], ["119364003"], [], shipped) == "SERUM"
    assert rule._term([SNOMED], ["119364003"], [], own) == "PLASMA"
    assert rule._term([SNOMED], ["119361006"], [], own) == "PLASMA"
    (finding,) = study.concept_maps.findings()
    assert finding.rule == "concept-map-used"
    assert "PLASMA by own.json (equivalent)" in finding.message
    assert study.concept_maps.findings() == []


def test_a_test_of_a_map_has_its_basis(tmp_path: Path) -> None:
    spec = [{"property": "urn:trialbridge:sdtm:LBSPEC", "value": "URINE"}]
    glucose = element("GLU-U", target("GLUC", "wider", product=spec))
    written(tmp_path, glucose, group={"target": "urn:trialbridge:codelist:LBTESTCD"})
    test = study_with(tmp_path).vocabulary.test([(OWN, "GLU-U")])
    assert test is not None
    assert (test.domain, test.testcd, test.spec, test.basis) == ("LB", "GLUC", "URINE", "concept-map")


def test_a_run_uses_it_and_the_manifest_names_it(tmp_path: Path) -> None:
    written(tmp_path, element("GLU", target("C105585")), group={"target": "http://x/LBTESTCD"})
    resources = [
        {"resourceType": "Patient", "id": "p1"},
        {
            "resourceType": "Observation", "id": "o1", "status": "final",
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"coding": [{"system": OWN, "code": "GLU"}]}, "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2025-01-02",
            "valueQuantity": {"value": 5.4, "unit": "mmol/L"},
        },
    ]  # fmt: skip
    source = tmp_path / "all.ndjson"
    source.write_text("\n".join(map(json.dumps, resources)))
    settings = tmp_path / "study.toml"
    settings.write_text('[study]\nid = "S1"\n[terminology]\nconceptmaps = ["own.json"]\n')
    out = tmp_path / "out"
    main(["convert", str(source), "--config", str(settings), "--study", "S1", "--out", str(out)])
    manifest = json.loads((out / "run" / "manifest.json").read_text())
    assert [file["name"] for file in manifest["terminology"]] == ["own.json"]
    findings = (out / "run" / "findings.json").read_text()
    assert "concept-map-used" in findings
    assert "GLUC by own.json (equal)" in findings


def test_settings_of_a_study_with_maps_are_plain(tmp_path: Path) -> None:
    written(tmp_path, element("S", target("SERUM")))
    plain = json.dumps(settings_of(study_with(tmp_path)), default=str)
    assert "SERUM" in plain
    assert str(tmp_path) not in plain


def test_no_map_changes_nothing() -> None:
    assert ConceptMaps().findings() == []
    assert ConceptMaps().test(LOINC, "718-7") is None
