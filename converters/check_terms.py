"""Values against the codelists that govern them: what is no term of a closed list is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.datasets import EXPLAINED
from trialbridge.errors import TermError
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset, Variable
from trialbridge.standards import Codelist, codelist, domain_variables

RESULTS = ("ORRES", "STRESC")
"""Results are governed by their codelist only where they are coded; numbers and words are legal."""


def check_terms(found: Sequence[Dataset], ct: str) -> list[Finding]:
    """Return a finding for each value that is in no codelist of its variable.

    An error where no list of the variable may be extended, else a notice: an extended term is legal, and the
    define says so. A value that the standard's own rules ask for is a notice too.

    Args:
        found: The datasets.
        ct: Date of the controlled terminology.
    """
    return [
        finding
        for dataset in found
        for variable in dataset.variables
        for finding in _faults(dataset, variable, ct)
    ]


def _faults(dataset: Dataset, variable: Variable, ct: str) -> Iterator[Finding]:
    lists = [known for code in variable.codelists if (known := _known(code, ct))]
    if (
        not lists
        or variable.name[2:] in RESULTS
        or dataset.table[variable.name].null_count == len(dataset.table)
    ):
        return
    closed = not any(known.extensible for known in lists)
    for item in pc.value_counts(dataset.table[variable.name].combine_chunks().drop_null()).to_pylist():
        value, count = item["values"], item["counts"]
        if not isinstance(value, str) or any(value in known for known in lists):
            continue
        asked_for = EXPLAINED.get((dataset.name, variable.name), ("", ""))[0] == value
        names = " and ".join(f"{known.submission_value} ({known.code})" for known in lists)
        severity = Severity.ERROR if closed and not asked_for else Severity.NOTICE
        rule = "term-not-in-codelist" if closed else "term-extended"
        message = f"{value!r} is no term of {names} in {ct}" + (
            "; CDISC's own rules ask for it" if asked_for else ""
        )
        yield Finding(severity, rule, message, dataset.name, variable.name, value=value, count=count)


def check_foreign(unmapped: pa.Table, ct: str) -> list[Finding]:
    """Return a finding for each source value that a closed codelist has no term for: its variable is blank.

    Args:
        unmapped: The worklist.
        ct: Date of the controlled terminology.
    """
    return [
        _foreign(row, lists, ct)
        for row in unmapped.to_pylist()
        if (lists := _closed_lists(row["domain"], row["variable"], ct))
    ]


def _foreign(row: Mapping[str, Any], lists: Sequence[Codelist], ct: str) -> Finding:
    value = row["code"] or row["text"]
    of = f" of {row['system']}" if row["system"] and row["code"] else ""
    names = " and ".join(f"{known.submission_value} ({known.code})" for known in lists)
    message = (
        f"{value!r}{of} is no term of {names} in {ct}, which is closed; "
        f"{row['variable']} is blank, and the worklist keeps the value"
    )
    return Finding(
        Severity.NOTICE,
        "value-not-in-codelist",
        message,
        row["domain"],
        row["variable"],
        resource=row["example_resource"],
        value=value,
        count=row["count"],
    )


@cache
def _closed_lists(domain: str, variable: str, ct: str) -> tuple[Codelist, ...]:
    """Return the codelists of a variable, if none of them may be extended."""
    try:
        facts = next((one for one in domain_variables(domain) if one.name == variable), None)
    except LookupError:  # a domain that the study named, and the standard does not have
        return ()
    lists = tuple(known for code in (facts.codelists if facts else ()) if (known := _known(code, ct)))
    return () if any(known.extensible for known in lists) else lists


def _known(code: str, ct: str) -> Codelist | None:
    try:
        return codelist(code, ct)
    except TermError:
        return None
