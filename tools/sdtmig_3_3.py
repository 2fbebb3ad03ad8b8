"""The tables of SDTMIG 3.3, out of what is published of it and what SDTMIG 3.4 says of the same variables.

Published are, for each variable of 3.3, its label, core, codelists and datasets, in the order of the guide.
Type, role and described domain are those of 3.4, where it has the variable; else those that 3.4 gives most
variables of the same suffix. `DATASETS` holds by hand how 3.3 names or structures a dataset otherwise.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

VARIABLES = "variable_to_codelist_sdtmig33_34.json.gz"
CODELISTS = "variable_codelist_maps_sdtmig.json"
GUIDE = "SDTMIG 3.3 "


class Differing(NamedTuple):
    """What 3.3 says of a dataset otherwise than 3.4; empty for the same."""

    label: str
    structure: str


DATASETS: Mapping[str, Differing] = {
    "DA": Differing("Drug Accountability", "One record per drug accountability finding per subject"),
    "MO": Differing(
        "Morphology", "One record per Morphology finding per location per time point per visit per subject"
    ),
    "SC": Differing("", "One record per characteristic per subject"),
    "SS": Differing("", "One record per finding per visit per subject"),
    "SV": Differing("", "One record per subject per actual visit"),
    "TS": Differing("Trial Summary Information", ""),
}
MODELLED_ON = {"MO": "MK"}
"""A dataset that 3.4 has no more -> the one whose order of common variables it shares."""

Row = tuple[str, ...]


class Guide(NamedTuple):
    """What is known of both versions.

    Attributes:
        variables: Variable -> what is published of it.
        codelists: Version -> variable -> codelists.
        datasets: The rows of the table of datasets of 3.4.
        later: Dataset -> variable -> its row of the table of variables of 3.4.
    """

    variables: Mapping[str, Mapping[str, Any]]
    codelists: Mapping[str, Mapping[str, list[str]]]
    datasets: list[Row]
    later: Mapping[str, Mapping[str, Row]]


def read_guide(folder: Path, datasets: Iterator[Row], variables: Iterator[Row]) -> Guide:
    """Return what the published tables say of 3.3, beside the rows of the tables of 3.4."""
    published = json.loads(gzip.decompress((folder / VARIABLES).read_bytes()))["variables"]
    maps = json.loads((folder / CODELISTS).read_bytes())
    later: dict[str, dict[str, Row]] = {}
    for row in variables:
        later.setdefault(row[0], {})[row[1]] = row
    codelists = {version: maps[f"sdtmig-3-{version[-1]}-codelists"] for version in ("3.3", "3.4")}
    return Guide(published, codelists, list(datasets), later)


def dataset_rows(guide: Guide) -> Iterator[Row]:
    """Yield the facts of each dataset, in the order of 3.4."""
    there = _variables(guide)
    for name, label, observation_class, structure in _with_lost(guide.datasets):
        if name in there:
            own = DATASETS.get(name, Differing("", ""))
            yield name, own.label or label, observation_class, own.structure or structure


def variable_rows(guide: Guide) -> Iterator[Row]:
    """Yield the facts of each variable, datasets and variables in the order of the guide."""
    there = _variables(guide)
    for dataset, variables in _in_order(guide).items():
        for name in variables:
            yield _facts(guide, dataset, name, there[dataset][name])


def _with_lost(datasets: list[Row]) -> Iterator[Row]:
    """Yield the datasets of 3.4, each with that of 3.3 behind it that was modelled on the one before."""
    for row in datasets:
        if row[0] == "MS":
            yield "MO", "Morphology", "FINDINGS", ""
        yield row


def _variables(guide: Guide) -> dict[str, dict[str, str]]:
    """Return dataset -> variable -> core, in the order of the published table."""
    labels = {label: name for name, label, _, _ in guide.datasets}
    labels |= {own.label: name for name, own in DATASETS.items() if own.label}
    found: dict[str, dict[str, str]] = {}
    for name, facts in guide.variables.items():
        for place, core in facts["core"].items():
            if place.startswith(GUIDE):
                found.setdefault(labels[place.removeprefix(GUIDE)], {})[name] = core
    return found


def _in_order(guide: Guide) -> dict[str, list[str]]:
    """Return dataset -> variables: its own as published, those of many datasets where 3.4 has them."""
    there = _variables(guide)
    often = {
        name for name, count in Counter(name for one in there.values() for name in one).items() if count > 1
    }
    found = {}
    for dataset, _, _, _ in _with_lost(guide.datasets):
        if dataset in there:
            like = MODELLED_ON.get(dataset, dataset)
            order = [dataset + name[2:] if name[:2] == like else name for name in guide.later[like]]
            found[dataset] = _merged(list(there[dataset]), order, often)
    return found


def _merged(published: list[str], order: list[str], often: set[str]) -> list[str]:
    """Return the published order; what many datasets have stands behind what it follows in `order`."""
    found = [name for name in published if name not in often]
    before = -1
    for name in order:
        if name in published and name in often:
            found.insert(before + 1, name)
        if name in found:
            before = found.index(name)
    return found + [name for name in published if name not in found]


def _facts(guide: Guide, dataset: str, name: str, core: str) -> Row:
    later = guide.later.get(dataset, {}).get(name)
    label = later[2] if later else guide.variables[name]["label"]
    kind, role, value_list, described = _kind(guide, dataset, name, later)
    return dataset, name, label, kind, _codelists(guide, name, later), role, core, value_list, described


def _kind(guide: Guide, dataset: str, name: str, later: Row | None) -> Row:
    """Return type, role, value list and described domain."""
    if later:
        return later[3], later[5], later[7], later[8]
    same = Counter(
        (row[3], row[5], row[8])
        for code, rows in guide.later.items()
        for other, row in rows.items()
        if other == name or (name[:2], other[:2], other[2:]) == (dataset, code, name[2:])
    )
    (kind, role, described), _ = same.most_common(1)[0]
    return kind, role, dataset if name == "DOMAIN" else "", described


def _codelists(guide: Guide, name: str, later: Row | None) -> str:
    own, others = (guide.codelists[version].get(name, []) for version in ("3.3", "3.4"))
    if later and set(own) == set(others):
        return later[4]
    return "; ".join(dict.fromkeys(own))
