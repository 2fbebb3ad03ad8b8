"""Rules: one line of a mapping, which reads and writes.

Every rule has ``to_sdtm`` and ``to_fhir``. `At` and what is built of it hold both ways; `Read` rules are
alternatives that only read, beside one that also writes; `OneWay` is the only rule that has no FHIR side,
and it must say why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.codecs import Codec, Text
from trialbridge.columns import TEXT, blank, first_valid
from trialbridge.vocabulary import Vocabulary

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
    """One SDTM column: the values, the alternative each came from, and where a value was not understood."""

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
    """A variable with no place of its own in FHIR, with the reason: it is derived, or a later step's."""

    why: str
    paths: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return nulls: a later step fills them."""
        return cells_of(blank(leaves.rows))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Carried:
    """A variable that only the documented extension holds, in records that come from SDTM."""

    paths: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return nulls: no element holds it."""
        return cells_of(blank(leaves.rows))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class OneOf:
    """Alternatives, in order of trust: the first with a value is read, the first that takes it is written."""

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


class Conditional(ABC):
    """A rule that holds only where something else says so; it writes what it would write anyway."""

    __slots__ = ()
    rule: Rule

    @abstractmethod
    def holds(self, leaves: Leaves, vocabulary: Vocabulary) -> pa.Array:
        """Return the mask of the records for which the rule holds."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The places of the rule."""
        return self.rule.targets

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the rule reads, where the condition holds."""
        cells = self.rule.to_sdtm(leaves, vocabulary)
        holds = self.holds(leaves, vocabulary)
        return Cells(pc.if_else(holds, cells.values, None), cells.which, pc.and_(holds, cells.lost))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return what the rule writes."""
        return self.rule.to_fhir(column, vocabulary)


@dataclass(frozen=True, slots=True)
class Given(Conditional):
    """A rule that holds only where another element is there, or only where it is not."""

    path: str
    rule: Rule
    present: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """The condition's path, and the paths of the rule."""
        return (self.path, *self.rule.paths)

    def holds(self, leaves: Leaves, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Conditional
        """Return where the element is there, or is not."""
        there = leaves(self.path)
        return there.is_valid() if self.present else there.is_null()


def parts_of(rule: Rule) -> Iterator[Rule]:
    """Yield the rules that a rule is built of and that read something: alternatives, what is conditional.

    Example:
        >>> [part.paths for part in parts_of(OneOf(Read(At("a")), Given("c", At("b"))))]
        [('a',), ('b',)]
    """
    if isinstance(rule, OneOf):
        for alternative in rule.rules:
            yield from parts_of(alternative)
    elif isinstance(rule, Read | Conditional):
        yield from parts_of(rule.rule)
    else:
        yield rule
