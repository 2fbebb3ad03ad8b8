"""A dataset of columns that were carried: in order, of their types, as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT, blank
from trialbridge.converters.declared import DeclaredDataset
from trialbridge.converters.fhir_parts import implied_values
from trialbridge.converters.record_ids import code_of
from trialbridge.converters.stage import column
from trialbridge.model import Dataset, Variable
from trialbridge.standards import domain_variables, ig_datasets, keys
from trialbridge.standards.guide import VariableFacts

Kind = Literal["Char", "Num"]
MISSING = r"^\.[A-Z_]$"


def restored_dataset(
    name: str, table: pa.Table | None, known: DeclaredDataset | None, numeric: frozenset[str], study: str
) -> Dataset:
    """Return a dataset with its records in order, and its columns as they are declared."""
    rows = 0 if table is None else len(table)
    columns = {} if table is None else {one: column(table, one) for one in table.column_names}
    for variable, value in implied_values(name, study).items():
        lacking = columns.get(variable, blank(rows))
        columns[variable] = pc.fill_null(lacking, value)
    variables = _declared_variables(known) if known else _standard_variables(name, columns, numeric)
    cells = {one.name: columns.get(one.name, blank(rows)) for one in variables}
    values, missing = {}, {}
    for one in variables:
        values[one.name], marks = _typed(cells[one.name], one.type)
        if marks.null_count < rows:
            missing[one.name] = marks
    facts = ig_datasets().get(code_of(name))
    return Dataset(
        name,
        known.label if known else facts.label if facts else "",
        tuple(_described(one, name) for one in variables),
        pa.table(values),
        missing,
        facts.observation_class if facts else "",
        facts.structure if facts else "",
        tuple(key for key in _keys(name) if key in values),
    )


def _keys(name: str) -> tuple[str, ...]:
    try:
        return keys(code_of(name))
    except LookupError:
        return ()


def _declared_variables(known: DeclaredDataset) -> list[Variable]:
    return [Variable(one.name, one.label, one.type, one.length, one.format) for one in known.columns]


def _standard_variables(
    name: str, columns: Mapping[str, pa.Array], numeric: frozenset[str]
) -> list[Variable]:
    """Return the variables that hold something, in the standard's order, and others behind them."""
    facts = _facts(name)
    there = [one for one, cells in columns.items() if cells.null_count < len(cells)]
    order = [one for one in facts if one in there] + sorted(one for one in there if one not in facts)
    return [
        Variable(one, facts[one].label, facts[one].type)
        if one in facts
        else Variable(one, "", "Num" if one in numeric else "Char")
        for one in order
    ]


def _facts(name: str) -> dict[str, VariableFacts]:
    try:
        return {one.name: one for one in domain_variables(code_of(name))}
    except LookupError:
        return {}


def _described(variable: Variable, dataset: str) -> Variable:
    """Return a variable with what the standard says of it."""
    facts = _facts(dataset).get(variable.name)
    if facts is None:
        return variable
    return replace(variable, role=facts.role, core=facts.core, codelists=facts.codelists)


def _typed(cells: pa.Array, kind: Kind) -> tuple[pa.Array, pa.Array]:
    """Return a column of its type, and its special missing values."""
    if kind == "Char":
        return cells, blank(len(cells))
    marked = pc.fill_null(pc.match_substring_regex(cells, MISSING), False)  # noqa: FBT003 -- an Arrow scalar
    marks = pc.if_else(marked, pc.utf8_slice_codeunits(cells, 1), pa.scalar(None, TEXT))
    return pc.if_else(marked, pa.scalar(None, TEXT), cells).cast(pa.float64()), marks
