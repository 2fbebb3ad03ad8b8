"""SDTM records that were carried to FHIR, read back: to the dataset that each says it is of, as they were.

Such a resource, or answered item, names its dataset in the documented extension. What an element says is read
by the rules of the domain, the rest from the extension. Where the elements no longer say what they said when
the record was written (its digest tells), they count, and a finding says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import (
    ABSENT,
    BASIS,
    CLASS,
    DATASET,
    DECIMALS,
    PLACES,
    RECORD,
    ROW,
    extension_paths,
    numbers_in,
    read_extension,
    shortest,
)
from trialbridge.classes import of_class
from trialbridge.columns import TEXT, blank
from trialbridge.conversion import POINTERS
from trialbridge.converters.declared import DeclaredDataset, read_library
from trialbridge.converters.design_restored import restored_design
from trialbridge.converters.fhir_bytes import Source, content
from trialbridge.converters.fhir_parts import CARRIED, declaration_of, study_of_datasets
from trialbridge.converters.identity import Identities
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.provenance import JOIN
from trialbridge.converters.record_ids import code_of
from trialbridge.converters.restored_datasets import restored_dataset
from trialbridge.converters.stage import Staged, column
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import Records, basis_of, of_elements, with_extension
from trialbridge.model import Dataset
from trialbridge.native import native
from trialbridge.paths import parse
from trialbridge.registry import SUBJECTS, Paths, all_declarations, paths_by_type
from trialbridge.vocabulary import USUBJID, Vocabulary

SPECIAL = frozenset({ABSENT, BASIS, CLASS, DATASET, DECIMALS, ROW})
PROOF = "~"
"""Stands before the names of columns that are no variables, but say where a record came from."""

STAGED = ("_source", "_position", "_within", "", "id", "meta.versionId", "_version")
"""The staged columns of `conversion.POINTERS`, in its order."""

OF_WHAT = "target[].reference"
"""What is read of a Provenance."""

HEAD = 2**16
FIRST = 64
"""Bytes of a file, and files, that are looked at to guess what was carried."""

LIBRARY = ("name", "content[].data")
"""What is read of a Library."""


@dataclass
class Restored:
    """What was read back.

    Attributes:
        datasets: The datasets, by name.
        provenance: Dataset -> where each of its records came from, see `conversion.POINTERS`.
        records: Resource type -> dataset -> the row of the resource that each of its records came from.
        drawn: Resource type -> rows that records draw on.
        excluded: Resource type -> row -> why it is no record any more.
        findings: Records that were changed since they were written.
    """

    datasets: list[Dataset] = field(default_factory=list)
    provenance: dict[str, pa.Table] = field(default_factory=dict)
    records: dict[str, dict[str, list[np.ndarray]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    drawn: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    excluded: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Table:
    """The columns of a staged table, as leaves."""

    table: pa.Table
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.table)

    def __call__(self, path: str) -> pa.Array:
        """Return the column of a path."""
        return column(self.table, parse(path).local)


@dataclass(frozen=True)
class _Found:
    """The records of one dataset that stand in one table.

    Attributes:
        kind: Resource type.
        unit: ``item`` where answers are the records, ``component`` where components are.
        rows: Rows of the table of that unit.
        parts: The extension of these rows.
        numeric: The parts that are numbers.
        group: The observation class, where the records say it.
    """

    kind: str
    unit: str
    rows: np.ndarray
    parts: frozenset[str]
    numeric: frozenset[str]
    group: str


def restored(staged: Staged, identities: Identities, vocabulary: Vocabulary) -> Restored:
    """Return the datasets whose records say that they are of one.

    Args:
        staged: What was read.
        identities: Who is who in it.
        vocabulary: The words of the study.
    """
    whole = Restored()
    found = _found(staged, identities)
    known = _declared(staged, whole)
    design = restored_design(staged, identities)
    study = ""
    for name in sorted(
        found.keys() | known.keys() | design.tables.keys(), key=lambda name: (name != "DM", name)
    ):
        tables = [_records(name, one, staged, identities, vocabulary, whole) for one in found.get(name, ())]
        table = _in_order(pa.concat_tables(tables, promote_options="default")) if tables else None
        if table is not None:
            whole.provenance[name] = _named(table, proof=True)
            table = _named(table, proof=False)
        elif name in design.tables:
            table = design.tables[name]
        numeric = frozenset().union(*(one.numeric for one in found.get(name, ())))
        whole.datasets.append(restored_dataset(name, table, known.get(name), numeric, study))
        study = study or study_of_datasets(whole.datasets)
    whole.drawn["Provenance"].append(_of_libraries(staged))
    for kind, rows in design.rows.items():
        whole.drawn[kind].append(rows)
    return whole


def _found(staged: Staged, identities: Identities) -> dict[str, list[_Found]]:
    found: dict[str, list[_Found]] = defaultdict(list)
    for (kind, unit), table in staged.tables.items():
        rows = unit or "resource"
        if rows not in PLACES:
            continue
        leaves = _Table(table)
        names = read_extension(rows, leaves).get(DATASET)
        if names is None:
            continue
        live = _live(kind, unit, table, staged, identities)
        encoded = names.dictionary_encode()
        codes = pc.fill_null(encoded.indices, -1).to_numpy()
        for code, name in enumerate(encoded.dictionary.to_pylist()):
            here = np.flatnonzero((codes == code) & live)
            some = _Table(
                table.select([one for one in table.column_names if one in _locals(rows)]).take(pa.array(here))
            )
            carried = read_extension(rows, some)
            group = pc.unique(carried[CLASS]).drop_null()[0].as_py() if CLASS in carried else ""
            parts = frozenset(carried) - SPECIAL
            found[name].append(_Found(kind, unit, here, parts, numbers_in(rows, some), group))
    return found


def _locals(rows: str) -> set[str]:
    return {parse(path).local for path in extension_paths(rows)}


def _live(kind: str, unit: str, table: pa.Table, staged: Staged, identities: Identities) -> np.ndarray:
    """Return which rows count: no superseded version, no exact duplicate."""
    live: np.ndarray = identities.indexes[kind].live
    return live if not unit else live[_resources(kind, table, staged)]


def _resources(kind: str, unit: pa.Table, staged: Staged) -> np.ndarray:
    """Return the row of the resource that each row of a unit table stands in."""
    whole = staged.table(kind)
    assert whole is not None  # noqa: S101 -- a unit stands in a resource
    found: np.ndarray = pc.index_in(column(unit, "_parent"), column(whole, "_uid")).to_numpy()
    return found


def _declared(staged: Staged, whole: Restored) -> dict[str, DeclaredDataset]:
    table = staged.table("Library")
    if table is None:
        return {}
    contents = enumerate(column(table, LIBRARY[1]).to_pylist())
    found = {row: one for row, data in contents if data and (one := read_library(data)) is not None}
    whole.drawn["Library"].append(np.fromiter(found, np.int64, len(found)))
    return {one.name: one for one in found.values()}


def _of_libraries(staged: Staged) -> np.ndarray:
    """Return the rows of what says where a dataset comes from."""
    table = staged.table("Provenance")
    if table is None:
        return np.zeros(0, np.int64)
    ours = pc.fill_null(pc.match_substring(column(table, OF_WHAT), "Library/"), False)  # noqa: FBT003 -- an Arrow scalar
    return np.flatnonzero(ours.to_numpy(zero_copy_only=False))


def _records(
    name: str, found: _Found, staged: Staged, identities: Identities, vocabulary: Vocabulary, whole: Restored
) -> pa.Table:
    """Return the records of one dataset that stand in one table, with their place in the dataset."""
    domain = declaration_of(name, found.parts, found.kind, group=found.group).carrying(sorted(found.parts))
    table = staged.table(found.kind, found.unit)
    assert table is not None  # noqa: S101 -- it is where the records were found
    numbers = pa.array(found.rows)
    base = _resources(found.kind, table.take(numbers), staged) if found.unit else found.rows
    rowset = Rowset(pa.array(base), numbers if found.unit else pa.nulls(len(base), pa.int64()))
    leaves = StagedLeaves(domain, staged, identities, rowset)
    natives = of_elements(domain, leaves, vocabulary)
    carried = read_extension(domain.rows, leaves)
    records = with_extension(domain, leaves, natives)
    values = dict(records.values)
    changed = _changed(basis_of(domain, leaves, natives), carried)
    kept = np.ones(len(base), bool)
    if changed.any():
        _note(name, leaves, changed, whole)
        values |= _elements_first(natives.values, values, changed)
        kept = _kept(leaves, changed, whole)
    whole.records[found.kind][name].append(base[kept])
    _draw(leaves, whole)
    patients = _patients(found.kind, staged, identities, rowset.base)
    whole.drawn["Patient"].append(patients.drop_null().to_numpy())
    values = {key: one for key, one in values.items() if key not in SPECIAL}
    values["USUBJID"] = pc.coalesce(values.get("USUBJID", blank(len(base))), _usubjid(staged, patients))
    proof = _proof(leaves, staged, records, values, code_of(name))
    order = shortest(carried.get(ROW, blank(len(base)))).cast(pa.int64())
    table = pa.table({**values, **{f"{PROOF}{key}": one for key, one in proof.items()}, ROW: order})
    return table.filter(pa.array(kept))


def _kept(leaves: StagedLeaves, changed: np.ndarray, whole: Restored) -> np.ndarray:
    """Return which records still count: not those whose changed resource is now withdrawn."""
    kept = np.ones(leaves.rows, bool)
    base = leaves.rowset.base.to_numpy()
    for path, reasons in leaves.domain.excluded.items():
        codes = leaves(path).to_pylist()
        for row in np.flatnonzero(changed):
            if (reason := reasons.get(codes[row])) is not None:
                whole.excluded[leaves.domain.source][int(base[row])] = reason
                kept[row] = False
    return kept


def _proof(
    leaves: StagedLeaves, staged: Staged, records: Records, values: Mapping[str, pa.Array], code: str
) -> dict[str, pa.Array]:
    """Return where each record came from: its keys, its resource, the alternatives, the joins."""
    rows = leaves.rows
    sequence = values.get(f"{code}SEQ", blank(rows))
    plain = pc.match_substring_regex(sequence, r"^\d{1,15}$")
    sources = pa.array([source.name for source in staged.sources], TEXT)
    pointers = leaves.pointers(dict(zip(POINTERS.names, STAGED, strict=False)))
    return {
        "USUBJID": values["USUBJID"],
        "SEQ": pc.if_else(plain, sequence, pa.scalar(None, TEXT)).cast(pa.int64()),
        "declaration": pa.array(np.full(rows, CARRIED), pa.int64()),
        **pointers,
        "source": sources.take(pointers["source"]),
        "resource_type": pa.array([leaves.domain.source]).take(pa.array(np.zeros(rows, np.int8))),
        "item": leaves.items(),
        **{key: one for key, one in records.which.items() if key not in SPECIAL},
        **{f"{JOIN}{key}": leaves.keys(key) for key in leaves.domain.joins},
    }


def _draw(leaves: StagedLeaves, whole: Restored) -> None:
    """Note the resources that the records draw on."""
    for name, join in leaves.domain.joins.items():
        _, rows = leaves.joined(name)
        whole.drawn[join.type].append(rows.drop_null().to_numpy())


def _changed(basis: pa.Array, carried: Mapping[str, pa.Array]) -> np.ndarray:
    """Return which records are of resources whose elements say something else than when they were written."""
    if BASIS not in carried:
        return np.zeros(len(basis), bool)
    differs = pc.fill_null(pc.not_equal(basis, carried[BASIS]), False)  # noqa: FBT003 -- an Arrow scalar
    changed: np.ndarray = differs.to_numpy(zero_copy_only=False)
    return changed


def _note(name: str, leaves: StagedLeaves, changed: np.ndarray, whole: Restored) -> None:
    ids = leaves.pointers({"id": "id"})["id"].to_pylist()
    message = (
        "somebody changed the resource since the record was written; what its elements say counts, "
        "and what was derived of them before may no longer hold"
    )
    whole.findings += [
        Finding(
            Severity.WARNING, "record-changed", message, name, resource=f"{leaves.domain.source}/{ids[row]}"
        )
        for row in np.flatnonzero(changed)
    ]


def _elements_first(
    natives: Mapping[str, pa.Array], values: Mapping[str, pa.Array], changed: np.ndarray
) -> dict[str, pa.Array]:
    """Return the columns with what the elements say, in records that were changed."""
    mask = pa.array(changed)
    return {
        name: pc.if_else(
            pc.and_not(pc.and_(mask, one.is_valid()), _finer(values[name], one)), one, values[name]
        )
        for name, one in natives.items()
        if one.null_count < len(one)
    }


def _finer(carried: pa.Array, native: pa.Array) -> pa.Array:
    """Return where what is carried is a time on the day that an element says: it may not say more."""
    day = pc.binary_join_element_wise(native, "T", "")
    return pc.fill_null(pc.equal(pc.utf8_slice_codeunits(carried, 0, 11), day), False)  # noqa: FBT003 -- an Arrow scalar


def _usubjid(staged: Staged, rows: pa.Array) -> pa.Array:
    table = staged.table("Patient")
    known = blank(0) if table is None else column(table, f"identifier[system={USUBJID}].value")
    return known.take(rows)


def _patients(kind: str, staged: Staged, identities: Identities, rows: pa.Array) -> pa.Array:
    """Return the row of the Patient that each resource is of; null for none."""
    table = staged.tables[kind, ""].take(rows)
    references = column(table, SUBJECTS.get(kind, "subject.reference"))
    return identities.resolve("Patient", table, kind, references)


def _in_order(table: pa.Table) -> pa.Table:
    """Return the records in the order that they say they had; those that do not say follow."""
    return table.take(pc.sort_indices(table[ROW])).combine_chunks()


def _named(table: pa.Table, *, proof: bool) -> pa.Table:
    """Return the columns that are variables, or those that say where a record came from."""
    names = [name for name in table.column_names if name.startswith(PROOF) == proof and name != ROW]
    return table.select(names).rename_columns([name.removeprefix(PROOF) for name in names])


def carried_paths(*, natively: bool = False) -> dict[str, Paths]:
    """Return what must be read of FHIR for records to come back: resource type -> unit -> paths.

    Args:
        natively: Read the elements that only records from SDTM use, too.
    """
    generic = [of_class("XX", group) for group in ("FINDINGS", "INTERVENTIONS", "EVENTS", "")]
    known = [*all_declarations(), *generic]
    paths = paths_by_type([*known, *(map(native, known) if natively else ())])
    paths["Library"] = {"": dict.fromkeys(LIBRARY)}
    paths.setdefault("Provenance", {}).setdefault("", {})[OF_WHAT] = None
    return paths


def seem_carried(sources: Sequence[Source]) -> bool:
    """Return whether the first bytes of some file have the documented extension: a guess, to read once."""
    return any(RECORD.encode() in content(source, HEAD)[0] for source in sources[:FIRST])
