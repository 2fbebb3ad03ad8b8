"""Crosswalks between the codes that FHIR carries and CDISC controlled terminology.

Each table is a file beside this one whose first line says what it holds, on what basis, and for which version
of the terminology.

This material contains content from LOINC (https://loinc.org). LOINC is copyright Regenstrief Institute, Inc.
and the Logical Observation Identifiers Names and Codes (LOINC) Committee and is available at no cost under
the licence at https://loinc.org/license. UCUM is copyright Regenstrief Institute, Inc.
(https://ucum.org/license).
"""

from __future__ import annotations

from trialbridge.crosswalks.tables import Crosswalk, LoincRow, canonical, crosswalk, loinc
from trialbridge.crosswalks.unit_terms import is_ucum, is_unitless, to_cdisc_unit, to_ucum

__all__ = [
    "Crosswalk",
    "LoincRow",
    "canonical",
    "crosswalk",
    "is_ucum",
    "is_unitless",
    "loinc",
    "to_cdisc_unit",
    "to_ucum",
]
