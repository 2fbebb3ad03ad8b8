"""Return a trial's sites and people, and who takes part: everything but its design and what is measured."""

from __future__ import annotations

from datetime import date

from trialbridge.samples.resources import (
    HL7,
    HOSPITAL,
    NCIT,
    SPONSOR,
    US_CORE,
    Json,
    coding,
    concept,
    extension,
    identifier,
    later,
    local,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Participant, Site, Trial

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
MILESTONES = f"{HL7}/research-subject-milestone"
PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"


def address(site: Site) -> Json:
    """Return where a site is."""
    return {"city": site.city, "state": site.state, "country": site.country}


def laboratories(trial: Trial) -> list[Json]:
    """Return the two laboratories; sponsor and hospitals are named where they are referred to."""
    named = {
        "hospital-lab": "Clinical laboratory of the sites",
        "biomarker-lab": "Central biomarker laboratory",
    }
    return [
        resource("Organization", ident, trial.set_up) | {"active": True, "name": name}
        for ident, name in named.items()
    ]


def investigators(trial: Trial) -> list[Json]:
    """Return the Practitioners: an investigator for each site, all invented."""
    return [
        resource("Practitioner", f"investigator-{site}", trial.set_up)
        | {
            "identifier": [identifier(f"{SPONSOR}/staff", f"INV-{site}")],
            "name": [
                {
                    "text": f"Example Investigator {site}",
                    "family": f"Investigator {site}",
                    "given": ["Example"],
                }
            ],
        }
        for site in trial.sites
    ]


def locations(trial: Trial) -> list[Json]:
    """Return the Locations of the sites, which say the country."""
    return [
        resource("Location", f"site-{site.number}", trial.set_up)
        | {
            "identifier": [identifier(f"{SPONSOR}/sites", site.number)],
            "name": f"{site.city} site",
            "address": address(site),
            "managingOrganization": {"display": site.hospital},
        }
        for site in trial.sites.values()
    ]


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


def patient(trial: Trial, person: Participant, at: int) -> Json:
    """Return the Patient of `person`, the `at`-th on the ward's list."""
    site = trial.site(person)
    said: Json = resource("Patient", person.key, local(person.consent, 500, site.zone))
    origin = [_race(person)] if person.races else []
    origin += [_ethnicity(person)] if person.ethnicity else []
    said |= {"extension": origin} if origin else {}
    said |= {
        "identifier": [
            identifier(f"{HOSPITAL}/mrn", f"SYN{700000 + 37 * at}", "Medical record number"),
            identifier(f"{SPONSOR}/participants", person.key, "Participant number"),
        ],
        "name": [{"use": "anonymous", "text": f"Synthetic participant {person.key}"}],
        "gender": person.gender,
        "birthDate": person.birth,
        "address": [{"state": site.state, "country": site.country}],
    }
    if person.died:
        said["deceasedDateTime"] = local(person.died, 255, site.zone)
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


def _progress(when: str, **parts: Json) -> Json:
    """Return one step of a participation, as R5's progress in the extension that R4 has for it."""
    told = [extension(name, valueCodeableConcept=value) for name, value in parts.items()]
    return {"url": PROGRESS, "extension": [*told, extension("startDate", valueDateTime=when)]}


def _course(trial: Trial, person: Participant, last: date) -> list[Json]:
    """Return the steps of a participation: the end first, for R4's own elements say that one."""
    why = "COMPLETED" if person.leaves is None else "WITHDRAWAL BY SUBJECT"
    code, words = REASONS["DEATH" if person.dies is not None else why]
    state = concept("", coding(STATES, _state(person)))
    said = [_progress(last.isoformat(), subjectState=state, reason=concept(words, coding(NCIT, code)))]
    entered = (person.dose or person.consent).isoformat()
    steps = {"subjectState": concept("", coding(STATES, "on-study"))}
    if trial.design[0] == "RANDOMIZED":
        steps["milestone"] = concept("", coding(MILESTONES, "Randomized"))
    return [*said, _progress(entered, **steps)]


def research_subject(trial: Trial, person: Participant, visits: list[Attendance]) -> Json:
    """Return the ResearchSubject: both numbers, how it ended, and the arm, planned and actual."""
    last = person.died or visits[-1].on
    said = resource("ResearchSubject", person.key, local(last, 960, trial.site(person).zone))
    numbers = [identifier(f"{SPONSOR}/screening-numbers", person.screening, "Screening number")]
    if person.subject:
        numbers.append(identifier(f"{SPONSOR}/subject-numbers", person.subject, "Subject number"))
    said |= {
        "identifier": numbers,
        "status": _state(person),
        "period": {"start": person.consent.isoformat(), "end": last.isoformat()},
        "study": reference("ResearchStudy", f"{trial.ident}-site-{person.site}"),
        "individual": reference("Patient", person.key),
        "consent": reference("Consent", f"{person.key}-consent"),
    }
    if person.dose is None:
        return said
    arm = trial.arms[person.arm].name
    return said | {"extension": _course(trial, person, last), "assignedArm": arm, "actualArm": arm}


def consent(trial: Trial, person: Participant) -> Json:
    """Return the informed consent, given before anything else on the day of screening."""
    at = local(person.consent, 480, trial.site(person).zone)
    return resource("Consent", f"{person.key}-consent", at) | {
        "status": "active",
        "scope": concept("", coding(f"{HL7}/consentscope", "research")),
        "category": [concept("", coding(f"{HL7}/consentcategorycodes", "research"))],
        "patient": reference("Patient", person.key),
        "dateTime": at,
        "organization": [{"display": trial.site(person).hospital}],
        "policyRule": concept("Informed consent of the main study"),
    }


def not_met(trial: Trial, screening: Attendance) -> list[Json]:
    """Return the criterion that a screen failure did not meet."""
    person = screening.participant
    if not person.failed:
        return []
    told = next(one for one in trial.criteria if one.code == person.failed)
    at = screening.at(screening.arrival + 70)
    return [
        resource("Observation", f"{person.key}-{told.code.lower()}", at)
        | {
            "status": "final",
            "category": [concept("", coding(f"{HL7}/observation-category", "survey"))],
            "code": concept("Criterion of eligibility", coding(f"{SPONSOR}/criteria", told.code)),
            "subject": reference("Patient", person.key),
            "encounter": reference("Encounter", screening.key),
            "effectiveDateTime": at,
            "valueBoolean": not told.including,
        }
    ]


def encounter(came: Attendance) -> list[Json]:
    """Return the Encounter of one visit; a planned visit that nobody came to is called off."""
    at = came.at(came.arrival)
    visit, person = came.visit, came.participant
    kind = ("AMB", "ambulatory") if visit.clinic else ("VR", "virtual")
    said = resource("Encounter", came.key, later(at, 240)) | {
        "status": "cancelled" if came.missed else "finished",
        "class": coding(f"{HL7}/v3-ActCode", *kind),
        "type": [concept(visit.name, coding(f"{SPONSOR}/visits", visit.code, visit.name))],
        "subject": reference("Patient", person.key),
        "serviceProvider": {"display": came.trial.site(person).hospital},
    }
    if not came.missed:
        return [said | {"period": {"start": at, "end": later(at, 210 if visit.day == 0 else 75)}}]
    called_off = resource("Appointment", f"{came.key}-appointment", at) | {
        "status": "cancelled",
        "cancelationReason": concept("Participant was travelling"),
        "start": at,
        "end": later(at, 75),
        "participant": [{"actor": reference("Patient", person.key), "status": "declined"}],
    }
    return [said | {"appointment": [reference("Appointment", called_off["id"])]}, called_off]
