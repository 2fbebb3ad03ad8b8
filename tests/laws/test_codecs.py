"""The laws of one line of a mapping: what it writes, it reads again; a wrong line is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.codecs import (
    Beyond,
    Codec,
    Codes,
    DateTime,
    Flag,
    Lookup,
    Number,
    Ref,
    Term,
    Text,
    Upper,
    Yes,
)
from trialbridge.columns import blank
from trialbridge.errors import MappingDefinitionError
from trialbridge.lexical import FORMS, is_legal, legal
from trialbridge.mapping import Domain, Supp, alternatives
from trialbridge.paths import parse
from trialbridge.readers import columns_of
from trialbridge.registry import all_declarations
from trialbridge.rules import At, Const, OneWay, Rule
from trialbridge.standards import codelist, ig_variables
from trialbridge.versions import VERSIONS
from trialbridge.vocabulary import Vocabulary

VOCABULARY = Vocabulary()
WORDS = [
    "Y", "N", "M", "F", "U", "UNDIFFERENTIATED", "SYSBP", "GLUC", "WHITE", "ASIAN", "USA", "DEU",
    "HISPANIC OR LATINO", "2014", "2014-02", "2014-02-30", "2014-02-03T10:00", "2014-02-03T10:00:00Z",
    "72.50", "-0", "1e3", "01", "<5", ">=1E2", "mmHg", "beats/min", "g/dL", "NORMAL", "HIGH", "NOT DONE",
    "RELATED", " a", "b ", "a  b", "é", "PHQ0101", "q1", "Group/1",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(WORDS), st.text(min_size=1, max_size=12)), max_size=8)
CODECS: tuple[Codec, ...] = (
    Text(),
    DateTime(),
    Number(),
    Flag(),
    Ref("Patient"),
    Codes({"male": "M", "man": "M", "female": "F"}, preferred={"M": "male"}),
    Codes({"Serious": "Y", "Non-serious": "N"}, fold=True),
    Term("VSTESTCD"),
    Term("LBTESTCD"),
    Lookup("sex", "http://hl7.org/fhir/administrative-gender"),
    Lookup("country", "urn:iso:std:iso:3166"),
    Upper(),
    Beyond(("N", "H", "L")),
    Yes(),
)


@dataclass
class Columns:
    """`Leaves` over columns that are at hand."""

    rows: int
    columns: dict[str, pa.Array]
    memo: dict[str, Any] = field(default_factory=dict)

    def __call__(self, path: str) -> pa.Array:
        found = self.columns.get(path, blank(self.rows))
        if "[*]" not in path or pa.types.is_list(found.type):
            return found
        return pa.array(
            [None if cell is None else [cell] for cell in found.to_pylist()], pa.list_(pa.string())
        )


def _as_read(column: pa.Array) -> pa.Array:
    """Return a column as the extractor gives it: a boolean is text."""
    return column.cast(pa.string())


def _differing(wanted: pa.Array, written: pa.Array, read: pa.Array) -> list[tuple[str, str]]:
    rows = zip(wanted.to_pylist(), written.to_pylist(), read.to_pylist(), strict=True)
    return [(cell, back) for cell, there, back in rows if there is not None and cell != back]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
@settings(deadline=None)
@given(texts=TEXTS)
def test_what_a_codec_writes_it_reads_again(codec: Codec, texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    written = codec.to_fhir(column, VOCABULARY)
    assert _differing(column, written, codec.to_sdtm(_as_read(written), VOCABULARY)) == []


def writable() -> list[tuple[str, Rule]]:
    """Return the alternatives that write, once each."""
    found = {
        repr(one): (f"{domain.code}.{name}", one)
        for domain in all_declarations()
        for name, rule in domain.all_rules()
        for one in alternatives(rule)
        if one.targets
    }
    return list(found.values())


@pytest.mark.parametrize(
    ("name", "rule"), writable(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_a_rule_writes_alone_it_reads_again(name: str, rule: Rule) -> None:
    """Rules that look at other elements are allowed to see nothing; they never see something else."""
    terms = [term.submission_value for code in _codelists(name) for term in codelist(code).terms[:200]]
    column = pa.array([*WORDS, *terms], pa.string())
    written = rule.to_fhir(column, VOCABULARY)
    principal = next((path for path in rule.targets if path.endswith(".value")), rule.targets[0])
    leaves = Columns(len(column), _also_repeated({path: _as_read(one) for path, one in written.items()}))
    read = rule.to_sdtm(leaves, VOCABULARY).values
    there = pc.if_else(read.is_valid(), _as_read(written[principal]), None)
    assert _differing(column, there, read) == []


def _codelists(name: str) -> tuple[str, ...]:
    code, _, variable = name.partition(".")
    return next((one.codelists for one in ig_variables(code) if one.name == variable), ())


def _also_repeated(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the columns also under the names by which rules read every repetition, and its key."""
    found = dict(columns)
    for path, column in columns.items():
        steps = parse(path).steps
        keyed = next((step for step in steps if step.select == "keyed"), None)
        every = path.replace("[]", "[*]")
        if keyed is not None:
            every = path.replace(str(keyed), f"{keyed.name}[*]")
            prefix = every.partition(f"{keyed.name}[*]")[0]
            told = pc.if_else(column.is_valid(), keyed.value, None)
            found.setdefault(f"{prefix}{keyed.name}[*].{keyed.key}", told)
        found.setdefault(every, column)
    return found


@pytest.mark.parametrize("kind", sorted(FORMS))
@settings(deadline=None)
@given(texts=TEXTS)
def test_a_form_is_the_same_for_a_value_and_for_a_column(kind: str, texts: list[str | None]) -> None:
    wanted = [None if text is None else is_legal(kind, text) for text in texts]
    assert legal(kind, pa.array(texts, pa.string())).to_pylist() == wanted


def test_codes_refuse_a_term_that_two_codes_mean() -> None:
    with pytest.raises(ValueError, match="several codes mean M: name the preferred one"):
        Codes({"male": "M", "man": "M"})
    assert Codes({"male": "M", "man": "M"}, preferred={"M": "male"}).back == {"M": "male"}


def _vital_signs(**changed: Rule) -> dict[str, Rule]:
    rules: dict[str, Rule] = {
        one.name: OneWay("not asked here") for one in ig_variables("VS") if one.core != "Perm"
    }
    return {**rules, "DOMAIN": Const("VS"), **changed}


def test_a_declaration_with_every_required_variable_is_accepted() -> None:
    assert Domain("VS", "Observation", _vital_signs(VSPOS=At("method.text"))).code == "VS"


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (_vital_signs(VSNONE=At("method.text")), "VS.VSNONE: is no variable of this domain"),
        (_vital_signs(VSPOS=At("method..text")), "VS.VSPOS: 'method..text': an element name is expected"),
        (_vital_signs(VSPOS=At("nowhere->code.text")), "VS.VSPOS: .* follows an unknown join 'nowhere'"),
        ({name: rule for name, rule in _vital_signs().items() if name != "VSTESTCD"}, "VS.VSTESTCD: is Req"),
        ({name: rule for name, rule in _vital_signs().items() if name != "VSORRES"}, "VS.VSORRES: is Exp"),
    ],
)
def test_a_wrong_declaration_is_refused(rules: dict[str, Rule], problem: str) -> None:
    with pytest.raises(MappingDefinitionError, match=problem):
        Domain("VS", "Observation", rules)


def test_a_wrong_path_of_a_qualifier_is_refused() -> None:
    with pytest.raises(MappingDefinitionError, match=r"VS\.VSNOTE"):
        Domain("VS", "Observation", _vital_signs(), supp={"VSNOTE": Supp("Note", At("note[.text"))})


@pytest.mark.parametrize("path", ["metod.text", "method[].text", "code.coding.code", "method", "status.text"])
def test_a_path_that_is_no_element_of_any_release_is_refused(path: str) -> None:
    for version in VERSIONS:
        with pytest.raises(MappingDefinitionError):
            columns_of("Observation", version, {path: None})
