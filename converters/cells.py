"""Where every cell came from, as two small tables: a pointer a record, and the rules of each shape of record.

Records that took the same alternative of every rule have the same shape, and there are few shapes. So a cell
is found by one join: ``provenance JOIN rules USING (domain, shape)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import POINTERS
from trialbridge.converters.datasets import IDENTIFIER_METHODS
from trialbridge.converters.derive import METHODS
from trialbridge.converters.fhir_parts import declared_by
from trialbridge.mapping import FROM_DECISION, FROM_EXTENSION, Domain, alternatives
from trialbridge.rules import Const, OneWay, Rule
from trialbridge.standards import domain_variables, ig_datasets

BESIDE = ("_join_", "_visit_by")
"""How the columns begin that name the other resources of a record, and how it got its visit."""
_ABSENT = 254
_KEYS = ("USUBJID", "SEQ", "declaration")

RULES = pa.schema(
    {
        "domain": pa.string(),
        "shape": pa.int32(),
        "variable": pa.string(),
        "how": pa.string(),
        "alternative": pa.int32(),
        "alternatives": pa.int32(),
        "resource_type": pa.string(),
        "paths": pa.list_(pa.string()),
        "reason": pa.string(),
    }
)
"""How each came about: ``read``, ``extension``, ``decision``, ``constant``, ``assigned`` or ``derived``."""


def provenance_schema(provenance: Mapping[str, pa.Table]) -> pa.Schema:
    """Return the schema of the one provenance table of all domains: keys, pointers, shape, and every join."""
    joins = sorted(
        {name for table in provenance.values() for name in table.column_names if name.startswith(BESIDE)}
    )
    keys = {"domain": pa.string(), "usubjid": pa.string(), "seq": pa.int64(), "shape": pa.int32()}
    pointers = {field.name: field.type for field in POINTERS}
    return pa.schema({**keys, **pointers, **{name.removeprefix("_"): pa.string() for name in joins}})


def cells(code: str, table: pa.Table, schema: pa.Schema) -> tuple[pa.Table, pa.Table]:
    """Return the provenance of one domain with the shape of each record, and the `RULES` of the shapes.

    Args:
        code: The domain.
        table: Its provenance, as `Conversion` has it.
        schema: See `provenance_schema`.
    """
    variables = [name for name in table.column_names if _is_variable(name)]
    shapes, distinct = _shapes(table, variables)
    columns = {"domain": pa.array([code] * len(table), pa.string()), "shape": shapes}
    columns |= {"usubjid": table["USUBJID"], "seq": table["SEQ"]}
    columns |= {name: table[name] for name in POINTERS.names}
    columns |= {name.removeprefix("_"): table[name] for name in table.column_names if name.startswith(BESIDE)}
    rows = {name: columns.get(name, pa.nulls(len(table), pa.string())) for name in schema.names}
    kind = table["resource_type"][0].as_py() if len(table) else ""
    found = [
        row for number, shape in enumerate(distinct) for row in _rules(code, kind, number, variables, shape)
    ]
    return pa.table(rows, schema=schema), pa.Table.from_pylist(found, schema=RULES)


def _is_variable(name: str) -> bool:
    return name not in _KEYS and name not in POINTERS.names and not name.startswith("_")


def _shapes(table: pa.Table, variables: list[str]) -> tuple[pa.Array, list[bytes]]:
    """Return each record's shape as a number, and the shapes: declaration, then an alternative a variable."""
    matrix = np.empty((len(table), 1 + len(variables)), np.uint8)
    for number, name in enumerate(("declaration", *variables)):
        places = pc.if_else(pc.less(table[name], 0), None, table[name]).cast(pa.uint8())
        matrix[:, number] = places.fill_null(_ABSENT).to_numpy()
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(matrix.shape[1]), len(table), [None, pa.py_buffer(matrix)]
    )
    encoded = packed.dictionary_encode()
    shapes: list[bytes] = encoded.dictionary.to_pylist()
    return encoded.indices.cast(pa.int32()), shapes


def _rules(code: str, kind: str, number: int, variables: list[str], shape: bytes) -> Iterator[dict[str, Any]]:
    if shape[0] == _ABSENT:
        yield from _derived_rules(code, number)
        return
    domain = declared_by(code, shape[0], variables, kind)
    chosen = dict(zip(variables, shape[1:], strict=True))
    for name, rule in domain.all_rules():
        found = rule_row(domain, name, rule, chosen.get(name, 0))
        if found:
            yield {"domain": code, "shape": number, "variable": name, **found}


def _derived_rules(code: str, number: int) -> Iterator[dict[str, Any]]:
    """Yield how the variables came about of a record that no resource gave."""
    known = domain_variables(code) if code in ig_datasets() else ()  # none of a study's own domain
    for name in (variable.name for variable in known):
        if method := method_of(code, name):
            yield {"domain": code, "shape": number, "variable": name, "how": "derived", "reason": method}


def rule_row(domain: Domain, name: str, rule: Rule, alternative: int) -> dict[str, Any] | None:
    """Return how a variable came about; none where it is blank.

    Args:
        domain: The declaration that the record follows.
        name: The variable.
        rule: Its rule.
        alternative: The number of the rule's alternative, 254 where none gave a value.
    """
    method = method_of(domain.code, name)
    choices = alternatives(rule)
    facts = {"alternatives": len(choices), "resource_type": domain.source, "reason": method}
    if isinstance(rule, Const):
        return {**facts, "how": "constant", "reason": rule.value}
    if isinstance(rule, OneWay):
        derived = bool(method) or rule.why.startswith("derived")
        return {
            **facts,
            "how": "derived" if derived else "assigned",
            "reason": method or rule.why.removeprefix("derived: "),
        }
    if alternative == FROM_EXTENSION:
        return {**facts, "how": "extension", "alternative": alternative, "paths": [domain.extension(name)]}
    if alternative == FROM_DECISION:
        return {**facts, "how": "decision", "alternative": alternative, "paths": list(rule.paths)}
    if alternative < len(choices):
        return {**facts, "how": "read", "alternative": alternative, "paths": list(choices[alternative].paths)}
    return {**facts, "how": "derived"} if method else None


def method_of(code: str, name: str) -> str:
    """Return how a derived variable comes about; empty for one that no step derives.

    Example:
        >>> method_of("DM", "DTHFL")
        'Y where DTHDTC is present.'
    """
    general = METHODS.get(f"--{name.removeprefix(code)}", "") if name.startswith(code) else ""
    return (METHODS.get(name, "") or IDENTIFIER_METHODS.get(name, "") or general).replace("--", code)
