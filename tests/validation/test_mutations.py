"""Sixty defects, one of a kind, put into a clean package: each is found by its own rule and by no other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trialbridge.findings import Severity
from trialbridge.validation.outcome import Validation
from trialbridge.validation.package import Package
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

sys.path.insert(0, str(Path(__file__).parent))
import clean_package as clean

Tables = dict[str, list[dict[str, Any]]]
Change = Callable[[Tables], None]


RULES = [rule for rule in rules() if rule.facts.id != "trc-define-absent"]
"""The package of these tests has no define.xml; tests of define.xml are elsewhere."""


def put(name: str, row: int = 0, **cells: Any) -> Change:
    """Return the change of some cells of a row."""

    def change(made: Tables) -> None:
        made[name][row].update(cells)

    return change


def everywhere(name: str, **cells: Any) -> Change:
    def change(made: Tables) -> None:
        for row in made[name]:
            row.update(cells)

    return change


def without(name: str) -> Change:
    def change(made: Tables) -> None:
        del made[name]

    return change


def without_variable(name: str, *variables: str) -> Change:
    def change(made: Tables) -> None:
        for row in made[name]:
            for variable in variables:
                row.pop(variable, None)

    return change


def without_parameter(code: str) -> Change:
    def change(made: Tables) -> None:
        made["TS"] = [row for row in made["TS"] if row["TSPARMCD"] != code]

    return change


def parameter(code: str, **cells: Any) -> Change:
    def change(made: Tables) -> None:
        next(row for row in made["TS"] if row["TSPARMCD"] == code).update(cells)

    return change


def again(name: str, row: int = 0, **cells: Any) -> Change:
    """Return the addition of a row like another."""

    def change(made: Tables) -> None:
        made[name].append({**made[name][row], **cells})

    return change


def other_arm(made: Tables) -> None:
    """Give a subject another arm than was planned; a second subject is in it rightly."""
    made["TA"].append({**made["TA"][0], "ARMCD": "B", "ARM": "Other"})
    made["DM"][0].update(ACTARMCD="B", ACTARM="Other")
    made["DM"][1].update(ARMCD="B", ARM="Other", ACTARMCD="B", ACTARM="Other")
    parameter("NARMS", TSVAL="2")(made)


def fatal(made: Tables) -> None:
    """Let an event be fatal, in DM too, but not say that it is serious by death."""
    made["DM"][0].update(DTHFL="Y", DTHDTC="2020-03-05")
    made["AE"][0].update(AEOUT="FATAL", AEENDTC="2020-03-05", AEENDY=34)


DEFECTS: dict[str, Change] = {
    # transport
    "text-control-character": put("CM", CMTRT="Para\ncetamol"),
    "text-begins-blank": put("CM", CMTRT=" Paracetamol"),
    "text-is-a-point": put("CM", CMTRT="."),
    "text-not-ascii": put("CM", CMTRT="Paracétamol"),
    # gate
    "trc-ts-absent": without("TS"),
    "trc-study-start-absent": without_parameter("SSTDTC"),
    "trc-study-start-date": parameter("SSTDTC", TSVAL="01JAN2020"),
    "trc-study-start-day": parameter("SSTDTC", TSVAL="2020-01"),
    "trc-dm-absent": without("DM"),
    # structure
    "sequence-twice": again("CM", CMTRT="Ibuprofen"),
    "sequence-not-whole": put("VS", VSSEQ=1.5),
    "record-twice": again("CM", CMSEQ=2),
    "domain-value": put("CM", DOMAIN="CX"),
    "study-differs": everywhere("CM", STUDYID="OTHER"),
    "required-variable-blank": put("CM", CMTRT=None),
    "permissible-variable-never-filled": everywhere("CM", CMCAT=None),
    "variable-unknown": everywhere("CM", CMFOOBAR="x"),
    "missing-ex-dataset": without("EX"),
    "presp-occur-beside": everywhere("CM", CMOCCUR="Y"),
    # dates
    "date-not-iso-8601": put("CM", CMSTDTC="05FEB2020", CMSTDY=None),
    "duration-not-iso-8601": put("CM", CMDUR="2 days"),
    "start-after-end": put("CM", CMSTDTC="2020-02-06T12:00", CMENDTC="2020-02-06T10:00", CMSTDY=6),
    "study-day-zero": put("SV", VISITDY=0),
    "stdy-wrong": put("CM", CMSTDY=4),
    "stdy-missing": put("CM", CMSTDY=None),
    "stdy-imputed": put("CM", CMSTDTC="2020-02"),
    "no-end-point": put("CM", CMENDTC=None, CMENDY=None),
    "dm-consent-absent": put("DM", RFICDTC=None),
    "dm-birth-after-start": put("DM", BRTHDTC="2021-01-01"),
    "ex-end-after-last": put("EX", EXENDTC="2020-03-02", EXENDY=31),
    # findings
    "unit-missing": put("VS", VSORRESU=None),
    "standard-unit-missing": put("VS", VSSTRESU=None),
    "numeric-result-missing": put("VS", VSSTRESN=None),
    "numeric-result-differs": put("VS", VSSTRESN=71),
    "standard-result-differs": put("VS", VSORRES="71"),
    "standard-units-differ": put("LB", LBSTRESU="mg/dL", LBORRESU="mg/L"),
    "standard-range-upside-down": put("LB", 1, LBSTNRLO=7, LBNRIND=None),
    "above-range-not-high": put("LB", 1, LBORRES="9", LBSTRESC="9", LBSTRESN=9),
    "qualifier-label-length": everywhere("SUPPAE", QLABEL="A label that is longer than its forty characters"),
    "decode-not-of-code": everywhere("VS", VSTEST="Heart Rate"),
    "not-done-with-result": put("VS", VSSTAT="NOT DONE", VSREASND="Broken"),
    "category-is-subcategory": put("LB", LBSCAT="CHEMISTRY"),
    "last-before-twice": put("LB", 1, LBLOBXFL="Y"),
    # terminology
    "term-not-in-closed-list": put("DM", SEX="Female"),
    "term-in-other-case": put("CM", CMDOSU="MG"),
    "conditional-term-not-in-closed-list": parameter("SEXPOP", TSVAL="ALL"),
    # subjects and events
    "subject-not-in-dm": again("EX", USUBJID="LK-1-999", EXSTDY=None, EXENDY=None),
    "age-unit-missing": put("DM", AGEU=None),
    "country-unknown": put("DM", COUNTRY="XXX"),
    "other-arm-than-planned": other_arm,
    "fatal-without-death": fatal,
    "criterion-not-serious": put("AE", AESHOSP="Y"),
    "ongoing-with-end": put("AE", AEOUT="NOT RECOVERED/NOT RESOLVED"),
    "negative-dose": put("CM", CMDOSE=-1),
    "disposition-without-epoch": put("DS", 1, EPOCH=None),
    "subject-without-disposition-event": put(
        "DS", 1, DSCAT="OTHER EVENT", DSDECOD="TREATMENT UNBLINDED", DSTERM="TREATMENT UNBLINDED"
    ),
    # design and links
    "visit-unknown-to-subject": put("LB", 1, VISITNUM=3, VISIT=None),
    "visit-not-planned": again("SV", VISITNUM=9, VISIT="WEEK 9"),
    "element-unknown": put("SE", ETCD="XXX", ELEMENT=None),
    "linked-record-missing": put("RELREC", IDVARVAL="9"),
    "relation-of-one": put("RELREC", RELID="R9"),
    "qualifier-twice": again("SUPPAE", QVAL="N"),
    "ts-arms-count": parameter("NARMS", TSVAL="2"),
    "ts-agemax-value": parameter("AGEMAX", TSVAL="65"),
    "ts-trt-code": parameter("TRT", TSVALCD="x"),
}


def fired(validation: Validation) -> set[str]:
    return {outcome.rule.id for outcome in validation.outcomes if outcome.found}


def run(package: Package) -> Validation:
    return run_rules(package, RULES)


@pytest.fixture(scope="module")
def at_rest() -> set[str]:
    """Return what the clean package has: notices alone."""
    return fired(run(clean.package(clean.tables())))


def test_the_clean_package_has_neither_errors_nor_warnings() -> None:
    found = run(clean.package(clean.tables()))
    bad = {one.rule.id for one in found.outcomes if one.found and one.rule.severity != Severity.NOTICE}
    assert not bad


def test_there_are_sixty_kinds() -> None:
    assert len(DEFECTS) >= 60
    assert set(DEFECTS) <= {rule.facts.id for rule in RULES}


@pytest.mark.parametrize("rule", DEFECTS)
def test_a_defect_is_found_by_its_own_rule_alone(rule: str, at_rest: set[str]) -> None:
    made = clean.tables()
    DEFECTS[rule](made)
    assert fired(run(clean.package(made))) - at_rest == {rule}
