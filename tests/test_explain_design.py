"""``why`` of the trial's design: a value leads to the element, field or setting that it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trialbridge.cli import app
from trialbridge.converters.design_resources import design_to_fhir
from trialbridge.converters.explain import Cell, Explanation
from trialbridge.converters.explain_design import explain_design
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_run import header_date, write_run
from trialbridge.elements import Version
from trialbridge.errors import ConfigurationError
from trialbridge.study import study_of

LONG = "Adults who " + "were told of the study and " * 12 + "agreed"
RECORDS = {
    "TA": [
        {"ARMCD": "HI", "ARM": "High", "TAETORD": "1", "ETCD": "T", "ELEMENT": "Treat", "EPOCH": "TREATMENT"}
    ],
    "TE": [{"ETCD": "T", "ELEMENT": "Treat", "TESTRL": "First dose", "TEDUR": "P2W"}],
    "TV": [{"VISITNUM": "1", "VISIT": "BASELINE", "VISITDY": "1"}],
    "TI": [
        {"IETESTCD": "INCL01", "IETEST": LONG, "IECAT": "INCLUSION"},
        {"IETESTCD": "EXCL01", "IETEST": "Pregnant", "IECAT": "EXCLUSION"},
    ],
    "TS": [
        {"TSSEQ": "1", "TSPARMCD": "TITLE", "TSPARM": "Trial Title", "TSVAL": "A study"},
        {"TSSEQ": "1", "TSPARMCD": "KEYWORD", "TSPARM": "Keyword", "TSVAL": "lupus"},
        {"TSSEQ": "2", "TSPARMCD": "KEYWORD", "TSPARM": "Keyword", "TSVAL": "cells"},
        {"TSSEQ": "1", "TSPARMCD": "PCLAS", "TSPARM": "Pharmacologic Class", "TSVAL": "Cells"},
    ],
}
SETTINGS = {"study": {"cut": "2026-01-09"}, "parameters": {"STOPRULE": "Two deaths"}}


def _run(folder: Path, release: Version) -> Path:
    design = design_to_fhir(RECORDS, "S1", release)
    study = next(one for one in design if one["resourceType"] == "ResearchStudy")
    if release == "R4":
        study["sponsor"] = {"reference": "Organization/org"}
    holder = "subject" if release == "R5" else "individual"
    others = [
        {"resourceType": "Organization", "id": "org", "name": "Example Pharma"},
        {"resourceType": "Patient", "id": "p", "gender": "female"},
        {
            "resourceType": "ResearchSubject",
            "id": "s",
            "identifier": [{"value": "1"}],
            "status": "active" if release == "R5" else "on-study",
            "study": {"reference": f"ResearchStudy/{study['id']}"},
            holder: {"reference": "Patient/p"},
        },
    ]
    source = folder / "input.ndjson"
    source.write_text("\n".join(map(json.dumps, [*design, *others])) + "\n", encoding="utf-8")
    conversion = to_sdtm([source], study_of(SETTINGS), release=release, processes=1)
    write_run(conversion, folder / "out", created=header_date(conversion), inputs=[source])
    return folder / "out"


@pytest.fixture(scope="module", params=["R4", "R5"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(tmp_path_factory.mktemp("design"), request.param)


def _cells(found: Explanation) -> Mapping[str, Cell]:
    return {one.variable: one for one in found.cells}


@pytest.mark.parametrize(
    ("dataset", "key", "variable", "path", "value"),
    [
        ("TS", "TITLE", "TSVAL", "ResearchStudy.title", "A study"),
        ("TS", "KEYWORD 2", "TSVAL", "ResearchStudy.keyword[1].text", "cells"),
        ("TS", "PCLAS", "TSVAL", "ResearchStudy.extension[2].extension[3].valueString", "Cells"),
        ("TA", "HI 1", "ELEMENT", "PlanDefinition.action[1].action[0].action[0].title", "Treat"),
        ("TE", "T", "TESTRL", "PlanDefinition.action[0].condition[0].expression.expression", "First dose"),
        ("TV", "1", "VISIT", "PlanDefinition.action[3].title", "BASELINE"),
        ("TI", "EXCL01", "IETEST", "Group.characteristic[1].code.text", "Pregnant"),
        ("TI", "INCL01", "IETEST", "Group.characteristic[0].code.text", LONG),
    ],
)
def test_a_value_leads_to_its_element(
    run: Path, dataset: str, key: str, variable: str, path: str, value: str
) -> None:
    found = explain_design(run, dataset, key, variable)
    [cell] = found.cells
    assert cell.how == "read"
    assert cell.found == [(path, value)]
    assert found.source.resource.startswith(f"{path.partition('.')[0]}/")
    assert found.problem == ""


def test_the_sponsor_leads_to_its_organisation(tmp_path: Path) -> None:
    found = explain_design(_run(tmp_path, "R4"), "TS", "SPONSOR", "TSVAL")
    assert found.cells[0].found == [("Organization.name", "Example Pharma")]
    assert found.source.resource == "Organization/org"


@pytest.mark.parametrize(
    ("key", "variable", "how", "rule"),
    [
        ("STOPRULE", "TSVAL", "assigned", "[parameters] in the study's settings"),
        ("DCUTDTC", "TSVAL", "derived", "the settings of the run"),
        ("LENGTH", "TSVALNF", "constant", "nothing says it: the null flavour for no information"),
        ("TITLE", "TSPARM", "derived", "the name that the terminology has for TSPARMCD"),
    ],
)
def test_what_no_element_says_has_its_reason(run: Path, key: str, variable: str, how: str, rule: str) -> None:
    cell = _cells(explain_design(run, "TS", key))[variable]
    assert (cell.how, cell.rule, cell.found) == (how, rule, [])


def test_a_rule_that_nobody_states_says_of_what_it_is_made(run: Path) -> None:
    assert _cells(explain_design(run, "TV", "1"))["TVSTRL"].how == "derived"


@pytest.mark.parametrize(("key", "said"), [("KEYWORD", "2 records"), ("NOBODY", "none of")])
def test_a_key_that_names_no_record_names_some_that_are_there(run: Path, key: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        explain_design(run, "TS", key)


def test_input_that_is_gone_is_said(tmp_path: Path) -> None:
    folder = _run(tmp_path, "R4")
    (tmp_path / "input.ndjson").unlink()
    assert "no longer there" in explain_design(folder, "TS", "TITLE").problem


def test_a_registry_s_record_is_followed_to_its_field(shared: Path, tmp_path: Path) -> None:
    record = shared / "data" / "ctgov" / "NCT00184067_full.json"
    made = CliRunner().invoke(app, ["registry", str(record), "--out", str(tmp_path / "out")])
    assert made.exit_code in {0, 1}, made.output
    found = explain_design(tmp_path / "out", "TS", "SPONSOR", "TSVAL")
    path = "protocolSection.sponsorCollaboratorsModule.leadSponsor.name"
    assert found.cells[0].found == [(path, "University of Southern California")]
    shown = CliRunner().invoke(app, ["why", str(tmp_path / "out"), "TS", "SPONSOR", "TSVAL"])
    assert path in "".join(shown.output.split())
