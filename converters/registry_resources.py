"""A registry's record as resources: the design, and what has an element but is no parameter of TS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trialbridge.converters.assemble import digest
from trialbridge.converters.design_forms import Json, concept, dicts
from trialbridge.converters.design_forms import Record as Row
from trialbridge.converters.design_places import CTGOV, HL7, STATES
from trialbridge.converters.design_resources import design_to_fhir
from trialbridge.converters.registry_design import ARMS, INTERVENTIONS, OUTCOMES
from trialbridge.converters.registry_record import Record
from trialbridge.elements import Version

STATUS: Mapping[str, str] = {
    "NOT_YET_RECRUITING": "approved",
    "RECRUITING": "active",
    "ENROLLING_BY_INVITATION": "active",
    "ACTIVE_NOT_RECRUITING": "closed-to-accrual",
    "COMPLETED": "completed",
    "TERMINATED": "administratively-completed",
    "SUSPENDED": "temporarily-closed-to-accrual",
    "WITHDRAWN": "withdrawn",
}
"""Status in the registry -> status of ResearchStudy in R4; in R5 the word itself is the state of progress."""

NOTES: Mapping[str, str] = {
    "Intervention model": "designModule.designInfo.interventionModelDescription",
    "Masking": "designModule.designInfo.maskingInfo.masking",
    "Masking, described": "designModule.designInfo.maskingInfo.maskingDescription",
    "Target duration": "designModule.targetDuration",
    "Patient registry": "designModule.patientRegistry",
    "Biospecimens retained": "designModule.bioSpec.retention",
    "Expanded access record": "designModule.nPtrsToThisExpAccNctId",
    "Gender based": "eligibilityModule.genderBased",
    "Gender, described": "eligibilityModule.genderDescription",
}
"""What has no element but a note: its heading, and where it stands."""

NOTE_LISTS: Mapping[str, str] = {
    "Who is masked": "designModule.designInfo.maskingInfo.whoMasked",
    "Expanded access": "designModule.expandedAccessTypes",
}
LOCATIONS = "contactsLocationsModule.locations"
OFFICIALS = "contactsLocationsModule.overallOfficials"
REFERENCES = "referencesModule.references"
ROLE = "http://hl7.org/fhir/research-study-party-role"


def registry_resources(
    record: Record, records: Mapping[str, Sequence[Row]], study: str, version: Version = "R4"
) -> list[Json]:
    """Return the resources of a record, those that others point to first.

    Args:
        record: The record.
        records: What `registry_design` made of it.
        study: STUDYID.
        version: The FHIR release.
    """
    *others, whole = design_to_fhir(records, study, version)
    activities = list(_activities(record, study, version))
    sites = list(_sites(record, study))
    plan = next((one for one in others if one["resourceType"] == "PlanDefinition"), None)
    goals = list(_goals(record))
    if plan is None and (goals or activities):
        plan = _plan(study)
        others.append(plan)
        whole["protocol"] = [{"reference": f"PlanDefinition/{plan['id']}"}]
    if plan is not None:
        _plan_treatments(plan, record, activities, version)
        plan |= {"goal": goals} if goals else {}
    whole |= _status(record, version) | _words(record, version)
    _describe_arms(whole, record, version)
    whole |= _people(whole, record, version) | _about(record)
    if sites:
        whole["site"] = [{"reference": f"Location/{one['id']}"} for one in sites]
    whole.setdefault("identifier", []).extend(_other_numbers(record))
    return [*activities, *sites, *others, {name: value for name, value in whole.items() if value != []}]


def _plan(study: str) -> Json:
    kind = concept("", (f"{HL7}/plan-definition-type", "clinical-protocol"))
    plan = {"resourceType": "PlanDefinition", "id": digest("PlanDefinition", study), "type": kind}
    return {**plan, "status": "active"}


def _status(record: Record, version: Version) -> Json:
    text = record.text("statusModule.overallStatus", "ResearchStudy.status")
    why = record.text("statusModule.whyStopped", "ResearchStudy.reasonStopped")
    if version == "R5":
        codings = [(STATES, STATUS[text])] if text in STATUS else []
        said: Json = {"progressStatus": [{"state": concept(text, *codings)}]} if text else {}
        return said | ({"whyStopped": concept(why)} if why else {})
    status = {"status": STATUS[text]} if text in STATUS else {}
    return status | ({"reasonStopped": concept(why)} if why else {})


def _words(record: Record, version: Version) -> Json:
    """Return title, description and notes."""
    brief = record.text("descriptionModule.briefSummary", "ResearchStudy.description")
    whole = record.text("descriptionModule.detailedDescription", "ResearchStudy.description")
    parts = {"descriptionSummary": brief, "description": whole}
    if version != "R5":
        parts = {"description": "\n\n".join(filter(None, (brief, whole)))}
    notes = [
        f"{head}: {text}" for head, path in NOTES.items() if (text := record.text(path, f"note: {head}"))
    ]
    notes += [
        f"{head}: {', '.join(texts)}"
        for head, path in NOTE_LISTS.items()
        if (texts := record.texts(path, f"note: {head}"))
    ]
    if record.has("identificationModule.officialTitle"):
        title = record.text("identificationModule.briefTitle", "ResearchStudy.note")
        notes += [f"Brief title: {title}"] if title else []
    if acronym := record.text("identificationModule.acronym", "ResearchStudy.note"):
        notes.append(f"Acronym: {acronym}")
    found: Json = {name: text for name, text in parts.items() if text}
    return found | ({"note": [{"text": text} for text in notes]} if notes else {})


def _describe_arms(study: Json, record: Record, version: Version) -> None:
    """Put type and description to the arms, which stand in the order of the record."""
    nodes = {one["name"]: one for one in dicts(study.get("comparisonGroup" if version == "R5" else "arm"))}
    for number in range(record.count(ARMS)):
        path = f"{ARMS}[{number}]"
        node = nodes.get(record.text(f"{path}.label", "ResearchStudy.arm.name, TA ARM, TE ELEMENT"))
        kind = record.text(f"{path}.type", "ResearchStudy.arm.type")
        words = record.text(f"{path}.description", "ResearchStudy.arm.description")
        if node is not None:
            node["type"] |= {"text": kind} if kind else {}
            node |= {"description": words} if words else {}


def _activities(record: Record, study: str, version: Version) -> Iterator[Json]:
    """Yield an ActivityDefinition for each intervention, with its other names."""
    for number in range(record.count(INTERVENTIONS)):
        path = f"{INTERVENTIONS}[{number}]"
        name = record.text(f"{path}.name", "ActivityDefinition.title")
        kind = record.text(f"{path}.type", "ActivityDefinition.topic")
        words = record.text(f"{path}.description", "ActivityDefinition.description")
        others = record.texts(f"{path}.otherNames", "ActivityDefinition.product")
        record.texts(f"{path}.armGroupLabels", "PlanDefinition.action of the arm")
        ident = digest("ActivityDefinition", study, number)
        made: Json = {"resourceType": "ActivityDefinition", "id": ident, "status": "active"}
        made |= {"url": f"urn:trialbridge:activity:{ident}", "title": name}
        made |= {"description": words} if words else {}
        made |= {"topic": [concept(kind, (CTGOV, kind))]} if kind else {}
        product: Json = {"text": name, "coding": [{"display": other} for other in others]}
        yield made | {"productCodeableConcept": {key: value for key, value in product.items() if value}}
    del version


def _plan_treatments(plan: Json, record: Record, activities: Sequence[Json], version: Version) -> None:
    """Put the interventions of each arm below its only cell; without arms, into the plan itself."""
    made = {one["title"]: _treatment(one) for one in activities}
    arms = [one for one in dicts(plan.get("action")) if one.get("action")]
    for number, arm in enumerate(arms):
        names = record.texts(f"{ARMS}[{number}].interventionNames", "PlanDefinition.action of the arm")
        some = [made[name] for text in names if (name := text.partition(": ")[2]) in made]
        if some:
            arm["action"][0]["action"][0]["action"] = some
    if not arms and made:
        plan["action"] = [*plan.get("action", ()), *made.values()]
    del version


def _treatment(activity: Json) -> Json:
    return {"title": activity["title"], "definitionCanonical": activity["url"]}


def _goals(record: Record) -> Iterator[Json]:
    """Yield the outcome measures with their descriptions and time frames, which R4 has nowhere else."""
    for code, module in OUTCOMES.items():
        for number in range(record.count(f"outcomesModule.{module}")):
            path = f"outcomesModule.{module}[{number}]"
            where = f"TS {code}, PlanDefinition.goal"
            measure = record.text(f"{path}.measure", where)
            texts = [
                f"{head}{text}"
                for name, head in (("description", ""), ("timeFrame", "Time frame: "))
                if (text := record.text(f"{path}.{name}", "PlanDefinition.goal"))
            ]
            goal: Json = {"category": concept(module), "description": concept(measure)}
            artifacts = [{"type": "documentation", "display": text} for text in texts]
            yield goal | ({"documentation": artifacts} if artifacts else {})


def _sites(record: Record, study: str) -> Iterator[Json]:
    for number in range(record.count(LOCATIONS)):
        path = f"{LOCATIONS}[{number}]"
        address = {
            element: text
            for name, element in (
                ("city", "city"),
                ("state", "state"),
                ("zip", "postalCode"),
                ("country", "country"),
            )
            if (text := record.text(f"{path}.{name}", "Location.address"))
        }
        made: Json = {"resourceType": "Location", "id": digest("Location", study, number)}
        name = record.text(f"{path}.facility", "Location.name")
        made |= {"name": name} if name else {}
        made |= {"address": address} if address else {}
        latitude, longitude = (
            record.text(f"{path}.geoPoint.{part}", "Location.position") for part in ("lat", "lon")
        )
        if latitude and longitude:
            made["position"] = {"longitude": float(longitude), "latitude": float(latitude)}
        yield made


def _people(study: Json, record: Record, version: Version) -> Json:
    """Return the first investigator, and in R5 all parties with their roles."""
    parties = list(dicts(study.get("associatedParty")))
    path = "sponsorCollaboratorsModule.collaborators"
    for number in range(record.count(path) if version == "R5" else 0):
        name = record.text(f"{path}[{number}].name", "ResearchStudy.associatedParty")
        parties.append({"name": name, "role": concept("", (ROLE, "collaborator"))})
    if version != "R5":
        record.refuse(path, "R4 has no element for those who work with the sponsor")
        role = record.text(f"{OFFICIALS}[0].role", "ResearchStudy.principalInvestigator")
        if role == "PRINCIPAL_INVESTIGATOR":
            name = record.text(f"{OFFICIALS}[0].name", "ResearchStudy.principalInvestigator")
            return {"principalInvestigator": {"display": name}}
        return {}
    for number in range(record.count(OFFICIALS)):
        role, name = (
            record.text(f"{OFFICIALS}[{number}].{part}", "ResearchStudy.associatedParty")
            for part in ("role", "name")
        )
        code = "primary-investigator" if role == "PRINCIPAL_INVESTIGATOR" else "general-contact"
        parties.append({"name": name, "role": concept(role, (ROLE, code))})
    return {"associatedParty": parties} if parties else {}


def _about(record: Record) -> Json:
    """Return the literature."""
    found = []
    for number in range(record.count(REFERENCES)):
        path = f"{REFERENCES}[{number}]"
        citation = record.text(f"{path}.citation", "ResearchStudy.relatedArtifact")
        pmid = record.text(f"{path}.pmid", "ResearchStudy.relatedArtifact")
        record.text(f"{path}.type", "ResearchStudy.relatedArtifact")
        one: Json = {"type": "citation", "citation": citation}
        one |= {"document": {"url": f"https://pubmed.ncbi.nlm.nih.gov/{pmid}"}} if pmid else {}
        found.append({name: text for name, text in one.items() if text})
    return {"relatedArtifact": found} if found else {}


def _other_numbers(record: Record) -> Iterator[Json]:
    path = "identificationModule.secondaryIdInfos"
    for number in range(record.count(path)):
        one = f"{path}[{number}]"
        value = record.text(f"{one}.id", "ResearchStudy.identifier")
        kind = record.text(f"{one}.type", "ResearchStudy.identifier")
        whose = record.text(f"{one}.domain", "ResearchStudy.identifier")
        record.refuse(f"{one}.link", "an address beside a number")
        if value:
            found: Json = {"value": value}
            found |= {"type": concept(kind)} if kind else {}
            yield found | ({"assigner": {"display": whose}} if whose else {})
