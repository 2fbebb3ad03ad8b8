"""The plan of a study definition: TA and TE of its cells, TV of its encounters and their timings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from trialbridge.converters.design_forms import Record as Row
from trialbridge.converters.usdm_study import Part
from trialbridge.design import study_day_of
from trialbridge.standards import codelist

AFTER, BEFORE, FIXED = "C201356", "C201357", "C201358"
FROM, TO = "relativeFromScheduledInstanceId", "relativeToScheduledInstanceId"
DAYS: Mapping[str, float] = {"W": 7, "D": 1, "H": 1 / 24, "M": 1 / 1440}
"""Unit of a duration -> days, in the order of ISO 8601."""
EPOCHS: Mapping[str, str] = {"C48262": "SCREENING"}
"""Type of an epoch -> EPOCH, where the type is no term of that codelist itself."""

CODE = re.compile(r"[A-Za-z0-9_]{1,8}")
ARM_CODE = 20
WORDS = ("label", "description", "name")


def arms_of(design: Part) -> tuple[list[Row], list[Row]]:
    """Return TA and TE."""
    epochs = {str(one.data.get("id")): one for one in design.in_order("epochs")}
    names = _epoch_names(list(epochs.values()))
    elements = {str(one.data.get("id")): one for one in design.parts("elements")}
    codes = _codes(elements)
    cells = [cell for arm in design.parts("arms") for cell in _cells(design, arm, epochs, names, codes)]
    used = {cell["ETCD"] for cell in cells}
    made = [_element(one, codes[identity]) for identity, one in elements.items() if codes[identity] in used]
    return cells, made


def _codes(elements: Mapping[str, Part]) -> dict[str, str]:
    """Return ETCD of each element: its name where that is one, else its number."""
    names = [one.text("name", "TE ETCD") for one in elements.values()]
    plain = all(CODE.fullmatch(name) for name in names) and len(set(names)) == len(names)
    made = [name.upper() for name in names] if plain else [f"EL{n}" for n in range(1, len(names) + 1)]
    return dict(zip(elements, made, strict=True))


def _cells(
    design: Part,
    arm: Part,
    epochs: Mapping[str, Part],
    names: Mapping[str, str],
    codes: Mapping[str, str],
) -> Iterator[Row]:
    """Yield the cells of an arm in the order of the epochs."""
    name = arm.text("name", "TA ARMCD")
    words = arm.first(WORDS, "TA ARM")
    code = name if len(name) <= ARM_CODE else words[:ARM_CODE]
    own = [one for one in design.parts("studyCells") if one.data.get("armId") == arm.data.get("id")]
    place = {identity: number for number, identity in enumerate(epochs)}
    order = 0
    for cell in sorted(own, key=lambda one: place.get(str(one.data.get("epochId")), len(place))):
        cell.text("armId", "TA ARMCD")
        epoch = cell.text("epochId", "TA EPOCH")
        for element in cell.targets("elementIds", "TA ETCD"):
            order += 1
            row = {"ARMCD": code, "ARM": words, "TAETORD": str(order)}
            row |= {"ETCD": codes[str(element.data["id"])], "ELEMENT": element.first(WORDS, "TE ELEMENT")}
            yield row | ({"EPOCH": names[epoch]} if epoch in names else {})


def _epoch_names(epochs: list[Part]) -> dict[str, str]:
    """Return EPOCH of each epoch: the term of its type; its own name where several are of one type."""
    terms = codelist("EPOCH")
    types = [one.part("type").coded("TA EPOCH") for one in epochs]
    known = [
        EPOCHS.get(one.code) or getattr(terms.by_code(one.code), "submission_value", "") for one in types
    ]
    made = {}
    for one, name in zip(epochs, known, strict=True):
        own = one.first(WORDS, "TA EPOCH").upper()
        made[str(one.data.get("id"))] = name if name and known.count(name) == 1 else own
    return made


def _element(element: Part, code: str) -> Row:
    rules = {
        "TESTRL": element.part("transitionStartRule").text("text", "TE TESTRL"),
        "TEENRL": element.part("transitionEndRule").text("text", "TE TEENRL"),
    }
    row = {"ETCD": code, "ELEMENT": element.first(WORDS, "TE ELEMENT")}
    return row | {name: text for name, text in rules.items() if text}


class Moment(NamedTuple):
    """When an instance is planned, in days from the fixed reference, and its window around that."""

    days: float
    early: int | None = None
    late: int | None = None


def visits_of(design: Part) -> list[Row]:
    """Return TV: the encounters in the order of their chain, with day and window of the first instance."""
    moments = _moments_of_encounters(design)
    return [
        _visit(number, one, moments.get(str(one.data.get("id"))))
        for number, one in enumerate(design.in_order("encounters"), 1)
    ]


def _visit(number: int, encounter: Part, moment: Moment | None) -> Row:
    row: Row = {"VISITNUM": str(number), "VISIT": encounter.first(("label", "name"), "TV VISIT").upper()}
    if moment is not None and float(moment.days).is_integer():
        row["VISITDY"] = str(study_day_of(int(moment.days)))
        if moment.early is not None and moment.late is not None:
            row |= {"EARLY": str(moment.early), "LATE": str(moment.late)}
    rules = {
        "TVSTRL": encounter.part("transitionStartRule").text("text", "TV TVSTRL"),
        "TVENRL": encounter.part("transitionEndRule").text("text", "TV TVENRL"),
    }
    return row | {name: text for name, text in rules.items() if text}


def _moments_of_encounters(design: Part) -> dict[str, Moment]:
    """Return when each encounter is planned: as its own timing says, else as its first instance is."""
    found: dict[str, Moment] = {}
    for timeline in design.parts("scheduleTimelines"):
        if timeline.text("mainTimeline", "which timeline TV is of") != "true":
            continue
        timings = {str(one.data.get("id")): one for one in timeline.parts("timings")}
        moments = moments_of(list(timings.values()))
        for encounter in design.parts("encounters"):
            timing = timings.get(str(encounter.data.get("scheduledAtId")))
            if timing:
                encounter.text("scheduledAtId", "TV VISITDY")
                _keep(found, encounter.data["id"], moments, timing.data.get(FROM))
        for instance in timeline.parts("instances"):
            if encounter_id := instance.data.get("encounterId"):
                instance.text("encounterId", "TV VISITDY")
                _keep(found, encounter_id, moments, instance.data.get("id"))
    return found


def _keep(found: dict[str, Moment], encounter: str, moments: Mapping[str, Moment], instance: object) -> None:
    moment = moments.get(str(instance))
    if moment and (encounter not in found or moment.days < found[encounter].days):
        found[encounter] = moment


def moments_of(timings: list[Part]) -> dict[str, Moment]:
    """Return when each scheduled instance is planned, as far as timings lead from the fixed reference to it.

    The instance that a fixed reference is about is day 1. A timing that no chain reaches says nothing.
    """
    made: dict[str, Moment] = {}
    open_ = []
    for one in timings:
        if one.part("type").code() == FIXED:
            made[one.text(FROM, "TV VISITDY")] = Moment(0)
            one.text("value", "TV VISITDY")
        else:
            open_.append(one)
    while reached := [one for one in open_ if str(one.data.get(TO)) in made]:
        for one in reached:
            open_.remove(one)
            _reach(one, made)
    return made


def _reach(timing: Part, made: dict[str, Moment]) -> None:
    """Put the instance of a timing at its distance from the one that it counts from."""
    where = "TV VISITDY"
    start = made[timing.text(TO, where)]
    sign = {AFTER: 1, BEFORE: -1}.get(timing.part("type").coded(where).code, 0)
    days = days_of_duration(timing.text("value", where))
    instance = timing.text(FROM, where)
    if days is None or not sign or instance in made:
        return
    bounds = [days_of_duration(timing.text(name, "TV window")) for name in ("windowLower", "windowUpper")]
    window = [None if one is None or not one.is_integer() else int(one) for one in bounds]
    early = None if window[0] is None else -abs(window[0])
    made[instance] = Moment(start.days + sign * days, early, window[1])


def days_of_duration(text: str) -> float | None:
    """Return an ISO 8601 duration in days; none where it is none, or in months or years.

    Example:
        >>> days_of_duration("P2W"), days_of_duration("-P1D"), days_of_duration("P1M")
        (14.0, -1.0, None)
    """
    found = re.fullmatch(r"(-?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", text.strip())
    if not found or not any(found.groups()[1:]):
        return None
    days = sum(
        float(number) * DAYS[unit] for number, unit in zip(found.groups()[1:], "WDHM", strict=True) if number
    )
    return -days if found[1] else days


__all__ = ["arms_of", "days_of_duration", "moments_of", "visits_of"]
