"""A study's SDTM datasets to FHIR: block of subjects by block, each record to its resource."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context

import msgspec
import numpy as np
import pyarrow as pa

from trialbridge.carriage import CLASS, DATASET, ROW
from trialbridge.columns import by_value
from trialbridge.converters.block_to_fhir import ENCODER, Line, Made, Slice, gate_of, make_block
from trialbridge.converters.declared import library
from trialbridge.converters.design_forms import Json
from trialbridge.converters.design_lines import DesignResources, design_resources, is_of, with_design
from trialbridge.converters.fhir_parts import Part, blocks, part_of, study_of_datasets
from trialbridge.converters.study_to_fhir import (
    Questions,
    arms_of,
    parents_of,
    questions_of,
    states_of,
)
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.lean import become_lean
from trialbridge.model import Dataset
from trialbridge.native import PARENT, STATE
from trialbridge.vocabulary import Vocabulary

IMPLIED = frozenset({CLASS, DATASET, ROW, PARENT, STATE})
"""Columns that are no cells."""

WORTH_A_PROCESS = 100_000
"""Records from which on a second process gains more time than its start takes."""


@dataclass
class Account:
    """What became of the cells of a dataset.

    Attributes:
        records: How many records it has.
        cells: Variable -> how many of its cells hold a value.
        carried: Variable -> how many of them the documented extension carries.
        dated: Variable -> for how many of these an element holds the date, the extension the time too.
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
        block_subjects: Subjects in a block; any number gives the same resources. None for what memory likes.
        processes: How many work; none for two where there is much to do.
        accounts: Dataset -> what became of its cells, so far.
        findings: What the output gate has found, so far.
        joined: Whether the study of the subjects has the design by now.
        shared: ``Type/id`` of what was yielded so far and is of no subject.
    """

    datasets: Sequence[Dataset]
    version: Version = "R4"
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    block_subjects: int | None = None
    processes: int | None = None
    accounts: dict[str, Account] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    joined: bool = False
    shared: set[str] = field(default_factory=set)

    @cached_property
    def study(self) -> str:
        """STUDYID; empty where there is no DM, or where it holds several."""
        return study_of_datasets(self.datasets)

    def __iter__(self) -> Iterator[list[Line]]:
        """Yield the resources of each block: those that others point to stand first."""
        parts = [part_of(dataset, self.study) for dataset in self.datasets]
        self.accounts.update({part.name: _account(part) for part in parts})
        design = design_resources(parts, self.study, self.version)
        parts = [part for part in parts if part.name not in design.names]
        for name in design.names:
            self.accounts[name].carried.update(design.carried[name])
        yield self.checked([*map(_library, self.datasets), *map(_line, design.others)])
        questions = questions_of(self.datasets)
        seen: set[tuple[str, str]] = set()
        for made in self._made(self._tasks(parts)):
            self._note(made)
            fresh = [line for line in made.lines if line.patient or line[:2] not in seen]
            shared = {line[:2] for line in fresh if not line.patient}
            seen |= shared
            self.shared |= {"/".join(name) for name in shared}
            whole = [self._whole(line, questions) if line[:2] in shared else line for line in fresh]
            yield [self._designed(line, design) for line in whole]
        if design.names and not self.joined:
            yield self.checked([_line(design.study)])

    def _tasks(self, parts: Sequence[Part]) -> Iterator[list[Slice]]:
        """Yield the records of each block."""
        parents = parents_of(parts)
        arms = arms_of(self.datasets, self.version)
        states = states_of(self.datasets)
        known = {part.name: part for part in parts}
        for block in blocks(parts, self.block_subjects):
            yield [
                one
                for name, rows in block.items()
                for one in _slices(known[name], rows, parents.get(name), arms, states)
            ]

    def _made(self, tasks: Iterable[list[Slice]]) -> Iterator[Made]:
        """Yield what the blocks become, in their order; every second one is made elsewhere."""
        if self._processes() == 1:
            yield from (make_block(task, self.vocabulary, self.version) for task in tasks)
            return
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=become_lean) as pool:
            waiting: Future[Made] | None = None
            mine = iter(tasks)
            for task in mine:
                other = next(mine, None)
                ahead = other and pool.submit(make_block, other, self.vocabulary, self.version)
                if waiting:
                    yield waiting.result()
                yield make_block(task, self.vocabulary, self.version)
                waiting = ahead or None
            if waiting:
                yield waiting.result()

    def _processes(self) -> int:
        if self.processes is not None:
            return self.processes
        records = sum(dataset.table.num_rows for dataset in self.datasets)
        return min(2, os.cpu_count() or 1) if records >= WORTH_A_PROCESS else 1

    def _note(self, made: Made) -> None:
        self.findings += made.findings
        for one in made.counts:
            account = self.accounts[one.dataset]
            account.carried.update(
                {name: count for name, count in one.carried.items() if name not in IMPLIED}
            )
            account.dated.update(one.dated)
            account.lost.update(one.lost)

    def _whole(self, line: Line, questions: Questions) -> Line:
        """Return a resource of nobody with what the study says of it: a questionnaire with its questions."""
        if line.kind != "Questionnaire":
            return line
        resource = msgspec.json.decode(line.text)
        items = questions.get(resource.get("title", ""))
        if not items:
            return line
        text = ENCODER.encode({**resource, "item": [dict(one) for one in items]})
        return self.checked([line._replace(text=text)])[0]

    def _designed(self, line: Line, design: DesignResources) -> Line:
        """Return the study of the subjects with the design of the trial, and any other resource as it is."""
        if line.kind != "ResearchStudy" or not design.names or self.joined:
            return line
        resource = msgspec.json.decode(line.text)
        if not is_of(resource, self.study):
            return line
        self.joined = True
        text = ENCODER.encode(with_design(resource, design.study))
        return self.checked([line._replace(text=text)])[0]

    def checked(self, lines: list[Line]) -> list[Line]:
        """Return some resources, after the gate has seen them; they may lead to what was yielded before."""
        names = {f"{line.kind}/{line.id}" for line in lines}
        known = self.shared - names
        self.findings += gate_of(self.version).check(((line.kind, line.text) for line in lines), known)
        self.shared |= names
        return lines


def _slices(
    part: Part,
    rows: np.ndarray,
    parents: pa.Array | None,
    arms: tuple[tuple[str, str], ...],
    states: Mapping[str, str],
) -> Iterator[Slice]:
    """Yield some records of a dataset, those of each resource type by themselves."""
    kinds = part.kinds[rows]
    for kind in dict.fromkeys(kinds):
        some = rows[kinds == kind]
        chosen = pa.array(some)
        table = {**part.take(some), "USUBJID": part.subjects.take(chosen)}
        if parents is not None:
            table[PARENT] = parents.take(chosen)
        if part.name == "DM":
            table[STATE] = by_value(table["USUBJID"], states.get)
        constants = arms if part.name == "DM" else ()
        ids = part.ids.take(chosen)
        yield Slice(part.name, part.variables, kind, constants, part.numeric, table, ids)


def _account(part: Part) -> Account:
    return Account(len(part.subjects), Counter(part.columns.filled()))


def _line(resource: Json) -> Line:
    return Line(resource["resourceType"], resource["id"], "", ENCODER.encode(resource))


def _library(dataset: Dataset) -> Line:
    resource = library(dataset)
    return Line("Library", resource["id"], "", ENCODER.encode(resource))
