"""FHIR text to Arrow: any piece of any source, in any order, without knowing a subject.

Each resource type becomes one table, with a column for each path that a mapping reads and with the pointers
that lead back to the source; components and answers become tables of their own, whose ``_parent`` is the
``_uid`` of their resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from trialbridge.converters.census import Census, Counter, counter
from trialbridge.converters.decode import decode_batch
from trialbridge.converters.fhir_json import NOT_JSON
from trialbridge.converters.folding import Folding, Narrowing, folding_of
from trialbridge.converters.growing import Pointers, Same, Table
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.elements import Version, resource_types
from trialbridge.findings import Finding
from trialbridge.folds import folded
from trialbridge.readers import Reader, reader
from trialbridge.registry import Paths
from trialbridge.shapes import Position
from trialbridge.versions import differs, sniff

Key = tuple[str, str]
"""Resource type and unit: ``("Observation", "component")``."""

Row = msgspec.Struct
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
WHOLE = "whole"
"""The unit that keeps the text of a resource as it was read: a column ``text``."""

KEPT = frozenset({"EvidenceVariable", "Group", "PlanDefinition", "ResearchStudy"})
"""Types of which the whole text is kept: few in a study, and trees of any depth."""

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
    _narrowing: dict[tuple[str, Version], Narrowing | None] = field(default_factory=dict)

    def reader(self, kind: str, version: Version) -> tuple[Reader, Counter]:
        """Return the reader of a type and its counting plan."""
        if (kind, version) not in self._readers:
            made = reader(kind, version, self.paths.get(kind))
            self._readers[kind, version] = made, counter(made.position, kind)
        return self._readers[kind, version]

    def narrowing(self, kind: str, version: Version) -> Narrowing | None:
        """Return what reads a type with repeating elements folded; none where it has none."""
        if (kind, version) not in self._narrowing:
            made, _ = self.reader(kind, version)
            found = folded(made) if made.counted else None
            self._narrowing[kind, version] = Narrowing(folding_of(made, found)) if found else None
        return self._narrowing[kind, version]

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
        narrowing = self.extractor.narrowing(batch.type, version)
        if narrowing is not None:
            made, _ = self.extractor.reader(batch.type, version)
            if narrowing.narrow is not None and self._read_folded(narrowing.narrow, made, batch, chosen):
                return
            if self._read_folded(narrowing.whole, made, batch, chosen, narrowing.learn):
                return
        self._read_plainly(batch, version, chosen)

    def _read_folded(
        self,
        folding: Folding,
        made: Reader,
        batch: Batch,
        chosen: Sequence[int],
        learn: Callable[[Reader, Sequence[Row]], None] | None = None,
    ) -> bool:
        """Read a batch with its repeating elements folded; do nothing where anything in it is odd."""
        decode = folding.reader.decoder.decode
        try:
            rows = list(map(decode, _chosen(batch.data, chosen)))
            table = self._table((batch.type, ""), made.wires[""], POINTERS)
            table.fold(folding)
            numbers = [cells.find(rows) for cells in table.folded.values()]
        except NOT_JSON:
            return False
        if learn is not None:
            learn(made, rows)
        first = self._point(table, batch, chosen, made.version)
        for unit in folding.reader.units:
            self._read_unit(made, unit, rows, first)
        sample = table.count(folding.plan, rows)
        for cells, some in zip(table.folded.values(), numbers, strict=True):
            cells.take(some, sample)
        table.fill(folding.reader.plan, rows)
        return True

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
            table.count(plan, rows)
        table.fill(made.plan, rows)

    def _read_unit(self, made: Reader, unit: str, rows: list[Row], first: int) -> None:
        table = self._table((made.kind, unit), made.wires[unit], UNIT_POINTERS)
        parents, items, parts = UNITS[unit](made.position, rows, first)
        if parts:
            table.point(_parent=parents, _item=items)
            table.fill(made.units[unit], parts)

    def _table(self, key: Key, wires: Mapping[str, str], pointers: Mapping[str, pa.DataType]) -> Table:
        if key not in self.tables:
            self.tables[key] = Table(wires, pointers, self.census)
        return self.tables[key]

    def _point(self, table: Table, batch: Batch, kept: Sequence[int], version: str) -> int:
        first, rows = self.first, len(kept)
        self.first += rows
        table.point(
            _uid=np.arange(first, self.first),
            _source=Same(self.number, rows),
            _position=np.array(_chosen(batch.position, kept), np.int64),
            _within=_repeated(_chosen(batch.within, kept)),
            _scope=Same(batch.scope, rows),
            _url=_repeated(_chosen(batch.full_url, kept)),
            _parent=_repeated(_chosen(batch.parent, kept)),
            _hash=_digests(_chosen(batch.data, kept)),
            _version=Same(version, rows),
        )
        if batch.type in KEPT:
            self._keep(batch.type, _chosen(batch.data, kept), first)
        return first

    def _keep(self, kind: str, texts: Sequence[bytes], first: int) -> None:
        """Keep resources as they are written."""
        table = self._table((kind, WHOLE), {"text": "text"}, UNIT_POINTERS)
        rows = len(texts)
        table.point(_parent=np.arange(first, first + rows), _item=Same("", rows))
        table.columns.cells["text"] += [bytes(text).decode() for text in texts]
        table.grow(rows)

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


def _chosen(values: Sequence[Any], kept: Sequence[int]) -> Sequence[Any]:
    return values if len(kept) == len(values) else [values[number] for number in kept]


def _repeated(texts: Sequence[str]) -> Pointers:
    """Return texts, as one where all are empty."""
    return texts if any(texts) else Same("", len(texts))


def _digests(texts: Iterable[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join([blake2b(text, digest_size=8).digest() for text in texts]), "<i8")


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
