"""The laws of every mapping: a record becomes a resource and comes back the same; the resource is FHIR."""

from __future__ import annotations

import json
from importlib import import_module

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.converters.to_fhir import read_back, to_resources
from trialbridge.errors import TermError
from trialbridge.mapping import Domain
from trialbridge.registry import all_declarations
from trialbridge.standards import codelist, ig_variables
from trialbridge.vocabulary import Vocabulary

VOCABULARY = Vocabulary()
NAMES = [f"{domain.code}-{domain.source}" for domain in all_declarations()]
HOSTILE = st.sampled_from(
    [
        "<5", ">=1E2", "-0.0", "1234567890123456789", "72.50", "0.0000001", "1e400", "NEGATIVE", "1:160", "+", "é ß 漢", "a  b",
        "x" * 200, "word " * 39 + "end", "2014-02", "2014---15", "2024-02-03T10:00", "2024-02-03T10:00:00Z", "20251001", "Y", "N",
        "LIFE THREATENING", "MULTIPLE", "NOT DONE", " leading", "trailing ", "\\", '"', "|", "->", "null", "true", "#", "a/b",
    ]
)  # fmt: skip
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
NUMBERS = st.decimals(-(10**6), 10**6, allow_nan=False, places=3).map(str)
DATES = st.dates().map(str)


def terms(domain: Domain, name: str) -> st.SearchStrategy[str]:
    """Return values that a variable may hold: terms of its codelists, and anything else."""
    facts = {variable.name: variable for variable in ig_variables(domain.code)}.get(name)
    if facts is not None and facts.type == "Num":
        return NUMBERS
    values: list[str] = []
    for code in facts.codelists if facts else ():
        try:
            values += [term.submission_value for term in codelist(code).terms[:40]]
        except TermError:
            continue
    free = st.one_of(HOSTILE, PLAIN, NUMBERS, DATES)
    return st.one_of(st.sampled_from(values), free) if values else free


def tables(domain: Domain) -> st.SearchStrategy[dict[str, pa.Array]]:
    """Return tables of a few records of a domain."""
    names = list(domain.reversible())
    cells = {name: st.one_of(st.none(), terms(domain, name)) for name in names}
    record = st.fixed_dictionaries({**cells, "USUBJID": st.sampled_from(["S-1", "S-2"])})
    return st.lists(record, min_size=1, max_size=6).map(
        lambda rows: {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    )


def declared(name: str) -> Domain:
    return all_declarations()[NAMES.index(name)]


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_record_to_resource_to_record_is_the_identity(name: str, release: str, data: st.DataObject) -> None:
    domain = declared(name)
    table = data.draw(tables(domain))
    made = to_resources(domain, table, VOCABULARY, release)
    back = read_back(domain, made.written, made.order, VOCABULARY, release)
    for variable in domain.reversible():
        assert back[variable].to_pylist() == table[variable].to_pylist(), variable
    for part in made.written:
        for line in part.lines():
            _check_nodes(json.loads(line), part.kind)
            _parses(part.kind, line, release)


def _parses(kind: str, line: bytes, release: str) -> None:
    package = "fhir.resources." if release == "R5" else "fhir.resources.R4B."
    getattr(import_module(package + kind.lower()), kind).model_validate_json(line)


def _check_nodes(node: object, path: str) -> None:
    """Fail on an empty object, an empty list or a null: the FHIR library accepts them, FHIR does not."""
    assert node not in ({}, [], None), path
    if isinstance(node, dict):
        for key, value in node.items():
            _check_nodes(value, f"{path}.{key}")
    if isinstance(node, list):
        for number, value in enumerate(node):
            _check_nodes(value, f"{path}[{number}]")
