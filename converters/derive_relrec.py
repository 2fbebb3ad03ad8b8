"""RELREC: records whose resources refer to each other.

A relationship has one row a record on either side; where a resource became several records, their --GRPID
stands for them. Its RELID is made of what the two resources are called, so that it is the same in every cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.derive_sequence import total_order
from trialbridge.converters.identity import keys_of
from trialbridge.converters.references import Links, links
from trialbridge.converters.stage import column
from trialbridge.registry import declarations
from trialbridge.standards import domain_variables, keys

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan

COLUMNS = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "RELTYPE", "RELID")
DIGEST = 5
"""Bytes of the digest in a RELID."""


class Side(NamedTuple):
    """The records of one resource in one domain.

    Attributes:
        domain: Two letters.
        subject: USUBJID.
        rows: Their rows in the domain's table.
        row: Row of the resource.
        kind: Type of the resource.
    """

    domain: str
    subject: str
    rows: tuple[int, ...]
    row: int
    kind: str


def derive_relrec(tables: Mapping[str, pa.Table], plan: Plan) -> dict[str, pa.Table]:
    """Return the tables with RELREC, where any two records are related, and with the --GRPID that it needs.

    Args:
        tables: Domain -> its records, with --SEQ and pointers to their resources.
        plan: What was read, and who is who in it.
    """
    found, pairs = dict(tables), list(_pairs(tables, plan))
    if not pairs:
        return found
    _give_groups(found, [side for _, *two in pairs for side in two])
    records = {
        code: _Records(code, found[code]) for code in {side.domain for _, *two in pairs for side in two}
    }
    told = dict.fromkeys((relid, side) for relid, *two in pairs for side in two)  # a dose is in EX, and in EC
    rows = [row for relid, side in told for row in records[side.domain].rows(side, relid)]
    text = {name: pa.array([row[name] for row in rows], pa.string()) for name in (*COLUMNS, "_kind", "_item")}
    number = {"_row": pa.array([row["_row"] for row in rows], pa.int64())}
    nowhere = {"_declaration": pa.array(np.full(len(rows), -1, np.int8))}
    table = pa.table({**text, **number, **nowhere})
    found["RELREC"] = table.take(pa.array(total_order(table, keys("RELREC"))))
    return found


def _pairs(tables: Mapping[str, pa.Table], plan: Plan) -> Iterator[tuple[str, Side, Side]]:
    """Return RELID and the two sides of every relationship, each once."""
    found = sorted(links(plan), key=lambda one: (one.name, one.source, one.target))
    sides = _Sides(tables, found)
    seen: set[frozenset[tuple[str, int]]] = set()
    for one in found:
        keys = [_keys(plan, kind) for kind in (one.source, one.target)]
        for holder, target in zip(one.holders.tolist(), one.targets.tolist(), strict=True):
            ends = frozenset({(one.source, holder), (one.target, target)})
            if len(ends) == 2 and ends not in seen:
                seen.add(ends)
                relid = _relid(one.name, keys[0][holder].as_py(), keys[1][target].as_py())
                yield from sides.between(one, holder, target, relid)


def _keys(plan: Plan, kind: str) -> pa.Array:
    table = plan.staged.table(kind)
    assert table is not None  # noqa: S101 -- a reference stands in it, or points into it
    return pc.if_else(
        column(table, "id").is_valid(), keys_of(kind, table), column(table, "_hash").cast(pa.string())
    )


def _relid(name: str, holder: str, target: str) -> str:
    """Return the RELID of a relationship.

    Example:
        >>> _relid("REASON", "Procedure/1", "Condition/2")
        'REASON-9af603b954'
    """
    return f"{name}-{blake2b(f'{holder} {target}'.encode(), digest_size=DIGEST).hexdigest()}"


class _Sides:
    """The records of the resources that references stand in, or point to."""

    def __init__(self, tables: Mapping[str, pa.Table], found: list[Links]) -> None:
        wanted: dict[str, list[np.ndarray]] = {}
        for one in found:
            wanted.setdefault(one.source, []).append(one.holders)
            wanted.setdefault(one.target, []).append(one.targets)
        self._known: dict[tuple[str, int], list[Side]] = {}
        rows = {kind: np.unique(np.concatenate(parts)) for kind, parts in wanted.items()}
        for code, table in tables.items():
            if f"{code}SEQ" in table.column_names:
                self._add(code, table, rows)

    def _add(self, code: str, table: pa.Table, wanted: Mapping[str, np.ndarray]) -> None:
        declared = column(table, "_declaration").to_numpy(zero_copy_only=False)
        base = column(table, "_row").to_numpy(zero_copy_only=False)
        subjects = column(table, "USUBJID")
        for number, domain in enumerate(declarations(code)):
            chosen = np.flatnonzero((declared == number) & np.isin(base, wanted.get(domain.source, ())))
            together: dict[int, list[int]] = {}
            for place in chosen.tolist():
                together.setdefault(int(base[place]), []).append(place)
            for row, places in together.items():
                side = Side(code, subjects[places[0]].as_py(), tuple(places), row, domain.source)
                self._known.setdefault((domain.source, row), []).append(side)

    def between(self, one: Links, holder: int, target: int, relid: str) -> Iterator[tuple[str, Side, Side]]:
        """Return the records of one resource with those of the other, where both are of one subject."""
        for first in self._known.get((one.source, holder), ()):
            for second in self._known.get((one.target, target), ()):
                if first.subject == second.subject:
                    yield relid, first, second


def _give_groups(tables: dict[str, pa.Table], sides: list[Side]) -> None:
    """Give the records of each resource that became several a --GRPID, where they have none."""
    for code in sorted({side.domain for side in sides if len(side.rows) > 1}):
        name, table = f"{code}GRPID", tables[code]
        if all(variable.name != name for variable in domain_variables(code)):
            continue
        given = pa.nulls(len(table), pa.string())
        values = column(table, name).to_pylist() if name in table.column_names else given.to_pylist()
        ids = column(table, "_id")
        for side in sides:
            if side.domain == code and len(side.rows) > 1:
                for place in side.rows:
                    values[place] = values[place] or ids[place].as_py()
        filled = pa.array(values, pa.string())
        if name in table.column_names:
            tables[code] = table.set_column(table.column_names.index(name), name, filled)
        else:
            tables[code] = table.append_column(name, filled)


class _Records:
    """What RELREC says of the records of one domain: their --SEQ, or the --GRPID that they share."""

    def __init__(self, code: str, table: pa.Table) -> None:
        self.code = code
        self._subjects = column(table, "USUBJID").to_pylist()
        self._studies = column(table, "STUDYID").to_pylist()
        self._sequence = column(table, f"{code}SEQ").to_pylist()
        named = f"{code}GRPID" in table.column_names
        self._groups = column(table, f"{code}GRPID").to_pylist() if named else [None] * len(table)
        self._sizes = Counter(zip(self._subjects, self._groups, strict=True))

    def rows(self, side: Side, relid: str) -> Iterator[dict[str, Any]]:
        """Return the rows of one side of a relationship."""
        shared = {self._groups[place] for place in side.rows}
        group = next(iter(shared)) if len(shared) == 1 else None
        whole = group is not None and self._sizes[side.subject, group] == len(side.rows) > 1
        name = f"{self.code}GRPID" if whole else f"{self.code}SEQ"
        values = [group] if whole else [str(int(self._sequence[place])) for place in side.rows]
        for value in values:
            yield {
                "STUDYID": self._studies[side.rows[0]],
                "RDOMAIN": side.domain,
                "USUBJID": side.subject,
                "IDVAR": name,
                "IDVARVAL": value,
                "RELTYPE": None,
                "RELID": relid,
                "_kind": side.kind,
                "_row": side.row,
                "_item": "",
            }
