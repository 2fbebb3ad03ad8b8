"""Any records of TS, TA, TE, TV and TI come back from the resources of the design, which are FHIR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.converters.design_datasets import design_datasets
from trialbridge.converters.design_resources import design_of_fhir, design_to_fhir
from trialbridge.converters.design_summary import Facts
from trialbridge.design_settings import design_settings
from trialbridge.elements import Version

RELEASES: tuple[Version, ...] = ("R4", "R5")
CHARACTERS = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Cc",))
TEXTS = st.text(CHARACTERS, min_size=1, max_size=12).filter(str.strip)  # blanks alone are no value
NUMBERS = st.integers(1, 400).map(str)
DAYS = st.integers(-60, 400).filter(bool).map(str)
CODES = {
    "TPHASE": st.sampled_from(["PHASE II TRIAL", "PHASE I/II TRIAL", "SOMETHING ELSE"]),
    "TINDTP": st.sampled_from(["TREATMENT", "PREVENTION"]),
    "TBLIND": st.sampled_from(["DOUBLE BLIND", "OPEN LABEL"]),
    "SEXPOP": st.sampled_from(["BOTH", "M", "F", "X"]),
    "AGEMIN": st.sampled_from(["P18Y", "P6M", "18 years"]),
    "AGEMAX": st.sampled_from(["P75Y", "P75Y6M"]),
    "PLANSUB": st.sampled_from(["40", "040", "many"]),
    "REGID": st.sampled_from(["NCT00000001", "2020-000000-11"]),
    **dict.fromkeys(("TITLE", "INDIC", "OBJPRIM", "OUTMSPRI", "STOPRULE", "SPONSOR", "SSTDTC"), TEXTS),
}


@st.composite
def summaries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw TS: some parameters, several records of some, null flavours, codes."""
    found = []
    for code in draw(st.lists(st.sampled_from(sorted(CODES)), unique=True, max_size=6)):
        for number in range(1, draw(st.integers(1, 3)) + 1):
            null = draw(st.booleans()) and draw(st.booleans())
            flavour = {"TSVALNF": draw(st.sampled_from(["NI", "PINF"]))}
            value = flavour if null else {"TSVAL": draw(CODES[code])}
            coded = draw(st.sampled_from([{}, {"TSVALCD": "C1", "TSVCDREF": "SNOMED"}]))
            found.append({"TSSEQ": str(number), "TSPARMCD": code, "TSPARM": draw(TEXTS), **value, **coded})
    return found


def records(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy for records; a field whose name ends in a line is always there."""
    needed = {name.removesuffix("_"): one for name, one in fields.items() if name.endswith("_")}
    others = {name: one for name, one in fields.items() if not name.endswith("_")}
    return st.lists(st.fixed_dictionaries(needed, optional=others), max_size=5)


DESIGNS = st.fixed_dictionaries(
    {},
    optional={
        "TS": summaries(),
        "TA": records(
            ARMCD_=st.sampled_from("AB"), ARM_=st.sampled_from(["High", "Low"]), TAETORD_=NUMBERS,
            ETCD_=TEXTS, EPOCH_=st.sampled_from(["SCREENING", "TREATMENT"]), ELEMENT=TEXTS,
            TABRANCH=TEXTS, TATRANS=TEXTS,
        ),
        "TE": records(
            ETCD_=TEXTS, ELEMENT_=TEXTS, TESTRL=TEXTS, TEENRL=TEXTS,
            TEDUR=st.sampled_from(["P2W", "P1M", "PT4H", "P1Y2M", "2 weeks"]),
        ),
        "TV": records(
            VISITNUM_=NUMBERS, VISIT_=TEXTS, VISITDY=DAYS, ARMCD=TEXTS, TVSTRL=TEXTS, TVENRL=TEXTS,
            EARLY=st.integers(-90, 0).map(str), LATE=st.integers(0, 90).map(str),
            NAMES=st.lists(TEXTS, min_size=1, max_size=3), COLLECTED=st.just(["LB", "VS"]),
        ),
        "TI": records(
            IETESTCD_=TEXTS, IETEST_=TEXTS, IECAT_=st.sampled_from(["INCLUSION", "EXCLUSION"]), TIVERS=TEXTS,
        ),
    },
)  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@given(design=DESIGNS)
@settings(deadline=None, max_examples=25)
def test_the_design_comes_back(release: Version, design: dict[str, list[dict[str, Any]]]) -> None:
    numbered = {
        name: [{**one, "row": str(row)} for row, one in enumerate(some, 1)] for name, some in design.items()
    }
    made = json.loads(json.dumps(design_to_fhir(numbered, "S1", release)))
    back = design_of_fhir(made, release)
    assert {name: some for name, some in numbered.items() if some} == {
        name: kept for name, some in back.items() if (kept := [one for one in some if "row" in one])
    }


@pytest.mark.parametrize("release", RELEASES)
@given(design=DESIGNS)
@settings(deadline=None, max_examples=10)
def test_each_resource_is_one_of_fhir(release: Version, design: dict[str, list[dict[str, Any]]]) -> None:
    package = "fhir.resources" + ("" if release == "R5" else ".R4B")
    for one in design_to_fhir(design, "S1", release):
        kind = one["resourceType"]
        getattr(import_module(f"{package}.{kind.lower()}"), kind).model_validate(one)


def _as_text(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, one in row.items():
        yield name, one if isinstance(one, str | list) else f"{one:g}"


def test_visits_of_the_settings_come_back_from_their_plan() -> None:
    design = design_settings(
        {
            "visits": [
                {"number": 1, "name": "SCREENING", "day": -14, "window": [-14, 7]},
                {"number": 2, "name": "BASELINE", "day": 1, "aliases": ["V2"], "domains": ["LB", "VS"]},
                {"number": 3.5, "name": "CALL", "start": "A week after visit 2", "arms": ["A", "B"]},
            ]
        }
    )
    rows = [{name: one for name, one in row.items() if one} for row in design.visits.to_pylist()]
    texts = [dict(_as_text(row)) for row in rows]
    for release in RELEASES:
        back = design_of_fhir(json.loads(json.dumps(design_to_fhir({"TV": texts}, "S1", release))), release)
        assert back["TV"] == texts
    made = design_datasets("S1", design, {}, {}, Facts()).datasets
    visits = next(one for one in made if one.name == "TV")
    assert visits.table["VISITNUM"].to_pylist() == [1, 2, 3.5, 3.5]
    assert visits.table["ARMCD"].to_pylist() == [None, None, "A", "B"]
