"""SDTM datasets made ready for FHIR: each with its declaration, its columns as text, and its subjects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import CLASS, DATASET, ROW
from trialbridge.classes import observation_class, of_class
from trialbridge.columns import TEXT
from trialbridge.converters.component_panels import with_panels
from trialbridge.converters.overview import Overview
from trialbridge.converters.record_ids import code_of, record_ids
from trialbridge.converters.texts import Texts
from trialbridge.mapping import Domain
from trialbridge.model import Dataset
from trialbridge.native import native
from trialbridge.registry import DOMAINS, declarations
from trialbridge.standards import domain_variables, ig_datasets

ROWS = 25_000
"""Records in a block of subjects, about: what memory is needed does not grow with the study."""

CARRIED = 253
"""Stands for the declaration's number in the provenance of a record that was carried from SDTM."""


SAYS: Mapping[str, Mapping[str, str]] = {
    "DS": {"DSDECOD": "INFORMED CONSENT OBTAINED"},
    "DA": {"DATESTCD": "DISPAMT", "DASTAT": ""},
}
"""Domain -> what a record must say (empty for nothing) for the mapping's resource to say it too: a Consent is
no disposition, and a return of product no dispensing. Others follow their observation class."""

KINDS: Mapping[str, Mapping[tuple[str, str], str]] = {"EC": {("ECMOOD", "SCHEDULED"): "MedicationRequest"}}
"""Domain -> variable and value -> the type of such records, which is that of another of its declarations."""


@dataclass(frozen=True)
class Layout:
    """What all records of one dataset share on their way to FHIR.

    Attributes:
        name: Dataset name, such as ``LBCH``.
        variables: Its variables.
        kept: Those that are written: neither blank throughout, nor said by everybody.
        numeric: The variables that are numbers.
        group: The observation class of a sponsor's own dataset; empty where the standard says it.
        study: STUDYID.
    """

    name: str
    variables: tuple[str, ...]
    kept: tuple[str, ...]
    numeric: frozenset[str]
    group: str
    study: str


@dataclass(frozen=True)
class Part:
    """Records of one dataset on their way to FHIR.

    Attributes:
        layout: What all records of the dataset share.
        columns: Variable, or part of the extension -> text.
        subjects: USUBJID of each record; null where it is of nobody.
        ids: The id of each record's resource, see `record_ids`; records that share one are components of one
            Observation.
        kinds: The resource type of each record, which tells the declaration that it follows.
    """

    layout: Layout
    columns: Texts
    subjects: pa.Array
    ids: pa.Array
    kinds: np.ndarray

    @property
    def name(self) -> str:
        """Dataset name."""
        return self.layout.name


def declaration_of(dataset: str, variables: Collection[str], kind: str = "", *, group: str = "") -> Domain:
    """Return the declaration by which the records of a dataset are written, and read again.

    Args:
        dataset: Dataset name.
        variables: Its variables; they tell the observation class of one without a mapping.
        kind: The resource type that the records stand in; empty for that of the first declaration.
        group: The observation class, where the records say it.
    """
    code = code_of(dataset)
    general = of_class(dataset, group or observation_class(dataset, variables))
    known = [*(declarations(code) if code in DOMAINS else ()), general]
    found = next((one for one in known if one.source == kind), known[-1] if kind else known[0])
    return native(found if kind in {"", found.source} else _of_type(found, kind))


@cache
def _of_type(domain: Domain, kind: str) -> Domain:
    return replace(domain, source=kind)


def declared_by(code: str, number: int, variables: Collection[str], kind: str) -> Domain:
    """Return the declaration that a record follows, by its number in the provenance.

    Args:
        code: Domain, or dataset of a carried record.
        number: Place among `declarations`, or `CARRIED`.
        variables: The variables that the provenance knows.
        kind: The resource type of the record.
    """
    if number != CARRIED:
        return declarations(code)[number]
    return declaration_of(code, variables, kind).carrying(variables)


def study_of_datasets(datasets: Iterable[Dataset]) -> str:
    """Return the STUDYID that DM's records share; empty where there is no DM, or where they differ."""
    for dataset in datasets:
        if dataset.name == "DM" and "STUDYID" in dataset.table.column_names:
            values = pc.unique(dataset.table["STUDYID"]).to_pylist()
            return values[0] if len(values) == 1 and values[0] else ""
    return ""


def layout_of(described: Dataset, overview: Overview, study: str) -> Layout:
    """Return what all records of a dataset share.

    STUDYID and DOMAIN are left out where they say what everybody knows: the study, and the dataset.

    Args:
        described: The dataset, or the same without its records.
        overview: What is known of its records.
        study: STUDYID that DM's records share.
    """
    name, variables = described.name, tuple(variable.name for variable in described.variables)
    implied = implied_values(name, study).items()
    told = {one for one, value in implied if overview.said(one) == value and (name, one) != ("DM", "STUDYID")}
    group = observation_class(name, variables)
    return Layout(
        name,
        variables,
        tuple(one for one in variables if one not in told and overview.filled[one]),
        frozenset(variable.name for variable in described.variables if variable.type == "Num") | {ROW},
        "" if code_of(name) in ig_datasets() else group,
        study,
    )


def part_of(layout: Layout, dataset: Dataset, numbers: np.ndarray) -> Part:
    """Return records made ready.

    Args:
        layout: What all records of the dataset share.
        dataset: The dataset with some of its records, all of a subject among them.
        numbers: The number of each record in the dataset, from 0.
    """
    rows = len(numbers)
    columns = Texts(dataset, layout.variables, {})
    extra = {DATASET: pa.repeat(layout.name, rows), ROW: pa.array(numbers + 1).cast(TEXT)}
    if layout.group:
        extra[CLASS] = pa.repeat(layout.group, rows)
    texts = Texts(dataset, layout.kept, extra)
    subjects = columns.get("USUBJID", pa.nulls(rows, TEXT))
    ids = record_ids(layout.name, columns, rows, layout.study)
    return Part(
        layout,
        texts,
        subjects,
        with_panels(declaration_of(layout.name, columns), texts, subjects, ids),
        _kinds(layout.name, columns, rows),
    )


def _kinds(dataset: str, columns: Mapping[str, pa.Array], rows: int) -> np.ndarray:
    """Return the resource type that each record becomes."""
    code = code_of(dataset)
    kinds = np.full(rows, declaration_of(dataset, columns).source, object)
    for variable, value in SAYS.get(code, {}).items():
        others = ~_says(columns, variable, value, rows)
        kinds[others] = of_class(dataset, observation_class(dataset, columns)).source
    for (variable, value), kind in KINDS.get(code, {}).items():
        kinds[_says(columns, variable, value, rows)] = kind
    return kinds


def _says(columns: Mapping[str, pa.Array], variable: str, value: str, rows: int) -> np.ndarray:
    """Return which records have a value, or none where it is empty."""
    cells = columns.get(variable, pa.nulls(rows, TEXT))
    same = pc.equal(cells, value) if value else cells.is_null()
    return np.asarray(pc.fill_null(same, False).to_numpy(zero_copy_only=False))  # noqa: FBT003 -- an Arrow scalar


def implied_values(dataset: str, study: str) -> dict[str, str]:
    """Return variable -> the value that goes without saying in a dataset of the standard."""
    try:
        known = {variable.name for variable in domain_variables(code_of(dataset))}
    except LookupError:
        return {}
    found = {"STUDYID": study, "DOMAIN": code_of(dataset)}
    return {name: value for name, value in found.items() if value and name in known}


def first_subjects(records: Sequence[int], subjects: int | None) -> list[int]:
    """Return the first subject of each block.

    Args:
        records: How many records each subject has.
        subjects: How many subjects a block has; none for as many as have about `ROWS` records.
    """
    if subjects is not None:
        return [*range(0, len(records), subjects)]
    before = np.cumsum(records) - records
    return [int(first) for first in np.unique(before // ROWS, return_index=True)[1]]
