"""How each variable of a study is filled: the element of FHIR, the rule, and how many records it gave."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trialbridge.converters.cells import method_of
from trialbridge.converters.contents import Contents
from trialbridge.converters.declared_codes import Codes, declared_codes
from trialbridge.converters.describe_rule import describe
from trialbridge.mapping import alternatives
from trialbridge.registry import DOMAINS, declarations
from trialbridge.rules import Rule

HOW: Mapping[str, str] = {
    "read": "read",
    "extension": "carried in the documented extension",
    "decision": "decided by people",
    "constant": "constant",
    "assigned": "assigned",
    "derived": "derived",
    "design": "the trial's design",
}
"""How a variable is filled -> in words."""

_CONCEPT = re.compile(r"^(.+?)(?:\.coding\[[^\]]*\])?\.(system|code|display|text)$")


class Feed(NamedTuple):
    """One way in which a variable of the study is filled.

    Attributes:
        dataset: Name of the dataset, SUPP-- for a qualifier.
        variable: Name of the variable, or QNAM.
        label: Its label.
        records: How many records have a value that came this way.
        share: Of how many.
        how: Of `HOW`.
        resource: The FHIR resource type.
        elements: The paths that are read.
        rule: What the rule does.
        codes: Term -> the codes that the rule takes for it.
    """

    dataset: str
    variable: str
    label: str
    records: int
    share: int
    how: str
    resource: str
    elements: tuple[str, ...]
    rule: str
    codes: Codes


class Way(NamedTuple):
    """How values came about, as `rules.parquet` has it."""

    how: str
    resource: str
    alternative: int | None
    paths: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Shapes:
    """The records of a run by their shape, in the order of each dataset.

    Attributes:
        numbers: Domain -> the shape of each record.
        sources: Domain -> resource type -> how many records came of it.
    """

    numbers: Mapping[str, np.ndarray]
    sources: Mapping[str, Counter[str]]


def read_shapes(folder: Path) -> Shapes:
    """Return the shapes of the records of a run folder; nothing for a folder of datasets alone."""
    source = folder / "run" / "provenance.parquet"
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    if source.is_file():
        for batch in pq.ParquetFile(source).iter_batches(columns=["domain", "shape", "resource_type"]):
            for name in batch["domain"].unique().to_pylist():
                some = batch.filter(pc.equal(batch["domain"], name))
                parts[name].append(some["shape"].to_numpy(zero_copy_only=False))
                for one in pc.value_counts(some["resource_type"]).to_pylist():
                    sources[name][one["values"] or ""] += one["counts"]
    return Shapes({name: np.concatenate(some) for name, some in parts.items()}, sources)


def feeds(found: Sequence[Contents], folder: Path, rules: Sequence[Mapping[str, Any]]) -> list[Feed]:
    """Return how each variable of a package is filled, in the order of the datasets.

    Args:
        found: What is in the datasets, counted by shape.
        folder: The run folder.
        rules: Where variables come from, as `rules.parquet` has it.
    """
    by_variable: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rules:
        by_variable[row["domain"], row["variable"]].append(row)
    made: list[Feed] = []
    for one in found:
        if one.name.startswith("SUPP"):
            made += _of_qualifiers(one, folder, by_variable)
            continue
        known = any(domain == one.name for domain, _ in by_variable)
        for name, label in one.variables.items():
            counts = one.filled.get(name, np.zeros(1, int))
            rows = by_variable.get((one.name, name), ())
            whole = int(counts.sum())
            ways = _of_variable(one, (name, label), counts, whole, rows)
            made += ways if known else [_of_design(one, name, label, whole)]
    return made


def _of_variable(
    one: Contents, named: tuple[str, str], counts: np.ndarray, total: int, rows: Sequence[Mapping[str, Any]]
) -> Iterator[Feed]:
    """Yield the ways in which one variable is filled, the one of most records first."""
    name, _ = named
    domain = one.name.removeprefix("SUPP")
    ways: dict[Way, int] = defaultdict(int)
    for row in rows:
        ways[_way(row)] += int(counts[row["shape"]]) if row["shape"] < len(counts) else 0
    rest = total - sum(ways.values())
    if rest and len(ways) == 1:
        ways[next(iter(ways))] += rest
    elif rest:
        reason = method_of(domain, name) or "from other records of the subject"
        ways[Way("derived", "", None, (), reason)] += rest
    for way, records in sorted(ways.items(), key=lambda one: -one[1]):
        if records:
            yield _feed(one, named, records, way, _rules(domain, name, way))


def _way(row: Mapping[str, Any]) -> Way:
    resource, reason = row["resource_type"] or "", row["reason"] or ""
    return Way(row["how"], resource, row["alternative"], tuple(row["paths"] or ()), reason)


def _feed(one: Contents, named: tuple[str, str], records: int, way: Way, read: Sequence[Rule]) -> Feed:
    how = "constant" if way.how == "read" and not way.paths else way.how
    said = way.reason or "; or ".join(dict.fromkeys(describe(rule) for rule in read))
    codes = {term: known for rule in read for term, known in declared_codes(rule).items()}
    resource = way.resource if how in {"read", "extension", "decision"} else ""
    return Feed(one.name, *named, records, one.records, how, resource, compact(way.paths), said, codes)


def _of_design(one: Contents, name: str, label: str, records: int) -> Feed:
    why = "the resources that describe the trial, and its settings"
    return Feed(one.name, name, label, records, one.records, "design", "", (), why, {})


def _of_qualifiers(
    one: Contents, folder: Path, rules: Mapping[tuple[str, str], list[Mapping[str, Any]]]
) -> Iterator[Feed]:
    """Yield how each qualifier of SUPP-- is filled: by the shape of the record that it belongs to."""
    parent = one.name[4:]
    counts = _by_shape(one, folder, parent)
    for named, total in sorted(one.combinations.get(("QNAM", "QLABEL"), {}).items()):
        name, label = named
        found = counts.get(name, np.zeros(1, int))
        yield from _of_variable(one, (name, label), found, total, rules.get((parent, name), ()))


def _by_shape(one: Contents, folder: Path, parent: str) -> dict[str, np.ndarray]:
    """Return, for each qualifier, how many records of each shape have it."""
    source = folder / "run" / "provenance.parquet"
    if not one.qualifiers or not source.is_file():
        return {}
    names = ["usubjid", "seq", "shape"]
    records = pq.read_table(source, columns=names, filters=[("domain", "=", parent)])
    there = pa.Table.from_batches(one.qualifiers)
    keyed = parent != "DM"
    numbers = pc.if_else(pc.equal(there["IDVAR"], f"{parent}SEQ"), there["IDVARVAL"], None)
    left = pa.table(
        {
            "usubjid": there["USUBJID"],
            "seq": numbers.cast(pa.int64()) if keyed else pa.nulls(len(there), pa.int64()),
            "name": there["QNAM"],
        }
    )
    keys = ["usubjid", "seq"] if keyed else ["usubjid"]
    whole = left.join(records.select([*keys, "shape"]), keys)
    kinds = (pc.max(records["shape"]).as_py() or 0) + 1
    found = {}
    for name in whole["name"].unique().to_pylist():
        shapes = whole.filter(pc.equal(whole["name"], name))["shape"].drop_null()
        found[name] = np.bincount(shapes.to_numpy(), minlength=kinds)
    return found


def _rules(domain: str, name: str, way: Way) -> list[Rule]:
    """Return the alternatives that read these paths: several, where declarations share them."""
    found = []
    for declared in declarations(domain) if domain in DOMAINS and way.how == "read" else ():
        rule = dict(declared.all_rules()).get(name)
        choices = alternatives(rule) if rule else ()
        number = len(choices) if way.alternative is None else way.alternative
        if declared.source == way.resource and choices[number:] and tuple(choices[number].paths) == way.paths:
            found.append(choices[number])
    return found


def compact(paths: Sequence[str]) -> tuple[str, ...]:
    """Return paths with the parts of one CodeableConcept told once.

    Example:
        >>> compact(["code.coding[*].system", "code.coding[*].code", "code.text", "status"])
        ('code: system, code, text', 'status')
    """
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        match = _CONCEPT.match(path)
        parts[match[1] if match else path][match[2] if match else ""] = path
    return tuple(
        next(iter(some.values())) if len(some) == 1 else f"{base}: {', '.join(some)}"
        for base, some in parts.items()
    )


def coded_variables(rules: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[str, ...]]]:
    """Return dataset -> the variables, each alone, of which some rule in use is a table of codes."""
    found: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)
    for row in rules:
        if any(map(declared_codes, _rules(row["domain"], row["variable"], _way(row)))):
            found[row["domain"]][row["variable"],] = None
    return {name: list(some) for name, some in found.items()}
