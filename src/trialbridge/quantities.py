"""Rules for a Quantity: its number with its comparator, and its unit as CDISC writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.codecs import NUMBER, unquoted
from trialbridge.columns import TEXT, by_value, distinct
from trialbridge.concept_maps import UNITS
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import UCUM, Vocabulary


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
        number = unquoted(value)
        if comparator.null_count < len(comparator):
            number = pc.binary_join_element_wise(pc.fill_null(comparator, ""), number, "")
        return cells_of(number, value)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return comparator and number, where the text is one."""
        parts = pc.extract_regex(column, f"^(?P<comparator><=|>=|<|>)?(?P<value>{NUMBER.pattern})$")
        comparator = pc.struct_field(parts, "comparator")
        comparator = pc.if_else(pc.equal(comparator, ""), None, comparator)
        return dict(zip(self.paths, (comparator, pc.struct_field(parts, "value")), strict=True))


@dataclass(frozen=True, slots=True)
class Unit:
    """A Quantity's unit as CDISC writes it: the first known of ``code`` and ``unit``, else as collected."""

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

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the CDISC unit, or the unit as collected where no table knows it."""
        rows, units = units_of(self.base, leaves)
        own = [vocabulary.mapped(UNITS, system, code or unit) for code, unit, system in units]
        words = [
            (link and link.value) or _cdisc_unit(code, unit)
            for link, (code, unit, _) in zip(own, units, strict=True)
        ]
        return cells_of(pa.array(words, TEXT).take(rows), partial=True)  # without one is only the unitless

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the CDISC unit as the printed one, with its UCUM code where that reads back the same."""
        code = by_value(column, _ucum)
        system = pc.if_else(code.is_valid(), UCUM, None)
        return dict(zip(self.targets, (by_value(column, _plain_unit), code, system), strict=True))


PRINTED = re.compile(rf"\s*(<=|>=|<|>)?\s*({NUMBER.pattern})\s*([^\d\s].*?)\s*")
"""A number with its unit in one text."""
SHORTEST = 2
"""Letters of a unit behind a number: a single one may as well be a flag, such as the L of a low result."""
CLOCK = frozenset({"am", "pm"})


@dataclass(frozen=True, slots=True)
class Printed:
    """A number with its unit in one text, ``5.4 mmol/L``, where the unit is certain. Reads only.

    Attributes:
        path: Path of the text.
        part: Which of the two.
    """

    path: str
    part: Literal["number", "unit"]
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The text."""
        return (self.path,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the number with its comparator, or the unit as CDISC writes it."""
        place = ("number", "unit").index(self.part)
        return cells_of(by_value(leaves(self.path), lambda text: printed(text)[place]), partial=True)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: a number and a unit are written as a Quantity."""
        return {}


def printed(text: str) -> tuple[str | None, str | None]:
    """Return the number and the unit of a text that is both, else nothing.

    Example:
        >>> printed("<5.40 mmol/L"), printed("5.4 L"), printed("5-10 /HPF")
        (('<5.40', 'mmol/L'), (None, None), (None, None))
    """
    parts = PRINTED.fullmatch(text)
    if parts is None or (len(parts[3]) < SHORTEST and parts[3] != "%") or parts[3].casefold() in CLOCK:
        return None, None
    unit = crosswalks.to_cdisc_unit(parts[3])
    return (f"{parts[1] or ''}{parts[2]}", unit) if unit else (None, None)


def units_of(base: str, leaves: Leaves) -> tuple[pa.Array, list[tuple[str, ...]]]:
    """Return, for each row, an index into the distinct units of a Quantity: code, text and system.

    They are looked for once a table.
    """
    key = f"units {base}"
    if key not in leaves.memo:
        leaves.memo[key] = distinct([leaves(f"{base}.{part}") for part in ("code", "unit", "system")])
    found: tuple[pa.Array, list[tuple[str, ...]]] = leaves.memo[key]
    return found


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
