"""MedDRA from the user's own ASCII distribution: fields between dollar signs, one term a line.

Read are ``llt.asc`` (code, name, code of the preferred term, whether it is current) and ``mdhier.asc`` (each
path of each preferred term, with the names of all levels and the mark of the primary one). The version is in
``meddra_release.asc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from trialbridge.distribution import Distribution, once, plain

SYSTEMS = frozenset(
    {
        "https://www.meddra.org",
        "http://www.meddra.org",
        "http://meddra.org",
        "https://meddra.org",
        "urn:oid:2.16.840.1.113883.6.163",
        "http://terminology.hl7.org/CodeSystem/MDR",
        "MedDRA",
    }
)
LEVELS = ("pt", "hlt", "hlgt", "soc")


class Lowest(NamedTuple):
    """A lowest level term: its name, its preferred term, and whether it may still be used for coding."""

    name: str
    pt: str
    current: bool


Path = tuple[str, ...]
"""Codes of preferred term, HLT, HLGT and SOC, and then their names."""


@dataclass(frozen=True)
class Meddra:
    """MedDRA: a code of any level and the levels above it.

    Attributes:
        version: Such as ``27.0``.
        lowest: Code of a lowest level term -> the term; preferred terms are among them.
        primary: Code of a preferred term -> its primary path.
        paths: All paths, secondary ones too.
    """

    version: str
    lowest: Mapping[str, Lowest]
    primary: Mapping[str, Path]
    paths: tuple[Path, ...]
    name: str = "MedDRA"

    def has_system(self, system: str) -> bool:
        """Return whether `system` is one of the names that MedDRA goes by."""
        return system.rstrip("/") in SYSTEMS

    def decode(self, code: str) -> Mapping[str, str]:
        """Return the terms and codes of all levels, from that of `code` upwards, on the primary path.

        The level of a code is that of the file which has it. A preferred term is a lowest level term, too.
        Above a code of a higher level stands only what all its paths share.
        """
        term = self.lowest.get(code)
        if term is not None:
            return {"llt": term.name, "lltcd": code, **_fields(self.primary.get(term.pt))}
        if code in self.primary:
            return _fields(self.primary[code])
        return self._higher(code)

    def _higher(self, code: str) -> dict[str, str]:
        for number in range(1, len(LEVELS)):
            found = [_fields(path) for path in self.paths if path[number] == code]
            if found:
                above = [name + ending for name in LEVELS[number:] for ending in ("", "cd")]
                return {key: found[0][key] for key in above if len({one[key] for one in found}) == 1}
        return {}

    def code_of(self, text: str) -> str | None:
        """Return the code of the one current lowest level term that is `text`."""
        return self._codes.get(plain(text)) or None

    @cached_property
    def _codes(self) -> dict[str, str]:
        return once((plain(term.name), code) for code, term in self.lowest.items() if term.current)


def read_meddra(files: Distribution, version: str = "") -> Meddra:
    """Return MedDRA as its ASCII files say it.

    Raises:
        ConfigurationError: A file is missing.
    """
    lowest = {row[0]: Lowest(row[1], row[2], row[9] != "N") for row in _rows(files, r"llt\.asc", 10)}
    hierarchy = list(_rows(files, r"mdhier\.asc", 12))
    paths = [(row, tuple(row[:8])) for row in hierarchy]
    primary = {path[0]: path for row, path in paths if row[11] == "Y"}
    return Meddra(version or _release(files), lowest, primary, tuple(path for _, path in paths))


def _rows(files: Distribution, pattern: str, width: int) -> list[list[str]]:
    rows = (line.split("$") for line in files.lines(pattern) if line.strip())
    return [row for row in rows if len(row) >= width]


def _release(files: Distribution) -> str:
    if files.name(r"meddra_release\.asc") is None:
        return ""
    return next(iter(files.lines(r"meddra_release\.asc")), "").split("$")[0].strip()


def _fields(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    names = dict(zip(LEVELS, path[4:], strict=True))
    return names | {f"{level}cd": code for level, code in zip(LEVELS, path[:4], strict=True)}
