"""Paths become shapes: one tree per resource type, from which Structs are made, filled and built.

A `Shape` is a place in a resource (``Observation``, its ``code``, the first of its ``code.coding``). The same
tree is walked downwards to read and upwards to write, so the two directions cannot disagree. Every element
that FHIR defines at a place is a field of its Struct: those that no path reads stay undecoded text, which is
how the census can count them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from trialbridge.elements import Element, Version, elements, wire
from trialbridge.errors import MappingDefinitionError
from trialbridge.paths import Path, Step

StructType = type[msgspec.Struct]

NO_TEXT = msgspec.Raw()
"""The one shared absent value of an undecoded element; compared by identity."""

ITEM = "QuestionnaireResponse.item"
ANSWER = "QuestionnaireResponse.item.answer"
ITEM_ROW = "QuestionnaireResponse.row"
_ITEM_DEPTH = 12

_ROW_ELEMENTS: Mapping[str, Element] = {
    name: Element(name=name, type=kind, many=False, required=False, choice="", order=order, codes=())
    for order, (name, kind) in enumerate((("item", ITEM), ("answer", ANSWER), ("group", ITEM)))
}


@dataclass(eq=False)
class Shape:
    """One place in a resource: what is read of it, and the Struct that holds it.

    Attributes:
        type: FHIR type at this place.
        leaves: Primitive single elements: name -> column name.
        lists: Primitive repeating elements: (name, select) -> column name.
        singles: Complex single elements.
        firsts: First repetition of complex elements.
        everys: All repetitions of complex elements: name -> (leaf path inside, column name) pairs.
        keyed: (name, key) -> {value: shape}.
        position: The shared Struct-building position; repetitions of one element share it.
    """

    type: str
    version: Version
    leaves: dict[str, str] = field(default_factory=dict)
    lists: dict[tuple[str, str], str] = field(default_factory=dict)
    singles: dict[str, Shape] = field(default_factory=dict)
    firsts: dict[str, Shape] = field(default_factory=dict)
    everys: dict[str, Shape] = field(default_factory=dict)
    keyed: dict[tuple[str, str], dict[str, Shape]] = field(default_factory=dict)
    position: Position | None = None

    @property
    def place(self) -> Position:
        """The position, which every shape has that `shape_of` made."""
        assert self.position is not None  # noqa: S101 -- see the sentence above
        return self.position

    def children(self) -> Iterable[tuple[str, Shape]]:
        """Return every complex child with its element name, in the order of declaration."""
        yield from self.singles.items()
        yield from self.firsts.items()
        yield from self.everys.items()
        for (name, _key), choices in self.keyed.items():
            for child in choices.values():
                yield name, child


@dataclass(eq=False)
class Position:
    """One Struct: the union of what all shapes at one place read.

    Attributes:
        type: FHIR type at this place.
        version: The FHIR release.
        typed: The elements that are read, and the position below those that have parts.
        urls: Element that holds extensions -> the addresses that paths name there.
        known: The elements that its Struct has; none for all that FHIR defines here.
    """

    type: str
    version: Version
    typed: dict[str, Position | None] = field(default_factory=dict)
    urls: dict[str, set[str]] = field(default_factory=dict)
    known: frozenset[str] | None = None

    def child(self, element: Element) -> Position:
        """Return the position below `element`, made when first asked for."""
        found = self.typed.get(element.name)
        if found is None:
            found = Position(element.type, self.version)
            self.typed[element.name] = found
        return found

    @cached_property
    def elements(self) -> Mapping[str, Element]:
        """The elements that the Struct has, in FHIR's order."""
        found = elements_of(self.type, self.version)
        if self.known is None:
            return found
        return {name: element for name, element in found.items() if name in self.known}

    @cached_property
    def struct(self) -> StructType:
        """The Struct for this place; unread elements are undecoded text."""
        return _define(self, strict=False)

    @cached_property
    def strict_struct(self) -> StructType:
        """The same Struct, which refuses an element that FHIR does not define."""
        return _define(self, strict=True)

    @cached_property
    def empty(self) -> msgspec.Struct:
        """The one shared absent instance."""
        return self.struct()

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """Names of the elements that no path reads."""
        return tuple(name for name in self.elements if name not in self.typed)


def elements_of(kind: str, version: Version) -> Mapping[str, Element]:
    """Return the elements of a FHIR type, or of the synthetic questionnaire row."""
    return _ROW_ELEMENTS if kind == ITEM_ROW else elements(kind, version)


def shape_of(kind: str, version: Version, columns: Mapping[str, Path], owner: str = "") -> Shape:
    """Return the shape of resource type `kind` that reads `columns`.

    Args:
        kind: A resource type, or a backbone type such as ``Observation.component``.
        version: The FHIR release whose element names the paths are written in.
        columns: Column name -> path; joins and ``$this`` are not looked at.
        owner: Who declares the paths, for the error.

    Raises:
        MappingDefinitionError: A path names no element, forgets ``[]`` on a repeating one, ends
            on an element that has parts, or means what another path means.
    """
    root = Shape(kind, version, position=Position(kind, version))
    for column, path in columns.items():
        try:
            _grow(root, path.steps, column)
        except LookupError as error:
            raise MappingDefinitionError(owner, column, f"{path} in {kind} of {version}: {error}") from error
    return root


def _grow(shape: Shape, steps: tuple[Step, ...], column: str) -> None:
    step, rest = steps[0], steps[1:]
    position = shape.position
    assert position is not None  # noqa: S101 -- set by every constructor call in this module
    element = position.elements.get(step.name)
    if element is None:
        msg = f"{shape.type} has no element {step.name!r}"
        raise LookupError(msg)
    if element.many == (step.select == "one"):
        msg = f"{shape.type}.{step.name} {'repeats' if element.many else 'does not repeat'}"
        raise LookupError(msg)
    if wire(element) == "complex":
        if not rest:
            msg = f"{shape.type}.{step.name} is a {element.type}, not a value"
            raise LookupError(msg)
        _grow(_complex_child(shape, position, element, step), rest, column)
    elif rest:
        msg = f"{shape.type}.{step.name} is a value and has no parts"
        raise LookupError(msg)
    else:
        _set_leaf(shape, position, step, column)


def _set_leaf(shape: Shape, position: Position, step: Step, column: str) -> None:
    position.typed.setdefault(step.name, None)
    if step.select == "one":
        known = shape.leaves.setdefault(step.name, column)
    else:
        known = shape.lists.setdefault((step.name, step.select), column)
    if known != column:
        msg = f"{shape.type}.{step.name} is what {known} means too, and would be read into one of them"
        raise LookupError(msg)


def _complex_child(shape: Shape, position: Position, element: Element, step: Step) -> Shape:
    below = position.child(element)
    if step.select == "keyed":
        if step.key not in below.elements:
            msg = f"{element.type} has no element {step.key!r}"
            raise LookupError(msg)
        below.typed.setdefault(step.key, None)
        if step.key == "url":
            position.urls.setdefault(step.name, set()).add(step.value)
        choices = shape.keyed.setdefault((step.name, step.key), {})
        return choices.setdefault(step.value, Shape(element.type, shape.version, position=below))
    table = {"one": shape.singles, "first": shape.firsts, "every": shape.everys}[step.select]
    return table.setdefault(step.name, Shape(element.type, shape.version, position=below))


_WIRES: Mapping[str, tuple[Any, Any]] = {
    "text": (str | None, None),
    "raw": (msgspec.Raw, NO_TEXT),
    "bool": (bool | None, None),
}


def _define(position: Position, *, strict: bool) -> type[msgspec.Struct]:
    fields = [
        (name, *_field(position, name, element, strict=strict)) for name, element in position.elements.items()
    ]
    resource = "meta" in elements_of(position.type, position.version)
    return msgspec.defstruct(
        position.type.replace(".", "_"),
        fields,
        frozen=True,
        gc=False,
        omit_defaults=True,
        forbid_unknown_fields=strict,
        tag_field="resourceType" if resource else None,
        tag=position.type if resource else None,
    )


def _field(position: Position, name: str, element: Element, *, strict: bool) -> tuple[Any, Any]:
    if name not in position.typed:
        return msgspec.Raw, NO_TEXT
    below = position.typed[name]
    if below is None:
        kind, default = _WIRES[wire(element)]
        return (tuple[kind, ...], ()) if element.many else (kind, default)  # type: ignore[valid-type]  # its type is a value here
    struct = below.strict_struct if strict else below.struct
    if element.many:
        return tuple[struct, ...], ()  # type: ignore[valid-type]  # the Struct is made at run time
    return struct, below.empty


def nest_items(row: Shape) -> Position:
    """Return the position of a questionnaire's items, which hold items, twelve levels deep at most.

    Args:
        row: The shape of the synthetic row (item, answer, group), before any Struct was made of it.
    """
    item = Position(ITEM, row.version)
    answer = Position(ANSWER, row.version)
    for name, part in row.singles.items():
        target = answer if name == "answer" else item
        assert part.position is not None  # noqa: S101 -- a shape made by `shape_of`
        target.typed.update(part.position.typed)
        for element, urls in part.position.urls.items():
            target.urls.setdefault(element, set()).update(urls)
        part.position = target
    assert row.position is not None  # noqa: S101 -- a shape made by `shape_of`
    row.position.typed.update(item=item, answer=answer, group=item)
    _nest(item, answer, _ITEM_DEPTH)
    return item


def _nest(item: Position, answer: Position, depth: int) -> None:
    item.typed["answer"] = answer
    if depth == 0:
        return
    deeper_item = Position(ITEM, item.version, dict(item.typed))
    deeper_answer = Position(ANSWER, answer.version, dict(answer.typed))
    item.typed["item"] = deeper_item
    answer.typed["item"] = deeper_item
    _nest(deeper_item, deeper_answer, depth - 1)
