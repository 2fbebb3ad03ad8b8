"""Return what happened before and beside the study: history, procedures, tobacco, and how somebody died."""

from __future__ import annotations

from datetime import timedelta

from trialbridge.samples.examination import BODY_SYSTEMS, abnormal
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    HL7,
    LOINC,
    SNOMED,
    SPONSOR,
    Json,
    coding,
    concept,
    identifier,
    local,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Participant, Trial

# words, SNOMED CT code ("" where none is sent), share of the participants, whether it is over
BEFORE = (
    ("Hypertension", "38341003", 0.35, False),
    ("Raynaud's phenomenon", "", 0.3, False),
    ("Hypothyroidism", "40930008", 0.12, False),
    ("Deep vein thrombosis", "", 0.08, True),
    ("Pericarditis", "3238004", 0.15, True),
    ("Pneumonia", "233604007", 0.12, True),
    ("Caesarean section", "", 0.1, True),
)
SMOKING = (("266919005", "Never smoked tobacco"), ("8517006", "Ex-smoker"), ("77176002", "Smoker"))


def condition(trial: Trial, person: Participant, name: str, words: str, snomed: str, since: str) -> Json:
    """Return a Condition that still goes on."""
    at = local(person.consent, 530, trial.site(person).zone)
    ident = f"{person.key}-mh-{name}"
    return resource("Condition", ident, at) | {
        "identifier": [identifier(f"{SPONSOR}/medical-history", ident.upper())],
        "clinicalStatus": concept("", coding(f"{HL7}/condition-clinical", "active")),
        "verificationStatus": concept("", coding(f"{HL7}/condition-ver-status", "confirmed")),
        "category": [concept("GENERAL")],
        "code": concept(words, *([coding(SNOMED, snomed)] if snomed else [])),
        "subject": reference("Patient", person.key),
        "onsetDateTime": since,
        "recordedDate": at,
    }


def _past(trial: Trial, person: Participant, seed: int) -> list[Json]:
    """Return what somebody had before the study; dates are as precise as people remember."""
    rng = stream(seed, person.key, "history")
    said = []
    for at, (words, snomed, share, over) in enumerate(BEFORE, 1):
        there, days = rng.random() < share, 400 + int(3000 * rng.random())
        began = person.consent - timedelta(days)
        if not there or (words == "Caesarean section" and person.gender == "male"):
            continue
        one = condition(trial, person, f"{at}", words, snomed, began.isoformat()[: (4, 7)[days % 2]])
        if over:
            ended = (began + timedelta(60)).isoformat()[:7]
            resolved = concept("", coding(f"{HL7}/condition-clinical", "resolved"))
            one |= {"clinicalStatus": resolved, "abatementDateTime": ended}
        said.append(one)
    return said


def medical_history(trial: Trial, person: Participant, screening: Attendance, seed: int) -> list[Json]:
    """Return the Conditions of one participant: lupus, what came before, and what the examination found."""
    days = 700 + int(4000 * stream(seed, person.key, "diagnosis").random())
    since = person.consent - timedelta(days)
    lupus = condition(
        trial,
        person,
        "sle",
        "Systemic lupus erythematosus",
        "55464009",
        since.isoformat()[: (4, 7, 10)[days % 3]],
    )
    said = [lupus | {"category": [concept("PRIMARY DIAGNOSIS")]}]
    if person.nephritis:
        begun = (since + timedelta(days // 2)).isoformat()[:7]
        said.append(condition(trial, person, "ln", "Lupus nephritis", "68815009", begun))
    said += _past(trial, person, seed)
    for code in abnormal(screening, seed):
        one = condition(
            trial, person, f"pe-{code.lower()}", BODY_SYSTEMS[code][1], "", person.consent.isoformat()
        )
        said.append(one | {"category": [concept("FINDING AT SCREENING")]})
    return said


def procedure(trial: Trial, person: Participant, name: str, told: tuple[str, str, str], when: str) -> Json:
    """Return a Procedure: its code, what it is called, and where."""
    words, snomed, place = told
    at = local(person.consent, 600, trial.site(person).zone)
    return resource("Procedure", f"{person.key}-pr-{name}", at) | {
        "status": "completed",
        "category": concept("DIAGNOSTIC"),
        "code": concept(words, *([coding(SNOMED, snomed)] if snomed else [])),
        "subject": reference("Patient", person.key),
        "performedDateTime": when,
        "bodySite": [concept(place)],
    }


def procedures(trial: Trial, person: Participant, screening: Attendance) -> list[Json]:
    """Return the imaging of the kidneys at screening, and the biopsy of who has nephritis."""
    said = []
    if "IMAGING" in screening.visit.panels:
        told = ("Ultrasonography of kidneys", "", "KIDNEY")
        one = procedure(trial, person, "imaging", told, screening.at(screening.arrival + 60))
        said.append(one | {"encounter": reference("Encounter", screening.key)})
    if person.nephritis:
        when = (person.consent - timedelta(90 + int(person.screening[2:]) * 7)).isoformat()
        told = ("Biopsy of kidney", "7246002", "KIDNEY")
        one = procedure(trial, person, "biopsy", told, when[: (7, 10)[int(person.screening[2:]) % 2]])
        said.append(one | {"outcome": concept("Lupus nephritis")})
    return said


def smoking(came: Attendance, seed: int) -> Json:
    """Return whether somebody smokes, as asked at screening."""
    person = came.participant
    drawn = stream(seed, person.key, "smoking").random()
    code, words = SMOKING[(drawn > 0.6) + (drawn > 0.85)]
    at = came.at(came.arrival + 8)
    return resource("Observation", f"{came.key}-smoking", at) | {
        "status": "final",
        "category": [concept("", coding(f"{HL7}/observation-category", "social-history"))],
        "code": concept("Tobacco smoking status", coding(LOINC, "72166-2")),
        "subject": reference("Patient", person.key),
        "encounter": reference("Encounter", came.key),
        "effectiveDateTime": at,
        "valueCodeableConcept": concept(words, coding(SNOMED, code)),
    }


def cause_of_death(trial: Trial, person: Participant) -> list[Json]:
    """Return the cause of death."""
    if not person.died:
        return []
    at = local(person.died, 600, trial.site(person).zone)
    return [
        resource("Observation", f"{person.key}-death", at)
        | {
            "status": "final",
            "category": [concept("", coding(f"{HL7}/observation-category", "exam"))],
            "code": concept("Primary cause of death", coding(f"{SPONSOR}/death-details", "PRCDTH")),
            "subject": reference("Patient", person.key),
            "effectiveDateTime": at,
            "valueString": "Septic shock",
        }
    ]
