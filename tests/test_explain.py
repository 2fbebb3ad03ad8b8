"""``why``: its interpreter agrees with the compiled extractor on real files, and its proof with the data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from trialbridge.carriage import RECORD
from trialbridge.converters.describe_rule import describe
from trialbridge.converters.explain import Cell, Explanation, explain
from trialbridge.converters.extract import Extraction, Extractor
from trialbridge.converters.fhir_values import decoded, places, released, values
from trialbridge.converters.read_fhir import resources, sources
from trialbridge.converters.show_explanation import to_tree
from trialbridge.converters.stage import whole_table
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_run import header_date, write_run
from trialbridge.errors import ConfigurationError, ReadError
from trialbridge.findings import Finding
from trialbridge.mapping import alternatives
from trialbridge.paths import parse
from trialbridge.registry import all_declarations, paths_by_type
from trialbridge.study import Study

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run over a copy of the small study, which lies beside it."""
    folder = tmp_path_factory.mktemp("why")
    source = folder / SMALL.name
    shutil.copyfile(SMALL, source)
    conversion = to_sdtm([source], Study(codes={"": {}}))
    write_run(conversion, folder / "out", created=header_date(conversion), inputs=[source])
    return folder / "out"


def _cell(found: Explanation) -> Cell:
    (cell,) = found.cells
    return cell


def _text(found: Explanation) -> str:
    console = Console(width=200, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(to_tree(found))
    return captured.get()


def test_a_result_leads_to_its_exact_path(run: Path) -> None:
    found = explain(run, "LB", "TB-001-001 1", "LBORRES")
    assert found.source[:3] == ("Observation/o1", "2", "R4")
    cell = _cell(found)
    assert (cell.value, cell.how, cell.found) == (
        "13.50",
        "read",
        [("Observation.valueQuantity.value", "13.50")],
    )
    assert cell.gives == cell.value
    assert 'LBORRES = "13.50"' in _text(found)
    assert "Observation.valueQuantity.value = 13.50" in _text(found)


@pytest.mark.parametrize("key", ["TB-001-001 1", "TB-001-001/1", " TB-001-001  1 "])
def test_a_key_has_several_spellings(run: Path, key: str) -> None:
    assert explain(run, "LB", key, "LBORRES").source.resource == "Observation/o1"


def test_a_number_alone_is_enough_where_one_record_has_it(run: Path) -> None:
    assert explain(run, "AE", "1", "AETERM").usubjid == "TB-001-001"
    with pytest.raises(ConfigurationError, match=r"2 records have this key.*TB-001-002 1"):
        explain(run, "LB", "1")


@pytest.mark.parametrize(
    ("domain", "key", "variable", "words"),
    [
        ("LB", "TB-001-009 1", "", "none of 2 records has this key"),
        ("EX", "1", "", "no records of EX"),
        ("XX", "1", "", "is none of DM"),
        ("LB", "TB-001-001 1", "LBNOTHIN", "no mapping fills this variable"),
    ],
)
def test_what_is_not_there_is_said(run: Path, domain: str, key: str, variable: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        explain(run, domain, key, variable)


def test_a_component_is_named_by_its_number(run: Path) -> None:
    found = explain(run, "VS", "TB-001-001 1", "VSORRES")
    assert _cell(found).found == [("Observation.component[1].valueQuantity.value", "80")]
    assert found.source.where.endswith("part 1")


def test_a_joined_resource_is_read_too(run: Path) -> None:
    specimen = explain(run, "LB", "TB-001-001 1", "LBSPEC")
    assert specimen.joined["specimen"].resource == "Specimen/b1"
    assert ("Specimen.type.coding[0].code", "119297000") in _cell(specimen).found
    contained = explain(run, "AE", "1", "AEENDTC")
    assert contained.joined["condition"].where.endswith("contained[0]")
    assert _cell(contained).found == [("Condition.abatementDateTime", "2024-05-06")]
    assert _cell(contained).alternative


def test_a_derived_value_names_its_method_and_what_went_in(run: Path) -> None:
    cell = _cell(explain(run, "LB", "TB-001-001 1", "LBDY"))
    assert (cell.value, cell.how) == ("3", "derived")
    assert cell.rule.startswith("Days from RFSTDTC to LBDTC")
    assert cell.inputs == [("LBDTC", "2024-05-03"), ("DM.RFSTDTC", "2024-05-01")]


@pytest.mark.parametrize("domain", ["LB", "SUPPLB"])
def test_a_qualifier_is_asked_for_by_its_name(run: Path, domain: str) -> None:
    cell = _cell(explain(run, domain, "TB-001-001 1", "LBNOTE"))
    assert (cell.label, cell.value) == ("Note on the Result", "after a meal")
    assert cell.found == [("Observation.note[0].text", "after a meal")]


def test_what_the_settings_give_is_said(tmp_path: Path) -> None:
    source = tmp_path / "feed.ndjson"
    source.write_text(
        "".join(line + "\n" for line in SMALL.read_text().splitlines() if "ResearchS" not in line)
    )
    conversion = to_sdtm([source], Study(id="FEED", every_patient=True))
    write_run(conversion, tmp_path / "out", created=header_date(conversion), inputs=[source])
    cells = {cell.variable: cell for cell in explain(tmp_path / "out", "DM", "FEED-p1").cells}
    assert (cells["STUDYID"].value, cells["STUDYID"].rule) == ("FEED", "the study's settings")
    assert cells["SUBJID"].found == [("Patient.id", "p1")]
    assert cells["USUBJID"].inputs[0] == ("DM.STUDYID", "FEED")


def test_an_input_that_nobody_named_is_said(run: Path) -> None:
    locations = run / "run" / "inputs.json"
    before = locations.read_bytes()
    locations.write_text("{}")
    try:
        assert "name it with --input" in explain(run, "LB", "TB-001-001 1", "LBORRES").problem
    finally:
        locations.write_bytes(before)


def test_a_term_is_named_with_its_code(run: Path) -> None:
    term = _cell(explain(run, "DM", "TB-001-001", "SEX")).term
    assert term is not None
    assert (term.value, term.nci_code, term.codelist_code) == ("F", "C16576", "C66731")


def test_a_blank_variable_says_where_it_was_looked_for(run: Path) -> None:
    cell = _cell(explain(run, "AE", "1", "AEOUT"))
    assert (cell.value, cell.how) == ("", "blank")
    assert "outcome.coding[*].code" in cell.note


def test_an_identifier_is_assigned(run: Path) -> None:
    cell = _cell(explain(run, "AE", "1", "USUBJID"))
    assert cell.found == [("AdverseEvent.subject.reference", "Patient/p1")]
    assert ("DM.SUBJID", "001") in cell.inputs


def test_a_whole_record_shows_every_value_once(run: Path) -> None:
    found = explain(run, "DM", "TB-001-001")
    names = [cell.variable for cell in found.cells]
    assert len(names) == len(set(names))
    assert {"USUBJID", "SEX", "AGE", "ARMCD", "RFSTDTC"} <= set(names)
    assert all(cell.value for cell in found.cells)


def test_every_read_cell_of_every_record_is_proved(run: Path) -> None:
    """What the rules give over plain JSON is what the compiled conversion wrote."""
    for domain, keys in {
        "DM": ["TB-001-001", "TB-001-002"],
        "LB": ["TB-001-001 1", "TB-001-002 1"],
        "VS": ["1", "2"],
        "AE": ["1"],
    }.items():
        for key in keys:
            for cell in explain(run, domain, key).cells:
                assert not cell.note, (domain, key, cell)
                if cell.how == "read":
                    assert cell.gives == cell.value, (domain, key, cell)


def test_an_input_that_was_moved_is_said_and_can_be_named(run: Path, tmp_path: Path) -> None:
    source = run.parent / SMALL.name
    elsewhere = tmp_path / "moved.ndjson"
    shutil.move(source, elsewhere)
    try:
        found = explain(run, "LB", "TB-001-001 1", "LBORRES")
        assert "no longer there" in found.problem
        assert (_cell(found).value, _cell(found).found) == ("13.50", [])
        assert "could not be read again" in _text(found)
        again = explain(run, "LB", "TB-001-001 1", "LBORRES", [elsewhere])
        assert not again.problem
        assert _cell(again).found == [("Observation.valueQuantity.value", "13.50")]
    finally:
        shutil.move(elsewhere, source)


def test_an_input_that_was_changed_is_not_trusted(run: Path) -> None:
    source = run.parent / SMALL.name
    before = source.read_bytes()
    source.write_bytes(before.replace(b"13.50", b"99.99"))
    try:
        assert "has changed since the run" in explain(run, "LB", "TB-001-001 1", "LBORRES").problem
    finally:
        source.write_bytes(before)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no run folder"):
        explain(tmp_path, "LB", "1")


def test_values_of_each_kind_of_step() -> None:
    codings = [{"system": "a", "code": "1"}, {"code": "2"}, {"system": "b", "code": "3"}]
    resource: dict[str, Any] = {"resourceType": "Observation", "code": {"coding": codings}, "flag": True}
    assert values(parse("code.coding[].code"), resource) == [("Observation.code.coding[0].code", "1")]
    assert values(parse("code.coding[system=b].code"), resource) == [("Observation.code.coding[2].code", "3")]
    assert values(parse("code.coding[*].system"), resource) == [
        ("Observation.code.coding[0].system", "a"),
        ("Observation.code.coding[2].system", "b"),
    ]
    assert [value for _, value in places(parse("code.coding[*].system"), resource)] == ["a", None, "b"]
    assert values(parse("flag"), resource) == [("Observation.flag", "true")]
    assert values(parse("code.text"), resource) == []
    assert values(parse("code"), resource) == []


def test_values_of_an_answer_inside_an_answer() -> None:
    inner = {"linkId": "1.1.1", "answer": [{"valueInteger": "3"}]}
    item = {"linkId": "1.1", "answer": [{"valueBoolean": True}, {"valueString": "x", "item": [inner]}]}
    resource = {
        "resourceType": "QuestionnaireResponse",
        "item": [{"linkId": "1", "text": "Group", "item": [item]}],
    }
    deep = "QuestionnaireResponse.item[0].item[0].answer[1].item[0]"
    assert values(parse("$this.answer.valueInteger"), resource, "0.0#1.0#0") == [
        (f"{deep}.answer[0].valueInteger", "3")
    ]
    assert values(parse("$this.item.linkId"), resource, "0.0#1.0#0") == [(f"{deep}.linkId", "1.1.1")]
    assert [value for _, value in values(parse("$this.group.linkId"), resource, "0.0#1.0#0")] == ["1.1"]
    assert [value for _, value in values(parse("$this.group.text"), resource, "0.0#0")] == ["Group"]
    assert values(parse("$this.answer.valueString"), resource, "0.0") == []


def test_every_rule_of_every_mapping_can_be_described() -> None:
    for domain in all_declarations():
        for name, rule in domain.all_rules():
            for one in alternatives(rule):
                assert len(describe(one)) > 2, (domain.code, name)


FOLDERS = ("lzzt_r4", "us_core", "hl7_examples", "ae_ig_r5")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_interpreter_is_the_oracle_of_the_extractor(shared: Path, folder: str) -> None:
    """Every declared path, on every resource of real files: both ways read the same."""
    extractor = Extractor(paths_by_type(all_declarations()))
    compared = found = 0
    for source in sources([shared / "data" / "fhir" / folder])[0]:
        extraction = Extraction(extractor, 0, source)
        texts = {}
        for batch in resources(source):
            if not isinstance(batch, Finding) and batch.type in extractor.paths:
                found_at = zip(batch.position, batch.within, batch.data, strict=True)
                texts.update({(batch.type, *where): data for *where, data in found_at})
                extraction.add(batch)
        for where, compiled, read in _both_ways(extractor, extraction, texts):
            assert compiled == read, where
            compared += 1
            found += bool(compiled)
    assert compared > 500
    assert found > compared // 50


def _both_ways(
    extractor: Extractor, extraction: Extraction, texts: Any
) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    tables = {key: whole_table(found) for key, found in extraction.finished().items() if found}
    for (kind, unit), table in tables.items():
        bases = {row["_uid"]: row for row in tables[kind, ""].to_pylist()}
        columns = extractor.paths[kind].get(unit, {})  # a column that holds nothing is left out of the table
        for row in table.to_pylist():
            base = bases[row["_parent"] if unit else row["_uid"]]
            resource = decoded(texts[kind, base["_position"], base["_within"]])
            for name in columns:
                path = released(parse(f"$this.{name}" if unit else name), kind, base["_version"])
                cell = row.get(name)
                cells = cell if isinstance(cell, list) else [] if cell is None else [cell]
                read = places(path, resource, row.get("_item") or "") if path else []
                where = (extraction.source.name, kind, base["_position"], row.get("_item"), name)
                yield where, _plain(cells), _plain([value for _, value in read])


def _plain(cells: list[str | None]) -> list[str | None]:
    """Return values without the quotes of a number in quotes; nothing where all repetitions are without."""
    return [cell and cell.strip('"') for cell in cells] if any(cells) else []


def test_the_extension_is_named_where_it_gave_the_value(tmp_path: Path) -> None:
    source = tmp_path / "study.ndjson"
    part = '{"url":"AESEV","valueString":"LIFE THREATENING"}'
    carried = f'"extension":[{{"url":"{RECORD}","extension":[{part}]}}],'
    source.write_text(SMALL.read_text().replace('"id":"a1",', f'"id":"a1",{carried}'))
    conversion = to_sdtm([source])
    write_run(conversion, tmp_path / "out", created=header_date(conversion), inputs=[source])
    cell = _cell(explain(tmp_path / "out", "AE", "1", "AESEV"))
    assert (cell.value, cell.how) == ("LIFE THREATENING", "extension")
    assert cell.found == [("AdverseEvent.extension[0].extension[0].valueString", "LIFE THREATENING")]


def test_a_test_says_by_whose_word_it_is_that_test(run: Path) -> None:
    cell = _cell(explain(run, "LB", "TB-001-001 1", "LBTESTCD"))
    assert cell.rule.endswith("here by the shipped LOINC crosswalk")
