"""Who is who: the key of each resource, what a reference points to, and which version counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, distinct
from trialbridge.converters.stage import Staged, column
from trialbridge.findings import Finding, Severity

_ABSOLUTE = re.compile(
    r"^(?P<base>https?://.*?)/?(?P<key>[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?$"
)
_RELATIVE = re.compile(r"^(?P<key>[A-Z][A-Za-z]+/[^/|#?]+)(?:/_history/.*)?$")
_GAP = "\x1e"


@dataclass(frozen=True)
class Index:
    """The names under which the resources of one type are known; each maps to a row of its table."""

    kind: str
    table: pa.Table
    live: np.ndarray

    @cached_property
    def rows(self) -> pa.Array:
        """The rows that count, in the order of their content: no superseded version, no exact duplicate."""
        rows = np.flatnonzero(self.live)
        digests = column(self.table, "_hash").to_numpy(zero_copy_only=False)[rows]
        return pa.array(rows[np.argsort(digests, kind="stable")])

    @cached_property
    def keys(self) -> pa.Array:
        """``Type/id``; a contained resource is known as ``Parent/id#id``."""
        return self._live(keys_of(self.kind, self.table))

    @cached_property
    def scoped(self) -> pa.Array:
        """The key within its identity space."""
        return pc.binary_join_element_wise(self._live(column(self.table, "_scope")), self.keys, _GAP)

    @cached_property
    def certain(self) -> pa.Array:
        """The key, null where resources of different content in several identity spaces have it."""
        contents = pa.table({"key": self.keys, "hash": self._live(column(self.table, "_hash"))})
        counted = contents.group_by("key").aggregate([("hash", "count_distinct")])
        several = counted["key"].filter(pc.greater(counted["hash_count_distinct"], 1))
        return pc.if_else(pc.is_in(self.keys, several.combine_chunks()), None, self.keys)

    @cached_property
    def names(self) -> tuple[pa.Array, ...]:
        """What a reference may say instead of the key: the fullUrl, and the canonical URL."""
        return tuple(self._live(column(self.table, name)) for name in ("_url", "url"))

    def _live(self, values: pa.Array) -> pa.Array:
        return values.take(self.rows)

    def resolve(self, references: pa.Array, scopes: pa.Array, owners: pa.Array) -> pa.Array:
        """Return the row that each reference points to; null where it points to none of this type.

        A reference that its own identity space does not resolve is looked for in the others; where they
        disagree on what it is, it points to nothing.

        Args:
            references: Text of the references.
            scopes: Identity space of the resource that holds the reference.
            owners: Key of that resource, for ``#id``.
        """
        keys = by_value(references, _key_of)
        contained = pc.starts_with(references, "#")
        keys = pc.if_else(contained, pc.binary_join_element_wise(owners, references, ""), keys)
        bases = pc.coalesce(by_value(references, _base_of), scopes)
        found = pc.index_in(pc.binary_join_element_wise(bases, keys, _GAP), self.scoped)
        if found.null_count == references.null_count:
            return self.rows.take(found)
        for candidate, known in (
            (references, self.names[0]),
            (by_value(references, _canonical), self.names[1]),
        ):
            found = pc.coalesce(found, _known(candidate, known))
        elsewhere = pc.if_else(pc.fill_null(contained, False), None, keys)  # noqa: FBT003 -- an Arrow scalar
        found = pc.coalesce(found, _known(elsewhere, self.certain))
        return self.rows.take(found)


def _known(candidates: pa.Array, names: pa.Array) -> pa.Array:
    found = pc.index_in(candidates, names)
    return pc.if_else(pc.and_(candidates.is_valid(), pc.not_equal(candidates, "")), found, None)


def _key_of(reference: str) -> str | None:
    match = _ABSOLUTE.match(reference) or _RELATIVE.match(reference)
    return match["key"] if match else None


def _base_of(reference: str) -> str | None:
    match = _ABSOLUTE.match(reference)
    return match["base"] if match else None


def _canonical(reference: str) -> str | None:
    return reference.partition("|")[0] or None


def keys_of(kind: str, table: pa.Table) -> pa.Array:
    """Return the key of each row: ``Type/id``, or ``Parent/id#id`` for a contained resource."""
    ids = pc.fill_null(column(table, "id"), "")
    parents = column(table, "_parent")
    plain = pc.binary_join_element_wise(pa.scalar(kind), ids, "/")
    inside = pc.binary_join_element_wise(parents, pc.utf8_ltrim(ids, "#"), "#")
    return pc.if_else(pc.equal(parents, ""), plain, inside)


def owners_of(kind: str, table: pa.Table) -> pa.Array:
    """Return the key under which each row's own contained resources are known."""
    parents = column(table, "_parent")
    return pc.if_else(pc.equal(parents, ""), keys_of(kind, table), parents)


@dataclass(frozen=True)
class Identities:
    """The index of every type, and why a row does not count: type -> row -> reason."""

    indexes: Mapping[str, Index]
    reasons: Mapping[str, Mapping[int, str]]
    findings: list[Finding]

    def resolve(self, kind: str, holder: pa.Table, holder_kind: str, references: pa.Array) -> pa.Array:
        """Return the rows of type `kind` that the `references` held by rows of `holder` point to."""
        index = self.indexes.get(kind)
        if index is None or references.null_count == len(references):
            return pa.nulls(len(holder), pa.int64())
        inside = pc.any(pc.starts_with(references, "#")).as_py()
        owners = owners_of(holder_kind, holder) if inside else pa.nulls(len(holder), pa.string())
        rows, different = distinct([references, column(holder, "_scope"), owners])
        asked = (pa.array(texts, pa.string()) for texts in zip(*different, strict=True))
        return index.resolve(*asked).take(rows)


def identify(staged: Staged) -> Identities:
    """Return the identities of all resources: of several versions the newest counts, of exact copies one."""
    indexes, reasons, findings = {}, {}, []
    for (kind, unit), table in staged.tables.items():
        if not unit:
            live, why, found = _versions(kind, table)
            indexes[kind] = Index(kind, table, live)
            reasons[kind] = why
            findings += found
    return Identities(indexes, reasons, findings)


def _versions(kind: str, table: pa.Table) -> tuple[np.ndarray, dict[int, str], list[Finding]]:
    live = np.ones(len(table), bool)
    why: dict[int, str] = {}
    findings: list[Finding] = []
    keys = pc.binary_join_element_wise(column(table, "_scope"), keys_of(kind, table), _GAP)
    for unordered in _repeated(keys, column(table, "id")):
        rows = unordered[_by_content(table.take(pa.array(unordered)))]
        part = table.take(pa.array(rows))
        kept = _newest(kind, part, rows, why, findings)
        live[rows] = False
        live[kept] = True
    return live, why, findings


def _repeated(keys: pa.Array, ids: pa.Array) -> list[np.ndarray]:
    """Return the rows of each key that occurs more than once; a resource without id is nobody's version."""
    encoded = pc.if_else(ids.is_valid(), keys, None).dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes[codes >= 0], minlength=len(encoded.dictionary))
    wanted = np.flatnonzero((codes >= 0) & (counts[codes] > 1)) if len(counts) else np.array([], int)
    order = wanted[np.argsort(codes[wanted], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []


def _by_content(part: pa.Table) -> np.ndarray:
    """Return the order of rows by what they hold and how they are called, not by where they were read."""
    order: np.ndarray = pc.sort_indices(part, [("_hash", "ascending"), ("_url", "ascending")]).to_numpy()
    return order


def _newest(
    kind: str, part: pa.Table, rows: np.ndarray, why: dict[int, str], findings: list[Finding]
) -> list[int]:
    """Return the rows that count, and say of the others why they do not."""
    hashes = column(part, "_hash").to_pylist()
    unique: dict[int, int] = {}
    for row, digest in zip(rows, hashes, strict=True):
        if digest in unique:
            why[int(row)] = "exact copy of a resource that was read already"
        unique.setdefault(digest, int(row))
    versions = {int(row): version for row, version in zip(rows, _version_keys(part), strict=True)}
    latest = max(versions[row] for row in unique.values())
    kept = [row for row in unique.values() if versions[row] == latest]
    for row in unique.values():
        if row not in kept:
            why[row] = "an older version of a resource of which a newer one was read"
    name = f"{kind}/{part['id'][0].as_py()}"
    if len(kept) > 1:
        message = f"{len(kept)} resources have this id and version with different content; each is kept"
        findings.append(Finding(Severity.WARNING, "id-conflict", message, resource=name))
    if len(unique) < len(rows):
        message = f"{len(rows) - len(unique)} exact copies were read; one counts"
        findings.append(Finding(Severity.NOTICE, "exact-duplicate", message, resource=name))
    return kept


def _version_keys(part: pa.Table) -> list[tuple[int, str]]:
    """Return what orders versions: their numbers where all are numbers, else the time of the last update."""
    versions = column(part, "meta.versionId").to_pylist()
    if all(version is None or version.isdigit() for version in versions):
        return [(int(version or -1), "") for version in versions]
    return [(0, instant) for instant in _instants(column(part, "meta.lastUpdated"))]


def _instants(column_: pa.Array) -> list[str]:
    """Return instants as text that orders: all in UTC; one that cannot be read comes first."""
    parsed = by_value(column_, _utc)
    return [text or "" for text in parsed.to_pylist()]


def _utc(text: str) -> str | None:
    from datetime import UTC, datetime  # noqa: PLC0415 -- rarely needed

    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except ValueError:
        return None
