"""Every rule is as its schema asks, fires on its own example and is silent on the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

from trialbridge.converters.validate import read_package
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset, Variable
from trialbridge.validation.checks import CHECKS
from trialbridge.validation.example import example_of
from trialbridge.validation.frame import Part, SourceFile
from trialbridge.validation.outcome import Status
from trialbridge.validation.package import DefineFile, Package, Standards, frames_of
from trialbridge.validation.rule import read_document, rule_files, rules, schema
from trialbridge.validation.run import run_rule, run_rules

RULES = {rule.facts.id: rule for rule in rules()}
WITH_EXAMPLES = [name for name, rule in RULES.items() if rule.fires or rule.silent]
CITED = re.compile(r"(CG|CORE-|SD|CT|DD|OD|FDAB|TCG-|eCTD-)\d[\dA-Z.]*")


@pytest.mark.parametrize("name", rule_files())
def test_a_file_of_rules_is_as_its_schema_asks(name: str) -> None:
    jsonschema.validate(read_document(name), schema())


def test_there_are_three_hundred_rules_with_names_of_their_own() -> None:
    assert len(RULES) == len(rules()) >= 300


@pytest.mark.parametrize("name", RULES)
def test_a_rule_names_a_check_and_cites_what_people_know(name: str) -> None:
    rule = RULES[name]
    assert rule.check in CHECKS
    assert all(CITED.fullmatch(one) for one in rule.facts.cites)


def test_every_rule_says_why_it_matters_and_what_to_do() -> None:
    assert not [name for name, rule in RULES.items() if not (rule.facts.why and rule.facts.fix)]


def test_most_rules_cite_an_id() -> None:
    own = [name for name, rule in RULES.items() if not rule.facts.cites]
    assert len(own) < 0.1 * len(RULES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_a_rule_fires_on_its_example_alone(name: str) -> None:
    rule = RULES[name]
    guide = rule.asked.get("until", "3.4")
    fired = run_rule(example_of(rule.fires, guide), rule)
    assert (fired.status, fired.reason) == (Status.RUN, "")
    assert fired.found
    silent = run_rule(example_of(rule.silent, guide), rule)
    assert silent.status == Status.RUN
    assert not silent.found


def test_a_rule_of_an_earlier_guide_does_not_apply_to_a_later_one() -> None:
    rule = RULES["milestone-with-epoch"]
    later = run_rule(example_of(rule.fires), rule)
    assert (later.status, later.reason) == (Status.NOT_APPLICABLE, "is of SDTMIG up to 3.2")


# What a row cannot show: files, labels, lengths, bytes.

PLAIN = Variable("AETERM", "Reported Term for the Adverse Event", length=4)


def part(
    *variables: Variable,
    name: str = "AE",
    label: str = "Adverse Events",
    file: str = "ae.xpt",
    size: int = 1,
    rows: int = 1,
) -> Part:
    columns = {
        one.name: pa.array(
            [1.0 if one.type == "Num" else "Rash"] * rows, pa.float64() if one.type == "Num" else pa.string()
        )
        for one in variables or (PLAIN,)
    }
    dataset = Dataset(name, label, variables or (PLAIN,), pa.table(columns))
    return Part(dataset, SourceFile(Path(file), "SAS XPORT version 5", size))


def packed(*parts: Part, findings: Sequence[Finding] = ()) -> Package:
    return Package(
        frames_of(parts), [one.file for one in parts], findings, standards=Standards("3.4", "2026-03-27")
    )


def special() -> Part:
    made = part(Variable("AESEQ", "Sequence Number", "Num", 8))
    missing = {"AESEQ": pa.array(["A"])}
    table = pa.table({"AESEQ": pa.array([None], pa.float64())})
    return Part(Dataset("AE", "Adverse Events", made.dataset.variables, table, missing), made.file)


def lbs(first: Variable, second: Variable) -> tuple[Part, Part]:
    domain = Variable("DOMAIN", "Domain Abbreviation", length=2)
    made = []
    for name, variable in (("LBCH", first), ("LBHE", second)):
        cell = pa.array([1.0]) if variable.type == "Num" else pa.array(["a"])
        table = pa.table({"DOMAIN": ["LB"], variable.name: cell})
        made.append(
            Part(
                Dataset(name, "Laboratory", (domain, variable), table),
                SourceFile(Path(f"{name.lower()}.xpt"), "", 1),
            )
        )
    return made[0], made[1]


def twice(label: str) -> Part:
    return part(Variable("AETERM", label, length=4), Variable("AEDECOD", label, length=4))


LONG = "A label of a variable or a dataset that is too long"
FILES: dict[str, Sequence[Part]] = {
    "file-over-5-gb": [part(size=6 * 2**30)],
    "file-name": [part(file="AE.XPT")],
    "dataset-name-form": [part(name="ae1_", file="ae1_.xpt")],
    "dataset-label-length": [part(label=LONG)],
    "dataset-label-blank": [part(label="")],
    "dataset-label-ascii": [part(label="Événements")],
    "dataset-label-balance": [part(label="Adverse (Events")],
    "variable-name-form": [part(Variable("aeterm", "Term", length=4))],
    "variable-name-length": [part(Variable("AETERMLONG", "Term", length=4))],
    "variable-label-twice": [twice("Term")],
    "variable-label-length": [part(Variable("AETERM", LONG, length=4))],
    "variable-label-blank": [part(Variable("AETERM", "", length=4))],
    "variable-label-ascii": [part(Variable("AETERM", "Événement", length=4))],
    "variable-label-balance": [part(Variable("AETERM", 'The "Term', length=4))],
    "text-over-200-bytes": [part(Variable("AETERM", "Term", length=201))],
    "length-beyond-data": [part(Variable("AETERM", "Term", length=5))],
    "number-under-8-bytes": [part(Variable("AESEQ", "Sequence", "Num", 3))],
    "special-missing": [special()],
    "sas-date-format": [part(Variable("AESTDT", "Start", "Num", 8, "DATE9."))],
    "length-in-split-parts": lbs(Variable("LBTEST", "Test", length=3), Variable("LBTEST", "Test", length=4)),
    "type-in-split-parts": lbs(Variable("LBTEST", "Test", length=3), Variable("LBTEST", "Test", "Num", 8)),
    "label-in-split-parts": lbs(Variable("LBTEST", "Test", length=3), Variable("LBTEST", "A test", length=3)),
    "dataset-empty": [part(rows=0)],
    "variable-label": [part(Variable("AETERM", "Term", length=4))],
    "variable-label-case": [part(Variable("AETERM", PLAIN.label.upper(), length=4))],
    "dataset-label": [part(label="Bad Events")],
}


@pytest.mark.parametrize("name", FILES)
def test_a_rule_of_files_fires_and_is_silent_on_a_sound_file(name: str) -> None:
    assert run_rule(packed(*FILES[name]), RULES[name]).found
    assert not run_rule(packed(part()), RULES[name]).found


def test_a_variable_name_that_stands_twice_is_found() -> None:
    made = part()
    both = Dataset("AE", "", (PLAIN, PLAIN), made.dataset.table)
    assert run_rule(packed(Part(both, made.file)), RULES["variable-name-twice"]).found


OF_READING = [name for name, rule in RULES.items() if rule.check == "finding"]


@pytest.mark.parametrize("name", OF_READING)
def test_what_other_checks_find_comes_under_its_rule(name: str) -> None:
    rule = RULES[name]
    finding = Finding(Severity.ERROR, rule.asked["finding"][0], "it is so", "AE")
    define = DefineFile(Path("define.xml"), "2.1", None)
    package = packed(part(), findings=[finding, finding])
    package.define = define
    assert run_rule(package, rule).found == 2
    package.findings = []
    assert not run_rule(package, rule).found


def test_a_dataset_that_two_files_hold_is_found(tmp_path: Path) -> None:
    rule = RULES["dataset-in-two-files"]
    (tmp_path / "ae.csv").write_text("STUDYID,AETERM\nS,Rash\n")
    assert not run_rule(read_package([tmp_path]), rule).found
    (tmp_path / "AE.CSV").write_text("STUDYID,AETERM\nS,Rash\n")
    assert run_rule(read_package([tmp_path]), rule).found


def test_a_define_xml_that_is_not_there_is_found() -> None:
    rule = RULES["trc-define-absent"]
    assert run_rule(packed(part()), rule).found
    package = packed(part())
    package.define = DefineFile(Path("define.xml"), "2.1", None)
    assert not run_rule(package, rule).found


HERE = {"variable-name-twice", "dataset-in-two-files", "trc-define-absent"}
ELSEWHERE = (
    "test_xpt_read.py",
    "validation/test_command.py",
    "define_xml/test_check.py",
    "define_xml/test_agreement.py",
)
"""Where what reading a file and checking a define.xml find is put into sound files."""


def test_every_rule_has_data_in_which_it_is_found_and_data_in_which_it_is_not() -> None:
    tests = Path(__file__).parents[1]
    shown = "".join((tests / name).read_text(encoding="utf-8") for name in ELSEWHERE)
    named = {
        name
        for name, rule in RULES.items()
        if any(f'"{one}"' in shown for one in (name, *rule.asked.get("finding", ())))
    }
    both = {name for name in WITH_EXAMPLES if RULES[name].fires and RULES[name].silent}
    assert RULES.keys() - both - FILES.keys() - HERE - {name for name in OF_READING if name in named} == set()


def test_of_single_files_nothing_is_missing() -> None:
    package = packed(part())
    package.complete = False
    outcomes = {one.rule.id: one for one in run_rules(package, rules()).outcomes}
    assert outcomes["trc-dm-absent"].status == Status.NOT_CHECKED
    for name in ("subject-not-in-dm", "arm-unknown"):
        assert (outcomes[name].status, outcomes[name].reason) == (Status.NOT_CHECKED, "needs DM")


def test_a_version_without_tables_is_said() -> None:
    package = packed(part())
    package.standards = Standards("3.2", "")
    outcomes = {one.rule.id: one for one in run_rules(package, rules()).outcomes}
    assert "3.2" in outcomes["required-variable-absent"].reason
    assert "controlled terminology" in outcomes["term-not-in-closed-list"].reason
