"""Resources as lines of JSON: one by one for who looks at single ones, in columns for who moves them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT


class Line(NamedTuple):
    """One resource: its type, its id, the id of its subject's Patient (empty for nobody's), and its text."""

    kind: str
    id: str
    patient: str
    text: bytes


class Lines(NamedTuple):
    """Resources of one type: their ids, the ids of their subjects' Patients, and their texts, each a line."""

    kind: str
    ids: pa.Array
    patients: pa.Array
    texts: pa.Array

    def each(self) -> Iterator[Line]:
        """Yield the resources."""
        columns = (column.to_pylist() for column in self[1:])
        return (
            Line(self.kind, name, patient, text[:-1].encode())
            for name, patient, text in zip(*columns, strict=True)
        )

    def filter(self, mask: pa.Array) -> Lines:
        """Return some of the resources."""
        return Lines(self.kind, *(column.filter(mask) for column in self[1:]))

    @property
    def nobodys(self) -> pa.Array:
        """Which of the resources are of no subject."""
        return pc.equal(self.patients, "")


@dataclass(frozen=True)
class Block:
    """Resources in their order; iterating it gives them one by one.

    Attributes:
        parts: Those of one type that follow each other.
    """

    parts: Sequence[Lines]

    def __iter__(self) -> Iterator[Line]:
        """Yield the resources."""
        for part in self.parts:
            yield from part.each()


def gathered(lines: Iterable[Line]) -> Iterator[Lines]:
    """Yield the same resources in columns."""
    for kind, some in groupby(lines, key=lambda line: line.kind):
        _, ids, patients, texts = zip(*some, strict=True)
        whole = [text + b"\n" for text in texts]
        yield Lines(
            kind, pa.array(ids, TEXT), pa.array(patients, TEXT), pa.array(whole, pa.binary()).cast(TEXT)
        )
