"""A run folder that lies there: its records, their pointers, and the resources that these lead back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trialbridge.converters.fhir_values import decoded
from trialbridge.converters.manifest import INPUTS, Manifest, read_manifest
from trialbridge.converters.read_fhir import Source, read_resource, sources
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.errors import ConfigurationError, ReadError
from trialbridge.model import Dataset

_KEY = re.compile(r"^(?:(?P<usubjid>.*[^\s/])[\s/]+)?(?P<seq>[0-9]+)$")
_SHOWN = 5
_POINTER = ("source", "position", "within", "resource_type", "id", "version_id", "release")


class Record(NamedTuple):
    """One record: its keys, its row in the dataset, and its row of the provenance."""

    domain: str
    usubjid: str
    seq: int | None
    row: int
    pointer: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        folder: Where it is.
        moved: Where the input is now; empty for where it was.
    """

    folder: Path
    moved: Sequence[Path] = ()

    @cached_property
    def manifest(self) -> Manifest:
        """What the run says of itself."""
        return read_manifest(self.folder)

    def dataset(self, name: str) -> Dataset | None:
        """Return a dataset of the run; none where it has none of this name."""
        source = self.folder / "sdtm" / f"{name.lower()}.xpt"
        return read_xpt(source) if name in self.manifest.records else None

    def record(self, domain: str, key: str) -> Record:
        """Return the record that `key` names.

        Args:
            domain: Such as ``LB``.
            key: ``USUBJID SEQ``, ``USUBJID/SEQ``, or one of the two where that is enough.

        Raises:
            ConfigurationError: No record has this key, or several have.
        """
        table = self._table("provenance", [("domain", "==", domain)])
        found = [row for row in _candidates(table, key) if row is not None]
        if len(found) != 1:
            raise ConfigurationError(f"{domain} {key}", _not_one(domain, table, found))
        pointer = table.slice(found[0], 1).to_pylist()[0]
        return Record(domain, pointer["usubjid"], pointer["seq"], found[0], pointer)

    def shape(self, record: Record) -> dict[str, dict[str, Any]]:
        """Return variable -> how it came about in records of this shape."""
        wanted = [("domain", "==", record.domain), ("shape", "==", record.pointer["shape"])]
        return {row["variable"]: row for row in self._table("rules", wanted).to_pylist()}

    def joined(self, record: Record, name: str) -> dict[str, Any] | None:
        """Return the pointer to the resource that a join of the record leads to."""
        reference = record.pointer.get(f"join_{name}")
        return self._find(reference, record.pointer) if reference else None

    def resource(self, pointer: dict[str, Any]) -> dict[str, Any]:
        """Return the resource that a pointer leads to, read again.

        Raises:
            ReadError: The input is not where it was, or not what it was.
        """
        return decoded(self.text(pointer))

    def text(self, pointer: dict[str, Any]) -> bytes:
        """Return the text of the resource that a pointer leads to, read again.

        Raises:
            ReadError: The input is not where it was, or not what it was.
        """
        source = self._source(pointer["source"])
        return read_resource(source, pointer["position"], pointer["within"] or "")

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the ledger's rows of a resource type."""
        rows: list[dict[str, Any]] = self._table("ledger", [("resource_type", "==", kind)]).to_pylist()
        return rows

    def place(self, pointer: dict[str, Any]) -> str:
        """Return the words for where a resource stands in its file."""
        try:
            form = self._source(pointer["source"]).place(pointer["position"])
        except ReadError:
            form = f"position {pointer['position']}"
        return ", ".join(filter(None, (pointer["source"], form, pointer["within"])))

    def _table(self, name: str, wanted: list[tuple[str, str, Any]] | None) -> pa.Table:
        source = self.folder / "run" / f"{name}.parquet"
        try:
            return pq.read_table(source, filters=wanted).combine_chunks()
        except (OSError, pa.ArrowInvalid) as error:
            raise ReadError(str(source), f"cannot be read: {error}") from error

    def _find(self, reference: str, near: dict[str, Any]) -> dict[str, Any] | None:
        """Return the pointer to the resource of this key; of several, the one nearest to another."""
        owner, _, contained = reference.partition("#")
        kind, _, name = owner.partition("/")
        ledger = self._table("ledger", [("id", "==", name), ("resource_type", "==", kind)]).to_pylist()
        ledger.sort(key=lambda row: (row["source"] == near["source"], row["status"] == "mapped"))
        if not ledger:
            return None
        return self._contained(contained, ledger[-1]) if contained else ledger[-1]

    def _contained(self, name: str, owner: dict[str, Any]) -> dict[str, Any] | None:
        wanted = [("source", "==", owner["source"]), ("position", "==", owner["position"])]
        inside = f"{owner['within']}.contained[" if owner["within"] else "contained["
        rows = [
            row for row in self._table("ledger", wanted).to_pylist() if (row["id"] or "").lstrip("#") == name
        ]
        return next((row for row in rows if (row["within"] or "").startswith(inside)), None)

    @cached_property
    def _inputs(self) -> list[Path]:
        if self.moved:
            return list(self.moved)
        try:
            names = msgspec.json.decode((self.folder / INPUTS).read_bytes(), type=dict[str, list[str]])[
                "inputs"
            ]
        except (OSError, msgspec.DecodeError, KeyError) as error:
            raise ReadError(
                str(self.folder / INPUTS), "does not say where the input was; name it with --input"
            ) from error
        return [self.folder / name for name in names]

    @cached_property
    def _sources(self) -> list[Source]:
        absent = [path for path in self._inputs if not path.exists()]
        if absent:
            problem = "the input of this run is no longer there; name its new place with --input"
            raise ReadError(str(absent[0].resolve()), problem)
        return sources(self._inputs)[0]

    def _source(self, name: str) -> Source:
        wanted = next((file.sha256 for file in self.manifest.inputs if file.name == name), "")
        same = [source for source in self._sources if source.sha256 == wanted]
        if not same:
            there = any(source.name == name for source in self._sources)
            problem = "has changed since the run" if there else "is not among the input that is there now"
            raise ReadError(name, f"{problem}; name what was converted with --input")
        return next((source for source in same if source.name == name), same[0])


def _candidates(table: pa.Table, key: str) -> list[int]:
    """Return the rows that a key may mean: a whole USUBJID before one with a sequence number."""
    whole = _rows(pc.equal(table["usubjid"], key.strip()))
    match = _KEY.match(key.strip())
    if whole or not match:
        return whole
    numbered = pc.equal(table["seq"], int(match["seq"]))
    if match["usubjid"] is None:
        return _rows(numbered)
    return _rows(pc.and_(pc.equal(table["usubjid"], match["usubjid"]), numbered))


def _rows(mask: pa.ChunkedArray) -> list[int]:
    rows: list[int] = pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()  # noqa: FBT003 -- an Arrow scalar
    return rows


def _not_one(domain: str, table: pa.Table, found: Sequence[int]) -> str:
    if not len(table):
        return f"the run has no records of {domain}"
    shown = table.take(list(found) or list(range(min(_SHOWN, len(table))))).slice(0, _SHOWN)
    keys = [" ".join(str(part) for part in pair if part is not None) for pair in _pairs(shown)]
    said = f"{len(found)} records have this key" if found else f"none of {len(table)} records has this key"
    return f"{said}; there are {', '.join(map(repr, keys))}{'' if len(table) <= _SHOWN else ', ...'}"


def _pairs(table: pa.Table) -> list[tuple[str, int | None]]:
    return list(zip(table["usubjid"].to_pylist(), table["seq"].to_pylist(), strict=True))
