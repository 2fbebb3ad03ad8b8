"""The causality of an adverse event: one value for the study product, out of several suspected entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import pyarrow as pa

from trialbridge.codecs import Upper
from trialbridge.columns import TEXT, blank
from trialbridge.crosswalks import crosswalk
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary

THO = "http://terminology.hl7.org/CodeSystem"
CODED = ("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", f"{THO}/adverse-event-causality-assess")
"""Systems whose codes may stand without words: the table says what they mean. Any other word is kept."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is said of the suspect that is the study product, or of all the others.

    Where none names the product, a suspect that is the only one is taken for it.

    Attributes:
        base: Path of the repeating element, ending in ``[*]``.
        names: Paths inside it that name the suspect: references, codes, words.
        words: Paths inside it that hold the assessment, in order of trust.
        others: Whether the other suspects are asked for, each with its name.
        url: The extension that is meant, where `base` is a list of extensions.
        writes: Path that the assessment of the study product is written to; empty for a rule that only reads.
    """

    base: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    others: bool = False
    url: str = ""
    writes: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The one place that is written, if any."""
        return (self.writes,) if self.writes else ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of names and words, of the extensions' addresses, and of the one that is meant."""
        meant = (f"{self.base.removesuffix('[*]')}[url={self.url}].url",) if self.url else ()
        return (*self._inside, *meant)

    @property
    def _inside(self) -> tuple[str, ...]:
        inside = (*self.names, *self.words, *(("url",) if self.url else ()))
        return tuple(f"{self.base}.{path}" for path in inside)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the assessments, in capitals."""
        columns = [leaves(path) for path in self._inside]
        if all(column.null_count == leaves.rows for column in columns):
            return cells_of(blank(leaves.rows))
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return cells_of(pa.array([self._pick(cells, vocabulary) for cells in rows], TEXT))

    def _pick(self, cells: Sequence[list[str | None] | None], vocabulary: Vocabulary) -> str | None:
        # a path that the release at hand does not have is null, and says nothing of how many there are
        suspects = [self._suspect(part) for part in zip_longest(*(cell or () for cell in cells))]
        told = [one for one in suspects if one is not None]
        product = [one for one in told if any(vocabulary.is_product(*_forms(name)) for name in one[0])]
        if not product and len(told) == 1:
            product = told
        if not self.others:
            return next((word for _, word in product if word), None)
        rest = [
            f"{one[0][-1] if one[0] else 'UNNAMED'}: {one[1]}"
            for one in told
            if one not in product and one[1]
        ]
        return "; ".join(rest) or None

    def _suspect(self, part: Sequence[str | None]) -> tuple[list[str], str] | None:
        """Return the names and the assessment of one repetition; none where it is another extension."""
        if self.url and part[-1] != self.url:
            return None
        names, words = part[: len(self.names)], part[len(self.names) : len(self.names) + len(self.words)]
        word = next((word.strip() for word in words if word and word.strip()), "")
        return [name for name in names if name], _said(word)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the assessment, where capitals do not change it."""
        return {self.writes: Upper().to_fhir(column, vocabulary)} if self.writes else {}


def _said(word: str) -> str:
    """Return an assessment in capitals; a bare code in the words that it stands for."""
    table = crosswalk("ae_causality")
    return next((found for system in CODED if (found := table.find(system, word))), word.upper())


def _forms(name: str) -> tuple[str, ...]:
    """Return what a reference may be known by: itself, ``Type/id``, and what stands behind a bar."""
    return (name, "/".join(name.split("/")[-2:]), name.rpartition("|")[2])
