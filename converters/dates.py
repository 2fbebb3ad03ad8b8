"""Dates that contradict each other across domains: a subject's participation against its own records."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

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
    for variable, bound, wrong in (("RFSTDTC", last, "after the last"), ("RFENDTC", first, "before the first")):
        times = parse_dtc(column(subjects, variable))
        known = times.valid & (times.precision >= Precision.DAY)
        late = known & (times.day > bound) if variable == "RFSTDTC" else known & (times.day < bound)
        for row in np.flatnonzero(late & (first <= last)):
            usubjid, value = (column(subjects, name)[int(row)].as_py() for name in ("USUBJID", variable))
            day = np.datetime64(int(bound[row]), "D")
            message = f"{variable} {value} is {wrong} record of the subject ({day}); study days hang on it"
            findings.append(Finding(Severity.ERROR, "participation-contradicts", message, "DM", variable, usubjid, value=value))


def _span(tables: Mapping[str, pa.Table], usubjid: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the day of the first and of the last record of each subject, as days since 1970."""
    number = {name: row for row, name in enumerate(usubjid.to_pylist())}
    first = np.full(len(usubjid), np.iinfo(np.int64).max)
    last = np.full(len(usubjid), np.iinfo(np.int64).min)
    for code, table in tables.items():
        for suffix in DATES:
            name = f"{code}{suffix}"
            if code == "DM" or code == "AE" or name not in table.column_names:
                continue
            times = parse_dtc(column(table, name))
            encoded = column(table, "USUBJID").dictionary_encode()
            whose = np.array([number[one] for one in encoded.dictionary.to_pylist()], int)[encoded.indices.to_numpy()]
            known = times.valid & (times.precision >= Precision.DAY)
            np.minimum.at(first, whose[known], times.day[known])
            np.maximum.at(last, whose[known], times.day[known])
    return first, last
