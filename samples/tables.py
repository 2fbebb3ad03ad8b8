"""Return the tables in the samples' READMEs: which records show each row of the trials' assessments.

A cell such as ``LB[LBTESTCD=C3,C4; LBSPEC=SERUM]`` selects records: those with one of the values of the first
variable, of which there must be some for each value, where the other conditions hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

HEADING = "## Every row of the trials' assessments"
SELECTED = re.compile(r"`([A-Z]{2,6})(?:\[([^\]`]+)\])?`")


class Row(NamedTuple):
    """One row of a README's table."""

    assessment: str
    domains: str
    records: int
    where: str


def folder_of(registry: str) -> Path:
    """Return the folder of a sample, by its registry number.

    Example:
        >>> folder_of("NCT06737380").name
        'nct06737380'
    """
    return Path(__file__).parent / registry.lower()


def table_of(readme: str) -> list[Row]:
    """Return the rows of the table in the text of a README.

    Example:
        >>> head = (HEADING, "| assessment | domain | records | where |", "|---|---|---|---|")
        >>> table_of(chr(10).join((*head, "| ECG | EG | 6 | `EG` |")))
        [Row(assessment='ECG', domains='EG', records=6, where='`EG`')]
    """
    part = readme.partition(HEADING)[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [Row(cells[0], cells[1], int(cells[2]), cells[3]) for cells in lines[1:]]


def counted(where: str, tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, int]]:
    """Yield each value that a cell asks for, and how many records have it; without values the dataset.

    Example:
        >>> list(counted("`EG[EGTESTCD=INTP,QTAG]`", {"EG": pa.table({"EGTESTCD": ["INTP", "INTP"]})}))
        [('EG EGTESTCD INTP', 2), ('EG EGTESTCD QTAG', 0)]
    """
    for name, conditions in SELECTED.findall(where):
        table = tables[name]
        parts = [part.partition("=") for part in conditions.split("; ") if part]
        for variable, _, values in parts[1:]:
            table = table.filter(pc.is_in(table[variable], pa.array(values.split(","))))
        if not parts:
            yield name, len(table)
            continue
        variable, _, values = parts[0]
        found = Counter(table[variable].to_pylist())
        yield from ((f"{name} {variable} {value}", found[value]) for value in values.split(","))


def renewed(readme: str, tables: Mapping[str, pa.Table]) -> str:
    """Return a README with the numbers of records as they are.

    Example:
        >>> head = (HEADING, "| assessment | domain | records | where |", "|---|---|---|---|")
        >>> text = chr(10).join((*head, "| ECG | EG | 6 | `EG` |"))
        >>> table_of(renewed(text, {"EG": pa.table({"EGSEQ": [1, 2]})}))[0].records
        2
    """
    for row in table_of(readme):
        number = sum(count for _, count in counted(row.where, tables))
        old = f"| {row.assessment} | {row.domains} | {row.records} | {row.where} |"
        readme = readme.replace(old, f"| {row.assessment} | {row.domains} | {number} | {row.where} |")
    return readme
