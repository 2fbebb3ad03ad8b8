"""SDTM to FHIR resources: leaf columns back into Structs, by the same shapes that read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import distinct
from trialbridge.elements import Element, Version, wire
from trialbridge.lexical import is_legal
from trialbridge.mapping import Domain
from trialbridge.paths import Path, parse
from trialbridge.readers import columns_of
from trialbridge.versions import REQUIRED
from trialbridge.shapes import ITEM_ROW, NO_TEXT, Position, Shape, nest_items, shape_of

Struct = msgspec.Struct
Values = Mapping[str, Sequence[Any]]
_TRUTH = {"true": True, "false": False, True: True, False: False}


@dataclass(frozen=True)
class Written:
    """The resources of one type, in the order of their records.

    Attributes:
        kind: Resource type.
        rows: One Struct a resource.
    """

    kind: str
    rows: Sequence[Struct | msgspec.Raw]

    def lines(self) -> Iterator[bytes]:
        """Yield each resource as one line of JSON."""
        return map(msgspec.json.Encoder().encode, self.rows)


def build(shape: Shape, values: Values, constants: Mapping[str, str], rows: int) -> list[Struct]:
    """Return one Struct a row; the shared empty one where a row has no value but constants.

    Args:
        shape: A shape made of the same columns.
        values: Column -> its values.
        constants: Column -> what stands there wherever its neighbours have a value.
        rows: How many rows there are.
    """
    position = shape.position
    assert position is not None  # noqa: S101 -- a shape made by `shape_of`
    fields: dict[str, list[Any]] = {}
    fixed: dict[str, Any] = {}
    for name, column in shape.leaves.items():
        element = position.elements[name]
        put = _WRITERS[wire(element)]
        if column in constants:
            fixed[name] = put(constants[column])
        elif column in values:
            fields[name] = [put(_legal(element, value)) for value in values[column]]
    for (name, _select), column in shape.lists.items():
        if column in values:
            legal = [_legal(position.elements[name], value) for value in values[column]]
            fields[name] = [() if value is None else (value,) for value in legal]
    for name, child in shape.singles.items():
        fields[name] = build(child, values, constants, rows)
    for name, columns in _repeating(shape, values, constants, rows).items():
        fields[name] = [tuple(part for part in parts if part is not None) for parts in zip(*columns, strict=True)]
    return _structs(position, fields, fixed, rows)


def _structs(position: Position, fields: dict[str, list[Any]], fixed: dict[str, Any], rows: int) -> list[Struct]:
    if not fields:
        return [position.empty] * rows
    struct, empty = position.struct, position.empty
    names = tuple(fields)
    nothing = tuple(getattr(empty, name) for name in names)
    return [
        empty if cells == nothing else struct(**fixed, **dict(zip(names, cells, strict=True)))
        for cells in zip(*fields.values(), strict=True)
    ]


def _legal(element: Element, value: str | bool | None) -> str | bool | None:
    """Return the value where the element can hold it: a form that FHIR forbids, or a code outside a closed list, cannot."""
    if not isinstance(value, str):
        return value
    if element.codes and value not in element.codes:
        return None
    return value if is_legal(element.type, value) else None


def _raw(value: str | None) -> msgspec.Raw:
    return NO_TEXT if value is None else msgspec.Raw(value.encode())


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "raw": _raw,
    "bool": lambda value: None if value is None else _TRUTH[value],
}


def _repeating(
    shape: Shape, values: Values, constants: Mapping[str, str], rows: int
) -> dict[str, list[list[Struct | None]]]:
    """Return the repetitions of each list: the first, then those that are told by a key, in order."""
    found: dict[str, list[list[Struct | None]]] = defaultdict(list)
    for name, child in shape.firsts.items():
        found[name].append(_present(child, build(child, values, constants, rows)))
    for (name, key), choices in shape.keyed.items():
        for value, child in choices.items():
            parts = build(child, values, constants, rows)
            found[name].append(_present(child, parts, **{key: value}))
    return found


def _present(shape: Shape, parts: list[Struct], **key: str) -> list[Struct | None]:
    assert shape.position is not None  # noqa: S101 -- a shape made by `shape_of`
    empty = shape.position.empty
    return [None if part is empty else _with(part, key) for part in parts]


def _with(part: Struct, key: Mapping[str, str]) -> Struct:
    return msgspec.structs.replace(part, **key) if key else part


@dataclass
class Builder:
    """Builds the resources of one domain, and those that its joins stand for.

    Attributes:
        domain: The declaration.
        version: The release to write.
        order: After building, the record that each part read in order comes from.
    """

    domain: Domain
    version: Version
    order: list[int] = field(default_factory=list)

    def resources(self, leaves: Mapping[str, pa.Array], ids: pa.Array, subjects: pa.Array | None) -> list[Written]:
        """Return the resources that `leaves` make, joined ones first.

        Args:
            leaves: Path -> column, see `mapping.to_leaves`.
            ids: The id of each record's resource.
            subjects: Reference to each record's subject; none for DM, which is the subject.
        """
        rows = len(ids)
        groups: dict[str, dict[str, pa.Array]] = defaultdict(dict)
        for text, column in leaves.items():
            path = parse(text)
            groups[path.heads[-1] if path.heads else ""][text] = column
        made: list[Written] = []
        for name in sorted(self.domain.joins, key=lambda join: (-self._depth(join), join)):
            made += self._joined(name, groups, rows)
        base = groups[""]
        self.order = list(range(rows))
        if subjects is not None:
            base["subject.reference"] = subjects
        build_rows = self._answers if self.domain.rows == "item" else self._plain
        return [*made, build_rows(base, ids)]

    def _depth(self, name: str) -> int:
        heads = parse(self.domain.joins[name].path).heads
        return 1 + max((self._depth(head) for head in heads), default=0)

    def _joined(self, name: str, groups: dict[str, dict[str, pa.Array]], rows: int) -> list[Written]:
        """Return the distinct resources of a join, and write the references to them where they belong."""
        join = self.domain.joins[name]
        columns = {text: column for text, column in groups.pop(name, {}).items() if column.null_count < len(column)}
        if not columns:
            return []
        names, values = list(columns), list(columns.values())
        numbers, combinations = distinct(values)
        there = pa.array([any(combination) for combination in combinations]).take(numbers)
        ids = pa.array([digest(join.type, *zip(names, one, strict=True)) for one in combinations], pa.string())
        references = pc.binary_join_element_wise(f"{join.type}/", ids.take(numbers), "")
        path = parse(join.path)
        groups[path.heads[-1] if path.heads else ""][join.path] = pc.if_else(there, references, None)
        first = _first_rows(numbers, len(combinations))
        kept = pa.array([row for row, one in zip(first, combinations, strict=True) if any(one)], pa.int64())
        leaves = {parse(text).local: column.take(kept) for text, column in columns.items()}
        own = {parse(text).local: value for text, value in self.domain.fixed.items() if parse(text).heads[-1:] == (name,)}
        return [Written(join.type, self._structs(join.type, leaves, ids.take(numbers).take(kept), own))]

    def _plain(self, leaves: Mapping[str, pa.Array], ids: pa.Array) -> Written:
        own = {parse(text).local: column for text, column in leaves.items()}
        return Written(self.domain.source, self._structs(self.domain.source, own, ids, self._constants()))

    def _constants(self) -> dict[str, str]:
        found = {**self.domain.companions, **self.domain.fixed}
        return {text: value for text, value in found.items() if not parse(text).heads}

    def _structs(self, kind: str, leaves: Mapping[str, pa.Array], ids: pa.Array, constants: Mapping[str, str]) -> list[Struct]:
        columns = columns_of(kind, self.version, dict.fromkeys(["id", *leaves, *constants]))
        shape = shape_of(kind, self.version, columns, self.domain.code)
        values = {text: column.to_pylist() for text, column in leaves.items() if text in columns}
        rows = build(shape, {**values, "id": ids.to_pylist()}, constants, len(ids))
        return completed(kind, self.version, shape, rows)

    def _answers(self, leaves: Mapping[str, pa.Array], ids: pa.Array) -> Written:
        """Return one QuestionnaireResponse for all answers that share everything but the answer itself."""
        units = {parse(text).local: column for text, column in leaves.items() if parse(text).this}
        whole = {text: column for text, column in leaves.items() if not parse(text).this}
        numbers, combinations = distinct(list(whole.values()) or [ids])
        first = _first_rows(numbers, len(combinations))
        kept = pa.array(first, pa.int64())
        self.order = np.argsort(numbers.to_numpy(), kind="stable").tolist()
        columns: dict[str, Path] = {text: parse(text) for text in units}
        row_shape = shape_of(ITEM_ROW, self.version, columns, self.domain.code)
        item = nest_items(row_shape)
        parts = build(row_shape, {text: column.to_pylist() for text, column in units.items()}, {}, len(ids))
        items = _grouped(parts, numbers.to_pylist(), len(combinations), item)
        responses = self._structs(
            self.domain.source, {text: column.take(kept) for text, column in whole.items()}, ids.take(kept), self._constants()
        )
        return Written(self.domain.source, [_with_items(one, nested) for one, nested in zip(responses, items, strict=True)])


def completed(kind: str, version: Version, shape: Shape, rows: list[Struct]) -> list[Struct]:
    """Return the resources with every element that FHIR requires: an unknown one says that it is unknown."""
    assert shape.position is not None  # noqa: S101 -- a shape made by `shape_of`
    empty = shape.position.empty
    missing = {}
    for name, element in shape.position.elements.items():
        if element.required and not element.choice:
            code = REQUIRED[version].get(kind, {}).get(name)
            missing[name] = _unknown(shape.position, name, element) if code is None else msgspec.Raw(f'"{code}"'.encode())
    for name, value in missing.items():
        default = getattr(empty, name)
        if value is not None:
            rows = [msgspec.structs.replace(row, **{name: value}) if getattr(row, name) == default else row for row in rows]
    return rows


def _unknown(position: Position, name: str, element: Element) -> Any:  # noqa: ANN401 -- a field of a Struct
    """Return what stands for an unknown element; none for a bare value, which a mapping must fix."""
    if wire(element) != "complex":
        return None
    below = position.typed.get(name)
    if below is None:
        part = b'{"extension":' + _ABSENT + b"}"
        return msgspec.Raw(b"[" + part + b"]" if element.many else part)
    known = below.struct(extension=msgspec.Raw(_ABSENT))
    return (known,) if element.many else known


_ABSENT = b'[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]'


def _first_rows(numbers: pa.Array, count: int) -> list[int]:
    first = [-1] * count
    for row, number in enumerate(numbers.to_pylist()):
        if first[number] < 0:
            first[number] = row
    return first


def _grouped(parts: Sequence[Any], numbers: Sequence[int], count: int, item: Position) -> list[tuple[Struct, ...]]:
    """Return the items of each response: an answered item, inside its group where it has one."""
    items: list[list[Struct]] = [[] for _ in range(count)]
    open_groups: list[Struct | None] = [None] * count
    for number, part in zip(numbers, parts, strict=True):
        answered = msgspec.structs.replace(part.item, answer=() if _blank(part.answer) else (part.answer,))
        if part.group is item.empty:
            items[number].append(answered)
            open_groups[number] = None
        elif part.group == open_groups[number]:
            last = items[number][-1]
            items[number][-1] = msgspec.structs.replace(last, item=(*last.item, answered))  # type: ignore[attr-defined]
        else:
            items[number].append(msgspec.structs.replace(part.group, item=(answered,)))
            open_groups[number] = part.group
    return [tuple(one) for one in items]


def _blank(answer: Struct) -> bool:
    return all(getattr(answer, name) == default for name, default in zip(answer.__struct_fields__, answer.__struct_defaults__, strict=True))


def _with_items(response: Struct, items: tuple[Struct, ...]) -> msgspec.Raw:
    """Return a response with its items: they nest, which the Struct of the response alone cannot say."""
    text = msgspec.json.encode(response)
    return msgspec.Raw(text[:-1] + b',"item":' + msgspec.json.encode(items) + b"}")


def digest(kind: str, *parts: object) -> str:
    """Return a stable id made of values: the same values give the same id, in every run.

    Example:
        >>> digest("Specimen", "BLOOD") == digest("Specimen", "BLOOD")
        True
    """
    return blake2b(repr((kind, parts)).encode(), digest_size=16).hexdigest()
