"""Codecs: how one FHIR value and one SDTM value say the same, in both directions, on whole columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.columns import blank, by_value, flat
from trialbridge.crosswalks.tables import CODELISTS
from trialbridge.lexical import legal
from trialbridge.vocabulary import Vocabulary

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Codec(Protocol):
    """Both ways of one value. ``to_fhir`` gives null for a value that has no legal FHIR form."""

    @property
    def partial(self) -> bool:
        """Whether a value that is not translated is simply another fact, and not a loss."""

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the SDTM values of a column of FHIR values."""

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the FHIR values of a column of SDTM values."""


@dataclass(frozen=True, slots=True)
class Text:
    """The same text on both sides."""

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the text without blanks around it; empty text is no value."""
        trimmed = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(trimmed, ""), None, trimmed)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the text where FHIR can hold it: no blanks around it."""
        return _where(_trimmed(column), column)


@dataclass(frozen=True, slots=True)
class DateTime:
    """A date, a dateTime or an instant: the text is kept, with its precision and its zone.

    A time without a zone is legal SDTM but no FHIR dateTime, and a zone is never invented.
    """

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the text as it was written."""
        return column

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the text where it is a FHIR dateTime."""
        return _where(legal("dateTime", column), column)


def unquoted(column: pa.Array) -> pa.Array:
    """Return numbers without the quotes of those that were sent as JSON text.

    Example:
        >>> unquoted(pa.array(['"72.50"', "1", None])).to_pylist()
        ['72.50', '1', None]
    """
    if not pc.any(pc.starts_with(column, '"')).as_py():
        return column
    return pc.replace_substring_regex(column, '^"(.*)"$', r"\1")


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as the text that was written: ``72.50`` stays ``72.50``."""

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the number's text; quotes around it are taken off."""
        return unquoted(column)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the text where it is a number in JSON."""
        return _where(pc.match_substring_regex(column, f"^{NUMBER.pattern}$"), column)


@dataclass(frozen=True, slots=True)
class Flag:
    """A FHIR boolean and ``Y``/``N``."""

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return ``Y`` or ``N``."""
        return pc.if_else(column.cast(pa.bool_()), "Y", "N")

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return true or false."""
        return pc.if_else(pc.equal(column, "Y"), True, pc.if_else(pc.equal(column, "N"), False, None))  # noqa: FBT003


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference and the id of the resource it points to."""

    type: str
    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the id: the text behind ``Type/``."""
        return by_value(column, lambda text: text.rpartition(f"{self.type}/")[2] or None)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return ``Type/id`` where the text is a legal FHIR id."""
        legal = pc.match_substring_regex(column, r"^[A-Za-z0-9\-.]{1,64}$")
        return pc.binary_join_element_wise(f"{self.type}/", _where(legal, column), "")


@dataclass(frozen=True)
class Codes:
    """A closed table of codes.

    Attributes:
        table: FHIR code -> SDTM term.
        preferred: SDTM term -> the code that is written, where several codes mean one term.
        partial: Codes outside the table are another fact, and not a loss.
        fold: Codes are compared without regard to case.

    Raises:
        ValueError: Two codes mean one term and none is preferred.

    Example:
        >>> Codes({"male": "M", "female": "F"}).back
        {'M': 'male', 'F': 'female'}
    """

    table: Mapping[str, str]
    preferred: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    fold: bool = False

    def __post_init__(self) -> None:
        """Refuse a table whose way back is not decided."""
        terms = list(self.table.values())
        undecided = sorted({term for term in terms if terms.count(term) > 1} - set(self.preferred))
        if undecided:
            msg = f"several codes mean {', '.join(undecided)}: name the preferred one"
            raise ValueError(msg)

    @property
    def back(self) -> dict[str, str]:
        """SDTM term -> FHIR code."""
        return {term: code for code, term in self.table.items()} | dict(self.preferred)

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the terms; null for a code that is not in the table."""
        if not self.fold:
            return by_value(column, self.table.get)
        folded = {code.casefold(): term for code, term in self.table.items()}
        return by_value(column, lambda code: folded.get(code.casefold()))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the codes; null for a term that is not in the table."""
        return by_value(column, self.back.get)


@dataclass(frozen=True, slots=True)
class Term:
    """An NCI code and the submission value of a CDISC codelist."""

    codelist: str
    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the submission values of NCI codes."""
        return by_value(column, lambda code: vocabulary.submission_value(self.codelist, code))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the NCI codes of submission values."""
        return by_value(column, lambda term: vocabulary.nci_code(self.codelist, term))


@dataclass(frozen=True, slots=True)
class Lookup:
    """A bare code and the term that a crosswalk table gives it.

    Attributes:
        crosswalk: Name of the table.
        system: Code system of the codes.
        column: Column that holds the term.
    """

    crosswalk: str
    system: str
    column: str = "target"
    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the terms; null for a code that the table does not know."""
        table = crosswalks.crosswalk(self.crosswalk)

        def term(code: str) -> str | None:
            own = vocabulary.mapped(CODELISTS.get(self.crosswalk, ""), self.system, code)
            if own is not None and self.column == "target":
                return own.value or None
            return table.find(self.system, code, self.column) or table.find_text(code, self.column)

        return by_value(column, term)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the preferred codes."""
        table = crosswalks.crosswalk(self.crosswalk)
        return by_value(column, lambda term: table.preferred(term, self.system))


@dataclass(frozen=True, slots=True)
class Upper:
    """Free words, in upper case as SDTM writes them."""

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the words in upper case."""
        return pc.utf8_upper(pc.utf8_trim_whitespace(column))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the words, where upper case does not change them."""
        same = pc.and_(pc.equal(pc.utf8_upper(column), column), _trimmed(column))
        return _where(same, column)


@dataclass(frozen=True, slots=True)
class Beyond:
    """Text that says more than some plain words do; the plain words are another variable's.

    Attributes:
        plain: The plain words.
        codelist: The codelist whose NCI codes say no more than they do; empty for none.
    """

    plain: tuple[str, ...]
    codelist: str = ""
    partial: bool = True

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the text where it is none of the plain words."""
        return by_value(column, lambda text: None if self._plain(text, vocabulary) else text.strip() or None)

    def _plain(self, text: str, vocabulary: Vocabulary) -> bool:
        coded = bool(self.codelist) and vocabulary.submission_value(self.codelist, text) is not None
        return coded or text.upper() in self.plain

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:
        """Return the text where it is none of the plain words."""
        return _where(pc.equal(self.to_sdtm(column, vocabulary), column), column)


@dataclass(frozen=True, slots=True)
class Yes:
    """A FHIR boolean of which only true is a fact: ``Y`` or blank."""

    partial: bool = True

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return ``Y`` for true."""
        return pc.if_else(pc.fill_null(column.cast(pa.bool_()), False), "Y", None)  # noqa: FBT003

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return true for ``Y``."""
        return pc.if_else(pc.fill_null(pc.equal(column, "Y"), False), True, None)  # noqa: FBT003


def _trimmed(column: pa.Array) -> pa.Array:
    """Return where there is text without blanks around it, of any alphabet."""
    return pc.and_(pc.equal(pc.utf8_trim_whitespace(column), column), pc.not_equal(column, ""))


def _where(mask: pa.Array, column: pa.Array) -> pa.Array:
    return pc.if_else(mask, column, blank(len(column), flat(column).type))
