"""Return the study products, their administrations, and doses of other medicines that a ward gave."""

from __future__ import annotations

from datetime import timedelta

from trialbridge.samples.medication import MEDICINES
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    CORE_EXTENSION,
    NCIT,
    RXNORM,
    SNOMED,
    SPONSOR,
    Json,
    coding,
    concept,
    extension,
    later,
    local,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Participant, Product, Regimen, Trial

POSTPONED = {"101-008": (0, "Body temperature above 38 Cel on the planned day; postponed by three days")}
OMITTED = {"301-003": (5, "Injection omitted: participant was travelling")}
"""Subject -> the dose (counted from 0) that was not given as planned, and why."""
WARD_DOSES = {"101-002": 2, "101-009": 131}


def product_code(product: Product) -> Json:
    """Return the code of a study product."""
    return concept(
        product.name, coding(f"{SPONSOR}/products", product.name.upper().replace(" ", "-"), product.title)
    )


def medications(trial: Trial) -> list[Json]:
    """Return the Medication resources: the products in their lots, and the background medicines."""
    said = []
    at = later(trial.set_up, 7200)
    for product in trial.products:
        form = concept(product.form[0], coding(NCIT, product.form[1]))
        for letter, lot in zip("abcdefgh", product.lots, strict=False):
            head = resource("Medication", f"{product.ident}-lot-{letter}", at)
            batch = {"lotNumber": lot, "expirationDate": f"{int(trial.period[1][:4]) + 1}-06-30"}
            said.append(
                head | {"code": product_code(product), "status": "active", "form": form, "batch": batch}
            )
    for ident, (name, rxnorm) in MEDICINES.items():
        head = resource("Medication", ident, at)
        said.append(head | {"code": concept(name, coding(RXNORM, rxnorm)), "status": "active"})
    return said


def lot_of(trial: Trial, person: Participant) -> str:
    """Return the id of the Medication that `person` received: the first lots come first."""
    product = trial.arms[person.arm].regimen.product
    enrolled = [one.key for one in trial.participants if one.dose]
    at = enrolled.index(person.key) * len(product.lots) // len(enrolled)
    return f"{product.ident}-lot-{'abcdefgh'[at]}"


def administration(trial: Trial, person: Participant, ident: str, at: str) -> Json:
    """Return a MedicationAdministration of the study product, without its status and time."""
    study = reference("ResearchStudy", trial.ident)
    return {
        **resource("MedicationAdministration", ident, later(at, 60)),
        "extension": [extension(f"{CORE_EXTENSION}/workflow-researchStudy", valueReference=study)],
        "medicationReference": reference("Medication", lot_of(trial, person)),
        "subject": reference("Patient", person.key),
        "performer": [{"actor": reference("Practitioner", f"investigator-{person.site}")}],
    }


def dosage(regimen: Regimen, weight: float) -> Json:
    """Return how one dose was given: of a dose per kilogram, so much as the weight asks for."""
    amount = regimen.amount * (weight if regimen.per_kg else 1)
    said: Json = {"text": regimen.text.format(amount=f"{regimen.amount:g}", weight=f"{weight:.1f}")}
    if regimen.site:
        said["site"] = concept(regimen.site[0], coding(SNOMED, regimen.site[1]))
    words, snomed, ncit = regimen.route
    said["route"] = concept(words, coding(SNOMED, snomed), coding(NCIT, ncit))
    return said | {"dose": quantity(f"{amount:.6g}", *regimen.unit)}


def doses(trial: Trial, person: Participant, weight: float, seed: int) -> list[Json]:
    """Return the doses that `person` received, and those that were planned and not given."""
    assert person.dose is not None  # noqa: S101 -- only who was dosed is asked for
    regimen, rng = trial.arms[person.arm].regimen, stream(seed, person.key, "doses")
    last = min(day for day in (person.leaves, person.dies, 9999) if day is not None)
    said = []
    for nth, day in enumerate(regimen.days):
        tail = f"-{nth + 1}" if len(regimen.days) > 1 else ""
        at = local(person.dose + timedelta(day), 660 + int(20 * rng.random()), trial.site(person).zone)
        if person.subject in OMITTED and OMITTED[person.subject][0] == nth:
            said.append(not_done(trial, person, f"{person.key}-dose{tail}", at, OMITTED[person.subject][1]))
        elif day <= last:
            given = administration(trial, person, f"{person.key}-dose{tail}", at)
            given |= {
                "status": "completed",
                "effectivePeriod": {"start": at, "end": later(at, regimen.minutes)},
            }
            given |= {"dosage": dosage(regimen, weight)}
            visit = next(one.code for one in trial.visits if one.day == 0)
            if day == 0:
                given["context"] = reference("Encounter", f"{person.key}-{visit.lower()}")
            said.append(given)
    return said


def not_done(trial: Trial, person: Participant, ident: str, at: str, why: str) -> Json:
    """Return a dose that was planned and not given."""
    said = administration(trial, person, ident, at)
    return said | {"status": "not-done", "statusReason": [concept(why)], "effectiveDateTime": at}


def ward_dose(trial: Trial, person: Participant, days: int) -> Json:
    """Return a dose of prednisone that is no study product."""
    assert person.dose is not None  # noqa: S101 -- only who was dosed is asked for
    at = local(person.dose + timedelta(days), 510, trial.site(person).zone)
    said = resource("MedicationAdministration", f"{person.key}-prednisone", later(at, 15))
    return said | {
        "status": "completed",
        "medicationCodeableConcept": concept("Prednisone", coding(RXNORM, MEDICINES["prednisone"][1])),
        "subject": reference("Patient", person.key),
        "effectiveDateTime": at,
        "reasonCode": [concept("Background therapy of lupus")],
        "dosage": {
            "route": concept("ORAL", coding(SNOMED, "26643006")),
            "dose": quantity("20", "mg", "mg"),
        },
    }


def administrations(trial: Trial, person: Participant, weight: float, seed: int) -> list[Json]:
    """Return the MedicationAdministrations of one participant who weighs so many kilograms at baseline."""
    if person.dose is None:
        return []
    said = doses(trial, person, weight, seed)
    if person.subject in POSTPONED:
        days, why = POSTPONED[person.subject]
        at = local(person.dose - timedelta(3), 660, trial.site(person).zone)
        said.insert(days, not_done(trial, person, f"{person.key}-dose-not-done", at, why))
    if person.subject in WARD_DOSES:
        said.append(ward_dose(trial, person, WARD_DOSES[person.subject]))
    return said
