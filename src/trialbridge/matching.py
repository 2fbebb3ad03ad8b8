"""Rules for one of several repetitions: the one that meets conditions, such as to name the study product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from trialbridge.codecs import Codec, Text
from trialbridge.columns import TEXT
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary

PRODUCT = object()
"""Stands for the study product in the conditions of `Matching`."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Stands, in a condition of `Matching`, for the identifier system that the study configuration names."""

    name: str


@dataclass(frozen=True)
class Matching:
    """The value of the first repetition that meets every condition. Reads only.

    Attributes:
        base: Path of the repeating element, ending in ``[*]``.
        where: Path inside it -> the value it must have, or `PRODUCT`, or a `Chosen` system.
        value: Path inside it, whose value is taken; empty where meeting the conditions is the fact.
        codec: Translates the value.
        alone: Whether a single repetition is taken even if it does not name the product.
    """

    base: str
    where: Mapping[str, object]
    value: str = ""
    codec: Codec = field(default_factory=Text)
    then: str = "Y"
    alone: bool = False
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the conditions and of the value, and of the one extension that is meant."""
        inside = tuple(f"{self.base}.{path}" for path in (*self.where, *([self.value] if self.value else ())))
        meant = [url for name, url in self.where.items() if name == "url" and isinstance(url, str)]
        return (*inside, *(f"{self.base.removesuffix('[*]')}[url={url}].url" for url in meant))

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the value of the repetition that meets the conditions."""
        conditions = [leaves(f"{self.base}.{path}").to_pylist() for path in self.where]
        wanted = [_condition(value, vocabulary) for value in self.where.values()]
        values = leaves(f"{self.base}.{self.value}").to_pylist() if self.value else [None] * leaves.rows
        rows = zip(values, *conditions, strict=True)
        found = pa.array([self._pick(value, cells, wanted) for value, *cells in rows], TEXT)
        return cells_of(self.codec.to_sdtm(found, vocabulary) if self.value else found)

    def _pick(
        self,
        values: list[Any] | None,
        cells: Sequence[list[Any] | None],
        wanted: Sequence[Callable[[Any], bool]],
    ) -> str | None:
        parts = list(zip(*(cell or () for cell in cells), strict=False))
        for number, part in enumerate(parts):
            if all(want(cell) for want, cell in zip(wanted, part, strict=True)) or (
                self.alone and len(parts) == 1
            ):
                return values[number] if values else self.then
        return None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def _condition(value: object, vocabulary: Vocabulary) -> Callable[[Any], bool]:
    if value is PRODUCT:
        return lambda cell: vocabulary.is_product(cell, (cell or "").rpartition("|")[2])
    if isinstance(value, Chosen):
        system = vocabulary.identifiers.get(value.name)
        return lambda cell: system is not None and cell == system
    return lambda cell: cell == value
