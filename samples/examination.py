"""Return the physical examination by body system, and the electrocardiogram."""

from __future__ import annotations

from trialbridge.samples.laboratory import normal
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    HL7,
    LOINC,
    SPONSOR,
    Json,
    coding,
    concept,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance

EXAMINATIONS = f"{SPONSOR}/examinations"
BODY_SYSTEMS = {
    "GENAPP": ("General Appearance", "Looks tired"),
    "CARDIO": ("Cardiovascular", "Systolic murmur 2/6"),
    "RESP": ("Respiratory", "Crackles at both bases"),
    "ABDOMEN": ("Abdomen", "Tender in the epigastrium"),
    "SKIN": ("Skin", "Malar rash"),
    "MOUTH": ("Mouth", "Ulcer of the hard palate"),
    "EYES": ("Eyes", "Conjunctival injection"),
    "MUSCSKEL": ("Musculoskeletal", "Swollen joints of the hands"),
    "NEURO": ("Neurological", "Reduced vibration sense of both feet"),
}
"""Code -> body system, and what is found where it is abnormal."""
COMMON = {"SKIN": 0.9, "MUSCSKEL": 0.8, "MOUTH": 0.35, "GENAPP": 0.3}
# LOINC, name, unit, UCUM, centre, spread
LEADS = (
    ("76282-3", "Heart rate", "beats/min", "/min", 72.0, 8.0),
    ("8625-6", "PR interval", "ms", "ms", 158.0, 14.0),
    ("8633-0", "QRS duration", "ms", "ms", 92.0, 7.0),
    ("8634-8", "QT interval", "ms", "ms", 392.0, 18.0),
    ("76634-5", "QTc interval, Fridericia", "ms", "ms", 415.0, 14.0),
)


def _head(came: Attendance, name: str, category: str, code: Json, minutes: int) -> Json:
    at = came.at(came.arrival + minutes)
    return resource("Observation", f"{came.key}-{name}", at) | {
        "status": "final",
        "category": [concept("", coding(f"{HL7}/observation-category", category))],
        "code": code,
        "subject": reference("Patient", came.participant.key),
        "encounter": reference("Encounter", came.key),
        "effectiveDateTime": at,
        "performer": [reference("Practitioner", f"investigator-{came.participant.site}")],
    }


def abnormal(came: Attendance, seed: int) -> tuple[str, ...]:
    """Return the codes of the body systems that were found abnormal at one visit."""
    person, activity = came.participant, came.participant.activity(came.day)
    return tuple(
        code
        for code in BODY_SYSTEMS
        if stream(seed, person.key, "examination", code).random() < COMMON.get(code, 0.12) * activity
    )


def physical_examination(came: Attendance, seed: int) -> list[Json]:
    """Return the physical examination, one component for each body system."""
    if "PE" not in came.visit.panels:
        return []
    found = abnormal(came, seed)
    parts = []
    for code, (name, finding) in BODY_SYSTEMS.items():
        said = f"ABNORMAL: {finding}" if code in found else "NORMAL"
        parts.append({"code": concept(name, coding(EXAMINATIONS, code)), "valueString": said})
    whole = concept("Physical examination", coding(EXAMINATIONS, "PHYSEXAM"))
    return [_head(came, "pe", "exam", whole, 20) | {"component": parts}]


def electrocardiogram(came: Attendance, seed: int) -> list[Json]:
    """Return the electrocardiogram with twelve leads."""
    if "ECG" not in came.visit.panels:
        return []
    rng = stream(seed, came.key, "electrocardiogram")
    parts: list[Json] = []
    for loinc, name, unit, ucum, centre, spread in LEADS:
        value = quantity(f"{centre + spread * normal(rng):.0f}", unit, ucum)
        parts.append({"code": concept(name, coding(LOINC, loinc)), "valueQuantity": value})
    verdict = "NORMAL" if rng.random() < 0.85 else "ABNORMAL"
    parts.append({"code": concept("Interpretation", coding(LOINC, "8601-7")), "valueString": verdict})
    whole = concept("ECG with twelve leads", coding(LOINC, "34534-8"))
    said = _head(came, "ecg", "procedure", whole, 40)
    return [said | {"method": concept("12 LEAD STANDARD"), "component": parts}]
