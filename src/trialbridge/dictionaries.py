"""Licensed dictionaries, read from the user's own files: MedDRA, WHODrug, SNOMED CT, and lists of terms.

Nothing of their content is here. A dictionary is read when a rule first asks for it, and once in a process.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

from trialbridge.distribution import Distribution, content, decoded, once, plain
from trialbridge.meddra import read_meddra
from trialbridge.snomed import read_snomed
from trialbridge.whodrug import read_whodrug

AUTOCODE = "exact"
"""The one value of ``autocode``: a text that is a term, letter by letter, is coded by it."""


class Dictionary(Protocol):
    """A dictionary: what a code means, and which code a text has."""

    @property
    def name(self) -> str:
        """The dictionary's own name."""

    @property
    def version(self) -> str:
        """The version that was read."""

    def has_system(self, system: str) -> bool:
        """Return whether a coding of `system` is a coding in this dictionary."""

    def decode(self, code: str) -> Mapping[str, str]:
        """Return field -> value of the entry that has `code`; nothing where there is none."""

    def code_of(self, text: str) -> str | None:
        """Return the code of the one entry whose term is `text`, without regard to case and spacing."""


_READERS: Mapping[str, Callable[[Distribution, str], Dictionary]] = {
    "meddra": read_meddra,
    "whodrug": read_whodrug,
    "snomed": read_snomed,
}
LICENSED = tuple(_READERS)


@dataclass(frozen=True)
class Dictionaries:
    """The dictionaries that a study's settings name.

    Attributes:
        sources: ``meddra``, ``whodrug`` or ``snomed`` -> folder or ZIP file.
        terms: Code system -> file of codes and terms.
        versions: Name -> version, where the files do not say it or say it otherwise.
        autocode: Whether a text that is a term, letter by letter, is coded by it.
        folder: What relative paths start at.

    Example:
        >>> Dictionaries().named("meddra") is None
        True
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    autocode: bool = False
    folder: str = ""

    def named(self, name: str) -> Dictionary | None:
        """Return the dictionary `name`, None where the study has none.

        Raises:
            ConfigurationError: Its files cannot be read.
        """
        if name not in self.sources:
            return None
        return _load(name, str(Path(self.folder) / self.sources[name]), self.versions.get(name, ""))

    def term(self, system: str, code: str) -> str | None:
        """Return the term of a code, from whichever dictionary knows its system."""
        return next(
            (term for one in self._all if one.has_system(system) and (term := one.decode(code).get("term"))),
            None,
        )

    def in_use(self) -> list[tuple[str, str]]:
        """Return name and version of each licensed dictionary, in their own spelling."""
        return [(one.name, one.version) for name in LICENSED if (one := self.named(name))]

    def overrides(self) -> list[tuple[str, str]]:
        """Return name of each dictionary and what is said of it, for the report."""
        named = ((name, path, self.versions.get(name, "")) for name, path in self._files())
        found = [(name, f"{Path(path).name} {version}".strip()) for name, path, version in named]
        return found + ([("autocode", AUTOCODE)] if self.autocode else [])

    def without_place(self) -> Dictionaries:
        """Return what a run keeps: which dictionaries in which version, but not where they lie.

        Example:
            >>> Dictionaries(folder="here").without_place().folder
            ''
        """
        read = {name: one.version for name in self.sources if (one := self.named(name))}
        return Dictionaries(versions={**self.versions, **read}, autocode=self.autocode)

    def _files(self) -> list[tuple[str, str]]:
        return [*self.sources.items(), *self.terms.items()]

    @cached_property
    def _all(self) -> list[Dictionary]:
        lists = [
            TermList(system, str(Path(self.folder) / path), self.versions.get(system, ""))
            for system, path in self.terms.items()
        ]
        return [*(one for name in LICENSED if (one := self.named(name))), *lists]


def dictionaries_of(table: Mapping[str, Any], folder: str = "") -> Dictionaries:
    """Return the dictionaries that the section ``[dictionaries]`` of the settings names.

    Example:
        >>> dictionaries_of({"meddra": "MedAscii", "autocode": "exact"}).autocode
        True
    """
    return Dictionaries(
        sources={name: table[name] for name in LICENSED if name in table},
        terms=table.get("terms", {}),
        versions=table.get("versions", {}),
        autocode=table.get("autocode", "") == AUTOCODE,
        folder=folder if table else "",
    )


def dictionary_problems(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values of the section ``[dictionaries]``.

    Example:
        >>> list(dictionary_problems({"autocode": "fuzzy"}))
        ['dictionaries.autocode must be "exact", or left out']
    """
    if table.get("autocode", AUTOCODE) != AUTOCODE:
        yield f'dictionaries.autocode must be "{AUTOCODE}", or left out'
    for part in ("terms", "versions"):
        for name, value in table.get(part, {}).items():
            if not isinstance(value, str):
                yield f'dictionaries.{part}."{name}" must be text'


@cache
def _load(name: str, path: str, version: str) -> Dictionary:
    return _READERS[name](Distribution(Path(path)), version)


class TermList:
    """Codes and terms of one code system, from a file of two columns: ICD-10-CM, RxNorm, ATC, or any other.

    The columns are separated by tabs, bars or commas; the first two are read. Codes are compared without
    the point that ICD-10-CM is printed with.
    """

    def __init__(self, system: str, path: str, version: str = "") -> None:
        """Name the file; it is read when it is first asked."""
        self.name = system
        self.version = version
        self._path = Path(path)

    def has_system(self, system: str) -> bool:
        """Return whether `system` is the one that the list was named for."""
        return system == self.name

    def decode(self, code: str) -> Mapping[str, str]:
        """Return the term of `code`."""
        term = self._terms.get(code.replace(".", ""))
        return {"term": term} if term else {}

    def code_of(self, text: str) -> str | None:
        """Return the code of the one entry whose term is `text`."""
        return self._codes.get(plain(text)) or None

    @cached_property
    def _terms(self) -> dict[str, str]:
        lines = decoded(content(self._path)).splitlines()
        separator = next((mark for mark in "\t|," if lines and mark in lines[0]), "\t")
        rows = csv.reader(lines, delimiter=separator)
        return {row[0].strip().replace(".", ""): row[1].strip() for row in rows if len(row) > 1 and row[0]}

    @cached_property
    def _codes(self) -> dict[str, str]:
        return once((plain(term), code) for code, term in self._terms.items())
