"""A study definition as resources: the design, with the activities of each visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trialbridge.converters.design_forms import Json, concept, dicts
from trialbridge.converters.design_forms import Record as Row
from trialbridge.converters.design_places import LOINC, NCIT
from trialbridge.converters.design_plan import part_of_design
from trialbridge.converters.design_resources import design_to_fhir
from trialbridge.converters.usdm_study import Part, StudyDefinition
from trialbridge.elements import Version

SYSTEMS: Mapping[str, str] = {
    "http://www.cdisc.org": NCIT,
    "SNOMED": "http://snomed.info/sct",
    "http://snomed.info/sct": "http://snomed.info/sct",
    "LOINC": LOINC,
    "http://loinc.org": LOINC,
}
"""Name of a terminology in a study definition -> its system in FHIR."""


def usdm_resources(
    study: StudyDefinition, records: Mapping[str, Sequence[Row]], name: str, version: Version = "R4"
) -> list[Json]:
    """Return the resources of a study definition, those that others point to first.

    Args:
        study: The study definition.
        records: What `usdm_design` made of it.
        name: STUDYID.
        version: The FHIR release.
    """
    made = design_to_fhir(records, name, version)
    plan = next((one for one in made if one["resourceType"] == "PlanDefinition"), None)
    visits = [one for one in dicts(plan.get("action")) if part_of_design(one) == "visit"] if plan else []
    for visit, encounter in zip(visits, study.design.in_order("encounters"), strict=False):
        actions = [_action(one, version) for one in _activities(study.design, encounter)]
        if actions:
            visit["action"] = [*visit.get("action", ()), *actions]
    _describe_arms(made[-1], study, version)
    return made


def _activities(design: Part, encounter: Part) -> Iterator[Part]:
    """Yield the activities of an encounter, once each, in the order of the schedule."""
    seen = set()
    for timeline in design.parts("scheduleTimelines"):
        for instance in timeline.parts("instances"):
            if instance.data.get("encounterId") == encounter.data.get("id"):
                for one in instance.targets("activityIds", "PlanDefinition.action of the visit"):
                    if one.path not in seen:
                        seen.add(one.path)
                        yield one


def _action(activity: Part, version: Version) -> Json:
    where = "PlanDefinition.action of the visit"
    made: Json = {"title": activity.first(("label", "name"), where)}
    words = activity.text("description", where)
    made |= {"description": words} if words and words != made["title"] else {}
    codes = [_concept(one.part("code"), where) for one in activity.parts("definedProcedures")]
    codes = [one for one in codes if one]
    if codes:
        made["code"] = codes[0] if version == "R5" else codes
    return made


def _concept(part: Part, where: str) -> Json:
    found = part.coded(where)
    system = SYSTEMS.get(found.system)
    return concept(found.words, *([(system, found.code)] if system and found.code else []))


def _describe_arms(research: Json, study: StudyDefinition, version: Version) -> None:
    """Put the words about each arm beside its name."""
    nodes = dicts(research.get("comparisonGroup" if version == "R5" else "arm"))
    for node, arm in zip(nodes, study.design.parts("arms"), strict=False):
        words = arm.text("description", "ResearchStudy.arm.description")
        if words and words != node.get("name"):
            node["description"] = words


__all__ = ["usdm_resources"]
