"""The qualification of an installation, and the requirements with the tests that show each of them."""

from __future__ import annotations

import ast
import json
import tomllib
from functools import cache
from pathlib import Path

import pytest

from trialbridge.cli import main
from trialbridge.commands.checks_of_operation import OPERATIONS, Operation, installation, operation

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "docs" / "requirements.toml"


def test_this_installation_is_whole() -> None:
    assert [one.id for one in installation() if not one.passed] == []


def test_the_report_is_dated_by_who_asks_and_never_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tuple(one for one in OPERATIONS if "not there" in one.what)
    monkeypatch.setattr("trialbridge.commands.checks_of_operation.OPERATIONS", few)
    for name in ("a", "b"):
        assert (
            main(["qualify", "--out", str(tmp_path / name), "--date", "2014-01-02", "--by", "A. Tester"]) == 0
        )
    pages = [(tmp_path / name / "qualification.html").read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]
    assert b"2014-01-02" in pages[0]
    assert b"A. Tester" in pages[0]
    found = json.loads((tmp_path / "a" / "qualification.json").read_text())
    assert {one["id"][:2] for one in found["checks"]} == {"IQ", "OQ"}
    assert all(one["passed"] for one in found["checks"])


def test_every_operation_does_what_it_promises(tmp_path: Path) -> None:
    assert [one for one in operation(tmp_path) if not one.passed] == []


def test_an_operation_that_goes_wrong_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Operation("Verify what is no package", "it passes", [(("verify", "nowhere"), frozenset({0}))])
    monkeypatch.setattr("trialbridge.commands.checks_of_operation.OPERATIONS", (wrong,))
    (found,) = operation(tmp_path)
    assert not found.passed
    assert "verify ended with 3" in found.found


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_requirement_has_tests_that_exist() -> None:
    found = tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8"))["requirement"]
    assert len({one["id"] for one in found}) == len(found)
    absent = []
    for one in found:
        assert one["tests"], one["id"]
        for test in one["tests"]:
            path, _, name = test.partition("::")
            if not (ROOT / path).is_file() or (name and name not in functions_in(path)):
                absent.append(f"{one['id']}: {test}")
    assert absent == []


def test_the_page_of_requirements_is_that_of_the_list() -> None:
    found = tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8"))["requirement"]
    page = (ROOT / "docs" / "qualification.md").read_text(encoding="utf-8")
    for one in found:
        tests = ", ".join(f"`{test}`" for test in one["tests"])
        assert f"| {one['id']} | {one['says']} | {tests} |" in page
