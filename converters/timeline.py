"""The clockwork of a block of subjects: visits, then elements, as they build on each other.

It runs before the derivations of the single domains, for it looks at several: Encounters get their numbers,
records their visits, SV what only they tell of, and SE needs the visits, the doses and the dispositions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.context import Context
from trialbridge.converters.complete_visits import complete_visits
from trialbridge.converters.derive_columns import numbers, texts
from trialbridge.converters.derive_elements import derive_elements
from trialbridge.converters.derive_subject_visits import BY, number_visits
from trialbridge.converters.derive_visits import derive_visits
from trialbridge.design import Design
from trialbridge.findings import Finding

POINTERS = {"_row": pa.int64(), "_declaration": pa.int8(), "_item": pa.string()}
NOTHING = pa.table({name: pa.array([], pa.string()) for name in ("USUBJID", "_key", "VISIT", BY)})


@dataclass
class Timeline:
    """What the clockwork of a block gave.

    Attributes:
        tables: The tables of the block, with visits; SV and SE among them where the design has any.
        findings: What there is to say.
        had: Rows of the Encounters that are visits.
        dropped: Row of an Encounter that became no visit -> why.
    """

    tables: dict[str, pa.Table]
    findings: list[Finding] = field(default_factory=list)
    had: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    dropped: dict[int, str] = field(default_factory=dict)


def timeline(tables: Mapping[str, pa.Table], subjects: pa.Table, design: Design) -> Timeline:
    """Return the tables of a block with its visits and elements; as they are where nothing is planned.

    Args:
        tables: Domain -> its records; SV has one for each Encounter.
        subjects: DM, with reference dates and arms.
        design: What is planned.
    """
    made = Timeline(dict(tables))
    if design.visits.num_rows:
        _add_visits(made, Context("SV", subjects, design=design))
    if design.elements.num_rows:
        elements, found = derive_elements(subjects, made.tables, design)
        made.findings += found
        if len(elements):
            made.tables["SE"] = _pointed(elements)
    return made


def _add_visits(made: Timeline, context: Context) -> None:
    """Number the Encounters, assign every record its visit, and make SV whole."""
    visits, found = number_visits(made.tables.pop("SV", NOTHING), context)
    made.findings += found
    made.had, made.dropped = _with_and_without_number(visits)
    for code, table in made.tables.items():
        made.tables[code], found = derive_visits(table, replace(context, domain=code, visits=visits))
        made.findings += found
    whole, found = complete_visits(visits, made.tables, context)
    made.findings += found
    if len(whole):
        made.tables["SV"] = _pointed(whole)


def _with_and_without_number(visits: pa.Table) -> tuple[np.ndarray, dict[int, str]]:
    """Return the rows of the Encounters that are visits, and why each other one is none."""
    if "_row" not in visits.column_names:
        return np.zeros(0, np.int64), {}
    left = numbers(visits, "VISITNUM").is_null()
    rows, why = visits["_row"].filter(left).to_pylist(), texts(visits, BY).filter(left).to_pylist()
    return visits["_row"].filter(pc.invert(left)).to_numpy(), dict(zip(rows, why, strict=True))


def _pointed(table: pa.Table) -> pa.Table:
    """Return records with pointers to the resource that they came from: -1 where there is none."""
    for name, kind in POINTERS.items():
        nothing = pa.scalar("" if name == "_item" else -1, kind)
        if name in table.column_names:
            filled = pc.fill_null(table[name].combine_chunks().cast(kind), nothing)
            table = table.set_column(table.column_names.index(name), name, filled)
        else:
            table = table.append_column(name, pa.array([nothing.as_py()] * len(table), kind))
    return table
