"""The table of what the way from FHIR to SDTM and back loses, with the reasons: of the release, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ANY = "*"
"""Any type; as a path, any element of a type; before a step, that step anywhere."""


@dataclass(frozen=True)
class Losses:
    """What is lost, and why.

    Attributes:
        reasons: Resource type, or `ANY`, and path -> why it and all below it is lost.
    """

    reasons: Mapping[tuple[str, str], str]

    def reason(self, kind: str, path: str) -> str | None:
        """Return why an element is lost; none where nothing declares it.

        Example:
            >>> Losses({("*", "meta"): "a server writes its own"}).reason("Patient", "meta.versionId")
            'a server writes its own'
        """
        parts = [path] if path.startswith("(") else path.split(".")
        names = [name for length in range(len(parts), 0, -1) for name in _names(parts[:length])]
        for name in [*names, ANY]:
            for one in (kind, ANY):
                if (one, name) in self.reasons:
                    return self.reasons[one, name]
        return None


def _names(parts: Sequence[str]) -> tuple[str, str, str]:
    """Return what may stand in the table for a path: itself, without an address, its last step anywhere."""
    whole = ".".join(parts)
    return whole, whole.partition("[")[0], f"{ANY}.{parts[-1].partition('[')[0]}"


@cache
def losses() -> Losses:
    """Return the table of the release."""
    text = files("trialbridge.crosswalks").joinpath("losses.tsv").read_text(encoding="utf-8")
    _, _, *rows = text.splitlines()
    cells = (row.split("\t") for row in rows)
    return Losses({(kind, path): reason for kind, path, reason in cells})
