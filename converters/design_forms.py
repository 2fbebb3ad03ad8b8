"""What every resource of a trial's design shares: codes of its parts, and what no element of FHIR can hold.

A record of TS, TA, TE, TV or TI is a part of a resource (an action, a characteristic, a parameter), never a
resource of its own. What elements say of it is read first; the rest stands in the extension `DESIGN` of that
part, one sub-extension a variable, as in `carriage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trialbridge.carriage import ABSENT

Json = dict[str, Any]
Record = dict[str, Any]
"""Variable -> text, or list of texts; what is blank is not there."""

DESIGN = "urn:trialbridge:sdtm:design"
"""The ``url`` of the extension; those of its parts are names of variables, ``row`` and ``absent``."""

PART = "urn:trialbridge:sdtm:design-part"
"""System of the codes that say what an action is: ``arm``, ``epoch``, ``cell``, ``element``, ``visit``."""

CRITERION = "urn:trialbridge:sdtm:criterion"
"""System of IETESTCD."""

PARAMETER = "urn:trialbridge:sdtm:parameter"
"""System of TSPARMCD."""

ARM = "urn:trialbridge:sdtm:armcd"
"""System of ARMCD."""

UCUM = "http://unitsofmeasure.org"


class Place(Protocol):
    """Where some variables stand in a node."""

    def read(self, node: Json) -> Record:
        """Return what the node says."""

    def write(self, node: Json, record: Record) -> None:
        """Put into the node what it can hold of the record."""


@dataclass(frozen=True)
class Plain:
    """A variable in an element of one value."""

    variable: str
    element: str

    def read(self, node: Json) -> Record:
        """Return the text of the element."""
        text = node.get(self.element)
        return {self.variable: text} if isinstance(text, str) and text.strip() else {}

    def write(self, node: Json, record: Record) -> None:
        """Write the text."""
        if self.variable in record:
            node[self.element] = record[self.variable]


def read_places(places: Iterable[Place], node: Json) -> Record:
    """Return what a node says by elements alone."""
    found: Record = {}
    for place in places:
        found |= place.read(node)
    return found


def write_places(places: Iterable[Place], record: Record) -> Json:
    """Return a node with what its elements can hold of a record."""
    node: Json = {}
    for place in places:
        place.write(node, record)
    return node


def carrying(node: Json, record: Record, native: Record) -> Json:
    """Return the node with the extension for what its elements do not give back.

    Args:
        node: The part of the design.
        record: What it has to say.
        native: What its elements say.

    Example:
        >>> carrying({}, {"ELEMENT": "A", "TABRANCH": "B"}, {"ELEMENT": "A"})["extension"][0]["url"]
        'urn:trialbridge:sdtm:design'
    """
    parts = [
        {"url": name, "valueString": one}
        for name, value in record.items()
        if native.get(name) != value
        for one in (value if isinstance(value, list) else [value])
    ]
    if absent := [name for name in native if name not in record]:
        parts.append({"url": ABSENT, "valueString": " ".join(absent)})
    if not parts:
        return node
    return {"extension": [*node.get("extension", ()), {"url": DESIGN, "extension": parts}], **_rest(node)}


def _rest(node: Json) -> Json:
    return {name: value for name, value in node.items() if name != "extension"}


LISTS = frozenset({"NAMES", "COLLECTED"})
"""What is a list of texts."""


def carried(node: Mapping[str, Any], native: Record) -> Record:
    """Return a record: what the elements say, with what the extension of the node holds.

    Example:
        >>> node = {"extension": [{"url": DESIGN, "extension": [{"url": "TABRANCH", "valueString": "B"}]}]}
        >>> carried(node, {"ELEMENT": "A"})
        {'ELEMENT': 'A', 'TABRANCH': 'B'}
    """
    found = dict(native)
    for part in extensions(node):
        found |= part
    for name in str(found.pop(ABSENT, "")).split():
        found.pop(name, None)
    return found


def extensions(node: Mapping[str, Any]) -> Iterator[Record]:
    """Yield what each documented extension of a node holds."""
    for one in dicts(node.get("extension")):
        if one.get("url") == DESIGN:
            found: Record = {}
            for part in dicts(one.get("extension")):
                name, value = str(part.get("url", "")), part.get("valueString")
                if name in LISTS:
                    found.setdefault(name, []).append(value)
                elif isinstance(value, str):
                    found[name] = value
            yield found


def dicts(value: object) -> list[Json]:
    """Return the objects in a list, or the object itself as one; nothing of anything else."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]


def coded(concept: object, system: str) -> str:
    """Return the code of a system in a CodeableConcept, or in the first of several that has one.

    Example:
        >>> coded({"coding": [{"system": PART, "code": "visit"}]}, PART)
        'visit'
    """
    codes = (
        str(coding["code"])
        for one in dicts(concept)
        for coding in dicts(one.get("coding"))
        if coding.get("system") == system and coding.get("code")
    )
    return next(codes, "")


def concept(text: str = "", *codings: tuple[str, str]) -> Json:
    """Return a CodeableConcept of system and code pairs.

    Example:
        >>> concept("Age", ("http://loinc.org", "30525-0"))
        {'coding': [{'system': 'http://loinc.org', 'code': '30525-0'}], 'text': 'Age'}
    """
    found: Json = {}
    if codings:
        found["coding"] = [{"system": system, "code": code} for system, code in codings]
    return found | ({"text": text} if text else {})


def in_order(records: Sequence[Record], order: str = "row") -> list[Record]:
    """Return the records in the order that they say they had; those that do not say follow."""
    return sorted(records, key=lambda one: int(one[order]) if str(one.get(order, "")).isdigit() else 10**9)
