"""What is derived for the subject itself, in DM: reference dates, age, death flag."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import REFERENCE_DATES, Context, Derived
from trialbridge.converters.derive_columns import (
    numbers,
    reference_times,
    report,
    texts,
    with_column,
)
from trialbridge.findings import Finding
from trialbridge.timing import Mask, Numbers, Times, as_mask, earliest, latest, parse_dtc

FROM_EXPOSURE = {
    "RFSTDTC": (earliest, "first"),
    "RFENDTC": (latest, "last"),
    "RFXSTDTC": (earliest, "first"),
    "RFXENDTC": (latest, "last"),
}
"""Which of a subject's doses gives each reference date."""


def derive_reference_dates(
    subjects: pa.Table, exposure: pa.Table, fallback: Mapping[str, str] | None = None
) -> pa.Table:
    """Return DM with its reference dates: those given, else by exposure, else from the `fallback` column.

    RFSTDTC and RFXSTDTC are the earliest EXSTDTC; RFENDTC and RFXENDTC are the latest EXENDTC, where EXSTDTC
    stands
    for an EXENDTC that is not there. Partial dates are chosen as `earliest` and `latest` say.

    Args:
        subjects: DM, or any table with USUBJID.
        exposure: EX: USUBJID, EXSTDTC, EXENDTC, of the study treatment alone.
        fallback: For a reference date the DM column to take where there is no exposure.

    Example:
        >>> exposure = pa.table({"USUBJID": ["1", "1"], "EXSTDTC": ["2014-02-01", "2014-01-02"]})
        >>> derive_reference_dates(pa.table({"USUBJID": ["1", "2"]}), exposure)["RFXENDTC"].to_pylist()
        ['2014-02-01', None]
    """
    known = texts(subjects, "USUBJID")
    rows: Numbers = (
        pc.index_in(texts(exposure, "USUBJID"), known).fill_null(-1).to_numpy(zero_copy_only=False)
    )
    doses = {"first": texts(exposure, "EXSTDTC")}
    doses["last"] = pc.coalesce(texts(exposure, "EXENDTC"), doses["first"])
    for name in REFERENCE_DATES:
        choose, which = FROM_EXPOSURE[name]
        chosen = choose(parse_dtc(doses[which]), rows, rows >= 0)
        places = np.full(len(subjects), -1)
        places[rows[chosen]] = chosen
        by_exposure = doses[which].take(pa.array(places, mask=places < 0))
        other = texts(subjects, (fallback or {}).get(name, ""))
        subjects = with_column(subjects, name, pc.coalesce(texts(subjects, name), by_exposure, other))
    return subjects


def derive_death_flag(table: pa.Table, context: Context) -> Derived:
    """Return DM with DTHFL = Y where there is a DTHDTC, partial or even faulty; a given flag stays."""
    if context.domain != "DM" or "DTHDTC" not in table.column_names:
        return table, []
    dead = pc.if_else(texts(table, "DTHDTC").is_valid(), "Y", pa.scalar(None, pa.string()))
    return with_column(table, "DTHFL", pc.coalesce(texts(table, "DTHFL"), dead)), []


def derive_age(table: pa.Table, context: Context) -> Derived:
    """Return DM with AGE in full years at RFSTDTC, and AGEU; an AGE that is given stays.

    A partial date gives an age only where every date that it allows gives the same.
    """
    if context.domain != "DM" or not {"USUBJID", "BRTHDTC"} <= set(table.column_names):
        return table, []
    birth, reference = parse_dtc(table["BRTHDTC"]), reference_times(table, context, "RFSTDTC")
    youngest, oldest = full_years(birth, reference)
    given = numbers(table, "AGE")
    missing = as_mask(given.is_null())
    known = (np.minimum(birth.precision, reference.precision) > 0) & (youngest == oldest) & (youngest >= 0)
    age = pa.array(youngest.astype(np.float64), mask=~known)
    years = pc.if_else(pa.array(missing & known), "YEARS", pa.scalar(None, pa.string()))
    findings = _undecided(table, missing & birth.valid & reference.valid & ~known, context)
    table = with_column(table, "AGE", pc.coalesce(given, age))
    return with_column(table, "AGEU", pc.coalesce(texts(table, "AGEU"), years)), findings


def _undecided(table: pa.Table, undecided: Mask, context: Context) -> list[Finding]:
    """Return the findings on subjects whose dates do not decide their age."""
    births = texts(table, "BRTHDTC")

    def say(row: int) -> tuple[str, str, str]:
        return "age-undecided", "BRTHDTC and RFSTDTC do not decide the age in full years", str(births[row])

    return report(table, context, "AGE", undecided, [texts(table, "USUBJID")], say)


def full_years(birth: Times, reference: Times) -> tuple[Numbers, Numbers]:
    """Return the fewest and the most full years that lie between two dates, by all that they allow.

    Example:
        >>> birth = parse_dtc(pa.array(["1950-06-15", "1950"]))
        >>> full_years(birth, parse_dtc(pa.array(["2014-06-14", "2014-06-14"])))
        (array([63, 63]), array([63, 64]))
    """
    last_birth, last_reference = (_dates(times.stop - 1) for times in (birth, reference))
    first_birth, first_reference = (_dates(times.start) for times in (birth, reference))
    return _years(last_birth, first_reference), _years(first_birth, last_reference)


def _dates(moments: Numbers) -> tuple[Numbers, Numbers]:
    """Return the year of each moment, and its month and day as one number."""
    dates = moments.astype("datetime64[us]").astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = months.astype("datetime64[Y]")
    in_year = (months - years).astype(np.int64) * 31 + (dates - months).astype(np.int64)
    return years.astype(np.int64), in_year


def _years(earlier: tuple[Numbers, Numbers], later: tuple[Numbers, Numbers]) -> Numbers:
    """Return the full years between two dates: a birthday counts from its own day."""
    return later[0] - earlier[0] - (later[1] < earlier[1])
