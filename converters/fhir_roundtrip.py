"""There and back from FHIR: to datasets and to FHIR again, with the account of every element."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from trialbridge.conversion import Conversion
from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.fhir_roundtrip_elements import (
    Leaf,
    Written,
    always,
    covers,
    leaves,
    parsed,
    plain,
    uses,
    written,
)
from trialbridge.converters.fhir_roundtrip_losses import Losses, losses
from trialbridge.converters.provenance import JOIN
from trialbridge.converters.read_fhir import Source, read_resource, sources
from trialbridge.converters.read_sdtm import dataset_files
from trialbridge.converters.report import CLEAN, FINDINGS
from trialbridge.converters.to_fhir import patient_id
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.elements import Version
from trialbridge.mapping import FROM_EXTENSION
from trialbridge.registry import all_declarations, declarations, paths_by_type
from trialbridge.study import Study

EXACT, MEANING, DERIVED, LEFT_OUT, LOST = "element", "meaning", "derived", "left out", "lost"
FATES = (EXACT, MEANING, DERIVED, LEFT_OUT, LOST)


class ElementFate(msgspec.Struct, frozen=True):
    """What became of one element on the way there and back.

    Attributes:
        type: Resource type.
        path: Path of the element; an extension is named by its address. Why a resource became no record, in
            brackets, where it became none.
        values: How many values it holds.
        element: How many are in the same element again, the same.
        meaning: How many a rule has read: they are in a record, and by it in FHIR again, said otherwise.
        derived: How many are made anew: ids, and references by them.
        left_out: How many are of resources that are no records on purpose: superseded, entered in error.
        lost: How many are not in FHIR again.
        reason: Why they are not, by the table of the release.
        declared: Whether that table declares it.
        example: A value that is not.
    """

    type: str
    path: str
    values: int
    element: int
    meaning: int
    derived: int
    left_out: int
    lost: int
    reason: str
    declared: bool
    example: str


class FhirRoundtrip(msgspec.Struct, frozen=True):
    """The proof of a way from FHIR to datasets and back.

    Attributes:
        release: The FHIR release that was written.
        study: STUDYID.
        resources: Type -> how many there were, and how many there are.
        fates: What became of every element.
        exit_code: 0 where nothing is lost but what the release declares, 1 otherwise.
    """

    release: str
    study: str
    resources: Mapping[str, tuple[int, int]]
    fates: tuple[ElementFate, ...]
    exit_code: int


Place = tuple[str, int, str]
"""Source, position and place within it: where a resource was read."""


@dataclass
class _Read:
    """What was read of one resource: paths, and the records that came of it."""

    paths: set[str] = field(default_factory=set)
    records: set[tuple[str, int]] = field(default_factory=set)


_DATASETS = frozenset({".xpt", ".sas7bdat", ".csv"})
_DATASET_JSON = (b'"datasetJSONVersion"', b'"itemGroupOID"')
_HEAD = 4096


def are_datasets(inputs: Sequence[Path]) -> bool:
    """Return whether files and folders hold datasets, and not FHIR.

    Raises:
        ReadError: One of them does not exist.
    """
    files = dataset_files(inputs)
    if any(path.suffix.lower() in _DATASETS for path in files):
        return True
    return any(word in _head(path) for path in files for word in _DATASET_JSON)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def fhir_roundtrip(
    inputs: Sequence[Path], study: Study | None = None, *, release: Version = "R4"
) -> FhirRoundtrip:
    """Return the proof of what survives the way to SDTM and back.

    Args:
        inputs: Files, folders and archives of FHIR.
        study: The study's settings.
        release: The FHIR release to write; where the input is of another, so are some elements.

    Raises:
        ReadError: Nothing in `inputs` can be read as FHIR.
        ConfigurationError: Nothing says which study it is.
    """
    there = to_sdtm(inputs, study)
    back = _back(there, release)
    read = _read(there)
    account = _Account(losses())
    count: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    known = {source.name: source for source in sources(inputs)[0]}
    for row in there.resources.to_pylist():
        count[row["resource_type"]][0] += 1
        account.add(row, _leaves(known, row), read, back)
    for kind, number in back.counts.items():
        count[kind][1] += number
    fates = tuple(account.fates())
    undeclared = any(fate.lost and not fate.declared for fate in fates)
    return FhirRoundtrip(
        release,
        there.study.id,
        {kind: (one[0], one[1]) for kind, one in sorted(count.items())},
        fates,
        FINDINGS if undeclared else CLEAN,
    )


def _leaves(known: Mapping[str, Source], row: Mapping[str, Any]) -> list[Leaf]:
    return list(leaves(parsed(read_resource(known[row["source"]], row["position"], row["within"] or ""))))


@dataclass
class _Back:
    """What was written again.

    Attributes:
        records: Dataset and row -> the resource.
        others: Type and Patient, empty for nobody's -> what resources say that name no record.
        counts: Type -> how many were written.
    """

    records: dict[tuple[str, int], Written] = field(default_factory=dict)
    others: dict[tuple[str, str], set[Leaf]] = field(default_factory=lambda: defaultdict(set))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def said(self, row: Mapping[str, Any], read: _Read) -> frozenset[Leaf] | set[Leaf]:
        """Return what the resources say that one became, as far as they are of its type."""
        kind = row["resource_type"]
        own = [self.records[one] for one in read.records if one in self.records]
        same = [one.leaves for one in own if one.kind == kind]
        if same:
            return frozenset().union(*same)
        patient = patient_id(row["usubjid"]) if row["usubjid"] else ""
        return self.others.get((kind, patient), set()) | self.others.get((kind, ""), set())


def _back(there: Conversion, release: Version) -> _Back:
    back = _Back()
    for lines in DatasetsToFhir(there.datasets, release):
        for line in lines:
            one = written(line.text)
            back.counts[line.kind] += 1
            back.records |= dict.fromkeys(one.records, one)
            back.others[line.kind, line.patient] |= one.leaves if not one.records else set()
    return back


def _read(there: Conversion) -> dict[Place | tuple[str, str], _Read]:
    """Return what was read of each resource, by its place, or by ``Type`` and id where records join it."""
    found: dict[Place | tuple[str, str], _Read] = defaultdict(_Read)
    for code, table in there.provenance.items():
        for number, row in enumerate(table.to_pylist(), 1):
            if row["source"] is not None:
                _note(found, code, number, row)
    return found


NO_VARIABLE = frozenset({"USUBJID", "SEQ", "declaration", "source", "position", "within", "resource_type"})


def _note(
    found: dict[Place | tuple[str, str], _Read], code: str, number: int, row: Mapping[str, Any]
) -> None:
    """Note what one record was read from; one of a derived domain follows no rule of a mapping."""
    if not declarations(code):
        found[row["source"], row["position"], row["within"] or ""].records.add((code, number))
        return
    domain = declarations(code)[row["declaration"]]
    item, release = row["item"] or "", row["release"] or "R4"
    used = set(always(domain, item, release))
    for variable, which in row.items():
        if which is not None and which != FROM_EXTENSION and variable not in NO_VARIABLE:
            used |= uses(domain, variable, which if isinstance(which, int) else None, item, release)
    places: dict[str, Place | tuple[str, str]] = {"": (row["source"], row["position"], row["within"] or "")}
    for name, reference in row.items():
        if name.startswith(JOIN) and reference:
            kind, _, ident = reference.rpartition("/")
            places[name.removeprefix(JOIN)] = (kind.rpartition("/")[2], ident)
    for name, place in places.items():
        one = found[place]
        one.paths |= {path for head, path in used if head == name}
        one.records.add((code, number))


def _all_paths() -> dict[str, frozenset[str]]:
    """Return every path that some mapping reads, by type."""
    return {
        kind: frozenset(plain(path) for paths in units.values() for path in paths)
        for kind, units in paths_by_type(all_declarations()).items()
    }


@dataclass
class _Account:
    """The account of the elements, in the making."""

    losses: Losses
    every: Mapping[str, frozenset[str]] = field(default_factory=_all_paths)
    counts: dict[tuple[str, str], dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(FATES, 0))
    )
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(
        self,
        row: Mapping[str, Any],
        values: Iterable[Leaf],
        known: Mapping[Place | tuple[str, str], _Read],
        back: _Back,
    ) -> None:
        """Add the elements of one resource."""
        kind, status = row["resource_type"], row["status"]
        places = (row["source"], row["position"], row["within"] or ""), (kind, row["id"] or "")
        read = _Read()
        for place in places:
            if place in known:
                read.paths |= known[place].paths
                read.records |= known[place].records
        if status == "mapped" and not read.paths:  # no rule of a record, but the run as a whole draws on it
            read.paths |= self.every.get(kind, frozenset())
        said = back.said(row, read)
        there = {path for path, _ in said}
        why = f"({(row['reason'] or '').removeprefix(f'{kind} ')})"
        for path, value in values:
            if status == "mapped":
                self._count(kind, path, value, _fate(path, value, said, there, read.paths))
            else:
                self._count(kind, why, value, _OUT[status])

    def _count(self, kind: str, path: str, value: str, fate: str) -> None:
        self.counts[kind, path][fate] += 1
        if fate == LOST:
            self.examples[kind, path] = min(self.examples.get((kind, path), value), value)[:80]

    def fates(self) -> Iterator[ElementFate]:
        """Yield the account of each element."""
        for (kind, path), one in sorted(self.counts.items()):
            reason = self.losses.reason(kind, path) if one[LOST] else ""
            yield ElementFate(
                kind,
                path,
                sum(one.values()),
                element=one[EXACT],
                meaning=one[MEANING],
                derived=one[DERIVED],
                left_out=one[LEFT_OUT],
                lost=one[LOST],
                reason=reason or "",
                declared=reason is not None,
                example=self.examples.get((kind, path), ""),
            )


_OUT = {"excluded": LEFT_OUT, "unmapped": LOST}


def _fate(path: str, value: str, said: frozenset[Leaf] | set[Leaf], there: set[str], used: set[str]) -> str:
    if (path, value) in said:
        return EXACT
    if path == "id" or (path.endswith("reference") and (path in there or covers(used, path))):
        return DERIVED
    return MEANING if covers(used, path) else LOST
