"""SNOMED CT from the user's own RF2 snapshot: the full name of a concept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from trialbridge.distribution import Distribution, once, plain

SYSTEM = "http://snomed.info/sct"
NAME = "900000000000003001"
DESCRIPTIONS = r"x?sct2_Description_Snapshot.*\.txt"
_TAG = re.compile(r"\s*\([^()]*\)$")


@dataclass(frozen=True)
class Snomed:
    """SNOMED CT: the names of concepts.

    Attributes:
        version: Date of the release, as the file names have it.
        terms: Concept -> its fully specified name without the tag behind it.
    """

    version: str
    terms: Mapping[str, str]
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

    @cached_property
    def _codes(self) -> dict[str, str]:
        return once((plain(term), code) for code, term in self.terms.items())


def read_snomed(files: Distribution, version: str = "") -> Snomed:
    """Return SNOMED CT as the snapshot of a release says it.

    Raises:
        ConfigurationError: A file is missing.
    """
    terms = {row[4]: _TAG.sub("", row[7]) for row in _active(files, DESCRIPTIONS) if row[6] == NAME}
    dated = re.search(r"_(\d{8})\.txt$", files.name(DESCRIPTIONS) or "")
    return Snomed(version or (dated.group(1) if dated else ""), terms)


def _active(files: Distribution, pattern: str) -> Iterator[list[str]]:
    rows = (line.split("\t") for line in files.lines(pattern)[1:])
    return (row for row in rows if len(row) > 7 and row[2] == "1")
