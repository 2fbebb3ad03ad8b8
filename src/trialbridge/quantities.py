"""Rules for a Quantity: its number with its comparator, and its unit as CDISC writes it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.codecs import NUMBER
from trialbridge.columns import by_value, by_values
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

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the CDISC unit, or the unit as collected where no table knows it."""
        code, unit = (leaves(path) for path in self.paths)
        return cells_of(
            by_values([code, unit], _cdisc_unit), partial=True
        )  # without one is only the unitless

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
