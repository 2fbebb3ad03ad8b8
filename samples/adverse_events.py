# ruff: noqa: E501 - one record a line reads as a table
"""Return the adverse events of the sample trial: each seriousness criterion, outcome and causality at least once.

Terms are the investigator's words; no dictionary code is shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from trialbridge.samples.participants import PARTICIPANTS, Participant
from trialbridge.samples.resources import (
    HL7,
    NCIT,
    SPONSOR,
    Json,
    coding,
    concept,
    extension,
    identifier,
    new_york,
    reference,
    resource,
)

BACKPORT = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"

# seriousness criteria by NCI code
DEATH, LIFE, HOSPITAL_STAY, DISABILITY, ANOMALY, IMPORTANT = (
    "C48275",
    "C84266",
    "C83052",
    "C11338",
    "C83117",
    "C82521",
)
UNCHANGED, NOT_APPLICABLE, UNKNOWN_ACTION = "C49504", "C48660", "C17998"
ACTIONS = {UNCHANGED: "DOSE NOT CHANGED", NOT_APPLICABLE: "NOT APPLICABLE", UNKNOWN_ACTION: "UNKNOWN"}
GRADES = {"1": "C41338", "2": "C41339", "3": "C41340", "4": "C41337", "5": "C48275"}
CAUSALITY = {
    "Certain": "Related",
    "Probably-Likely": "Probably related",
    "Possible": "Possibly related",
    "Unlikely": "Unlikely related",
    "Conditional-Classified": "To be classified",
    "Unassessable-Unclassifiable": "Cannot be assessed",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One adverse event.

    Attributes:
        subject: Subject number.
        term: The investigator's words.
        start: Days after the dose, or a partial date as written.
        end: Days after the dose; ``None`` while it goes on or where nobody knows.
        severity: mild, moderate or severe.
        outcome: R4 outcome code.
        product: Causality of the study product.
        serious: R4 seriousness code.
        criteria: NCI codes of the criteria met, for the backport extension; empty where only R4 core is filled in.
        other: Another suspected Medication and its causality.
        action: NCI code of the action taken with the study product.
        grade: CTCAE grade, where the site gave one.
        left: Whether the participant left the study because of it.
        actuality: actual or potential.
        mistake: Whether the record was entered in error.
    """

    subject: str
    term: str
    start: int | str
    end: int | None
    severity: str
    outcome: str
    product: str
    serious: str = "Non-serious"
    criteria: tuple[str, ...] = ()
    other: tuple[str, str] | None = None
    action: str = NOT_APPLICABLE
    grade: str = ""
    left: bool = False
    actuality: str = "actual"
    mistake: bool = False


# fmt: off
EVENTS = (
    Event("101-001", "Injection site erythema", 0, 2, "mild", "resolved", "Probably-Likely"),
    Event("101-001", "Headache", 1, 1, "mild", "resolved", "Possible", grade="1"),
    Event("101-001", "Headache", 1, 1, "mild", "resolved", "Possible", mistake=True),
    Event("101-002", "Injection site pain", 0, 1, "mild", "resolved", "Certain", action=UNCHANGED),
    Event("101-002", "Urinary tract infection", 60, 70, "moderate", "resolved", "Unlikely", other=("mycophenolate", "Possible"), grade="2"),
    Event("101-003", "Flare of cutaneous lupus", 68, 95, "moderate", "resolved", "Unlikely", "Serious", (IMPORTANT,)),
    Event("101-003", "Arthralgia of both hands", 70, None, "mild", "ongoing", "Unlikely"),
    Event("101-004", "Deep vein thrombosis, left leg", 36, None, "severe", "recovering", "Possible", "SeriousResultsInHospitalization", left=True),
    Event("101-005", "Hypertension", 20, None, "moderate", "ongoing", "Unlikely", other=("prednisone", "Probably-Likely")),
    Event("101-005", "Retinal vein occlusion, right eye", 110, 150, "severe", "resolvedWithSequelae", "Possible", "SeriousResultsInDisability", (DISABILITY, IMPORTANT), grade="3"),
    Event("101-005", "Cardiac septal defect in newborn child of participant", 133, None, "moderate", "ongoing", "Unlikely", "SeriousIsBirthDefect"),
    Event("101-006", "Common cold", "2025-07", None, "mild", "resolved", "Unlikely"),
    Event("101-007", "Pneumonia", 88, None, "severe", "ongoing", "Unlikely", "SeriousIsLifeThreatening", (LIFE, HOSPITAL_STAY), ("mycophenolate", "Probably-Likely"), grade="4"),
    Event("101-007", "Septic shock", 96, 98, "severe", "fatal", "Unlikely", "SeriousResultsInDeath", (DEATH, HOSPITAL_STAY), ("mycophenolate", "Possible"), grade="5"),
    Event("101-008", "Fever", -4, -1, "mild", "resolved", "Unassessable-Unclassifiable"),
    Event("101-008", "Injection site abscess", 9, 21, "moderate", "resolved", "Probably-Likely", "SeriousRequiresPreventImpairment", grade="3"),
    Event("101-009", "Flare of lupus nephritis", 128, None, "severe", "ongoing", "Unlikely", "SeriousResultsInHospitalization", (HOSPITAL_STAY, IMPORTANT), grade="3"),
    Event("101-009", "Low white blood cells", "2025-08", None, "mild", "unknown", "Conditional-Classified", other=("mycophenolate", "Probably-Likely")),
    Event("101-010", "Insomnia", 5, None, "mild", "ongoing", "Unlikely", other=("prednisone", "Certain"), action=UNKNOWN_ACTION),
    Event("101-010", "Dizziness", 0, 0, "mild", "resolved", "Possible", action=UNCHANGED),
    Event("101-010", "Syringe with the wrong label, found before the dose", 0, 0, "mild", "resolved", "Unlikely", actuality="potential"),
)
# fmt: on


def _criteria(said: Event) -> list[Json]:
    url = f"{BACKPORT}/seriousness-criteria"
    found = []
    for code in (DEATH, LIFE, HOSPITAL_STAY, DISABILITY, ANOMALY, IMPORTANT) if said.criteria else ():
        met = extension("criterionPresent", valueBoolean=code in said.criteria)
        found.append(
            {
                "url": url,
                "extension": [
                    extension("criterionCode", valueCodeableConcept=concept("", coding(NCIT, code))),
                    met,
                ],
            }
        )
    return found


def _extensions(said: Event, ended: str) -> list[Json]:
    action = concept(ACTIONS[said.action], coding(NCIT, said.action))
    found = [
        {
            "url": f"{BACKPORT}/mitigating-action",
            "extension": [extension("item", valueCodeableConcept=action)],
        }
    ]
    if ended:
        found.append(extension(f"{BACKPORT}/resolve-date", valueDateTime=ended))
    if said.grade:
        grade = concept(f"Grade {said.grade}", coding(NCIT, GRADES[said.grade]))
        found.append(extension(f"{BACKPORT}/ae-grade", valueCodeableConcept=grade))
    if said.left:
        found.append(extension(f"{BACKPORT}/caused-subject-to-discontinue-study", valueBoolean=True))
    return found + _criteria(said)


def _suspect(instance: Json, assessed: str) -> Json:
    assessment = concept(CAUSALITY[assessed], coding(f"{HL7}/adverse-event-causality-assess", assessed))
    author = reference("Practitioner", "investigator-1")
    return {"instance": instance, "causality": [{"assessment": assessment, "author": author}]}


def _suspects(said: Event, person: Participant) -> list[Json]:
    product = reference("MedicationAdministration", f"{person.key}-dose")
    found = [_suspect(product, said.product)]
    if said.other:
        medicine, assessed = said.other
        found.insert(0, _suspect(reference("Medication", medicine), assessed))
    return found


def adverse_event(said: Event, at: int, person: Participant) -> Json:
    """Return the AdverseEvent resource of `said`, the `at`-th of the trial."""
    dose = person.dose or person.consent
    began = said.start if isinstance(said.start, str) else (dose + timedelta(said.start)).isoformat()
    ended = "" if said.end is None else (dose + timedelta(said.end)).isoformat()
    seen = dose + timedelta((said.start if isinstance(said.start, int) else 40) + 1)
    recorded = new_york(seen, 900)
    head: Json = {
        **resource("AdverseEvent", f"{person.key}-ae-{at:02}", recorded),
        "extension": _extensions(said, ended),
    }
    if said.mistake:
        head["modifierExtension"] = [extension(f"{BACKPORT}/status", valueCode="entered-in-error")]
    return head | {
        "identifier": identifier(f"{SPONSOR}/adverse-events", f"AE-{at:03}"),
        "actuality": said.actuality,
        "event": concept(said.term),
        "subject": reference("Patient", person.key),
        "date": began,
        "detected": seen.isoformat(),
        "recordedDate": recorded,
        "seriousness": concept("", coding(f"{HL7}/adverse-event-seriousness", said.serious)),
        "severity": concept("", coding(f"{HL7}/adverse-event-severity", said.severity)),
        "outcome": concept("", coding(f"{HL7}/adverse-event-outcome", said.outcome)),
        "recorder": reference("Practitioner", "investigator-1"),
        "suspectEntity": _suspects(said, person),
        "study": [reference("ResearchStudy", "lkb-sle-101")],
    }


def adverse_events() -> list[Json]:
    """Return the AdverseEvent resources of the trial."""
    people = {person.subject: person for person in PARTICIPANTS}
    return [adverse_event(said, at, people[said.subject]) for at, said in enumerate(EVENTS, 1)]
