"""FHIR releases: mappings speak R4; here stands where R5 keeps the same fact, and how a release is told.

The aliases are applied when a shape is made, so that reading either release costs the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from trialbridge.elements import Element, Version, elements, resource_types

_REACTION = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition/"
_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-AdverseEvent."
_PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"
_STATE = f"extension[url={_PROGRESS}].extension[url=subjectState].valueCodeableConcept"
_ARMCD = "urn:trialbridge:sdtm:armcd"

R5: Mapping[str, Mapping[str, str | None]] = {
    "AdverseEvent": {
        "event": "code",
        "date": "occurrenceDateTime",
        "outcome": "outcome[]",
        "resultingCondition": "resultingEffect",
        "severity": f"extension[url={_REACTION}ae-severity].valueCodeableConcept",
        f"extension[url={_ELEMENT}mitigatingAction].extension[url=item].valueCodeableConcept": (
            "mitigatingAction[].itemCodeableConcept"
        ),
        f"extension[url={_ELEMENT}occurrence].valuePeriod": "occurrencePeriod",
        "suspectEntity[*].instance": "suspectEntity[*].instanceReference",
        "suspectEntity[].instance": "suspectEntity[].instanceReference",
        "suspectEntity[*].causality[].assessment": "suspectEntity[*].causality.entityRelatedness",
        "suspectEntity[].causality[].assessment": "suspectEntity[].causality.entityRelatedness",
        "suspectEntity[*].causality[].productRelatedness": None,
        "suspectEntity[].causality[].productRelatedness": None,
        "study[]": "study[]",
        "identifier": "identifier[]",
    },
    "MedicationAdministration": {
        "medicationCodeableConcept": "medication.concept",
        "medicationReference": "medication.reference",
        "effectiveDateTime": "occurenceDateTime",
        "effectivePeriod": "occurencePeriod",
        "context": "encounter",
        "category": "category[]",
        "reasonCode[]": "reason[].concept",
        "reasonReference[]": "reason[].reference",
        "reasonReference[*]": "reason[*].reference",
    },
    "MedicationStatement": {
        "medicationCodeableConcept": "medication.concept",
        "medicationReference": "medication.reference",
        "context": "encounter",
        "category": "category[]",
        "reasonCode[]": "reason[].concept",
        "reasonReference[]": "reason[].reference",
        "reasonReference[*]": "reason[*].reference",
        "statusReason[]": None,
        "dosage[].asNeededBoolean": "dosage[].asNeeded",
    },
    "Immunization": {
        "reasonCode[]": "reason[].concept",
        "reasonReference[]": "reason[].reference",
        "reasonReference[*]": "reason[*].reference",
    },
    "Procedure": {
        "performedDateTime": "occurrenceDateTime",
        "performedPeriod": "occurrencePeriod",
        "performedString": "occurrenceString",
        "reasonCode[]": "reason[].concept",
        "reasonReference[]": "reason[].reference",
        "reasonReference[*]": "reason[*].reference",
        "category": "category[]",
    },
    "ResearchSubject": {
        "individual": "subject",
        "assignedArm": "assignedComparisonGroup",
        "actualArm": "actualComparisonGroup",
        "consent": "consent[]",
        "status": "progress[].subjectState.coding[].code",
        _STATE: None,
        f"{_STATE}.text": "progress[].subjectState.text",
        f"{_STATE}.coding[system={_ARMCD}]": f"progress[].subjectState.coding[system={_ARMCD}]",
        f"extension[url={_PROGRESS}].extension[url=milestone].valueCodeableConcept": "progress[].milestone",
        f"extension[url={_PROGRESS}].extension[url=reason].valueCodeableConcept": "progress[].reason",
        f"extension[url={_PROGRESS}].extension[url=startDate].valueDateTime": "progress[].startDate",
        f"extension[url={_PROGRESS}].extension[url=endDate].valueDateTime": "progress[].endDate",
    },
    "ResearchStudy": {
        "arm": "comparisonGroup",
        "focus[*].coding": "focus[*].concept.coding",
        "focus[*].text": "focus[*].concept.text",
        "sponsor": None,
        "principalInvestigator": "associatedParty[id=investigator].party",
        "location": "region",
        "status": "progressStatus[].state.coding[].code",
    },
    "Appointment": {"cancelationReason": "cancellationReason"},
    "Encounter": {
        "period": "actualPeriod",
        "class": "class[].coding[]",
        "reasonCode[]": "reason[].value[].concept",
        "reasonReference[]": "reason[].value[].reference",
        "reasonReference[*]": "reason[*].value[].reference",
        "hospitalization": "admission",
    },
    "MedicationRequest": {
        "medicationCodeableConcept": "medication.concept",
        "medicationReference": "medication.reference",
    },
    "MedicationDispense": {
        "medicationCodeableConcept": "medication.concept",
        "medicationReference": "medication.reference",
    },
    "DetectedIssue": {"patient": "subject"},
    "Medication": {"form": "doseForm"},
    "QuestionnaireResponse": {"identifier": "identifier[]"},
    "Consent": {"dateTime": "date", "patient": "subject", "scope": None, "policyRule": None},
}

_ALWAYS: Mapping[str, Mapping[str, str]] = {
    "Consent": {"status": "active"},
    "Immunization": {"occurrenceString": "unknown"},
    "MedicationRequest": {"status": "unknown", "intent": "order"},
    "Questionnaire": {"status": "active"},
    "QuestionnaireResponse.item": {"linkId": "-"},
}

_BEFORE_R5: Mapping[str, Mapping[str, str]] = {
    "Encounter": {"status": "unknown"},
    "MedicationStatement": {"status": "unknown"},
    "ResearchSubject": {"status": "candidate"},
}

REQUIRED: Mapping[Version, Mapping[str, Mapping[str, str]]] = {
    "R4": {**_ALWAYS, **_BEFORE_R5},
    "R4B": {**_ALWAYS, **_BEFORE_R5},
    "R5": {
        **_ALWAYS,
        "Encounter": {"status": "unknown"},
        "AdverseEvent": {"status": "completed"},
        "MedicationStatement": {"status": "recorded"},
        "ResearchStudy": {"status": "active"},
        "ResearchSubject": {"status": "active"},
        "QuestionnaireResponse": {"questionnaire": "urn:trialbridge:questionnaire"},
    },
}
"""Bare values that a release asks for and that say nothing of the subject: what is written there."""

INVARIANTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "MedicationAdministration.dosage": (("dose", "rateRatio", "rateQuantity"),),
}
"""Elements of which an invariant (mad-1) asks for one, by type: the first can be said to be unknown."""

ALIASES: Mapping[Version, Mapping[str, Mapping[str, str | None]]] = {"R4": {}, "R4B": {}, "R5": R5}

VERSIONS: tuple[Version, ...] = ("R4", "R4B", "R5")

_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@cache
def localised(kind: str, path: str, version: Version) -> str | None:
    """Return where `version` keeps what R4 keeps at `path`; null where it has no such element.

    Example:
        >>> localised("AdverseEvent", "event.text", "R5"), localised("AdverseEvent", "event.text", "R4")
        ('code.text', 'event.text')
    """
    aliases = ALIASES[version].get(kind, {})
    for old in sorted(aliases, key=len, reverse=True):
        if path == old or path.startswith((f"{old}.", f"{old}[")):
            new = aliases[old]
            return None if new is None else new + path[len(old) :]
    return path


def differs(kind: str) -> bool:
    """Return whether the releases keep what we read of a resource type at different places."""
    return kind in R5


def sniff(kind: str, data: bytes, default: Version = "R4") -> Version:
    """Return the release that most elements of a resource fit, by name and repetition; else `default`.

    Example:
        >>> sniff("AdverseEvent", b'{"resourceType":"AdverseEvent","code":{},"status":"completed"}')
        'R5'
        >>> sniff("QuestionnaireResponse", b'{"identifier":[{"value":"1"}]}')
        'R5'
    """
    try:
        lists = {name: bytes(value).startswith(b"[") for name, value in _KEYS.decode(data).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return default
    scores = {version: _fitting(elements(kind, version), lists) for version in _releases(kind)}
    best = max(scores.values(), default=0)
    return default if scores.get(default) == best else next(v for v, score in scores.items() if score == best)


def _fitting(known: Mapping[str, Element], lists: Mapping[str, bool]) -> int:
    return sum(name in known and known[name].many == repeats for name, repeats in lists.items())


@cache
def _releases(kind: str) -> tuple[Version, ...]:
    return tuple(version for version in VERSIONS if kind in resource_types(version))
