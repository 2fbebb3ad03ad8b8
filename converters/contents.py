"""What documents say of the datasets of a package, counted in one pass over each file, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from trialbridge.converters.latest_date import latest_date
from trialbridge.converters.read_xpt import inspect_xpt, iter_xpt
from trialbridge.converters.record_ids import code_of

Combinations = Counter[tuple[str, ...]]
QUALIFIERS = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM")


@dataclass
class Contents:
    """What was counted in one dataset.

    Attributes:
        name: Name of the dataset.
        label: Its label.
        variables: Variable -> label, in order.
        records: How many records it has.
        studies: The values of STUDYID.
        subjects: The values of USUBJID; none where it has no such variable.
        latest: The latest complete date in any --DTC; empty for none.
        combinations: Variables -> the combinations of their values, and how many records have each.
        filled: Variable -> for each shape of record, how many records have a value.
        qualifiers: Of SUPP--, the record and the name of each qualifier; empty unless asked for.
    """

    name: str
    label: str
    variables: Mapping[str, str]
    records: int
    studies: set[str] = field(default_factory=set)
    subjects: set[str] | None = None
    latest: str = ""
    combinations: dict[tuple[str, ...], Combinations] = field(default_factory=dict)
    filled: dict[str, np.ndarray] = field(default_factory=dict)
    qualifiers: list[pa.RecordBatch] = field(default_factory=list)


def contents(
    path: Path,
    shapes: np.ndarray | None = None,
    wanted: Sequence[tuple[str, ...]] = (),
    *,
    qualifiers: bool = False,
) -> Contents:
    """Return what is in a transport file.

    Args:
        path: The file.
        shapes: The shape of each record (`cells`), in the order of the file.
        wanted: Variables whose combinations are counted, beside those that every document needs.
        qualifiers: Keep which record each qualifier of SUPP-- belongs to.

    Raises:
        ReadError: It is no transport file of one dataset.
    """
    header = inspect_xpt(path)
    names = {one.name: one.label for one in header.variables}
    found = Contents(header.name, header.label, names, header.rows)
    found.subjects = set() if "USUBJID" in names else None
    for group in (*_groups(header.name), *wanted):
        if set(group) <= names.keys():
            found.combinations[group] = Counter()
    there = shapes is not None and len(shapes) == header.rows
    whole = shapes if shapes is not None and there else np.zeros(header.rows, np.int8)
    kinds = int(whole.max(initial=0)) + 1
    start = 0
    for batch in iter_xpt(path):
        _count(found, batch)
        _fill(found, batch, whole[start : start + len(batch)], kinds)
        if qualifiers and set(QUALIFIERS) <= names.keys():
            found.qualifiers.append(batch.select(QUALIFIERS))
        start += len(batch)
    return found


def _groups(dataset: str) -> tuple[tuple[str, ...], ...]:
    """Return the combinations that every document needs: of qualifiers, of items, of units."""
    code = code_of(dataset)
    return (
        ("QNAM", "QLABEL"),
        tuple(f"{code}{one}" for one in ("CAT", "TESTCD", "TEST")),
        tuple(f"{code}{one}" for one in ("TESTCD", "ORRESU", "STRESU")),
    )


def _count(found: Contents, batch: pa.RecordBatch) -> None:
    for name, values in (("STUDYID", found.studies), ("USUBJID", found.subjects)):
        if values is not None and name in batch.schema.names:
            values.update(filter(None, batch[name].unique().to_pylist()))
    dates = [batch[name] for name in batch.schema.names if name.endswith("DTC")]
    found.latest = max(found.latest, latest_date(dates))
    table = pa.Table.from_batches([batch])
    for group, counts in found.combinations.items():
        rows = table.group_by(list(group), use_threads=False).aggregate([([], "count_all")]).to_pylist()
        for row in rows:
            counts[tuple(_text(row[name]) for name in group)] += row["count_all"]


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _fill(found: Contents, batch: pa.RecordBatch, shapes: np.ndarray, kinds: int) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        there = shapes[column.is_valid().to_numpy(zero_copy_only=False)]
        counted = np.bincount(there, minlength=kinds)
        found.filled[name] = found.filled.get(name, 0) + counted
