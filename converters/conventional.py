"""The laboratory results once more, in conventional units: the custom domain LC beside LB in SI units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from trialbridge.context import Context
from trialbridge.converters.derive_result import derive_standard_result
from trialbridge.findings import Finding
from trialbridge.model import Dataset, Variable

LABORATORY, CONVENTIONAL = "LB", "LC"
LABEL = "Lab Test Results in Conventional Units"
COMMENT = (
    "The records of LB once more, with results and reference ranges in US conventional units; LB has them in "
    "SI units. LCSEQ is the LBSEQ of the same result, and its supplemental qualifiers are those in SUPPLB."
)
STANDARDISED = ("STRESC", "STRESN", "STRESU", "STNRLO", "STNRHI")


def in_conventional_units(datasets: Iterable[Dataset]) -> tuple[tuple[Dataset, ...], list[Finding]]:
    """Return LC for the LB among `datasets`, none without it, and what could not be converted.

    Args:
        datasets: The datasets of a study, with results in SI units.
    """
    for dataset in datasets:
        if dataset.name == LABORATORY:
            made, findings = _converted(dataset)
            return (made,), findings
    return (), []


def _converted(laboratory: Dataset) -> tuple[Dataset, list[Finding]]:
    derived = {_named(f"{LABORATORY}{suffix}") for suffix in STANDARDISED}
    table = laboratory.table.rename_columns([_named(name) for name in laboratory.table.column_names])
    table = table.drop_columns([name for name in table.column_names if name in derived])
    code = pa.array([CONVENTIONAL], pa.string()).take(pa.array([0] * len(table), pa.int8()))
    table = table.set_column(table.column_names.index("DOMAIN"), "DOMAIN", code)
    subjects = pa.table({"USUBJID": pa.array([], pa.string())})
    table, findings = derive_standard_result(table, Context(CONVENTIONAL, subjects, "conventional"))
    variables = tuple(_variable(variable) for variable in laboratory.variables)
    columns = {one.name: _column(table, one) for one in variables}
    return replace(
        laboratory,
        name=CONVENTIONAL,
        label=LABEL,
        variables=variables,
        table=pa.table(columns),
        keys=tuple(_named(key) for key in laboratory.keys),
        comment=COMMENT,
    ), findings


def _column(table: pa.Table, variable: Variable) -> pa.Array:
    if variable.name in table.column_names:
        return table[variable.name]
    return pa.nulls(len(table), pa.float64() if variable.type == "Num" else pa.string())


def _variable(variable: Variable) -> Variable:
    return replace(
        variable,
        name=_named(variable.name),
        core="",
        method=variable.method.replace(LABORATORY, CONVENTIONAL),
        comment=variable.comment.replace(LABORATORY, CONVENTIONAL),
    )


def _named(name: str) -> str:
    """Return the name in LC of a variable of LB."""
    return CONVENTIONAL + name.removeprefix(LABORATORY) if name.startswith(LABORATORY) else name
