"""Return pieces of FHIR R4 resources: what every generator of the samples shares.

Numbers are given as text and written as they stand, so that ``72.50`` keeps its last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec

Json = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HL7 = "http://terminology.hl7.org/CodeSystem"
CORE_EXTENSION = "http://hl7.org/fhir/StructureDefinition"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
SPONSOR = "https://sponsor.example.org"
HOSPITAL = "https://hospital.example.org"
BIOMARKER_LAB = "https://biomarker-lab.example.org"

SYNTHETIC = {"system": f"{HL7}/v3-ActReason", "code": "HTEST", "display": "test health data"}


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone: its hours from UTC in winter, and whether it has summer time as in the United States.

    A time zone database may be absent or differ.
    """

    hours: int
    summer: bool = True


EASTERN, CENTRAL, PACIFIC = Zone(-5), Zone(-6), Zone(-8)
CHINA = Zone(8, summer=False)


def _sunday(year: int, month: int, day: int) -> date:
    """Return the first Sunday that is not before a day."""
    first = date(year, month, day)
    return first + timedelta(6 - first.weekday())


def local(day: date, minutes: int, zone: Zone) -> str:
    """Return the instant `minutes` after midnight of `day` at a place, with its offset.

    Example:
        >>> local(date(2025, 3, 8), 510, EASTERN), local(date(2025, 3, 9), 510, EASTERN)
        ('2025-03-08T08:30:00-05:00', '2025-03-09T08:30:00-04:00')
        >>> local(date(2025, 7, 1), 510, CHINA)
        '2025-07-01T08:30:00+08:00'
    """
    summer = zone.summer and _sunday(day.year, 3, 8) <= day < _sunday(day.year, 11, 1)
    offset = timezone(timedelta(hours=zone.hours + summer))
    midnight = datetime(day.year, day.month, day.day, tzinfo=offset)
    return (midnight + timedelta(minutes=minutes)).isoformat()


def in_utc(instant: str) -> str:
    """Return the same instant in UTC, as a laboratory system far away reports it.

    Example:
        >>> in_utc("2025-03-10T08:30:00-04:00")
        '2025-03-10T12:30:00Z'
    """
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def later(instant: str, minutes: int) -> str:
    """Return the instant `minutes` after `instant`, at the same offset.

    Example:
        >>> later("2025-03-10T08:30:00-04:00", 95)
        '2025-03-10T10:05:00-04:00'
    """
    return (datetime.fromisoformat(instant) + timedelta(minutes=minutes)).isoformat()


def resource(kind: str, ident: str, at: str, version: int = 1) -> Json:
    """Return the head of a resource of type `kind`, marked as synthetic, last updated at `at`."""
    meta = {"versionId": str(version), "lastUpdated": at, "security": [SYNTHETIC]}
    return {"resourceType": kind, "id": ident, "meta": meta}


def coding(system: str, code: str, display: str = "") -> Json:
    """Return a Coding.

    Example:
        >>> coding("http://loinc.org", "718-7")
        {'system': 'http://loinc.org', 'code': '718-7'}
    """
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(text: str, *codings: Json) -> Json:
    """Return a CodeableConcept of `codings`, with `text` unless that is empty."""
    return ({"coding": list(codings)} if codings else {}) | ({"text": text} if text else {})


def reference(kind: str, ident: str, display: str = "") -> Json:
    """Return a relative Reference.

    Example:
        >>> reference("Patient", "p1")
        {'reference': 'Patient/p1'}
    """
    return {"reference": f"{kind}/{ident}"} | ({"display": display} if display else {})


def identifier(system: str, value: str, text: str = "") -> Json:
    """Return an Identifier whose type is `text`."""
    return ({"type": {"text": text}} if text else {}) | {"system": system, "value": value}


def number(text: str) -> msgspec.Raw:
    """Return `text` as a JSON number that is written digit for digit.

    Example:
        >>> encode({"value": number("72.50")})
        b'{"value":72.50}'
    """
    return msgspec.Raw(text.encode())


def quantity(value: str, unit: str, code: str, comparator: str = "") -> Json:
    """Return a Quantity in UCUM; an empty `code` gives a number without a unit."""
    said: Json = {"value": number(value)} | ({"comparator": comparator} if comparator else {})
    return said | ({"unit": unit, "system": UCUM, "code": code} if code else {})


def extension(url: str, **value: object) -> Json:
    """Return an Extension with one ``value[x]``."""
    return {"url": url, **value}


def encode(said: Json) -> bytes:
    """Return `said` as one line of JSON."""
    return msgspec.json.encode(said)
