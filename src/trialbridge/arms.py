"""The arm of a subject: its name, or the name of the group that its id stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.codecs import Text
from trialbridge.columns import by_value, by_values, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary

CODES = "urn:trialbridge:sdtm:armcd"
"""System of the codes of arms."""

NO_ARM: Mapping[str, str] = {
    "SCRNFAIL": "SCREEN FAILURE",
    "NOTASSGN": "NOT ASSIGNED",
    "NOTTRT": "ASSIGNED, NOT TREATED",
    "UNPLAN": "UNPLANNED TREATMENT",
}
"""What stands for an arm in ARMCD before SDTMIG 3.4 -> ARMNRS, which says it since."""


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


@dataclass(frozen=True, slots=True)
class ArmPart:
    """The name or the code of an arm, in records that come from SDTM: the study lists its arms with both.

    The subject names an arm that is listed by the name; in R5 by the ``linkId``, which the study gives then.

    Attributes:
        path: Path of the subject's arm.
        groups: Path of the list of arms, ending in ``[*]``.
        part: Which of the two.
        links: Name -> ``linkId``, of the arms that are written by it.

    Example:
        >>> ArmPart("assignedArm", "overall->arm[*]", "ARMCD").targets
        ()
    """

    path: str
    groups: str
    part: Literal["ARM", "ARMCD"]
    links: tuple[tuple[str, str], ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The arm, and the ids, names and codes of every group."""
        code = f"type.coding[system={CODES}].code"
        return (self.path, *(f"{self.groups}.{part}" for part in ("linkId", "name", code)))

    @property
    def targets(self) -> tuple[str, ...]:
        """The arm, for its name; the code follows from it."""
        return (self.path,) if self.part == "ARM" else ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the names or the codes."""
        return cells_of(by_values([joined(leaves(path)) for path in self.paths], self._said))

    def _said(self, arm: str, links: str, names: str, codes: str) -> str | None:
        for link, name, code in zip_longest(*map(split, (links, names, codes)), fillvalue=""):
            if arm and arm in {link, name}:
                return (name if self.part == "ARM" else code) or None
        return (arm.strip() or None) if self.part == "ARM" else None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return how the subject names the arm."""
        if self.part == "ARMCD":
            return {}
        links = dict(self.links)
        named = by_value(column, lambda name: links.get(name, name))
        return {self.path: Text().to_fhir(named, vocabulary)}


def without_arm(table: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return what is written of subjects for whom ARMCD says that they have no arm: why, and that code.

    A code of an arm is not written with the subject: it follows from the list of arms.

    Example:
        >>> made = without_arm({"ARMCD": pa.array(["Scrnfail", "PBO"])})
        >>> made["ARMNRS"].to_pylist(), made["ARMCD"].to_pylist()
        (['SCREEN FAILURE', None], ['Scrnfail', None])
    """
    found = {
        name: by_value(table[name], lambda code: code if code.upper() in NO_ARM else None)
        for name in ("ARMCD", "ACTARMCD")
        if name in table
    }
    if "ARMCD" not in found:
        return found
    reasons = by_value(found["ARMCD"], lambda code: NO_ARM[code.upper()])
    return {**found, "ARMNRS": pc.coalesce(table.get("ARMNRS", reasons), reasons)}
