"""Narrowing: a reader for what the resources of a feed hold, not for all that FHIR lets them hold.

An Observation may have forty-five elements; those of one laboratory have fifteen. Once enough of them were
read, the rest are read with Structs of the elements that were seen. These refuse anything else, so that a
batch with something new is read again with all elements, and what is new is seen from then on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from operator import attrgetter

import msgspec

from trialbridge.shapes import Position, Shape

Row = msgspec.Struct
Seen = dict[str, "Seen"]
"""Name of an element -> what was seen below it."""


def learn(position: Position, rows: Sequence[Row], seen: Seen) -> None:
    """Add the elements that any of `rows` has to `seen`.

    Args:
        position: The place that the rows are of.
        rows: What was read of it.
        seen: What is added to.
    """
    for name, element in position.elements.items():
        absent = getattr(position.empty, name)
        found = [cell for cell in map(attrgetter(name), rows) if cell is not absent]
        if found:
            below = position.typed.get(name)
            inside = seen.setdefault(name, {})
            if below is not None:
                learn(below, list(chain.from_iterable(found)) if element.many else found, inside)


def narrowed(shape: Shape, seen: Seen, whole: Collection[str]) -> Shape:
    """Return a shape without the elements that were not seen.

    The values at a place stay all the same: they cost little, and some of them are the keys of repetitions.

    Args:
        shape: The shape.
        seen: What `learn` found.
        whole: Elements that keep everything below them.
    """
    return _shape(shape, _position(shape.place, seen, whole), seen)


def _position(position: Position, seen: Seen, whole: Collection[str]) -> Position:
    typed = {
        name: below if below is None or name in whole else _position(below, seen[name], ())
        for name, below in position.typed.items()
        if below is None or name in seen
    }
    return Position(position.type, position.version, typed, position.urls, frozenset((*typed, *seen)))


def _shape(shape: Shape, position: Position, seen: Seen) -> Shape:
    """Return the shape with each of its places in the narrowed position."""

    def below(name: str, child: Shape) -> Shape:
        return _shape(child, position.child(position.elements[name]), seen[name])

    singles, firsts, everys = (
        {name: below(name, child) for name, child in children.items() if name in seen}
        for children in (shape.singles, shape.firsts, shape.everys)
    )
    keyed = {
        (name, key): {value: below(name, child) for value, child in choices.items()}
        for (name, key), choices in shape.keyed.items()
        if name in seen
    }
    return Shape(
        shape.type, shape.version, shape.leaves, shape.lists, singles, firsts, everys, keyed, position
    )


__all__ = ["Seen", "learn", "narrowed"]
