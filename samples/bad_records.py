# ruff: noqa: E501 - one record a line reads as a table
"""Return records that a converter must not take as they are; ``expected_problems.toml`` says what becomes of each.

They stand in a file of their own, so that the sample trial converts cleanly without them.
"""

from __future__ import annotations

from collections.abc import Callable

from trialbridge.samples.resources import (
    HL7,
    HOSPITAL,
    LOINC,
    Json,
    coding,
    concept,
    encode,
    number,
    reference,
)

Change = Callable[[Json], Json]


def _without(*names: str) -> Change:
    return lambda said: {key: value for key, value in said.items() if key not in names}


def _with(**values: object) -> Change:
    return lambda said: said | values


def _unit(unit: str, code: str) -> Change:
    return lambda said: said | {"valueQuantity": said["valueQuantity"] | {"unit": unit, "code": code}}


def _coded(*codings: Json, text: str = "") -> Change:
    return _with(code=concept(text, *codings))


# id of the good Observation, id of the bad copy, what is wrong with it
CHANGES: tuple[tuple[str, str, Change], ...] = (
    (
        "101-001-v5-k",
        "bad-local-code",
        _coded(coding(f"{HOSPITAL}/lab-codes", "XK77", "Potassium, analyser B")),
    ),
    ("101-001-v5-alb", "bad-no-code", _coded(text="Albumin")),
    ("101-001-v5-glu", "bad-wrong-specimen", _with(specimen=reference("Specimen", "101-001-v5-urine"))),
    (
        "101-002-v5-na",
        "bad-impossible-date",
        _with(effectiveDateTime="2025-02-30", specimen={"display": "Serum"}),
    ),
    (
        "101-002-v6-ca",
        "bad-time-without-zone",
        _with(effectiveDateTime="2025-04-07T08:50:00", specimen={"display": "Serum"}),
    ),
    ("101-002-v6-alp", "bad-unit", _unit("furlong", "furlong")),
    ("101-002-v6-ldh", "bad-unit-of-another-kind", _unit("mmHg", "mm[Hg]")),
    (
        "101-003-v6-upcr",
        "bad-retired-code",
        _coded(coding(LOINC, "13097-1", "Deprecated PM-SCL extractable nuclear Ab")),
    ),
    ("101-003-v6-mg", "bad-unknown-code", _coded(coding(LOINC, "99999-9"), text="Magnesium")),
    ("101-003-v6-tp", "bad-no-such-patient", _with(subject=reference("Patient", "nobody"))),
    ("101-003-v6-c3", "bad-no-subject", _without("subject")),
    ("101-005-v6-c4", "bad-no-status", _without("status")),
    ("101-005-v6-hgb", "bad-no-result", _without("valueQuantity", "interpretation")),
    ("101-005-v6-wbc", "bad-two-results", _with(valueString="see comment")),
    (
        "101-006-v6-bun",
        "bad-after-death",
        _with(
            subject=reference("Patient", "101-007"),
            effectiveDateTime="2025-09-20T08:00:00-04:00",
            specimen={"display": "Serum"},
            encounter={"display": "Unscheduled"},
        ),
    ),
    ("101-006-v6-crea", "bad-number-as-text", _without("valueQuantity")),
)


def changed(good: dict[str, Json]) -> list[Json]:
    """Return the bad Observations, each made from a good one of the trial."""
    said = []
    for source, ident, change in CHANGES:
        copy = change(good[source])
        kept = {key: value for key, value in copy.items() if key != "identifier"}
        said.append(kept | {"id": ident})
    said[-1]["valueQuantity"] = {"value": "0.81", "unit": "mg/dL"}
    return said


def other_gender(good: dict[str, Json]) -> list[Json]:
    """Return a thirteenth person, screened only, whose gender has no term in SDTM."""
    person = good["Patient/S-004"] | {"id": "S-013", "gender": "other", "identifier": []}
    kept = {key: value for key, value in person.items() if key != "identifier"}
    subject = good["ResearchSubject/S-004"]
    numbers = [subject["identifier"][0] | {"value": "S-013"}]
    enrolled = subject | {"id": "S-013", "identifier": numbers, "individual": reference("Patient", "S-013")}
    without = {key: value for key, value in enrolled.items() if key != "consent"}
    return [kept | {"name": [{"use": "anonymous", "text": "Synthetic participant S-013"}]}, without]


def unheard_of(good: dict[str, Json]) -> list[Json]:
    """Return a type that FHIR does not know, an unknown product, and a seriousness that contradicts itself."""
    dose = good["MedicationAdministration/101-001-dose"]
    unknown = {
        key: value
        for key, value in dose.items()
        if key not in {"medicationReference", "extension", "context"}
    }
    event = good["AdverseEvent/101-001-ae-02"]
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


def bad_records(resources: list[Json]) -> list[bytes]:
    """Return the bad records, one line of JSON each; the last line is cut off."""
    good = {said["id"]: said for said in resources if said["resourceType"] == "Observation"}
    others = {f"{said['resourceType']}/{said['id']}": said for said in resources}
    said = changed(good) + other_gender(others) + unheard_of(others)
    twin = good["101-010-v5-k"]
    clash = good["101-010-v5-na"] | {
        "valueQuantity": good["101-010-v5-na"]["valueQuantity"] | {"value": number("151")}
    }
    return [encode(each) for each in (*said, twin, clash)] + [encode(twin)[:200]]
