"""TA, TE and TV in a PlanDefinition: arms with their epochs and elements, and the visits with day and window.

The tree::

    element   prefix ETCD, title ELEMENT, condition start TESTRL and stop TEENRL, timingDuration TEDUR
    arm       prefix ARMCD, title ARM
      epoch     title EPOCH
        cell      prefix ETCD, title ELEMENT, in the order of TAETORD
    day-1     the day that offsets count from: RFSTDTC
    visit     prefix VISITNUM, title VISIT, condition start TVSTRL and stop TVENRL,
              relatedAction to day-1: offsetDuration VISITDY, acceptable range the window
      domain    what is collected at the visit

Each action says by a code of `PART` what it is. An action of somebody else's plan that says nothing, but has
a title and an offset, or leads to the plan of a visit, counts as a visit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from trialbridge.classes import DATASETS
from trialbridge.converters.design_forms import (
    PART,
    UCUM,
    Json,
    Place,
    Plain,
    Record,
    carried,
    carrying,
    coded,
    concept,
    dicts,
    in_order,
    read_places,
    write_places,
)
from trialbridge.converters.design_spans import days_of, duration, iso_duration
from trialbridge.design import elapsed, study_day_of
from trialbridge.elements import Version

PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
RANGE = "http://hl7.org/fhir/uv/vulcan-schedule/StructureDefinition/AcceptableOffsetRangeSoa"
TIMEPOINT = "soaPlannedTimePoint"
PLANNED_RANGE = "soaPlannedRange"
DAY_1 = "day-1"
TARGETS: Mapping[Version, str] = {"R4": "actionId", "R4B": "actionId", "R5": "targetId"}
BEFORE = ("before", "before-start", "before-end")


@dataclass(frozen=True)
class Rule:
    """A rule in words: when something starts or stops."""

    variable: str
    kind: str

    def read(self, node: Json) -> Record:
        """Return the words of the condition."""
        for one in dicts(node.get("condition")):
            expression = one.get("expression")
            if one.get("kind") == self.kind and isinstance(expression, dict):
                text = expression.get("expression") or expression.get("description")
                return {self.variable: text} if text else {}
        return {}

    def write(self, node: Json, record: Record) -> None:
        """Write the words as a condition."""
        if self.variable in record:
            words = {"language": "text/plain", "expression": record[self.variable]}
            node.setdefault("condition", []).append({"kind": self.kind, "expression": words})


@dataclass(frozen=True)
class Lasting:
    """A duration in ISO 8601."""

    variable: str
    element: str

    def read(self, node: Json) -> Record:
        """Return the duration."""
        text = iso_duration(node.get(self.element))
        return {self.variable: text} if text else {}

    def write(self, node: Json, record: Record) -> None:
        """Write the duration, where it is one number of one unit."""
        if found := duration(record.get(self.variable, "")):
            node[self.element] = found


@dataclass(frozen=True)
class Timing:
    """VISITDY as an offset from the first day, and the window as the range around it.

    Attributes:
        target: Name of the element that says which action the offset counts from.
    """

    target: str

    def read(self, node: Json) -> Record:
        """Return the planned day and the window, in days around it."""
        for one in dicts(node.get("relatedAction")):
            offset = days_of(one.get("offsetDuration"))
            if offset is not None:
                sign = -1 if one.get("relationship") in BEFORE else 1
                return _timed(study_day_of(sign * offset), sign, offset, _range(one))
        return _time_point(node)

    def write(self, node: Json, record: Record) -> None:
        """Write the offset and the range."""
        day = record.get("VISITDY", "")
        if not day.lstrip("-").isdigit() or int(day) == 0:
            return
        offset = elapsed(int(day))
        side = "before-start" if offset < 0 else "after-start"
        related: Json = {}
        if "EARLY" in record and "LATE" in record:
            ends = sorted(abs(offset + int(record[name])) for name in ("EARLY", "LATE"))
            same = [(offset + int(record[name])) * (-1 if offset < 0 else 1) for name in ("EARLY", "LATE")]
            ends = sorted(same) if min(same) < 0 else ends
            bounds = {name: _days(value) for name, value in zip(("low", "high"), ends, strict=True)}
            related["extension"] = [{"url": RANGE, "valueRange": bounds}]
        related |= {self.target: DAY_1, "relationship": side, "offsetDuration": _days(abs(offset))}
        node["relatedAction"] = [related]


def _days(value: int) -> Json:
    return {"value": value, "unit": "day", "system": UCUM, "code": "d"}


def _range(related: Json) -> tuple[int, int] | None:
    for one in dicts(related.get("extension")):
        if str(one.get("url", "")).endswith("AcceptableOffsetRangeSoa"):
            return _bounds(one.get("valueRange"))
    return None


def _bounds(value: object) -> tuple[int, int] | None:
    if not isinstance(value, dict):
        return None
    low, high = (days_of(value.get(name)) for name in ("low", "high"))
    return None if low is None or high is None else (low, high)


def _timed(day: int, sign: int, offset: int, bounds: tuple[int, int] | None) -> Record:
    found: Record = {"VISITDY": str(day)}
    if bounds:
        early, late = sorted(sign * (bound - offset) for bound in bounds)
        if early <= 0 <= late:
            found |= {"EARLY": str(early), "LATE": str(late)}
    return found


def _time_point(node: Json) -> Record:
    """Return the planned day and window of the second version of the schedule of activities."""
    for one in dicts(node.get("extension")):
        parts = {part.get("url"): part for part in dicts(one.get("extension"))}
        if TIMEPOINT in parts:
            day = days_of(parts[TIMEPOINT].get("valueQuantity"))
            bounds = _bounds(parts.get(PLANNED_RANGE, {}).get("valueRange"))
            if day:
                window = {"EARLY": str(-abs(bounds[0])), "LATE": str(abs(bounds[1]))} if bounds else {}
                return {"VISITDY": str(day), **window}
    return {}


class Collected:
    """The domains that a visit is planned for, as actions of the visit."""

    def read(self, node: Json) -> Record:
        """Return the codes of the domains."""
        codes = [coded(one.get("code"), DATASETS) for one in dicts(node.get("action"))]
        return {"COLLECTED": [code for code in codes if code]} if any(codes) else {}

    def write(self, node: Json, record: Record) -> None:
        """Write an action for each domain."""
        if record.get("COLLECTED"):
            node["action"] = [
                {"title": code, "code": [concept("", (DATASETS, code))]} for code in record["COLLECTED"]
            ]


ELEMENT: tuple[Place, ...] = (
    Plain("ETCD", "prefix"),
    Plain("ELEMENT", "title"),
    Rule("TESTRL", "start"),
    Rule("TEENRL", "stop"),
    Lasting("TEDUR", "timingDuration"),
)
ARMS: tuple[Place, ...] = (Plain("ARMCD", "prefix"), Plain("ARM", "title"))
EPOCH: tuple[Place, ...] = (Plain("EPOCH", "title"),)
CELL: tuple[Place, ...] = (Plain("ETCD", "prefix"), Plain("ELEMENT", "title"))


def visit_places(version: Version) -> tuple[Place, ...]:
    """Return where the variables of TV, and the window, stand in an action."""
    return (
        Plain("VISITNUM", "prefix"),
        Plain("VISIT", "title"),
        Rule("TVSTRL", "start"),
        Rule("TVENRL", "stop"),
        Timing(TARGETS[version]),
        Collected(),
    )


def plan_to_fhir(records: Mapping[str, Sequence[Record]], version: Version) -> list[Json]:
    """Return the actions of a plan for records of TE, TA and TV.

    Example:
        >>> visit = {"VISITNUM": "3", "VISIT": "WEEK 2", "VISITDY": "14", "EARLY": "-3", "LATE": "3"}
        >>> day1, week2 = plan_to_fhir({"TV": [visit]}, "R4")
        >>> plan_of_fhir([day1, week2])["TV"] == [visit]
        True
    """
    made = [_part("element", ELEMENT, one) for one in records.get("TE", ())]
    for code, cells in groupby(records.get("TA", ()), key=lambda one: (one.get("ARMCD"), one.get("ARM"))):
        made.append(_arm(code, list(cells)))
    if records.get("TV"):
        made.append({"id": DAY_1, "title": "Reference start date (RFSTDTC)", "code": [_kind(DAY_1)]})
        made += [_part("visit", visit_places(version), one) for one in records["TV"]]
    return made if version != "R5" else [_single_code(one) for one in made]


def _kind(part: str) -> Json:
    return concept("", (PART, part))


def _part(part: str, places: Sequence[Place], record: Record) -> Json:
    node = write_places(places, record)
    return carrying({**node, "code": [_kind(part)]}, record, read_places(places, node))


def _arm(code: tuple[str | None, str | None], cells: list[Record]) -> Json:
    """Return an arm with its epochs and cells; what only the extension can hold stands in the cells."""
    known = {name: value for name, value in zip(("ARMCD", "ARM"), code, strict=True) if value}
    arm: Json = {**write_places(ARMS, known), "code": [_kind("arm")], "action": []}
    order = 0
    for epoch, some in groupby(cells, key=lambda one: one.get("EPOCH", "")):
        inside: list[Json] = []
        for cell in some:
            order += 1
            node = write_places(CELL, cell)
            native = {**known, **({"EPOCH": epoch} if epoch else {}), **read_places(CELL, node)}
            native["TAETORD"] = str(order)
            inside.append(carrying({**node, "code": [_kind("cell")]}, cell, native))
        around = write_places(EPOCH, {"EPOCH": epoch} if epoch else {})
        arm["action"].append({**around, "code": [_kind("epoch")], "action": inside})
    return arm


def _single_code(action: Json) -> Json:
    """Return an action as R5 has it: with one code, not several."""
    made = {**action}
    if "code" in action:
        made["code"] = action["code"][0]
    if "action" in action:
        made["action"] = [_single_code(one) for one in action["action"]]
    return made


def plan_of_fhir(actions: Sequence[Json]) -> dict[str, list[Record]]:
    """Return the records of TE, TA and TV that the actions of plans make."""
    elements = [one for one in actions if part_of_design(one) == "element"]
    found = {
        "TE": [carried(one, read_places(ELEMENT, one)) for one in elements],
        "TA": [cell for one in actions if part_of_design(one) == "arm" for cell in _cells(one)],
        "TV": list(_visits(actions)),
    }
    return {name: in_order(some) for name, some in found.items() if some}


def part_of_design(action: Json) -> str:
    """Return which part of the design an action is; empty where it does not say."""
    return coded(action.get("code"), PART)


def _cells(arm: Json) -> Iterator[Record]:
    known = read_places(ARMS, arm)
    order = 0
    for epoch in dicts(arm.get("action")):
        around = read_places(EPOCH, epoch) if part_of_design(epoch) == "epoch" else {}
        for cell in dicts(epoch.get("action")) if around or epoch.get("action") else [epoch]:
            order += 1
            native = {**known, **around, **read_places(CELL, cell), "TAETORD": str(order)}
            yield carried(cell, native)


def _visits(actions: Sequence[Json]) -> Iterator[Record]:
    """Yield the visits; one without a number has its place among the visits as number."""
    plain = [one for one in actions if is_visit(one)]
    for number, one in enumerate(plain, 1):
        version: Version = "R5" if isinstance(one.get("code"), dict) else "R4"
        found = carried(one, read_places(visit_places(version), one))
        if "VISIT" not in found:
            continue
        prefix = found.get("VISITNUM", "")
        yield {**found, "VISITNUM": prefix if _is_number(prefix) else str(number)}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()


def is_visit(action: Json) -> bool:
    """Return whether an action is a visit: it says so, or says nothing and has a planned time or plan.

    Example:
        >>> is_visit({"title": "Visit-2", "definitionUri": "PlanDefinition/v2"})
        True
    """
    if part := part_of_design(action):
        return part == "visit"
    leads = str(action.get("definitionCanonical") or action.get("definitionUri") or "")
    timed = any(days_of(one.get("offsetDuration")) is not None for one in dicts(action.get("relatedAction")))
    return bool(action.get("title")) and (timed or "PlanDefinition/" in leads or bool(_time_point(action)))


__all__ = ["PLAN_TYPE", "is_visit", "part_of_design", "plan_of_fhir", "plan_to_fhir"]
