"""What changed between two cuts of a study, and why: source, settings, terminology or software."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from trialbridge.converters.diff_datasets import RowChange, diff
from trialbridge.converters.manifest import Manifest, manifest_of
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.report import CLEAN, FINDINGS
from trialbridge.model import Dataset

SOURCE = "source"
OTHERS = "other records"
UNKNOWN = "unknown"
CAUSES: Mapping[str, str] = {
    SOURCE: "a resource that the record came from, or drew on, is new, changed or gone",
    "settings": "the study's settings or decisions",
    "terminology": "the controlled terminology",
    "software": "the version of trialbridge or of what it builds on",
    OTHERS: "other records of the study that the value is derived from",
    UNKNOWN: "no run folder says where the records came from",
}
"""Cause -> what it means."""

_SET_APART = ("ct", "source", "found_products", "decisions", "terminology")


class Change(msgspec.Struct, frozen=True):
    """One row that is new, changed or gone, and why.

    Attributes:
        dataset: Name of the dataset.
        kind: ``new``, ``changed`` or ``deleted``.
        key: Its natural keys.
        cause: See `CAUSES`; several where they cannot be told apart.
        resource: The resource that it came from, where that is known.
        old_row: Record in the old dataset, from 1; 0 for none.
        new_row: Record in the new dataset, from 1; 0 for none.
        values: Variable -> what it was and what it is.
    """

    dataset: str
    kind: str
    key: str
    cause: str
    resource: str
    old_row: int
    new_row: int
    values: Mapping[str, tuple[str | None, str | None]]


class Changes(msgspec.Struct, frozen=True):
    """What changed between two cuts.

    Attributes:
        old: Name of the earlier cut.
        new: Name of the later cut.
        settings: What differs in settings, terminology and software: name -> what it was and what it is.
        counts: ``dataset kind cause`` -> how many rows.
        changes: The rows.
        exit_code: 0 where nothing changed, 1 where something did.
    """

    old: str
    new: str
    settings: Mapping[str, tuple[str, str]]
    counts: Mapping[str, int]
    changes: tuple[Change, ...]
    exit_code: int


@dataclass(frozen=True)
class Cut:
    """One cut: a run folder, or a folder of datasets alone."""

    folder: Path

    @cached_property
    def datasets(self) -> Sequence[Dataset]:
        """The datasets."""
        inside = self.folder / "sdtm"
        return read_sdtm([inside if inside.is_dir() else self.folder])[0]

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest of the run; none for a folder of datasets alone."""
        return manifest_of(self.folder)

    @cached_property
    def provenance(self) -> dict[str, pa.Table]:
        """Domain -> where each of its records came from, in the order of the dataset."""
        table = self._table("provenance")
        if table is None:
            return {}
        names = table["domain"].to_numpy(zero_copy_only=False)
        return {name: table.filter(pa.array(names == name)) for name in dict.fromkeys(names)}

    @cached_property
    def digests(self) -> Mapping[str, frozenset[int]]:
        """``Type/id`` -> the digests of what was read under that name."""
        table = self._table("ledger")
        found: dict[str, set[int]] = {}
        if table is not None and "digest" in table.column_names:
            for kind, name, digest in zip(
                *(table[one].to_pylist() for one in ("resource_type", "id", "digest")), strict=True
            ):
                found.setdefault(f"{kind}/{name}", set()).add(digest)
        return {name: frozenset(some) for name, some in found.items()}

    def _table(self, name: str) -> pa.Table | None:
        path = self.folder / "run" / f"{name}.parquet"
        return pq.read_table(path) if path.is_file() else None

    def resources(self, dataset: str, row: int) -> list[str]:
        """Return the resources that a record came from and drew on, its own first."""
        table = self.provenance.get(dataset)
        if table is None or not 0 <= row < len(table):
            return []
        pointer = table.slice(row, 1).to_pylist()[0]
        own = f"{pointer['resource_type']}/{pointer['id']}" if pointer["id"] else ""
        return [name for name in (own, *_joined(pointer)) if name]


def _joined(pointer: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(value) for name, value in pointer.items() if name.startswith("join_") and value)


def diff_runs(old: Path, new: Path) -> Changes:
    """Return what changed between two cuts, and why.

    Args:
        old: The run folder of the earlier cut, or a folder of datasets.
        new: The run folder of the later cut, or a folder of datasets.

    Raises:
        ReadError: A folder holds no datasets.
    """
    cuts = Cut(old), Cut(new)
    settings = dict(_settings(*(cut.manifest for cut in cuts)))
    general = _general(settings)
    changes = tuple(_explained(one, *cuts, general) for one in diff(cuts[0].datasets, cuts[1].datasets))
    counts = Counter(f"{one.dataset} {one.kind} {one.cause}" for one in changes)
    return Changes(
        old.name, new.name, settings, dict(sorted(counts.items())), changes, FINDINGS if changes else CLEAN
    )


def _settings(old: Manifest | None, new: Manifest | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what differs between two runs beside their input."""
    if old is None or new is None:
        return
    for group, before, after in (
        ("settings", old.settings, new.settings),
        ("standards", old.standards, new.standards),
        ("software", old.software, new.software),
        (
            "terminology",
            {one.name: one.sha256 for one in old.terminology},
            {one.name: one.sha256 for one in new.terminology},
        ),
    ):
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name) and not (group == "settings" and name in _SET_APART[:3]):
                yield f"{group}.{name}", (str(before.get(name, "")), str(after.get(name, "")))


def _general(settings: Mapping[str, object]) -> str:
    """Return the cause of what no resource explains: all that differ, where several do."""
    groups = {
        "settings": "settings",
        "standards": "terminology",
        "terminology": "terminology",
        "software": "software",
    }
    found = dict.fromkeys(groups[name.partition(".")[0]] for name in settings)
    return " or ".join(name for name in CAUSES if name in found)


def _explained(change: RowChange, old: Cut, new: Cut, general: str) -> Change:
    sides = [(old, change.old), (new, change.new)]
    named = [cut.resources(change.dataset, row) for cut, row in sides]
    resource = next((names[0] for names in reversed(named) if names), "")
    return Change(
        change.dataset,
        change.kind,
        change.key,
        _cause(old, new, {name for names in named for name in names}, general),
        resource,
        change.old + 1,
        change.new + 1,
        change.values,
    )


def _cause(old: Cut, new: Cut, names: set[str], general: str) -> str:
    if old.manifest is None or new.manifest is None:
        return UNKNOWN
    if any(old.digests.get(name) != new.digests.get(name) for name in names):
        return SOURCE
    return general or OTHERS
