# ruff: noqa: E501 - one record a line reads as a table
"""Return records that a converter must not take as they are; ``expected_problems.toml`` says what becomes of each.

They stand in a file of their own, so that a sample trial converts cleanly without them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from trialbridge.samples.resources import (
    HL7,
    HOSPITAL,
    LOINC,
    Json,
    coding,
    concept,
    local,
    number,
    reference,
)
from trialbridge.samples.trial import Trial

Change = Callable[[Json], Json]


def _without(*names: str) -> Change:
    return lambda said: {key: value for key, value in said.items() if key not in names}


def _with(**values: object) -> Change:
    return lambda said: said | values


def _unit(unit: str, code: str) -> Change:
    return lambda said: said | {"valueQuantity": said["valueQuantity"] | {"unit": unit, "code": code}}


def _coded(*codings: Json, text: str = "") -> Change:
    return _with(code=concept(text, *codings))


CHANGES: dict[str, Change] = {
    "bad-local-code": _coded(coding(f"{HOSPITAL}/lab-codes", "XK77", "Potassium, analyser B")),
    "bad-no-code": _coded(text="Albumin"),
    "bad-wrong-specimen": lambda said: said | {"specimen": _urine_of(said)},
    "bad-impossible-date": _with(effectiveDateTime="2025-02-30", specimen={"display": "Serum"}),
    "bad-time-without-zone": lambda said: (
        said | {"effectiveDateTime": said["effectiveDateTime"][:19], "specimen": {"display": "Serum"}}
    ),
    "bad-unit": _unit("furlong", "furlong"),
    "bad-unit-of-another-kind": _unit("mmHg", "mm[Hg]"),
    "bad-retired-code": _coded(coding(LOINC, "13097-1", "Deprecated PM-SCL extractable nuclear Ab")),
    "bad-unknown-code": _coded(coding(LOINC, "99999-9"), text="Magnesium"),
    "bad-no-such-patient": _with(subject=reference("Patient", "nobody")),
    "bad-no-subject": _without("subject"),
    "bad-no-status": _without("status"),
    "bad-no-result": _without("valueQuantity", "interpretation"),
    "bad-two-results": _with(valueString="see comment"),
    "bad-after-death": _with(specimen={"display": "Serum"}, encounter={"display": "Unscheduled"}),
    "bad-number-as-text": lambda said: (
        said
        | {"valueQuantity": said["valueQuantity"] | {"value": bytes(said["valueQuantity"]["value"]).decode()}}
    ),
}
"""Id of the bad copy -> what is wrong with it."""


def _urine_of(said: Json) -> Json:
    name = said["specimen"]["reference"].partition("/")[2].removesuffix("-serum")
    return reference("Specimen", f"{name}-urine")


def changed(trial: Trial, good: dict[str, Json]) -> list[Json]:
    """Return the bad Observations, each made from a good one of the trial."""
    people = {f"Patient/{person.key}": person for person in trial.participants}
    said = []
    for ident, change in CHANGES.items():
        copy = change(good[trial.bad[ident]])
        if ident == "bad-after-death":
            person = people[copy["subject"]["reference"]]
            assert person.died is not None  # noqa: S101 -- the record is one of who died
            after = local(person.died + timedelta(20), 480, trial.site(person).zone)
            copy = copy | {"effectiveDateTime": after}
        kept = {key: value for key, value in copy.items() if key != "identifier"}
        said.append(kept | {"id": ident})
    return said


def other_gender(trial: Trial, good: dict[str, Json]) -> list[Json]:
    """Return one more person, screened only, whose gender has no term in SDTM."""
    one, key = trial.bad["person"], f"S-{len(trial.participants) + 1:03}"
    person = good[f"Patient/{one}"] | {"id": key, "gender": "other"}
    kept = {name: value for name, value in person.items() if name != "identifier"}
    subject = good[f"ResearchSubject/{one}"]
    numbers = [subject["identifier"][0] | {"value": key}]
    enrolled = subject | {"id": key, "identifier": numbers, "individual": reference("Patient", key)}
    without = {name: value for name, value in enrolled.items() if name != "consent"}
    return [kept | {"name": [{"use": "anonymous", "text": f"Synthetic participant {key}"}]}, without]


def unheard_of(trial: Trial, good: dict[str, Json]) -> list[Json]:
    """Return a type that FHIR does not know, an unknown product, and a seriousness that contradicts itself."""
    dose = good[f"MedicationAdministration/{trial.bad['dose']}"]
    unknown = {
        key: value
        for key, value in dose.items()
        if key not in {"medicationReference", "extension", "context"}
    }
    event = good[f"AdverseEvent/{trial.bad['event']}"]
    contradiction = concept("", coding(f"{HL7}/adverse-event-seriousness", "Non-serious"))
    return [
        {"resourceType": "BloodDraw", "id": "bad-resource-type"},
        unknown | {"id": "bad-product-unknown", "medicationReference": reference("Medication", "nowhere")},
        event
        | {
            "id": "bad-fatal-not-serious",
            "seriousness": contradiction,
            "outcome": concept("", coding(f"{HL7}/adverse-event-outcome", "fatal")),
        },
    ]


def bad_records(trial: Trial, resources: list[Json]) -> tuple[list[Json], int]:
    """Return the bad records, and the place of the one that the last line is a part of."""
    good = {said["id"]: said for said in resources if said["resourceType"] == "Observation"}
    others = {f"{said['resourceType']}/{said['id']}": said for said in resources}
    said = changed(trial, good) + other_gender(trial, others) + unheard_of(trial, others)
    twin, source = good[trial.bad["twin"]], good[trial.bad["clash"]]
    clash = source | {"valueQuantity": source["valueQuantity"] | {"value": number("151")}}
    return [*said, twin, clash], len(said)
