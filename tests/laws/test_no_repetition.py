"""The documented extension carries just the cells that elements alone do not give back, and repeats none."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.carriage import ABSENT, BASIS, DECIMALS, RECORD
from trialbridge.converters.sheets import Sheet
from trialbridge.converters.to_fhir import Resources, read_back, to_resources
from trialbridge.elements import Version
from trialbridge.mapping import Domain
from trialbridge.native import native
from trialbridge.standards import ig_variables
from trialbridge.vocabulary import Vocabulary

VOCABULARY = Vocabulary()
NO_VARIABLES = {ABSENT, BASIS, DECIMALS}


def _beside(name: str) -> ModuleType:
    """Return a module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LAWS = _beside("test_roundtrip")
CASES = [(name, ("R4", "R5")[place % 2]) for place, name in enumerate(LAWS.NAMES)]


@dataclass(frozen=True)
class Bare:
    """Resources of one type without our extension."""

    kind: str
    texts: Sequence[bytes]

    def lines(self) -> Iterator[bytes]:
        return iter(self.texts)


def split(node: Any, found: list[Mapping[str, Any]]) -> Any:
    """Return JSON without our extension, and note what each said."""
    if isinstance(node, list):
        kept = [one for one in node if not (isinstance(one, dict) and one.get("url") == RECORD)]
        found += [one for one in node if isinstance(one, dict) and one.get("url") == RECORD]
        return [split(one, found) for one in kept]
    if not isinstance(node, dict):
        return node
    below = {name: split(value, found) for name, value in node.items()}
    return {name: value for name, value in below.items() if value != []}


def _apart(made: Sequence[Sheet]) -> tuple[list[Bare], list[dict[str, str]]]:
    """Return the resources without our extension, and what each extension carries: variable -> value."""
    bare, extensions = [], []
    for part in made:
        found: list[Mapping[str, Any]] = []
        texts = [
            _numbers(json.dumps(split(json.loads(line, parse_float=_marked, parse_int=_marked), found)))
            for line in part.lines()
        ]
        bare.append(Bare(part.kind, texts))
        extensions += [{one["url"]: _value(one) for one in each["extension"]} for each in found]
    return bare, extensions


def _marked(number: str) -> str:
    """Return a number as a text that says so: JSON of Python would write it in another form."""
    return f"\x01{number}\x01"


def _numbers(text: str) -> bytes:
    return re.sub(r'"\\u0001([^"]*)\\u0001"', r"\1", text).encode()


def _value(part: Mapping[str, Any]) -> str:
    return str(part.get("valueString") or part["valueDecimal"].strip("\x01"))


@pytest.mark.parametrize(("name", "release"), CASES)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_carried_is_what_elements_do_not_say(
    name: str, release: Version, data: st.DataObject
) -> None:
    domain = native(LAWS.declared(name))
    table = data.draw(LAWS.tables(domain))
    made = to_resources(domain, table, VOCABULARY, release)
    bare, extensions = _apart(made.written)
    read = read_back(domain, bare, made.order, VOCABULARY, release)  # type: ignore[arg-type]  # alike in what is asked
    lacking: Counter[tuple[str, str]] = Counter()
    for variable in domain.reversible():
        pairs = zip(table[variable].to_pylist(), read[variable].to_pylist(), strict=True)
        lacking.update(
            (variable, wanted) for wanted, found in pairs if wanted is not None and wanted != found
        )
    carried = Counter(
        (variable, value)
        for one in extensions
        for variable, value in one.items()
        if variable not in NO_VARIABLES
    )
    assert carried == _only(lacking, domain, made)


def _only(lacking: Counter[tuple[str, str]], domain: Domain, made: Resources) -> Counter[tuple[str, str]]:
    """Return what is lacking, but for what no text of FHIR can hold."""
    assert not made.lost
    rules = dict(domain.all_rules())
    return Counter(
        {key: count for key, count in lacking.items() if rules[key[0]].paths or not rules[key[0]].targets}
    )


@pytest.mark.parametrize(("name", "release"), CASES)
def test_no_value_stands_in_an_element_and_in_the_extension(name: str, release: Version) -> None:
    """Each cell holds a word that no other has, so a word that is there twice was repeated."""
    domain = native(LAWS.declared(name))
    numbers = {one.name for one in ig_variables(domain.code) if one.type == "Num"}
    table = {
        variable: pa.array([f"WORD OF {variable} {row}" for row in range(3)])
        for variable in domain.reversible()
        if variable not in numbers and variable != "USUBJID"
    }
    made = to_resources(domain, {**table, "USUBJID": pa.array(["S-1"] * 3)}, VOCABULARY, release)
    bare, extensions = _apart(made.written)
    elements = " ".join(text.decode() for part in bare for text in part.texts)
    twice = defaultdict(list)
    for one in extensions:
        for variable, value in one.items():
            if variable not in NO_VARIABLES and json.dumps(value) in elements:
                twice[variable].append(value)
    assert not twice
