"""The rules run over a package: every rule says whether it was run, and what it hit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from trialbridge.columns import remembering
from trialbridge.standards import ig_datasets
from trialbridge.validation.checking import NotChecked
from trialbridge.validation.checks import CHECKS
from trialbridge.validation.conditions import Condition, domains_of, is_variable, variables_of
from trialbridge.validation.frame import Frame
from trialbridge.validation.outcome import Hits, Outcome, Status, Validation
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule
from trialbridge.validation.scope import in_scope

Progress = Callable[[str, int, int], None]


def run_rules(package: Package, rules: Sequence[Rule], progress: Progress | None = None) -> Validation:
    """Return what becomes of each of `rules` on `package`.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> from trialbridge.validation.rule import rules
        >>> package = package_of({"AE": [{"AESTDTC": "2020-01-05", "AEENDTC": "2020-01-01"}]})
        >>> found = run_rules(package, [rule for rule in rules() if rule.facts.id == "start-after-end"])
        >>> [(outcome.status.value, outcome.found) for outcome in found.outcomes]
        [('run', 1)]
    """
    began = time.perf_counter()
    outcomes = []
    with remembering():
        for number, rule in enumerate(rules):
            outcomes.append(run_rule(package, rule))
            if progress is not None:
                progress("rules", number + 1, len(rules))
    return Validation(outcomes, package.frames, {"rules": time.perf_counter() - began})


def run_rule(package: Package, rule: Rule) -> Outcome:
    """Return what becomes of one rule; one of an earlier guide does not apply to a later one."""
    last = rule.asked.get("until", "")
    if last and package.standards.ig > last:
        return Outcome(rule.facts, Status.NOT_APPLICABLE, f"is of SDTMIG up to {last}")
    check = CHECKS[rule.check]
    other = package.standards.other_guide
    if other and rule.of_guide:
        return Outcome(rule.facts, Status.NOT_CHECKED, f"is for SDTMIG, and this is {other}")
    try:
        if not check.each_domain:
            return Outcome(rule.facts, Status.RUN, hits=tuple(check.run(package, rule, _NO_FRAME)))
        return _run_on_domains(package, rule)
    except NotChecked as error:
        return Outcome(rule.facts, Status.NOT_CHECKED, error.reason)


_NO_FRAME = Frame("", ())


def _run_on_domains(package: Package, rule: Rule) -> Outcome:
    frames = in_scope(package, rule.scope)
    if not frames:
        return _absent(package, rule)
    missing = sorted({name for name in domains_of(_conditions(rule)) if package.frame(name) is None})
    if missing:
        return Outcome(rule.facts, Status.NOT_CHECKED, f"needs {', '.join(missing)}")
    applicable = [frame for frame in frames if _has_all(package, frame, rule)]
    if not applicable:
        names = ", ".join(_needed(rule))
        return Outcome(rule.facts, Status.NOT_APPLICABLE, f"no dataset in its scope has {names}")
    hits: list[Hits] = []
    for frame in applicable:
        hits += CHECKS[rule.check].run(package, rule, frame)
    return Outcome(rule.facts, Status.RUN, "", hits, [frame.name for frame in applicable])


def _absent(package: Package, rule: Rule) -> Outcome:
    """Return why there is nothing to look at: a domain is not among the single files, or nowhere."""
    names = [name for name in rule.scope if name in ig_datasets()]
    if names and not package.complete:
        return Outcome(rule.facts, Status.NOT_CHECKED, f"needs {' or '.join(names)}")
    return Outcome(rule.facts, Status.NOT_APPLICABLE, f"no dataset is {', '.join(rule.scope)}")


def _conditions(rule: Rule) -> list[Condition]:
    return [*rule.asked.get("when", ()), *rule.asked.get("where", ())]


def _needed(rule: Rule) -> list[str]:
    """Return the variables without which a rule says nothing: those it names, unless it says which."""
    if rule.needs:
        return list(rule.needs)
    asked = rule.asked
    named = [*variables_of(_conditions(rule)), *asked.get("keys", ()), *asked.get("within", ())]
    return list(dict.fromkeys([*named, *([asked["of"]] if "of" in asked else [])]))


def _has_all(package: Package, frame: Frame, rule: Rule) -> bool:
    return all(_has(package, frame, name) for name in _needed(rule))


def _has(package: Package, frame: Frame, name: str) -> bool:
    if is_variable(name) and "." in name:
        domain, _, variable = name.partition(".")
        other = package.frame(domain)
        return other is not None and other.has(variable) and frame.has("USUBJID")
    return frame.has(name)


def reasons(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[str]]]:
    """Yield each reason for which rules were not checked, with their names, the most frequent first."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.status in {Status.NOT_CHECKED, Status.NOT_SUPPORTED}:
            found.setdefault(outcome.reason, []).append(outcome.rule.id)
    yield from sorted(found.items(), key=lambda item: -len(item[1]))
