# ruff: noqa: E501 - one record a line reads as a table
"""Return what happens to laboratory results after they are first reported, as a hospital's feed shows it.

Preliminary, amended, corrected and cancelled results come as further versions of the same resource; a sample that is
drawn again is a new Specimen; a reflex test is a further Observation; older results are known to the month only.
"""

from __future__ import annotations

from trialbridge.samples.catalogue import REFLEX, TITRES, Measured, Reported
from trialbridge.samples.laboratory import (
    Sample,
    interpretation,
    measured_value,
    observation,
    replaced,
)
from trialbridge.samples.resources import HL7, Json, coding, concept, later, reference
from trialbridge.samples.trial import Attendance, Feed

ANA = Reported("HISTORY", "5048-4", "ANA", "Antinuclear antibody titre", "SERUM", TITRES, expected="<1:40")
DSDNA = Measured(
    "HISTORY", "5130-0", "DSDNA", "Anti-dsDNA antibody", "[IU]/mL", "[IU]/mL", "", "10", 0, "SERUM"
)


def _version(said: Json, version: int, minutes: int) -> Json:
    meta = said["meta"] | {
        "versionId": str(version),
        "lastUpdated": later(said["meta"]["lastUpdated"], minutes),
    }
    return said | {"meta": meta}


def _note(text: str) -> Json:
    return {"note": [{"text": text}]} if text else {}


def revisions(said: Json, feed: Feed) -> list[Json]:
    """Return every version of one Observation, the oldest first."""
    ident = said["id"]
    if ident in feed.revised:
        first, value, then, remark = feed.revised[ident]
        old = said | {"status": first}
        return [
            flagged(replaced(old, value), "H") if value else old,
            _version(said, 2, 1500) | {"status": then} | _note(remark),
        ]
    if ident in feed.absent:
        reason, remark = feed.absent[ident]
        return [absent(said, reason) | _note(remark)]
    return [said]


def absent(said: Json, reason: str) -> Json:
    """Return `said` without a result, and why there is none."""
    kept = {key: value for key, value in said.items() if not key.startswith(("value", "interpretation"))}
    return kept | {"dataAbsentReason": concept("", coding(f"{HL7}/data-absent-reason", reason))}


def flagged(said: Json, flag: str) -> Json:
    """Return `said` with another flag beside its reference range."""
    return said | {"interpretation": [concept("", coding(f"{HL7}/v3-ObservationInterpretation", flag))]}


def forced(said: Json, feed: Feed) -> Json:
    """Return `said` with the result that the participant's course demands, where there is one."""
    ident = said["id"]
    if ident in feed.numbers:
        value, flag = feed.numbers[ident]
        return flagged(replaced(said, value), flag)
    if ident in feed.words:
        word = feed.words[ident]
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
    if said["id"] not in came.trial.feed.reflex:
        return []
    local, value = came.trial.feed.reflex[said["id"]]
    test = REFLEX[local]
    sample = Sample(said["specimen"]["reference"].partition("/")[2], said["effectiveDateTime"])
    return [observation(came, test, sample) | measured_value(test, value)]


def history(came: Attendance, sample: str) -> list[Json]:
    """Return the result of an earlier test that qualified the participant; its date may be partial."""
    if came.key not in came.trial.feed.history:
        return []
    when, titre = came.trial.feed.history[came.key]
    test = ANA if titre else DSDNA
    head = observation(came, test, Sample(sample, came.at(540)))
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
    feed = came.trial.feed
    for each in observations:
        current = forced(each, feed)
        if current["id"] == feed.clumped:
            found, more = drawn_again(current, samples)
            said += found
        else:
            said += revisions(current, feed)
        said += reflex(came, current)
    said += history(came, samples[0]["id"])
    return [_condition(each, feed) for each in samples] + more, said


def _condition(said: Json, feed: Feed) -> Json:
    if said["id"] != feed.haemolysed:
        return said
    return said | {"status": "unsatisfactory", "condition": [concept("", coding(f"{HL7}/v2-0493", "HEM"))]}
