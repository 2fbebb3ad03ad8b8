"""The FHIR side of a domain's records: columns gathered from the staged tables, through joins and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import unfolded
from trialbridge.converters.identity import Identities, keys_of
from trialbridge.converters.stage import Staged, column, folded_column
from trialbridge.mapping import Domain
from trialbridge.paths import Path, parse

HOLDER = ("id", "_scope", "_parent")
"""What `Identities.resolve` asks of the resource that holds a reference."""


@dataclass(frozen=True)
class Rowset:
    """Which records a domain has: rows of the resource table, and of the unit table where it is a part.

    Attributes:
        base: Row of the resource, for each record.
        unit: Row of the component or answer; null where the resource itself is the record.
    """

    base: pa.Array
    unit: pa.Array

    def take(self, chosen: pa.Array) -> Rowset:
        """Return some of the records."""
        return Rowset(self.base.take(chosen), self.unit.take(chosen))

    @property
    def rows(self) -> int:
        """How many records there are."""
        return len(self.base)


@dataclass
class StagedLeaves:
    """`Leaves` over staged tables."""

    domain: Domain
    staged: Staged
    identities: Identities
    rowset: Rowset
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many records there are."""
        return self.rowset.rows

    def __call__(self, path: str) -> pa.Array:
        """Return the column of `path`."""
        if path not in self.memo:
            self.memo[path] = self._column(parse(path))
        found: pa.Array = self.memo[path]
        return found

    def _column(self, path: Path) -> pa.Array:
        if path.heads:
            table, rows = self.joined("->".join(path.heads))
            return pa.nulls(self.rows, pa.string()) if table is None else _taken(table, path.local, rows)
        base = self.base()
        if not path.this or self.domain.rows == "resource":
            return _taken(base, path.local, self.rowset.base)
        return self._unit_column(base, path.local)

    def _unit_column(self, base: pa.Table, local: str) -> pa.Array:
        unit = self.staged.table(self.domain.source, self.domain.rows)
        own = pa.nulls(self.rows) if unit is None else _taken(unit, local, self.rowset.unit)
        if self.domain.rows == "item":
            return own
        if unit is None or self.rowset.unit.null_count == self.rows:
            return _taken(base, local, self.rowset.base)
        alone = pc.if_else(self.rowset.unit.is_null(), self.rowset.base, None)
        whole = _taken(base, local, alone)
        if pa.types.is_null(own.type):
            return whole
        return _either(self.rowset.unit.is_valid(), own, whole)

    def base(self) -> pa.Table:
        """Return the staged table of the resources that the records come from."""
        table = self.staged.table(self.domain.source)
        assert table is not None  # noqa: S101 -- a domain is asked for only where its source was read
        return table

    def joined(self, name: str) -> tuple[pa.Table | None, pa.Array]:
        """Return the table of a join, and for each record the row in it; null where it points to nothing."""
        key = f"join {name}"
        if key not in self.memo:
            self.memo[key] = self._resolve(name)
        found: tuple[pa.Table | None, pa.Array] = self.memo[key]
        return found

    def _resolve(self, name: str) -> tuple[pa.Table | None, pa.Array]:
        join = self.domain.joins[name.rpartition("->")[2]]
        path = parse(join.path)
        if path.heads:
            holder, rows = self.joined("->".join(path.heads))
            kind = self.domain.joins[path.heads[-1]].type
        else:
            holder, rows, kind = self.base(), self.rowset.base, self.domain.source
        target = self.staged.table(join.type)
        if holder is None or target is None:
            return None, pa.nulls(self.rows, pa.int64())
        used, back = np.unique(pc.fill_null(rows, -1).to_numpy(zero_copy_only=False), return_inverse=True)
        said = join.role[0] and parse(join.role[0]).local
        names = [name for name in (*HOLDER, path.local, said) if name in holder.column_names]
        some = holder.select(names).take(pa.array(used, mask=used < 0))
        references = _of_role(some, path.local, said, join.role[1]) if said else column(some, path.local)
        found = self.identities.resolve(join.type, some, kind, references)
        return target, found.take(pa.array(back))

    def pointers(self, names: Mapping[str, str]) -> dict[str, pa.Array]:
        """Return pointer columns of the resource of each record: new name -> staged name."""
        base = self.base()
        return {new: column(base, old).take(self.rowset.base) for new, old in names.items()}

    def items(self) -> pa.Array:
        """Return the place of each record inside its resource; empty for the resource itself."""
        unit = self.staged.table(self.domain.source, self.domain.rows)
        if unit is None or self.domain.rows == "resource":
            return pa.array([""]).take(pa.array(np.zeros(self.rows, np.int8)))
        return pc.fill_null(column(unit, "_item").take(self.rowset.unit), "")

    def keys(self, name: str) -> pa.Array:
        """Return the reference form of what a join points to; null where it points to nothing."""
        table, rows = self.joined(name)
        if table is None:
            return pa.nulls(self.rows, pa.string())
        return keys_of(self.domain.joins[name].type, table).take(rows)


def _of_role(table: pa.Table, references: str, roles: str, role: str) -> pa.Array:
    """Return the first reference of each row whose part is the one that is meant."""
    rows = zip(column(table, references).to_pylist(), column(table, roles).to_pylist(), strict=True)
    meant = (
        next((one for one, part in zip(some or (), parts or (), strict=False) if part == role), None)
        for some, parts in rows
    )
    return pa.array(meant, pa.string())


def _taken(table: pa.Table, name: str, rows: pa.Array) -> pa.Array:
    """Return a column at `rows`; most columns are of extensions that nobody wrote, and hold nothing."""
    values = folded_column(table, name)
    if values.null_count == len(values):
        return unfolded(pa.nulls(len(rows), values.type))
    found = values if _everything(rows, len(values)) else values.take(rows)
    folded = pa.types.is_dictionary(found.type) and pa.types.is_list(found.type.value_type)
    return found if folded else unfolded(found)  # of lists only the distinct ones are joined and read


def _everything(rows: pa.Array, count: int) -> bool:
    """Return whether `rows` are all rows of a table in their order, so that nothing need be moved."""
    return (
        len(rows) == count and not rows.null_count and bool(np.array_equal(rows.to_numpy(), np.arange(count)))
    )


def _either(mask: pa.Array, this: pa.Array, other: pa.Array) -> pa.Array:
    """Return `this` where the mask holds, else `other`; works for lists too."""
    this, other, rows = unfolded(this), unfolded(other), len(mask)
    if this.type != other.type:  # a table that holds nothing for a column leaves it out
        this = this if this.null_count < rows else pa.nulls(rows, other.type)
        other = other if other.null_count < rows else pa.nulls(rows, this.type)
    places = np.where(mask.to_numpy(zero_copy_only=False), np.arange(rows), np.arange(rows) + rows)
    return pa.concat_arrays([this, other]).take(pa.array(places))
