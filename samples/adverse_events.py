"""Return the adverse events of a sample trial, and the stays in hospital that they led to.

Terms are the investigator's words; no dictionary code is shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    HL7,
    NCIT,
    SPONSOR,
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
from trialbridge.samples.trial import Event, Participant, Trial

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

# fmt: off
COMMON = (
    ("Upper respiratory tract infection", 0.22, (10, 150), (5, 12), "mild", "Unlikely"),
    ("Urinary tract infection", 0.14, (14, 160), (4, 10), "moderate", "Unlikely"),
    ("Headache", 0.18, (0, 60), (0, 3), "mild", "Possible"),
    ("Nausea", 0.12, (0, 40), (0, 4), "mild", "Possible"),
    ("Fatigue", 0.10, (1, 90), (10, 60), "mild", "Possible"),
    ("Arthralgia", 0.13, (5, 150), (7, 40), "mild", "Unlikely"),
    ("Diarrhoea", 0.09, (3, 120), (1, 5), "mild", "Unlikely"),
    ("Herpes zoster", 0.04, (30, 160), (10, 24), "moderate", "Possible"),
    ("Hypertension", 0.06, (14, 140), None, "moderate", "Unlikely"),
    ("Lymphocyte count decreased", 0.07, (14, 120), (20, 60), "mild", "Possible"),
)
INFUSION = ("Infusion related reaction", 0.08, (0, 0), (0, 1), "mild", "Probably-Likely")
INJECTION = ("Injection site reaction", 0.45, (0, 12), (1, 4), "mild", "Certain")
# fmt: on
"""Term, share of the participants, days on which it begins, days that it lasts, severity, causality."""

Told = tuple[str, float, tuple[int, int], tuple[int, int] | None, str, str]


def _drawn(trial: Trial, person: Participant, seed: int) -> Iterator[Event]:
    """Yield the everyday events of one participant."""
    rng = stream(seed, person.key, "events")
    local_reaction = INJECTION if trial.arms[person.arm].regimen.route[0] == "SUBCUTANEOUS" else INFUSION
    told: Told
    for told in (local_reaction, *COMMON):
        term, share, (first, last), lasts, severity, product = told
        begins = first + int(rng.random() * (last - first + 1))
        days = None if lasts is None else begins + lasts[0] + int(rng.random() * (lasts[1] - lasts[0] + 1))
        happened, vague = rng.random() < share, rng.random() < 0.08
        end = _end(person)
        if not happened or (end is not None and (begins >= end or (days or 0) >= end)):
            continue
        assert person.dose is not None  # noqa: S101 -- only who was dosed is asked for
        start = (person.dose + timedelta(begins)).isoformat()[:7] if vague and begins > 31 else begins
        done = None if vague else days
        outcome = "ongoing" if lasts is None else "resolved"
        yield Event(person.subject, term, start, done, severity, outcome, product, action=UNCHANGED)


def _end(person: Participant) -> int | None:
    return person.dies if person.dies is not None else person.leaves


def _flare(person: Participant, day: int) -> Event:
    criteria: tuple[str, ...] = ()
    grave, name = "SeriousRequiresPreventImpairment", "systemic lupus erythematosus"
    if person.nephritis:
        grave, criteria, name = (
            "SeriousResultsInHospitalization",
            (HOSPITAL_STAY, IMPORTANT),
            "lupus nephritis",
        )
    term = f"Flare of {name}"
    return Event(
        person.subject, term, day - 4, day + 30, "severe", "resolved", "Unlikely", grave, criteria, grade="3"
    )


def _fatal(person: Participant, day: int) -> list[Event]:
    life, dead = (LIFE, HOSPITAL_STAY), (DEATH, HOSPITAL_STAY)
    threat, fatal = "SeriousIsLifeThreatening", "SeriousResultsInDeath"
    other = ("mycophenolate", "Probably-Likely")
    who, far = person.subject, "Unlikely"
    return [
        Event(who, "Pneumonia", day - 6, None, "severe", "ongoing", far, threat, life, other, grade="4"),
        Event(who, "Septic shock", day - 1, day, "severe", "fatal", far, fatal, dead, grade="5"),
    ]


def _serious(person: Participant) -> Iterator[Event]:
    """Yield the serious events that the course of one participant brings."""
    if person.flare is not None:
        yield _flare(person, person.flare)
    if person.dies is not None:
        yield from _fatal(person, person.dies)
    if person.leaves is not None and person.leaves % 2:
        term, stay = "Deep vein thrombosis", "SeriousResultsInHospitalization"
        begun = person.leaves - 9
        yield Event(person.subject, term, begun, None, "severe", "recovering", "Possible", stay, left=True)


def events_of(trial: Trial, seed: int) -> list[Event]:
    """Return the adverse events of a trial: those that it lists, else drawn ones."""
    if trial.events:
        return list(trial.events)
    dosed = [person for person in trial.participants if person.dose]
    return [event for person in dosed for event in (*_drawn(trial, person, seed), *_serious(person))]


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


def _suspect(instance: Json, assessed: str, author: Json) -> Json:
    assessment = concept(CAUSALITY[assessed], coding(f"{HL7}/adverse-event-causality-assess", assessed))
    return {"instance": instance, "causality": [{"assessment": assessment, "author": author}]}


def _suspects(trial: Trial, said: Event, person: Participant) -> list[Json]:
    several = len(trial.arms[person.arm].regimen.days) > 1
    product = reference("MedicationAdministration", f"{person.key}-dose{'-1' if several else ''}")
    author = reference("Practitioner", f"investigator-{person.site}")
    found = [_suspect(product, said.product, author)]
    if said.other:
        medicine, assessed = said.other
        found.insert(0, _suspect(reference("Medication", medicine), assessed, author))
    return found


def adverse_event(trial: Trial, said: Event, at: int, person: Participant) -> Json:
    """Return the AdverseEvent resource of `said`, the `at`-th of the trial."""
    dose = person.dose or person.consent
    began = said.start if isinstance(said.start, str) else (dose + timedelta(said.start)).isoformat()
    ended = "" if said.end is None else (dose + timedelta(said.end)).isoformat()
    seen = dose + timedelta((said.start if isinstance(said.start, int) else 40) + 1)
    if person.died:
        seen = min(seen, person.died)
    recorded = local(seen, 900, trial.site(person).zone)
    investigator = reference("Practitioner", f"investigator-{person.site}")
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
        "recorder": investigator,
        "suspectEntity": _suspects(trial, said, person),
        "study": [reference("ResearchStudy", trial.ident)],
    }


def stay(trial: Trial, said: Event, at: int, person: Participant) -> list[Json]:
    """Return the stay in hospital that an event led to."""
    hospital = HOSPITAL_STAY in said.criteria or said.serious == "SeriousResultsInHospitalization"
    if not hospital or isinstance(said.start, str) or person.dose is None or said.serious.endswith("Death"):
        return []
    begin = local(person.dose + timedelta(said.start), 1130, trial.site(person).zone)
    end = later(begin, 6 * 1440 - 500)
    if person.died:
        end = min(end, local(person.died, 250, trial.site(person).zone))
    if person.leaves is not None:
        end = min(end, local(person.dose + timedelta(person.leaves), 630, trial.site(person).zone))
    return [
        resource("Encounter", f"{person.key}-stay-{at:02}", end)
        | {
            "status": "finished",
            "class": coding(f"{HL7}/v3-ActCode", "IMP", "inpatient encounter"),
            "type": [concept("Hospital stay")],
            "subject": reference("Patient", person.key),
            "period": {"start": begin, "end": end},
            "reasonCode": [concept(said.term)],
            "serviceProvider": {"display": trial.site(person).hospital},
        }
    ]


def adverse_events(trial: Trial, seed: int) -> list[Json]:
    """Return the AdverseEvent resources of the trial, and the stays in hospital."""
    people = {person.subject: person for person in trial.participants if person.subject}
    said = []
    for at, event in enumerate(events_of(trial, seed), 1):
        person = people[event.subject]
        said += [adverse_event(trial, event, at, person), *stay(trial, event, at, person)]
    return said
