"""How the variables of time come about, for Define-XML: as the design of the study has it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trialbridge.design import Design
from trialbridge.rules import OneWay, Rule

VISIT_METHOD = (
    "The planned visit that the record's Encounter names, or whose window holds the day of the Encounter; "
    "else the one visit that the subject had on the day of the record, a planned one before an unscheduled "
    "one; else the one planned visit whose window holds the day. Blank where several would do, or "
    "none. Unscheduled visits are numbered by date after the planned visit before them."
)
TIES = {
    "treatment": "a day that two elements share belongs to the treatment epoch, else to the later one",
    "later": "a day that two elements share belongs to the later one",
}
SAME_DAY = {
    "exclude": "A date alone that is the day of RFXSTDTC is not before it.",
    "include": "A date alone that is the day of RFXSTDTC counts as before it.",
}
EARLIER = {
    "blank": "What began before the first element has none.",
    "first": "What began before the first is in it.",
}

TIMING_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "VISITNUM": VISIT_METHOD,
        "VISIT": "The planned name of the visit; UNSCHEDULED and VISITNUM where it is not planned.",
        "VISITDY": "The planned day of the visit, by VISITNUM.",
        "EPOCH": "The epoch of the element in which the record begins, by SE and the record's date.",
        "--LOBXFL": "Y on the last non-missing result before RFXSTDTC, for each subject and test with its "
        "category, specimen, method, position and location. Dates are compared at the precision both have.",
        "--BLFL": "Y on the last non-missing result that the sponsor's rule allows, by subject and test.",
        "--STTPT": "The date on which the relation to the start was recorded.",
        "--ENTPT": "The date on which the relation to the end was recorded.",
        "--STRF": "BEFORE where the start lies before a time point that is not after RFSTDTC.",
        "--ENRF": "AFTER where the end lies after a time point that is not before RFENDTC, DURING/AFTER "
        "where that point lies between RFSTDTC and RFENDTC.",
        "--TPTNUM": "The number that is planned for the time point.",
        "--ELTM": "The time that is planned for the time point, counted from its reference.",
        "--TPTREF": "The reference that is planned for the time point.",
        "--RFTDTC": "The start of the dose that the planned time point counts from: the first, or the latest "
        "that is not after the record.",
        "SVPRESP": "Y where the visit is planned.",
        "SVOCCUR": "Of a planned visit: Y where it took place; N where it was cancelled, or where its window "
        "was over before the subject's participation ended and nothing lies in it.",
        "SVUPDES": "What the Encounter of an unplanned visit is called.",
        "SESTDTC": "The moment that the start rule of the element names.",
        "SEENDTC": "The moment that the end rule of the element names; without one the start of the "
        "subject's next element, else the end of participation.",
        "ETCD": "Each element of the subject's planned arm of which the start rule names a moment that "
        "the subject has; UNPLAN where a subject without an arm was treated.",
        "ELEMENT": "The planned name of the element, by ETCD.",
        "TAETORD": "The planned order of the element in the subject's arm.",
        "SEUPDES": "The description of the unplanned treatment, from DM.",
    }
)
"""How each comes about; ``--`` stands for the prefix of the domain."""

OF_VISITS = frozenset({"VISITNUM", "VISIT", "VISITDY"})
"""Derived only where visits are planned; without a plan VISIT is what the Encounter is called."""


def timing_method(code: str, name: str, rule: Rule | None, design: Design) -> str:
    """Return how a variable of time comes about under a design; empty for one that is not derived.

    Example:
        >>> timing_method("LB", "LBBLFL", None, Design(baseline={"LB": "visit 3"}))[-21:]
        'The rule is: visit 3.'
        >>> timing_method("LB", "VISITNUM", None, Design())
        ''
    """
    if name in OF_VISITS and not design.visits.num_rows:
        return ""
    if name == "EPOCH":
        said = f"{TIMING_METHODS[name][:-1]}; {TIES[design.tie]}. {EARLIER[design.before]}"
        return said if code != "SE" else "The planned epoch of the element in the subject's arm."
    if name == f"{code}BLFL":
        chosen = design.baseline.get(code)
        return f"{TIMING_METHODS['--BLFL']} The rule is: {chosen}." if chosen else ""
    if name == f"{code}LOBXFL":
        return f"{TIMING_METHODS['--LOBXFL']} {SAME_DAY[design.same_day]}"
    if name not in OF_VISITS and not isinstance(rule, OneWay | None):
        return ""  # a source says it
    general = TIMING_METHODS.get(f"--{name.removeprefix(code)}", "") if name.startswith(code) else ""
    return TIMING_METHODS.get(name, "") or general
