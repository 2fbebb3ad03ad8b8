"""The rule for the planned visit that an Encounter, a request or a plan names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from trialbridge.columns import by_value, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """VISITNUM of the planned visit that an element names. Reads only.

    An element names a visit by the visit's name or one of its aliases, as it stands or as the last segment of
    a reference or canonical URL. Where the element repeats, the first that names one counts.
    """

    path: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The element."""
        return (self.path,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the numbers as text; null for what names no planned visit."""

        def number(told: str) -> str | None:
            names = (name for text in split(told) for name in _names(text))
            return next(filter(None, map(vocabulary.visits.get, names)), None)

        column = joined(leaves(self.path))
        return cells_of(by_value(column, number), column, partial=True)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def _names(text: str) -> Iterator[str]:
    """Yield what a text may be called by: itself, and the last segment of it, without a version.

    Example:
        >>> list(_names("PlanDefinition/Visit-4|2"))
        ['plandefinition/visit-4|2', 'visit-4']
    """
    yield text.strip().casefold()
    yield text.partition("|")[0].rstrip("/").rpartition("/")[2].strip().casefold()
