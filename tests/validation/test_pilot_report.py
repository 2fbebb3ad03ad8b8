"""Our findings on the CDISC pilot against a report that another validator made of it, row by row."""

from __future__ import annotations

import re
import time
import warnings
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import openpyxl
import pytest

from trialbridge.converters.validate import Wanted, read_package, with_findings
from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.check_package import compare_package
from trialbridge.validation.outcome import Outcome, Status, Validation
from trialbridge.validation.package import Package
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

JUDGED = {"SD0022", "SD0037", "SD1087"}
"""Rules that are silent in the report and find something here; docs/validation-pilot.md judges each."""

NOT_SCORED = {"SD1076": "variable table", "CT2002": "controlled terminology"}
"""Rules of the report that need what is not at hand -> what the reason speaks of."""

LISTED = ("SD0021", "SD0006", "SD2236", "SD0026", "SD0029", "SD1131")
_RULE = 5
Places = dict[str, set[tuple[str, int]]]


@pytest.fixture(scope="module")
def pilot(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pilot")
    archive = next((shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def found_under(folder: Path, pattern: str) -> Path:
    return next(folder.rglob(pattern))


@pytest.fixture(scope="module")
def datasets(pilot: Path) -> Path:
    return found_under(pilot, "dm.xpt").parent


@pytest.fixture(scope="module")
def report(pilot: Path) -> tuple[set[str], Places]:
    """Return the rules of the report, and domain and record of each row that it lists."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(found_under(pilot, "*report*.xlsx"))
    known = {row[0] for row in book["Rules"].iter_rows(min_row=2, values_only=True) if row[0]}
    listed: Places = defaultdict(set)
    for row in book["Details"].iter_rows(min_row=2, values_only=True):
        if row[_RULE]:
            part = re.search(r"\((\w+)\)", str(row[0]))
            listed[str(row[_RULE])].add((part[1] if part else str(row[0]), int(float(str(row[1] or 0)))))
    return {str(one) for one in known}, listed


@pytest.fixture(scope="module")
def package(datasets: Path) -> Package:
    read = read_package([datasets])
    assert read.define
    found, without = compare_package(read.define.path, read.parts(), complete=True)
    return with_findings(read, [*check_define(read.define.path), *found], without)


@pytest.fixture(scope="module")
def validation(package: Package) -> Validation:
    return run_rules(package, rules())


def citing(validation: Validation, rule: str) -> list[Outcome]:
    return [one for one in validation.outcomes if rule in one.rule.cites]


def places(validation: Validation, rule: str) -> set[tuple[str, int]]:
    """Return dataset and record of everything that rules citing `rule` found."""
    found = set()
    for outcome in citing(validation, rule):
        for hits in outcome.hits:
            frame = validation.frames[hits.dataset]
            for row in () if hits.rows is None else hits.rows.tolist():
                part = frame.part_of(row)
                found.add((part.dataset.name, row - part.start + 1))
    return found


@pytest.mark.parametrize("rule", LISTED)
def test_every_listed_row_is_found(
    rule: str, validation: Validation, report: tuple[set[str], Places]
) -> None:
    listed = report[1][rule]
    assert listed
    assert not listed - places(validation, rule)


@pytest.mark.parametrize(
    ("rule", "count"), [("SD0026", 318), ("SD0029", 2116), ("SD2236", 12), ("SD1131", 7)]
)
def test_no_row_more_than_the_report_counts(rule: str, count: int, validation: Validation) -> None:
    assert len(places(validation, rule)) == count


@pytest.mark.parametrize("rule", NOT_SCORED)
def test_what_cannot_be_scored_says_why(rule: str, validation: Validation) -> None:
    outcomes = citing(validation, rule)
    assert outcomes
    for outcome in outcomes:
        assert outcome.status == Status.NOT_CHECKED
        assert NOT_SCORED[rule] in outcome.reason


def test_rules_that_are_silent_there_are_silent_here_or_judged(
    validation: Validation, report: tuple[set[str], Places]
) -> None:
    silent = report[0] - set(report[1])
    assert len(silent) == 304
    standing = Counter(_standing(citing(validation, rule)) for rule in silent)
    loud = {rule for rule in silent if any(outcome.found for outcome in citing(validation, rule))}
    assert loud == JUDGED
    assert standing == {
        "silent": 230,
        "found": 3,
        Status.NOT_APPLICABLE: 28,
        Status.NOT_CHECKED: 13,
        "none of ours": 30,
    }


def _standing(outcomes: list[Outcome]) -> str:
    """Return what became of the rules of ours that equal one of the report."""
    statuses = {outcome.status for outcome in outcomes}
    if any(outcome.found for outcome in outcomes):
        return "found"
    if Status.RUN in statuses:
        return "silent"
    return next(
        (one for one in (Status.NOT_CHECKED, Status.NOT_APPLICABLE) if one in statuses), "none of ours"
    )


def test_the_gate_takes_less_than_a_second(datasets: Path) -> None:
    began = time.process_time()
    gate = run_rules(read_package([datasets], Wanted("trc")), rules("trc"))
    assert time.process_time() - began < 1
    assert not any(outcome.found for outcome in gate.outcomes)
    reasons = {outcome.rule.id: outcome.reason for outcome in gate.outcomes if outcome.reason}
    assert reasons.keys() == {"trc-stf-study", "trc-stf-tag", "trc-stf-absent"}


def test_a_file_alone_gets_the_answer_that_it_gets_in_its_folder(
    datasets: Path, validation: Validation
) -> None:
    alone = run_rules(read_package([datasets / "ae.xpt"]), rules("content"))
    whole = {outcome.rule.id: outcome for outcome in validation.outcomes}
    for outcome in alone.outcomes:
        if outcome.status == Status.RUN:
            assert outcome.found == sum(
                hits.found for hits in whole[outcome.rule.id].hits if hits.dataset == "AE"
            ), outcome.rule.id
        else:
            assert outcome.reason
