"""Rules for questionnaires: which instrument it is, and what code and name an item has."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from trialbridge import crosswalks
from trialbridge.columns import by_value, by_values
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.standards import name_of_test
from trialbridge.vocabulary import Vocabulary

TEST_CODE = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
"""What --TESTCD may be: it becomes a column name when findings are transposed."""

LONGEST_NAME = 40
INSTRUMENT_DOMAINS = frozenset({"QS", "RS", "FT"})


def _segment(canonical: str) -> str:
    """Return the last segment of a canonical URL, without its version.

    Example:
        >>> _segment("http://example.org/Questionnaire/PHQ-9|2.0")
        'PHQ-9'
    """
    return canonical.partition("|")[0].rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class TestCode:
    """A codec: a code that is a legal --TESTCD in capitals; any other has no SDTM form."""

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the codes in capitals; null for one that is too long, or holds what a name cannot."""
        return by_value(column, lambda code: _legal(code.upper()))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the codes that are legal."""
        return by_value(column, _legal)


def _legal(code: str) -> str | None:
    return code if TEST_CODE.fullmatch(code) else None


@dataclass(frozen=True, slots=True)
class ItemCode:
    """--TESTCD of an item: the study's own, else LOINC's, else its ``linkId`` where that is legal.

    Attributes:
        link: Path of the item's ``linkId``.
        canonical: Path of the questionnaire's URL.
    """

    link: str
    canonical: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The item and the questionnaire."""
        return (self.link, self.canonical)

    @property
    def targets(self) -> tuple[str, ...]:
        """The item."""
        return (self.link,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the codes; an item that has none is lost, and goes to the worklist."""
        link, canonical = (leaves(path) for path in self.paths)

        def code(item: str, url: str) -> str | None:
            return item_code(item, url, vocabulary)

        return cells_of(by_values([link, canonical], code), link)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the code as ``linkId``, where it reads back the same."""
        return {
            self.link: by_value(
                column, lambda code: code if item_code(code, "", vocabulary) == code else None
            )
        }


def item_code(link: str, canonical: str, vocabulary: Vocabulary) -> str | None:
    """Return --TESTCD of an item.

    Example:
        >>> item_code("/44250-9", "", Vocabulary()), item_code("q1", "", Vocabulary())
        ('PHQ0101', 'Q1')
    """
    for system in (canonical.partition("|")[0], _segment(canonical), ""):
        own = vocabulary.tests.get((system, link), {})
        if own.get("testcd"):
            return own["testcd"]
    decided = vocabulary.decisions.of_test([(canonical, link), ("", link)], "")
    if decided is not None:
        return decided.value or None
    row = crosswalks.loinc(_segment(link))
    if row is not None and row.domain in INSTRUMENT_DOMAINS:
        return row.testcd
    return _legal(link.upper())


@dataclass(frozen=True, slots=True)
class ItemName:
    """--TEST of an item: the terminology's name, else the item's text where it is short, else the code.

    Attributes:
        link: Path of the item's ``linkId``.
        canonical: Path of the questionnaire's URL.
        text: Path of the item's text.
        beyond: Whether to give the item's text where --TEST is something else, instead of --TEST.
    """

    link: str
    canonical: str
    text: str
    beyond: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The item, the questionnaire, and the text."""
        return (self.link, self.canonical, self.text)

    @property
    def targets(self) -> tuple[str, ...]:
        """The text."""
        return (self.text,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the names, or the texts that are no name."""

        def name(link: str, canonical: str, text: str) -> str | None:
            found = _item_name(item_code(link, canonical, vocabulary), text.strip(), vocabulary)
            return (text.strip() if text.strip() != found else None) or None if self.beyond else found

        return cells_of(by_values([leaves(path) for path in self.paths], name))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the name as the item's text."""
        return {self.text: by_value(column, lambda name: name if name == name.strip() else None)}


def _item_name(code: str | None, text: str, vocabulary: Vocabulary) -> str | None:
    if code is None:
        return None
    named = name_of_test("QSTESTCD", code, vocabulary.ct)
    return named or (text if 0 < len(text.encode()) <= LONGEST_NAME else code)


@dataclass(frozen=True, slots=True)
class Instrument:
    """--CAT of a questionnaire: the study's own category, a term of the terminology, else its title or name.

    Attributes:
        canonical: Path of the questionnaire's URL.
        names: Paths of its title and of its name, in order of trust.
    """

    canonical: str
    names: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The URL and the names."""
        return (self.canonical, *self.names)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the categories."""

        def category(canonical: str, *names: str) -> str | None:
            return _category(canonical, [name for name in names if name], vocabulary)

        return cells_of(by_values([leaves(path) for path in self.paths], category))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: another rule writes the title."""
        return {}


def _category(canonical: str, names: list[str], vocabulary: Vocabulary) -> str | None:
    url = canonical.partition("|")[0]
    own = vocabulary.questionnaires.get(url) or vocabulary.questionnaires.get(_segment(canonical))
    if own:
        return own
    wanted = [*names, _segment(canonical)]
    known = (vocabulary.find("QSCAT", name) for name in wanted if name)
    return next(filter(None, known), None) or next(filter(None, wanted), None)
