"""Rules for results that are no plain value, for reference ranges, and for results that are missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.codecs import Codec, Text
from trialbridge.columns import by_value, by_values, joined, split
from trialbridge.rules import Cells, Leaves, Rule, Written, cells_of
from trialbridge.tested import Tested, tests_of
from trialbridge.units import standard_unit
from trialbridge.vocabulary import Vocabulary

ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
REASONS = "data_absent_reason"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A Ratio as text: ``1:160``; each part with its unit, where it has one. Reads only."""

    base: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Comparator, value and unit of the numerator and of the denominator."""
        parts = ("comparator", "value", "unit")
        return tuple(f"{self.base}.{side}.{part}" for side in ("numerator", "denominator") for part in parts)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the ratios."""
        columns = [leaves(path) for path in self.paths]
        return cells_of(by_values(columns, _ratio), columns[1], columns[4])

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: a text of this form is written as text."""
        return {}


def _ratio(*parts: str) -> str | None:
    first, last = (_quantity(*side) for side in (parts[:3], parts[3:]))
    return f"{first}:{last}" if first and last else first or last or None


def _quantity(comparator: str, value: str, unit: str) -> str:
    return f"{comparator}{value} {unit}".strip() if value else ""


@dataclass(frozen=True, slots=True)
class Extent:
    """Two bounds as one text: a Range ``2-5``, ``>=2`` or ``<=5``, or a Period ``start/end``. Reads only.

    Attributes:
        first: Path of the lower bound, or of the start.
        last: Path of the upper bound, or of the end.
        between: What stands between the two.
        alone: What stands before the first, or before the last, where it is the only one.
    """

    first: str
    last: str
    between: str = "-"
    alone: tuple[str, str] = (">=", "<=")
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Both bounds."""
        return (self.first, self.last)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the texts."""
        columns = [leaves(path) for path in self.paths]
        return cells_of(by_values(columns, self._text), *columns)

    def _text(self, first: str, last: str) -> str | None:
        if first and last:
            return f"{first}{self.between}{last}"
        if first:
            return self.alone[0] + first
        return self.alone[1] + last if last else None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: a text of this form is written as text."""
        return {}


@dataclass(frozen=True, slots=True)
class Counted:
    """The unit of a rate, by what the test counts: ``/min`` of a heart rate is ``beats/min``. Reads only.

    Attributes:
        base: Path of the Quantity.
        test: Path of the code of the test.
    """

    base: str
    test: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The coded and the printed unit, and the test."""
        return (f"{self.base}.code", f"{self.base}.unit", *Tested(self.test, "testcd").paths)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the unit of the test, where the unit collected is the same but for what is counted."""
        indices, tests = tests_of(self.test, leaves, vocabulary)

        def unit(code: str, printed: str, number: str) -> str | None:
            test = tests[int(number)]
            return _counted(code or printed, test.testcd if test else "")

        columns = [leaves(f"{self.base}.code"), leaves(f"{self.base}.unit"), indices.cast(pa.string())]
        return cells_of(by_values(columns, unit))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: another rule writes the unit."""
        return {}


def _counted(unit: str, testcd: str) -> str | None:
    """Return the standard unit of a test where it says, besides what is counted, just `unit`."""
    standard = standard_unit(testcd) if unit.startswith("/") else None
    ucum = crosswalks.to_ucum(standard) if standard else None
    return standard if ucum and re.sub(r"\{[^}]*\}", "", ucum) == unit else None


@dataclass(frozen=True, slots=True)
class Reference:
    """A part of the reference range that healthy people are measured by.

    Of several ranges it is the first of type ``normal``, else the first that names no type: a therapeutic or
    a treatment range says nothing of high and low.

    Attributes:
        base: Path of the repeating ranges, without brackets.
        part: Path inside one range.
        codec: Translates the value.
    """

    base: str
    part: str
    codec: Codec = field(default_factory=Text)

    @property
    def paths(self) -> tuple[str, ...]:
        """The part, and the types of every range."""
        types = (f"{self.base}[*].type.coding[].code", f"{self.base}[*].type.text")
        return (f"{self.base}[*].{self.part}", *types)

    @property
    def targets(self) -> tuple[str, ...]:
        """The part of the first range."""
        return (f"{self.base}[].{self.part}",)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the part of the range that counts; a value of another range alone is lost."""
        values = leaves(self.paths[0])
        folded = pa.types.is_dictionary(values.type)
        lists = values.dictionary if folded else values
        if not pa.types.is_list(lists.type):
            return cells_of(self.codec.to_sdtm(values, vocabulary), values)
        places = _places(leaves, self.paths[1:])
        offsets = lists.offsets.to_numpy()[:-1]
        starts = offsets[pc.fill_null(values.indices, 0).to_numpy()] if folded else offsets
        there = values.is_valid().to_numpy(zero_copy_only=False) & (places >= 0)
        found = lists.values.take(pa.array(np.where(there, starts + places, 0), mask=~there))
        return cells_of(self.codec.to_sdtm(found, vocabulary), _any_of(values))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the part of a first range, which names no type."""
        return {self.targets[0]: self.codec.to_fhir(column, vocabulary)}


def _places(leaves: Leaves, paths: Sequence[str]) -> np.ndarray:
    """Return which repetition counts, for each row; -1 for none."""
    key = f"reference {paths[0]}"
    if key not in leaves.memo:
        columns = [joined(leaves(path)) for path in paths]
        chosen = by_values(columns, lambda code, text: str(_place(split(code), split(text))))
        leaves.memo[key] = chosen.cast(pa.int64()).to_numpy()
    found: np.ndarray = leaves.memo[key]
    return found


def _place(codes: Sequence[str], texts: Sequence[str]) -> int:
    kinds = [code or text.casefold() for code, text in zip(codes, texts, strict=False)]
    normal = [number for number, kind in enumerate(kinds) if "normal" in kind]
    plain = [number for number, kind in enumerate(kinds) if not kind]
    return (*normal, *plain, -1)[0]


def _any_of(values: pa.Array) -> pa.Array:
    """Return a column that holds something where a list holds any value."""
    return by_value(joined(values), lambda text: "".join(split(text)) or None)


@dataclass(frozen=True, slots=True)
class Absence:
    """A data-absent reason: that the test was not done, or in words why.

    A result that stands elsewhere, as text or as no finite number, is done all the same.

    Attributes:
        base: Path of the CodeableConcept.
        column: Column of the crosswalk: ``target`` for the status, ``reason`` for the words.
    """

    base: str
    column: str = "target"

    @property
    def paths(self) -> tuple[str, ...]:
        """System and code of every coding, and the text."""
        return (f"{self.base}.coding[*].system", f"{self.base}.coding[*].code", f"{self.base}.text")

    @property
    def targets(self) -> tuple[str, ...]:
        """The coding of HL7's reasons, for the status; the words are written as text elsewhere."""
        return (f"{self.base}.coding[system={ABSENT_REASON}].code",) if self.column == "target" else ()

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the status or the words; a reason that no table knows is a reason all the same."""
        columns = [joined(leaves(path)) for path in self.paths]
        return cells_of(by_values(columns, self._word))

    def _word(self, systems: str, codes: str, text: str) -> str | None:
        table = crosswalks.crosswalk(REASONS)
        pairs = [(system, code) for system, code in zip(split(systems), split(codes), strict=False) if code]
        known = [pair for pair in pairs if table.knows(*pair)]
        if known:
            return table.find(*known[0], self.column)
        given = bool(pairs or text)
        return (
            ("NOT DONE" if given else None) if self.column == "target" else (pairs[0][1] if pairs else None)
        )

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return ``not-performed`` for a test that was not done."""
        if not self.targets:
            return {}
        return {self.targets[0]: by_value(column, {"NOT DONE": "not-performed"}.get)}


@dataclass(frozen=True, slots=True)
class Without:
    """A rule that holds only where none of some elements is there."""

    others: tuple[str, ...]
    rule: Rule

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the rule, and those that must be empty."""
        return (*self.rule.paths, *self.others)

    @property
    def targets(self) -> tuple[str, ...]:
        """The places of the rule."""
        return self.rule.targets

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the rule reads, where nothing else is there."""
        key = f"without {' '.join(self.others)}"
        if key not in leaves.memo:
            free = leaves(self.others[0]).is_null()
            for path in self.others[1:]:
                free = pc.and_(free, leaves(path).is_null())
            leaves.memo[key] = free
        free = leaves.memo[key]
        cells = self.rule.to_sdtm(leaves, vocabulary)
        return Cells(pc.if_else(free, cells.values, None), cells.which, pc.and_(free, cells.lost))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return what the rule writes."""
        return self.rule.to_fhir(column, vocabulary)
