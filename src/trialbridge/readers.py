"""A `Reader` is all that is compiled for one resource type of one release: decoders, plans, census."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trialbridge.elements import Version, elements, resource_types, wire
from trialbridge.errors import MappingDefinitionError
from trialbridge.paths import Path, parse
from trialbridge.plans import ReadPlan, read_plan
from trialbridge.registry import SUBJECTS, Paths
from trialbridge.shapes import ITEM_ROW, Position, Shape, elements_of, nest_items, shape_of
from trialbridge.versions import VERSIONS, localised

BASE = ("id", "meta.versionId", "meta.lastUpdated")
CANONICAL = "url"


@dataclass(frozen=True)
class Reader:
    """What is needed to read the resources of one type.

    Attributes:
        kind: Resource type.
        version: FHIR release.
        shape: The root place, which also says how a resource is built.
        parts: The shapes of its components or answers: unit -> shape.
        plan: Reads the resource itself.
        units: Reads its components or answers: unit -> plan.
        wires: Column -> ``text``, ``raw`` or ``bool``; a list column ends in ``[]``.
        counted: Whether the elements that nothing reads are counted: only where something is read.
    """

    kind: str
    version: Version
    shape: Shape
    parts: Mapping[str, Shape]
    plan: ReadPlan
    units: Mapping[str, ReadPlan]
    wires: Mapping[str, Mapping[str, str]]
    counted: bool
    strict: msgspec.json.Decoder[Any]
    lenient: msgspec.json.Decoder[Any]

    @property
    def position(self) -> Position:
        """The root place's Structs, and what of it is unread."""
        return self.shape.place


def reader(kind: str, version: Version, paths: Paths | None) -> Reader:
    """Return the reader of a resource type.

    Args:
        kind: Resource type.
        version: FHIR release.
        paths: Unit -> the paths that mappings read; none for a type that no mapping reads.

    Raises:
        MappingDefinitionError: A path is an element of no release of FHIR.
    """
    units = paths or {"": {}}
    resource = {**_base(kind, version), **units[""]}
    shape = shape_of(kind, version, columns_of(kind, version, resource), kind)
    position = shape.place
    parts: dict[str, Shape] = {}
    wires = {"": _wires(kind, version, resource)}
    for unit in units:
        if unit:
            parts[unit], wires[unit] = _unit(kind, version, unit, units[unit], position)
    return Reader(
        kind,
        version,
        shape,
        parts,
        read_plan(shape),
        {unit: read_plan(part) for unit, part in parts.items()},
        wires,
        paths is not None,
        msgspec.json.Decoder(position.strict_struct),
        msgspec.json.Decoder(position.struct),
    )


def _unit(
    kind: str, version: Version, unit: str, paths: Mapping[str, None], position: Position
) -> tuple[Shape, dict[str, str]]:
    if unit == "item":
        columns = {path: parse(path) for path in paths}
        row = shape_of(ITEM_ROW, version, columns, kind)
        item = nest_items(row)
        position.typed["item"] = item
        return row, _wires(ITEM_ROW, version, paths)
    below = f"{kind}.{unit}"
    inside = columns_of(below, version, paths)
    shape = shape_of(below, version, inside, kind)
    position.typed[unit] = shape.position
    return shape, _wires(below, version, paths)


def _base(kind: str, version: Version) -> dict[str, None]:
    names = elements(kind, version)
    subject = SUBJECTS.get(kind, "subject.reference")
    wanted = [*BASE]
    if (localised(kind, subject, version) or "").partition(".")[0] in names:
        wanted.append(subject)
    if CANONICAL in names:
        wanted.append(CANONICAL)
    return dict.fromkeys(wanted)


def columns_of(kind: str, version: Version, paths: Mapping[str, None]) -> dict[str, Path]:
    """Return column -> path in this release, without those that only another release has."""
    found = {}
    for text in paths:
        local = localised(kind, text, version)
        if local is not None and _exists(kind, version, parse(local)):
            found[text] = parse(local)
        elif not any(_known(kind, other, text) for other in VERSIONS):
            raise MappingDefinitionError(kind, text, "is an element of no release of FHIR")
    return found


def _known(kind: str, version: Version, text: str) -> bool:
    local = localised(kind, text, version)
    return local is not None and _exists(kind, version, parse(local))


def _exists(kind: str, version: Version, path: Path) -> bool:
    return _leaf_wire(kind, version, path) is not None


def _leaf_wire(kind: str, version: Version, path: Path) -> str | None:
    """Return how the element at the end of a path is written in JSON; none where there is no such element."""
    if kind.partition(".")[0] not in resource_types(version):
        return None
    wired = ""
    for step in path.steps:
        try:
            element = elements_of(kind, version).get(step.name)
        except LookupError:
            return None
        if element is None or element.many == (step.select == "one"):
            return None
        kind, wired = element.type, wire(element)
    lists = any(step.select == "every" for step in path.steps)
    return None if wired == "complex" else wired + ("[]" if lists else "")


def _wires(kind: str, version: Version, paths: Mapping[str, None]) -> dict[str, str]:
    """Return how each column is held: by the release in hand, else by one that has the element."""
    found = {}
    for text in paths:
        for release in (version, *VERSIONS):
            local = localised(kind, text, release)
            wired = local and _leaf_wire(kind, release, parse(local))
            if wired:
                found[text] = wired
                break
    return found


__all__ = ["Reader", "Shape", "columns_of", "reader"]
