"""The resources of one domain, with those that its joins stand for and the references between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import RECORD
from trialbridge.columns import distinct
from trialbridge.converters.build import Leaves, Struct, beside, build, columns_in
from trialbridge.converters.extract import Extractor
from trialbridge.converters.sheets import Sheet, each, sheet_of
from trialbridge.elements import Version
from trialbridge.mapping import Domain
from trialbridge.paths import parse
from trialbridge.readers import Reader
from trialbridge.registry import SUBJECTS
from trialbridge.shapes import ITEM_ROW, Shape
from trialbridge.versions import localised

Columns = dict[str, pa.Array]
V = TypeVar("V")


@dataclass(frozen=True)
class Assembled:
    """The resources of some records.

    Attributes:
        written: The resources by join, those first that others point to.
        order: The record that each part, read in order, comes from.
    """

    written: Sequence[Sheet]
    order: np.ndarray


@dataclass(frozen=True)
class Assembler:
    """What is compiled to write one domain in one release."""

    domain: Domain
    version: Version
    extractor: Extractor
    names: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def reader(self, kind: str) -> Reader:
        """Return what is compiled for a resource type."""
        return self.extractor.reader(kind, self.version)[0]

    def assemble(
        self,
        leaves: Mapping[str, pa.Array],
        ids: pa.Array,
        subjects: pa.Array,
        parts: pa.Array | None = None,
    ) -> Assembled:
        """Return the resources that `leaves` make.

        Args:
            leaves: Path -> column, see `routing.to_leaves`.
            ids: The id of each record's resource.
            subjects: The id of each record's Patient; null where nobody is known.
            parts: What the documented extension carries of each record; nothing for nothing at all.
        """
        groups: defaultdict[str, Columns] = defaultdict(dict)
        for text, column in leaves.items():
            path = parse(text)
            groups[path.heads[-1] if path.heads else ""][text] = column
        written = []
        for name in sorted(self.domain.joins, key=lambda join: (-self._depth(join), join)):
            written += self._joined(name, groups, subjects)
        if (subject := self._subject("", self.domain.source)) is not None:
            groups[""][subject] = _references("Patient", subjects)
        if self.domain.rows == "item":
            return self._responses(written, groups[""], ids, parts)
        kind = self.domain.source
        own = sheet_of(kind, self.reader(kind).shape, self._leaves("", kind, groups[""], ids))
        return Assembled([*written, own], np.arange(len(ids)))

    def _depth(self, name: str) -> int:
        heads = parse(self.domain.joins[name].path).heads
        return 1 + max((self._depth(head) for head in heads), default=0)

    def _subject(self, prefix: str, kind: str) -> str | None:
        """Return the path of the reference to the subject; none where a join leads there, or nothing does."""
        local = SUBJECTS.get(kind, "subject.reference")
        led = any(join.path == prefix + local for join in self.domain.joins.values())
        return None if led or self._name(kind, local) is None else prefix + local

    def _name(self, kind: str, local: str) -> str | None:
        """Return the column of the shape that stands for a path; none where the release has none."""
        here = local if kind == ITEM_ROW else localised(kind, local, self.version)
        return None if here is None else self._columns(kind).get(here)

    def _columns(self, kind: str) -> Mapping[str, str]:
        if kind not in self.names:
            shape = self._shape(kind)
            known = {
                text: text if kind == ITEM_ROW else localised(kind, text, self.version)
                for text in columns_in(shape)
            }
            self.names[kind] = {here: text for text, here in known.items() if here is not None}
        return self.names[kind]

    def _shape(self, kind: str) -> Shape:
        return self.reader(self.domain.source).parts["item"] if kind == ITEM_ROW else self.reader(kind).shape

    def _leaves(
        self, name: str, kind: str, columns: Columns, ids: pa.Array | None = None, rows: int = 0
    ) -> Leaves:
        """Return columns under the names that the shape gives them, with what stands in every resource."""
        values = dict(self._named(kind, columns))
        if ids is not None:
            values["id"] = ids
        constants, companions = (
            dict(self._named(kind, {text: one for text, one in given.items() if _belongs(text, name)}))
            for given in (self.domain.fixed, self.domain.companions)
        )
        return Leaves(values, constants, companions, rows if ids is None else len(ids))

    def _named(self, kind: str, given: Mapping[str, V]) -> Iterator[tuple[str, V]]:
        for text, value in given.items():
            if (name := self._name(kind, parse(text).local)) is not None:
                yield name, value

    def _joined(self, name: str, groups: dict[str, Columns], subjects: pa.Array) -> list[Sheet]:
        """Return the distinct resources of a join, and write the references to them where they belong."""
        kind, path = self.domain.joins[name].type, parse(self.domain.joins[name].path)
        columns = {text: one for text, one in groups.pop(name, {}).items() if one.null_count < len(one)}
        if not columns:
            return []
        there = _any(list(columns.values()))
        if (subject := self._subject(f"{name}->", kind)) is not None:
            columns[subject] = _references("Patient", subjects)
        whose = [subjects] if kind == "Patient" else []
        numbers, combinations = distinct([*columns.values(), *whose])
        first = _first_rows(numbers, len(combinations))
        ids = (
            _patients(subjects.take(pa.array(first)))
            if whose
            else _digests(kind, list(columns), combinations)
        )
        references = _references(kind, ids.take(numbers))
        groups[path.heads[-1] if path.heads else ""][self.domain.joins[name].path] = pc.if_else(
            there, references, None
        )
        kept = pa.array(
            np.flatnonzero(np.isin(np.arange(len(there)), first) & there.to_numpy(zero_copy_only=False))
        )
        some = {text: column.take(kept) for text, column in columns.items()}
        leaves = self._leaves(name, kind, some, ids.take(numbers.take(kept)))
        return [sheet_of(kind, self.reader(kind).shape, leaves)]

    def _responses(
        self,
        written: Sequence[Sheet],
        columns: Columns,
        ids: pa.Array,
        parts: pa.Array | None,
    ) -> Assembled:
        """Return one QuestionnaireResponse for all answers that share everything but the answer itself."""
        units = {text: column for text, column in columns.items() if parse(text).this}
        whole = {text: column for text, column in columns.items() if not parse(text).this}
        numbers, combinations = distinct(list(whole.values()) or [ids])
        kept = pa.array(_first_rows(numbers, len(combinations)))
        shared = {text: column.take(kept) for text, column in whole.items()}
        kind = self.domain.source
        made = sheet_of(kind, self.reader(kind).shape, self._leaves("", kind, shared, ids.take(kept)))
        items = _items(
            self._shape(ITEM_ROW),
            self._leaves("", ITEM_ROW, units, rows=len(ids)),
            numbers.to_pylist(),
            made.rows,
            [] if parts is None else parts.to_pylist(),
        )
        complete = made.having("item", each(items))
        return Assembled([*written, complete], np.argsort(numbers.to_numpy(), kind="stable"))


def _belongs(text: str, name: str) -> bool:
    """Return whether a path stands in the resource of a join, or, without a name, in the record's own."""
    return parse(text).heads[-1:] == ((name,) if name else ())


def _extended(item: Struct, part: str | None) -> Struct:
    """Return an answered item with the documented extension beside its others."""
    if part is None:
        return item
    known: tuple[Any, ...] = item.extension  # type: ignore[attr-defined]  # a Struct made at run time
    carried = {"url": RECORD, "extension": msgspec.Raw(part.encode())}
    return msgspec.structs.replace(item, extension=(*known, carried))


def _items(
    row: Shape,
    leaves: Leaves,
    numbers: Sequence[int],
    count: int,
    carried: Sequence[str | None],
) -> list[tuple[Struct, ...]]:
    """Return the items of each response: an answered item, inside its group where it has one."""
    parts = {name: build(shape, leaves) for name, shape in row.singles.items()}
    item, answer, group = (
        parts[name].cells if name in parts else None for name in ("item", "answer", "group")
    )
    position = row.singles["item"].place
    lone = beside(position, {})
    found: list[list[Any]] = [[] for _ in range(count)]
    opened: list[Struct | None] = [None] * count
    for place, number in enumerate(numbers):
        one = lone if item is None or item[place] is position.empty else item[place]
        if answer is not None and answer[place] is not parts["answer"].default:
            one = msgspec.structs.replace(one, answer=(answer[place],))
        if carried:
            one = _extended(one, carried[place])
        around = None if group is None or group[place] is position.empty else group[place]
        nested = found[number]
        if around is None:
            nested.append(one)
        elif around == opened[number]:
            nested[-1] = msgspec.structs.replace(nested[-1], item=(*nested[-1].item, one))
        else:
            nested.append(msgspec.structs.replace(around, item=(one,)))
        opened[number] = around
    return [tuple(one) for one in found]


def _any(columns: Sequence[pa.Array]) -> pa.Array:
    there = columns[0].is_valid()
    for column in columns[1:]:
        there = pc.or_(there, column.is_valid())
    return there


def _references(kind: str, ids: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f"{kind}/", ids, "")


def _first_rows(numbers: pa.Array, count: int) -> np.ndarray:
    """Return the first row of each number."""
    found, first = np.unique(numbers.to_numpy(), return_index=True)
    assert len(found) == count  # noqa: S101 -- each combination is of some row
    return first


def _digests(kind: str, names: Sequence[str], combinations: Sequence[tuple[str, ...]]) -> pa.Array:
    return pa.array([digest(kind, *zip(names, one, strict=True)) for one in combinations], pa.string())


def _patients(subjects: pa.Array) -> pa.Array:
    """Return the id of each Patient; a second Patient of one subject has another."""
    seen: dict[str, int] = defaultdict(int)
    ids = []
    for subject in subjects.to_pylist():
        ids.append(digest("Patient", subject, seen[subject]) if seen[subject] or subject is None else subject)
        seen[subject] += 1
    return pa.array(ids, pa.string())


def digest(kind: str, *parts: object) -> str:
    """Return a stable id made of values: the same values give the same id, in every run.

    Example:
        >>> digest("Specimen", "BLOOD") == digest("Specimen", "BLOOD")
        True
    """
    return blake2b(repr((kind, parts)).encode(), digest_size=16).hexdigest()
