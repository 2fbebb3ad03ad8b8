"""Rules for questionnaires: which instrument it is, what code and name an item has, what an answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge import instruments as definitions
from trialbridge.columns import TEXT, by_value, by_values, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.standards import name_of_test
from trialbridge.vocabulary import Vocabulary

TEST_CODE = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
"""What --TESTCD may be: it becomes a column name when findings are transposed."""

LOINC_CODE = re.compile(r"(\d{4,6})-(\d)")
LONGEST_NAME = 40
INSTRUMENT_DOMAINS = ("QS", "RS", "FT")
"""The domains of instruments: patients' and other questionnaires, clinicians' ratings, performance tests."""


def segment(canonical: str) -> str:
    """Return the last segment of a canonical URL or a ``linkId``, without its version.

    Example:
        >>> segment("http://example.org/Questionnaire/PHQ-9|2.0")
        'PHQ-9'
    """
    return canonical.partition("|")[0].rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Wording:
    """A codec: a text that is too long for --TEST."""

    partial: bool = True

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the texts that are too long for a name."""
        return by_value(column, lambda text: text if len(text.encode()) > LONGEST_NAME else None)

    to_fhir = to_sdtm


@dataclass(frozen=True, slots=True)
class TestCode:
    """A codec: a code that is a legal --TESTCD in capitals, or LOINC's, of which one is made.

    Any other has no SDTM form.
    """

    partial: bool = False

    def to_sdtm(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the codes; null for one that is too long, or holds what a name cannot."""
        return by_value(column, test_code)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Codec
        """Return the codes that are legal."""
        return by_value(column, _legal)


def test_code(code: str) -> str | None:
    """Return the --TESTCD that a code is, in capitals, or that a LOINC code makes; null for any other."""
    return _legal(code.upper()) or made_of_loinc(code)


def _legal(code: str) -> str | None:
    return code if TEST_CODE.fullmatch(code) else None


def made_of_loinc(code: str) -> str | None:
    """Return the sponsor-extended --TESTCD of a LOINC code that no table knows; null where it is none.

    Example:
        >>> made_of_loinc("93025-5"), made_of_loinc("93025-4"), made_of_loinc("1-8")
        ('L930255', None, None)
    """
    parts = LOINC_CODE.fullmatch(code)
    return f"L{parts[1]}{parts[2]}" if parts and _check_digit(parts[1]) == int(parts[2]) else None


def _check_digit(number: str) -> int:
    """Return the last digit of a LOINC code, by the mod 10 algorithm."""
    doubled = (int(digit) * (1 if place % 2 else 2) for place, digit in enumerate(reversed(number)))
    return -sum(one // 10 + one % 10 for one in doubled) % 10


class Asked(NamedTuple):
    """What a response says of its questionnaire: its URL, its titles and names, and its LOINC codes."""

    canonical: str = ""
    names: tuple[str, ...] = ()
    panels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """The questionnaire of a response: the paths of what is known of it.

    Attributes:
        canonical: Path of its URL.
        names: Paths of its title and of its name, in order of trust.
        panels: Path of its codes; empty for none.
    """

    canonical: str
    names: tuple[str, ...] = ()
    panels: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is read."""
        return (self.canonical, *self.names, *((self.panels,) if self.panels else ()))

    def columns(self, leaves: Leaves) -> list[pa.Array]:
        """Return the columns of the paths."""
        return [joined(leaves(path)) for path in self.paths]

    def said(self, values: Sequence[str]) -> Asked:
        """Return what one row of the columns says."""
        names = tuple(name for name in values[1 : 1 + len(self.names)] if name)
        return Asked(values[0], names, tuple(split(values[-1])) if self.panels and values[-1] else ())


def instrument_of(asked: Asked, link: str, vocabulary: Vocabulary) -> definitions.Instrument | None:
    """Return the instrument of a response; None where no definition is of it.

    Args:
        asked: What the response says of its questionnaire.
        link: The ``linkId`` of one of its items, which counts where the questionnaire is not known.
        vocabulary: The words of the study.

    Example:
        >>> instrument_of(Asked("http://example.org/phq-9"), "", Vocabulary()).category
        'PHQ-9'
    """
    own = own_category(asked, vocabulary)
    if own:
        return definitions.instruments().get(own)
    named = definitions.instrument_called(*asked.names, segment(asked.canonical))
    if found := named or definitions.instrument_for(asked.panels):
        return found
    item = definitions.item_called(segment(link))
    return item.instrument if item else None


def own_category(asked: Asked, vocabulary: Vocabulary) -> str | None:
    """Return the category that the study's settings give a questionnaire."""
    named = vocabulary.questionnaires
    return named.get(asked.canonical.partition("|")[0]) or named.get(segment(asked.canonical))


def item_code(link: str, asked: Asked, vocabulary: Vocabulary) -> str | None:
    """Return --TESTCD of an item: by the study, a decision, a definition, LOINC, or the ``linkId`` itself.

    Example:
        >>> item_code("/44250-9", Asked(), Vocabulary()), item_code("q1", Asked(), Vocabulary())
        ('PHQ0101', 'Q1')
    """
    for system in (asked.canonical.partition("|")[0], segment(asked.canonical), ""):
        own = vocabulary.tests.get((system, link), {})
        if own.get("testcd"):
            return own["testcd"]
    decided = vocabulary.decisions.of_test([(asked.canonical, link), ("", link)], "")
    if decided is not None:
        return decided.value or None
    return _defined(link, asked, vocabulary) or _legal(link.upper()) or made_of_loinc(segment(link))


def _defined(link: str, asked: Asked, vocabulary: Vocabulary) -> str | None:
    """Return --TESTCD of an item by the definition of its instrument, or by LOINC."""
    instrument, code = instrument_of(asked, link, vocabulary), segment(link)
    if instrument and (item := definitions.item_among(instrument, [link, code], vocabulary.ct)):
        return item.testcd
    row = crosswalks.loinc(code)
    if row is not None and row.domain in INSTRUMENT_DOMAINS:
        return row.testcd
    called = definitions.item_called(code)
    return called.item.testcd if called else None


def rated(leaves: Leaves, vocabulary: Vocabulary) -> np.ndarray:
    """Return which answers of responses are of an instrument that is kept in RS.

    Args:
        leaves: The FHIR side of the answers, as `answers` declares them.
        vocabulary: The words of the study.
    """
    rule = CODE_OF_ITEM

    def domain(link: str, *said: str) -> str:
        found = instrument_of(rule.form.said(said), link, vocabulary)
        return vocabulary.instruments.get(found.category, found.domain) if found else ""

    found = by_values([leaves(rule.link), *rule.form.columns(leaves)], domain)
    return np.asarray(pc.equal(found, "RS").to_numpy(zero_copy_only=False))


@dataclass(frozen=True, slots=True)
class ItemCode:
    """--TESTCD of an item, see `item_code`.

    Attributes:
        link: Path of the item's ``linkId``.
        form: The questionnaire.
    """

    link: str
    form: Form

    @property
    def canonical(self) -> str:
        """Path of the questionnaire's URL."""
        return self.form.canonical

    @property
    def paths(self) -> tuple[str, ...]:
        """The item and the questionnaire."""
        return (self.link, *self.form.paths)

    @property
    def targets(self) -> tuple[str, ...]:
        """The item."""
        return (self.link,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the codes; an item that has none is lost, and goes to the worklist."""
        link = leaves(self.link)

        def code(item: str, *said: str) -> str | None:
            return item_code(item, self.form.said(said), vocabulary)

        key = f"items {self.paths}"
        if key not in leaves.memo:
            leaves.memo[key] = by_values([link, *self.form.columns(leaves)], code)
        return cells_of(leaves.memo[key], link)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the code as ``linkId``, where it reads back the same."""

        def link(code: str) -> str | None:
            return code if item_code(code, Asked(), vocabulary) == code else None

        return {self.link: by_value(column, link)}


NAMES = ("questionnaire->title", "questionnaire->name")
"""Where a questionnaire is named, beside its URL."""

FORM = Form("questionnaire", NAMES, "questionnaire->code[*].code")
CODE_OF_ITEM = ItemCode("$this.item.linkId", FORM)
"""The code of an item of a response."""


@dataclass(frozen=True, slots=True)
class ItemName:
    """--TEST of an item: the terminology's or definition's name, else its text where short, else its code.

    Attributes:
        item: The rule of its code.
        text: Path of the item's text.
        beyond: Whether to give the item's text where --TEST is something else, instead of --TEST.
    """

    item: ItemCode
    text: str
    beyond: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The item, the questionnaire, and the text."""
        return (*self.item.paths, self.text)

    @property
    def targets(self) -> tuple[str, ...]:
        """The text."""
        return (self.text,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the names, or the texts that are no name."""

        def name(code: str, text: str) -> str | None:
            found = _item_name(code, text.strip(), vocabulary)
            return (text.strip() if text.strip() != found else None) or None if self.beyond else found

        return cells_of(by_values([self.item.to_sdtm(leaves, vocabulary).values, leaves(self.text)], name))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the name as the item's text."""
        return {self.text: by_value(column, lambda name: name if name == name.strip() else None)}


def _item_name(code: str, text: str, vocabulary: Vocabulary) -> str | None:
    if not code:
        return None
    known = (name_of_test(f"{domain}TESTCD", code, vocabulary.ct) for domain in INSTRUMENT_DOMAINS)
    if found := next(filter(None, known), None):
        return found
    called = definitions.item_called(code)
    named = called.item.name if called else ""
    return named or (text if 0 < len(text.encode()) <= LONGEST_NAME else code)


@dataclass(frozen=True, slots=True)
class Instrument:
    """--CAT of a questionnaire: the study's own category, the definition's, a term, else its title or name.

    Attributes:
        form: The questionnaire.
        link: Path of the item's ``linkId``; empty where there is none.
    """

    form: Form
    link: str = ""
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The questionnaire and the item."""
        return (*((self.link,) if self.link else ()), *self.form.paths)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the categories."""
        link = leaves(self.link) if self.link else pa.nulls(leaves.rows, TEXT)

        def category(item: str, *said: str) -> str | None:
            return _category(item, self.form.said(said), vocabulary)

        return cells_of(by_values([link, *self.form.columns(leaves)], category))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: another rule writes the title."""
        return {}


def _category(link: str, asked: Asked, vocabulary: Vocabulary) -> str | None:
    own = own_category(asked, vocabulary)
    if own:
        return own
    if found := instrument_of(asked, "", vocabulary):
        return found.category
    wanted = [name for name in (*asked.names, segment(asked.canonical)) if name]
    known = (vocabulary.find("QSCAT", name) for name in wanted)
    if term := next(filter(None, known), None):
        return term
    by_item = instrument_of(Asked(), link, vocabulary)
    return next(iter(wanted), None) if by_item is None else by_item.category
