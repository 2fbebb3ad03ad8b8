"""SDTM datasets made ready for FHIR: each with its declaration, its columns as text, and its subjects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import CLASS, DATASET, ROW
from trialbridge.classes import observation_class, of_class
from trialbridge.columns import SEPARATOR, TEXT
from trialbridge.converters.component_panels import with_panels
from trialbridge.converters.texts import Texts, filled
from trialbridge.mapping import Domain
from trialbridge.model import Dataset
from trialbridge.native import native
from trialbridge.registry import DOMAINS, declarations
from trialbridge.standards import domain_variables, ig_datasets, keys

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
class Part:
    """One dataset on its way to FHIR.

    Attributes:
        name: Dataset name, such as ``LBCH``.
        variables: Its variables.
        columns: Variable, or part of the extension -> text.
        numeric: The variables that are numbers.
        subjects: USUBJID of each record; null where it is of nobody.
        ids: The id of each record's resource, made of its keys: a second run updates, and does not double.
            Records that share one are components of one Observation.
        kinds: The resource type of each record, which tells the declaration that it follows.
    """

    name: str
    variables: tuple[str, ...]
    columns: Texts
    numeric: frozenset[str]
    subjects: pa.Array
    ids: pa.Array
    kinds: np.ndarray

    def take(self, rows: np.ndarray) -> dict[str, pa.Array]:
        """Return some of the records."""
        return self.columns.take(rows)


def code_of(dataset: str) -> str:
    """Return the domain of a dataset: that of a split one is what its name begins with.

    Example:
        >>> code_of("LBCH"), code_of("SUPPLBCH"), code_of("RELREC")
        ('LB', 'SUPPLBCH', 'RELREC')
    """
    return dataset[:2] if not dataset.startswith("SUPP") and dataset[:2] in DOMAINS else dataset


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


def part_of(dataset: Dataset, study: str) -> Part:
    """Return a dataset made ready.

    STUDYID and DOMAIN are left out where they say what everybody knows: the study, and the dataset.

    Args:
        dataset: The dataset.
        study: What `study_of_datasets` found.
    """
    rows = len(dataset.table)
    columns = Texts(dataset, tuple(variable.name for variable in dataset.variables), {})
    numeric = frozenset(variable.name for variable in dataset.variables if variable.type == "Num")
    implied = {
        name for name, value in implied_values(dataset.name, study).items() if _all(columns.get(name), value)
    }
    told = implied - {"STUDYID"} if dataset.name == "DM" else implied
    kept = tuple(name for name in columns if name not in told and filled(dataset, name))
    subjects = columns.get("USUBJID", pa.nulls(rows, TEXT))
    extra = {
        DATASET: pa.array([dataset.name]).take(pa.array(np.zeros(rows, np.int8))),
        ROW: pa.array(np.arange(1, rows + 1)).cast(TEXT),
    }
    group = observation_class(dataset.name, columns)
    if group and code_of(dataset.name) not in ig_datasets():
        extra[CLASS] = pa.array([group]).take(pa.array(np.zeros(rows, np.int8)))
    texts = Texts(dataset, kept, extra)
    ids = _ids(dataset, columns, study)
    return Part(
        dataset.name,
        tuple(columns),
        texts,
        numeric | {ROW},
        subjects,
        with_panels(declaration_of(dataset.name, columns), texts, subjects, ids),
        _kinds(dataset.name, columns, rows),
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


def _ids(dataset: Dataset, columns: Mapping[str, pa.Array], study: str) -> pa.Array:
    """Return an id for each record: of its --SEQ, else of its natural keys; repeated ones are numbered."""
    names = [name for name in _key_names(dataset.name, columns) if name in columns]
    cells = [pc.fill_null(columns[name], "") for name in names]
    start = pa.array([SEPARATOR.join((study, dataset.name))]).take(
        pa.array(np.zeros(len(dataset.table), np.int8))
    )
    texts = pc.binary_join_element_wise(start, *cells, SEPARATOR).to_pylist()
    seen: dict[str, int] = defaultdict(int)
    ids = []
    for text in texts:
        seen[text] += 1
        whole = text if seen[text] == 1 else f"{text}{SEPARATOR}{seen[text]}"
        ids.append(blake2b(whole.encode(), digest_size=16).hexdigest())
    return pa.array(ids, TEXT)


def _key_names(dataset: str, columns: Mapping[str, pa.Array]) -> tuple[str, ...]:
    sequence = f"{dataset[:2]}SEQ"
    if sequence in columns:
        return ("USUBJID", sequence)
    try:
        return keys(code_of(dataset))
    except LookupError:
        return tuple(columns)


def implied_values(dataset: str, study: str) -> dict[str, str]:
    """Return variable -> the value that goes without saying in a dataset of the standard."""
    try:
        known = {variable.name for variable in domain_variables(code_of(dataset))}
    except LookupError:
        return {}
    found = {"STUDYID": study, "DOMAIN": code_of(dataset)}
    return {name: value for name, value in found.items() if value and name in known}


def _all(column: pa.Array | None, value: str) -> bool:
    return column is not None and not column.null_count and pc.all(pc.equal(column, value)).as_py()


def blocks(parts: Sequence[Part], subjects: int | None = None) -> Iterator[dict[str, np.ndarray]]:
    """Yield, for each block of subjects, dataset -> rows; first those of records of nobody.

    Args:
        parts: The datasets.
        subjects: How many subjects a block has; none for as many as have about `ROWS` records.
    """
    names = sorted({name for part in parts for name in pc.unique(part.subjects).to_pylist() if name})
    known = pa.array(names, TEXT)
    numbers = [
        pc.fill_null(pc.index_in(part.subjects, known), -1).to_numpy(zero_copy_only=False) for part in parts
    ]
    orders = [np.argsort(number, kind="stable") for number in numbers]
    bounds = [-1, *_bounds(numbers, len(names), subjects), len(names)]
    for first, last in pairwise(bounds):
        found = {}
        for part, number, order in zip(parts, numbers, orders, strict=True):
            start, stop = np.searchsorted(number, [first, last], sorter=order)
            if stop > start:
                found[part.name] = np.sort(order[start:stop])
        if found:
            yield found


def _bounds(numbers: Sequence[np.ndarray], count: int, subjects: int | None) -> Iterable[int]:
    """Return the first subject of each block."""
    if subjects is not None:
        return range(0, count, subjects)
    records = sum(np.bincount(number[number >= 0], minlength=count) for number in numbers)
    before = np.cumsum(records) - records
    return np.unique(before // ROWS, return_index=True)[1].tolist() if count else []
