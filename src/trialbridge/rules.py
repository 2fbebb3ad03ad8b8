"""Rules: one line of a mapping, which reads and writes.

Every rule has ``to_sdtm`` and ``to_fhir``. `At` and what is built of it hold both ways; `Read` rules are
alternatives that only read, beside one that also writes; `OneWay` is the only rule that has no FHIR side,
and it must say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.codecs import NUMBER, Codec, Text
from trialbridge.columns import TEXT, blank, by_value, by_values, distinct, first_valid, joined, split
from trialbridge.standards import code_of_test, name_of_test
from trialbridge.vocabulary import NCIT, NCIT_SYSTEMS, UCUM, Test, Vocabulary

Written = Mapping[str, pa.Array]


class Leaves(Protocol):
    """The FHIR side of a table: one column a path, one row a record."""

    memo: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many records there are."""

    def __call__(self, path: str) -> pa.Array:
        """Return the column of `path`; nulls where nothing was read."""


class Cells(NamedTuple):
    """One SDTM column: the values, the alternative each came from, and where a source value was not understood."""

    values: pa.Array
    which: pa.Array | None
    lost: pa.Array


class Rule(Protocol):
    """One line of a mapping."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is read."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Every path that is written; none for a rule that only reads."""

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the SDTM column."""

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return path -> column of what is written; null in each of them where a value has no FHIR form."""


def cells_of(values: pa.Array, *sources: pa.Array, partial: bool = False) -> Cells:
    """Return `values` as `Cells`: lost is where a source has something and the value is null.

    Args:
        values: The SDTM column.
        sources: The FHIR columns that it was made of.
        partial: Whether a source value that is not translated is simply another fact, and not a loss.
    """
    if partial or not sources:
        return Cells(values, None, pa.array([False]).take(pa.nulls(len(values), pa.int8()).fill_null(0)))
    present = sources[0].is_valid()
    for source in sources[1:]:
        present = pc.or_(present, source.is_valid())
    return Cells(values, None, pc.and_(present, values.is_null()))


@dataclass(frozen=True, slots=True)
class At:
    """One place, one codec: reversible."""

    path: str
    codec: Codec = Text()  # noqa: RUF009 -- a codec is a frozen value
    needs: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The place."""
        return (self.path,)

    targets = paths

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the translated column."""
        column = leaves(self.path)
        return cells_of(self.codec.to_sdtm(column, vocabulary), column, partial=self.codec.partial)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the translated column at its place."""
        return {self.path: self.codec.to_fhir(column, vocabulary)}


@dataclass(frozen=True, slots=True)
class Const:
    """The same value in every record; it is not written to FHIR, for it says nothing of a record."""

    value: str
    paths: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the value, once a record."""
        return cells_of(pa.array([self.value], TEXT).take(pa.nulls(leaves.rows, pa.int8()).fill_null(0)))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class OneWay:
    """A variable with no place of its own in FHIR, with the reason: it is derived, or assigned by a later step."""

    why: str
    paths: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return nulls: a later step fills them."""
        return cells_of(blank(leaves.rows))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class OneOf:
    """Alternatives, in order of trust: the first that has a value is read, the first that takes it is written."""

    rules: tuple[Rule, ...]

    def __init__(self, *rules: Rule) -> None:
        object.__setattr__(self, "rules", rules)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of every alternative."""
        return tuple(path for rule in self.rules for path in rule.paths)

    @property
    def targets(self) -> tuple[str, ...]:
        """The places of every alternative."""
        return tuple(path for rule in self.rules for path in rule.targets)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the first value there is; lost is what no alternative understood."""
        cells = [rule.to_sdtm(leaves, vocabulary) for rule in self.rules]
        values, which = first_valid([cell.values for cell in cells])
        lost = cells[0].lost
        for cell in cells[1:]:
            lost = pc.or_(lost, cell.lost)
        return Cells(values, which, pc.and_(lost, values.is_null()))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return what the first alternative writes; the compiler routes the rest, see `mapping.route`."""
        return self.rules[0].to_fhir(column, vocabulary)


@dataclass(frozen=True, slots=True)
class Measured:
    """A Quantity's comparator and value as one text: ``<5``."""

    base: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The comparator and the value."""
        return (f"{self.base}.comparator", f"{self.base}.value")

    targets = paths

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return comparator and number, as written."""
        comparator, value = (leaves(path) for path in self.paths)
        number = pc.replace_substring_regex(value, '^"(.*)"$', r"\1")
        return cells_of(pc.binary_join_element_wise(pc.fill_null(comparator, ""), number, ""), value)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return comparator and number, where the text is one."""
        parts = pc.extract_regex(column, f"^(?P<comparator><=|>=|<|>)?(?P<value>{NUMBER.pattern})$")
        comparator = pc.struct_field(parts, "comparator")
        comparator = pc.if_else(pc.equal(comparator, ""), None, comparator)
        return dict(zip(self.paths, (comparator, pc.struct_field(parts, "value")), strict=True))


@dataclass(frozen=True, slots=True)
class Unit:
    """A Quantity's unit as CDISC writes it: the first of ``code`` and ``unit`` that is known, else as collected."""

    base: str
    needs: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The coded and the printed unit."""
        return (f"{self.base}.code", f"{self.base}.unit")

    @property
    def targets(self) -> tuple[str, ...]:
        """The printed unit, and the coded one with its system."""
        return (f"{self.base}.unit", f"{self.base}.code", f"{self.base}.system")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the CDISC unit, or the unit as collected where no table knows it."""
        code, unit = (leaves(path) for path in self.paths)
        return cells_of(by_values([code, unit], _cdisc_unit), partial=True)  # without one is only the unitless

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the CDISC unit as the printed one, with its UCUM code where that reads back the same."""
        code = by_value(column, _ucum)
        system = pc.if_else(code.is_valid(), UCUM, None)
        return dict(zip(self.targets, (by_value(column, _plain_unit), code, system), strict=True))


def _cdisc_unit(code: str, unit: str) -> str | None:
    known = crosswalks.to_cdisc_unit(code, unit)
    if known or all(crosswalks.is_unitless(text) for text in (code, unit) if text):
        return known
    return unit.strip() or code.strip() or None


def _ucum(unit: str) -> str | None:
    code = crosswalks.to_ucum(unit)
    return code if code and crosswalks.to_cdisc_unit(code, unit) == unit else None


def _plain_unit(unit: str) -> str | None:
    return unit if unit == unit.strip() and _cdisc_unit(_ucum(unit) or "", unit) == unit else None


@dataclass(frozen=True, slots=True)
class Coded:
    """A CodeableConcept and a CDISC term.

    Read: a coding that the crosswalk knows, an NCI code of the codelist, then the text where it is a term, a
    synonym or a preferred term. Written: the NCI code and the term itself as text.

    Attributes:
        base: Path of the CodeableConcept.
        codelist: NCI code or submission value of the codelist.
        crosswalk: Name of the crosswalk table; empty for none.
        column: Column of the crosswalk that holds the term.
        verbatim: Text that no table knows is kept as it is (for an extensible codelist); else it is lost.
        partial: What no table knows is simply another fact, and not a loss.
        unknown: What no table knows is what is asked for, instead of the terms.
    """

    base: str
    codelist: str
    crosswalk: str = ""
    column: str = "target"
    verbatim: bool = False
    partial: bool = False
    unknown: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """System, code, display of every coding, and the text."""
        base = self.base
        return (f"{base}.coding[*].system", f"{base}.coding[*].code", f"{base}.coding[*].display", f"{base}.text")

    @property
    def targets(self) -> tuple[str, ...]:
        """The text, and the NCI coding."""
        base = self.base
        return (f"{base}.text", f"{base}.coding[system={NCIT}].code")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the terms."""
        system, code, display, text = (joined(leaves(path)) for path in self.paths)

        def term(system: str, code: str, display: str, text: str) -> str | None:
            texts = [*split(text), *split(display)]
            found = self._term(split(system), split(code), texts, vocabulary)
            return found if not self.unknown else None if found else _first_of([*texts, *split(code)])

        partial = self.partial or self.unknown or self.column != "target"
        return cells_of(by_values([system, code, display, text], term), code, display, text, partial=partial)

    def _term(
        self, systems: Sequence[str], codes: Sequence[str], texts: Sequence[str], vocabulary: Vocabulary
    ) -> str | None:
        for system, code in zip(systems, codes, strict=False):
            if code and (found := self._of_coding(system, code, vocabulary)):
                return found
        for text in filter(None, texts):
            if found := self._of_text(text, vocabulary):
                return found
        return _first_of(texts) if self.verbatim else None

    def _of_coding(self, system: str, code: str, vocabulary: Vocabulary) -> str | None:
        if system in NCIT_SYSTEMS and self.column == "target":
            found = vocabulary.submission_value(self.codelist, code)
            if found:
                return found
        return crosswalks.crosswalk(self.crosswalk).find(system, code, self.column) if self.crosswalk else None

    def _of_text(self, text: str, vocabulary: Vocabulary) -> str | None:
        found = vocabulary.find(self.codelist, text) if self.column == "target" else None
        if found or not self.crosswalk:
            return found
        return crosswalks.crosswalk(self.crosswalk).find_text(text, self.column)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return text and NCI code, where they read back the same."""
        nci = by_value(column, lambda term: vocabulary.nci_code(self.codelist, term))
        text = by_value(column, lambda term: term if self._reads_back(term, vocabulary) else None)
        return dict(zip(self.targets, (text, nci), strict=True))

    def _reads_back(self, term: str, vocabulary: Vocabulary) -> bool:
        nci = vocabulary.nci_code(self.codelist, term)
        systems, codes = ([NCIT], [nci]) if nci else ([], [])
        return term == term.strip() and self._term(systems, codes, [term], vocabulary) == term


def _first_of(texts: Sequence[str]) -> str | None:
    return next((text.strip() for text in texts if text.strip()), None)


@dataclass(frozen=True, slots=True)
class Tested:
    """What the code of a test says: its domain, --TESTCD, --CAT, --SPEC, --METHOD or --POS. Reads only.

    The study's own word comes first, then LOINC; an unknown code gives null, which is a finding where
    the variable is the topic.
    """

    base: str
    field: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """System and code of every coding, and the text."""
        return (f"{self.base}.coding[*].system", f"{self.base}.coding[*].code", f"{self.base}.text")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the field of the test."""
        indices, tests = tests_of(self.base, leaves, vocabulary)
        values = [getattr(test, self.field) or None if test else None for test in tests]
        column = pc.take(pa.array(values, TEXT), indices)
        sources = [joined(leaves(path)) for path in self.paths[1:]]
        return cells_of(column, *sources, partial=self.field != "testcd")

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def tests_of(base: str, leaves: Leaves, vocabulary: Vocabulary) -> tuple[pa.Array, list[Test | None]]:
    """Return, for each row, an index into the list of distinct tests; asked once a table."""
    key = f"tests {base}"
    if key not in leaves.memo:
        columns = [joined(leaves(path)) for path in Tested(base, "testcd").paths]
        rows, combinations = distinct(columns)
        leaves.memo[key] = (rows, [_test(system, code, text, vocabulary) for system, code, text in combinations])
    found: tuple[pa.Array, list[Test | None]] = leaves.memo[key]
    return found


def _test(system: str, code: str, text: str, vocabulary: Vocabulary) -> Test | None:
    codings = list(zip(split(system), split(code), strict=False))
    return vocabulary.test(codings, text) or _test_by_nci(codings, vocabulary)


def _test_by_nci(codings: Sequence[tuple[str, str]], vocabulary: Vocabulary) -> Test | None:
    for system, code in codings:
        for variable in TEST_CODES if system in NCIT_SYSTEMS else ():
            if term := code_of_test(variable, code, vocabulary.ct):
                return Test(variable[:2], term)
    return None


TEST_CODES = ("LBTESTCD", "VSTESTCD", "QSTESTCD", "RSTESTCD", "FTTESTCD")
"""The variables whose codelists are asked for the NCI code of a test, in this order."""


@dataclass(frozen=True, slots=True)
class TestName:
    """--TEST: the name that the terminology pairs with --TESTCD, else the study's own, else the printed text."""

    variable: str
    base: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The codings, the printed name, and the display of the first coding."""
        return (*Tested(self.base, "test").paths, f"{self.base}.coding[].display")

    @property
    def targets(self) -> tuple[str, ...]:
        """The printed name."""
        return (f"{self.base}.text",)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the names."""
        indices, tests = tests_of(self.base, leaves, vocabulary)
        names = [self._name(test, vocabulary) if test else None for test in tests]
        column = pc.take(pa.array(names, TEXT), indices)
        return cells_of(pc.coalesce(column, leaves(f"{self.base}.text"), leaves(f"{self.base}.coding[].display")))

    def _name(self, test: Test, vocabulary: Vocabulary) -> str | None:
        return name_of_test(self.variable, test.testcd, vocabulary.ct) or test.test or None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the name as it is printed."""
        return {f"{self.base}.text": Text().to_fhir(column, vocabulary)}


PRODUCT = object()
"""Stands for the study product in the conditions of `Matching`."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Stands, in the conditions of `Matching`, for the identifier system that the study configuration names."""

    name: str


@dataclass(frozen=True)
class Matching:
    """The value of the first repetition that meets every condition. Reads only.

    Attributes:
        base: Path of the repeating element, ending in ``[*]``.
        where: Path inside it -> the value it must have, or `PRODUCT`, or a `Chosen` system.
        value: Path inside it, whose value is taken; empty where meeting the conditions is the fact.
        codec: Translates the value.
        alone: Whether a single repetition is taken even if it does not name the product.
    """

    base: str
    where: Mapping[str, object]
    value: str = ""
    codec: Codec = field(default_factory=Text)
    then: str = "Y"
    alone: bool = False
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the conditions and of the value, and of the one extension that is meant."""
        inside = tuple(f"{self.base}.{path}" for path in (*self.where, *([self.value] if self.value else ())))
        meant = [url for name, url in self.where.items() if name == "url" and isinstance(url, str)]
        return (*inside, *(f"{self.base.removesuffix('[*]')}[url={url}].url" for url in meant))

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the value of the repetition that meets the conditions."""
        conditions = [leaves(f"{self.base}.{path}").to_pylist() for path in self.where]
        wanted = [_condition(value, vocabulary) for value in self.where.values()]
        values = leaves(f"{self.base}.{self.value}").to_pylist() if self.value else [None] * leaves.rows
        rows = zip(values, *conditions, strict=True)
        found = pa.array([self._pick(value, cells, wanted) for value, *cells in rows], TEXT)
        return cells_of(self.codec.to_sdtm(found, vocabulary) if self.value else found)

    def _pick(
        self, values: list[Any] | None, cells: Sequence[list[Any] | None], wanted: Sequence[Callable[[Any], bool]]
    ) -> str | None:
        parts = list(zip(*(cell or () for cell in cells), strict=False))
        for number, part in enumerate(parts):
            if all(want(cell) for want, cell in zip(wanted, part, strict=True)) or (self.alone and len(parts) == 1):
                return values[number] if values else self.then
        return None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def _condition(value: object, vocabulary: Vocabulary) -> Callable[[Any], bool]:
    if value is PRODUCT:
        return lambda cell: vocabulary.is_product(cell, (cell or "").rpartition("|")[2])
    if isinstance(value, Chosen):
        system = vocabulary.identifiers.get(value.name)
        return lambda cell: system is not None and cell == system
    return lambda cell: cell == value


@dataclass(frozen=True, slots=True)
class Read:
    """A rule of which only the reading half is used, beside an alternative that also writes."""

    rule: Rule
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the rule."""
        return self.rule.paths

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the rule reads."""
        return self.rule.to_sdtm(leaves, vocabulary)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Given:
    """A rule that holds only where another element is there, or only where it is not."""

    path: str
    rule: Rule
    present: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """The condition's path, and the paths of the rule."""
        return (self.path, *self.rule.paths)

    @property
    def targets(self) -> tuple[str, ...]:
        """The places of the rule."""
        return self.rule.targets

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the rule reads, where the condition holds."""
        cells = self.rule.to_sdtm(leaves, vocabulary)
        there = leaves(self.path)
        holds = there.is_valid() if self.present else there.is_null()
        return Cells(pc.if_else(holds, cells.values, None), cells.which, pc.and_(holds, cells.lost))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return what the rule writes."""
        return self.rule.to_fhir(column, vocabulary)


@dataclass(frozen=True, slots=True)
class Several:
    """One of several coded values of an extension: the term, ``MULTIPLE``, or the n-th of them.

    Attributes:
        base: Path of the extension whose parts hold the values.
        parts: Names of the parts, in order of trust: the first that occurs is taken.
        crosswalk: Table that gives the terms.
        number: 0 for the one variable, which says `multiple` where there are several; n for the n-th of several.
        multiple: What the one variable says then.
    """

    base: str
    parts: tuple[str, ...]
    crosswalk: str
    number: int = 0
    multiple: str = "MULTIPLE"
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Name, system and code of every part, and the parts that are meant."""
        return (*self._inside, *(f"{self.base}.extension[url={part}].url" for part in self.parts))

    @property
    def _inside(self) -> tuple[str, ...]:
        inside = f"{self.base}.extension[*]"
        return (f"{inside}.url", f"{inside}.valueCoding.system", f"{inside}.valueCoding.code")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the terms."""
        columns = [joined(leaves(path)) for path in self._inside]
        return cells_of(by_values(columns, self._term), columns[2], partial=self.number > 0)

    def _term(self, names: str, systems: str, codes: str) -> str | None:
        parts = list(zip(split(names), split(systems), split(codes), strict=False))
        table = crosswalks.crosswalk(self.crosswalk)
        for wanted in self.parts:
            coded = [(system, code) for name, system, code in parts if name == wanted and code]
            terms = list(dict.fromkeys(table.find(system, code) for system, code in coded))
            if None not in terms and terms:
                return self._of(terms)
        return None

    def _of(self, terms: list[Any]) -> str | None:
        if self.number == 0:
            return terms[0] if len(terms) == 1 else self.multiple
        return terms[self.number - 1] if 1 < len(terms) >= self.number else None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}
