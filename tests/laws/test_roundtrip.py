"""The laws of every mapping: a record becomes a resource and comes back the same; the resource is FHIR."""

from __future__ import annotations

from importlib import import_module

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.converters import build
from trialbridge.converters.fhir_gate import check_resources
from trialbridge.converters.to_fhir import Resources, patient_id, read_back, to_resources
from trialbridge.elements import Version
from trialbridge.errors import TermError
from trialbridge.labelled import Linked
from trialbridge.mapping import Domain
from trialbridge.native import native
from trialbridge.registry import all_declarations
from trialbridge.routing import place
from trialbridge.standards import codelist, ig_variables
from trialbridge.vocabulary import Vocabulary

VOCABULARY = Vocabulary()
PLAIN_NAMES = [f"{domain.code}-{domain.source}" for domain in all_declarations()]
NAMES = [
    name if PLAIN_NAMES.index(name) == place else f"{name}-{PLAIN_NAMES[:place].count(name) + 1}"
    for place, name in enumerate(PLAIN_NAMES)
]
"""One name each, for a domain may have several declarations of one type."""
SUBJECTS = ["S-1", "S-2"]
HOSTILE = st.sampled_from(
    [
        "<5", ">=1E2", "-0.0", "1234567890123456789", "72.50", "0.0000001", "1e400", "NEGATIVE", "1:160", "+",
        "é ß 漢", "a  b", "x" * 200, "word " * 39 + "end", "2014-02", "2014---15", "2024-02-03T10:00",
        "2024-02-03T10:00:00Z", "20251001", "Y", "N", "LIFE THREATENING", "MULTIPLE", "NOT DONE", " leading",
        "trailing ", "\\", '"', "|", "->", "null", "true", "#", "a/b", "-",
    ]
)  # fmt: skip
# Neither a FHIR string nor an XPT file can hold control characters, and blanks alone are the missing value.
PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30
).filter(str.strip)
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
    cells = {name: st.one_of(st.none(), terms(domain, name)) for name in domain.reversible()}
    record = st.fixed_dictionaries({**cells, "USUBJID": st.sampled_from(SUBJECTS)})
    return st.lists(record, min_size=1, max_size=6).map(
        lambda rows: {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    )


def declared(name: str) -> Domain:
    return all_declarations()[NAMES.index(name)]


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_record_to_resource_to_record_is_the_identity(
    name: str, release: Version, data: st.DataObject
) -> None:
    domain = declared(name)
    table = data.draw(tables(domain))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "FEW", data.draw(st.sampled_from([1, build.FEW])))
        made = to_resources(domain, table, VOCABULARY, release)
    assert made.lost == {}
    back = read_back(domain, made.written, made.order, VOCABULARY, release)
    for variable in domain.reversible():
        assert back[variable].to_pylist() == table[variable].to_pylist(), variable
    _is_fhir(made, release)


@pytest.mark.parametrize(
    ("name", "release"), [(name, ("R4", "R5")[place % 2]) for place, name in enumerate(NAMES)]
)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_record_that_comes_from_sdtm_comes_back(name: str, release: Version, data: st.DataObject) -> None:
    domain = native(declared(name))
    table = data.draw(tables(domain))
    made = to_resources(domain, table, VOCABULARY, release)
    assert made.lost == {}
    back = read_back(domain, made.written, made.order, VOCABULARY, release)
    rules = dict(domain.all_rules())
    for variable in (one for one in domain.reversible() if not isinstance(rules[one], Linked)):
        assert back[variable].to_pylist() == table[variable].to_pylist(), variable
    _is_fhir(made, release)


def _is_fhir(made: Resources, release: Version) -> None:
    package = "fhir.resources." if release == "R5" else "fhir.resources.R4B."
    for part in made.written:
        model = getattr(import_module(package + part.kind.lower()), part.kind)
        for line in part.lines():
            model.model_validate_json(line)
    subjects = frozenset(f"Patient/{patient_id(subject)}" for subject in SUBJECTS)
    findings = check_resources(made.written, release, subjects - _keys(made))
    assert findings == []


def _keys(made: Resources) -> set[str]:
    return {f"{part.kind}/{name}" for part in made.written for name in part.ids().to_pylist()}


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("name", NAMES)
def test_no_two_paths_mean_one_place(name: str, release: Version) -> None:
    for domain in (declared(name), native(declared(name))):
        found: dict[str, str] = {}
        for path in domain.paths():
            if (one := place(domain, path, release)) is not None:
                assert found.setdefault(one.key, path) == path


def test_the_same_records_make_the_same_resources() -> None:
    domain = declared("VS-Observation")
    table = {
        "USUBJID": ["S-1"],
        "VSSEQ": ["3"],
        "VSTESTCD": ["PULSE"],
        "VSORRES": ["72"],
        "VISIT": ["WEEK 2"],
    }
    columns = {name: pa.array(cells) for name, cells in table.items()}
    first, second = (to_resources(domain, columns, VOCABULARY) for _ in range(2))
    assert [list(part.lines()) for part in first.written] == [list(part.lines()) for part in second.written]


def test_a_coded_answer_is_one_coding_and_any_other_a_value() -> None:
    cells = {"QSORRES": ["Often", "Often"], "QSANSCD": ["LA1", None]}
    columns = {name: pa.array(values, pa.string()) for name, values in cells.items()}
    table = {"USUBJID": pa.array(["S-1", "S-1"]), **columns}
    made = to_resources(declared("QS-QuestionnaireResponse"), table, VOCABULARY)
    text = b"".join(line for part in made.written for line in part.lines())
    assert b'"answer":[{"valueCoding":{"code":"LA1","display":"Often"}}]' in text
    assert b'"answer":[{"valueString":"Often"}]' in text
    assert not {"QSORRES", "QSANSCD"} & set(made.carried)


def test_an_indicator_is_no_further_interpretation() -> None:
    table = {"USUBJID": ["S-1"], "LBTESTCD": ["GLUC"], "LBORRES": ["7"], "LBNRIND": ["HIGH"]}
    made = to_resources(
        declared("LB-Observation"), {name: pa.array(cells) for name, cells in table.items()}, VOCABULARY
    )
    assert "LBINTP" not in made.carried


def test_what_no_fhir_text_can_hold_is_counted() -> None:
    columns = {"USUBJID": pa.array(["S-1"]), "VSORRES": pa.array(["a\x1ab"]), "VSNOTE": pa.array(["  "])}
    made = to_resources(declared("VS-Observation"), columns, VOCABULARY)
    assert made.lost == {"VSORRES": 1, "VSNOTE": 1}
    _is_fhir(made, "R4")
