"""The arm of a subject: its name, or the name of the group that its id stands for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from trialbridge.codecs import Text
from trialbridge.columns import by_values, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm: R4 names it, R5 gives the id of one of the study's comparison groups.

    Attributes:
        path: Path of the subject's arm.
        groups: Paths of the lists of arms, each ending in ``[*]``, in order of trust.
    """

    path: str
    groups: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The arm, and the ids and names of every group."""
        return (self.path, *(f"{group}.{part}" for group in self.groups for part in ("linkId", "name")))

    @property
    def targets(self) -> tuple[str, ...]:
        """The arm."""
        return (self.path,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the names of the arms."""
        columns = [joined(leaves(path)) for path in self.paths]
        return cells_of(by_values(columns, _name))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the name."""
        return {self.path: Text().to_fhir(column, vocabulary)}


def _name(arm: str, *groups: str) -> str | None:
    pairs = zip(groups[::2], groups[1::2], strict=True)
    named = {
        link: name
        for links, names in pairs
        for link, name in zip(split(links), split(names), strict=False)
        if link
    }
    return named.get(arm.strip()) or arm.strip() or None
