"""The moments in a subject's course that an element may begin or end with, each by its name.

The words of the vocabulary stand in `DATES`, and in `FORM` those that name a visit, a drug or a disposition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["date", "visit", "dose", "disposition"]

DATES: Mapping[str, str] = MappingProxyType(
    {
        "informed consent": "RFICDTC",
        "reference start": "RFSTDTC",
        "reference end": "RFENDTC",
        "first dose": "RFXSTDTC",
        "last dose": "RFXENDTC",
        "end of participation": "RFPENDTC",
        "death": "DTHDTC",
    }
)
"""Words -> the variable of DM that says when."""

FORM = re.compile(
    r"(?P<date>" + "|".join(DATES) + r")"
    r"|(?P<end>end of )?visit (?P<visit>\d+(?:\.\d+)?)"
    r"|(?P<extreme>first|last) visit"
    r"|(?P<which>first|last) dose of (?P<drug>.+?)"
    r"|disposition(?: (?P<term>.+?))?",
    re.IGNORECASE,
)
OFFSET = re.compile(r"(?P<name>.+?)(?: (?P<sign>[+-]) P(?:(?P<weeks>\d+)W|(?P<days>\d+)D))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One moment in the course of a subject.

    Attributes:
        kind: Where it stands: a ``date`` of DM, a ``visit`` in SV, a ``dose`` in EX, a ``disposition`` in DS.
        name: The variable of DM, the number of the visit, EXTRT, or DSDECOD; empty for any.
        last: The last such record counts, or of a visit its end; else the first, or its start.
        days: Days that are added.
    """

    kind: Kind
    name: str = ""
    last: bool = False
    days: int = 0


def milestone(text: str) -> Milestone:
    """Return the moment that `text` names.

    Raises:
        ValueError: It names none.

    Example:
        >>> milestone("last dose + P30D")
        Milestone(kind='date', name='RFXENDTC', last=False, days=30)
        >>> milestone("end of visit 4")
        Milestone(kind='visit', name='4', last=True, days=0)
        >>> milestone("disposition RANDOMIZED").name
        'RANDOMIZED'
    """
    parted = OFFSET.fullmatch(text.strip())
    found = FORM.fullmatch(parted["name"]) if parted else None
    if parted is None or found is None:
        msg = f"{text!r} names no moment; there are {', '.join(DATES)}, visit N, dose of X, disposition X"
        raise ValueError(msg)
    kind, name, last = _named(found)
    days = int(parted["weeks"] or 0) * 7 + int(parted["days"] or 0)
    return Milestone(kind, name, last, -days if parted["sign"] == "-" else days)


def _named(found: re.Match[str]) -> tuple[Kind, str, bool]:
    if found["date"]:
        return "date", DATES[found["date"].lower()], False
    if found["visit"]:
        return "visit", f"{float(found['visit']):g}", bool(found["end"])
    if found["extreme"]:
        return "visit", "", found["extreme"].lower() == "last"
    if found["drug"]:
        return "dose", found["drug"].upper(), found["which"].lower() == "last"
    term = (found["term"] or "").upper()
    return "disposition", term, not term  # of any disposition the last one counts, of a named one the first


def is_milestone(text: str | None) -> bool:
    """Return whether `text` names a moment.

    Example:
        >>> is_milestone("first dose"), is_milestone("Administration of first dose")
        (True, False)
    """
    try:
        milestone(text or "")
    except ValueError:
        return False
    return True
