"""Return the study product, its administrations, and two doses of prednisone that were given beside it."""

from __future__ import annotations

from datetime import date, timedelta

from trialbridge.samples.participants import Participant
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
    new_york,
    quantity,
    reference,
    resource,
)

PRODUCT = concept("UC-MSC", coding(f"{SPONSOR}/products", "UC-MSC", "Umbilical cord mesenchymal stem cells"))
LOTS = {"uc-msc-lot-a": "UCM-2501-A", "uc-msc-lot-b": "UCM-2504-B"}
BACKGROUND = {
    "prednisone": concept("Prednisone", coding(RXNORM, "8640")),
    "mycophenolate": concept("Mycophenolate mofetil", coding(RXNORM, "68149")),
}
POSTPONED = "101-008"
WARD_DOSES = {"101-002": 2, "101-009": 131}
STUDY_LINK = extension(
    f"{CORE_EXTENSION}/workflow-researchStudy", valueReference=reference("ResearchStudy", "lkb-sle-101")
)


def medications() -> list[Json]:
    """Return the Medication resources: the product in two lots, and two background medicines."""
    said = []
    for ident, lot in LOTS.items():
        head = resource("Medication", ident, "2025-01-20T09:00:00-05:00")
        form = concept("INJECTION, SUSPENSION", coding(NCIT, "C42995"))
        batch = {"lotNumber": lot, "expirationDate": "2026-06-30"}
        said.append(head | {"code": PRODUCT, "status": "active", "form": form, "batch": batch})
    for ident, code in BACKGROUND.items():
        head = resource("Medication", ident, "2025-01-20T09:00:00-05:00")
        said.append(head | {"code": code, "status": "active"})
    return said


def lot_of(person: Participant) -> str:
    """Return the id of the Medication that `person` received."""
    return "uc-msc-lot-a" if person.subject <= "101-005" else "uc-msc-lot-b"


def administration(person: Participant, ident: str, at: str) -> Json:
    """Return a MedicationAdministration of the study product, without its status and time."""
    said = resource("MedicationAdministration", ident, later(at, 60))
    return {
        **said,
        "extension": [STUDY_LINK],
        "medicationReference": reference("Medication", lot_of(person)),
        "subject": reference("Patient", person.key),
        "context": reference("Encounter", f"{person.key}-v1"),
        "performer": [{"actor": reference("Practitioner", "investigator-1")}],
    }


def dose(person: Participant, given: date) -> Json:
    """Return the one subcutaneous dose that `person` received."""
    at = new_york(given, 660)
    said = administration(person, f"{person.key}-dose", at)
    said |= {"status": "completed", "effectivePeriod": {"start": at, "end": later(at, 10)}}
    return said | {
        "dosage": {
            "text": "100 million cells in 4 mL, subcutaneous, abdomen",
            "site": concept("ABDOMEN", coding(SNOMED, "818983003")),
            "route": concept("SUBCUTANEOUS", coding(SNOMED, "34206005"), coding(NCIT, "C38299")),
            "dose": quantity("100", "10^6 cells", "10*6{cells}"),
        }
    }


def not_done(person: Participant, planned: date) -> Json:
    """Return the dose that was planned and not given."""
    at = new_york(planned, 660)
    said = administration(person, f"{person.key}-dose-not-done", at)
    said.pop("context")
    reason = concept("Body temperature above 38 Cel on the planned day; postponed by three days")
    return said | {"status": "not-done", "statusReason": [reason], "effectiveDateTime": at}


def ward_dose(person: Participant, given: date) -> Json:
    """Return a dose of prednisone that is no study product."""
    at = new_york(given, 510)
    said = resource("MedicationAdministration", f"{person.key}-prednisone", later(at, 15))
    return said | {
        "status": "completed",
        "medicationCodeableConcept": BACKGROUND["prednisone"],
        "subject": reference("Patient", person.key),
        "effectiveDateTime": at,
        "reasonCode": [concept("Background therapy of lupus")],
        "dosage": {
            "route": concept("ORAL", coding(SNOMED, "26643006")),
            "dose": quantity("20", "mg", "mg"),
        },
    }


def administrations(person: Participant) -> list[Json]:
    """Return the MedicationAdministrations of one participant."""
    if person.dose is None:
        return []
    said = [dose(person, person.dose)]
    if person.subject == POSTPONED:
        said.insert(0, not_done(person, person.dose - timedelta(3)))
    if person.subject in WARD_DOSES:
        said.append(ward_dose(person, person.dose + timedelta(WARD_DOSES[person.subject])))
    return said
