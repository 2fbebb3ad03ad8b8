"""--GRPID: which records belong together: a panel names them, or they are parts of one resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.identity import keys_of
from trialbridge.converters.stage import column
from trialbridge.registry import all_declarations

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan

GROUPED = tuple(one.code for one in all_declarations() if f"{one.code}GRPID" in one.rules)
"""The domains whose records belong together: findings that come from Observations."""


def with_panels(tables: Mapping[str, pa.Table], plan: Plan) -> dict[str, pa.Table]:
    """Return the tables with --GRPID: the id of the panel, or of the resource whose components they are."""
    observations = plan.staged.table("Observation")
    if observations is None:
        return dict(tables)
    members, panels = _membership(observations, plan)
    found = dict(tables)
    for code in GROUPED:
        if code in found:
            table = found[code]
            names = (
                panels.take(pc.index_in(column(table, "_row"), members))
                if len(members)
                else pa.nulls(len(table), pa.string())
            )
            own = pc.if_else(pc.not_equal(column(table, "_item"), ""), column(table, "_id"), None)
            given = pc.coalesce(names, own)
            found[code] = table.set_column(table.column_names.index(f"{code}GRPID"), f"{code}GRPID", given)
    return found


def _membership(observations: pa.Table, plan: Plan) -> tuple[pa.Array, pa.Array]:
    """Return the rows that a panel names, and the panels' ids; of several panels the first by id counts."""
    references = column(observations, "hasMember[*].reference")
    if not pa.types.is_list(references.type) or references.null_count == len(references):
        return pa.array([], pa.int64()), pa.array([], pa.string())
    parents = pc.list_parent_indices(references)
    holder = observations.take(parents)
    rows = plan.identities.resolve("Observation", holder, "Observation", pc.list_flatten(references))
    named = pc.utf8_slice_codeunits(
        pc.replace_substring_regex(keys_of("Observation", holder), "^Observation/", ""), 0
    )
    live = pa.array(plan.identities.indexes["Observation"].live).take(parents)
    keep = pc.and_(rows.is_valid(), live)
    rows, named = rows.filter(keep), named.filter(keep)
    order = pc.sort_indices(named)
    return rows.take(order), named.take(order)
