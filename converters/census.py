"""The census: which elements are there that no mapping reads, counted over whole batches.

Every element that FHIR defines and no path reads is an undecoded field of its Struct, so that "is it there"
is an identity test. Elements that FHIR does not define are counted in the few resources that have some.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from operator import attrgetter, is_not
from typing import Any

import msgspec

from trialbridge.elements import Version, elements, wire
from trialbridge.shapes import NO_TEXT, Position

EXAMPLE_LENGTH = 80
RARE = 500
"""Up to so many occurrences the example is the smallest of all values; beyond, of a sample."""

SAMPLED = 64
"""One resource in so many is in the sample: those whose content hash says so, in any order."""

DEEPEST = 24
"""Places below each other that are looked into: as deep as questionnaire items may nest."""

Row = msgspec.Struct


@dataclass
class Tally:
    """How often an element was there, and the smallest of its values, of all and of the sample."""

    count: int = 0
    smallest: str = ""
    sampled: str = ""

    @property
    def example(self) -> str:
        """One value, which does not depend on the order of the input."""
        return self.smallest if self.count <= RARE else self.sampled

    def add(self, count: int, smallest: str) -> None:
        """Count further occurrences; the smallest value stays, whatever came first."""
        self.count += count
        self.smallest = _smaller(self.smallest, smallest)

    def weighed(self, weight: int) -> Tally:
        """Return the tally of a value that occurs `weight` times."""
        return Tally(self.count * weight, self.smallest, self.sampled)

    def merge(self, other: Tally) -> None:
        """Add another tally."""
        self.add(other.count, other.smallest)
        self.sampled = _smaller(self.sampled, other.sampled)


def _smaller(one: str, other: str) -> str:
    return min(filter(None, (one, other[:EXAMPLE_LENGTH])), default="")


Census = dict[str, Tally]


@dataclass(frozen=True, eq=False)
class Counter:
    """The counting plan of one place, whose elements are fetched in one call a row.

    Attributes:
        path: The place.
        get: Fetches the unread elements, the parts and the lists of a row.
        unread: Names of the unread elements.
        singles: Parts that do not repeat, each with its absent instance.
        lists: Parts that repeat.
        urls: Of a list of extensions, the addresses of those that are read; empty for any other place.
    """

    path: str
    get: Callable[[Row], tuple[Any, ...]]
    unread: tuple[str, ...]
    singles: tuple[tuple[Row, Counter], ...]
    lists: tuple[Counter, ...]
    urls: frozenset[str]

    @property
    def idle(self) -> bool:
        """Whether there is nothing to count here or below."""
        return not (self.unread or self.singles or self.lists or self.urls)


def counter(  # noqa: PLR0913 -- the settings of a plan, by name
    position: Position,
    path: str,
    depth: int = 0,
    skipped: frozenset[str] = frozenset(),
    *,
    only_typed: bool = False,
    flat: bool = False,
    urls: Iterable[str] = (),
) -> Counter:
    """Return the counting plan of a place and all below it.

    Args:
        position: The place.
        path: Its path.
        depth: How many places stand above it.
        skipped: Elements that another plan counts.
        only_typed: Count what is below the typed elements alone.
        flat: Fetch what single parts hold in the same call: quicker where most of them are there.
        urls: Of a list of extensions, the addresses of those that are read.
    """
    unread = tuple(name for name in position.unread if name not in skipped and not only_typed)
    below = {
        name: counter(part, f"{path}.{name}", depth + 1, flat=flat, urls=position.urls.get(name, ()))
        for name, part in position.typed.items()
        if part is not None and depth < DEEPEST
    }
    below = {name: plan for name, plan in below.items() if not plan.idle}
    lists = [name for name in below if position.elements[name].many]
    singles = [name for name in below if name not in lists]
    if flat:
        for name in singles:
            part = below.pop(name)
            unread += tuple(f"{name}.{one}" for one in part.unread)
            below |= {one.path.removeprefix(f"{path}."): one for one in part.lists}
        singles, lists = [], [*below]
    names = [*unread, *singles, *lists]
    return Counter(
        path,
        attrgetter(*names, *["__class__"] * (2 - len(names))),
        unread,
        tuple((getattr(position.empty, name), below[name]) for name in singles),
        tuple(below[name] for name in lists),
        frozenset(urls),
    )


def count(plan: Counter, rows: Sequence[Row], census: Census, *, sample: bool = False) -> None:
    """Add the unread elements of `rows` to `census`.

    Args:
        plan: The counting plan of their type.
        rows: What was read.
        census: What is added to.
        sample: Only take examples of them; they are counted among all others.
    """
    columns = zip(*map(plan.get, rows), strict=True)
    for name, cells in zip(plan.unread, columns, strict=False):
        absent = cells.count(NO_TEXT)
        if absent < len(cells):
            tally = census.setdefault(f"{plan.path}.{name}", Tally())
            _tally(tally, len(cells) - absent, partial(_smallest, cells), sample=sample)
    for (empty, below), cells in zip(plan.singles, columns, strict=False):
        if any(map(is_not, cells, repeat(empty))):
            count(below, [cell for cell in cells if cell is not empty], census, sample=sample)
    for below, cells in zip(plan.lists, columns, strict=False):
        if any(cells):
            parts = list(chain.from_iterable(cells))
            read = _read_extensions(below, parts, census, sample=sample) if below.urls else parts
            count(below, read, census, sample=sample)


def _read_extensions(plan: Counter, rows: Sequence[Any], census: Census, *, sample: bool) -> list[Row]:
    """Count the extensions that nothing reads, by their addresses, and return the others."""
    unread: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.url not in plan.urls:
            unread[row.url or ""].append(row)
    for url, some in unread.items():
        tally = census.setdefault(f"{plan.path}[url={url}]", Tally())
        _tally(tally, len(some), partial(_smallest_extension, some), sample=sample)
    return [row for row in rows if row.url in plan.urls]


def _tally(tally: Tally, there: int, smallest: Callable[[], str], *, sample: bool) -> None:
    if sample:
        tally.sampled = _smaller(tally.sampled, smallest())
    elif tally.count <= RARE:
        tally.add(there, smallest())
    else:
        tally.count += there


def _smallest(cells: Iterable[msgspec.Raw]) -> str:
    return _text(min(bytes(cell) for cell in cells if cell is not NO_TEXT))


def _smallest_extension(rows: Iterable[Row]) -> str:
    """Return the smallest of what extensions hold besides their address."""
    return _text(min(msgspec.json.encode(msgspec.structs.replace(row, url=None)) for row in rows))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")[:EXAMPLE_LENGTH]


def count_undefined(kind: str, version: Version, data: Mapping[str, Any], census: Census) -> None:
    """Add the elements of one decoded resource that FHIR does not define to `census`."""
    for path, value in _undefined(kind, version, data, kind):
        tally = census.setdefault(path, Tally())
        tally.add(1, str(value))
        tally.sampled = _smaller(tally.sampled, str(value))


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
        total.setdefault(path, Tally()).merge(tally)
