"""What a derivation may know besides the table in hand, and the one type that every derivation has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from trialbridge.design import Design
from trialbridge.findings import Finding

REFERENCE_DATES = ("RFSTDTC", "RFENDTC", "RFXSTDTC", "RFXENDTC")
"""The reference dates of DM that other domains are derived from."""


@dataclass(frozen=True, slots=True)
class Context:
    """The study's choices and its subjects' reference dates, for the derivations of one domain.

    Attributes:
        domain: SDTM domain of the table, such as ``LB``; it is the prefix of its variables.
        reference: One row per USUBJID: USUBJID, RFSTDTC, RFENDTC, RFXSTDTC, RFXENDTC.
        units: The system of the standard units.
        ct: Version of the controlled terminology, such as ``2026-03-27``.
        baseline_same_day: Whether a value of the day of first exposure counts as prior to it, where
            a date is all that one of the two has.
        collected_units: Over the whole study, the units in which each (--TESTCD, --SPEC) was collected,
            so that a result does not hang on the block of subjects that it stands in. Left empty, the table
            itself is taken for the whole study.
        unit_of: --TESTCD -> standard unit, where the study wants another than the table's.
        design: What is planned when, and the sponsor's rules about it.
        visits: The numbered visits of the subjects: SV; without rows where there are none.
        elements: The elements that the subjects went through: SE; without rows where there are none.
        exposure: When each subject was dosed: USUBJID, EXSTDTC, of the study treatment alone.

    Example:
        >>> Context("LB", pa.table({"USUBJID": ["1"], "RFSTDTC": ["2014-01-02"]})).baseline_same_day
        'exclude'
    """

    domain: str
    reference: pa.Table
    units: Literal["SI", "conventional"] = "SI"
    ct: str = ""
    baseline_same_day: Literal["exclude", "include"] = "exclude"
    collected_units: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    unit_of: Mapping[str, str] = field(default_factory=dict)
    design: Design = field(default_factory=Design)
    visits: pa.Table = field(default_factory=lambda: pa.table({}))
    elements: pa.Table = field(default_factory=lambda: pa.table({}))
    exposure: pa.Table = field(default_factory=lambda: pa.table({}))

    def named(self, suffix: str) -> str:
        """Return the name of a variable of this domain, such as ``LBDTC`` for ``DTC``."""
        return f"{self.domain}{suffix}"


Derived = tuple[pa.Table, list[Finding]]
"""The table with what was derived, and what there is to say about it."""
Derivation = Callable[[pa.Table, Context], Derived]
"""One step; it returns the table as it was where the domain lacks what the step works on."""
