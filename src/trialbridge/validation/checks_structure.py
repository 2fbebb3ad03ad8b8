"""Checks of datasets against the tables of SDTMIG: what is there, of which type, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import distinct
from trialbridge.standards import VariableFacts, ig_datasets, ig_variables
from trialbridge.validation.checking import Check, table_of, whole
from trialbridge.validation.checks_records import repeated
from trialbridge.validation.frame import Frame, Mask, Part, Rows
from trialbridge.validation.outcome import Hits, hits_of
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule

_CLASSES = ("EVENTS", "FINDINGS", "FINDINGS ABOUT", "INTERVENTIONS")
_ROLES = ("Identifier", "Timing")
_TELLING = (
    "USUBJID",
    "--TESTCD",
    "--TERM",
    "--TRT",
    "VISITNUM",
    "--DTC",
    "--STDTC",
    "QNAM",
    "IDVARVAL",
    "STUDYID",
)


def _facts(package: Package, frame: Frame) -> Mapping[str, VariableFacts]:
    """Return what the IG says of the variables of a domain; nothing for a domain of the sponsor's own.

    Raises:
        NotChecked: There is no table of the version.
    """
    version = table_of(package)
    try:
        return {facts.name: facts for facts in ig_variables(frame.name, version)}
    except LookupError:
        return {}


def _core_absent(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables of a core that are not there."""
    facts = _facts(package, frame).values()
    wanted = [one.name for one in facts if one.core == rule.asked["core"] and not frame.has(one.name)]
    only = rule.asked.get("only")
    return [Hits(frame.name, value=name) for name in wanted if only is None or name[2:] in only]


def _core_null(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows in which a variable of a core is blank."""
    hits: list[Hits] = []
    for facts in _facts(package, frame).values():
        if facts.core == rule.asked["core"] and frame.has(facts.name):
            hits += hits_of(
                frame, ~frame.filled(facts.name), [facts.name, *_keys(frame)], cause=(facts.name,)
            )
    return hits


def _keys(frame: Frame) -> list[str]:
    return [name for name in ("USUBJID", "--SEQ") if frame.has(name)]


def _all_null(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables of a core that have no value in any row."""
    core = rule.asked["core"]
    facts = _facts(package, frame).values()
    names = [one.name for one in facts if one.core == core and frame.has(one.name)]
    if not frame.rows:
        return ()
    return [Hits(frame.name, (name,), None, value=name) for name in names if not frame.filled(name).any()]


@cache
def _model(kind: str, version: str) -> frozenset[str]:
    """Return the endings of all variables of a class, and of all identifiers and timings."""
    found = set()
    for name, dataset in ig_datasets(version).items():
        own = dataset.observation_class == kind
        general = dataset.observation_class in _CLASSES
        for facts in ig_variables(name, version):
            if own or (general and facts.role in _ROLES):
                found.add(facts.name.removeprefix(name) if facts.name.startswith(name) else facts.name)
    return frozenset(found)


def _beyond(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables that the IG's dataset has not: those of the model, or those in neither."""
    facts = _facts(package, frame)
    kind = frame.observation_class
    if not facts and kind not in _CLASSES:
        return ()
    model = _model(kind, table_of(package))
    return [
        Hits(frame.name, (), None, value=name)
        for name in frame.variables
        if name not in facts and (_ending(frame, name) in model) is rule.asked["model"]
    ]


def _ending(frame: Frame, name: str) -> str:
    return name.removeprefix(frame.code) if frame.code else name


def _order(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables that stand before one that the IG puts before them."""
    del rule
    order = {name: place for place, name in enumerate(_facts(package, frame))}
    return [
        Hits(part.dataset.name, (), None, value=", ".join(misplaced))
        for part in frame.parts
        if (misplaced := _misplaced([one.name for one in part.dataset.variables if one.name in order], order))
    ]


def _misplaced(names: Sequence[str], order: Mapping[str, int]) -> list[str]:
    """Return the names whose place is before that of the name left of them.

    Example:
        >>> _misplaced(["STUDYID", "USUBJID", "DOMAIN"], {"STUDYID": 0, "DOMAIN": 1, "USUBJID": 2})
        ['DOMAIN']
    """
    return [name for left, name in pairwise(names) if order[name] < order[left]]


def _type(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del rule
    facts = _facts(package, frame)
    return [
        Hits(part.dataset.name, (), None, value=f"{one.name} is {one.type}, not {facts[one.name].type}")
        for part in frame.parts
        for one in part.dataset.variables
        if one.name in facts and facts[one.name].type != one.type
    ]


def _label(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the variables whose label is not the IG's; or differs in case alone, as the rule asks."""
    facts = _facts(package, frame)
    return [
        Hits(part.dataset.name, (), None, value=f"{one.name}: {one.label!r}, not {facts[one.name].label!r}")
        for part in frame.parts
        for one in part.dataset.variables
        if one.name in facts and one.label and _differs(one.label, facts[one.name].label, rule.asked["case"])
    ]


def _differs(label: str, wanted: str, in_case: object) -> bool:
    return label != wanted and (label.casefold() == wanted.casefold()) is in_case


def _dataset_label(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del rule
    known = ig_datasets(table_of(package)).get(frame.name)
    return [
        Hits(part.dataset.name, (), None, value=f"{part.dataset.label!r}, not {known.label!r}")
        for part in frame.parts
        if known and len(frame.parts) == 1 and part.dataset.label and part.dataset.label != known.label
    ]


def _class_unknown(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    del package, rule
    return () if frame.observation_class else [Hits(frame.name, value=frame.name)]


def _domain_value(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose DOMAIN is not that of their dataset."""
    del package, rule
    wanted = frame.name if len(frame.name) == 2 else frame.name[:2]
    wrong = frame.filled("DOMAIN") & ~pc.equal(frame.text("DOMAIN"), wanted).fill_null(True).to_numpy(  # noqa: FBT003
        zero_copy_only=False
    )
    return hits_of(frame, wrong, ["DOMAIN"], cause=("DOMAIN",))


def _one_study(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return the datasets that name another study than most do."""
    del rule
    said = [(part, value) for part in package.parts() for value in _studies(part)]
    counts: dict[str, int] = {}
    for _, value in said:
        counts[value] = counts.get(value, 0) + 1
    usual = max(counts, key=lambda value: counts[value], default="")
    return [Hits(part.dataset.name, (), None, value=value) for part, value in said if value != usual]


def _studies(part: Part) -> Iterator[str]:
    if "STUDYID" in part.dataset.table.column_names:
        yield from (str(one) for one in pc.unique(part.dataset.table["STUDYID"]).drop_null().to_pylist())


def _sequence_twice(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows whose --SEQ another row of the subject has."""
    del package, rule
    by = [name for name in ("STUDYID", "USUBJID", "POOLID", "SPDEVID", "TSPARMCD") if frame.has(name)]
    twice = repeated(frame.groups([*by, "--SEQ"]), frame.filled("--SEQ"))
    return hits_of(frame, twice, [*by[1:], "--SEQ"])


def _record_twice(package: Package, rule: Rule, frame: Frame) -> Sequence[Hits]:
    """Return the rows that have all values of an earlier row, but for its number."""
    del package, rule
    names = [name for name in frame.variables if name != frame.resolve("--SEQ")]
    alike = _not_alone(frame.groups([name for name in _TELLING if frame.has(name)]))
    rows = np.flatnonzero(alike)
    if not len(rows):
        return ()
    mask = np.zeros(frame.rows, np.bool_)
    numbered, _ = distinct([frame.text(name).take(pa.array(rows)) for name in names])
    groups = numbered.to_numpy(zero_copy_only=False)
    mask[rows] = repeated(groups, np.ones(len(rows), np.bool_))
    return hits_of(frame, mask, _keys(frame) or names[:3])


def _not_alone(groups: Rows) -> Mask:
    """Return which rows share their group: only those are worth comparing in all their values."""
    if not len(groups):
        return np.zeros(0, np.bool_)
    found: Mask = np.bincount(groups)[groups] > 1
    return found


STRUCTURE_CHECKS: Mapping[str, Check] = {
    "core absent": Check(_core_absent),
    "core null": Check(_core_null),
    "all null": Check(_all_null),
    "beyond the guide": Check(_beyond),
    "order": Check(_order),
    "type": Check(_type),
    "label": Check(_label),
    "dataset label of the guide": Check(_dataset_label),
    "class unknown": Check(_class_unknown),
    "domain value": Check(_domain_value),
    "one study": whole(_one_study),
    "sequence twice": Check(_sequence_twice),
    "record twice": Check(_record_twice),
}
"""Name of a check -> what runs it."""
