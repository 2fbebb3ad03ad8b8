"""The derivations: every SDTM variable that no source holds, in the order in which they build on each other.

A block of whole subjects goes in, whole columns are worked on, no subject sees another. A derivation leaves a
domain alone that lacks what it works on, what a source has given stays, and columns that begin with ``_`` are
carried through.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from trialbridge.context import Context, Derivation, Derived
from trialbridge.converters.derive_baseline import derive_baseline
from trialbridge.converters.derive_epoch import derive_epoch
from trialbridge.converters.derive_exposure import derive_last_before_exposure
from trialbridge.converters.derive_relative import derive_relative_to_reference, derive_time_point
from trialbridge.converters.derive_result import derive_reference_indicator, derive_standard_result
from trialbridge.converters.derive_sequence import derive_sequence
from trialbridge.converters.derive_subject import derive_age, derive_death_flag
from trialbridge.converters.derive_timepoint import derive_timepoint
from trialbridge.converters.derive_timing import derive_dtc_check, derive_study_day
from trialbridge.converters.plausibility import check_plausible
from trialbridge.converters.timing_methods import TIMING_METHODS
from trialbridge.findings import Finding

DERIVATIONS: tuple[Derivation, ...] = (
    derive_sequence,  # first: findings name a record by its --SEQ
    derive_death_flag,  # before an impossible DTHDTC is taken out: the subject died all the same
    derive_dtc_check,
    derive_study_day,
    derive_epoch,
    derive_time_point,
    derive_relative_to_reference,
    derive_timepoint,
    derive_age,
    derive_standard_result,
    derive_reference_indicator,
    derive_last_before_exposure,
    derive_baseline,  # after the results are standard: without one there is no baseline
    check_plausible,
)
"""Each takes a table in its total order, and gives it back with more in it."""

DAY_METHOD = (
    "Days from RFSTDTC to {date}, by the dates as written. RFSTDTC is day 1 and the day before it is day -1. "
    "Null where either date is incomplete."
)
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "--SEQ": "Counted from 1 within each subject, in the order of the natural keys, then of the date and "
        "the other variables.",
        "--DY": DAY_METHOD.format(date="--DTC"),
        "--STDY": DAY_METHOD.format(date="--STDTC"),
        "--ENDY": DAY_METHOD.format(date="--ENDTC"),
        "--STRESC": "--ORRES in the standard unit of the test. A number already in that unit keeps its text; "
        "a converted one is rounded; a limit keeps its comparator; text is taken over.",
        "--STRESN": "--STRESC as a number, where it is one.",
        "--STRESU": "The standard unit of the test, for a numeric result or a limit.",
        "--STNRLO": "--ORNRLO converted in the same way as the result.",
        "--STNRHI": "--ORNRHI converted in the same way as the result.",
        "--NRIND": "As reported. Where nothing was reported: LOW below the reference range, HIGH above it, "
        "else NORMAL; both bounds belong to the range.",
        "RFSTDTC": "The earliest start of exposure to study treatment, where the source states no other.",
        "RFENDTC": "The latest end of exposure to study treatment, where the source states no other.",
        "RFXSTDTC": "The earliest EX.EXSTDTC of the subject.",
        "RFXENDTC": "The latest EX.EXENDTC of the subject; EX.EXSTDTC stands for an end that is missing.",
        "AGE": "Full years from BRTHDTC to RFSTDTC, where the two dates decide it.",
        "AGEU": "YEARS, where AGE is derived.",
        "DTHFL": "Y where DTHDTC is present.",
        **TIMING_METHODS,
    }
)
"""How each derived variable comes about, for Define-XML; ``--`` stands for the prefix of the domain."""


def derive(table: pa.Table, context: Context) -> Derived:
    """Return the table after all derivations, and all that they found.

    Args:
        table: One domain of whole subjects, in its total order.
        context: The study's choices and reference dates.

    Example:
        >>> context = Context("LB", pa.table({"USUBJID": ["1"], "RFSTDTC": ["2014-01-02"]}))
        >>> table = pa.table({"USUBJID": ["1", "1"], "LBDTC": ["2014-01-01", "2014-02-30"]})
        >>> derived, findings = derive(table, context)
        >>> derived["LBDY"].to_pylist(), [finding.rule for finding in findings]
        ([-1.0, None], ['date-impossible'])
    """
    findings: list[Finding] = []
    for derivation in DERIVATIONS:
        table, found = derivation(table, context)
        findings += found
    return table, findings
