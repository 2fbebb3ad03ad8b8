"""Builds, from the check of a rule, a package in which it must fire and one in which it must not.

A value for each variable is searched that makes all conditions true by the meaning of their operators; then
one condition is broken.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core_datasets import datasets_for, facts_of, variables_of
from core_meanings import MEANINGS, date, is_empty

from trialbridge.core_rules.model import All, Check, CoreRule, Either, Leaf, Not, Operation
from trialbridge.standards import ig_datasets


class _Gone:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Gone()
Plan = tuple[tuple[Leaf, bool], ...]
MOST_PLANS = 60
GENERIC = (
    *(None, "Y", "N", "X1", "ZZ", "2014-01-05", "2014-01-06", "2014-01", 1, 0, 5, -1, "P1D", "1", "A" * 50),
    *("A1", "1X", "-P1D", "notadate"),
)
FORMS = ["COMPLT", "RACE1", "UNKNOWN", "Unknown", "12", "1.5", "G3", "SEQ", "AESEQ", "AP", "A" * 22]
"""Texts, one of which most regular expressions of the rules match."""
DUPLICATE = "two equal rows"
VARY = "rows that differ in one variable"


def ways(check: Check, *, want: bool) -> Iterator[Plan]:
    """Yield what each condition must be for a check to be what is wanted; not those that do not matter."""
    match check:
        case Leaf():
            yield ((check, want),)
        case Not(part):
            yield from ways(part, want=not want)
        case All(parts):
            yield from _together(parts, want=True) if want else _one_broken(parts)
        case Either(parts):
            yield from (
                itertools.chain(*(ways(part, want=True) for part in parts))
                if want
                else _together(parts, want=False)
            )


def _one_broken(parts: Sequence[Check]) -> Iterator[Plan]:
    """Yield the plans in which one part does not hold and all others do, the last first."""
    for place in range(len(parts) - 1, -1, -1):
        others = [list(ways(part, want=True)) for n, part in enumerate(parts) if n != place]
        for broken in ways(parts[place], want=False):
            for rest in itertools.islice(itertools.product(*others), 4):
                yield (*itertools.chain(*rest), *broken)


def _together(parts: Sequence[Check], *, want: bool) -> Iterator[Plan]:
    lists = [list(itertools.islice(ways(part, want=want), 8)) for part in parts]
    for combination in itertools.product(*lists):
        yield tuple(itertools.chain(*combination))


@dataclass(frozen=True)
class Draft:
    """What a case is being built from: the rule, the dataset, and what each `$name` is."""

    rule: CoreRule
    dataset: str

    def name(self, text: str) -> str:
        code = self.dataset[2:4] if self.dataset.startswith("AP") else self.dataset[:2]
        return code + text[2:] if text.startswith("--") else text

    def operation(self, name: str) -> Operation | None:
        return next((one for one in self.rule.operations if one.id == name), None)

    def joined(self) -> list[str]:
        return [match.domain_name for match in self.rule.matches if match.domain_name != self.dataset]

    def side(self, name: str) -> str:
        """Return the dataset in which a variable stands: the first that the guide gives it to."""
        head, _, _ = name.partition(".")
        if head in self.joined() and "." in name:
            return head
        for dataset in (self.dataset, *self.joined()):
            if name in variables_of(dataset):
                return dataset
        return self.dataset


def compared(draft: Draft, leaf: Leaf, row: Mapping[str, Any]) -> Any:
    """Return what a condition compares with, in one row; ABSENT where it speaks of what is not there."""
    value = leaf.comparator
    if isinstance(value, str) and not leaf.value_is_literal:
        return row.get(draft.name(value), value)
    return value


SETS = {
    "is_not_unique_set": (True, DUPLICATE),
    "is_unique_set": (False, DUPLICATE),
    "present_on_multiple_rows_within": (True, DUPLICATE),
    "not_present_on_multiple_rows_within": (False, DUPLICATE),
    "is_not_unique_relationship": (True, VARY),
    "is_inconsistent_across_dataset": (True, VARY),
    "has_same_values": (False, VARY),
}
"""Operators over several rows: whether more than one row makes them hold, and how the rows are made."""


def holds(draft: Draft, leaf: Leaf, row: Mapping[str, Any]) -> bool | None:
    """Return whether a condition holds in one row, by its operator's meaning; none if that cannot be said."""
    target = row.get(draft.name(leaf.target), ABSENT)
    if leaf.operator in {"exists", "not_exists"}:
        return (target is not ABSENT) == (leaf.operator == "exists")
    other = compared(draft, leaf, row)
    if target is ABSENT or other is ABSENT:
        return None
    if leaf.operator in SETS:
        return not is_empty(target)
    if leaf.operator in MEANINGS:
        return MEANINGS[leaf.operator](target, other, leaf)
    for prefix, sense in (("is_not_", "is_"), ("not_", ""), ("does_not_", "")):
        twin = leaf.operator.replace(prefix, sense, 1)
        if leaf.operator.startswith(prefix) and twin in MEANINGS:
            return not MEANINGS[twin](target, other, leaf)
    return None


def literals(plan: Plan) -> list[Any]:
    """Return the values that conditions name, and some beside each."""
    found: list[Any] = []
    for leaf, _ in plan:
        for one in leaf.comparator if isinstance(leaf.comparator, list) else [leaf.comparator]:
            if isinstance(one, dict) or one is None or (isinstance(one, str) and one.startswith(("$", "--"))):
                continue
            found.append(one)
            if leaf.operator.endswith("regex"):
                found.pop()
                found += [
                    "COMPLT",
                    "RACE1",
                    "UNKNOWN",
                    "Unknown",
                    "12",
                    "1.5",
                    "G3",
                    "SEQ",
                    "AESEQ",
                    "AP",
                    "A" * 22,
                ]
            elif isinstance(one, str):
                found += [f"{one}1", f"A{one}", one.lower()]
    return list(dict.fromkeys(found))


POOLS = {
    "distinct": lambda _: [("ZZ",), ("Y",), ("1",), ("X1",), ("FATAL",), ("DEATH",)],
    "record_count": lambda _: [0, 1, 2],
    "variable_exists": lambda _: [True, False],
    "max_date": lambda _: ["2014-01-05", "2014-01-06"],
    "min_date": lambda _: ["2014-01-05", "2014-01-06"],
    "max": lambda _: ["2014-01-05", "2014-01-06"],
    "domain_label": lambda draft: [
        ig_datasets()[draft.dataset].label if draft.dataset in ig_datasets() else "Z"
    ],
}
"""Operation -> what it may come to, where the case can make it so."""


def solved(draft: Draft, plan: Plan) -> dict[str, Any] | None:
    """Return a value for each name that makes every condition what it must be; none where none is found."""
    names = _names(draft, plan)
    pools = {name: _pool(draft, plan, name) for name in names}
    if any(not pool for pool in pools.values()):
        return None
    return _search(draft, plan, names, pools, {})


def _names(draft: Draft, plan: Plan) -> list[str]:
    found: dict[str, None] = {}
    for leaf, _ in plan:
        found[draft.name(leaf.target)] = None
        value = leaf.comparator
        if isinstance(value, str) and not leaf.value_is_literal and _is_name(draft, value):
            found[draft.name(value)] = None
    derived = [name for name in found if (operation := draft.operation(name)) and operation.operator == "dy"]
    for name in derived:
        operation = draft.operation(name)
        found[draft.name(operation.name if operation else "")] = None
        found["RFSTDTC"] = None
    return sorted(found, key=lambda name: (name in derived, name.startswith("$")))


def _is_name(draft: Draft, text: str) -> bool:
    if text.startswith(("--", "$")) or text.partition(".")[0] in draft.joined():
        return True
    return any(text in variables_of(dataset) for dataset in (draft.dataset, *draft.joined()))


def _pool(draft: Draft, plan: Plan, name: str) -> list[Any]:
    operation = draft.operation(name)
    if operation is not None:
        if operation.operator == "dy":
            return [None]
        return list(POOLS[operation.operator](draft)) if operation.operator in POOLS else []
    own = [(leaf, want) for leaf, want in plan if draft.name(leaf.target) == name]
    if own and all(leaf.operator == "exists" and not want for leaf, want in own):
        return [ABSENT]
    if own and all(leaf.operator == "not_exists" and want for leaf, want in own):
        return [ABSENT]
    labels = [ig_datasets()[draft.dataset].label] if draft.dataset in ig_datasets() else []
    pool = [*literals(tuple(own)), *literals(plan), *GENERIC, *labels]
    numeric = any(one.name == name and one.type == "Num" for one in facts_of(draft.side(name)))
    if numeric:
        pool = [
            value for value in pool if value is None or (isinstance(value, int | float) and value is not True)
        ]
    return [*dict.fromkeys(pool), ABSENT]


def _search(
    draft: Draft, plan: Plan, names: Sequence[str], pools: Mapping[str, list[Any]], row: dict[str, Any]
) -> dict[str, Any] | None:
    if len(row) == len(names):
        return row
    name = names[len(row)]
    for value in pools[name]:
        tried = {**row, name: value}
        operation = draft.operation(name)
        if operation is not None and operation.operator == "dy":
            tried[name] = _study_day(tried.get(draft.name(operation.name)), tried.get("RFSTDTC"))
        known = [(leaf, want) for leaf, want in plan if _decided(draft, leaf, tried, names)]
        if all(_fits(draft, leaf, want, tried) for leaf, want in known):
            found = _search(draft, plan, names, pools, tried)
            if found is not None:
                return found
    return None


def _fits(draft: Draft, leaf: Leaf, want: bool, row: Mapping[str, Any]) -> bool:
    found = holds(draft, leaf, row)
    return found is True if leaf.operator in SETS else found is want


def _decided(draft: Draft, leaf: Leaf, row: Mapping[str, Any], names: Sequence[str]) -> bool:
    needed = [draft.name(leaf.target)]
    if isinstance(leaf.comparator, str) and not leaf.value_is_literal:
        needed.append(draft.name(leaf.comparator))
    return all(name in row for name in needed if name in names)


def _study_day(value: Any, reference: Any) -> int | None:
    if date(value) is None or date(reference) is None:
        return None
    days = (dt.date.fromisoformat(value) - dt.date.fromisoformat(reference)).days
    return days + 1 if days >= 0 else days


def realised(draft: Draft, plan: Plan, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the package in which the names have the values that were found."""
    case: dict[str, Any] = {"datasets": {draft.dataset: []}, "absent": {}}
    sides: dict[str, dict[str, Any]] = {draft.dataset: {}, **{name: {} for name in draft.joined()}}
    for name, value in row.items():
        if name.startswith("$"):
            continue
        side = draft.side(name)
        bare = name.partition(".")[2] or name
        if value is ABSENT:
            case["absent"].setdefault(side, []).append(bare)
        else:
            sides[side][bare] = value
    for match in draft.rule.matches:
        for key in match.match_key:
            if match.domain_name in sides and key not in {"USUBJID", "STUDYID"}:
                value = sides[draft.dataset].get(str(key), sides[match.domain_name].get(str(key), "X1"))
                sides[draft.dataset].setdefault(str(key), value)
                sides[match.domain_name][str(key)] = value
    for name, values in sides.items():
        case["datasets"][name] = [values]
    _operations(draft, row, case)
    case["datasets"][draft.dataset] = _rows(draft, plan, sides[draft.dataset])
    return case


def _rows(draft: Draft, plan: Plan, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return as many rows as conditions over several rows ask for."""
    rows = [row]
    for leaf, want in plan:
        if leaf.operator not in SETS:
            continue
        many, how = SETS[leaf.operator]
        listed = leaf.comparator if isinstance(leaf.comparator, list) else [leaf.comparator]
        names = [draft.name(one) for one in listed if isinstance(one, str) and not one.startswith("$")]
        target = draft.name(leaf.target)
        rows = [{**dict.fromkeys([*names, *_within(leaf)], "W1"), **one} for one in rows]
        rows = [_kept(draft, one) for one in rows]
        if (many == want) and how == DUPLICATE and len(rows) == 1:
            rows = [*rows, dict(rows[0])]
        elif (many == want) and how == VARY and len(rows) == 1:
            varied = names[0] if leaf.operator == "is_not_unique_relationship" else target
            rows = [*rows, {**rows[0], varied: _another(rows[0].get(varied))}]
    return rows


def _kept(draft: Draft, row: Mapping[str, Any]) -> dict[str, Any]:
    fixed = {"DOMAIN": draft.dataset[:2], "USUBJID": "S-1", "STUDYID": "S"}
    fixed |= {one.name: 1 for one in facts_of(draft.dataset) if one.type == "Num"}
    found = {name: fixed.get(name, value) if value == "W1" else value for name, value in row.items()}
    if draft.dataset in {"TA", "TE", "TI", "TS", "TV"}:
        found.pop("USUBJID", None)
    return found


def _within(leaf: Leaf) -> list[str]:
    return leaf.within if isinstance(leaf.within, list) else [leaf.within] if leaf.within else []


def _another(value: Any) -> Any:
    return value + 1 if isinstance(value, int | float) else f"{value or 'V'}2"


def _operations(draft: Draft, row: Mapping[str, Any], case: dict[str, Any]) -> None:
    """Put rows into other datasets so that each operation comes to the value that was found."""
    for operation in draft.rule.operations:
        domain = operation.domain or draft.dataset
        found = row.get(operation.id)
        if operation.operator == "variable_exists" and found:
            for one in case["datasets"].setdefault(domain, [{}]):
                one.setdefault(draft.name(operation.name), "X1")
        elif operation.operator == "record_count" and domain != draft.dataset:
            wanted = {name: str(value).rstrip("&%") for name, value in operation.filter.items()}
            case["datasets"][domain] = [wanted] * int(found or 0) or [
                dict.fromkeys(operation.filter, "OTHER")
            ]
        elif operation.operator in {"distinct", "max_date", "min_date", "max"}:
            _values(draft, operation, found, case)


def _values(draft: Draft, operation: Operation, found: Any, case: dict[str, Any]) -> None:
    """Put the values that an operation must find into its dataset."""
    domain, name = operation.domain or draft.dataset, draft.name(operation.name)
    if found is None:
        case["datasets"].setdefault(domain, [{operation.name: "OTHER"}])
        return
    values = found if isinstance(found, tuple) else (found,)
    extra = [{} if values == ("S-1",) else {name: _typed(domain, name, value)} for value in values]
    known = case["datasets"].get(domain)
    if known and len(known) == len(extra) == 1:
        known[0].update(extra[0])
    elif domain != draft.dataset:
        case["datasets"][domain] = extra


def _typed(dataset: str, name: str, value: Any) -> Any:
    numeric = any(one.name == name and one.type == "Num" for one in facts_of(dataset))
    return float(value) if numeric and str(value).replace(".", "").isdigit() else 99 if numeric else value


def presence(plan: Plan) -> dict[str, Any]:
    """Return the package with those datasets that conditions say are there, and without the others."""
    datasets: dict[str, list[dict[str, Any]]] = {"LB": [{}]}
    for leaf, want in plan:
        if leaf.target.startswith("$"):
            continue
        there = (leaf.operator == "exists") == want
        if there:
            datasets[leaf.target] = [{}]
        else:
            datasets.pop(leaf.target, None)
    return {"datasets": datasets, "absent": {}}


def cases(rule: CoreRule, *, want: bool) -> Iterator[dict[str, Any]]:
    """Yield packages in which a rule must fire (`want`), or must not."""
    plans = itertools.islice(ways(rule.check, want=want), MOST_PLANS)
    if rule.rule_type == "Domain Presence Check" and not rule.operations:
        yield from map(presence, plans)
        return
    if rule.rule_type not in {"Record Data", "Domain Presence Check"}:
        return
    for plan in plans:
        for dataset in datasets_for(rule):
            draft = Draft(rule, dataset)
            row = solved(draft, plan)
            if row is not None:
                yield realised(draft, plan, row)
