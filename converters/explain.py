"""Where a value comes from: the pointer is followed, the resource read again, and its rule walked slowly.

Nothing of the compiled conversion is used here: paths are interpreted over plain JSON. So what is shown is
proof, and where the two ways disagree, that is shown too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from trialbridge.converters.cells import method_of
from trialbridge.converters.describe_rule import describe
from trialbridge.converters.fhir_parts import CARRIED, declared_by
from trialbridge.converters.fhir_values import Valued, places, released
from trialbridge.converters.manifest import study_of
from trialbridge.converters.read_run import Record, Run
from trialbridge.converters.timing_methods import OF_VISITS
from trialbridge.converters.unmapped import decision_of
from trialbridge.encoded import NAMES, dictionary_of
from trialbridge.errors import ConfigurationError, ReadError, TermError
from trialbridge.mapping import Domain, alternatives
from trialbridge.model import Dataset
from trialbridge.paths import parse
from trialbridge.registry import DERIVED, DOMAINS, SUBJECTS, declarations
from trialbridge.rules import Rule
from trialbridge.standards import codelist, domain_variables
from trialbridge.tested import Tested, TestName, tests_of
from trialbridge.vocabulary import BASES, Vocabulary

INPUTS: Mapping[str, tuple[str, ...]] = {
    "--DY": ("--DTC", "DM.RFSTDTC"),
    "--STDY": ("--STDTC", "DM.RFSTDTC"),
    "--ENDY": ("--ENDTC", "DM.RFSTDTC"),
    "--STRESC": ("--ORRES", "--ORRESU", "--TESTCD", "--SPEC"),
    "--STRESN": ("--STRESC",),
    "--STRESU": ("--STRESC", "--ORRESU", "--TESTCD"),
    "--STNRLO": ("--ORNRLO", "--ORRESU", "--STRESU"),
    "--STNRHI": ("--ORNRHI", "--ORRESU", "--STRESU"),
    "--NRIND": ("--STRESN", "--STNRLO", "--STNRHI"),
    "--LOBXFL": ("--DTC", "DM.RFXSTDTC", "--STRESC"),
    "AGE": ("DM.BRTHDTC", "DM.RFSTDTC"),
    "AGEU": ("DM.AGE",),
    "DTHFL": ("DM.DTHDTC",),
    "USUBJID": ("DM.STUDYID", "DM.SITEID", "DM.SUBJID"),
    "ARMCD": ("DM.ARM",),
    "ACTARMCD": ("DM.ACTARM",),
}
"""Derived variable -> the variables that it was derived from; ``--`` stands for the prefix of the domain."""


class Place(NamedTuple):
    """One resource, and where it stands."""

    resource: str
    version: str
    release: str
    where: str


@dataclass(frozen=True)
class Term:
    """A term of controlled terminology."""

    value: str
    nci_code: str
    preferred_term: str
    codelist: str
    codelist_code: str
    version: str


@dataclass
class Cell:
    """One value, and how it came about.

    Attributes:
        variable: Its variable, or QNAM.
        label: Label of the variable.
        value: The value in the dataset; empty where it is blank.
        how: ``read``, ``decision``, ``extension``, ``constant``, ``assigned``, ``derived`` or ``blank``.
        rule: What the rule does, in words.
        alternative: Such as ``2 of 5``; empty where the rule has one way only.
        found: Exact path and value of everything that the rule read.
        gives: What the rule gives for that now.
        inputs: Variable and value of what it was derived from.
        term: The term of the variable's codelist.
        note: What there is to say besides.
    """

    variable: str
    label: str = ""
    value: str = ""
    how: str = "blank"
    rule: str = ""
    alternative: str = ""
    found: list[Valued] = field(default_factory=list)
    gives: str = ""
    inputs: list[tuple[str, str]] = field(default_factory=list)
    term: Term | None = None
    note: str = ""


@dataclass
class Explanation:
    """One record, or one value of it, and where it comes from.

    Attributes:
        domain: The domain.
        usubjid: The subject.
        seq: The record's number; none in DM.
        source: The resource that it came from.
        joined: Join -> the other resources that it drew on.
        cells: The values.
        problem: Why the input could not be read again; empty where it was.
    """

    domain: str
    usubjid: str
    seq: int | None
    source: Place
    joined: dict[str, Place]
    cells: list[Cell]
    problem: str = ""


def explain(
    folder: Path, domain: str, key: str, variable: str = "", inputs: Sequence[Path] = ()
) -> Explanation:
    """Return where a record of a run, or one variable of it, comes from.

    Args:
        folder: The run folder.
        domain: Such as ``LB``; ``SUPPLB`` means the qualifiers of LB.
        key: ``USUBJID SEQ``, ``USUBJID/SEQ``, or one of the two where that is enough.
        variable: A variable or QNAM; all that have a value without it.
        inputs: Where the input is now, if it was moved since.

    Raises:
        ReadError: `folder` is no run folder.
        ConfigurationError: There is no such domain, record or variable.
    """
    code = domain.removeprefix("SUPP")
    run = Run(folder, inputs)
    study = study_of(run.manifest)
    if code in DERIVED:
        raise ConfigurationError(domain, "is derived from other datasets; the define says how")
    if code not in DOMAINS:
        raise ConfigurationError(domain, f"is none of {', '.join(DOMAINS)}")
    record = run.record(code, key)
    witness = _Witness(run, record, study.vocabulary)
    names = [variable] if variable else [*witness.values]
    cells = [witness.cell(name) for name in names if variable or witness.knows(name)]
    joined = {name: _place(run, pointer) for name, pointer in witness.pointers.items() if pointer}
    source = _place(run, record.pointer)
    return Explanation(code, record.usubjid, record.seq, source, joined, cells, witness.problem)


def _place(run: Run, pointer: Mapping[str, Any]) -> Place:
    name = f"{pointer['resource_type']}/{pointer['id'] or ''}"
    item = f", part {pointer['item']}" if pointer.get("item") else ""
    return Place(name, pointer["version_id"] or "", pointer["release"] or "", run.place(dict(pointer)) + item)


class _Witness:
    """Everything that is known of one record; also the `Leaves` of it, read from plain JSON."""

    rows = 1

    def __init__(self, run: Run, record: Record, vocabulary: Vocabulary) -> None:
        self.memo: dict[str, Any] = {}
        self.problem = ""
        self.vocabulary = vocabulary
        self._run = run
        self._record = record
        self._domain = _declaration(run, record)
        self._shape = run.shape(record)
        self.pointers = {name: run.joined(record, name) for name in self._domain.joins}
        self._resources: dict[str, dict[str, Any] | None] = {}
        self.rules = dict(self._domain.all_rules())
        self.values = _values(run, record)
        self._subject = _values(run, record._replace(domain="DM", seq=None, row=_row_of_subject(run, record)))

    def __call__(self, path: str) -> pa.Array:
        """Return the one-row column of `path`."""
        found = [value for _, value in self._places(path)]
        if any(step.select == "every" for step in parse(path).steps):
            return pa.array([found or None], pa.list_(pa.string()))
        return pa.array(found[:1] or [None], pa.string())

    def _places(self, text: str) -> list[tuple[str, str | None]]:
        path = parse(text)
        name = path.heads[-1] if path.heads else ""
        pointer = self.pointers[name] if name else self._record.pointer
        resource = self._resource(name, pointer) if pointer else None
        if resource is None or pointer is None or self._foreign(name, path.local):
            return []
        there = released(path, pointer["resource_type"], pointer["release"] or "R4")
        return [] if there is None else places(there, resource, "" if name else pointer["item"] or "")

    def _foreign(self, name: str, local: str) -> bool:
        """Return whether a path would be walked over a Patient that stands for an absent ResearchSubject."""
        return not name and self._record.pointer["resource_type"] != self._domain.source and local != "id"

    def _resource(self, name: str, pointer: dict[str, Any]) -> dict[str, Any] | None:
        if name not in self._resources:
            try:
                self._resources[name] = self._run.resource(pointer)
            except ReadError as error:
                self.problem = self.problem or str(error)
                self._resources[name] = None
        return self._resources[name]

    def knows(self, name: str) -> bool:
        """Return whether a mapping fills a variable, or a step that derives it from others."""
        return name in self.rules or (name in self.values and bool(method_of(self._record.domain, name)))

    def cell(self, name: str) -> Cell:
        """Return how one variable came about."""
        if name not in self.rules and self.knows(name):
            method = method_of(self._record.domain, name)
            return Cell(name, self._label(name), self.values[name], "derived", method)
        if name not in self.rules:
            raise ConfigurationError(f"{self._record.domain}.{name}", "no mapping fills this variable")
        rule = self.rules[name]
        cell = Cell(name, self._label(name), self.values.get(name, ""))
        row = self._shape.get(name)
        if row is not None and (cell.value or row["how"] in {"assigned", "derived"}):
            cell.how = row["how"] if cell.value else "blank"
            self._fill(cell, rule, row)
        elif cell.value:
            cell.how, cell.rule = "assigned", "the study's settings"
        else:
            self._blank(cell, rule)
        if name in OF_VISITS and self._record.pointer.get("visit_by"):
            cell.note = f"this record: {self._record.pointer['visit_by']}"
        decided = self._decided(name, rule)
        if decided:
            cell.note = "; ".join(filter(None, (cell.note, decided)))
        cell.term = self._term(cell)
        return cell

    def _fill(self, cell: Cell, rule: Rule, row: Mapping[str, Any]) -> None:
        cell.rule = row["reason"] or ""
        if row["how"] == "decision":
            cell.rule = "a decision about the code or text, before every table"
            cell.found = list(self._found(row["paths"]))
            cell.gives = cell.value
        elif row["how"] in {"read", "extension"}:
            chosen = alternatives(rule)[row["alternative"]] if row["how"] == "read" else None
            cell.rule = "the extension that carries what no element holds"
            if chosen:
                cell.rule = "; here ".join(filter(None, (describe(chosen), self._said_by(chosen))))
            cell.alternative = (
                f"{row['alternative'] + 1} of {row['alternatives']}"
                if chosen and row["alternatives"] > 1
                else ""
            )
            cell.found = list(self._found(row["paths"]))
            cell.gives = (
                (self._given(chosen) or "") if chosen else next((value for _, value in cell.found), "")
            )
            self._compare(cell)
        elif row["how"] == "derived":
            cell.inputs = list(self._inputs(cell.variable))
        if cell.variable == "USUBJID" and self._record.domain != "DM":
            cell.found = list(self._found([SUBJECTS.get(self._domain.source, "subject.reference")]))

    def _said_by(self, rule: Rule | None) -> str:
        """Return by whose word a code is a test, where the rule asks for tests."""
        if not isinstance(rule, Tested | TestName):
            return ""
        test = tests_of(rule.base, self, self.vocabulary)[1][0]
        return f"by {BASES[test.basis]}" if test and test.basis else ""

    def _decided(self, name: str, rule: Rule) -> str:
        """Return who decided what the source has for a variable to be, when and why."""
        decisions = self.vocabulary.decisions
        if not decisions.about(self._record.domain, name):
            return ""
        found = decision_of(self._domain, name, rule, self, decisions)[0]
        return found.said() if found else ""

    def _compare(self, cell: Cell) -> None:
        """Say where a later step, and not the rule, gave the value."""
        if self.problem or cell.gives == cell.value:
            return
        if method := method_of(self._record.domain, cell.variable):
            cell.how, cell.rule, cell.alternative = "derived", method, ""
            cell.inputs = list(self._inputs(cell.variable))
        else:
            cell.note = self._not_again(cell)

    def _not_again(self, cell: Cell) -> str:
        """Return why the rule does not give the value again."""
        name = dictionary_of(self._domain.rules.get(cell.variable))
        if name in self.vocabulary.dictionaries.versions:
            version = self.vocabulary.dictionaries.versions[name]
            return f"coded with {NAMES[name]} {version}, of which the run keeps the version alone"
        said = f"the rule gives {cell.gives!r}" if cell.gives else "the rule gives nothing"
        return f"{said}: a later step, or the study's settings, gave the value"

    def _blank(self, cell: Cell, rule: Rule) -> None:
        """Say of a blank variable which paths were looked at."""
        cell.rule = describe(rule)
        cell.found = list(self._found(list(rule.paths)))
        cell.note = f"blank: looked for at {', '.join(rule.paths)}" if rule.paths else ""

    def _found(self, paths: Sequence[str]) -> Iterator[Valued]:
        for path in dict.fromkeys(paths):
            yield from ((place, value) for place, value in self._places(path) if value is not None)

    def _given(self, rule: Rule) -> str | None:
        given: str | None = rule.to_sdtm(self, self.vocabulary).values[0].as_py()
        return given

    def _inputs(self, name: str) -> Iterator[tuple[str, str]]:
        code = self._record.domain
        general = f"--{name.removeprefix(code)}" if name.startswith(code) else name
        for wanted in INPUTS.get(name, INPUTS.get(general, ())):
            own = wanted.replace("--", code)
            known = self._subject.get(own.removeprefix("DM."), "") if "." in own else self.values.get(own, "")
            yield own, known

    def _label(self, name: str) -> str:
        if name in self._domain.supp:
            return self._domain.supp[name].label
        known = domain_variables(self._record.domain)
        return next((facts.label for facts in known if facts.name == name), "")

    def _term(self, cell: Cell) -> Term | None:
        named = next(
            (facts for facts in domain_variables(self._record.domain) if facts.name == cell.variable), None
        )
        for code in named.codelists if named else ():
            try:
                listed = codelist(code, self.vocabulary.ct)
            except TermError:
                continue
            term = listed.term(cell.value)
            if term:
                return Term(
                    term.submission_value,
                    term.code,
                    term.preferred_term,
                    listed.name,
                    listed.code,
                    self.vocabulary.ct,
                )
        return None


def _declaration(run: Run, record: Record) -> Domain:
    """Return the declaration that a record follows: the one that reads its resource type."""
    shape = run.shape(record)
    types = {row["resource_type"] for row in shape.values()}
    found = declarations(record.domain) if record.domain in DOMAINS else ()
    carried = declared_by(record.domain, CARRIED, shape.keys(), record.pointer["resource_type"])
    return next((domain for domain in (*found, carried) if domain.source in types), carried)


def _values(run: Run, record: Record) -> dict[str, str]:
    """Return variable -> value of a record and its qualifiers, as text; blank ones are left out."""
    dataset, extra = run.dataset(record.domain), run.dataset(f"SUPP{record.domain}")
    if dataset is None or record.row < 0:
        return {}
    row = dataset.table.slice(record.row, 1).to_pylist()[0]
    own = {name: _text(value) for name, value in row.items() if value not in {None, ""}}
    return own | (_qualifiers(extra, record) if extra else {})


def _qualifiers(dataset: Dataset, record: Record) -> dict[str, str]:
    wanted = (record.usubjid, str(record.seq) if record.seq is not None else "")
    names = ("USUBJID", "IDVARVAL", "QNAM", "QVAL")
    rows = zip(*(dataset.table[name].to_pylist() for name in names), strict=True)
    return {name: value for usubjid, number, name, value in rows if (usubjid, number or "") == wanted}


def _row_of_subject(run: Run, record: Record) -> int:
    dataset = run.dataset("DM")
    subjects = dataset.table["USUBJID"].to_pylist() if dataset else []
    return subjects.index(record.usubjid) if record.usubjid in subjects else -1


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
