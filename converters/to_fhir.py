"""SDTM to FHIR: each record to its resource, read again at once: what would not come back is carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import BASIS, DATASET, extension_texts
from trialbridge.columns import blank, by_value
from trialbridge.converters.assemble import Assembled, Assembler, digest
from trialbridge.converters.extract import Extraction, Extractor
from trialbridge.converters.identity import identify
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.read_again import read_again, staged_of
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.converters.record_ids import record_ids
from trialbridge.converters.sheets import Sheet
from trialbridge.converters.stage import Staged, column
from trialbridge.elements import Version
from trialbridge.mapping import Domain, basis_of, of_elements, to_records
from trialbridge.registry import paths_by_type
from trialbridge.routing import carried, to_leaves
from trialbridge.vocabulary import Vocabulary

Cells = Mapping[str, pa.Array]


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

    written: Sequence[Sheet]
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
    ids = record_ids(domain.code, table, len(nothing), "") if ids is None else ids
    subjects = by_value(table["USUBJID"], patient_id)
    made = assembler.assemble(leaves, ids, subjects)
    again = read_again([(assembler.reader(sheet.kind), sheet) for sheet in made.written])
    read = _read(domain, again, made.order, vocabulary)
    missing = carried(domain, table, read)
    if missing.columns:
        parts = extension_texts({**missing.columns, **_basis(table, read)}, numeric)
        made = _carrying(assembler, made, leaves, ids, subjects, parts)
    return Resources(made.written, made.order, missing.cells, missing.dated, missing.lost)


def _basis(table: Cells, read: Cells) -> dict[str, pa.Array]:
    """Return the digest of what the elements say, for records that are of a dataset."""
    return {BASIS: read[BASIS]} if DATASET in table else {}


def _carrying(
    assembler: Assembler, made: Assembled, leaves: Cells, ids: pa.Array, subjects: pa.Array, parts: pa.Array
) -> Assembled:
    """Return the same resources with the documented extension; an answer gets it before it is nested."""
    if assembler.domain.rows == "item":
        return assembler.assemble(leaves, ids, subjects, parts)
    *others, own = made.written
    return Assembled([*others, own.carrying(parts)], made.order)


@lru_cache(maxsize=64)
def _assembler(domain: Domain, version: Version) -> Assembler:
    return Assembler(domain, version, Extractor(paths_by_type([domain]), version))


def patient_id(usubjid: str) -> str:
    """Return the id of a subject's Patient."""
    return digest("Patient", usubjid)


def read_back(
    domain: Domain, written: Sequence[Sheet], order: np.ndarray, vocabulary: Vocabulary, version: Version
) -> dict[str, pa.Array]:
    """Return the SDTM columns that a reader finds in the text of what was written, in record order."""
    extraction = Extraction(_assembler(domain, version).extractor, 0, Source("", Path()))
    for sheet in written:
        data = list(sheet.lines())
        nothing = [""] * len(data)
        extraction.add(Batch(sheet.kind, "", data, list(range(len(data))), nothing, nothing, nothing))
    return _read(domain, staged_of(extraction.finished()), order, vocabulary, carried=True)


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
