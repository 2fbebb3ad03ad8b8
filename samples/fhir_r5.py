"""Return the resources of a sample in FHIR R5: what the releases keep at different places is moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trialbridge.samples.resources import HL7, Json, coding, concept

PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"
GUIDE = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition"
BACKPORT = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
PARTY_ROLE = "http://hl7.org/fhir/research-study-party-role"
STATES = f"{HL7}/research-subject-state"

Rewrite = Callable[[Json], Json]


def _renamed(said: Json, names: dict[str, str]) -> Json:
    """Return `said` with elements under other names; what has the name ``""`` is left out."""
    kept = {names.get(name, name): value for name, value in said.items()}
    return {name: value for name, value in kept.items() if name}


def _listed(said: Json, *names: str) -> Json:
    """Return `said` with elements that repeat in R5."""
    return {name: [value] if name in names else value for name, value in said.items()}


def _medication(said: Json) -> Json:
    """Return the medicine as one element of two types."""
    said = dict(said)
    if "medicationReference" in said:
        said["medication"] = {"reference": said.pop("medicationReference")}
    if "medicationCodeableConcept" in said:
        said["medication"] = {"concept": said.pop("medicationCodeableConcept")}
    return said


def _reasons(said: Json) -> Json:
    if "reasonCode" not in said:
        return said
    return {**_renamed(said, {"reasonCode": ""}), "reason": [{"concept": one} for one in said["reasonCode"]]}


def administration(said: Json) -> Json:
    """Return a MedicationAdministration."""
    found = _reasons(_medication(said))
    if "performer" in found:
        found["performer"] = [{"actor": {"reference": one["actor"]}} for one in found["performer"]]
    names = {
        "effectivePeriod": "occurencePeriod",
        "effectiveDateTime": "occurenceDateTime",
        "context": "encounter",
    }
    return _renamed(found, names)


def statement(said: Json) -> Json:
    """Return a MedicationStatement: whether it is taken now stands in its adherence."""
    taking = {"active": "taking", "completed": "stopped"}[said["status"]]
    found = _listed(_reasons(_medication(said)), "category") | {"status": "recorded"}
    code = concept("", coding("http://hl7.org/fhir/CodeSystem/medication-statement-adherence", taking))
    found["adherence"] = {"code": code}
    for one in found.get("dosage", ()):
        if "asNeededBoolean" in one:
            one["asNeeded"] = one.pop("asNeededBoolean")
    return found


def _causality(said: Json) -> Json:
    found = {"instanceReference": said["instance"]}
    assessed = said["causality"][0]
    return found | {"causality": {"entityRelatedness": assessed["assessment"], "author": assessed["author"]}}


def adverse_event(said: Json) -> Json:
    """Return an AdverseEvent; what R4 says in the extensions of the guide has elements."""
    parts = {one["url"].removeprefix(f"{BACKPORT}/"): one for one in said["extension"]}
    found = _renamed(
        said, {"event": "code", "date": "", "severity": "", "extension": "", "modifierExtension": ""}
    )
    kept = [
        one for one in said["extension"] if not one["url"].endswith(("resolve-date", "mitigating-action"))
    ]
    severity = {"url": f"{GUIDE}/ae-severity", "valueCodeableConcept": said["severity"]}
    found = _listed(found, "identifier", "outcome") | {"extension": [severity, *kept]}
    found["status"] = "entered-in-error" if "modifierExtension" in said else "completed"
    ended = parts.get("resolve-date", {}).get("valueDateTime")
    if ended:
        found["occurrencePeriod"] = {"start": said["date"], "end": ended}
    else:
        found["occurrenceDateTime"] = said["date"]
    action = parts["mitigating-action"]["extension"][0]["valueCodeableConcept"]
    found["mitigatingAction"] = [{"itemCodeableConcept": action}]
    found["suspectEntity"] = [_causality(one) for one in said["suspectEntity"]]
    return found


def _step(said: Json) -> Json:
    """Return one step of a participation."""
    parts = {one["url"]: one for one in said["extension"]}
    found: Json = {}
    for name in ("subjectState", "milestone", "reason"):
        if name in parts:
            value = parts[name]["valueCodeableConcept"]
            found[name] = [value] if name == "milestone" else value
    return found | {"startDate": parts["startDate"]["valueDateTime"]}


def research_subject(said: Json, arms: Mapping[str, str]) -> Json:
    """Return a ResearchSubject: every state stands in its progress, and arms are named by their link."""
    steps = [_step(one) for one in said.get("extension", ()) if one["url"] == PROGRESS]
    if not steps:
        state = concept("", coding(STATES, said["status"]))
        steps = [{"subjectState": state, "startDate": said["period"]["end"]}]
    names = {
        "individual": "subject",
        "assignedArm": "assignedComparisonGroup",
        "actualArm": "actualComparisonGroup",
    }
    found = _listed(_renamed(said, names | {"extension": ""}), "consent")
    for name in ("assignedComparisonGroup", "actualComparisonGroup"):
        if name in found:
            found[name] = arms[found[name]]
    return found | {"status": "active", "progress": [_single(one) for one in steps]}


def _single(step: Json) -> Json:
    if "milestone" not in step:
        return step
    return step | {"milestone": step["milestone"][0]}


def _role(code: str) -> Json:
    return concept("", coding(PARTY_ROLE, code))


def research_study(said: Json) -> Json:
    """Return a ResearchStudy."""
    sponsor, leads = said["sponsor"]["display"], said.get("principalInvestigator")
    parties = [{"role": _role("lead-sponsor"), "name": sponsor}]
    parties += [{"role": _role("primary-investigator"), "party": leads}] if leads else []
    gone = ("sponsor", "principalInvestigator", "enrollment", "arm", "focus")
    names = {"category": "studyDesign", "location": "region"}
    found = _renamed(said, names | dict.fromkeys(gone, "")) | {"status": "active", "associatedParty": parties}
    if "focus" in said:
        found["focus"] = [{"concept": one} for one in said["focus"]]
    if "arm" in said:
        found["comparisonGroup"] = [_group_of(one) for one in said["arm"]]
    if "enrollment" in said:
        found["recruitment"] = {"eligibility": said["enrollment"][0]}
    return found


def _group_of(arm: Json) -> Json:
    return {"linkId": arm["type"]["coding"][0]["code"], **arm}


def population(said: Json) -> Json:
    """Return a Group."""
    return _renamed(said, {"actual": ""}) | {"membership": "definitional"}


def plan(said: Json) -> Json:
    """Return a PlanDefinition: an action has one code."""
    return said | {"action": [_action(one) for one in said["action"]]}


def _action(said: Json) -> Json:
    found = dict(said)
    if "code" in found:
        found["code"] = found["code"][0]
    if "relatedAction" in found:
        found["relatedAction"] = [_renamed(one, {"actionId": "targetId"}) for one in found["relatedAction"]]
    if "action" in found:
        found["action"] = [_action(one) for one in found["action"]]
    return found


def encounter(said: Json) -> Json:
    """Return an Encounter."""
    found = _renamed(said, {"period": "actualPeriod", "reasonCode": ""})
    found["class"] = [concept("", said["class"])]
    found["status"] = {"finished": "completed"}.get(said["status"], said["status"])
    if "reasonCode" in said:
        found["reason"] = [{"value": [{"concept": one} for one in said["reasonCode"]]}]
    return found


def consent(said: Json) -> Json:
    """Return a Consent."""
    names = {
        "patient": "subject",
        "dateTime": "date",
        "scope": "",
        "policyRule": "",
        "organization": "grantee",
    }
    given = {"dateTime": said["dateTime"][:10]}  # R5 has no time of day here
    return _renamed(said | given, names) | {"regulatoryBasis": [said["policyRule"]]}


def procedure(said: Json) -> Json:
    """Return a Procedure."""
    names = {"performedDateTime": "occurrenceDateTime", "performedPeriod": "occurrencePeriod"}
    return _listed(_renamed(said, names), "category")


def questionnaire(said: Json) -> Json:
    """Return a Questionnaire: a choice is a question with codes."""
    return said | {"item": [_item(one) for one in said["item"]]}


def _item(said: Json) -> Json:
    found = said | ({"type": "coding"} if said.get("type") == "choice" else {})
    return found | ({"item": [_item(one) for one in found["item"]]} if "item" in found else {})


def appointment(said: Json) -> Json:
    """Return an Appointment."""
    who = next(one["actor"] for one in said["participant"])
    return _renamed(said, {"cancelationReason": "cancellationReason"}) | {"subject": who}


REWRITES: dict[str, Rewrite] = {
    "AdverseEvent": adverse_event,
    "Appointment": appointment,
    "Consent": consent,
    "Encounter": encounter,
    "Group": population,
    "Medication": lambda said: _renamed(said, {"form": "doseForm"}),
    "MedicationAdministration": administration,
    "MedicationStatement": statement,
    "PlanDefinition": plan,
    "Procedure": procedure,
    "Questionnaire": questionnaire,
    "ResearchStudy": research_study,
}
"""Resource type -> what is moved; the other types are the same in both releases."""


def in_r5(said: Json, arms: Mapping[str, str]) -> Json:
    """Return a resource of the samples in R5.

    Args:
        said: The resource in R4.
        arms: Name of each arm -> the id by which R5 links to it.

    Example:
        >>> in_r5({"resourceType": "Medication", "form": {"text": "TABLET"}}, {})
        {'resourceType': 'Medication', 'doseForm': {'text': 'TABLET'}}
    """
    if said["resourceType"] == "ResearchSubject":
        return research_subject(said, arms)
    rewrite = REWRITES.get(said["resourceType"])
    return rewrite(said) if rewrite else said
