"""SDTM to FHIR resources: leaf columns back into Structs, by the same shapes that read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from trialbridge.columns import combinations
from trialbridge.elements import Element, wire
from trialbridge.shapes import NO_TEXT, Position, Shape
from trialbridge.versions import INVARIANTS, REQUIRED

Struct = msgspec.Struct
UNKNOWN = b'{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}'
FEW = 256
"""Below so many rows, it does not pay to look for values that repeat themselves."""
_TRUTH = {"true": True, "false": False, True: True, False: False}


class Leaves(NamedTuple):
    """What is written of one type of resource.

    Attributes:
        values: Column of a shape -> its values, legal ones; null where there is none.
        constants: Column -> what stands there in every resource that has no value of its own.
        companions: Column -> what stands there beside another value of the same repetition.
        rows: How many resources there are.
    """

    values: Mapping[str, pa.Array]
    constants: Mapping[str, str]
    companions: Mapping[str, str]
    rows: int


class Part(NamedTuple):
    """What stands at one element.

    Attributes:
        cells: One value a row; none where no row has any.
        default: The value of a row without.
        beside: What stands there where nothing else does but the parent is there; none for nothing.
        lasting: Whether `beside` is reason enough for the parent to be there.
    """

    cells: Sequence[Any] | None
    default: Any
    beside: Any = None
    lasting: bool = False


class Pooled(NamedTuple):
    """What stands at one element of the rows, made once for rows that say the same.

    Attributes:
        part: What stands there; one cell a combination of values.
        rows: The combination of each row.
    """

    part: Part
    rows: np.ndarray

    def spread(self) -> Part:
        """Return the same with one cell a row."""
        cells = self.part.cells
        if cells is None or len(cells) == len(self.rows):
            return self.part
        return self.part._replace(cells=[cells[number] for number in self.rows.tolist()])


def build(shape: Shape, leaves: Leaves, key: Mapping[str, str] | None = None) -> Part:
    """Return what stands at the place of `shape`.

    Args:
        shape: A place.
        leaves: The columns.
        key: Name and value of the element that this repetition is told by.
    """
    place = shape.place
    parts = _parts(shape, leaves)
    cells = (
        _structs(place, parts, leaves.rows, key or {})
        if any(one.cells is not None for one in parts.values())
        else None
    )
    constant = {name: one.beside for name, one in parts.items() if one.beside is not None}
    lasting = any(one.lasting for one in parts.values())
    return Part(cells, place.empty, beside(place, {**constant, **(key or {})}) if constant else None, lasting)


def beside(place: Position, constant: dict[str, Any]) -> Struct:
    """Return a Struct of constants alone, with what FHIR requires beside them."""
    for filler in fillers(place):
        _fill(place, {}, constant, filler)
    return place.struct(**constant)


def _parts(shape: Shape, leaves: Leaves) -> dict[str, Part]:
    """Return element -> what stands there, for the elements that anything stands at."""
    found = dict(_primitives(shape, leaves))
    found |= {name: one.spread() for name, one in below(shape, leaves).items()}
    found |= primitive_lists(shape, leaves)
    return {name: part for name, part in found.items() if part.cells is not None or part.beside is not None}


def below(shape: Shape, leaves: Leaves) -> dict[str, Pooled]:
    """Return element -> what stands there, for the elements that have parts."""
    singles = {
        name: _pooled((child,), leaves, partial(build, child)) for name, child in shape.singles.items()
    }
    lists = {
        name: _pooled([child for child, _ in children], leaves, partial(_repeated, children))
        for name, children in _lists(shape).items()
    }
    return singles | lists


def _pooled(shapes: Sequence[Shape], leaves: Leaves, make: Callable[[Leaves], Part]) -> Pooled:
    """Return what `make` makes, once for each combination of values where there are few of them."""
    names = [name for shape in shapes for name in columns_in(shape) if name in leaves.values]
    each = np.arange(leaves.rows)
    if leaves.rows < FEW or not names:
        return Pooled(make(leaves), each)
    first, numbers = combinations([leaves.values[name] for name in names])
    if 2 * len(first) > leaves.rows:
        return Pooled(make(leaves), each)
    kept = pa.array(first)
    values = {name: leaves.values[name].take(kept) for name in names}
    return Pooled(make(leaves._replace(values=values, rows=len(first))), numbers)


@cache
def columns_in(shape: Shape) -> tuple[str, ...]:
    """Return the columns of a shape and of everything below it."""
    below = [name for _, child in shape.children() for name in columns_in(child)]
    return (*shape.leaves.values(), *shape.lists.values(), *below)


def _primitives(shape: Shape, leaves: Leaves) -> Iterator[tuple[str, Part]]:
    for name, column in shape.leaves.items():
        put, default = _WRITERS[wire(shape.place.elements[name])]
        cells = list(map(put, leaves.values[column].to_pylist())) if column in leaves.values else None
        lasting = column in leaves.constants
        beside = leaves.constants[column] if lasting else leaves.companions.get(column)
        yield name, Part(cells, default, beside, lasting)


def primitive_lists(shape: Shape, leaves: Leaves) -> dict[str, Part]:
    """Return element -> what stands there, for the repeating elements that have no parts."""
    return {
        name: Part([() if value is None else (value,) for value in leaves.values[column].to_pylist()], ())
        for (name, _select), column in shape.lists.items()
        if column in leaves.values
    }


def _raw(value: str | None) -> msgspec.Raw:
    return NO_TEXT if value is None else msgspec.Raw(value.encode())


_WRITERS: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "text": (lambda value: value, None),
    "raw": (_raw, NO_TEXT),
    "bool": (lambda value: None if value is None else _TRUTH[value], None),
}


def _lists(shape: Shape) -> dict[str, list[tuple[Shape, Mapping[str, str]]]]:
    """Return the repetitions of each list with their keys: the first, then those told by a key, in order."""
    found: dict[str, list[tuple[Shape, Mapping[str, str]]]] = defaultdict(list)
    for name, child in shape.firsts.items():
        found[name].append((child, {}))
    for (name, key), choices in shape.keyed.items():
        found[name] += [(child, {key: value}) for value, child in choices.items()]
    return found


def _repeated(children: Sequence[tuple[Shape, Mapping[str, str]]], leaves: Leaves) -> Part:
    parts = [build(child, leaves, key) for child, key in children]
    written = [part for part in parts if part.cells is not None]
    lasting = tuple(part.beside for part in parts if part.lasting)
    if not written:
        return Part(None, (), lasting or None, bool(lasting))
    empty = written[0].default
    columns = [part.cells for part in written]
    cells = [tuple(one for one in row if one is not empty) for row in zip(*columns, strict=True)]
    return Part(cells, (), lasting or None, bool(lasting))


def _structs(place: Position, parts: Mapping[str, Part], rows: int, key: Mapping[str, str]) -> list[Struct]:
    """Return one Struct a row, with what belongs beside its values; the shared empty one for none."""
    columns = {name: part.cells for name, part in parts.items() if part.cells is not None}
    defaults = tuple(parts[name].default for name in columns)
    there = [cells != defaults for cells in zip(*columns.values(), strict=True)]
    fixed = dict(key)
    beside = [
        Filler(name, part.beside, frozenset({name}))
        for name, part in parts.items()
        if part.beside is not None
    ]
    for filler in (*beside, *fillers(place)):
        _fill(place, columns, fixed, filler)
    names, make = tuple(columns), partial(place.struct, **fixed)
    if not names:
        return [make()] * rows
    filled = zip(*columns.values(), strict=True)
    empty = place.empty
    return [
        make(**dict(zip(names, cells, strict=True))) if one else empty
        for one, cells in zip(there, filled, strict=True)
    ]


def _fill(place: Position, columns: dict[str, Sequence[Any]], fixed: dict[str, Any], filler: Filler) -> None:
    """Write a filler in the rows that have no member of its group."""
    if not filler.members.isdisjoint(fixed):
        return
    members = [name for name in filler.members if name in columns]
    if not members:
        fixed[filler.name] = filler.value
        return
    defaults = tuple(getattr(place.empty, name) for name in members)
    if all(default not in columns[name] for name, default in zip(members, defaults, strict=True)):
        return
    lacking = [cells == defaults for cells in zip(*(columns[name] for name in members), strict=True)]
    own = columns.get(filler.name) or [getattr(place.empty, filler.name)] * len(lacking)
    columns[filler.name] = [filler.value if one else cell for one, cell in zip(lacking, own, strict=True)]


class Filler(NamedTuple):
    """What is written where FHIR requires one of some elements and there is none: the first, as unknown."""

    name: str
    value: Any
    members: frozenset[str]


@cache
def fillers(place: Position) -> tuple[Filler, ...]:
    """Return what has to be in a Struct: an element, one type of a choice, what an invariant asks for."""
    groups: dict[str, list[Element]] = defaultdict(list)
    for name, element in place.elements.items():
        if element.required:
            groups[element.choice or name].append(element)
    for names in INVARIANTS.get(place.type, ()):
        groups[names[0]] += [place.elements[name] for name in names if name in place.elements]
    found = [_filler(place, members) for members in groups.values()]
    return tuple(one for one in found if one is not None)


def _filler(place: Position, members: Sequence[Element]) -> Filler | None:
    """Return the filler of a group; none for a bare value, which nothing can say to be unknown."""
    names = frozenset(member.name for member in members)
    codes = REQUIRED[place.version].get(place.type, {})
    for member in (one for one in members if one.name in codes):
        return Filler(member.name, _typed(place, member, f'"{codes[member.name]}"'.encode()), names)
    compound = next((member for member in members if wire(member) == "complex"), None)
    return compound and Filler(compound.name, _typed(place, compound, UNKNOWN), names)


def _typed(place: Position, element: Element, text: bytes) -> Any:
    """Return JSON text as the value of a field: decoded where paths read it, else as it is."""
    if element.name not in place.typed:
        return msgspec.Raw(b"[" + text + b"]" if element.many else text)
    below = place.typed[element.name]
    value = msgspec.json.decode(text, type=str if below is None else below.struct)
    return (value,) if element.many else value
