"""The --SEQ that records had in an earlier cut, so that those that are there again keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trialbridge.columns import TEXT, blank, flat
from trialbridge.converters.derive_sequence import EARLIER, LAST
from trialbridge.converters.diff_datasets import natural_keys, pairs, tuple_numbers
from trialbridge.converters.manifest import MANIFEST, read_manifest, sha256_of
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.texts import text_of
from trialbridge.errors import ReadError
from trialbridge.registry import declarations

POINTER = ("_kind", "_id", "_item")
"""What a record came from: the type and id of the resource, and the place in it."""


@dataclass(frozen=True)
class EarlierNumbers:
    """The records of an earlier cut, with their numbers; nothing where there is none.

    Attributes:
        folder: The run folder of the earlier cut.
        sha256: The digest of its manifest.
        tables: Domain -> its records: keys as text, pointers, and the number.
    """

    folder: Path | None = None
    sha256: str = ""
    tables: Mapping[str, pa.Table] = field(default_factory=dict)

    def told(self, code: str, table: pa.Table, like: str = "") -> pa.Table:
        """Return records with the number that each had, and the last one that its subject had.

        A record is the one of the same keys and the same place of the same resource; else of that place and
        topic; else of the same keys; else of that place alone. What was deleted takes its number with it.

        Args:
            code: The domain.
            table: Its records, in their order, before they are numbered.
            like: The domain after which its columns are called as yet; empty for its own.
        """
        known = self.tables.get(code)
        if known is None or "USUBJID" not in table.column_names:
            return table
        own = pc.is_in(known["USUBJID"], pc.unique(table["USUBJID"]))
        known = known.filter(own)
        names = [name for name in known.column_names if name not in {*POINTER, "SEQ"}]
        now = _records(code, table, {name: _as_yet(name, code, like) for name in names})
        number = np.full(len(table), np.nan)
        seq = known["SEQ"].to_numpy()
        for old, new in _matched(known, now, _stages(code, names)):
            number[new] = seq[old]
        last = known.group_by("USUBJID").aggregate([("SEQ", "max")])
        highest = dict(zip(last["USUBJID"].to_pylist(), last["SEQ_max"].to_pylist(), strict=True))
        lasts = pa.array([highest.get(one, 0.0) for one in table["USUBJID"].to_pylist()], pa.float64())
        numbers = pa.array(number, pa.float64(), from_pandas=True)
        return table.append_column(EARLIER, numbers).append_column(LAST, lasts)


NO_EARLIER = EarlierNumbers()
"""Of a study that is converted for the first time."""


def read_earlier(folder: Path) -> EarlierNumbers:
    """Return the numbers of a run.

    Raises:
        ReadError: The folder is no run.
    """
    read_manifest(folder)
    source = folder / "run" / "provenance.parquet"
    if not source.is_file():
        raise ReadError(str(folder), "it does not say where its records came from")
    pointers = pq.read_table(source, columns=["domain", "resource_type", "id", "item"])
    tables = {}
    for path in sorted((folder / "sdtm").glob("*.xpt")):
        dataset = read_xpt(path)
        sequence = f"{dataset.name}SEQ"
        if {sequence, "USUBJID"} <= set(dataset.table.column_names):
            keys = ["USUBJID", *_keys(dataset.name, dataset.table.column_names)]
            some = pointers.filter(pc.equal(pointers["domain"], dataset.name))
            columns = {name: text_of(dataset, name) for name in dict.fromkeys(keys)}
            columns |= dict(zip(POINTER, _pointers(some, len(dataset.table)), strict=True))
            tables[dataset.name] = pa.table({**columns, "SEQ": dataset.table[sequence]})
    return EarlierNumbers(folder, sha256_of(folder / MANIFEST), tables)


def _keys(code: str, there: Sequence[str]) -> list[str]:
    topics = [name for name in (f"{code}TESTCD", f"{code}TRT", f"{code}TERM") if name in there]
    return [*natural_keys(code, there), *topics]


def _pointers(found: pa.Table, rows: int) -> Iterator[pa.Array]:
    for name in ("resource_type", "id", "item"):
        yield flat(found[name]).cast(TEXT) if len(found) == rows else blank(rows)


def _as_yet(name: str, code: str, like: str) -> str:
    return f"{like}{name[len(code) :]}" if like and name.startswith(code) else name


def _records(code: str, table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """Return records as `read_earlier` gives those of the earlier cut; each name with that of its column."""
    wanted = {**names, "_id": "_id", "_item": "_item"}
    columns = {
        name: flat(table[column]).cast(TEXT) if column in table.column_names else blank(len(table))
        for name, column in wanted.items()
    }
    return pa.table({**columns, "_kind": _kinds(code, table)})


def _kinds(code: str, table: pa.Table) -> pa.Array:
    if "_kind" in table.column_names:
        return flat(table["_kind"]).cast(TEXT)
    if "_declaration" not in table.column_names:
        return blank(len(table))
    sources = pa.array([domain.source for domain in declarations(code)], TEXT)
    places = flat(table["_declaration"]).to_numpy(zero_copy_only=False)
    return sources.take(pa.array(places, pa.int64(), mask=places < 0))


def _stages(code: str, names: Sequence[str]) -> Iterator[tuple[list[str], bool]]:
    """Yield by what records are told, and whether a resource must be named: the surest way first."""
    topics = [name for name in names if name in {f"{code}TESTCD", f"{code}TRT", f"{code}TERM"}]
    yield [*names, *POINTER], True
    yield ["USUBJID", *topics, *POINTER], True
    yield list(names), False
    yield ["USUBJID", *POINTER], True


def _matched(
    old: pa.Table, new: pa.Table, stages: Iterator[tuple[list[str], bool]]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which records of one side are which of the other, way by way, each record once."""
    left, right = np.arange(len(old)), np.arange(len(new))
    for names, pointed in stages:
        sides = [
            (rows[_named(table, rows)] if pointed else rows) for table, rows in ((old, left), (new, right))
        ]
        whole = [_both(old[name], sides[0], new[name], sides[1]) for name in names]
        told = tuple_numbers(whole, sum(map(len, sides)))
        found = [(a, b) for a, b in pairs(told[: len(sides[0])], told[len(sides[0]) :]) if min(a, b) >= 0]
        first, second = (side[[pair[place] for pair in found]] for place, side in enumerate(sides))
        yield first, second
        left, right = np.setdiff1d(left, first), np.setdiff1d(right, second)


def _both(old: pa.ChunkedArray, left: np.ndarray, new: pa.ChunkedArray, right: np.ndarray) -> pa.Array:
    return pa.concat_arrays([flat(old).take(pa.array(left)), flat(new).take(pa.array(right))])


def _named(table: pa.Table, rows: np.ndarray) -> np.ndarray:
    there: np.ndarray = flat(table["_id"]).is_valid().to_numpy(zero_copy_only=False)[rows]
    return there
