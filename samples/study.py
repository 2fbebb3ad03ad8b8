"""Return the trial itself, its site and people, and who takes part: everything but what is measured."""

from __future__ import annotations

from datetime import date, timedelta

from trialbridge.samples.exposure import PRODUCT
from trialbridge.samples.participants import REGISTRY, SITE, STUDY, Attendance, Participant
from trialbridge.samples.resources import (
    HL7,
    HOSPITAL,
    NCIT,
    SNOMED,
    SPONSOR,
    US_CORE,
    Json,
    coding,
    concept,
    extension,
    identifier,
    later,
    new_york,
    reference,
    resource,
)

ARM = "UC-MSC single dose"
SET_UP = "2025-01-15T09:00:00-05:00"
CHARLESTON = {"city": "Charleston", "state": "SC", "country": "US"}
OMB = "urn:oid:2.16.840.1.113883.6.238"
OMB_NAMES = {
    "1002-5": "American Indian or Alaska Native",
    "2028-9": "Asian",
    "2054-5": "Black or African American",
    "2076-8": "Native Hawaiian or Other Pacific Islander",
    "2106-3": "White",
    "2135-2": "Hispanic or Latino",
    "2186-5": "Not Hispanic or Latino",
    "ASKU": "Asked but no answer",
}
NULL_FLAVOR = f"{HL7}/v3-NullFlavor"
STATES = f"{HL7}/research-subject-state"
PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"


def organizations() -> list[Json]:
    """Return the sponsor, the site's hospital and the two laboratories."""
    named = {
        "sponsor": "LIVEKIDNEY.BIO",
        "site-hospital": "Medical University of South Carolina",
        "hospital-lab": "Site hospital clinical laboratory",
        "biomarker-lab": "Central biomarker laboratory",
    }
    said = [
        resource("Organization", ident, SET_UP) | {"active": True, "name": name}
        for ident, name in named.items()
    ]
    said[1]["address"] = [CHARLESTON]
    return said


def people_of_the_site() -> list[Json]:
    """Return the Practitioners: an investigator and a study nurse, both invented."""
    named = {
        "investigator-1": ("INV-01", "Example", "Investigator"),
        "nurse-1": ("SN-01", "Example", "Nurse"),
    }
    return [
        resource("Practitioner", ident, SET_UP)
        | {
            "identifier": [identifier(f"{SPONSOR}/staff", number)],
            "name": [{"text": f"{given} {family}", "family": family, "given": [given]}],
        }
        for ident, (number, given, family) in named.items()
    ]


def location() -> Json:
    """Return the site's Location, which says the country."""
    said = resource("Location", f"site-{SITE}", SET_UP)
    said |= {
        "identifier": [identifier(f"{SPONSOR}/sites", SITE)],
        "name": "Charleston site",
        "address": CHARLESTON,
    }
    return said | {"managingOrganization": reference("Organization", "site-hospital")}


def planned_group() -> Json:
    """Return the Group that says how many participants are planned."""
    said = resource("Group", "planned", SET_UP)
    return said | {"type": "person", "actual": False, "name": "Planned enrolment", "quantity": 10}


def studies() -> list[Json]:
    """Return the study as a whole, and its part at the site."""
    whole = resource("ResearchStudy", "lkb-sle-101", SET_UP) | {
        "identifier": [
            identifier("https://clinicaltrials.gov", REGISTRY, "Registry number"),
            identifier(f"{SPONSOR}/protocols", STUDY, "Sponsor protocol number"),
        ],
        "title": "UC-MSC Cell Therapy Study for Systemic Lupus Erythematosus (SLE) Patients",
        "status": "completed",
        "primaryPurposeType": concept("", coding(f"{HL7}/research-study-prim-purp-type", "treatment")),
        "phase": concept("", coding(f"{HL7}/research-study-phase", "phase-1")),
        "focus": [PRODUCT],
        "condition": [concept("Systemic lupus erythematosus", coding(SNOMED, "55464009"))],
        "enrollment": [reference("Group", "planned")],
        "period": {"start": "2025-02-10", "end": "2026-01-09"},
        "sponsor": reference("Organization", "sponsor"),
        "arm": [
            {
                "name": ARM,
                "type": concept("Experimental"),
                "description": "One subcutaneous dose of UC-MSC in addition to standard of care",
            }
        ],
        "objective": [{"name": "Safety and tolerability to Day 168", "type": concept("primary")}],
    }
    part = resource("ResearchStudy", f"lkb-sle-101-site-{SITE}", SET_UP) | {
        "identifier": [identifier(f"{SPONSOR}/sites", SITE, "Site number")],
        "title": f"{STUDY} at site {SITE}",
        "partOf": [reference("ResearchStudy", "lkb-sle-101")],
        "status": "completed",
        "period": {"start": "2025-02-03", "end": "2026-01-09"},
        "sponsor": reference("Organization", "sponsor"),
        "principalInvestigator": reference("Practitioner", "investigator-1"),
        "site": [reference("Location", f"site-{SITE}")],
    }
    return [whole, part]


def _race(person: Participant) -> Json:
    names = {code: OMB_NAMES[code] for code in person.races}
    found = [extension("ombCategory", valueCoding=coding(OMB, code, name)) for code, name in names.items()]
    text = extension("text", valueString=" and ".join(names.values()))
    return {"url": f"{US_CORE}/us-core-race", "extension": [*found, text]}


def _ethnicity(person: Participant) -> Json:
    system = OMB if person.ethnicity[0].isdigit() else NULL_FLAVOR
    name = OMB_NAMES[person.ethnicity]
    found = extension("ombCategory", valueCoding=coding(system, person.ethnicity, name))
    text = extension("text", valueString=name)
    return {"url": f"{US_CORE}/us-core-ethnicity", "extension": [found, text]}


def patient(person: Participant, at: int) -> Json:
    """Return the Patient of `person`, the `at`-th on the ward's list."""
    said: Json = resource("Patient", person.key, new_york(person.consent, 500))
    said |= {
        "extension": [_race(person), _ethnicity(person)],
        "identifier": [
            identifier(f"{HOSPITAL}/mrn", f"SYN{700000 + 37 * at}", "Medical record number"),
            identifier(f"{SPONSOR}/participants", person.key, "Participant number"),
        ],
        "name": [{"use": "anonymous", "text": f"Synthetic participant {person.key}"}],
        "gender": person.gender,
        "birthDate": person.birth,
        "address": [{"state": "SC", "country": "US"}],
    }
    if person.dies is not None and person.dose is not None:
        said["deceasedDateTime"] = new_york(person.dose + timedelta(person.dies), 255)
    return said


def _state(person: Participant) -> str:
    if person.dose is None:
        return "ineligible"
    return "withdrawn" if person.leaves is not None else "off-study"


REASONS = {
    "COMPLETED": ("C25250", "Completed"),
    "DEATH": ("C28554", "Death"),
    "WITHDRAWAL BY SUBJECT": ("C49634", "Withdrawal by subject"),
}
"""Why participation ended: NCI code and words."""


def _end(person: Participant, last: date) -> Json:
    """Return the last state with its reason, as R5's progress in the extension that R4 has for it."""
    why = "COMPLETED" if person.leaves is None else "WITHDRAWAL BY SUBJECT"
    code, words = REASONS["DEATH" if person.dies is not None else why]
    parts = [
        extension("subjectState", valueCodeableConcept=concept("", coding(STATES, _state(person)))),
        extension("reason", valueCodeableConcept=concept(words, coding(NCIT, code))),
        extension("startDate", valueDateTime=last.isoformat()),
    ]
    return {"url": PROGRESS, "extension": parts}


def research_subject(person: Participant, visits: list[Attendance]) -> Json:
    """Return the ResearchSubject: both numbers, how it ended, and the arm, planned and actual."""
    last = visits[-1].on
    if person.dies is not None and person.dose is not None:
        last = person.dose + timedelta(person.dies)
    said = resource("ResearchSubject", person.key, new_york(last, 960))
    numbers = [identifier(f"{SPONSOR}/screening-numbers", person.screening, "Screening number")]
    if person.subject:
        numbers.append(identifier(f"{SPONSOR}/subject-numbers", person.subject, "Subject number"))
    said |= {
        "identifier": numbers,
        "status": _state(person),
        "period": {"start": person.consent.isoformat(), "end": last.isoformat()},
        "study": reference("ResearchStudy", f"lkb-sle-101-site-{SITE}"),
        "individual": reference("Patient", person.key),
        "consent": reference("Consent", f"{person.key}-consent"),
    }
    treated = {"extension": [_end(person, last)], "assignedArm": ARM, "actualArm": ARM}
    return said | (treated if person.dose else {})


def consent(person: Participant) -> Json:
    """Return the informed consent, given before anything else on the day of screening."""
    at = new_york(person.consent, 480)
    return resource("Consent", f"{person.key}-consent", at) | {
        "status": "active",
        "scope": concept("", coding(f"{HL7}/consentscope", "research")),
        "category": [concept("", coding(f"{HL7}/consentcategorycodes", "research"))],
        "patient": reference("Patient", person.key),
        "dateTime": at,
        "organization": [reference("Organization", "site-hospital")],
        "policyRule": concept("Informed consent of the main study"),
    }


def encounter(came: Attendance) -> Json:
    """Return the Encounter of one visit; a planned visit that nobody came to is cancelled."""
    at = new_york(came.on, came.arrival)
    visit = came.visit
    kind = ("AMB", "ambulatory") if visit.clinic else ("VR", "virtual")
    said = resource("Encounter", came.key, later(at, 240)) | {
        "status": "cancelled" if came.missed else "finished",
        "class": coding(f"{HL7}/v3-ActCode", *kind),
        "type": [concept(visit.name, coding(f"{SPONSOR}/visits", visit.number, visit.name))],
        "subject": reference("Patient", came.participant.key),
        "serviceProvider": reference("Organization", "site-hospital"),
    }
    if came.missed:
        return said | {"reasonCode": [concept("Participant was travelling")]}
    return said | {"period": {"start": at, "end": later(at, 210 if visit.code == "V1" else 75)}}
