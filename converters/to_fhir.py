"""SDTM to FHIR: each record to its resource, read again at once, so that what would not come back is carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.build import Builder, Written, digest
from trialbridge.converters.extract import Extraction, Extractor
from trialbridge.converters.identity import identify
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.converters.stage import Staged, column
from trialbridge.elements import Version
from trialbridge.mapping import Domain, carried, to_leaves, to_records
from trialbridge.registry import paths_by_type
from trialbridge.vocabulary import Vocabulary

Table = Mapping[str, pa.Array]


@dataclass(frozen=True)
class Resources:
    """What the records of one declaration became.

    Attributes:
        written: The resources by type, joined ones first.
        carried: Variable -> how many of its cells no element could take, so that the extension carries them.
        order: The record that each part, read in order, comes from.
    """

    written: Sequence[Written]
    carried: Mapping[str, int]
    order: Sequence[int]


def to_resources(domain: Domain, table: Table, vocabulary: Vocabulary, version: Version = "R4") -> Resources:
    """Return the resources of SDTM records, from which the same records can be read.

    Args:
        domain: The declaration.
        table: Variable -> column of text; ``USUBJID`` among them.
        vocabulary: The study's words.
        version: The FHIR release to write.
    """
    leaves = to_leaves(domain, table, vocabulary)
    builder = Builder(domain, version)
    ids, subjects = _ids(domain, table), _subjects(domain, table)
    written = builder.resources(leaves, ids, subjects)
    read = read_back(domain, written, builder.order, vocabulary, version)
    missing = carried(domain, table, read)
    missing = {path: values for path, values in missing.items() if values.null_count < len(values)}
    if missing:
        written = builder.resources({**leaves, **missing}, ids, subjects)
    paths = {domain.extension(name): name for name in (*domain.reversible(), "absent")}
    return Resources(written, {paths[path]: len(one) - one.null_count for path, one in missing.items()}, tuple(builder.order))


def _ids(domain: Domain, table: Table) -> pa.Array:
    """Return a stable id for each record: made of its keys, so that a second run updates and does not double."""
    names = [name for name in ("STUDYID", "USUBJID", f"{domain.code}SEQ") if name in table]
    rows = len(next(iter(table.values())))
    keys = zip(*(table[name].to_pylist() for name in names), strict=True) if names else ((),) * rows
    return pa.array([digest(domain.source, domain.code, *key, *_tie(names, row)) for row, key in enumerate(keys)], pa.string())


def _tie(names: Sequence[str], row: int) -> tuple[int, ...]:
    """Return what tells records apart that have no --SEQ: their place."""
    return () if any(name.endswith("SEQ") for name in names) else (row,)


def _subjects(domain: Domain, table: Table) -> pa.Array | None:
    if domain.code == "DM":
        return None
    return pa.array([f"Patient/{patient_id(one or '')}" for one in table["USUBJID"].to_pylist()], pa.string())


def patient_id(usubjid: str) -> str:
    """Return the id of a subject's Patient."""
    return digest("Patient", usubjid)


@dataclass(frozen=True, eq=False)
class _Named:
    """A declaration that is told by its identity, so that what was compiled for it can be kept."""

    domain: Domain

    def __hash__(self) -> int:
        return id(self.domain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.domain is self.domain


@lru_cache(maxsize=64)
def _extractor(named: _Named, version: Version) -> Extractor:
    return Extractor(paths_by_type([named.domain]), version)


def read_back(
    domain: Domain, written: Sequence[Written], order: Sequence[int], vocabulary: Vocabulary, version: Version
) -> dict[str, pa.Array]:
    """Return the SDTM columns that a reader finds in what was written, in the order of the records."""
    extraction = Extraction(_extractor(_Named(domain), version), 0, Source("", Path()))
    for part in written:
        data = list(part.lines())
        nothing = [""] * len(data)
        extraction.add(Batch(part.kind, "", data, list(range(len(data))), nothing, nothing, nothing))
    tables = {key: pa.Table.from_batches(batches).combine_chunks() for key, batches in extraction.finished().items() if batches}
    staged = Staged([], tables)
    rows = len(order)
    nobody = pa.nulls(rows, pa.int64())
    numbers = pa.array(np.arange(rows), pa.int64())
    rowset = Rowset(numbers, nobody)
    if domain.rows == "item":
        parents = column(tables[domain.source, "item"], "_parent")
        first = column(tables[domain.source, ""], "_uid")
        rowset = Rowset(pc.index_in(parents, first).cast(pa.int64()), numbers)
    leaves = StagedLeaves(domain, staged, identify(staged), rowset)
    back = pa.array(np.argsort(np.array(order)), pa.int64())
    return {name: values.take(back) for name, values in to_records(domain, leaves, vocabulary).values.items()}
