"""Where every cell came from: a pointer a record, and the number of the alternative for each variable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import POINTERS
from trialbridge.converters.stage import column
from trialbridge.registry import declarations

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan

READ = ("_source", "_position", "_within", "id", "meta.versionId", "_version")
WHICH = "_which_"
JOIN = "_join_"
KIND = "_kind"
"""The resource type of a record of a domain without declarations."""

BY = "_visit_by"
"""How a record got its visit, or why it has none."""


def provenance(code: str, table: pa.Table, plan: Plan) -> pa.Table:
    """Return one row for each record of a domain, in its order: keys, pointers, alternatives, joins."""
    sequence = f"{code}SEQ"
    rows = len(table)
    columns = {
        "USUBJID": column(table, "USUBJID"),
        "SEQ": column(table, sequence).cast(pa.int64())
        if sequence in table.column_names
        else pa.nulls(rows, pa.int64()),
        "declaration": column(table, "_declaration"),
        **_pointers(code, table, plan),
        "item": column(table, "_item"),
    }
    for name in sorted(table.column_names):  # whose order is that of the blocks
        if name.startswith(WHICH):
            columns[name.removeprefix(WHICH)] = column(table, name)
        elif name.startswith(JOIN) or name == BY:
            columns[name] = column(table, name)
    return pa.table(columns)


def _pointers(code: str, table: pa.Table, plan: Plan) -> dict[str, pa.Array]:
    """Return the columns of `POINTERS`, from whichever type each record came from."""
    rows = len(table)
    base = column(table, "_row").to_numpy(zero_copy_only=False)
    parts, places = [], []
    for kind, chosen in by_type(code, table):
        if len(chosen):
            parts.append(_of_type(kind, plan, base[chosen]))
            places.append(chosen)
    if not parts:
        return {field.name: pa.nulls(rows, field.type) for field in POINTERS if field.name != "item"}
    whole = pa.concat_tables(parts)
    order = np.full(rows, -1)
    order[np.concatenate(places)] = np.arange(len(whole))
    whole = whole.take(pa.array(order, mask=order < 0))  # what is derived comes from no resource
    return {name: column(whole, name) for name in whole.column_names}


def by_type(code: str, table: pa.Table) -> Iterator[tuple[str, np.ndarray]]:
    """Return the records of each resource type, by their declaration or as they say themselves."""
    if KIND in table.column_names:
        kinds = column(table, KIND)
        for kind in pc.unique(kinds).to_pylist():
            yield kind, np.flatnonzero(pc.equal(kinds, kind).to_numpy(zero_copy_only=False))
    numbers = column(table, "_declaration").to_numpy(zero_copy_only=False)
    for number, domain in enumerate(declarations(code)):
        yield domain.source, np.flatnonzero(numbers == number)


def _of_type(kind: str, plan: Plan, base: np.ndarray) -> pa.Table:
    staged = plan.staged.table(kind)
    assert staged is not None  # noqa: S101 -- records came from it
    part = staged.select([name for name in READ if name in staged.column_names]).take(pa.array(base))
    names = pa.array([source.name for source in plan.staged.sources], pa.string())
    described = "Patient" if kind in plan.staged.made else kind
    return pa.table(
        {
            "source": names.take(column(part, "_source")),
            "position": column(part, "_position"),
            "within": column(part, "_within"),
            "resource_type": pa.array([described] * len(part), pa.string()),
            "id": column(part, "id"),
            "version_id": column(part, "meta.versionId"),
            "release": column(part, "_version"),
        }
    )
