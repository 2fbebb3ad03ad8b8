"""Where a value of the trial's design comes from: an element of FHIR, a field of a registry, or a setting."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from trialbridge.converters.design_forms import Record
from trialbridge.converters.design_of_staged import Resource, StagedDesign, stated_design
from trialbridge.converters.design_resources import DATASETS, TYPES
from trialbridge.converters.design_summary import DERIVATIONS
from trialbridge.converters.design_witness import Element, Witness
from trialbridge.converters.explain import Cell, Explanation, Place
from trialbridge.converters.manifest import study_of
from trialbridge.converters.read_run import Run
from trialbridge.errors import ConfigurationError, ReadError
from trialbridge.standards import ig_variables

KEYS: Mapping[str, tuple[str, ...]] = {
    "TS": ("TSPARMCD", "TSSEQ"),
    "TA": ("ARMCD", "TAETORD"),
    "TE": ("ETCD",),
    "TV": ("VISITNUM", "ARMCD"),
    "TI": ("IETESTCD", "TIVERS"),
}
"""Dataset -> by what its records are known, the first of them often alone."""

SECTIONS: Mapping[str, str] = {
    "TS": "[parameters]",
    "TA": "[[elements]] and [arms]",
    "TE": "[[elements]]",
    "TV": "[[visits]]",
    "TI": "",
}
"""Dataset -> what of the study's settings can say it."""

FIXED: Mapping[str, str] = {
    "STUDYID": "the study of the run",
    "DOMAIN": "the dataset",
    "TSSEQ": "counted from 1 within the parameter",
    "TSPARM": "the name that the terminology has for TSPARMCD",
    "TSVALCD": "the code of TSVAL, where it is a term",
    "TSVCDREF": "the terminology that TSVALCD is of",
    "TSVCDVER": "the release of that terminology",
    "TAETORD": "the place within the arm",
    "TVSTRL": "the planned day of the visit and its window, in words",
}
"""Variable -> how it comes about where the design itself does not say it."""

COUNTED = frozenset({"STUDYID", "DOMAIN", "TSSEQ", "TSPARM", "TAETORD"})
"""What no element says as it is."""

REGISTRY = Path("run") / "registry_ledger.json"
NOBODY = "nothing says it: the null flavour for no information"
SHOWN = 5
WORDS = 20
"""Characters from which a text may be a part of one that was too long."""


def explain_design(
    folder: Path, dataset: str, key: str, variable: str = "", inputs: Sequence[Path] = ()
) -> Explanation:
    """Return where a record of TS, TA, TE, TV or TI, or one variable of it, comes from.

    Args:
        folder: The run folder.
        dataset: Its name.
        key: Such as ``TITLE``, ``KEYWORD 2`` (TS), ``ARMCD 2`` (TA), ETCD (TE), VISITNUM (TV), IETESTCD (TI).
        variable: A variable; all that have a value without it.
        inputs: Where the input is now, if it was moved since.

    Raises:
        ReadError: `folder` is no run folder.
        ConfigurationError: There is no such record or variable.
    """
    run = Run(folder, inputs)
    row = _row(run, dataset, key)
    if variable and variable not in row:
        raise ConfigurationError(
            f"{dataset}.{variable}", f"there is no such variable; there are {', '.join(row)}"
        )
    source = _Registered(run, dataset, row) if (folder / REGISTRY).exists() else _Stated(run, dataset, row)
    names = [variable] if variable else [name for name, value in row.items() if value]
    cells = [_cell(source, name, row[name]) for name in names]
    places = source.places()
    first = places[0] if places else Place("nothing in the input", "", "", "")
    joined = {f"and {number}": place for number, place in enumerate(places[1:], 1)}
    return Explanation(dataset, key, None, first, joined, cells, source.problem)


def _row(run: Run, dataset: str, key: str) -> dict[str, str]:
    """Return the record that a key names."""
    found = run.dataset(dataset)
    rows = (
        [{name: _text(value) for name, value in row.items()} for row in found.table.to_pylist()]
        if found
        else []
    )
    named = [[" ".join(row[one] for one in KEYS[dataset][:n] if one in row) for n in (1, 2)] for row in rows]
    wanted = " ".join(key.split()).casefold()
    chosen = [
        row for row, names in zip(rows, named, strict=True) if wanted in [one.casefold() for one in names]
    ]
    if len(chosen) != 1:
        shown = [names[1] for names in named if not chosen or names[0].casefold() == wanted][:SHOWN]
        said = (
            f"{len(chosen)} records have this key" if chosen else f"none of {len(rows)} records has this key"
        )
        raise ConfigurationError(
            f"{dataset} {key}", f"{said}; there are {', '.join(map(repr, shown)) or 'none'}"
        )
    return chosen[0]


def _text(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cell(source: _Source, name: str, value: str) -> Cell:
    """Return how one variable came about."""
    facts = next((one for one in ig_variables(source.dataset) if one.name == name), None)
    cell = Cell(name, facts.label if facts else "", value)
    if not value:
        return cell
    cell.found = [] if name in COUNTED else list(source.found(name, value))
    if cell.found:
        cell.how, cell.gives, cell.rule = "read", value, source.rule
    elif name in FIXED:
        cell.how, cell.rule = "derived", FIXED[name]
    else:
        cell.how, cell.rule = source.otherwise(name)
    return cell


@dataclass
class _Source(ABC):
    """What the records of a run's design came from.

    Attributes:
        run: The run.
        dataset: The dataset.
        row: Variable -> value of the record.
        problem: Why the input could not be read again.
    """

    run: Run
    dataset: str
    row: Mapping[str, str]
    problem: str = ""
    rule = ""

    @abstractmethod
    def found(self, name: str, value: str) -> Iterator[tuple[str, str]]:
        """Yield path and value of all that a variable's value depends on."""

    @abstractmethod
    def places(self) -> list[Place]:
        """Return the resources, or other sources, that were found so far."""

    def otherwise(self, name: str) -> tuple[str, str]:  # noqa: ARG002 -- others look at it
        """Return how a value came about that was not found."""
        if self.row.get("TSVALNF") == "NI":
            return "constant", NOBODY
        derived = DERIVATIONS.get(self.row.get("TSPARMCD", ""))
        if derived is not None:
            return "derived", derived[1] or "the settings of the run"
        section = SECTIONS[self.dataset]
        return "assigned", f"{section} in the study's settings" if section else "the study's settings"


@dataclass
class _Stated(_Source):
    """A run of FHIR: the resources of the design are read again."""

    rule = "without this element the value would be another, or none"
    used: dict[int, None] = field(default_factory=dict)

    @cached_property
    def pointers(self) -> list[dict[str, Any]]:
        """Where the resources of a design's types stand that the run has used."""
        return [row for kind in TYPES for row in self.run.of_type(kind) if row["status"] == "mapped"]

    @cached_property
    def design(self) -> StagedDesign:
        """What the resources state."""
        found: dict[str, list[Resource]] = {kind: [] for kind in TYPES}
        for number, pointer in enumerate(self.pointers):
            try:
                data = json.loads(self.run.text(pointer))
            except ReadError as error:
                self.problem = self.problem or str(error)
                continue
            kind = pointer["resource_type"]
            found[kind].append(Resource(kind, number, data, pointer["release"] or "R4"))
        return stated_design(found, self.run.manifest.study)

    def found(self, name: str, value: str) -> Iterator[tuple[str, str]]:
        """Yield the elements without which the value is another."""
        record = self._record()
        name = "TSVAL" if name.startswith("TSVAL") and name[5:].isdigit() else name
        told = record.get(name) if record else None
        if record is None or told is None or not _same(str(told), value, self.row):
            return
        key = {one: record[one] for one in KEYS[self.dataset][: 1 + (self.dataset == "TA")] if one in record}
        resources = self.design.resources
        data, version = [one.data for one in resources], resources[0].version
        for one in Witness(data, version, self.dataset, key, name, told).elements():
            self.used[resources[one.resource].row] = None
            yield self._named(one)

    def _named(self, one: Element) -> tuple[str, str]:
        return one.path, one.text

    def _record(self) -> Record | None:
        """Return what the resources say of the record; none where the settings say it instead."""
        if self.row.get("TSPARMCD") in study_of(self.run.manifest).parameters:
            return None
        first, *_ = KEYS[self.dataset]
        known = [one for one in self.design.records.get(self.dataset, ()) if _is(one, first, self.row)]
        if self.dataset == "TA":
            known = [one for one in known if _is(one, "TAETORD", self.row)]
        if self.dataset == "TS" and self.row.get("TSSEQ", "").isdigit():
            known = known[int(self.row["TSSEQ"]) - 1 :]
        return known[0] if known else None

    def places(self) -> list[Place]:
        """Return the resources that values were found in."""
        return [self._place(self.pointers[number]) for number in self.used]

    def _place(self, pointer: dict[str, Any]) -> Place:
        name = f"{pointer['resource_type']}/{pointer['id'] or ''}"
        return Place(name, pointer["version_id"] or "", pointer["release"] or "", self.run.place(pointer))


def _is(record: Record, name: str, row: Mapping[str, str]) -> bool:
    return str(record.get(name, "")) == row.get(name, "")


def _same(told: str, value: str, row: Mapping[str, str]) -> bool:
    """Return whether a record's value is that of the dataset, where long texts are cut or go on elsewhere."""
    plain = " ".join(told.split())
    begun = f"{row.get('IETESTCD', '')}: {plain}".startswith(value)
    return told == value or (len(value) > WORDS and (value in plain or begun))


class _Registered(_Source):
    """A run of a registry's record: its ledger says where each field went."""

    rule = "the field of the registry's record"

    def found(self, name: str, value: str) -> Iterator[tuple[str, str]]:
        """Yield the fields that went where the value is."""
        entries = msgspec.json.decode((self.run.folder / REGISTRY).read_bytes(), type=list[dict[str, Any]])
        where = f"TS {self.row['TSPARMCD']}" if self.dataset == "TS" else f"{self.dataset} {name}"
        for one in entries:
            if one["used"] and (one["where"] == where or str(one["value"]) == value):
                yield one["path"], str(one["value"])

    def places(self) -> list[Place]:
        """Return the record."""
        return [Place(file.name, "", "", "the registry's record") for file in self.run.manifest.inputs]


__all__ = ["DATASETS", "explain_design"]
