"""Resources of one type as columns of JSON: what many share is written, read again and looked at once.

A sheet has a column for each element of the resource. A column holds the distinct texts of the element, and
for each resource the number of its text. The whole resources are joined from them at the end, by Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import RECORD, escaped
from trialbridge.columns import TEXT, once
from trialbridge.converters.build import Filler, Leaves, Pooled, below, fillers, primitive_lists
from trialbridge.elements import wire
from trialbridge.registry import SUBJECTS
from trialbridge.shapes import Position, Shape

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Spread:
    """One element of many resources.

    Attributes:
        texts: The distinct values as JSON.
        rows: The number of each resource's value; -1 for none.
        values: The distinct values as a reader makes them: of a primitive a column of text, else Structs.
    """

    texts: pa.Array
    rows: np.ndarray
    values: pa.Array | Sequence[Any]

    @property
    def places(self) -> pa.Array:
        """The number of each resource's value; null for none."""
        return pa.array(self.rows, mask=self.rows < 0)

    def without(self, rows: np.ndarray) -> Spread:
        """Return the same without the value of some resources."""
        return replace(self, rows=np.where(rows, -1, self.rows))

    def beside(self, texts: pa.Array, rows: np.ndarray) -> Spread:
        """Return the same with other texts in resources that have none."""
        numbers = np.where(rows < 0, self.rows, rows + len(self.texts))
        return Spread(pa.concat_arrays([self.texts, texts]), numbers, ())

    def filled(self, value: Any, lacking: np.ndarray) -> Spread:
        """Return the same with a value where there is none."""
        texts = pa.concat_arrays([self.texts, _texts([value])])
        values = self.values
        more = (
            pa.concat_arrays([values, pa.array([value], TEXT)])
            if isinstance(values, pa.Array)
            else [*values, value]
        )
        return Spread(texts, np.where(lacking, len(self.texts), self.rows), more)


@dataclass(frozen=True)
class Sheet:
    """Resources of one type, in the order of their records.

    Attributes:
        kind: Resource type.
        place: What FHIR says of it.
        columns: Element -> what stands there.
        rows: How many resources there are.
        carried: The documented extension of each; null where it has none.
    """

    kind: str
    place: Position
    columns: Mapping[str, Spread]
    rows: int
    carried: pa.Array | None = None

    def ids(self) -> pa.Array:
        """Return the id of each resource."""
        own = self.columns["id"]
        return own.values.take(own.places)  # type: ignore[union-attr]  # a primitive

    def patients(self) -> pa.Array:
        """Return the id of the Patient that each resource is of; empty for nobody's."""
        if self.kind == "Patient":
            return self.ids()
        holder = SUBJECTS.get(self.kind, "subject.reference").partition(".")[0]
        own = self.columns.get(holder, self.columns.get("subject"))
        if own is None:
            return pa.repeat("", self.rows)
        ids = pa.array([_patient(value) for value in own.values], TEXT)
        return pc.fill_null(ids.take(own.places), "")

    def texts(self) -> pa.Array:
        """Return each resource as a line of JSON."""
        pieces = {name: piece(name, spread) for name, spread in self.columns.items()}
        if self.carried is not None:
            pieces["extension"] = self._extensions(self.carried)
        ordered = [pieces[name] for name in self.place.elements if name in pieces]
        return pc.binary_join_element_wise(f'{{"resourceType":"{self.kind}"', *ordered, "}\n", "")

    def lines(self) -> Iterator[bytes]:
        """Yield each resource as JSON."""
        return (text[:-1].encode() for text in self.texts().to_pylist())

    def having(self, name: str, spread: Spread) -> Sheet:
        """Return the same resources with another column."""
        return replace(self, columns={**self.columns, name: spread})

    def take(self, rows: np.ndarray) -> Sheet:
        """Return some of the resources."""
        columns = {name: replace(one, rows=one.rows[rows]) for name, one in self.columns.items()}
        carried = None if self.carried is None else self.carried.take(pa.array(rows))
        return Sheet(self.kind, self.place, columns, len(rows), carried)

    def carrying(self, parts: pa.Array) -> Sheet:
        """Return the same resources with the documented extension beside their own ones.

        Args:
            parts: What it carries of each; null for nothing.
        """
        carried = pc.binary_join_element_wise(f'{{"url":"{RECORD}","extension":', parts, "}", "")
        return replace(self, carried=carried)

    def _extensions(self, carried: pa.Array) -> pa.Array:
        """Return the extensions of each resource as they stand in it."""
        own = self.columns.get("extension")
        if own is None:
            return pc.fill_null(pc.binary_join_element_wise(',"extension":[', carried, "]", ""), "")
        start = pa.array([f',"extension":{text[:-1]}' for text in own.texts.to_pylist()], TEXT).take(
            own.places
        )
        gap = pc.if_else(pc.and_(start.is_valid(), carried.is_valid()), ",", "")
        start = pc.if_else(carried.is_valid(), pc.fill_null(start, ',"extension":['), start)
        whole = pc.binary_join_element_wise(start, gap, pc.fill_null(carried, ""), "]", "")
        return pc.fill_null(whole, "")


def _patient(value: Any) -> str | None:
    """Return the id of the Patient that a reference leads to."""
    reference = getattr(value, "reference", None) or ""
    return reference.removeprefix("Patient/") if reference.startswith("Patient/") else None


def piece(name: str, spread: Spread) -> pa.Array:
    """Return an element as it stands in each resource; an empty text where it does not."""
    named = pc.binary_join_element_wise(f',"{name}":', spread.texts, "")
    if len(named) == len(spread.rows) and np.array_equal(spread.rows, np.arange(len(named))):
        return named
    places = np.where(spread.rows < 0, len(named), spread.rows)
    return pa.concat_arrays([named, pa.array([""], TEXT)]).take(pa.array(places))


def sheet_of(kind: str, shape: Shape, leaves: Leaves) -> Sheet:
    """Return the resources that columns of values make, with what FHIR requires beside these.

    Args:
        kind: Resource type.
        shape: What is known of it.
        leaves: The values.
    """
    place = shape.place
    found = dict(_primitives(shape, leaves))
    lists = {
        name: Pooled(part, np.arange(leaves.rows)) for name, part in primitive_lists(shape, leaves).items()
    }
    beside: dict[str, Any] = dict(_said(shape, leaves))
    for name, pooled in {**below(shape, leaves), **lists}.items():
        if pooled.part.cells is not None:
            found[name] = _spread(pooled)
        if pooled.part.beside is not None:
            beside[name] = pooled.part.beside
    constants = [Filler(name, value, frozenset({name})) for name, value in beside.items()]
    for filler in (*constants, *fillers(place)):
        _fill(found, filler, leaves.rows)
    return Sheet(kind, place, found, leaves.rows)


def _primitives(shape: Shape, leaves: Leaves) -> Iterator[tuple[str, Spread]]:
    for name, column in shape.leaves.items():
        if column in leaves.values:
            values = leaves.values[column].cast(TEXT)
            encoded = once(values, pa.Array.dictionary_encode)
            rows = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
            plain = encoded.dictionary
            quoted = wire(shape.place.elements[name]) == "text"
            texts = pc.binary_join_element_wise('"', escaped(plain), '"', "") if quoted else plain
            yield name, Spread(texts, rows, plain)


def _said(shape: Shape, leaves: Leaves) -> Iterator[tuple[str, str]]:
    """Yield what stands at a primitive element where nothing else does."""
    for name, column in shape.leaves.items():
        value = leaves.constants.get(column, leaves.companions.get(column))
        if value is not None:
            yield name, value


def _spread(pooled: Pooled) -> Spread:
    part = pooled.part
    cells = part.cells or ()
    absent = np.array([cell is part.default or cell == () for cell in cells], bool)
    rows = np.where(absent[pooled.rows], -1, pooled.rows) if absent.any() else pooled.rows
    return Spread(_texts(cells), rows, cells)


def spread_of(values: Sequence[Any], rows: np.ndarray) -> Spread:
    """Return an element of which the number of each resource's value is known."""
    return Spread(_texts(values), rows, values)


def each(values: Sequence[Any]) -> Spread:
    """Return an element that every resource has, and has alone."""
    return spread_of(values, np.arange(len(values)))


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array([encode(value) for value in values], pa.binary()).cast(TEXT)


def _fill(found: dict[str, Spread], filler: Filler, rows: int) -> None:
    """Write a filler in the resources that have no member of its group."""
    lacking = np.ones(rows, bool)
    for name in filler.members:
        if name in found:
            lacking &= found[name].rows < 0
    if not lacking.any():
        return
    if filler.name in found:
        found[filler.name] = found[filler.name].filled(filler.value, lacking)
    else:
        found[filler.name] = Spread(_texts([filler.value]), np.where(lacking, 0, -1), _known(filler.value))


def _known(value: Any) -> pa.Array | Sequence[Any]:
    return pa.array([value], TEXT) if isinstance(value, str) else [value]
