"""Return the vital signs of one visit: blood pressure as a panel, height at screening only."""

from __future__ import annotations

import random

from trialbridge.samples.laboratory import normal
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    CORE_EXTENSION,
    HL7,
    LOINC,
    SNOMED,
    Json,
    coding,
    concept,
    extension,
    later,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance

SITTING = extension(
    f"{CORE_EXTENSION}/observation-bodyPosition",
    valueCodeableConcept=concept("Sitting", coding(SNOMED, "33586001")),
)
# LOINC, name, unit, UCUM, places, centre, spread
SIGNS = {
    "hr": ("8867-4", "Heart rate", "beats/min", "/min", 0, 74.0, 7.0),
    "resp": ("9279-1", "Respiratory rate", "breaths/min", "/min", 0, 15.0, 1.5),
    "temp": ("8310-5", "Body temperature", "Cel", "Cel", 1, 36.6, 0.2),
}
PRESSURES = {
    "8480-6": ("Systolic blood pressure", 120.0, 8.0),
    "8462-4": ("Diastolic blood pressure", 76.0, 5.0),
}
FAHRENHEIT = {"101-004", "101-009"}  # one clinic room has a device set to degrees Fahrenheit
POUNDS = {"101-006"}


def vital_sign(came: Attendance, name: str, at: str, loinc: str, text: str) -> Json:
    """Return a vital sign without its value."""
    said = resource("Observation", f"{came.key}-{name}", later(at, 10))
    return said | {
        "status": "final",
        "category": [concept("", coding(f"{HL7}/observation-category", "vital-signs"))],
        "code": concept(text, coding(LOINC, loinc)),
        "subject": reference("Patient", came.participant.key),
        "encounter": reference("Encounter", came.key),
        "effectiveDateTime": at,
        "performer": [reference("Practitioner", f"investigator-{came.participant.site}")],
    }


def blood_pressure(came: Attendance, suffix: str, at: str, rng: random.Random) -> Json:
    """Return the blood pressure panel with its two components, measured sitting."""
    said = vital_sign(came, f"bp{suffix}", at, "85354-9", "Blood pressure")
    parts = []
    for loinc, (text, centre, spread) in PRESSURES.items():
        value = centre + 10 * came.participant.activity(came.day) + spread * normal(rng)
        measured = quantity(f"{value:.0f}", "mmHg", "mm[Hg]")
        parts.append({"code": concept(text, coding(LOINC, loinc)), "valueQuantity": measured})
    return {**said, "extension": [SITTING], "component": parts}


def kilograms(came: Attendance, seed: int) -> float:
    """Return what the participant weighs on that day."""
    rng = stream(seed, came.key, "weight")
    return round(came.participant.weight + came.day / 120 + 0.4 * normal(rng), 1)


def weight(came: Attendance, at: str, seed: int) -> Json:
    """Return the body weight, in pounds where that is how the site wrote it down."""
    said = vital_sign(came, "weight", at, "29463-7", "Body weight")
    found = kilograms(came, seed)
    if came.participant.subject in POUNDS:
        return said | {"valueQuantity": quantity(f"{found / 0.45359237:.1f}", "lb", "[lb_av]")}
    return said | {"valueQuantity": quantity(f"{found:.1f}", "kg", "kg")}


def round_of_signs(came: Attendance, suffix: str, at: str, rng: random.Random) -> list[Json]:
    """Return blood pressure, heart rate, respiratory rate and temperature, taken together."""
    said = [blood_pressure(came, suffix, at, rng)]
    for name, (loinc, text, unit, code, places, centre, spread) in SIGNS.items():
        value = centre + spread * normal(rng)
        shown = quantity(f"{value:.{places}f}", unit, code)
        if name == "temp" and came.participant.subject in FAHRENHEIT:
            shown = quantity(f"{value * 1.8 + 32:.1f}", "degF", "[degF]")
        said.append(vital_sign(came, f"{name}{suffix}", at, loinc, text) | {"valueQuantity": shown})
    return said


def vital_signs(came: Attendance, seed: int) -> list[Json]:
    """Return the vital signs of one visit; at the dosing visit again two hours after the dose."""
    rng = stream(seed, came.key, "vital signs")
    at = came.at(came.arrival + 5)
    said = [*round_of_signs(came, "", at, rng), weight(came, at, seed)]
    if came.visit.code == "SCR":
        height = vital_sign(came, "height", at, "8302-2", "Body height")
        said.append(height | {"valueQuantity": quantity(f"{came.participant.height:.1f}", "cm", "cm")})
    if came.visit.day == 0:
        said += round_of_signs(came, "-post", came.at(780), rng)
    return said
