"""What the derivations share: columns as plain arrays, rows put in groups, findings with their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank, flat, once
from trialbridge.context import Context
from trialbridge.findings import Finding, Severity
from trialbridge.timing import Column, Mask, Numbers, Times, parse_dtc

Say: TypeAlias = Callable[[int], tuple[str, str, str]]
"""What is to be said of a row: the rule, the message, the value."""
Codes: TypeAlias = tuple[Numbers, pa.Array]
"""For each row the place of its value among the distinct values, -1 for null; and the distinct values."""
MOST_CODES = 2**62
SEVERITIES = {
    "age-undecided": Severity.NOTICE,
    "blfl-contradicts": Severity.NOTICE,
    "date-form": Severity.WARNING,
    "date-impossible": Severity.WARNING,
    "date-order": Severity.WARNING,
    "element-order": Severity.WARNING,
    "epoch-contradicts": Severity.NOTICE,
    "lobxfl-contradicts": Severity.NOTICE,
    "nrind-contradicts": Severity.WARNING,
    "range-implausible": Severity.WARNING,
    "range-reversed": Severity.WARNING,
    "sequence-renumbered": Severity.WARNING,
    "study-day-contradicts": Severity.WARNING,
    "timepoint-unknown": Severity.NOTICE,
    "unit-missing": Severity.WARNING,
    "unit-no-standard": Severity.WARNING,
    "unit-other-property": Severity.NOTICE,
    "unit-property": Severity.WARNING,
    "visit-ambiguous": Severity.WARNING,
    "visit-contradicts": Severity.WARNING,
    "visit-missed": Severity.NOTICE,
    "visit-unassigned": Severity.NOTICE,
    "value-implausible": Severity.WARNING,
}
"""Every rule that a derivation may report by, and how much it matters."""


def texts(table: pa.Table, name: str) -> pa.Array:
    """Return a column as text; nulls where the table lacks it."""
    return flat(table[name]).cast(pa.string()) if name in table.column_names else blank(len(table))


def numbers(table: pa.Table, name: str) -> pa.Array:
    """Return a column as numbers; nulls where the table lacks it."""
    found = flat(table[name]) if name in table.column_names else blank(len(table))
    return found.cast(pa.float64())


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return the table with `values` in the place of the column, or as its last one if it is new."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def encode(column: Column) -> Codes:
    """Return the codes of a column.

    Example:
        >>> codes, values = encode(pa.array(["b", None, "a", "b"]))
        >>> codes.tolist(), values.to_pylist()
        ([0, -1, 1, 0], ['b', 'a'])
    """
    array = flat(column)
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    encoded = once(array, pa.Array.dictionary_encode) if not pa.types.is_dictionary(array.type) else array
    codes: Numbers = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary


def ranks(column: Column) -> tuple[Numbers, int]:
    """Return the place of each value in the order of the values, nulls last, and how many places there are.

    Text is ordered by its UTF-8 bytes, in no locale.

    Example:
        >>> ranks(pa.array(["b", None, "a", "b"]))
        (array([1, 2, 0, 1]), 3)
    """
    codes, values = encode(column)
    places = np.empty(len(values) + 1, dtype=np.int64)
    places[pc.sort_indices(values).to_numpy()] = np.arange(len(values))
    places[-1] = len(values)
    return places[codes], len(values) + 1


def packed(rows: int, keys: Sequence[tuple[Numbers, int]]) -> Numbers:
    """Return one number for each row that orders and groups the rows as `keys` do, the first key first."""
    joint, size = np.zeros(rows, dtype=np.int64), 1
    for codes, places in keys:
        if size * places > MOST_CODES:
            distinct, joint = np.unique(joint, return_inverse=True)
            size = len(distinct)
        joint, size = joint * places + codes, size * places
    return joint


def group(columns: Sequence[Column], rows: int) -> Numbers:
    """Return one number for each row, the same for rows that are equal in all columns."""
    coded = (encode(column) for column in columns)
    return packed(rows, [(codes + 1, len(values) + 1) for codes, values in coded])


def in_table(table: pa.Table, names: Sequence[str]) -> list[Column]:
    """Return those of the named columns that the table has."""
    return [table[name] for name in names if name in table.column_names]


def gather(found: Mask, by: Sequence[Column]) -> tuple[Numbers, Numbers]:
    """Return the first row of each group among the `found` rows, in row order, and how many rows it has.

    Example:
        >>> gather(np.array([True, False, True, True]), [pa.array(["a", "a", "b", "a"])])
        (array([0, 2]), array([2, 1]))
    """
    rows = np.flatnonzero(found)
    groups = group([flat(column).take(pa.array(rows)) for column in by], len(rows))
    _, first, counts = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[first[order]], counts[order]


def report(
    table: pa.Table, context: Context, variable: str, found: Mask, by: Sequence[Column], say: Say
) -> list[Finding]:
    """Return one finding on `variable` for each group of the `found` rows that are equal in `by`.

    Its place is that of the group's first row, for which `say` gives rule, message and value.
    """
    if not found.any():
        return []
    rows, counts = (numbers.tolist() for numbers in gather(found, by))
    first = table.take(pa.array(rows))
    subjects, sequence, resources = (
        pc.fill_null(texts(first, name), "").to_pylist() for name in ("USUBJID", context.named("SEQ"), "_id")
    )
    records = [
        f"{subject} {context.named('SEQ')} {number}" if number else subject
        for subject, number in zip(subjects, sequence, strict=True)
    ]
    return [
        Finding(
            SEVERITIES[rule],
            rule,
            message,
            context.domain,
            variable,
            record,
            resource,
            value=value,
            count=count,
        )
        for row, count, record, resource in zip(rows, counts, records, resources, strict=True)
        for rule, message, value in (say(row),)
    ]


def reference_times(table: pa.Table, context: Context, name: str) -> Times:
    """Return one of the subject's reference dates for each row, absent where there is none."""
    subjects = flat(context.reference["USUBJID"])
    rows: Numbers = (
        pc.index_in(texts(table, "USUBJID"), subjects).fill_null(-1).to_numpy(zero_copy_only=False)
    )
    return parse_dtc(texts(context.reference, name)).take(rows)
