"""The order of the records, and --SEQ by it: the same whatever file, block or order they came in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat
from trialbridge.context import Context, Derived
from trialbridge.converters.derive_columns import encode, numbers, packed, ranks, report, with_column
from trialbridge.findings import Finding
from trialbridge.timing import Column, Mask, Numbers

POINTERS = ("_id", "_item", "_hash")
"""Where a record came from: the last word on the order. A file's name, a line or an offset has no say."""
EARLIER, LAST = "_earlier_seq", "_last_seq"
"""The number that a record had in an earlier cut, and the highest that its subject had in it."""
JOINED = "_join_"
"""How the columns begin that name the other resources a record drew on: they tell equal resources apart."""


def total_order(table: pa.Table, keys: Sequence[str]) -> Numbers:
    """Return the rows in order: USUBJID, `keys`, --DTC, every other variable by name, the pointers.

    Text is ordered by its UTF-8 bytes, numbers by size, nulls last. Rows that are equal in all of these are
    equal records and keep the order they have.

    Example:
        >>> table = pa.table({"USUBJID": ["2", "1", "1"], "LBTESTCD": ["ALT", "K", "ALT"]})
        >>> total_order(table, ("LBTESTCD",)).tolist()
        [2, 1, 0]
    """
    first = _leading(table, keys)
    rest = sorted({name for name in table.column_names if not name.startswith("_")} - set(first))
    rest += [name for name in POINTERS if name in table.column_names]
    rest += sorted(name for name in table.column_names if name.startswith(JOINED))
    # the identity space last: that of a bundle without a server hangs on the order of its entries
    rest += [name for name in ("_src",) if name in table.column_names]
    leading = _packed(table, first)
    order: Numbers = np.argsort(leading, kind="stable")
    return _break_ties(table.select(rest), order, leading[order])


def _leading(table: pa.Table, keys: Sequence[str]) -> list[str]:
    """Return USUBJID, the keys and --DTC, as far as the table has them."""
    dates = sorted(name for name in table.column_names if name[2:] == "DTC")
    wanted = dict.fromkeys(["USUBJID", *(key for key in keys if key != "STUDYID"), *dates])
    return [name for name in wanted if name in table.column_names]


def _packed(table: pa.Table, names: Sequence[str]) -> Numbers:
    """Return one number for each row, in the order of the named columns."""
    sortable = (table[name] for name in names if not pa.types.is_nested(table[name].type))
    return packed(len(table), [ranks(_plain(column)) for column in sortable])


def _plain(column: Column) -> pa.Array:
    """Return a column as it can be ordered: -0.0 is 0, a flag is a number."""
    array = flat(column)
    if pa.types.is_floating(array.type):
        return pc.add(array, 0.0)
    return array.cast(pa.int8()) if pa.types.is_boolean(array.type) else array


def _break_ties(rest: pa.Table, order: Numbers, leading: Numbers) -> Numbers:
    """Return `order` with the rows that are equal in `leading` put in the order of the `rest`."""
    same = np.diff(leading) == 0
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    refined = _packed(rest.take(pa.array(rows)), rest.column_names)
    order[tied] = rows[np.lexsort((refined, leading[tied]))]
    return order


def derive_sequence(table: pa.Table, context: Context) -> Derived:
    """Return the table with --SEQ: 1, 2, 3 within each subject, in the order of the table.

    Numbers that are given stay for a subject whose records all have one, and no two the same; else the
    subject is numbered anew, with a finding. Where an earlier cut is told, its records keep the numbers that
    they had, and new ones go on behind the last.
    """
    if "USUBJID" not in table.column_names or context.domain == "DM":
        return table, []
    name = context.named("SEQ")
    subjects, _ = encode(table["USUBJID"])
    given = numbers(table, name)
    kept, renumbered = _given(subjects, given.to_numpy(zero_copy_only=False))
    sequence = np.where(kept, given.to_numpy(zero_copy_only=False), _numbered(table, subjects))
    told = [one for one in (EARLIER, LAST) if one in table.column_names]
    table = with_column(table.drop_columns(told), name, pa.array(sequence, pa.float64()))
    return table, _renumbered(table, renumbered, context)


def _numbered(table: pa.Table, subjects: Numbers) -> np.ndarray:
    """Return the numbers of the earlier cut, and behind its last ones those of new records."""
    if EARLIER not in table.column_names:
        return _count(subjects)
    earlier: np.ndarray = numbers(table, EARLIER).to_numpy(zero_copy_only=False).copy()
    new = np.flatnonzero(np.isnan(earlier))
    earlier[new] = numbers(table, LAST).to_numpy(zero_copy_only=False)[new] + _count(subjects[new])
    return earlier


def _count(subjects: Numbers) -> Numbers:
    """Return 1, 2, 3 within each subject, whether its rows stand together or not."""
    order = np.argsort(subjects, kind="stable")
    starts = np.flatnonzero(np.diff(subjects[order], prepend=subjects[order][:1] - 1))
    lengths = np.diff(starts, append=len(order))
    counted = np.empty(len(order), dtype=np.int64)
    counted[order] = np.arange(len(order)) - np.repeat(starts, lengths) + 1
    return counted


def _given(subjects: Numbers, given: np.ndarray) -> tuple[Mask, Mask]:
    """Return the rows of subjects whose given numbers can stay, and of those with some that cannot."""
    missing = np.isnan(given)
    if missing.all():
        return ~missing, ~missing
    order = np.lexsort((given, subjects))
    twice = np.zeros(len(given), dtype=bool)
    twice[order[1:]] = (np.diff(subjects[order]) == 0) & (np.diff(given[order]) == 0)
    faulty = np.isin(subjects, subjects[missing | twice])
    return ~faulty, faulty & ~missing


def _renumbered(table: pa.Table, found: Mask, context: Context) -> list[Finding]:
    """Return one finding for each subject whose given numbers could not stay."""
    message = "The given numbers are not there for all records of the subject, or not unique"

    def say(_: int) -> tuple[str, str, str]:
        return "sequence-renumbered", message, ""

    return report(table, context, context.named("SEQ"), found, [table["USUBJID"]], say)
