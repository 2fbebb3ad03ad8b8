"""SDTM to FHIR: each record to its resource, read again at once: what would not come back is carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import BASIS, DATASET, extension_texts
from trialbridge.columns import SEPARATOR, blank, by_value
from trialbridge.converters.assemble import Assembled, Assembler, Written, digest
from trialbridge.converters.build import Struct
from trialbridge.converters.extract import POINTERS, UNIT_POINTERS, UNITS, Extraction, Extractor
from trialbridge.converters.growing import Table
from trialbridge.converters.identity import identify
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.converters.stage import Staged, column, whole_table
from trialbridge.elements import Version
from trialbridge.mapping import Domain, basis_of, of_elements, to_records
from trialbridge.plans import ReadPlan
from trialbridge.registry import paths_by_type
from trialbridge.routing import carried, to_leaves
from trialbridge.vocabulary import Vocabulary

Cells = Mapping[str, pa.Array]
Parts = Sequence[msgspec.Raw | None]
BATCH = 256
"""Rows that are read in one go: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Resources:
    """What the records of one declaration became.

    Attributes:
        written: The resources by type, joined ones first.
        order: The record that each part, read in order, comes from.
        carried: Variable -> how many of its cells no element could take, so that the extension carries them.
        dated: Variable -> for how many of these an element holds the date.
        lost: Variable -> how many of its cells no FHIR text can hold.
    """

    written: Sequence[Written]
    order: np.ndarray
    carried: Mapping[str, int]
    dated: Mapping[str, int]
    lost: Mapping[str, int]


def to_resources(  # noqa: PLR0913 -- what is written, how it is written, and what stands beside it
    domain: Domain,
    table: Cells,
    vocabulary: Vocabulary,
    version: Version = "R4",
    *,
    ids: pa.Array | None = None,
    numeric: frozenset[str] = frozenset(),
    beside: Cells | None = None,
) -> Resources:
    """Return the resources of SDTM records, from which the same records can be read.

    Args:
        domain: The declaration.
        table: Variable -> column of text, ``USUBJID`` among them; a variable that is not there is blank.
        vocabulary: The study's words.
        version: The FHIR release to write.
        ids: The id of each record's resource; made of its keys where nobody gives them.
        numeric: The variables that are numbers.
        beside: Columns that are written in the place of those of `table`, with what follows from the record.
    """
    nothing = blank(len(table["USUBJID"]))
    table = {**dict.fromkeys(domain.reversible(), nothing), **table}
    assembler = _assembler(domain, version)
    leaves = to_leaves(domain, {**table, **(beside or {})}, vocabulary, version)
    ids = _ids(domain, table) if ids is None else ids
    subjects = by_value(table["USUBJID"], patient_id)
    made = assembler.assemble(leaves, ids, subjects)
    read = _read(domain, _restaged(assembler, made.written), made.order, vocabulary)
    missing = carried(domain, table, read)
    if missing.columns:
        parts = extension_texts({**missing.columns, **_basis(table, read)}, numeric)
        made = _carrying(assembler, made, leaves, ids, subjects, parts)
    return Resources(made.written, made.order, missing.cells, missing.dated, missing.lost)


def _basis(table: Cells, read: Cells) -> dict[str, pa.Array]:
    """Return the digest of what the elements say, for records that are of a dataset."""
    return {BASIS: read[BASIS]} if DATASET in table else {}


def _carrying(
    assembler: Assembler, made: Assembled, leaves: Cells, ids: pa.Array, subjects: pa.Array, parts: Parts
) -> Assembled:
    """Return the same resources with the documented extension; an answer gets it before it is nested."""
    if assembler.domain.rows == "item":
        return assembler.assemble(leaves, ids, subjects, parts)
    return assembler.extended(made, parts)


@lru_cache(maxsize=64)
def _assembler(domain: Domain, version: Version) -> Assembler:
    return Assembler(domain, version, Extractor(paths_by_type([domain]), version))


def _ids(domain: Domain, table: Cells) -> pa.Array:
    """Return a stable id for each record, made of its keys: a second run updates, and does not double."""
    names = [name for name in ("STUDYID", "USUBJID", f"{domain.code}SEQ") if name in table]
    keys = [pc.fill_null(table[name], "") for name in names]
    if f"{domain.code}SEQ" not in table:  # then only their place tells records apart
        keys.append(pa.array(range(len(keys[0]))).cast(pa.string()))
    start = f"{domain.code}{domain.source}"
    texts = pc.binary_join_element_wise(start, *keys, SEPARATOR).cast(pa.binary()).to_pylist()
    return pa.array([blake2b(text, digest_size=16).hexdigest() for text in texts], pa.string())


def patient_id(usubjid: str) -> str:
    """Return the id of a subject's Patient."""
    return digest("Patient", usubjid)


def _restaged(assembler: Assembler, written: Sequence[Written]) -> Staged:
    """Return what a reader would stage of resources just built: their Structs are the reader's own."""
    tables: dict[tuple[str, str], Table] = {}
    for part in written:
        made = assembler.reader(part.kind)
        table = tables.setdefault((part.kind, ""), Table(made.wires[""], POINTERS, {}))
        first, rows = table.columns.rows, len(part.rows)
        numbers = np.arange(first, first + rows)
        numbered = {"_uid": numbers, "_hash": numbers, "_position": np.zeros(rows, np.int64)}
        said = dict.fromkeys(("_within", "_scope", "_url", "_parent"), pa.repeat("", rows))
        version = pa.repeat(assembler.version, rows)
        table.point(**numbered, **said, _source=np.zeros(rows, np.int32), _version=version)
        _fill(made.plan, part.rows, table)
        for unit, plan in made.units.items():
            parents, items, parts = UNITS[unit](made.position, list(part.rows), first)
            below = tables.setdefault((part.kind, unit), Table(made.wires[unit], UNIT_POINTERS, {}))
            below.point(_parent=parents, _item=items)
            _fill(plan, parts, below)
    for table in tables.values():
        table.flush()
    return _staged({key: table.batches for key, table in tables.items()})


def _fill(plan: ReadPlan, rows: Sequence[Struct], table: Table) -> None:
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        plan.fill(some, table.columns)
        table.columns.rows += len(some)


def read_back(
    domain: Domain, written: Sequence[Written], order: np.ndarray, vocabulary: Vocabulary, version: Version
) -> dict[str, pa.Array]:
    """Return the SDTM columns that a reader finds in the text of what was written, in record order."""
    extraction = Extraction(_assembler(domain, version).extractor, 0, Source("", Path()))
    for part in written:
        data = list(part.lines())
        nothing = [""] * len(data)
        extraction.add(Batch(part.kind, "", data, list(range(len(data))), nothing, nothing, nothing))
    return _read(domain, _staged(extraction.finished()), order, vocabulary, carried=True)


def _staged(found: Mapping[tuple[str, str], Sequence[pa.RecordBatch]]) -> Staged:
    return Staged(
        [],
        {key: whole_table(batches) for key, batches in found.items() if batches},
    )


def _read(
    domain: Domain, staged: Staged, order: np.ndarray, vocabulary: Vocabulary, *, carried: bool = False
) -> dict[str, pa.Array]:
    """Return the SDTM columns of what was staged, in record order; what is carried too, where asked for."""
    rows = len(order)
    numbers = pa.array(np.arange(rows), pa.int64())
    rowset = Rowset(numbers, pa.nulls(rows, pa.int64()))
    if domain.rows == "item":
        parents = column(staged.tables[domain.source, "item"], "_parent")
        first = column(staged.tables[domain.source, ""], "_uid")
        rowset = Rowset(pc.index_in(parents, first).cast(pa.int64()), numbers)
    leaves = StagedLeaves(domain, staged, identify(staged), rowset)
    back = pa.array(np.argsort(order), pa.int64())
    found = to_records(domain, leaves, vocabulary) if carried else of_elements(domain, leaves, vocabulary)
    values = {**found.values, BASIS: basis_of(domain, leaves, found)}
    return {name: column.take(back) for name, column in values.items()}
