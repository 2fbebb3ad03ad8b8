# ruff: noqa: E501 - one record a line reads as a table
"""Return what happens to laboratory results after they are first reported, as a hospital's feed shows it.

Preliminary, amended, corrected and cancelled results come as further versions of the same resource; a sample that is
drawn again is a new Specimen; a reflex test is a further Observation; older results are known to the month only.
"""

from __future__ import annotations

from trialbridge.samples.catalogue import TITRES, Measured, Reported
from trialbridge.samples.laboratory import (
    Sample,
    interpretation,
    measured_value,
    observation,
    replaced,
)
from trialbridge.samples.participants import Attendance
from trialbridge.samples.resources import HL7, Json, coding, concept, later, reference

# results that the course of a participant demands: id, number
FORCED_NUMBERS = {"S-009-scr-crea": "2.94", "S-009-scr-egfr": "24"}
FORCED_WORDS = {
    "S-004-scr-hcvab": "REACTIVE",
    "101-005-scr-hbcab": "REACTIVE",
    "101-002-scr-ana": "1:640",
    "101-005-scr-ana": "1:1280",
}
# id: status of the first version, its number ("" for the same), status of the second, remark
REVISED = {
    "101-002-v5-k": ("final", "6.8", "corrected", "First value came from a haemolysed tube."),
    "101-006-v6-crea": ("final", "", "amended", "Method comment added; value unchanged."),
    "101-001-v6-c3": ("preliminary", "", "final", ""),
    "101-010-v10-upcr": ("final", "1310", "corrected", "Transcription error in the first report."),
    "101-003-v5-glu": ("final", "", "entered-in-error", "Sample of another person."),
}
ABSENT = {
    "101-009-v11-up24": ("not-performed", "Collection was incomplete."),
    "101-004-et-hcgu": ("asked-declined", ""),
    "101-001-v4-temp": ("not-performed", ""),
    "101-006-v7-bm-et1-u": ("error", "Assay run failed."),
    "101-008-v6-ldh": ("error", "Haemolysed."),
}
CLUMPED = "101-005-v4-plt"
HAEMOLYSED = "101-008-v6-serum"
REFLEX = {
    "101-005-scr-hbcab": (
        Measured(
            "SEROLOGY",
            "42595-9",
            "HBVDNA",
            "Hepatitis B virus DNA",
            "[IU]/mL",
            "[IU]/mL",
            "",
            "",
            0,
            "SERUM",
            floor="10",
        ),
        1.0,
    ),
    "S-004-scr-hcvab": (
        Measured(
            "SEROLOGY",
            "11011-4",
            "HCVRNA",
            "Hepatitis C virus RNA",
            "[IU]/mL",
            "[IU]/mL",
            "",
            "",
            0,
            "SERUM",
            floor="15",
        ),
        184000.0,
    ),
}
ANA = Reported("HISTORY", "5048-4", "ANA", "Antinuclear antibody titre", "SERUM", TITRES, expected="<1:40")
DSDNA = Measured(
    "HISTORY", "5130-0", "DSDNA", "Anti-dsDNA antibody", "[IU]/mL", "[IU]/mL", "", "10", 0, "SERUM"
)
# key of the screening visit: when the older result was, as far as it is known, and what it was
HISTORY = {
    "101-001-scr": ("2024-11", "1:320"),
    "101-003-scr": ("2025-01-14", "1:1280"),
    "101-007-scr": ("2025", ""),
}


def _version(said: Json, version: int, minutes: int) -> Json:
    meta = said["meta"] | {
        "versionId": str(version),
        "lastUpdated": later(said["meta"]["lastUpdated"], minutes),
    }
    return said | {"meta": meta}


def _note(text: str) -> Json:
    return {"note": [{"text": text}]} if text else {}


def revisions(said: Json) -> list[Json]:
    """Return every version of one Observation, the oldest first."""
    ident = said["id"]
    if ident in REVISED:
        first, value, then, remark = REVISED[ident]
        old = said | {"status": first}
        return [
            flagged(replaced(old, value), "H") if value else old,
            _version(said, 2, 1500) | {"status": then} | _note(remark),
        ]
    if ident in ABSENT:
        reason, remark = ABSENT[ident]
        return [absent(said, reason) | _note(remark)]
    return [said]


def absent(said: Json, reason: str) -> Json:
    """Return `said` without a result, and why there is none."""
    kept = {key: value for key, value in said.items() if not key.startswith(("value", "interpretation"))}
    return kept | {"dataAbsentReason": concept("", coding(f"{HL7}/data-absent-reason", reason))}


def flagged(said: Json, flag: str) -> Json:
    """Return `said` with another flag beside its reference range."""
    return said | {"interpretation": [concept("", coding(f"{HL7}/v3-ObservationInterpretation", flag))]}


def forced(said: Json) -> Json:
    """Return `said` with the result that the participant's course demands, where there is one."""
    ident = said["id"]
    if ident in FORCED_NUMBERS:
        flag = "H" if ident.endswith("crea") else "L"
        return flagged(replaced(said, FORCED_NUMBERS[ident]), flag)
    if ident in FORCED_WORDS:
        word = FORCED_WORDS[ident]
        return said | (
            {"valueString": word} if "valueString" in said else {"valueCodeableConcept": concept(word)}
        )
    return said


def drawn_again(said: Json, samples: list[Json]) -> tuple[list[Json], list[Json]]:
    """Return the cancelled result with the one that replaced it, and the second Specimen."""
    first = next(each for each in samples if said["specimen"]["reference"].endswith(each["id"]))
    at = later(first["collection"]["collectedDateTime"], 135)
    second = first | {
        "id": f"{first['id']}-2",
        "accessionIdentifier": first["accessionIdentifier"]
        | {"value": first["accessionIdentifier"]["value"] + "-2"},
        "receivedTime": later(at, 20),
        "collection": first["collection"] | {"collectedDateTime": at},
        "note": [{"text": "Drawn again: the first tube was clumped."}],
    }
    cancelled = absent(_version(said, 2, 60), "error") | {"status": "cancelled"} | _note("Platelets clumped.")
    repeated = replaced(said, "238") | {
        "id": f"{said['id']}-2",
        "identifier": [said["identifier"][0] | {"value": said["identifier"][0]["value"] + "-2"}],
        "effectiveDateTime": at,
        "issued": later(at, 240),
        "specimen": reference("Specimen", second["id"]),
    }
    awaited = absent(said, "temp-unknown") | {"status": "registered"}
    return [awaited, cancelled, repeated], [second]


def reflex(came: Attendance, said: Json) -> list[Json]:
    """Return the nucleic acid test that a reactive screening test sets off."""
    if said["id"] not in REFLEX:
        return []
    test, value = REFLEX[said["id"]]
    sample = Sample(said["specimen"]["reference"].partition("/")[2], said["effectiveDateTime"])
    return [observation(came, test, sample) | measured_value(test, value)]


def history(came: Attendance, sample: str) -> list[Json]:
    """Return the result of an earlier test that qualified the participant; its date may be partial."""
    if came.key not in HISTORY:
        return []
    when, titre = HISTORY[came.key]
    test = ANA if titre else DSDNA
    head = observation(came, test, Sample(sample, f"{came.on.isoformat()}T09:00:00-04:00"))
    kept = {key: value for key, value in head.items() if key not in {"specimen", "encounter", "issued"}}
    result = {"valueString": titre} if titre else measured_value(DSDNA, 88.0) | interpretation(DSDNA, 88.0)
    return [
        kept
        | result
        | {"id": f"{came.participant.key}-history-{test.local.lower()}", "effectiveDateTime": when}
    ]


def reported(
    came: Attendance, samples: list[Json], observations: list[Json]
) -> tuple[list[Json], list[Json]]:
    """Return the Specimens and all versions of all Observations of one visit."""
    said: list[Json] = []
    more: list[Json] = []
    for each in observations:
        current = forced(each)
        if current["id"] == CLUMPED:
            found, more = drawn_again(current, samples)
            said += found
        else:
            said += revisions(current)
        said += reflex(came, current)
    said += history(came, samples[0]["id"])
    return [_condition(each) for each in samples] + more, said


def _condition(said: Json) -> Json:
    if said["id"] != HAEMOLYSED:
        return said
    return said | {"status": "unsatisfactory", "condition": [concept("", coding(f"{HL7}/v2-0493", "HEM"))]}
