"""Every case of the conformance suite: FHIR resources in, the SDTM records that must come of them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.findings import Severity
from trialbridge.study import Study, study_of

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "case.schema.json").read_text("utf-8"))
FILES = sorted(HERE.glob("*/*.json"))
Raw = list[msgspec.Raw]


class Case(msgspec.Struct):
    title: str
    resources: Raw
    study: dict[str, Any] = {}
    release: str = ""
    expect: dict[str, list[dict[str, Any]]] | None = None
    findings: list[str] | None = None
    unmapped: list[dict[str, Any]] | None = None
    ledger: dict[str, int | list[str]] | None = None
    unread: list[str] | None = None
    pending: str = ""
    why: str = ""


class Suite(msgspec.Struct):
    title: str
    cases: list[Case]
    study: dict[str, Any] = {}
    release: str = ""
    resources: Raw = []


def _cases() -> Iterator[Any]:
    for file in FILES:
        suite = msgspec.json.decode(file.read_bytes(), type=Suite)
        for case in suite.cases:
            pending = [pytest.mark.xfail(reason=case.pending, strict=True)] if case.pending else []
            name = f"{file.parent.name}/{file.stem}: {case.title}"
            yield pytest.param(suite, case, id=name, marks=pending)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_file_follows_the_schema(file: Path) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(file.read_text("utf-8")))


def test_no_two_cases_have_the_same_name() -> None:
    names = [case.id for case in _cases()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("suite", "case"), list(_cases()))
def test_case(suite: Suite, case: Case, tmp_path: Path) -> None:
    differences = list(_differences(case, _converted(suite, case, tmp_path)))
    assert not differences, "\n".join(["", case.title, *differences])


def _converted(suite: Suite, case: Case, folder: Path) -> Conversion:
    source = folder / "input.ndjson"
    lines = [" ".join(bytes(one).decode().split("\n")) for one in (*suite.resources, *case.resources)]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = study_of({**suite.study, **case.study}) if suite.study or case.study else Study()
    return to_sdtm([source], settings, release=case.release or suite.release or None)


def _differences(case: Case, found: Conversion) -> Iterator[str]:
    for name, wanted in (case.expect or {}).items():
        yield from _dataset_differences(name, wanted, found)
    if case.findings is not None:
        rules = sorted({one.rule for one in found.findings if one.severity != Severity.NOTICE})
        if rules != sorted(case.findings):
            yield f"findings: expected {sorted(case.findings)}, found {rules}"
            yield from (
                f"    {one.rule} {one.variable} {one.resource}: {one.message}" for one in found.findings
            )
    if case.unmapped is not None:
        yield from _rows_differ("worklist", case.unmapped, found.unmapped.to_pylist())
    if case.ledger is not None:
        yield from _ledger_differences(case.ledger, found)
    read = set(found.elements["path"].to_pylist())
    yield from (f"unread: {path} is not reported" for path in case.unread or () if path not in read)


def _dataset_differences(name: str, wanted: list[dict[str, Any]], found: Conversion) -> Iterator[str]:
    dataset = next((one for one in found.datasets if one.name == name), None)
    yield from _rows_differ(name, wanted, dataset.table.to_pylist() if dataset else [])


def _rows_differ(name: str, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"{name}: expected {len(wanted)} records, found {len(found)}"
        yield from (f"    {_shown(row)}" for row in found)
        return
    for number, (expected, row) in enumerate(zip(wanted, found, strict=True), 1):
        for variable, value in expected.items():
            if row.get(variable) != value:
                yield f"{name} record {number}: {variable} should be {value!r}, is {row.get(variable)!r}"


def _shown(row: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in row.items() if value is not None)


def _ledger_differences(wanted: dict[str, int | list[str]], found: Conversion) -> Iterator[str]:
    rows = found.resources.to_pylist()
    for status, expected in wanted.items():
        names = sorted(f"{row['resource_type']}/{row['id']}" for row in rows if row["status"] == status)
        if (sorted(expected) if isinstance(expected, list) else expected) != (
            names if isinstance(expected, list) else len(names)
        ):
            yield f"ledger: expected {status} {expected}, found {names}"
            yield from (
                f"    {row['resource_type']}/{row['id']} {row['status']} {row['reason']}" for row in rows
            )
