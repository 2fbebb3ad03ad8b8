"""What became of a subject: the words of a reason, and the term of the terminology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from trialbridge import crosswalks
from trialbridge.columns import by_value
from trialbridge.vocabulary import Vocabulary

REASONS = "C66727"
"""The codelist of completion, and of reasons for non-completion."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in words, or as a bare code, and the term that it means.

    Example:
        >>> Reason().to_sdtm(pa.array(["withdrew consent", "no idea"]), Vocabulary()).to_pylist()
        ['WITHDRAWAL OF CONSENT', None]
    """

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the terms."""
        return by_value(column, lambda text: _term(text, vocabulary))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the terms that are read back the same."""
        return by_value(column, lambda term: term if _term(term, vocabulary) == term else None)


def _term(text: str, vocabulary: Vocabulary) -> str | None:
    words = " ".join(text.split())
    return (
        vocabulary.submission_value(REASONS, words)
        or vocabulary.find(REASONS, words)
        or crosswalks.crosswalk("disposition").find_text(words)
    )


STATES: Mapping[str, str] = {
    "INFORMED CONSENT OBTAINED": "screening",
    "ELIGIBILITY CRITERIA MET": "eligible",
    "ENTERED INTO TRIAL": "on-study",
    "RANDOMIZED": "on-study",
    "SCREEN FAILURE": "ineligible",
    "WITHDRAWAL BY SUBJECT": "withdrawn",
    "WITHDRAWAL BY PARENT/GUARDIAN": "withdrawn",
    "WITHDRAWAL OF CONSENT": "withdrawn",
}
"""DSDECOD -> the state of a ResearchSubject that it brings about; any other end is `ENDED`."""

ENDED = "off-study"
EVENT, TREATMENT = "DISPOSITION EVENT", "TREATMENT"


def state_of(decod: str, category: str, subcategory: str) -> str:
    """Return the state that a disposition brings a subject into; empty where it says nothing of that.

    Args:
        decod: DSDECOD.
        category: DSCAT; empty for none.
        subcategory: DSSCAT: what ended, where there are several.

    Example:
        >>> state_of("COMPLETED", "DISPOSITION EVENT", "STUDY PARTICIPATION")
        'off-study'
        >>> state_of("COMPLETED", "DISPOSITION EVENT", "STUDY TREATMENT")
        ''
        >>> state_of("RANDOMIZED", "PROTOCOL MILESTONE", "")
        'on-study'
    """
    if category == EVENT:
        return "" if TREATMENT in subcategory.upper() else STATES.get(decod, ENDED)
    return STATES.get(decod, "") if category in {"", "PROTOCOL MILESTONE"} else ""
