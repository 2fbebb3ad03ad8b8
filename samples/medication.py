"""Return what the participants take beside the study product, with the prednisone-equivalent doses.

The dose of prednisone follows the activity of the disease by a rule of ours, not by any protocol.
"""

from __future__ import annotations

from datetime import date, timedelta

from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    SNOMED,
    SPONSOR,
    Json,
    coding,
    concept,
    identifier,
    local,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Participant, Trial

MEDICINES = {
    "prednisone": ("Prednisone", "8640"),
    "methylprednisolone": ("Methylprednisolone", "6902"),
    "hydroxychloroquine": ("Hydroxychloroquine", "5521"),
    "mycophenolate": ("Mycophenolate mofetil", "68149"),
    "azathioprine": ("Azathioprine", "1256"),
    "lisinopril": ("Lisinopril", "29046"),
    "paracetamol": ("Paracetamol", "161"),
}
"""Id of the Medication -> its name and RxNorm code."""

USUAL = {
    "hydroxychloroquine": ("200", "mg", "BID", "Systemic lupus erythematosus"),
    "mycophenolate": ("1000", "mg", "BID", "Lupus nephritis"),
    "azathioprine": ("100", "mg", "QD", "Systemic lupus erythematosus"),
    "lisinopril": ("10", "mg", "QD", "Hypertension"),
}
"""Dose, unit, how often and why."""
TIMES = {"QD": (1, 1), "BID": (2, 1)}
EQUIVALENT = {"prednisone": 1.0, "methylprednisolone": 1.25}
"""Milligrams of prednisone that one milligram is worth."""
STEPS = (0.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0)
CHANGES = (0, 28, 56, 84, 112, 140, 168, 252, 364)
"""Days on which the dose of prednisone may change."""


def prednisone(person: Participant, day: int) -> float:
    """Return the milligrams of prednisone a day, `day` days after the dose."""
    if day < CHANGES[1]:
        return person.prednisone
    since = max(change for change in CHANGES if change <= day)
    share = person.activity(since) / person.start
    if person.end > 0.5 * person.start:
        share = max(share, 0.9)
    return min(STEPS, key=lambda step: abs(step - person.prednisone * share))


def courses(person: Participant, last: int) -> list[tuple[int, int, float]]:
    """Return first day, last day and daily dose of each stretch with one dose of prednisone."""
    said: list[tuple[int, int, float]] = []
    days = [day for day in CHANGES if day <= last]
    for first, after in zip(days, [*days[1:], last + 1], strict=True):
        dose = prednisone(person, first)
        if said and said[-1][2] == dose:
            said[-1] = (said[-1][0], after - 1, dose)
        else:
            said.append((first, after - 1, dose))
    return said


def cumulative(person: Participant, last: int) -> float:
    """Return the milligrams of prednisone, or equivalent, from the first dose to a day."""
    return sum((end - start + 1) * dose for start, end, dose in courses(person, last))


def statement(trial: Trial, person: Participant, name: str, medicine: str, at: date) -> Json:
    """Return a MedicationStatement without dose and dates."""
    stated = local(at, 600, trial.site(person).zone)
    ident = f"{person.key}-cm-{name}"
    return resource("MedicationStatement", ident, stated) | {
        "identifier": [identifier(f"{SPONSOR}/medications", ident.upper())],
        "status": "completed",
        "medicationReference": reference("Medication", medicine),
        "subject": reference("Patient", person.key),
        "dateAsserted": at.isoformat(),
    }


def dosage(amount: str, unit: str, often: str, text: str = "") -> list[Json]:
    """Return a dosage by mouth."""
    frequency, period = TIMES[often]
    repeat = {"frequency": frequency, "period": period, "periodUnit": "d"}
    said: Json = {"text": text} if text else {}
    said |= {"timing": {"repeat": repeat}, "route": concept("ORAL", coding(SNOMED, "26643006"))}
    return [said | {"doseAndRate": [{"doseQuantity": quantity(amount, unit, unit)}]}]


def steroids(trial: Trial, person: Participant, last: int, at: date) -> list[Json]:
    """Return the corticosteroid that a participant takes, one statement for each dose."""
    assert person.dose is not None  # noqa: S101 -- only who was dosed is asked for
    medicine = "methylprednisolone" if trial.si or person.screening.endswith("7") else "prednisone"
    said = []
    for nth, (first, end, dose) in enumerate(courses(person, last), 1):
        if not dose:
            continue
        one = statement(trial, person, f"gc{nth}", medicine, at)
        begun = person.dose + timedelta(first)
        period = {"start": begun.isoformat() if nth > 1 else _earlier(person)}
        going = end >= last
        if not going:
            period["end"] = (person.dose + timedelta(end)).isoformat()
        text = f"Prednisone-equivalent {dose:g} mg per day"
        one |= {"status": "active" if going else "completed", "effectivePeriod": period}
        one |= {"category": concept("SYSTEMIC CORTICOSTEROID"), "reasonCode": [concept("Lupus")]}
        one |= {"dosage": dosage(f"{dose / EQUIVALENT[medicine]:g}", "mg", "QD", text)}
        if going:
            total = f"Cumulative prednisone-equivalent dose from Day 0 to Day {last}: "
            one["note"] = [{"text": f"{total}{cumulative(person, last):g} mg"}]
        said.append(one)
    return said


def _earlier(person: Participant) -> str:
    """Return when a medicine was begun before the study: often only the month or the year is known."""
    begun = person.consent - timedelta(200 + 37 * (int(person.screening[2:]) % 23))
    return begun.isoformat()[: (7, 4, 10)[int(person.screening[2:]) % 3]]


def background(trial: Trial, person: Participant, seed: int, at: date) -> list[Json]:
    """Return the background medicines of a participant, and one that was stopped before the study."""
    rng = stream(seed, person.key, "background")
    said = []
    for medicine, share in trial.background.items():
        if rng.random() >= share:
            continue
        amount, unit, often, why = USUAL[medicine]
        one = statement(trial, person, medicine, medicine, at)
        one |= {"status": "active", "category": concept("BACKGROUND THERAPY"), "reasonCode": [concept(why)]}
        one |= {"effectivePeriod": {"start": _earlier(person)}, "dosage": dosage(amount, unit, often)}
        said.append(one)
    if rng.random() < 0.3 and person.dose is not None:
        said.append(_as_needed(trial, person, at))
    return said


def _as_needed(trial: Trial, person: Participant, at: date) -> Json:
    one = statement(trial, person, "paracetamol", "paracetamol", at)
    begun = person.consent + timedelta(9)
    period = {"start": begun.isoformat(), "end": (begun + timedelta(2)).isoformat()}
    one |= {
        "effectivePeriod": period,
        "category": concept("CONCOMITANT"),
        "reasonCode": [concept("Headache")],
    }
    dose = {"doseAndRate": [{"doseQuantity": quantity("500", "mg", "mg")}], "asNeededBoolean": True}
    return one | {"dosage": [dose | {"route": concept("ORAL", coding(SNOMED, "26643006"))}]}


def taken(trial: Trial, person: Participant, last: int, seed: int) -> list[Json]:
    """Return the MedicationStatements of one participant, who was seen last `last` days after the dose."""
    if person.dose is None:
        return background(trial, person, seed, person.consent)
    at = person.dose + timedelta(last)
    return [*steroids(trial, person, last, at), *background(trial, person, seed, at)]
