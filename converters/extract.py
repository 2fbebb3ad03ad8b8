"""FHIR text to Arrow: any piece of any source, in any order, without knowing a subject.

Each resource type becomes one table, with a column for each path that a mapping reads and with the pointers
that lead back to the source; components and answers become tables of their own, whose ``_parent`` is the
``_uid`` of their resource.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from struct import unpack
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.census import SAMPLED, Census, Counter, count, counter
from trialbridge.converters.decode import decode_batch
from trialbridge.converters.fhir_json import NOT_JSON
from trialbridge.converters.folding import FoldedCells
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.elements import Version, resource_types
from trialbridge.findings import Finding
from trialbridge.folds import Folded, folded
from trialbridge.plans import Columns, ReadPlan
from trialbridge.readers import Reader, reader
from trialbridge.registry import Paths
from trialbridge.shapes import NO_TEXT, Position
from trialbridge.versions import differs, sniff

Key = tuple[str, str]
"""Resource type and unit: ``("Observation", "component")``."""

Row = msgspec.Struct
FLUSH = 8192
POINTERS: Mapping[str, pa.DataType] = {
    "_uid": pa.int64(),
    "_source": pa.int32(),
    "_position": pa.int64(),
    "_within": pa.string(),
    "_scope": pa.string(),
    "_url": pa.string(),
    "_parent": pa.string(),
    "_hash": pa.int64(),
    "_version": pa.string(),
}
UNIT_POINTERS: Mapping[str, pa.DataType] = {"_parent": pa.int64(), "_item": pa.string()}


@dataclass(frozen=True)
class Extractor:
    """Everything that is compiled for a run, made once a process.

    Attributes:
        paths: Resource type -> unit -> paths, see `registry.paths_by_type`.
        release: The FHIR release of the input where it is known; else each resource is looked at.
    """

    paths: Mapping[str, Paths]
    release: Version | None = None
    _readers: dict[tuple[str, Version], tuple[Reader, Counter]] = field(default_factory=dict)
    _folded: dict[tuple[str, Version], Folding | None] = field(default_factory=dict)

    def reader(self, kind: str, version: Version) -> tuple[Reader, Counter]:
        """Return the reader of a type and its counting plan."""
        if (kind, version) not in self._readers:
            made = reader(kind, version, self.paths.get(kind))
            self._readers[kind, version] = made, counter(made.position, kind)
        return self._readers[kind, version]

    def folding(self, kind: str, version: Version) -> Folding | None:
        """Return what reads a type with repeating elements folded; none where it has none."""
        if (kind, version) not in self._folded:
            made, _ = self.reader(kind, version)
            self._folded[kind, version] = _folding(made) if made.counted else None
        return self._folded[kind, version]

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that some release defines."""
        return resource_types("R4") | resource_types("R4B") | resource_types("R5")

    def versions(self, kind: str, data: Sequence[bytes]) -> list[Version]:
        """Return the release of each resource: looked at only where the releases differ."""
        known = self.release or ("R4" if kind in resource_types("R4") else "R5")
        if self.release or not differs(kind):
            return [known] * len(data)
        return [sniff(kind, one, known) for one in data]


@dataclass(frozen=True)
class Folding:
    """A folding reader, with the counting plans of the resource and of each folded element."""

    reader: Folded
    plan: Counter
    plans: tuple[Counter, ...]


def _folding(made: Reader) -> Folding | None:
    found = folded(made)
    if found is None:
        return None
    names = frozenset(fold.name for fold in found.folds)
    plans = tuple(counter(fold.position, made.kind, only_typed=True) for fold in found.folds)
    return Folding(found, counter(found.position, made.kind, skipped=names), plans)


@dataclass
class Table:
    """Columns that grow, and become record batches; a column that holds nothing is left out of its batch."""

    wires: Mapping[str, str]
    kinds: Mapping[str, pa.DataType]
    census: Census
    pointers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    columns: Columns = field(default_factory=Columns)
    folding: Folding | None = None
    folded: dict[str, FoldedCells] = field(default_factory=dict)
    batches: list[pa.RecordBatch] = field(default_factory=list)

    def fold(self, folding: Folding | None) -> None:
        """Go on with another folding, or none: what was read before becomes a record batch."""
        if folding is not self.folding:
            self.flush()
            self.folding, self.folded = folding, {}
        if folding is not None and not self.folded:
            pairs = zip(folding.reader.folds, folding.plans, strict=True)
            self.folded = {fold.name: FoldedCells(fold, plan) for fold, plan in pairs}

    def fill(self, plan: ReadPlan, rows: Sequence[Row]) -> None:
        """Read rows."""
        plan.fill(rows, self.columns)
        self.grow(len(rows))

    def grow(self, rows: int) -> None:
        """Count rows that were read, and make a record batch of what there is where it is enough for one."""
        self.columns.rows += rows
        if self.columns.rows >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Turn what there is into a record batch."""
        if self.columns.rows:
            arrays = {name: pa.array(self.pointers[name], kind) for name, kind in self.kinds.items()}
            spread = dict(self._spread())
            for cells in self.folded.values():
                cells.count(self.census)
            for name, wired in self.wires.items():
                if name in spread:
                    arrays[name] = spread[name]
                elif self.columns.holds(name):
                    arrays[name] = _column(self.columns, name, wired)
            self.batches.append(pa.RecordBatch.from_pydict(arrays))
            self.pointers, self.columns, self.folded = defaultdict(list), Columns(), {}

    def _spread(self) -> Iterator[tuple[str, pa.Array]]:
        """Yield the columns of folded elements, spread over the rows."""
        for cells in self.folded.values():
            for found, rows in cells.columns():
                for name in filter(found.holds, (*cells.fold.plan.singles, *cells.fold.plan.repeated)):
                    yield name, _column(found, name, self.wires[name]).take(rows)


def _column(columns: Columns, name: str, wired: str) -> pa.Array:
    """Return a column; where it ends early, nothing was found for the rest."""
    rows, kind = columns.rows, wired.removesuffix("[]")
    repeated = kind != wired
    if name not in (columns.lengths if repeated else columns.cells):
        return pa.nulls(rows, pa.list_(pa.string()) if repeated else pa.string())
    cells = columns.cells[name]
    if not repeated:
        return _array(cells + [None] * (rows - len(cells)), kind)
    lengths = np.zeros(rows, np.int32)
    found = columns.lengths[name]
    lengths[: len(found)] = found
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), _array(cells, kind), mask=pa.array(lengths == 0))


def _array(values: list[Any], wired: str) -> pa.Array:
    if wired == "raw":
        texts = [None if value is NO_TEXT or value is None else bytes(value) for value in values]
        numbers = pa.array(texts, pa.binary()).cast(pa.string())
        return pc.if_else(pc.equal(numbers, "null"), None, numbers)
    if wired == "bool":
        return pa.array(values, pa.bool_()).cast(pa.string())
    return pa.array(values, pa.string())


@dataclass
class Extraction:
    """What was read of one piece: tables by type and unit, the census, and what was found."""

    extractor: Extractor
    number: int
    source: Source
    first: int = 0
    tables: dict[Key, Table] = field(default_factory=dict)
    census: Census = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Read a batch."""
        if batch.type not in self.extractor.types:
            self._unknown(batch)
            return
        versions = self.extractor.versions(batch.type, batch.data)
        for version in dict.fromkeys(versions):
            chosen = [number for number, one in enumerate(versions) if one == version]
            self._read(batch, version, chosen)

    def _read(self, batch: Batch, version: Version, chosen: Sequence[int]) -> None:
        folding = self.extractor.folding(batch.type, version)
        if folding is None or not self._read_folded(folding, batch, version, chosen):
            self._read_plainly(batch, version, chosen)

    def _read_folded(self, folding: Folding, batch: Batch, version: Version, chosen: Sequence[int]) -> bool:
        """Read a batch with its repeating elements folded; do nothing where anything in it is odd."""
        made, _ = self.extractor.reader(batch.type, version)
        table = self._table((batch.type, ""), made.wires[""], POINTERS)
        table.fold(folding)
        try:
            rows = [folding.reader.decoder.decode(batch.data[number]) for number in chosen]
            texts = [cells.texts(rows) for cells in table.folded.values()]
        except NOT_JSON:
            return False
        first = self._point(table, batch, chosen, version)
        for unit in made.units:
            self._read_unit(made, unit, rows, first)
        sample = self._count(folding.plan, table, rows)
        for cells, some in zip(table.folded.values(), texts, strict=True):
            cells.take(some, sample)
        table.fill(folding.reader.plan, rows)
        return True

    def _count(self, plan: Counter, table: Table, rows: list[Row]) -> list[int]:
        """Count what nothing reads of a table's last rows, and return which are in the sample."""
        count(plan, rows, self.census)
        hashes = table.pointers["_hash"][-len(rows) :]
        sample = [number for number, digest in enumerate(hashes) if digest % SAMPLED == 0]
        if sample:
            count(plan, [rows[number] for number in sample], self.census, sample=True)
        return sample

    def _read_plainly(self, batch: Batch, version: Version, chosen: Sequence[int]) -> None:
        made, plan = self.extractor.reader(batch.type, version)
        decoded, findings = decode_batch(made, batch, chosen, self.source, self.census)
        self.findings += findings
        rows = [row for row in decoded if row is not None]
        if not rows:
            return
        kept = [number for number, row in zip(chosen, decoded, strict=True) if row is not None]
        table = self._table((batch.type, ""), made.wires[""], POINTERS)
        table.fold(None)
        first = self._point(table, batch, kept, version)
        for unit in made.units:
            self._read_unit(made, unit, rows, first)
        if made.counted:
            self._count(plan, table, rows)
        table.fill(made.plan, rows)

    def _read_unit(self, made: Reader, unit: str, rows: list[Row], first: int) -> None:
        table = self._table((made.kind, unit), made.wires[unit], UNIT_POINTERS)
        parents, items, parts = UNITS[unit](made.position, rows, first)
        if parts:
            table.pointers["_parent"] += parents
            table.pointers["_item"] += items
            table.fill(made.units[unit], parts)

    def _table(self, key: Key, wires: Mapping[str, str], pointers: Mapping[str, pa.DataType]) -> Table:
        if key not in self.tables:
            self.tables[key] = Table(wires, pointers, self.census)
        return self.tables[key]

    def _point(self, table: Table, batch: Batch, kept: Sequence[int], version: str) -> int:
        first = self.first
        self.first += len(kept)
        pointers = table.pointers
        pointers["_uid"] += range(first, self.first)
        pointers["_source"] += [self.number] * len(kept)
        pointers["_scope"] += [batch.scope] * len(kept)
        pointers["_version"] += [version] * len(kept)
        for name, values in zip(
            ("_position", "_within", "_url", "_parent"),
            (batch.position, batch.within, batch.full_url, batch.parent),
            strict=True,
        ):
            pointers[name] += [values[number] for number in kept]
        pointers["_hash"] += _digests(batch.data[number] for number in kept)
        return first

    def _unknown(self, batch: Batch) -> None:
        """Keep the place of a resource of a type that no release defines."""
        table = self._table((batch.type, ""), {"id": "text"}, POINTERS)
        self._point(table, batch, range(len(batch.data)), "")
        table.columns.cells["id"] += map(_id_of, batch.data)
        table.grow(len(batch.data))

    def finished(self) -> dict[Key, list[pa.RecordBatch]]:
        """Return the tables as record batches."""
        for table in self.tables.values():
            table.flush()
        return {key: table.batches for key, table in self.tables.items()}


def _digests(texts: Iterable[bytes]) -> Iterable[int]:
    digests = b"".join([blake2b(text, digest_size=8).digest() for text in texts])
    return unpack(f"<{len(digests) // 8}q", digests)


def _id_of(data: bytes) -> str | None:
    found = msgspec.json.decode(data).get("id")
    return found if isinstance(found, str) else None


Parts = tuple[list[int], list[str], list[Any]]


def components(position: Position, rows: list[Row], first: int) -> Parts:  # noqa: ARG001 -- one of UNITS
    """Return the components of Observations: whose they are, their number, and themselves."""
    found = [
        (number, str(item), part)
        for number, row in enumerate(rows, first)
        if row.component  # type: ignore[attr-defined]  # a Struct made at run time
        for item, part in enumerate(row.component)  # type: ignore[attr-defined]  # the same
    ]
    return [number for number, _, _ in found], [item for _, item, _ in found], [part for _, _, part in found]


class ItemRow:
    """One answer of a questionnaire, with its item and the group around it."""

    __slots__ = ("answer", "group", "item")

    def __init__(self, item: Any, answer: Any, group: Any) -> None:
        self.item, self.answer, self.group = item, answer, group


def answers(position: Position, rows: list[Row], first: int) -> Parts:
    """Return the answers of QuestionnaireResponses, an unanswered item too, with their place: ``0.2.1``."""
    item = position.typed["item"]
    assert item is not None  # noqa: S101 -- set by `readers.reader`
    answer = item.typed["answer"]
    assert answer is not None  # noqa: S101 -- the same
    parents: list[int] = []
    items: list[str] = []
    parts: list[Any] = []
    for number, row in enumerate(rows, first):
        for place, part in _walk(row.item, item.empty, answer.empty, ""):  # type: ignore[attr-defined]  # as above
            parents.append(number)
            items.append(place)
            parts.append(part)
    return parents, items, parts


def _walk(items: Any, group: Any, unanswered: Any, place: str) -> Iterator[tuple[str, ItemRow]]:
    if not isinstance(items, tuple):
        return
    for number, item in enumerate(items):
        here = f"{place}{number}"
        for order, answer in enumerate(item.answer):
            yield f"{here}#{order}", ItemRow(item, answer, group)
            yield from _walk(answer.item, item, unanswered, f"{here}#{order}.")
        below = item.item if isinstance(item.item, tuple) else ()
        if not item.answer and not below:
            yield here, ItemRow(item, unanswered, group)
        yield from _walk(below, item, unanswered, f"{here}.")


UNITS: Mapping[str, Callable[[Position, list[Row], int], Parts]] = {"component": components, "item": answers}
