"""What became of a subject: the words of a reason, and the term of the terminology."""

from __future__ import annotations

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
