"""CDISC's published rules: each must fire on a case of ours, and must not on another.

The rules themselves are never in the repository; without them only the reader and the engine are tested.
"""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from core_cases import cases
from core_packages import package

from trialbridge.cli import main
from trialbridge.core_rules.model import CoreRule
from trialbridge.core_rules.read import core_rule, read_core_rules
from trialbridge.core_rules.run import run_core_rules, unsupported
from trialbridge.errors import ConfigurationError
from trialbridge.validation.outcome import Outcome, Status

HERE = Path(__file__).parent
RULES = "standards/core_rules_2026-08.json.gz"
GUIDE = "3.4"
CANNOT_APPLY = {"CORE-000229"}
"""For RELSUB of the class SPECIAL PURPOSE: the guide has it under RELATIONSHIP, so nothing is meant."""
TRIES = 12


@pytest.fixture(scope="module")
def published(shared: Path) -> list[CoreRule]:
    path = shared / RULES
    if not path.is_file():
        pytest.skip("CDISC's rules are not there")
    return read_core_rules(path)


def outcome(rule: CoreRule, case: dict[str, Any]) -> Outcome:
    return run_core_rules(package(case), [rule], GUIDE)[0]


def fires(rule: CoreRule, by_hand: dict[str, Any]) -> bool:
    tried = [by_hand["fires"]] if by_hand else itertools.islice(cases(rule, want=True), TRIES)
    return any(outcome(rule, case).found for case in tried)


def stays_silent(rule: CoreRule, by_hand: dict[str, Any]) -> bool:
    tried = [by_hand["silent"]] if by_hand else itertools.islice(cases(rule, want=False), TRIES)
    found = (outcome(rule, case) for case in tried)
    return any(one.status == Status.RUN and not one.found for one in found)


def test_each_rule_of_the_guide_fires_once_and_stays_silent_once(
    published: list[CoreRule], capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))
    rules = [
        rule
        for rule in published
        if any(f"{one.name} {one.version}" == "SDTMIG 3.4" for one in rule.standards)
    ]
    executed = {
        rule.id
        for rule in rules
        if fires(rule, by_hand.get(rule.id, {})) and stays_silent(rule, by_hand.get(rule.id, {}))
    }
    missed = {rule.id for rule in rules} - executed
    with capsys.disabled():
        print(f"\nCORE rules: {len(executed)} of {len(rules)} executed; not: {', '.join(sorted(missed))}")
    assert len(rules) == 430
    assert missed == CANNOT_APPLY


def test_every_published_rule_is_read_and_says_why_it_is_not_supported(published: list[CoreRule]) -> None:
    assert len(published) == 981
    assert not [rule.id for rule in published if rule.fault]
    reasons = {rule.id: unsupported(rule) for rule in published}
    assert {reason for reason in reasons.values() if "JSONata" in reason}
    sdtm = [rule for rule in published if any(one.name == "SDTMIG" for one in rule.standards)]
    assert not [rule.id for rule in sdtm if reasons[rule.id]]


def test_the_pilot_under_all_rules_takes_less_than_a_minute_and_two_gigabytes(
    shared: Path, tmp_path: Path
) -> None:
    archive = shared / "data" / "sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip"
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            if "SDTM/" in name and name.endswith((".xpt", "define.xml")):
                (tmp_path / Path(name).name).write_bytes(files.read(name))
    script = (
        "import sys; from pathlib import Path\n"
        "from trialbridge.converters.validate import read_package\n"
        "from trialbridge.core_rules.read import read_core_rules\n"
        "from trialbridge.core_rules.run import run_core_rules\n"
        "package = read_package([Path(sys.argv[1])])\n"
        "found = run_core_rules(package, read_core_rules(Path(sys.argv[2])), '3.4')\n"
        "print(sum(one.status.value == 'run' for one in found))\n"
    )
    began = time.perf_counter()
    command = [sys.executable, "-c", script, str(tmp_path), str(shared / RULES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert time.perf_counter() - began < 60
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2 * 1024**2
    assert int(said.stdout) > 300


CHECK = {"all": [{"name": "AESER", "operator": "empty"}]}


def rule(check: Any, **more: Any) -> CoreRule:
    """Return a rule for AE in the published form."""
    plain = {
        "Core": {"Id": "CORE-900001"},
        "Rule Type": "Record Data",
        "Sensitivity": "Record",
        "Scope": {"Domains": {"Include": ["AE"]}},
        "Check": check,
        "Outcome": {"Message": "it is so"},
    }
    return core_rule({**plain, **more})


def rows(found: Outcome) -> list[int]:
    return [int(row) for hit in found.hits for row in (hit.rows if hit.rows is not None else [])]


def run(one: CoreRule, **datasets: Any) -> Outcome:
    return outcome(one, {"datasets": datasets})


def test_the_two_forms_of_a_rule_are_read_alike(tmp_path: Path) -> None:
    published = {
        "Core": {"Id": "CORE-900002"},
        "Rule Type": "Record Data",
        "Sensitivity": "Record",
        "Scope": {"Classes": {"Include": ["EVENTS"]}, "Domains": {"Exclude": ["DS"]}},
        "Match Datasets": [{"Name": "DM", "Keys": ["USUBJID"]}],
        "Operations": [{"id": "$ids", "operator": "distinct", "domain": "DM", "name": "USUBJID"}],
        "Check": {"any": [{"name": "USUBJID", "operator": "is_not_contained_by", "value": "$ids"}]},
        "Outcome": {"Message": "no such subject", "Output Variables": ["USUBJID"]},
    }
    kept = {
        "core_id": "CORE-900002",
        "rule_type": "Record Data",
        "sensitivity": "Record",
        "classes": {"Include": ["EVENTS"]},
        "domains": {"Exclude": ["DS"]},
        "datasets": [{"domain_name": "DM", "match_key": ["USUBJID"], "wildcard": "**"}],
        "operations": published["Operations"],
        "conditions": {
            "any": [
                {
                    "name": "get_dataset",
                    "operator": "is_not_contained_by",
                    "value": {"target": "USUBJID", "comparator": "$ids"},
                }
            ]
        },
        "actions": [{"name": "generate", "params": {"message": "no such subject"}}],
        "output_variables": ["USUBJID"],
    }
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(published), encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps({"rules": {"CORE-900002": kept}}), encoding="utf-8")
    assert read_core_rules(tmp_path / "one.yaml") == read_core_rules(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("name", "text"), [("a.json", "{"), ("a.yaml", "a: [b"), ("a.json", "[]"), ("a.json.gz", "x")]
)
def test_a_file_without_rules_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_core_rules(tmp_path / name)


def test_a_word_that_is_not_known_makes_a_rule_unsupported_with_the_word() -> None:
    unknown = rule({"all": [{"name": "AESER", "operator": "empty", "moon": "full"}]})
    found = run(unknown, AE=[{}])
    assert found.status == Status.NOT_SUPPORTED
    assert "moon" in found.reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Check": {"all": [{"name": "AESER", "operator": "is_blue"}]}}, "the operator is_blue"),
        ({"Operations": [{"id": "$a", "operator": "guess"}]}, "the operation guess"),
        ({"Rule Type": "JSONata", "Check": "$x"}, "rules of the type JSONata"),
        ({"Match Datasets": [{"Name": "DM", "Keys": ["USUBJID"], "Join Type": "left"}]}, "a left join"),
    ],
)
def test_what_is_not_done_is_said(changed: dict[str, Any], reason: str) -> None:
    found = run(rule(CHECK, **changed), AE=[{"AESER": None}])
    assert (found.status, found.reason) == (Status.NOT_SUPPORTED, reason)


def test_a_rule_without_its_variable_does_not_apply_and_says_so() -> None:
    found = run(rule(CHECK), AE=[{"AETERM": "Rash"}])
    assert (found.status, found.reason) == (Status.NOT_APPLICABLE, "no AESER")


def test_a_rule_without_its_dataset_does_not_apply() -> None:
    found = run(rule(CHECK), CM=[{}])
    assert (found.status, found.reason) == (Status.NOT_APPLICABLE, "no dataset for AE")


def test_a_rule_of_another_version_does_not_apply() -> None:
    authority = [{"Organization": "CDISC", "Standards": [{"Name": "SDTMIG", "Version": "3.2"}]}]
    found = run(rule(CHECK, Authorities=authority), AE=[{"AESER": None}])
    assert (found.status, found.reason) == (Status.NOT_APPLICABLE, "for SDTMIG 3.2, not for SDTMIG 3.4")


def test_what_is_absent_does_not_silence_what_is_there() -> None:
    either = {
        "any": [{"name": "AESDTH", "operator": "non_empty"}, {"name": "AESER", "operator": "non_empty"}]
    }
    assert rows(run(rule(either), AE=[{"AESER": "Y"}, {"AESER": None}])) == [0]


def test_a_finding_is_a_record_a_group_or_a_dataset() -> None:
    data = [{"AESER": None}, {"AESER": None, "USUBJID": "S-2"}, {"AESER": None}]
    assert rows(run(rule(CHECK), AE=data)) == [0, 1, 2]
    assert rows(run(rule(CHECK, **{"Sensitivity": "Group", "Grouping Variables": ["USUBJID"]}), AE=data)) == [
        0,
        1,
    ]
    assert run(rule(CHECK, Sensitivity="Dataset"), AE=data).found == 1


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [
        ("2014-01-06", "2014-01-05", True),
        ("2014-01-05T10:00", "2014-01-05", False),
        ("2014-02", "2014-01-05", True),
        ("2014-01", "2014-01-05", False),
        ("2014-01-05T10:00+02:00", "2014-01-05T09:00Z", False),
        ("2014-02-30", "2014-01-05", False),
    ],
)
def test_dates_are_compared_as_far_as_both_are_written(first: str, second: str, later: bool) -> None:
    check = {"all": [{"name": "AESTDTC", "operator": "date_greater_than", "value": "AEENDTC"}]}
    found = run(rule(check), AE=[{"AESTDTC": first, "AEENDTC": second}])
    assert bool(found.found) == later


@pytest.mark.parametrize(
    ("term", "decode", "equal", "unequal"),
    [("A", "A", 1, 0), ("A", "B", 0, 1), ("A", None, 0, 1), (None, "A", 0, 1), (None, None, 0, 0)],
)
def test_two_blanks_are_neither_equal_nor_different(
    term: str | None, decode: str | None, equal: int, unequal: int
) -> None:
    data = [{"AETERM": term, "AEDECOD": decode}]
    for operator, count in (("equal_to", equal), ("not_equal_to", unequal)):
        check = {"all": [{"name": "AETERM", "operator": operator, "value": "AEDECOD"}]}
        assert run(rule(check), AE=data).found == count


def test_the_value_of_most_rows_is_taken_for_right() -> None:
    check = {"all": [{"name": "AESEV", "operator": "is_inconsistent_across_dataset", "value": "AETERM"}]}
    data = [{"AETERM": "Rash", "AESEV": severity} for severity in ("MILD", "MILD", "SEVERE")]
    assert rows(run(rule(check), AE=data)) == [2]


def test_rows_are_joined_with_each_of_their_partners() -> None:
    check = {"all": [{"name": "SSSTRESC", "operator": "equal_to", "value": "DEAD"}]}
    joined = rule(check, **{"Match Datasets": [{"Name": "SS", "Keys": ["USUBJID"]}]})
    subjects = [{"SSSTRESC": "ALIVE"}, {"SSSTRESC": "DEAD"}, {"SSSTRESC": "DEAD", "USUBJID": "S-3"}]
    assert rows(run(joined, AE=[{}, {"USUBJID": "S-2"}], SS=subjects)) == [0]


def test_a_supplemental_record_stands_beside_the_record_it_names_only() -> None:
    check = {"all": [{"name": "QVAL", "operator": "equal_to", "value": "Y", "value_is_literal": True}]}
    joined = rule(check, **{"Match Datasets": [{"Name": "SUPPAE", "Keys": ["USUBJID"]}]})
    supplemental = [{"IDVAR": "AESEQ", "IDVARVAL": "2", "QVAL": "Y"}]
    assert rows(run(joined, AE=[{}, {}, {}], SUPPAE=supplemental)) == [1]


def test_a_finding_shows_what_stands_in_a_joined_dataset_and_what_is_computed() -> None:
    check = {"all": [{"name": "AESTDY", "operator": "not_equal_to", "value": "$day"}]}
    joined = rule(
        check,
        **{
            "Match Datasets": [{"Name": "DM", "Keys": ["USUBJID"]}],
            "Operations": [{"id": "$day", "operator": "dy", "name": "AESTDTC"}],
            "Outcome": {"Message": "another day", "Output Variables": ["AESTDY", "RFSTDTC", "$day"]},
        },
    )
    found = run(joined, AE=[{"AESTDTC": "2014-01-05", "AESTDY": 1}], DM=[{"RFSTDTC": "2014-01-03"}])
    shown = {name: column.to_pylist() for name, column in found.hits[0].beside.items()}
    assert (found.hits[0].variables, shown) == (("AESTDY",), {"RFSTDTC": ["2014-01-03"], "$day": ["3"]})


def test_a_list_without_what_it_should_have_says_what_is_missing() -> None:
    check = {"all": [{"name": "variable_name", "operator": "not_contains_all", "value": ["AETERM", "AESER"]}]}
    found = run(
        rule(check, **{"Rule Type": "Variable Metadata Check", "Sensitivity": "Dataset"}),
        AE=[{"AETERM": "X"}],
    )
    assert [hit.value for hit in found.hits] == ["AESER"]


def test_the_command_runs_them_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ae.csv").write_text(
        "STUDYID,DOMAIN,USUBJID,AESEQ,AETERM\nS,AE,S-1,1,OTHER\n", encoding="utf-8"
    )
    rules = tmp_path / "rules.yaml"
    check = {"all": [{"name": "AETERM", "operator": "equal_to", "value": "OTHER"}]}
    published = {"Core": {"Id": "CORE-900003"}, "Check": check, "Outcome": {"Message": "no term"}}
    rules.write_text(yaml.safe_dump(published), encoding="utf-8")
    assert main(["validate", str(tmp_path / "ae.csv"), "--core-rules", str(rules), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["count"] for one in said["clusters"] if one["rule"] == "CORE-900003"] == [1]


def test_a_long_value_may_go_on_in_more_variables() -> None:
    check = {"all": [{"name": "variable_name", "operator": "is_not_contained_by", "value": "$allowed"}]}
    allowed = rule(
        check,
        **{
            "Rule Type": "Variable Metadata Check",
            "Scope": {"Domains": {"Include": ["TS"]}},
            "Operations": [{"id": "$allowed", "operator": "get_model_column_order"}],
        },
    )
    found = run(allowed, TS=[{"TSVAL": "long", "TSVAL1": "value", "TSVALX": "?"}])
    assert [hit.value for hit in found.hits] == ["TSVALX"]
