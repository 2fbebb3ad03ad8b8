"""Which datasets a rule is for: by class, by domain, and not by both."""

from __future__ import annotations

from trialbridge.core_rules.model import CoreRule, Span
from trialbridge.validation.frame import Frame
from trialbridge.validation.package import Package

ALL = "ALL"


def in_scope(package: Package, rule: CoreRule) -> list[Frame]:
    """Return the datasets that a rule is for.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> rule = CoreRule("X", classes=Span(include=["EVENTS"]), domains=Span(exclude=["DS"]))
        >>> [frame.name for frame in in_scope(package_of({"AE": [{}], "DS": [{}], "LB": [{}]}), rule)]
        ['AE']
    """
    return [frame for frame in package.frames.values() if is_meant(frame, rule)]


def is_meant(frame: Frame, rule: CoreRule) -> bool:
    """Return whether a rule is for a dataset."""
    if rule.domains.include_split_datasets and not rule.domains.include and len(frame.parts) == 1:
        return False
    kinds = {frame.observation_class} | (
        {"FINDINGS"} if frame.observation_class == "FINDINGS ABOUT" else set()
    )
    return _allows(rule.classes, kinds) and _allows(rule.domains, _names(frame))


def _allows(span: Span, names: set[str]) -> bool:
    included = not span.include or not names.isdisjoint({*span.include}) or ALL in span.include
    return included and names.isdisjoint(span.exclude) and ALL not in span.exclude


def _names(frame: Frame) -> set[str]:
    names = {frame.name}
    if frame.name.startswith(("SUPP", "SQ")):
        names.add("SUPP--")
    if frame.name.startswith("AP") and len(frame.name) > 2:
        names |= {"AP--", "APFA--"} if frame.name.startswith("APFA") else {"AP--"}
    return names


def said(rule: CoreRule) -> str:
    """Return what a rule is for, in words.

    Example:
        >>> said(CoreRule("X", classes=Span(include=["EVENTS"]), domains=Span(exclude=["DS"])))
        'EVENTS, not DS'
    """
    included = [*rule.classes.include, *rule.domains.include]
    excluded = [f"not {name}" for name in (*rule.classes.exclude, *rule.domains.exclude)]
    return ", ".join([*dict.fromkeys(name for name in included if name != ALL), *excluded]) or "any dataset"
