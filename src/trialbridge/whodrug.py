"""WHODrug from the user's own B3 files: text of fixed width, or CSV.

Read are ``DD`` (drug record number, two sequence numbers, name), ``DDA`` (the same, and ATC code), ``INA``
(ATC code, level, words), and ``Version`` where it is there. The C3 format is refused: its files are others.

===== ============================= =================================
file  positions in the text         columns of the CSV
===== ============================= =================================
DD    1-6, 7-8, 9-11; name from 31  1, 2, 3; name 12
DDA   1-6, 7-8; ATC 13-19           1, 2; ATC 5
INA   ATC 1-7; words from 9         ATC 1; words 3
===== ============================= =================================
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from trialbridge.distribution import Distribution, once, plain
from trialbridge.errors import ConfigurationError

SYSTEMS = frozenset({"http://terminology.hl7.org/CodeSystem/W1-W2", "urn:oid:2.16.840.1.113883.6.71"})
PREFERRED = ("01", "001")
"""The sequence numbers of the preferred name of a drug record number."""
_TEXT = {
    "DD": ((0, 6), (6, 8), (8, 11), (30, None)),
    "DDA": ((0, 6), (6, 8), (12, 19)),
    "INA": ((0, 7), (8, None)),
}
_CSV = {"DD": (0, 1, 2, 11), "DDA": (0, 1, 4), "INA": (0, 2)}


@dataclass(frozen=True)
class WhoDrug:
    """WHODrug: the code of a drug name, its preferred name, and its ATC classes.

    Attributes:
        version: As the distribution calls itself.
        names: Drug code (record number and both sequence numbers, 11 characters) -> name.
        classes: Record number and first sequence number -> ATC codes.
        words: ATC code -> its words.
    """

    version: str
    names: Mapping[str, str]
    classes: Mapping[str, tuple[str, ...]]
    words: Mapping[str, str]
    name: str = "WHODrug"

    def has_system(self, system: str) -> bool:
        """Return whether `system` is one of the names that WHODrug goes by."""
        folded = system.casefold()
        return system in SYSTEMS or "whodrug" in folded or "who-umc.org" in folded

    def decode(self, code: str) -> Mapping[str, str]:
        """Return name, preferred name, drug code, and the ATC class where there is exactly one.

        A code of six characters is a drug record number, and means its preferred name.
        """
        full = code.replace(" ", "").replace("-", "")
        full = full + "".join(PREFERRED) if len(full) == 6 else full
        if full not in self.names:
            return {}
        preferred = self.names.get(full[:6] + "".join(PREFERRED), "")
        found = {"term": self.names[full], "code": full, "preferred": preferred}
        atc = self.classes.get(full[:8], ())
        if len(atc) == 1:
            found |= {"atccd": atc[0], "atc": self.words.get(atc[0], "")}
        return {key: value for key, value in found.items() if value}

    def code_of(self, text: str) -> str | None:
        """Return the code of the one drug whose name is `text`."""
        return self._codes.get(plain(text)) or None

    @cached_property
    def _codes(self) -> dict[str, str]:
        return once((plain(name), code) for code, name in self.names.items())


def read_whodrug(files: Distribution, version: str = "") -> WhoDrug:
    """Return WHODrug as its B3 files say it.

    Raises:
        ConfigurationError: A file is missing, or the format is not B3.
    """
    if files.name(r"mp\.(txt|csv)") and not files.name(r"dd\.(txt|csv)"):
        problem = "is WHODrug in the format C3; what is read here is B3 (DD, DDA and INA, as text or CSV)"
        raise ConfigurationError(str(files.path), problem)
    names = {"".join(row[:3]): row[3] for row in _rows(files, "DD")}
    words = {row[0]: row[1] for row in _rows(files, "INA")}
    classes: dict[str, tuple[str, ...]] = {}
    for record, sequence, atc in _rows(files, "DDA"):
        key = record + sequence
        classes[key] = tuple(dict.fromkeys((*classes.get(key, ()), atc)))
    return WhoDrug(version or _version(files), names, classes, words)


def _rows(files: Distribution, name: str) -> Iterator[Sequence[str]]:
    lines = (line for line in files.lines(rf"{name}\.(txt|csv)") if line.strip())
    if str(files.name(rf"{name}\.(txt|csv)")).lower().endswith(".csv"):
        columns = _CSV[name]
        for row in csv.reader(lines):
            if len(row) > columns[-1]:
                yield [row[column].strip() for column in columns]
        return
    for line in lines:
        yield [line[start:end].strip() for start, end in _TEXT[name]]


def _version(files: Distribution) -> str:
    pattern = r"version\.(txt|csv)"
    if files.name(pattern) is None:
        return ""
    return next((line.strip().strip('"') for line in files.lines(pattern) if line.strip()), "")
