"""The LOINC code of a laboratory test, where the crosswalk read backwards knows exactly one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from trialbridge.columns import TEXT, by_values
from trialbridge.crosswalks.dimensions import parse
from trialbridge.crosswalks.tables import LoincRow, crosswalk

Dimensions = frozenset[tuple[str, int]]
PER_LITRE = ("/L", 1)

PROPERTIES: Mapping[str, tuple[Dimensions, ...]] = {
    "MASS CONCENTRATION": (frozenset({("g", 1), PER_LITRE}),),
    "SUBSTANCE CONCENTRATION": (frozenset({("mol", 1), PER_LITRE}), frozenset({("eq", 1), PER_LITRE})),
    "CATALYTIC CONCENTRATION": (frozenset({("U", 1), PER_LITRE}), frozenset({("IU", 1), PER_LITRE})),
    "NUMBER CONCENTRATION": (frozenset({PER_LITRE}),),
    **dict.fromkeys(("NUMBER FRACTION", "VOLUME FRACTION", "MASS FRACTION"), (frozenset({("fraction", 1)}),)),
    "ENTITIC VOLUME": (frozenset({("L", 1)}),),
    "ENTITIC MASS": (frozenset({("g", 1)}),),
}
"""Property that a LOINC code measures -> what its unit may be of; another property is not told by a unit."""


def loinc_of(testcd: str, spec: str, method: str, unit: str) -> str | None:
    """Return the one LOINC code of a test of a specimen, by a method, in a unit; null for several or none.

    Example:
        >>> loinc_of("CREAT", "SERUM OR PLASMA", "", "mg/dL"), loinc_of("CREAT", "", "", "mg/dL")
        ('2160-0', None)
    """
    measure = parse(unit) if unit and testcd and spec else None
    if measure is None:
        return None
    found = [
        row.loinc
        for row in _tests().get((testcd, spec, method), ())
        if measure.dimensions in PROPERTIES.get(row.restyp, ())
    ]
    return found[0] if len(found) == 1 else None


@cache
def _tests() -> Mapping[tuple[str, str, str], list[LoincRow]]:
    """Return the laboratory's rows by test, specimen and method; none of a time or a diet is there."""
    found: dict[tuple[str, str, str], list[LoincRow]] = defaultdict(list)
    for row in (LoincRow(**one) for one in crosswalk("loinc").rows):
        if row.domain == "LB" and not (row.fast or row.pdur or row.tpt):
            found[row.testcd, row.spec, row.method].append(row)
    return found


def loinc_column(table: Mapping[str, pa.Array]) -> pa.Array:
    """Return the LOINC code of each laboratory record: its own, else the one that its test can only have.

    Args:
        table: Variable -> column.
    """
    names = ("LBLOINC", "LBTESTCD", "LBSPEC", "LBMETHOD", "LBORRESU")
    rows = len(next(iter(table.values())))
    columns = [table.get(name, pa.nulls(rows, TEXT)) for name in names]
    return by_values(columns, lambda known, *test: known or loinc_of(*test))
