"""Trial design datasets to FHIR: as resources of the design, where these give every record back.

A dataset that they would not give back goes the way of any other, as Basic resources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import ABSENT, DATASET, ROW
from trialbridge.converters.design_forms import DESIGN, Json, Record, dicts
from trialbridge.converters.design_resources import DATASETS, design_of_fhir, design_to_fhir
from trialbridge.converters.fhir_parts import Part
from trialbridge.elements import Version
from trialbridge.lexical import legal

NO_CELLS = frozenset({ROW, ABSENT})


@dataclass(frozen=True)
class DesignResources:
    """The design of a study as resources.

    Attributes:
        names: The datasets that they hold.
        study: ResearchStudy; nothing where there is no design.
        others: The resources that it points to.
        carried: Dataset -> variable -> how many cells stand in the documented extension.
    """

    names: frozenset[str] = frozenset()
    study: Json = field(default_factory=dict)
    others: Sequence[Json] = ()
    carried: dict[str, Counter[str]] = field(default_factory=dict)


def design_resources(parts: Sequence[Part], study: str, version: Version, *, arms: bool) -> DesignResources:
    """Return the design datasets among `parts` as resources, as far as they come back the same.

    Args:
        parts: Datasets of the study whose records are of nobody.
        study: STUDYID.
        version: The FHIR release.
        arms: Whether the arms are listed too, for no subjects tell them.
    """
    records = {part.name: _records(part) for part in parts if part.name in DATASETS and _plain(part)}
    while records:
        *others, whole = design_to_fhir(records, study, version, arms=arms)
        back = design_of_fhir(msgspec.json.decode(msgspec.json.encode([*others, whole])), version)
        odd = [name for name, some in records.items() if back.get(name, []) != some]
        if not odd:
            return DesignResources(frozenset(records), whole, others, _carried([*others, whole]))
        records = {name: some for name, some in records.items() if name not in odd}
    return DesignResources()


def _plain(part: Part) -> bool:
    """Return whether the records are of nobody, and every text is one that FHIR can hold."""
    able = all(pc.all(legal("string", column)).as_py() is not False for column in part.columns.values())
    return able and part.subjects.null_count == len(part.subjects) > 0


def _records(part: Part) -> list[Record]:
    columns = {name: column.to_pylist() for name, column in part.columns.items() if name != DATASET}
    rows = range(len(part.subjects))
    return [{name: cells[row] for name, cells in columns.items() if cells[row] is not None} for row in rows]


def _carried(resources: Sequence[Json]) -> dict[str, Counter[str]]:
    """Return how many cells of each variable the extensions of the design hold."""
    found: dict[str, Counter[str]] = {name: Counter() for name in DATASETS}
    for holder, parts in _extensions(resources):
        names = {part["url"] for part in parts} - NO_CELLS
        if holder == "TS" and "TSSEQ" not in names:
            names -= {"TSPARMCD"}  # it says whose extension this is; an element says it too
        found[holder].update(names)
    return found


HOLDERS = {"cell": "TA", "element": "TE", "visit": "TV"}


def _extensions(resources: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
    for resource in resources:
        if resource["resourceType"] == "ResearchStudy":
            yield from (("TS", parts) for parts in _of(resource))
        for one in dicts(resource.get("characteristic")):
            yield from (("TI", parts) for parts in _of(one))
        yield from _of_actions(dicts(resource.get("action")))


def _of_actions(actions: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
    for action in actions:
        code = dicts(action.get("code"))[0]["coding"][0]["code"] if action.get("code") else ""
        yield from ((HOLDERS[code], parts) for parts in _of(action) if code in HOLDERS)
        yield from _of_actions(dicts(action.get("action")))


def _of(node: Json) -> Iterator[list[Json]]:
    yield from (
        dicts(one.get("extension")) for one in dicts(node.get("extension")) if one.get("url") == DESIGN
    )


def with_design(resource: Json, design: Json) -> Json:
    """Return the ResearchStudy of the subjects with what the design says of it; its own id and arms stay.

    Example:
        >>> with_design({"id": "a", "status": "active"}, {"id": "b", "title": "T"})
        {'id': 'a', 'status': 'active', 'title': 'T'}
    """
    merged = {**resource, **{name: one for name, one in design.items() if name not in resource}}
    for name in ("extension", "identifier"):
        if name in resource and name in design:
            merged[name] = [*design[name], *(one for one in resource[name] if not _known(one, design[name]))]
    return merged


def _known(node: Json, nodes: Sequence[Json]) -> bool:
    """Return whether an identifier without a system is among others."""
    bare = "value" in node and "system" not in node
    return bare and any(one.get("value") == node["value"] for one in nodes)


def is_of(resource: Json, study: str) -> bool:
    """Return whether a ResearchStudy is the whole study: it has its number, and is part of no other."""
    values = {one.get("value") for one in dicts(resource.get("identifier"))}
    return study in values and not resource.get("partOf")


def texts_of(records: Sequence[Record]) -> pa.Table:
    """Return records as a table of text, one column for each variable.

    Example:
        >>> texts_of([{"ETCD": "A"}, {"ELEMENT": "B"}]).to_pydict()
        {'ETCD': ['A', None], 'ELEMENT': [None, 'B']}
    """
    names = dict.fromkeys(name for one in records for name in one)
    return pa.table({name: pa.array([one.get(name) for one in records], pa.string()) for name in names})


__all__ = ["DesignResources", "design_resources", "is_of", "texts_of", "with_design"]
