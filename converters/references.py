"""References from record to record: where the types name each other, and which rows they point to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.stage import column
from trialbridge.registry import all_declarations

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan

_REASON = {"REASON": "reasonReference[*].reference"}
_PART = {"PARTOF": "partOf[*].reference"}

REFERENCES: Mapping[str, Mapping[str, str]] = {
    "AdverseEvent": {
        "SUSPECT": "suspectEntity[*].instance.reference",
        "RESULT": "resultingCondition[*].reference",
    },
    "Condition": {"EVIDENCE": "evidence[*].detail[].reference"},
    "Encounter": {**_REASON, "PARTOF": "partOf.reference"},
    "Immunization": _REASON,
    "MedicationAdministration": {**_REASON, **_PART},
    "MedicationDispense": _PART,
    "MedicationStatement": {**_REASON, **_PART, "DERIVED": "derivedFrom[*].reference"},
    "Observation": {
        **_PART,
        "DERIVED": "derivedFrom[*].reference",
        "FOCUS": "focus[*].reference",
        "MEMBER": "hasMember[*].reference",
        "BASEDON": "basedOn[*].reference",
    },
    "Procedure": {
        **_REASON,
        **_PART,
        "COMPLIC": "complicationDetail[*].reference",
        "BASEDON": "basedOn[*].reference",
    },
    "QuestionnaireResponse": {**_PART, "BASEDON": "basedOn[*].reference"},
}
"""Resource type -> what a relationship is called -> where the reference stands."""

RECORDED = frozenset(one.source for one in all_declarations() if one.code not in {"DM", "SV"})
"""Types that become records with a --SEQ."""


class Links(NamedTuple):
    """References of one kind that point to resources of one type.

    Attributes:
        name: What the relationship is called.
        source: Type of the resources that hold the references.
        target: Type of the resources that they point to.
        holders: Rows of the ones.
        targets: Rows of the others.
    """

    name: str
    source: str
    target: str
    holders: np.ndarray
    targets: np.ndarray


def links(plan: Plan) -> Iterator[Links]:
    """Return every reference between two resources of types that become records.

    Args:
        plan: What was read, and who is who in it.
    """
    for kind, places in REFERENCES.items():
        table = plan.staged.table(kind)
        for name, path in places.items() if table is not None else ():
            assert table is not None  # noqa: S101 -- asked in the line before
            holders, texts = _flat(column(table, path))
            if len(texts):
                yield from _resolved(plan, kind, name, table.take(pa.array(holders)), holders, texts)


def _flat(references: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Return each reference, and the row that holds it."""
    if pa.types.is_list(references.type):
        rows, texts = pc.list_parent_indices(references), pc.list_flatten(references)
    else:
        rows, texts = pa.array(np.arange(len(references))), references
    there = texts.is_valid()
    return rows.filter(there).to_numpy(zero_copy_only=False), texts.filter(there).cast(pa.string())


def _resolved(
    plan: Plan, kind: str, name: str, holder: pa.Table, holders: np.ndarray, texts: pa.Array
) -> Iterator[Links]:
    for target in sorted(RECORDED & set(plan.identities.indexes)):
        may = pc.match_substring_regex(texts, f"(^|/){target}/|^urn:|^#")
        if pc.any(may).as_py():
            rows = plan.identities.resolve(target, holder, kind, pc.if_else(may, texts, None))
            found = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
            if len(found):
                yield Links(name, kind, target, holders[found], rows.drop_null().to_numpy())
