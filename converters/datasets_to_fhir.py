"""A study's SDTM datasets to FHIR: block of subjects by block, each record to its resource."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import CLASS, DATASET, ROW
from trialbridge.converters.block_to_fhir import ENCODER, Made, Task, gate_of, make_block
from trialbridge.converters.declared import library
from trialbridge.converters.design_forms import Json
from trialbridge.converters.design_lines import DesignResources, design_resources, is_of, with_design
from trialbridge.converters.design_resources import DATASETS
from trialbridge.converters.fhir_parts import Layout, first_subjects, layout_of, part_of
from trialbridge.converters.other_processes import other_processes
from trialbridge.converters.overview import NOBODY, Overview, blocks_of, counted
from trialbridge.converters.resource_lines import Block, Line, Lines, gathered
from trialbridge.converters.stored_datasets import Stored, held
from trialbridge.converters.study_to_fhir import Questions, arms_of, questions_of
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.model import Dataset
from trialbridge.native import PARENT, STATE
from trialbridge.vocabulary import Vocabulary

IMPLIED = frozenset({CLASS, DATASET, ROW, PARENT, STATE})
"""Columns that are no cells."""

WORTH_A_PROCESS = 100_000
"""Records from which on a second process gains more time than its start takes."""

AHEAD = 2
"""Blocks that wait for the other process, so that it need not wait for this one."""

MOST = 4
"""Blocks that are held until those before them are done."""


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


@dataclass(frozen=True)
class _Said:
    """What a whole study says of resources that are of nobody."""

    questions: Questions
    design: DesignResources


@dataclass
class DatasetsToFhir:
    """The datasets of one study on their way to FHIR; iterating it gives the resources, once.

    Attributes:
        datasets: The datasets.
        version: The FHIR release to write.
        vocabulary: The study's words.
        block_subjects: Subjects in a block; any number gives the same resources. None for what memory likes.
        processes: How many work; none for two where there is much to do.
        others: Another process that was started before; else it is started where it is wanted.
        accounts: Dataset -> what became of its cells, so far.
        findings: What the output gate has found, so far.
        joined: Whether the study of the subjects has the design by now.
        shared: ``Type/id`` of what was yielded so far and is of no subject.
    """

    datasets: Sequence[Dataset | Stored]
    version: Version = "R4"
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    block_subjects: int | None = None
    processes: int | None = None
    others: Executor | None = None
    accounts: dict[str, Account] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    joined: bool = False
    shared: set[str] = field(default_factory=set)

    @cached_property
    def stored(self) -> list[Stored]:
        """The datasets, looked over."""
        return [held(one) if isinstance(one, Dataset) else one for one in self.datasets]

    @cached_property
    def study(self) -> str:
        """STUDYID; empty where there is no DM, or where it holds several."""
        return next((one.overview.said("STUDYID") for one in self.stored if one.described.name == "DM"), "")

    def __iter__(self) -> Iterator[Block]:
        """Yield the resources of each block: those that others point to stand first."""
        layouts = [layout_of(one.described, one.overview, self.study) for one in self.stored]
        self.accounts.update(
            {one.name: _account(one, kept.overview) for one, kept in zip(layouts, self.stored, strict=True)}
        )
        design = self._design(layouts)
        for name in design.names:
            self.accounts[name].carried.update(design.carried[name])
        libraries = [_library(one.described) for one in self.stored]
        yield self.checked([*libraries, *map(_line, design.others)])
        said = _Said(questions_of(one.overview for one in self.stored), design)
        for made in self._made(self._tasks(layouts, design.names)):
            self._note(made)
            fresh = (self._fresh(part) for part in made.lines)
            yield Block([self._whole(part, said) for part in fresh if len(part.ids)])
        if design.names and not self.joined:
            yield self.checked([_line(design.study)])

    def _design(self, layouts: Sequence[Layout]) -> DesignResources:
        """Return the trial design, of the datasets whose records are of nobody."""
        subjects = any(layout.name == "DM" for layout in layouts)
        parts = [
            part_of(layout, one.whole(), np.arange(one.overview.rows))
            for layout, one in zip(layouts, self.stored, strict=True)
            if layout.name in DATASETS and one.overview.rows and not one.overview.subjects
        ]
        return design_resources(parts, self.study, self.version, arms=not subjects)

    def _tasks(self, layouts: Sequence[Layout], designed: Collection[str]) -> Iterator[Task]:
        """Yield the records of each block."""
        some = [pair for pair in zip(layouts, self.stored, strict=True) if pair[0].name not in designed]
        records = counted([one.overview for _, one in some])
        names = sorted(records)
        firsts = first_subjects([records[name] for name in names], self.block_subjects)
        numbers = np.searchsorted(firsts, np.arange(len(names)), side="right") - 1
        blocks = dict(zip(names, numbers.tolist(), strict=True))
        pieces = [one.pieces(blocks_of(one.overview, blocks)) for _, one in some]
        arms = arms_of([one.whole() for one in self.stored if one.described.name == "TA"], self.version)
        for number in range(NOBODY, len(firsts)):
            own = [
                (layout, piece[number])
                for (layout, _), piece in zip(some, pieces, strict=True)
                if number in piece
            ]
            if own:
                yield Task(own, arms, self.vocabulary, self.version)

    def _made(self, tasks: Iterable[Task]) -> Iterator[Made]:
        """Yield what the blocks become, in their order; what another process has no time for is made here."""
        if self._processes() == 1:
            yield from map(make_block, tasks)
            return
        with other_processes(1, self.others) as pool:
            waiting: deque[Future[Made]] = deque()
            for task in tasks:
                if sum(not one.done() for one in waiting) < AHEAD:
                    waiting.append(pool.submit(make_block, task))
                else:
                    waiting.append(_done(make_block(task)))
                while waiting and (waiting[0].done() or len(waiting) > MOST):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _processes(self) -> int:
        if self.processes is not None:
            return self.processes
        if self.others is not None:
            return 2
        records = sum(one.overview.rows for one in self.stored)
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

    def _fresh(self, part: Lines) -> Lines:
        """Return the resources without those of nobody that were yielded before."""
        nobodys = part.nobodys
        if not pc.any(nobodys).as_py():
            return part
        names = pc.if_else(nobodys, pc.binary_join_element_wise(part.kind, part.ids, "/"), None).to_pylist()
        fresh = [name is None or name not in self.shared for name in names]
        self.shared.update(filter(None, names))
        return part if all(fresh) else part.filter(pa.array(fresh))

    def _whole(self, part: Lines, said: _Said) -> Lines:
        """Return resources with what the whole study says of them: its questions, and its design."""
        change = {"Questionnaire": self._asking, "ResearchStudy": self._designed}.get(part.kind)
        if change is None:
            return part
        (whole,) = gathered(change(line, said) for line in part.each())
        return whole

    def _asking(self, line: Line, said: _Said) -> Line:
        """Return a questionnaire with its questions."""
        resource = msgspec.json.decode(line.text)
        items = said.questions.get(resource.get("title", ""))
        return self._changed(line, {**resource, "item": [dict(one) for one in items]}) if items else line

    def _designed(self, line: Line, said: _Said) -> Line:
        """Return the study of the subjects with the design of the trial, and any other as it is."""
        resource = msgspec.json.decode(line.text)
        if not said.design.names or self.joined or not is_of(resource, self.study):
            return line
        self.joined = True
        return self._changed(line, with_design(resource, said.design.study))

    def _changed(self, line: Line, resource: Json) -> Line:
        (changed,) = self.checked([line._replace(text=ENCODER.encode(resource))])
        return changed

    def checked(self, lines: Sequence[Line]) -> Block:
        """Return some resources, after the gate has seen them; they may lead to what was yielded before."""
        names = {f"{line.kind}/{line.id}" for line in lines}
        known = self.shared - names
        self.findings += gate_of(self.version).check(((line.kind, line.text) for line in lines), known)
        self.shared |= names
        return Block([*gathered(lines)])


def _account(layout: Layout, overview: Overview) -> Account:
    return Account(overview.rows, Counter({name: overview.filled[name] for name in layout.kept}))


def _done(made: Made) -> Future[Made]:
    future: Future[Made] = Future()
    future.set_result(made)
    return future


def _line(resource: Json) -> Line:
    return Line(resource["resourceType"], resource["id"], "", ENCODER.encode(resource))


def _library(dataset: Dataset) -> Line:
    resource = library(dataset)
    return Line("Library", resource["id"], "", ENCODER.encode(resource))
