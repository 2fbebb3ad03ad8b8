"""Runs CDISC's rules over a package: each is run, does not apply, or is not supported, and says why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from trialbridge.columns import remembering
from trialbridge.core_rules.define_items import define_items
from trialbridge.core_rules.joins import joined
from trialbridge.core_rules.lacking import Absent, NotSupported
from trialbridge.core_rules.logic import OPERATORS, truth
from trialbridge.core_rules.metadata import (
    dataset_view,
    define_view,
    library_view,
    presence_view,
    value_views,
    variable_view,
)
from trialbridge.core_rules.model import CoreRule, leaves, names_in
from trialbridge.core_rules.operations import Setting
from trialbridge.core_rules.operations_library import OPERATIONS, computed
from trialbridge.core_rules.scope import in_scope, said
from trialbridge.core_rules.view import View, record_view
from trialbridge.findings import Severity
from trialbridge.validation.frame import Frame, Rows
from trialbridge.validation.outcome import Hits, Outcome, RuleFacts, Status, Validation
from trialbridge.validation.package import Package
from trialbridge.validation.run import Progress

ORIGIN = "CDISC CORE"
DEFAULT_GUIDE = "3.4"
_PRESENCE = "Domain Presence Check"
_VALUES = ("Value Check with Dataset Metadata", "Value Check with Variable Metadata")
_METADATA = (
    "Dataset Metadata Check",
    "Variable Metadata Check",
    "Variable Metadata Check against Library Metadata",
    "Define Item Metadata Check against Library Metadata",
)
RULE_TYPES = ("Record Data", _PRESENCE, *_VALUES, *_METADATA)
"""The types of rules that are executed."""


@dataclass(eq=False)
class _Study:
    """What is validated, and the joined rows that several rules look at."""

    package: Package
    guide: str
    joined: dict[str, View] = field(default_factory=dict)


def run_core_rules(
    package: Package, rules: Sequence[CoreRule], guide: str = "", progress: Progress | None = None
) -> list[Outcome]:
    """Return what becomes of each rule on a package.

    Args:
        package: The datasets, and the define.xml where there is one.
        rules: As `read_core_rules` returns them.
        guide: Version of SDTMIG whose rules are run; that of the package where none is given.
        progress: Is told how far it is.

    Example:
        >>> from trialbridge.core_rules.read import core_rule
        >>> from trialbridge.validation.example import package_of
        >>> rule = core_rule({"Core": {"Id": "CORE-1"}, "Rule Type": "Record Data", "Sensitivity": "Record",
        ...     "Check": {"all": [{"name": "AESER", "operator": "empty"}]}, "Outcome": {"Message": "none"}})
        >>> found = run_core_rules(package_of({"AE": [{"AESER": "Y"}, {"AESER": None}]}), [rule])
        >>> found[0].status.value, found[0].hits[0].rows.tolist()
        ('run', [1])
    """
    version = guide or package.standards.ig or DEFAULT_GUIDE
    study = _Study(package, version)
    outcomes = []
    with remembering():
        for number, rule in enumerate(rules, 1):
            outcomes.append(_outcome(study, rule))
            if progress is not None:
                progress("CORE rules", number, len(rules))
    return outcomes


def with_core_rules(
    package: Package, validation: Validation, rules: Sequence[CoreRule], progress: Progress | None = None
) -> Validation:
    """Return a validation with what becomes of CDISC's rules behind what has become of ours.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> rule = CoreRule("CORE-1", rule_type="JSONata")
        >>> with_core_rules(package_of({}), Validation([]), [rule]).outcomes[0].status.value
        'not supported'
    """
    began = time.perf_counter()
    outcomes = [*validation.outcomes, *run_core_rules(package, rules, progress=progress)]
    seconds = {**validation.seconds, "CORE rules": time.perf_counter() - began}
    return replace(validation, outcomes=outcomes, seconds=seconds)


def unsupported(rule: CoreRule) -> str:
    """Return why a rule cannot be executed, whatever the data; empty where it can.

    Example:
        >>> unsupported(CoreRule("X", rule_type="JSONata"))
        'rules of the type JSONata'
    """
    if rule.fault:
        return rule.fault
    if rule.rule_type not in RULE_TYPES:
        return f"rules of the type {rule.rule_type}"
    operators = {leaf.operator for leaf in leaves(rule.check)} - set(OPERATORS)
    operations = {one.operator for one in rule.operations} - set(OPERATIONS)
    matches = {f"a {one.join_type} join" for one in rule.matches if one.join_type != "inner"}
    words = [f"the operator {name}" for name in sorted(operators)]
    words += [f"the operation {name}" for name in sorted(operations)]
    return ", ".join([*words, *sorted(matches)])


def facts_of(rule: CoreRule) -> RuleFacts:
    """Return what the reports say of a rule, in its own words."""
    certain = "overreporting" not in rule.executability
    severity = Severity.ERROR if certain else Severity.WARNING
    return RuleFacts(
        rule.id, rule.message, severity, rule.rule_type, rule.cites, rule.description, origin=ORIGIN
    )


def _outcome(study: _Study, rule: CoreRule) -> Outcome:
    facts = facts_of(rule)
    versions = [one.version for one in rule.standards if one.name == "SDTMIG"]
    if rule.standards and study.guide not in versions:
        return Outcome(facts, Status.NOT_APPLICABLE, f"for {_listed(rule)}, not for SDTMIG {study.guide}")
    reason = unsupported(rule)
    if reason:
        return Outcome(facts, Status.NOT_SUPPORTED, reason)
    try:
        return _run(study, rule, facts)
    except NotSupported as error:
        return Outcome(facts, Status.NOT_SUPPORTED, error.reason)


def _listed(rule: CoreRule) -> str:
    return ", ".join(map(str, rule.standards[:4])) + (", ..." if len(rule.standards) > 4 else "")


def _run(study: _Study, rule: CoreRule, facts: RuleFacts) -> Outcome:
    hits: list[Hits] = []
    looked: list[str] = []
    lacking: list[str] = []
    frames: Sequence[Frame | None] = in_scope(study.package, rule)
    if rule.rule_type == _PRESENCE:
        frames = (frames or [None])[: None if rule.operations else 1]
    for frame in frames:
        try:
            found, unknown = _on_frame(study, rule, frame)
        except Absent as error:
            lacking.append(error.what)
            continue
        lacking += unknown
        if not unknown or found:
            looked.append(frame.name if frame is not None else "")
            hits += found
    if looked:
        return Outcome(facts, Status.RUN, "", hits, looked)
    reason = "; ".join(list(dict.fromkeys(lacking))[:3]) or f"no dataset for {said(rule)}"
    return Outcome(facts, Status.NOT_APPLICABLE, reason)


def _on_frame(study: _Study, rule: CoreRule, frame: Frame | None) -> tuple[list[Hits], list[str]]:
    """Return what a rule finds in one dataset, and what it lacks where it can say nothing of it."""
    hits: list[Hits] = []
    lacking: list[str] = []
    said_nothing = True
    for name, view in _views(study, rule, frame):
        checked = view.for_rule(
            lambda one, of: computed(Setting(study.package, of, study.guide), rule.operations, one)
        )
        found = truth(checked, rule.check)
        rows = np.flatnonzero(found.yes)
        unknown = bool((~found.yes & ~found.no).any())
        said_nothing = said_nothing and unknown and not len(rows)
        lacking += found.lacking if unknown else ()
        if len(rows):
            hits += _hits(rule, checked, rows, name)
    return hits, lacking if said_nothing else []


def _views(study: _Study, rule: CoreRule, frame: Frame | None) -> Iterator[tuple[str, View]]:
    """Yield the rows that a rule looks at, and the variable that they are about."""
    if frame is None or rule.rule_type == _PRESENCE:
        yield "", presence_view(study.package, frame)
    elif rule.rule_type in _VALUES:
        yield from value_views(record_view(frame))
    elif rule.rule_type in _METADATA:
        yield "", _metadata_view(study, rule, frame)
    elif rule.domains.include_split_datasets and len(frame.parts) > 1:
        for part in frame.parts:
            rows = np.arange(part.start, part.start + part.dataset.table.num_rows)
            yield "", joined(study.package, record_view(frame, rows), rule.matches, list(names_in(rule)))
    else:
        yield "", _joined(study, rule, frame)


def _joined(study: _Study, rule: CoreRule, frame: Frame) -> View:
    names = sorted(name for name in {*names_in(rule), *rule.output} if name.startswith("RELREC."))
    key = f"{frame.name} {rule.matches} {names}"
    if key not in study.joined:
        study.joined[key] = joined(study.package, record_view(frame), rule.matches, names)
    return study.joined[key]


def _metadata_view(study: _Study, rule: CoreRule, frame: Frame) -> View:
    if rule.rule_type == "Dataset Metadata Check":
        return dataset_view(frame)
    if rule.rule_type == "Variable Metadata Check":
        return variable_view(frame)
    if rule.rule_type == "Variable Metadata Check against Library Metadata":
        return library_view(frame, study.guide)
    define = study.package.define
    if define is None or define.root is None:
        raise Absent("no define.xml")
    return define_view(frame, study.guide, define_items(define.root, frame.name))


def _hits(rule: CoreRule, view: View, rows: Rows, about: str) -> list[Hits]:
    """Return the findings: one a record, a group or a dataset, as the rule says; of metadata, one a row."""
    name = view.frame.name if view.frame is not None else "study"
    shown = ([about] if about else []) + _shown(rule, view)
    variables = tuple(dict.fromkeys(one for one in shown if _has(view, one)))
    noted = "; ".join(dict.fromkeys(view.notes))
    if rule.sensitivity == "Dataset" or view.source is None:
        return [Hits(name, variables, value=one) for one in _values(rule, view, rows, noted)]
    if rule.sensitivity == "Group" and rule.grouping:
        there = [one for one in rule.grouping if view.find(one) is not None]
        rows = rows[np.unique(view.codes(there)[rows], return_index=True)[1]] if there else rows
    records, first = np.unique(view.source[rows], return_index=True)
    return [Hits(name, variables, records, value=noted, beside=_beside(view, shown, rows[first]))]


def _has(view: View, name: str) -> bool:
    return view.frame is not None and name in view.frame.variables


def _beside(view: View, names: Sequence[str], rows: Rows) -> dict[str, pa.Array]:
    """Return what stands in the rows under names that are no variables of the dataset."""
    found = {name: view.find(name) for name in dict.fromkeys(names) if not _has(view, name)}
    return {name: one.shown(rows) for name, one in found.items() if one is not None}


def _values(rule: CoreRule, view: View, rows: Rows, noted: str) -> list[str]:
    """Return the value of each finding that has no record: what was noted, else what the row is about."""
    about = [name for name in ("variable_name", "define_variable_name", "dataset_name") if name in view.named]
    if noted or not about or (rule.sensitivity == "Dataset" and view.source is not None):
        return [noted]
    names = view.cells(about[0]).text
    return [names[int(row)].as_py() or "" for row in rows]


def _shown(rule: CoreRule, view: View) -> list[str]:
    """Return the names that a finding shows: those the rule says, else those it looks at."""
    looked = [name for leaf in leaves(rule.check) for name in (leaf.target, leaf.comparator)]
    asked = rule.output or [name for name in looked if isinstance(name, str)]
    return [view.resolve(name) for name in asked]
