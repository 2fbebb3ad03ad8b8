"""A study's SDTM datasets to FHIR: block of subjects by block, each record to its resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np
import pyarrow.compute as pc

from trialbridge.carriage import DATASET, ROW
from trialbridge.converters.declared import library
from trialbridge.converters.fhir_parts import Part, blocks, part_of, study_of_datasets
from trialbridge.converters.to_fhir import patient_id, to_resources
from trialbridge.elements import Version
from trialbridge.model import Dataset
from trialbridge.registry import SUBJECTS
from trialbridge.vocabulary import USUBJID, Vocabulary

BLOCK_SUBJECTS = 50
IMPLIED = frozenset({DATASET, ROW})
"""Parts of the extension that are no cells."""

ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True)
class Line:
    """One resource: its type, its id, the id of its subject's Patient (empty for nobody's), and its text."""

    kind: str
    id: str
    patient: str
    text: bytes


@dataclass
class Account:
    """What became of the cells of a dataset.

    Attributes:
        records: How many records it has.
        cells: Variable -> how many of its cells hold a value.
        carried: Variable -> how many of them the documented extension carries.
        dated: Variable -> for how many of these an element holds the date, and the extension the time with it.
        lost: Variable -> how many no FHIR text can hold.
    """

    records: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)
    dated: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


@dataclass
class DatasetsToFhir:
    """The datasets of one study on their way to FHIR; iterating it gives the resources, once.

    Attributes:
        datasets: The datasets.
        version: The FHIR release to write.
        vocabulary: The study's words.
        block_subjects: Subjects in a block; any number gives the same resources.
        accounts: Dataset -> what became of its cells, so far.
    """

    datasets: Sequence[Dataset]
    version: Version = "R4"
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    block_subjects: int = BLOCK_SUBJECTS
    accounts: dict[str, Account] = field(default_factory=dict)

    @cached_property
    def study(self) -> str:
        """STUDYID; empty where there is no DM, or where it holds several."""
        return study_of_datasets(self.datasets)

    def __iter__(self) -> Iterator[list[Line]]:
        """Yield the resources of each block: those that others point to stand first."""
        parts = {dataset.name: part_of(dataset, self.study) for dataset in self.datasets}
        self.accounts.update({name: _account(part) for name, part in parts.items()})
        yield [_library(dataset) for dataset in self.datasets]
        seen: set[tuple[str, str]] = set()
        for block in blocks(list(parts.values()), self.block_subjects):
            lines = list(self._block(parts, block))
            fresh = {(line.kind, line.id): line for line in reversed(lines)}
            yield [line for (kind, name), line in reversed(fresh.items()) if (kind, name) not in seen]
            seen |= {(line.kind, line.id) for line in fresh.values() if not line.patient}

    def _block(self, parts: dict[str, Part], block: dict[str, np.ndarray]) -> Iterator[Line]:
        """Yield the resources of some records; a subject that DM does not know has a Patient all the same."""
        known: set[str] = set()
        subjects: dict[str, None] = {}
        for name, rows in sorted(block.items(), key=lambda item: (item[0] != "DM", item[0])):
            part = parts[name]
            names = pc.unique(part.subjects.take(rows)).drop_null().to_pylist()
            subjects |= dict.fromkeys(names)
            for line in self._records(part, rows):
                if line.kind == "Patient":
                    known.add(line.id)
                yield line
        yield from (bare_patient(name) for name in subjects if patient_id(name) not in known)

    def _records(self, part: Part, rows: np.ndarray) -> Iterator[Line]:
        table = {**part.take(rows), "USUBJID": part.subjects.take(rows)}
        made = to_resources(
            part.domain,
            table,
            self.vocabulary,
            self.version,
            ids=part.ids.take(rows),
            numeric=part.numeric,
        )
        account = self.accounts[part.name]
        account.carried.update({name: count for name, count in made.carried.items() if name not in IMPLIED})
        account.dated.update(made.dated)
        account.lost.update(made.lost)
        for written in made.written:
            for row, text in zip(written.rows, written.lines(), strict=True):
                yield Line(written.kind, row.id, _patient_of(written.kind, row), text)  # type: ignore[attr-defined]  # a Struct made at run time


def _account(part: Part) -> Account:
    cells = {
        name: len(column) - column.null_count for name, column in part.columns.items() if name not in IMPLIED
    }
    return Account(len(part.subjects), Counter(cells))


def _patient_of(kind: str, row: msgspec.Struct) -> str:
    """Return the id of the Patient that a resource is of."""
    if kind == "Patient":
        return str(row.id)  # type: ignore[attr-defined]  # a Struct made at run time
    holder = SUBJECTS.get(kind, "subject.reference").partition(".")[0]
    reference = getattr(getattr(row, holder, getattr(row, "subject", None)), "reference", None) or ""
    return str(reference).removeprefix("Patient/") if str(reference).startswith("Patient/") else ""


def _library(dataset: Dataset) -> Line:
    resource = library(dataset)
    return Line("Library", resource["id"], "", ENCODER.encode(resource))


def bare_patient(usubjid: str) -> Line:
    """Return the Patient of a subject of whom nothing is known but the identifier."""
    name = patient_id(usubjid)
    resource = {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": USUBJID, "value": usubjid}],
    }
    return Line("Patient", name, name, ENCODER.encode(resource))
