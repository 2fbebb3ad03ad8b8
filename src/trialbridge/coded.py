"""Rules for coded values: a CodeableConcept and a term, and one of several codes of an extension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from trialbridge import crosswalks
from trialbridge.columns import by_value, by_values, distinct, joined, split
from trialbridge.crosswalks.tables import CODELISTS
from trialbridge.decisions import Word
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import NCIT, NCIT_SYSTEMS, Vocabulary


@dataclass(frozen=True, slots=True)
class Coded:
    """A CodeableConcept and a CDISC term.

    Read: a coding that the crosswalk knows, an NCI code of the codelist, then the text where it is a term, a
    synonym or a preferred term. Written: the NCI code and the term itself as text.

    Attributes:
        base: Path of the CodeableConcept.
        codelist: NCI code or submission value of the codelist.
        crosswalk: Name of the crosswalk table; empty for none.
        column: Column of the crosswalk that holds the term.
        verbatim: Text that no table knows is kept as it is (for an extensible codelist); else it is lost.
        partial: What no table knows is simply another fact, and not a loss.
        unknown: What no table knows is what is asked for, instead of the terms.
    """

    base: str
    codelist: str
    crosswalk: str = ""
    column: str = "target"
    verbatim: bool = False
    partial: bool = False
    unknown: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """System, code, display of every coding, and the text."""
        base = self.base
        return (
            f"{base}.coding[*].system",
            f"{base}.coding[*].code",
            f"{base}.coding[*].display",
            f"{base}.text",
        )

    @property
    def targets(self) -> tuple[str, ...]:
        """The text, and the NCI coding."""
        base = self.base
        return (f"{base}.text", f"{base}.coding[system={NCIT}].code")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the terms."""
        system, code, display, text = (joined(leaves(path)) for path in self.paths)

        def term(system: str, code: str, display: str, text: str) -> str | None:
            texts = [*split(text), *split(display)]
            found = self._term(split(system), split(code), texts, vocabulary)
            return found if not self.unknown else None if found else _first_of([*texts, *split(code)])

        partial = self.partial or self.unknown or self.column != "target"
        return cells_of(by_values([system, code, display, text], term), code, display, text, partial=partial)

    def _term(
        self, systems: Sequence[str], codes: Sequence[str], texts: Sequence[str], vocabulary: Vocabulary
    ) -> str | None:
        for system, code in zip(systems, codes, strict=False):
            if code and (found := self._of_coding(system, code, vocabulary)):
                return found
        for text in filter(None, texts):
            if found := self._of_text(text, vocabulary):
                return found
        return _first_of(texts) if self.verbatim else None

    def _of_coding(self, system: str, code: str, vocabulary: Vocabulary) -> str | None:
        own = vocabulary.mapped(CODELISTS.get(self.crosswalk, self.codelist), system, code)
        if own is not None:
            return (own.value if self.column == "target" else dict(own.besides).get(self.column)) or None
        if system in NCIT_SYSTEMS and self.column == "target":
            found = vocabulary.submission_value(self.codelist, code)
            if found:
                return found
        if not self.crosswalk:
            return None
        return self._in_codelist(
            crosswalks.crosswalk(self.crosswalk).find(system, code, self.column), vocabulary
        )

    def _of_text(self, text: str, vocabulary: Vocabulary) -> str | None:
        found = vocabulary.find(self.codelist, text) if self.column == "target" else None
        if found or not self.crosswalk:
            return found
        found = crosswalks.crosswalk(self.crosswalk).find_text(text, self.column)
        return self._in_codelist(found, vocabulary)

    def _in_codelist(self, term: str | None, vocabulary: Vocabulary) -> str | None:
        """Return `term` if the codelist has it in the release that the study uses; a table may know more."""
        return term if term and vocabulary.nci_code(self.codelist, term) else None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return text and NCI code, where they read back the same."""
        nci = by_value(column, lambda term: vocabulary.nci_code(self.codelist, term))
        text = by_value(column, lambda term: term if self._reads_back(term, vocabulary) else None)
        return dict(zip(self.targets, (text, nci), strict=True))

    def _reads_back(self, term: str, vocabulary: Vocabulary) -> bool:
        nci = vocabulary.nci_code(self.codelist, term)
        systems, codes = ([NCIT], [nci]) if nci else ([], [])
        return term == term.strip() and self._term(systems, codes, [term], vocabulary) == term


def _first_of(texts: Sequence[str]) -> str | None:
    return next((text.strip() for text in texts if text.strip()), None)


class Extensions(NamedTuple):
    """Extensions that hold one coded value each.

    Attributes:
        path: Path of the extensions, ending in ``[*]``.
        urls: Those that are meant, in order of trust: the first that occurs is taken.
        value: Path of the coding in one of them.
    """

    path: str
    urls: tuple[str, ...]
    value: str = "valueCoding"

    @property
    def paths(self) -> tuple[str, str, str]:
        """Name, system and code of every extension."""
        return (f"{self.path}.url", f"{self.path}.{self.value}.system", f"{self.path}.{self.value}.code")

    @property
    def meant(self) -> tuple[str, ...]:
        """The addresses of those that are meant."""
        one = self.path.removesuffix("[*]")
        return tuple(f"{one}[url={url}].url" for url in self.urls)


@dataclass(frozen=True, slots=True)
class Several:
    """One of several coded values of extensions: the term, ``MULTIPLE``, or the n-th of them.

    Attributes:
        sources: The extensions that hold the values, in order of trust.
        crosswalk: Table that gives the terms.
        number: 0 for the one variable, which says `multiple` where there are several; n for the n-th.
        multiple: What the one variable says then.
        decided: Domain and variable that decisions about the codes are made for.
    """

    sources: tuple[Extensions, ...]
    crosswalk: str
    number: int = 0
    multiple: str = "MULTIPLE"
    decided: tuple[str, str] = ("DM", "RACE")
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Name, system and code of every extension, and those that are meant."""
        return (*self._inside, *(path for source in self.sources for path in source.meant))

    @property
    def _inside(self) -> tuple[str, ...]:
        return tuple(path for source in self.sources for path in source.paths)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the terms."""
        columns = [joined(leaves(path)) for path in self._inside]

        def term(*cells: str) -> str | None:
            for coded in self._coded(*cells):
                terms = list(dict.fromkeys(self._known(*one, vocabulary) for one in coded))
                if None not in terms and terms:
                    return self._of(terms)
            return None

        sent = by_values(columns, lambda *cells: "sent" if any(self._coded(*cells)) else None)
        return cells_of(by_values(columns, term), sent, partial=self.number > 0)

    def _coded(self, *cells: str) -> list[list[tuple[str, str]]]:
        """Return the codings of each kind of extension that is meant."""
        found = []
        for number, source in enumerate(self.sources):
            values = list(zip(*map(split, cells[3 * number : 3 * number + 3]), strict=False))
            found += [
                [(system, code) for name, system, code in values if name == url and code]
                for url in source.urls
            ]
        return found

    def _known(self, system: str, code: str, vocabulary: Vocabulary) -> str | None:
        decision = vocabulary.decisions.find(Word(*self.decided, system, code, ""))
        if decision is not None:
            return decision.value or None
        own = vocabulary.mapped(CODELISTS.get(self.crosswalk, ""), system, code)
        if own is not None:
            return own.value or None
        return crosswalks.crosswalk(self.crosswalk).find(system, code)

    def unknown(self, leaves: Leaves) -> list[tuple[str, str]]:
        """Return, for each record, the first coding that no table knows, else the first."""
        rows, combinations = distinct([joined(leaves(path)) for path in self._inside])
        found = [self._first_unknown(*combination) for combination in combinations]
        return [found[row] for row in rows.to_pylist()]

    def _first_unknown(self, *cells: str) -> tuple[str, str]:
        codings = [one for part in self._coded(*cells) for one in part]
        unknown = [one for one in codings if self._known(*one, Vocabulary()) is None]
        return next(iter([*unknown, *codings]), ("", ""))

    def _of(self, terms: list[Any]) -> str | None:
        if self.number == 0:
            return terms[0] if len(terms) == 1 else self.multiple
        return terms[self.number - 1] if 1 < len(terms) >= self.number else None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}
