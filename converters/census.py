"""The census: which elements are there that no mapping reads, counted over whole batches.

Every element that FHIR defines and no path reads is an undecoded field of its Struct, so that "is it there"
is an identity test. Elements that FHIR does not define are counted in the few resources that have some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from trialbridge.elements import Version, elements, wire
from trialbridge.shapes import NO_TEXT, Position

EXAMPLE_LENGTH = 80
Row = msgspec.Struct


@dataclass
class Tally:
    """How often an element was there, and one of its values."""

    count: int = 0
    example: str = ""

    def add(self, count: int, example: str) -> None:
        """Count further occurrences; the smallest example stays, whatever came first."""
        self.count += count
        self.example = min(filter(None, (self.example, example[:EXAMPLE_LENGTH])), default="")


Census = dict[str, Tally]


@dataclass(frozen=True)
class Counter:
    """The counting plan of one place: its unread elements, and the places below."""

    path: str
    unread: tuple[str, ...]
    get: Callable[[Row], Any]
    nothing: Any
    singles: tuple[tuple[Callable[[Row], Any], Row, Counter], ...]
    lists: tuple[tuple[Callable[[Row], Any], Counter, bool], ...]


def counter(position: Position, path: str, depth: int = 0) -> Counter:
    """Return the counting plan of a place and all below it."""
    unread = position.unread
    singles = []
    lists = []
    for name, below in position.typed.items():
        if below is None or (depth > 2 * len(path.split(".")) + 8):
            continue
        element = position.elements[name]
        plan = counter(below, f"{path}.{name}", depth + 1)
        if element.many:
            lists.append((attrgetter(name), plan, name in {"component", "item", "answer"}))
        else:
            singles.append((attrgetter(name), below.empty, plan))
    names = unread if len(unread) > 1 else (*unread, *["__class__"] * (2 - len(unread)))
    nothing = tuple(NO_TEXT for _ in names)
    return Counter(path, unread, attrgetter(*names), nothing, tuple(singles), tuple(lists))


def count(plan: Counter, rows: Sequence[Row], census: Census) -> None:
    """Add the unread elements of `rows` to `census`."""
    if plan.unread:
        _count_unread(plan, rows, census)
    for get, empty, below in plan.singles:
        there = [value for value in map(get, rows) if value is not empty]
        if there:
            count(below, there, census)
    for get, below, _walked in plan.lists:
        parts = [part for cell in map(get, rows) for part in cell]
        if parts:
            count(below, parts, census)


def _count_unread(plan: Counter, rows: Sequence[Row], census: Census) -> None:
    nothing = plan.nothing
    found = [values for values in map(plan.get, rows) if values != nothing]
    if not found:
        return
    for name, cells in zip(plan.unread, zip(*found, strict=True), strict=False):
        there = [cell for cell in cells if cell is not NO_TEXT]
        if there:
            census.setdefault(f"{plan.path}.{name}", Tally()).add(len(there), _text(min(map(bytes, there))))


def _text(value: bytes) -> str:
    return value[:EXAMPLE_LENGTH].decode("utf-8", "replace")


def count_undefined(kind: str, version: Version, data: Mapping[str, Any], census: Census) -> None:
    """Add the elements of one decoded resource that FHIR does not define to `census`."""
    for path, value in _undefined(kind, version, data, kind):
        census.setdefault(path, Tally()).add(1, str(value))


def _undefined(kind: str, version: Version, data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    known = elements(kind, version)
    for name, value in data.items():
        element = known.get(name)
        if element is None:
            if name != "resourceType":
                yield f"{path}.{name}", value
        elif wire(element) == "complex" and element.type != "Resource":
            for part in _parts(value):
                yield from _undefined(element.type, version, part, f"{path}.{name}")


def _parts(value: object) -> Iterable[Mapping[str, Any]]:
    parts = value if isinstance(value, list) else [value]
    return (part for part in parts if isinstance(part, dict))


def merge(total: Census, other: Mapping[str, Tally]) -> None:
    """Add one census to another."""
    for path, tally in other.items():
        total.setdefault(path, Tally()).add(tally.count, tally.example)
