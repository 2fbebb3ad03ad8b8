"""TI in a Group: a characteristic for each criterion, which includes or excludes.

``code.coding[CRITERION]`` is IETESTCD, ``code.text`` the criterion, ``exclude`` is IECAT; the value is true.
A characteristic of somebody else's Group, or EvidenceVariable, whose text says a criterion is one as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trialbridge.converters.design_forms import (
    CRITERION,
    Json,
    Record,
    carried,
    carrying,
    coded,
    concept,
    in_order,
)
from trialbridge.lexical import is_legal

CATEGORIES = {False: "INCLUSION", True: "EXCLUSION"}
SHORT = {"INCLUSION": "INCL", "EXCLUSION": "EXCL"}
LOINC = "http://loinc.org"
MEASURED = ("valueRange", "valueQuantity", "valueReference")


def criteria_to_fhir(records: Sequence[Record]) -> list[Json]:
    """Return the characteristics of records of TI.

    Example:
        >>> one = {"IETESTCD": "INCL01", "IETEST": "Adult", "IECAT": "INCLUSION"}
        >>> criteria_of_fhir(criteria_to_fhir([one])) == [one]
        True
    """
    return [_characteristic(number, one) for number, one in enumerate(records, 1)]


def _characteristic(number: int, record: Record) -> Json:
    code = record.get("IETESTCD", "")
    codings = [(CRITERION, code)] if code and is_legal("code", code) else []
    node: Json = {
        "code": concept(record.get("IETEST", ""), *codings) or concept("Criterion"),
        "valueBoolean": True,
        "exclude": record.get("IECAT") == "EXCLUSION",
    }
    return carrying(node, record, _native(number, node) or {})


def criteria_of_fhir(characteristics: Sequence[Json]) -> list[Record]:
    """Return the records of TI that characteristics make; those that state a quantity are no text."""
    return in_order(list(_criteria(characteristics)))


def _criteria(characteristics: Sequence[Json]) -> Iterator[Record]:
    counts = {"INCLUSION": 0, "EXCLUSION": 0}
    for one in characteristics:
        if is_criterion(one):
            counts[CATEGORIES[bool(one.get("exclude"))]] += 1
            native = _native(counts[CATEGORIES[bool(one.get("exclude"))]], one)
            found = carried(one, native or {})
            if found.get("IETEST"):
                yield found


def is_criterion(characteristic: Json) -> bool:
    """Return whether a characteristic is a criterion in words, and no coded fact such as an age.

    Example:
        >>> is_criterion({"code": {"text": "Age"}, "valueRange": {}, "exclude": False})
        False
    """
    if coded(characteristic.get("code"), CRITERION):
        return True
    if coded(characteristic.get("code"), LOINC):
        return False
    return not any(name in characteristic for name in MEASURED) and bool(_text(characteristic))


def _native(number: int, node: Json) -> Record | None:
    category = CATEGORIES[bool(node.get("exclude"))]
    code = coded(node.get("code"), CRITERION) or f"{SHORT[category]}{number:02d}"
    text = _text(node)
    return {"IETESTCD": code, "IETEST": text, "IECAT": category} if text else None


def _text(node: Json) -> str:
    """Return the words of a criterion: its description, the text of its value, or that of its code."""
    value: Any = node.get("valueCodeableConcept")
    code: Any = node.get("code")
    definition: Any = node.get("definitionCodeableConcept")
    texts = [
        node.get("description"),
        *(one.get("text") for one in (value, definition) if isinstance(one, dict)),
        code.get("text") if isinstance(code, dict) and _yes(node) else None,
    ]
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def _yes(node: Json) -> bool:
    """Return whether the value only says that the criterion is to be met."""
    return node.get("valueBoolean") is True or not any(name.startswith("value") for name in node)
