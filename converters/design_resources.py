"""A trial's design as resources, and back: ResearchStudy, PlanDefinition and Group, from one set of tables.

`design_of_fhir` is the inverse of `design_to_fhir` on any records of TS, TA, TE, TV and TI: what no element
gives back stands in the documented extension of the part that it belongs to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from trialbridge.carriage import ABSENT
from trialbridge.converters.assemble import digest
from trialbridge.converters.design_criteria import criteria_of_fhir, criteria_to_fhir
from trialbridge.converters.design_forms import (
    ARM,
    DESIGN,
    Json,
    Record,
    carried,
    carrying,
    coded,
    concept,
    dicts,
    extensions,
    in_order,
)
from trialbridge.converters.design_parameters import read_parameters, write_parameters
from trialbridge.converters.design_places import Study
from trialbridge.converters.design_plan import PLAN_TYPE, plan_of_fhir, plan_to_fhir
from trialbridge.elements import Version
from trialbridge.standards import name_of_test

Design = dict[str, list[Record]]
"""TS, TA, TE, TV or TI -> its records."""

DATASETS = ("TS", "TA", "TE", "TV", "TI")
PLANNED = ("TA", "TE", "TV")
LINK = re.compile(r"[A-Za-z0-9\-.]{1,64}")
TYPES = ("ResearchStudy", "PlanDefinition", "Group", "EvidenceVariable", "Organization")
"""The resource types that a design is read of."""


def design_to_fhir(
    records: Mapping[str, Sequence[Record]],
    study: str,
    version: Version = "R4",
    *,
    name: str = "",
    arms: bool = True,
) -> list[Json]:
    """Return the resources of a design: those that others point to stand first.

    Args:
        records: Dataset -> its records.
        study: STUDYID; empty where nobody knows it.
        version: The FHIR release.
        name: The id of the ResearchStudy; made of STUDYID where nobody gives one.
        arms: Whether the study has the arms of TA; not where its subjects' resources write them.

    Example:
        >>> one = {"IETESTCD": "INCL01", "IETEST": "Adult", "IECAT": "INCLUSION"}
        >>> [made["resourceType"] for made in design_to_fhir({"TI": [one]}, "S1")]
        ['Group', 'ResearchStudy']
    """
    parts = Study(*_bare(study, version, name), {}, version)
    write_parameters(parts, _by_code(records.get("TS", ())))
    parts.study |= _arms(records.get("TA", ()), version) if arms else {}
    if extra := _carried_parameters(parts, records.get("TS", ())):
        parts.study["extension"] = [*parts.study.get("extension", ()), *extra]
    made = []
    if records.get("TI"):
        found = parts.group.get("characteristic", [])
        parts.group["characteristic"] = [*found, *criteria_to_fhir(records["TI"])]
    if parts.group.keys() & {"characteristic", "quantity"}:
        made.append(parts.group)
        _refer(parts)
    if actions := plan_to_fhir(records, version):
        plan = {
            "resourceType": "PlanDefinition",
            "id": digest("PlanDefinition", study),
            **({"title": f"Schedule and arms of {study}"} if study else {}),
            "type": concept("", (PLAN_TYPE, "clinical-protocol")),
            "status": "active",
            "action": actions,
        }
        made.append(plan)
        parts.study["protocol"] = [{"reference": f"PlanDefinition/{plan['id']}"}]
    return [*made, _ordered(parts.study)]


def _bare(study: str, version: Version, name: str) -> tuple[Json, Json]:
    """Return a ResearchStudy and a Group that say nothing yet."""
    usual = [{"use": "usual", "value": study}] if study else []
    research: Json = {
        "resourceType": "ResearchStudy",
        "id": name or digest("ResearchStudy", study),
        **({"identifier": usual} if usual else {}),
        "status": "active",
    }
    kind = {"membership": "definitional"} if version == "R5" else {"actual": False}
    group: Json = {
        "resourceType": "Group",
        "id": digest("Group", study),
        "type": "person",
        **kind,
        "name": "Who may take part",
    }
    return research, group


def _refer(parts: Study) -> None:
    reference = {"reference": f"Group/{parts.group['id']}"}
    if parts.version == "R5":
        parts.study.setdefault("recruitment", {})["eligibility"] = reference
    else:
        parts.study["enrollment"] = [reference]


def _ordered(study: Json) -> Json:
    """Return the study with the type, the id and the extensions first."""
    first = [name for name in ("resourceType", "id", "extension") if name in study]
    return {name: study[name] for name in dict.fromkeys([*first, *study])}


def _arms(cells: Sequence[Record], version: Version) -> Json:
    """Return the arms of TA as elements of ResearchStudy."""
    arms = dict.fromkeys((one["ARMCD"], one["ARM"]) for one in cells if {"ARMCD", "ARM"} <= one.keys())
    if not arms:
        return {}
    if version == "R5":
        return {"comparisonGroup": [_linked(code) | _arm(code, name) for code, name in arms]}
    return {"arm": [_arm(code, name) for code, name in arms]}


def _arm(code: str, name: str) -> Json:
    return {"name": name, "type": concept("", (ARM, code))}


def _linked(code: str) -> Json:
    """Return the link of an arm, which must be an id; a code that is none has no link."""
    return {"linkId": code} if LINK.fullmatch(code) else {}


def _by_code(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for one in records:
        found[one.get("TSPARMCD", "")].append(one)
    return found


def _carried_parameters(parts: Study, records: Sequence[Record]) -> list[Json]:
    """Return an extension for each record of TS, with what the elements do not give back of it."""
    native = _native(parts)
    seen: dict[str, int] = defaultdict(int)
    found = []
    for one in records:
        code = one.get("TSPARMCD", "")
        there = native.get(code, [])
        known = there[seen[code]] if seen[code] < len(there) else {}
        seen[code] += 1
        node = carrying({}, one, known)
        if node:
            [extension] = node["extension"]
            if "TSPARMCD" not in {part["url"] for part in extension["extension"]}:
                extension["extension"].insert(0, {"url": "TSPARMCD", "valueString": code})
            found.append(extension)
    if unsaid := [code for code in native if code not in seen]:
        found.append(_extension({ABSENT: " ".join(unsaid)}))
    return found


def _native(parts: Study) -> dict[str, list[Record]]:
    """Return the records that elements say, with the name of the parameter and their number."""
    found = {}
    for code, records in read_parameters(parts).items():
        name = name_of_test("TSPARMCD", code)
        named = {"TSPARMCD": code, **({"TSPARM": name} if name else {})}
        found[code] = [{**named, "TSSEQ": str(number), **one} for number, one in enumerate(records, 1)]
    return found


def parameters_of_fhir(parts: Study) -> list[Record]:
    """Return the records of TS: what elements say, with what the extensions hold."""
    native = _native(parts)
    held: dict[str, list[Record]] = defaultdict(list)
    for one in extensions(parts.study):
        held[one.get("TSPARMCD", "")].append(one)
    for one in held.pop("", []):
        native = {code: some for code, some in native.items() if code not in one.get(ABSENT, "").split()}
    found = []
    for code in dict.fromkeys([*native, *held]):
        there, beside = native.get(code, []), held.get(code, [])
        for number in range(max(len(there), len(beside))):
            known = there[number] if number < len(there) else {}
            extra = [beside[number]] if number < len(beside) else []
            node = {"extension": [_extension(one) for one in extra]}
            found.append(carried(node, known))
    return in_order([one for one in found if one.get("TSPARMCD")])


def _extension(record: Record) -> Json:
    return {"url": DESIGN, "extension": [{"url": name, "valueString": text} for name, text in record.items()]}


def arms_of_fhir(study: Json, version: Version) -> dict[str, str]:
    """Return the name of each arm -> ARMCD, where the study says it.

    Example:
        >>> arms_of_fhir({"arm": [{"name": "High", "type": concept("", (ARM, "HI"))}]}, "R4")
        {'High': 'HI'}
    """
    nodes = dicts(study.get("comparisonGroup" if version == "R5" else "arm"))
    pairs = ((one.get("name"), coded(one.get("type"), ARM)) for one in nodes)
    return {str(name): str(code) for name, code in pairs if name and code}


def design_of_fhir(resources: Sequence[Json], version: Version = "R4") -> Design:
    """Return the records of a design that the resources of one study state.

    Args:
        resources: ResearchStudy, PlanDefinitions, Groups or EvidenceVariables, and the sponsor.
        version: Their FHIR release.

    Example:
        >>> one = {"IETESTCD": "INCL01", "IETEST": "Adult", "IECAT": "INCLUSION"}
        >>> design_of_fhir(design_to_fhir({"TI": [one]}, "S1"))["TI"] == [one]
        True
    """
    by_type: dict[str, list[Json]] = defaultdict(list)
    for one in resources:
        by_type[str(one.get("resourceType"))].append(one)
    studies, groups = by_type["ResearchStudy"], [*by_type["Group"], *by_type["EvidenceVariable"]]
    sponsor = next(iter(by_type["Organization"]), {})
    parts = Study(next(iter(studies), {}), next(iter(groups), {}), sponsor, version)
    characteristics = [one for group in groups for one in dicts(group.get("characteristic"))]
    actions = [one for plan in by_type["PlanDefinition"] for one in dicts(plan.get("action"))]
    found = {
        "TS": parameters_of_fhir(parts),
        **plan_of_fhir(actions),
        "TI": criteria_of_fhir(characteristics),
    }
    return {name: some for name, some in found.items() if some}
