"""SDTMIG 3.3 beside 3.4: the published facts, the routing of its time, and nothing lost in going back."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.earlier_guide import to_guide
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.crosswalks.earlier_guides import routed
from trialbridge.crosswalks.tables import crosswalk
from trialbridge.errors import ConfigurationError
from trialbridge.model import Dataset, Variable
from trialbridge.standards import IG_VERSIONS, codelist, domain_variables, ig_datasets, ig_variables, lookup
from trialbridge.study import read_study, study_of

LATER = {"BE", "BS", "CP", "GF", "RELSPEC"}


def published(shared: Path) -> dict[str, dict[str, str]]:
    """Return label of the dataset -> variable -> core, as it was published of SDTMIG 3.3."""
    source = shared / "standards" / "variable_to_codelist_sdtmig33_34.json.gz"
    found: dict[str, dict[str, str]] = {}
    for name, facts in json.loads(gzip.decompress(source.read_bytes()))["variables"].items():
        for place, core in facts["core"].items():
            if place.startswith("SDTMIG 3.3 "):
                found.setdefault(place.removeprefix("SDTMIG 3.3 "), {})[name] = core
    return found


def test_every_published_variable_of_3_3_is_there_with_its_core(shared: Path) -> None:
    expected = published(shared)
    found = {
        facts.label: {variable.name: variable.core for variable in ig_variables(name, "3.3")}
        for name, facts in ig_datasets("3.3").items()
    }
    assert found == expected
    assert sum(map(len, found.values())) == 1723


def test_codelists_of_3_3_are_the_published_ones(shared: Path) -> None:
    maps = json.loads((shared / "standards" / "variable_codelist_maps_sdtmig.json").read_text())
    expected = {name: set(codes) for name, codes in maps["sdtmig-3-3-codelists"].items() if name != "name"}
    found = {
        variable.name: set(variable.codelists)
        for name in ig_datasets("3.3")
        for variable in ig_variables(name, "3.3")
        if variable.name in expected and not name.startswith("SUPP")
    }
    later = {variable.name for name in ig_datasets() for variable in ig_variables(name)}
    # a variable of both versions keeps what 3.4 says besides codelists of NCI, such as a dictionary
    assert {name for name in found if found[name] != expected[name] and name not in later} == set()
    assert found["DSDECOD"] == {"C66727", "C114118"}
    assert found["FTMETHOD"] == {"C85492"}


def test_datasets_of_3_3_are_those_of_its_time() -> None:
    assert set(ig_datasets()) - set(ig_datasets("3.3")) == LATER
    assert set(ig_datasets("3.3")) - set(ig_datasets()) == {"MO"}
    assert ig_datasets("3.3")["DA"].label == "Drug Accountability"
    assert ig_datasets("3.3")["TS"].label == "Trial Summary Information"
    assert IG_VERSIONS == ("3.3", "3.4")


@pytest.mark.parametrize("domain", [name for name in ig_datasets("3.3") if name not in {"MO", "MS", "EG"}])
def test_variables_of_both_versions_stand_in_one_order_and_have_one_type(domain: str) -> None:
    earlier = ig_variables(domain, "3.3")
    later = {variable.name: variable for variable in ig_variables(domain)}
    both = [variable.name for variable in earlier if variable.name in later]
    assert both == [name for name in later if name in set(both)]
    assert all(variable.type == later[variable.name].type for variable in earlier if variable.name in later)


def test_facts_of_3_3() -> None:
    laboratory = {variable.name: variable for variable in ig_variables("LB", "3.3")}
    assert (laboratory["LBLOBXFL"].core, laboratory["LBBLFL"].core) == ("Exp", "Perm")
    assert laboratory["LBSTREFC"][2:6] == ("Char", (), "Variable Qualifier", "Exp")
    assert not {"LBBDAGNT", "LBRESSCL", "LBRESTYP", "LBTSTCND", "LBCLSIG", "LBPDUR"} & set(laboratory)
    assert "ISBDAGNT" not in {variable.name for variable in ig_variables("IS", "3.3")}
    morphology = {variable.name: variable for variable in ig_variables("MO", "3.3")}
    assert [variable.role for variable in morphology.values()].count("Topic") == 1
    assert (morphology["MOSTRESN"].type, morphology["VISITNUM"].type) == ("Num", "Num")
    assert morphology["DOMAIN"].value_list == "MO"


# Domains by version


@pytest.mark.parametrize(
    ("domain", "testcd", "agent", "there"),
    [
        ("IS", "ATIGGAB", "DOUBLE STRANDED DNA", ("LB", "DDNAIGAB")),
        ("IS", "ATAB", "DOUBLE STRANDED DNA", ("LB", "")),
        ("IS", "RFATAB", "", ("LB", "RF")),
        ("CP", "TLYCE", "", ("LB", "TLYCE")),
        ("CP", "TLYH", "", ("LB", "")),
        ("LB", "GLUC", "", ("LB", "GLUC")),
        ("VS", "SYSBP", "", ("VS", "SYSBP")),
    ],
)
def test_tests_go_to_the_domain_of_the_version(
    domain: str, testcd: str, agent: str, there: tuple[str, str]
) -> None:
    assert routed(domain, testcd, agent, "3.3", "2026-03-27") == there
    assert routed(domain, testcd, agent, "3.4", "2026-03-27") == (domain, testcd)


def test_the_table_of_routing_names_terms() -> None:
    tests, agents = codelist("ISTESTCD"), codelist("ISBDAGT")
    laboratory = codelist("LBTESTCD")
    retired = set()
    for row in crosswalk("earlier_routing").rows:
        assert row["testcd"] in tests
        assert not row["bdagnt"] or row["bdagnt"] in agents
        if row["lbtestcd"] not in laboratory:
            retired.add(row["lbtestcd"])
    assert "DDNAIGAB" not in retired
    assert not any(hit.codelist.submission_value == "LBTESTCD" for name in retired for hit in lookup(name))


def test_a_study_of_3_3_sends_cells_and_antibodies_to_lb() -> None:
    later, earlier = (study_of({"study": {"sdtmig": version}}).vocabulary for version in ("3.4", "3.3"))
    loinc = "http://loinc.org"
    for code, new, old in (
        ("8122-4", ("CP", "TLYCE"), ("LB", "TLYCE")),
        ("11572-5", ("IS", "RFATAB"), ("LB", "RF")),
    ):
        first, second = later.test([(loinc, code)]), earlier.test([(loinc, code)])
        assert first is not None
        assert second is not None
        assert (first.domain, first.testcd) == new
        assert (second.domain, second.testcd) == old
    assert (
        earlier.test([(loinc, "5130-0")]) is None
    )  # no laboratory test of CT means this antibody of any class
    with pytest.raises(ConfigurationError, match=r"study.sdtmig must be one of 3.3, 3.4"):
        study_of({"study": {"sdtmig": "3.2"}})


# Datasets as 3.3 has them


def of_lb() -> Dataset:
    columns: dict[str, list[Any]] = {
        "STUDYID": ["S1"] * 3,
        "DOMAIN": ["LB"] * 3,
        "USUBJID": ["S1-1", "S1-1", "S1-2"],
        "LBSEQ": [1.0, 2.0, 1.0],
        "LBTESTCD": ["GLUC", "HGB", "GLUC"],
        "LBRESSCL": ["QUANTITATIVE", None, "ORDINAL"],
        "LBCLSIG": [None, None, None],
    }
    facts = {variable.name: variable for variable in ig_variables("LB")}
    variables = tuple(Variable(name, facts[name].label, facts[name].type) for name in columns)
    schema = pa.schema([(one.name, pa.float64() if one.type == "Num" else pa.string()) for one in variables])
    return Dataset("LB", "Laboratory Test Results", variables, pa.table(columns, schema), keys=("STUDYID",))


def test_what_3_3_lacks_goes_to_supp_under_its_own_name() -> None:
    laboratory, extra = to_guide([of_lb()], "3.3")
    names = [variable.name for variable in laboratory.variables]
    assert not {"LBRESSCL", "LBCLSIG"} & set(names)
    assert laboratory.table.column_names == names
    assert laboratory.variable("LBSTREFC").core == "Exp"
    rows = extra.table.select(["USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QLABEL", "QVAL"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("S1-1", "LBSEQ", "1", "LBRESSCL", "Result Scale", "QUANTITATIVE"),
        ("S1-2", "LBSEQ", "1", "LBRESSCL", "Result Scale", "ORDINAL"),
    ]
    one = of_lb()
    assert to_guide([one], "3.4")[0] is one


def test_rows_join_a_supp_that_is_there_in_its_order() -> None:
    laboratory, extra = to_guide([of_lb()], "3.3")
    number = extra.table.column_names.index("QNAM")
    there = extra.table.slice(0, 1).set_column(number, "QNAM", pa.array(["LBNOTE"]))
    both = to_guide([of_lb(), Dataset("SUPPLB", extra.label, extra.variables, there)], "3.3")[1]
    assert both.table["QNAM"].to_pylist() == ["LBNOTE", "LBRESSCL", "LBRESSCL"]
    assert laboratory.table.num_rows == 3


def test_a_domain_that_3_3_lacks_is_a_domain_of_the_sponsor() -> None:
    variables = (Variable("CPTESTCD", "x"),)
    one = Dataset("CP", "Cell Phenotype Findings", variables, pa.table({"CPTESTCD": ["BLYCE"]}))
    (found,) = to_guide([one], "3.3")
    assert found.table == one.table
    assert "no domain of SDTMIG 3.3" in found.comment


@pytest.fixture(scope="module")
def sample() -> dict[str, Conversion]:
    """Return the shipped sample, converted under both versions."""
    with as_file(files("trialbridge.samples") / "nct06737380") as folder:
        study = read_study(folder / "study.toml")
        given = [folder / "resources.zip"]
        return {version: to_sdtm(given, replace(study, sdtmig=version)) for version in IG_VERSIONS}


def test_the_sample_under_3_3_keeps_every_value(sample: dict[str, Conversion]) -> None:
    later = {one.name: one for one in sample["3.4"].datasets}
    earlier = {one.name: one for one in sample["3.3"].datasets}
    cells = {"FC-CMONO": "MNCLMN", "FC-PDC": "DCPLE"}  # what the study itself says is CP stays its own domain
    assert set(earlier["CP"].table["CPTESTCD"].to_pylist()) == set(cells.values())
    assert "no domain of SDTMIG 3.3" in earlier["CP"].comment
    for name, one in later.items():
        if (
            name.startswith("SUPP")
            or name in {"TS", "RELREC"}  # which guide it follows, and numbers of records that moved
            or name not in earlier
            or one.table.num_rows != earlier[name].table.num_rows
        ):
            continue
        there = earlier[name]
        wanted = {variable.name for variable in domain_variables(name, "3.3")}
        for variable in one.variables:
            values = one.table[variable.name]
            if variable.name in wanted:
                assert there.table[variable.name].equals(values), (name, variable.name)
            elif values.null_count < len(values):
                supp = earlier[f"SUPP{name}"].table
                moved = [row["QVAL"] for row in supp.to_pylist() if row["QNAM"] == variable.name]
                numbers = pa.types.is_floating(values.type)
                told = [f"{one:g}" if numbers else str(one) for one in values.drop_null().to_pylist()]
                assert sorted(moved) == sorted(told)


def test_the_sample_under_3_3_loses_no_resource_in_silence(sample: dict[str, Conversion]) -> None:
    for conversion in sample.values():
        assert conversion.study.sdtmig in IG_VERSIONS
    first, second = (sample[version].resources for version in IG_VERSIONS)
    assert len(first) == len(second)
