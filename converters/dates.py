"""Dates that contradict each other across domains: a subject's participation against its own records."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.stage import column
from trialbridge.findings import Finding, Severity
from trialbridge.timing import Precision, parse_dtc

DATES = ("DTC", "STDTC")


def check_participation(tables: Mapping[str, pa.Table], findings: list[Finding]) -> None:
    """Add a finding for each subject whose records all lie before, or all after, its participation.

    A start of participation after the subject's last record, or an end before its first, cannot be: one of
    the dates is wrong, and the study days that hang on it are too.
    """
    subjects = tables["DM"]
    first, last = _span(tables, column(subjects, "USUBJID"))
    bounds = (("RFSTDTC", last, "after the last"), ("RFENDTC", first, "before the first"))
    for variable, bound, wrong in bounds:
        times = parse_dtc(column(subjects, variable))
        known = times.valid & (times.precision >= Precision.DAY)
        late = known & (times.day > bound) if variable == "RFSTDTC" else known & (times.day < bound)
        for row in np.flatnonzero(late & (first <= last)):
            usubjid, value = (column(subjects, name)[int(row)].as_py() for name in ("USUBJID", variable))
            day = np.datetime64(int(bound[row]), "D")
            message = f"{variable} {value} is {wrong} record of the subject ({day}); study days hang on it"
            rule = "participation-contradicts"
            findings.append(Finding(Severity.ERROR, rule, message, "DM", variable, usubjid, value=value))


def check_after_death(tables: Mapping[str, pa.Table], findings: list[Finding]) -> None:
    """Add a finding for each subject and domain with records that begin after the day of death."""
    subjects = tables["DM"]
    usubjid = column(subjects, "USUBJID")
    death = parse_dtc(column(subjects, "DTHDTC"))
    known = death.valid & (death.precision >= Precision.DAY)
    for code, table in tables.items():
        for name in (f"{code}{suffix}" for suffix in DATES if code != "DM"):
            if name in table.column_names:
                times = parse_dtc(column(table, name))
                whose = _places(table, usubjid)
                late = times.valid & (times.precision >= Precision.DAY) & known[whose]
                late &= times.day > death.day[whose]
                for dead in np.unique(whose[late]).tolist():
                    one = _after_death(table, name, late & (whose == dead), usubjid[dead].as_py())
                    findings += [one]


def _after_death(table: pa.Table, name: str, late: np.ndarray, usubjid: str) -> Finding:
    resources = column(table, "_id").filter(pa.array(late))
    days = column(table, name).filter(pa.array(late))
    return Finding(
        Severity.ERROR,
        "date-after-death",
        f"{name} is after the day of the subject's death",
        name[:2],
        name,
        usubjid,
        min(filter(None, resources.to_pylist()), default=""),
        value=min(days.to_pylist()),
        count=int(late.sum()),
    )


def _places(table: pa.Table, usubjid: pa.Array) -> np.ndarray:
    """Return the row in DM of the subject of each record."""
    places: np.ndarray = pc.index_in(column(table, "USUBJID"), usubjid).to_numpy(zero_copy_only=False)
    return places


def _span(tables: Mapping[str, pa.Table], usubjid: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the day of the first and of the last record of each subject, as days since 1970."""
    first = np.full(len(usubjid), np.iinfo(np.int64).max)
    last = np.full(len(usubjid), np.iinfo(np.int64).min)
    for code, table in tables.items():
        for suffix in DATES:
            name = f"{code}{suffix}"
            if code in {"DM", "AE"} or name not in table.column_names:
                continue
            times = parse_dtc(column(table, name))
            whose = _places(table, usubjid)
            known = times.valid & (times.precision >= Precision.DAY)
            np.minimum.at(first, whose[known], times.day[known])
            np.maximum.at(last, whose[known], times.day[known])
    return first, last
