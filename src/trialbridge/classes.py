"""Declarations for datasets that have no mapping: one for each observation class, and one for the rest.

Findings become Observations, interventions Procedures, events Observations of what happened; any other
dataset (trial design, relationships, a sponsor's own tables) becomes Basic resources, one a record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache

from trialbridge.codecs import Codes, DateTime
from trialbridge.mapping import Domain
from trialbridge.quantities import Measured, Unit
from trialbridge.results import Absence, Without
from trialbridge.rules import At, OneOf, Read, Rule
from trialbridge.standards import ig_datasets

TESTS = "urn:trialbridge:sdtm:test"
"""System of a sponsor's own test codes."""

DATASETS = "urn:trialbridge:sdtm:dataset"
"""System of the codes that say which dataset a Basic resource is a record of."""

VALUE = "valueQuantity"
WITHDRAWN = {"entered-in-error": "entered in error: the sender withdraws it"}


def _findings(code: str) -> Domain:
    """Return findings as Observations: the test, its result, when and where."""
    rules: dict[str, Rule] = {
        "TESTCD": At(f"code.coding[system={TESTS}].code"),
        "TEST": At("code.text"),
        "CAT": At("category[].text"),
        "ORRES": OneOf(Measured(VALUE), At("valueString")),
        "ORRESU": Unit(VALUE, needs=f"{VALUE}.value"),
        "STAT": Without((f"{VALUE}.value", "valueString"), Absence("dataAbsentReason")),
        "REASND": At("dataAbsentReason.text"),
        "LOC": At("bodySite.text"),
        "METHOD": At("method.text"),
        "DTC": OneOf(At("effectiveDateTime", DateTime()), Read(At("effectivePeriod.start", DateTime()))),
        "ENDTC": At("effectivePeriod.end", DateTime()),
    }
    return _domain(code, "Observation", rules, "final")


def _interventions(code: str) -> Domain:
    """Return interventions as Procedures; what did not occur was not done."""
    rules: dict[str, Rule] = {
        "TRT": At("code.text"),
        "CAT": At("category.text"),
        "OCCUR": At("status", Codes({"not-done": "N", "completed": "Y"}, partial=True)),
        "STAT": At("status", Codes({"not-done": "NOT DONE"}, partial=True)),
        "REASND": At("statusReason.text"),
        "LOC": At("bodySite[].text"),
        "STDTC": At("performedPeriod.start", DateTime()),
        "ENDTC": At("performedPeriod.end", DateTime()),
    }
    return _domain(code, "Procedure", rules, "unknown")


def _events(code: str) -> Domain:
    """Return events as Observations of what happened, or did not."""
    rules: dict[str, Rule] = {
        "TERM": At("code.text"),
        "CAT": At("category[].text"),
        "OCCUR": At("valueBoolean", Codes({"true": "Y", "false": "N"})),
        "STAT": Without(("valueBoolean",), Absence("dataAbsentReason")),
        "REASND": At("dataAbsentReason.text"),
        "LOC": At("bodySite.text"),
        "STDTC": OneOf(At("effectivePeriod.start", DateTime()), Read(At("effectiveDateTime", DateTime()))),
        "ENDTC": At("effectivePeriod.end", DateTime()),
    }
    return _domain(code, "Observation", rules, "final")


def _domain(code: str, source: str, rules: Mapping[str, Rule], status: str) -> Domain:
    """Return a declaration of the rules of a class; what was entered in error is no record."""
    return Domain(
        code,
        source,
        _prefixed(code, rules),
        excluded={"status": WITHDRAWN},
        fixed={"status": status},
        complete=False,
    )


def _others(code: str) -> Domain:
    """Return records of any other dataset as Basic resources that say which dataset they are of."""
    return Domain(code, "Basic", {}, fixed={f"code.coding[system={DATASETS}].code": code}, complete=False)


def _prefixed(code: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    return {f"{code[:2]}{name}": rule for name, rule in rules.items()}


CLASSES: Mapping[str, Callable[[str], Domain]] = {
    "FINDINGS": _findings,
    "FINDINGS ABOUT": _findings,
    "INTERVENTIONS": _interventions,
    "EVENTS": _events,
}
_TOPICS = {"TESTCD": "FINDINGS", "TRT": "INTERVENTIONS", "TERM": "EVENTS"}


def observation_class(name: str, variables: Collection[str]) -> str:
    """Return the general observation class of a dataset; empty where it is of none.

    The standard says it of its own domains; of a sponsor's, the topic variable does.

    Args:
        name: Dataset name.
        variables: Names of its variables.

    Example:
        >>> observation_class("XB", ["STUDYID", "XBTESTCD"])
        'FINDINGS'
        >>> observation_class("SUPPAE", ["QNAM"])
        ''
    """
    known = ig_datasets().get(name)
    if known is not None:
        return known.observation_class if known.observation_class in CLASSES else ""
    found = (of for topic, of in _TOPICS.items() if f"{name[:2]}{topic}" in variables)
    return "" if name.startswith("SUPP") else next(found, "")


@cache
def of_class(name: str, group: str) -> Domain:
    """Return the declaration of a dataset without a mapping.

    Args:
        name: Dataset name.
        group: Its general observation class; empty for none.

    Example:
        >>> of_class("XB", "FINDINGS").source, of_class("TA", "").source
        ('Observation', 'Basic')
    """
    return CLASSES.get(group, _others)(name)
