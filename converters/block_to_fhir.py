"""One block of subjects to FHIR: their records of every dataset, and what the gate says of the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache, reduce
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.arms import without_arm
from trialbridge.columns import by_value, combinations, remembering
from trialbridge.converters.component_panels import joined_panels
from trialbridge.converters.fhir_gate import Gate
from trialbridge.converters.fhir_gate_columns import check_sheets
from trialbridge.converters.fhir_parts import Layout, declaration_of, part_of
from trialbridge.converters.record_ids import code_of
from trialbridge.converters.resource_lines import Line, Lines, gathered
from trialbridge.converters.sheets import Sheet
from trialbridge.converters.stored_datasets import Piece
from trialbridge.converters.study_to_fhir import parents_of, states_of
from trialbridge.converters.to_fhir import Resources, patient_id, to_resources
from trialbridge.converters.uncollected import uncollected
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.loinc_back import loinc_column
from trialbridge.mapping import Domain
from trialbridge.native import LEAD, PARENT, STATE, with_arms
from trialbridge.vocabulary import USUBJID, Vocabulary

ENCODER = msgspec.json.Encoder()


def _of_subject(table: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return what follows from records of DM: why there is no arm, and the part of an investigator."""
    named = [table[name].is_valid() for name in ("INVID", "INVNAM") if name in table]
    leads = pc.if_else(reduce(pc.or_, named), "primary-investigator", None) if named else None
    return {**without_arm(table), **({LEAD: leads.cast(pa.string())} if leads is not None else {})}


FOLLOWS: Mapping[str, Callable[[Mapping[str, pa.Array]], Mapping[str, pa.Array]]] = {
    "DM": _of_subject,
    "LB": lambda table: {"LBLOINC": loinc_column(table)},
}
"""Domain -> what is written of its records that they do not hold as they are, and is not read back."""


class Slice(NamedTuple):
    """Records of one dataset that follow one declaration.

    Attributes:
        layout: What all records of the dataset share.
        kind: Their resource type, which tells the declaration.
        table: Variable, or part of the extension -> text, with ``USUBJID``.
        ids: The id of each record's resource.
    """

    layout: Layout
    kind: str
    table: Mapping[str, pa.Array]
    ids: pa.Array


class Task(NamedTuple):
    """All records of a block of subjects.

    Attributes:
        pieces: Their records of each dataset.
        constants: Path -> what is written in the resource of every subject.
        vocabulary: The words of the study.
        version: The FHIR release to write.
    """

    pieces: Sequence[tuple[Layout, Piece]]
    constants: tuple[tuple[str, str], ...]
    vocabulary: Vocabulary
    version: Version


class Counts(NamedTuple):
    """What became of the cells of some records: variable -> how many, see `to_fhir.Resources`."""

    dataset: str
    carried: Mapping[str, int]
    dated: Mapping[str, int]
    lost: Mapping[str, int]


class Made(NamedTuple):
    """What a block became: its resources, those that others point to first, and what is said of them."""

    lines: list[Lines]
    counts: list[Counts]
    findings: list[Finding]


def make_block(task: Task) -> Made:
    """Return the resources of a block of subjects; one that DM does not know has a Patient all the same."""
    with uncollected(), remembering():
        return _made(task)


def _made(task: Task) -> Made:
    found = _Found()
    counts = []
    subjects: dict[str, None] = {}
    for one in _slices(task.pieces):
        domain = _domain_of(one, task)
        made = _resources(domain, one, task)
        counts.append(Counts(one.layout.name, made.carried, made.dated, made.lost))
        subjects |= dict.fromkeys(pc.unique(one.table["USUBJID"]).drop_null().to_pylist())
        *joined, own = made.written
        for sheet in joined:
            found.add(sheet, sheet.patients())
        own, patients = _own(domain, own, one, task.version)
        found.add(own, patients)
    bare = [bare_patient(name) for name in found.without_patient(subjects)]
    gate = gate_of(task.version)
    findings = gate.check(((line.kind, line.text) for line in bare), set())
    findings += check_sheets(gate, found.sheets, [f"{line.kind}/{line.id}" for line in bare])
    return Made([*found.lines(), *gathered(bare)], counts, findings)


def _slices(pieces: Iterable[tuple[Layout, Piece]]) -> Iterator[Slice]:
    """Yield the records by their declarations, those of DM first."""
    parts = [part_of(layout, *piece.read()) for layout, piece in pieces]
    parents, states = parents_of(parts), states_of(parts)
    for part in sorted(parts, key=lambda part: (part.name != "DM", part.name)):
        table = {**part.columns, "USUBJID": part.subjects}
        if part.name in parents:
            table[PARENT] = parents[part.name]
        if part.name == "DM":
            table[STATE] = by_value(part.subjects, states.get)
        for kind in dict.fromkeys(part.kinds):
            some = part.kinds == kind
            if some.all():
                yield Slice(part.layout, kind, table, part.ids)
            else:
                rows = pa.array(np.flatnonzero(some))
                cells = {name: column.take(rows) for name, column in table.items()}
                yield Slice(part.layout, kind, cells, part.ids.take(rows))


def _domain_of(one: Slice, task: Task) -> Domain:
    layout = one.layout
    constants = task.constants if layout.name == "DM" else ()
    return _domain(layout.name, layout.variables, one.kind, tuple(one.table), constants)


def _own(domain: Domain, made: Sheet, one: Slice, version: Version) -> tuple[Sheet, pa.Array]:
    """Return the resources of the records themselves, and the id of the Patient that each is of."""
    if domain.rows == "item":  # answers share a response, which says itself whose it is
        return made, made.patients()
    whole, first = joined_panels(domain, made, one.table, one.ids, version)
    return whole, _patients(one.table["USUBJID"]).take(pa.array(first))


def _resources(domain: Domain, one: Slice, task: Task) -> Resources:
    follows = FOLLOWS.get(code_of(one.layout.name))
    return to_resources(
        domain,
        one.table,
        task.vocabulary,
        task.version,
        ids=one.ids,
        numeric=one.layout.numeric,
        beside=follows(one.table) if follows else None,
    )


def _patients(subjects: pa.Array) -> pa.Array:
    return pc.fill_null(by_value(subjects, patient_id), "")


@dataclass
class _Found:
    """The resources of a block: of several with one id, the first counts."""

    sheets: list[Sheet] = field(default_factory=list)
    patients: list[pa.Array] = field(default_factory=list)
    ids: dict[str, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))

    def add(self, sheet: Sheet, patients: pa.Array) -> None:
        """Add the resources that are new."""
        ids = sheet.ids()
        known = self.ids[sheet.kind]
        first, _ = combinations([ids])
        fresh = np.zeros(len(ids), bool)
        fresh[first] = True
        for some in known:
            fresh &= ~pc.is_in(ids, some).to_numpy(zero_copy_only=False)
        if not fresh.all():
            mask = pa.array(fresh)
            sheet = sheet.take(np.flatnonzero(fresh))
            ids, patients = ids.filter(mask), patients.filter(mask)
        if len(ids):
            known.append(ids)
            self.sheets.append(sheet)
            self.patients.append(patients)

    def without_patient(self, subjects: Iterable[str]) -> Iterator[str]:
        """Yield the subjects that no Patient is of."""
        known = {name for ids in self.ids["Patient"] for name in ids.to_pylist()}
        return (name for name in subjects if patient_id(name) not in known)

    def lines(self) -> Iterator[Lines]:
        """Yield the texts of the resources."""
        for sheet, patients in zip(self.sheets, self.patients, strict=True):
            yield Lines(sheet.kind, sheet.ids(), patients, sheet.texts())


@lru_cache(maxsize=256)
def _domain(
    dataset: str,
    variables: tuple[str, ...],
    kind: str,
    names: tuple[str, ...],
    constants: tuple[tuple[str, str], ...],
) -> Domain:
    """Return the declaration that carries what no rule takes of some variables."""
    domain = declaration_of(dataset, variables, kind)
    carrying = domain.carrying([name for name in names if name != "USUBJID"])
    return with_arms(carrying, dict(constants)) if constants else carrying


@cache
def gate_of(version: Version) -> Gate:
    """Return the gate of a release, which remembers what it has seen."""
    return Gate(version)


def bare_patient(usubjid: str) -> Line:
    """Return the Patient of a subject of whom nothing is known but the identifier."""
    name = patient_id(usubjid)
    resource = {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": USUBJID, "value": usubjid}],
    }
    return Line("Patient", name, name, ENCODER.encode(resource))
