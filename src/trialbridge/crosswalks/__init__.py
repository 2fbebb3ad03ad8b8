"""Crosswalks between the codes that FHIR carries and CDISC controlled terminology.

Each table is a file beside this one whose first line says what it holds, on what basis, and for which version
of the terminology. LOINC codes are used under the LOINC licence (https://loinc.org/license).
"""

from __future__ import annotations

from trialbridge.crosswalks.tables import Crosswalk, LoincRow, canonical, crosswalk, loinc
from trialbridge.crosswalks.unit_terms import is_unitless, to_cdisc_unit, to_ucum

__all__ = [
    "Crosswalk",
    "LoincRow",
    "canonical",
    "crosswalk",
    "is_unitless",
    "loinc",
    "to_cdisc_unit",
    "to_ucum",
]
