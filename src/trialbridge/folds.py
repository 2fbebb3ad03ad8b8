"""Folding: elements that repeat themselves from resource to resource are decoded once for each distinct text.

The codes, categories and reference ranges of 200,000 laboratory results are a few hundred texts. A folded
element stays undecoded in the resource's Struct; its distinct texts are decoded, read and counted by the same
shapes and plans as ever, and the columns are spread over the rows at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trialbridge.elements import elements
from trialbridge.narrowing import Seen, narrowed
from trialbridge.paths import Path
from trialbridge.plans import ReadPlan, read_plan
from trialbridge.readers import Reader, columns_of
from trialbridge.shapes import Position, Shape, shape_of

FOLDED = frozenset({"CodeableConcept", "Observation.referenceRange"})
"""Types of elements that repeat themselves: concepts, and the reference ranges of a test."""


@dataclass(frozen=True)
class Fold:
    """One folded element: what is read of its distinct texts."""

    name: str
    position: Position
    plan: ReadPlan
    decoder: msgspec.json.Decoder[Any]

    def decode(self, text: bytes) -> msgspec.Struct:
        """Return a resource that has this element alone.

        Raises:
            msgspec.ValidationError: It is not as FHIR defines it; the whole resource is to be read otherwise.
        """
        found: msgspec.Struct = self.decoder.decode(b'{"' + self.name.encode() + b'":' + text + b"}")
        return found


@dataclass(frozen=True)
class Folded:
    """What reads the resources of one type with some elements folded.

    Attributes:
        shape: The root place, without what is read of the folded elements.
        units: Names of the elements that become records of their own.
        plan: Reads all but the folded elements.
        decoder: Decodes a resource, its folded elements as text.
        folds: The folded elements.
    """

    shape: Shape
    units: frozenset[str]
    plan: ReadPlan
    decoder: msgspec.json.Decoder[Any]
    folds: tuple[Fold, ...]

    @property
    def position(self) -> Position:
        """The root place's Struct."""
        return self.shape.place

    def narrowed(self, seen: Seen) -> Folded:
        """Return what reads resources that have no more elements than were seen, and refuses others."""
        folds = tuple(fold for fold in self.folds if fold.name in seen)
        shape = narrowed(self.shape, seen, self.units)
        return _folded(shape, self.units.intersection(seen), folds, flat=True)


def folded(made: Reader) -> Folded | None:
    """Return the folding reader beside a plain one; none where the type has nothing to fold."""
    if set(made.units) - {"component"}:
        return None
    groups: dict[str, dict[str, Path]] = {"": {}}
    known = elements(made.kind, made.version)
    for column, path in columns_of(made.kind, made.version, dict.fromkeys(made.wires[""])).items():
        name = path.steps[0].name
        groups.setdefault(name if known[name].type in FOLDED else "", {})[column] = path
    rest = groups.pop("")
    if not groups:
        return None
    shape = shape_of(made.kind, made.version, rest, made.kind)
    for unit in made.units:
        shape.place.typed[unit] = made.position.typed[unit]
    folds = tuple(_fold(made, name, columns) for name, columns in groups.items())
    return _folded(shape, frozenset(made.units), folds)


def _folded(shape: Shape, units: frozenset[str], folds: tuple[Fold, ...], *, flat: bool = False) -> Folded:
    decoder = msgspec.json.Decoder(shape.place.strict_struct)
    return Folded(shape, units, read_plan(shape, flat=flat), decoder, folds)


def _fold(made: Reader, name: str, columns: Mapping[str, Path]) -> Fold:
    shape = shape_of(made.kind, made.version, columns, made.kind)
    return Fold(name, shape.place, read_plan(shape), msgspec.json.Decoder(shape.place.strict_struct))
