"""Datasets of SDTMIG 3.4 as an earlier version of the guide has them; no value is lost on the way.

Everything before this step speaks SDTMIG 3.4. A variable that the earlier version does not have goes to
SUPP-- under its own name, and one that only the earlier version expects is added, blank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.datasets import ASSIGNED
from trialbridge.model import Dataset, Variable
from trialbridge.standards import DatasetFacts, VariableFacts, domain_variables, ig_datasets, keys

NEWEST = "3.4"


def to_guide(found: Sequence[Dataset], version: str) -> tuple[Dataset, ...]:
    """Return the datasets as a version of the guide has them.

    A domain that the version does not know stays as it is: the guide lets a sponsor make domains of the
    general classes, and its comment says so.

    Args:
        found: Datasets of SDTMIG 3.4, each domain before its SUPP--.
        version: Such as ``3.3``.
    """
    if version == NEWEST:
        return tuple(found)
    known = ig_datasets(version)
    extra = {one.name: one for one in found if one.name.startswith("SUPP")}
    made: list[Dataset] = []
    for one in found:
        if one.name in extra:
            continue
        facts = known.get(one.name)
        earlier, parts = _earlier(one, facts, version) if facts else (_unknown(one, version), [])
        supplement = _supplement(one.name, extra.get(f"SUPP{one.name}"), parts, version)
        made += [earlier, *([supplement] if supplement else [])]
    return tuple(made)


def _unknown(one: Dataset, version: str) -> Dataset:
    comment = f"{one.comment} {one.name} is no domain of SDTMIG {version}; it is as SDTMIG {NEWEST} has it."
    return replace(one, comment=comment.strip())


def _earlier(one: Dataset, facts: DatasetFacts, version: str) -> tuple[Dataset, list[pa.Table]]:
    """Return a dataset in the order of the version, and the rows of SUPP-- for what it does not have."""
    there = {variable.name: variable for variable in one.variables}
    wanted = domain_variables(one.name, version)
    names = {variable.name for variable in wanted}
    later = {variable.name for variable in domain_variables(one.name)} - names
    variables = [
        _as_of(there[known.name], known) if known.name in there else _blank(known)
        for known in wanted
        if known.name in there or known.core != "Perm"
    ]
    variables += [variable for name, variable in there.items() if name not in names and name not in later]
    table = pa.table({variable.name: _column(one, variable) for variable in variables})
    parts = [part for name in there if name in later for part in _part(one, there[name])]
    natural = tuple(key for key in one.keys if key in table.column_names)
    earlier = replace(
        one,
        label=facts.label,
        structure=facts.structure,
        variables=tuple(variables),
        table=table,
        keys=natural,
    )
    return earlier, parts


def _as_of(variable: Variable, facts: VariableFacts) -> Variable:
    dictionary = variable.codelists if any(not code.startswith("C") for code in variable.codelists) else ()
    return replace(
        variable,
        label=facts.label,
        role=facts.role,
        core=facts.core,
        codelists=dictionary or facts.codelists,
    )


def _blank(facts: VariableFacts) -> Variable:
    return Variable(
        facts.name,
        facts.label,
        facts.type,
        role=facts.role,
        core=facts.core,
        codelists=facts.codelists,
        origin="Not Available",
        source="Sponsor",
    )


def _column(one: Dataset, variable: Variable) -> pa.ChunkedArray | pa.Array:
    if variable.name in one.table.column_names:
        return one.table[variable.name]
    return pa.nulls(one.table.num_rows, pa.float64() if variable.type == "Num" else pa.string())


def _part(one: Dataset, variable: Variable) -> Iterator[pa.Table]:
    """Yield the rows of SUPP-- that hold the values of a variable; none where it has no value."""
    values = _text(one.table[variable.name])
    chosen = pc.indices_nonzero(values.is_valid())
    if not len(chosen):
        return
    sequence = f"{one.name}SEQ"
    keyed = sequence in one.table.column_names
    rows = len(chosen)
    numbers = _text(one.table[sequence]).take(chosen) if keyed else pa.nulls(rows, pa.string())
    constants = {
        "RDOMAIN": one.name,
        "IDVAR": sequence if keyed else None,
        "QNAM": variable.name,
        "QLABEL": variable.label,
        "QORIG": (variable.origin or "Assigned").upper(),
        "QEVAL": None,
    }
    columns = {name: pa.array([value] * rows, pa.string()) for name, value in constants.items()}
    columns |= {name: one.table[name].combine_chunks().take(chosen) for name in ("STUDYID", "USUBJID")}
    columns |= {"IDVARVAL": numbers, "QVAL": values.take(chosen)}
    yield pa.table({facts.name: columns[facts.name] for facts in domain_variables("SUPPQUAL")})


def _text(column: pa.ChunkedArray) -> pa.Array:
    """Return values as text; a whole number without its point."""
    values = column.combine_chunks()
    if pa.types.is_string(values.type):
        return values
    written = [None if value is None else f"{value:.15g}" for value in values.to_pylist()]
    return pa.array(written, pa.string())


def _supplement(code: str, there: Dataset | None, parts: list[pa.Table], version: str) -> Dataset | None:
    """Return SUPP-- of a domain with further rows, in its order."""
    if not parts:
        return there
    tables = [*([there.table] if there else []), *parts]
    whole = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    order = pc.sort_indices(
        whole.append_column("_seq", whole["IDVARVAL"].cast(pa.float64())),
        sort_keys=[("USUBJID", "ascending"), ("_seq", "ascending"), ("QNAM", "ascending")],
    )
    made = there or _new_supplement(code, version)
    return replace(made, table=whole.take(order))


def _new_supplement(code: str, version: str) -> Dataset:
    name = f"SUPP{code}"
    variables = tuple(
        replace(
            _blank(facts),
            origin="Collected" if facts.name == "QVAL" else ASSIGNED.get(facts.name, "Assigned"),
        )
        for facts in domain_variables(name, version)
    )
    return Dataset(
        name=name,
        label=f"Supplemental Qualifiers for {code}",
        variables=variables,
        table=pa.table({}),
        observation_class="RELATIONSHIP",
        structure="One record per supplemental qualifier per related parent domain record",
        keys=keys(name),
        comment=f"Qualifiers of {ig_datasets()[code].label} that have no variable in SDTMIG {version}.",
    )
