"""SNOMED CT from the user's own RF2 snapshot: the full name of a concept, and what it is a kind of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from trialbridge.distribution import Distribution, once, plain

SYSTEM = "http://snomed.info/sct"
NAME, IS_A = "900000000000003001", "116680003"
DESCRIPTIONS = r"x?sct2_Description_Snapshot.*\.txt"
RELATIONSHIPS = r"x?sct2_Relationship_Snapshot.*\.txt"
_TAG = re.compile(r"\s*\([^()]*\)$")


@dataclass(frozen=True)
class Snomed:
    """SNOMED CT: the name of a concept and the concepts above it.

    Attributes:
        version: Date of the release, as the file names have it.
        terms: Concept -> its fully specified name without the tag behind it.
        parents: Concept -> the concepts that it is directly a kind of.
    """

    version: str
    terms: Mapping[str, str]
    parents: Mapping[str, tuple[str, ...]]
    name: str = "SNOMED CT"

    def has_system(self, system: str) -> bool:
        """Return whether `system` is SNOMED CT, of any edition."""
        return system == SYSTEM or system.startswith(f"{SYSTEM}/")

    def decode(self, code: str) -> Mapping[str, str]:
        """Return the name of a concept."""
        term = self.terms.get(code)
        return {"term": term, "code": code} if term else {}

    def code_of(self, text: str) -> str | None:
        """Return the one concept whose name is `text`."""
        return self._codes.get(plain(text)) or None

    def ancestors(self, code: str) -> Iterator[str]:
        """Yield the concepts above `code`, nearest first, each once."""
        seen, layer = {code}, [code]
        while layer:
            layer = [up for one in layer for up in self.parents.get(one, ()) if up not in seen]
            layer = list(dict.fromkeys(layer))
            seen.update(layer)
            yield from layer

    @cached_property
    def _codes(self) -> dict[str, str]:
        return once((plain(term), code) for code, term in self.terms.items())


def read_snomed(files: Distribution, version: str = "") -> Snomed:
    """Return SNOMED CT as the snapshot of a release says it.

    Raises:
        ConfigurationError: A file is missing.
    """
    terms = {row[4]: _TAG.sub("", row[7]) for row in _active(files, DESCRIPTIONS) if row[6] == NAME}
    parents: dict[str, list[str]] = defaultdict(list)
    for row in _active(files, RELATIONSHIPS):
        if row[7] == IS_A:
            parents[row[4]].append(row[5])
    dated = re.search(r"_(\d{8})\.txt$", files.name(DESCRIPTIONS) or "")
    return Snomed(
        version or (dated.group(1) if dated else ""),
        terms,
        {concept: tuple(above) for concept, above in parents.items()},
    )


def _active(files: Distribution, pattern: str) -> Iterator[list[str]]:
    rows = (line.split("\t") for line in files.lines(pattern)[1:])
    return (row for row in rows if len(row) > 7 and row[2] == "1")
