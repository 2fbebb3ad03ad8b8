"""What holds of every declaration, by the rules of the standard."""

from __future__ import annotations

import pytest

from trialbridge.errors import MappingDefinitionError
from trialbridge.mapping import Domain, Supp
from trialbridge.registry import DOMAINS, declarations
from trialbridge.rules import At
from trialbridge.standards import domain_variables, ig_datasets, ig_variables, model

GENERAL = {"EVENTS", "FINDINGS", "INTERVENTIONS"}
DAYS = {"DTC": "DY", "STDTC": "STDY", "ENDTC": "ENDY"}


@pytest.mark.parametrize(
    "code", [code for code in DOMAINS if ig_datasets()[code].observation_class in GENERAL]
)
def test_a_date_has_its_study_day(code: str) -> None:
    written = {name for domain in declarations(code) for name in domain.rules}
    lacking = [
        code + day for date, day in DAYS.items() if code + date in written and code + day not in written
    ]
    assert not lacking


def test_a_variable_of_the_model_is_no_qualifier() -> None:
    with pytest.raises(MappingDefinitionError, match="variable of the model"):
        Domain("MH", "Condition", {}, {"MHTOX": Supp("Toxicity", At("severity.text"))}, complete=False)


@pytest.mark.parametrize("code", ["CM", "IE", "IS", "MH", "PR", "VS"])
def test_an_added_variable_stands_behind_its_neighbour_of_the_model(code: str) -> None:
    guide = [facts.name for facts in ig_variables(code)]
    names = [facts.name for facts in domain_variables(code)]
    assert [name for name in names if name in guide] == guide
    order = [*model()[ig_datasets()[code].observation_class], *model()["TIMING"]]
    for name in set(names) - set(guide):
        before = names[names.index(name) - 1]
        assert order.index("--" + before.removeprefix(code)) < order.index("--" + name.removeprefix(code))
