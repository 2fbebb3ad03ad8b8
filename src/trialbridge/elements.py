"""What FHIR says of each element, per version: type, cardinality, choice, order, required codes.

The table is generated (``tools/generate_elements.py``); it is read when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import Literal, NamedTuple

Version = Literal["R4", "R4B", "R5"]

Wire = Literal["text", "raw", "bool", "complex"]

_TEXT = "base64Binary canonical code date dateTime id instant markdown oid string time uri url uuid xhtml"

_RAW = ("decimal", "integer", "integer64", "positiveInt", "unsignedInt")

_WIRE: dict[str, Wire] = {
    **dict.fromkeys(_TEXT.split(" "), "text"),
    **dict.fromkeys(_RAW, "raw"),
    "boolean": "bool",
}

PRIMITIVES: frozenset[str] = frozenset(_WIRE)


class Element(NamedTuple):
    """One element of a FHIR type, by its name in JSON.

    Attributes:
        name: Name in JSON; each type of a choice is an element of its own: ``valueQuantity``.
        type: FHIR type: ``decimal``, ``Quantity``, ``Observation.component``, ``Resource`` for any resource.
        many: Whether it is a list.
        required: Whether its minimum is 1; for a choice, one of the group must be there.
        choice: The group it belongs to, such as ``value[x]``; empty for none.
        order: Its place among the elements of its type, from 0.
        codes: The codes that a required binding allows, where the table has them.
    """

    name: str
    type: str
    many: bool
    required: bool
    choice: str
    order: int
    codes: tuple[str, ...]


def elements(type_name: str, version: Version) -> Mapping[str, Element]:
    """Return the elements of a FHIR type by name, in FHIR's order.

    Args:
        type_name: Resource, data type, or the path of a backbone element: ``Observation.component``.
        version: FHIR version.

    Raises:
        LookupError: The table has no such type in this version.

    Example:
        >>> elements("Observation.component", "R4")["valueQuantity"].choice
        'value[x]'
    """
    return _elements(type_name, version)


def is_resource(type_name: str, version: Version) -> bool:
    """Return whether a type is a resource: only resources have ``implicitRules``.

    Example:
        >>> is_resource("Patient", "R5"), is_resource("Quantity", "R5"), is_resource("Nonsense", "R5")
        (True, False, False)
    """
    return _has_version(type_name, version) and "implicitRules" in elements(type_name, version)


@cache
def resource_types(version: Version) -> frozenset[str]:
    """Return the names of the resources that the table describes.

    Example:
        >>> "ResearchSubject" in resource_types("R4")
        True
    """
    return frozenset(name for name in _rows() if name != "Resource" and is_resource(name, version))


def wire(element: Element) -> Wire:
    """Return the form of an element in JSON; a number is ``raw``, for its text is kept as written.

    Example:
        >>> wire(elements("Quantity", "R4")["value"])
        'raw'
    """
    return _WIRE.get(element.type, "complex")


@cache
def _rows() -> Mapping[str, tuple[list[str], ...]]:
    table = files("trialbridge.standards").joinpath("_fhir_elements.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[2:])
    return {name: tuple(group) for name, group in groupby(rows, key=lambda row: row[1])}


def _has_version(type_name: str, version: Version) -> bool:
    return any(version in row[0].split(" ") for row in _rows().get(type_name, ()))


@cache
def _elements(type_name: str, version: Version) -> Mapping[str, Element]:
    if not _has_version(type_name, version):
        raise LookupError(f"FHIR {version} has no type {type_name}, as far as the element table goes")
    found = sorted(_of_version(type_name, version), key=lambda element: element.order)
    return MappingProxyType({element.name: element for element in found})


def _of_version(type_name: str, version: Version) -> Iterator[Element]:
    for versions, _, name, type_, minimum, maximum, choice, order, codes in _rows()[type_name]:
        places = dict(zip(versions.split(" "), order.split(" ") * 3, strict=False))
        if version in places:
            place = int(places[version])
            yield Element(name, type_, maximum == "*", minimum == "1", choice, place, tuple(codes.split()))
