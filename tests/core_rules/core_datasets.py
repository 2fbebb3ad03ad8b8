"""Which datasets a published rule can be tried on, and what the guide says of their variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trialbridge.core_rules.model import CoreRule
from trialbridge.standards import ig_datasets, ig_variables

CANDIDATES = {
    "FINDINGS": ("LB", "VS", "QS", "PP", "PE", "MB", "EG"),
    "FINDINGS ABOUT": ("FA",),
    "EVENTS": ("CE", "AE", "MH", "DS", "HO"),
    "INTERVENTIONS": ("CM", "EX", "PR", "SU"),
    "SPECIAL PURPOSE": ("DM", "SE", "SV", "CO"),
    "TRIAL DESIGN": ("TA", "TS", "TV", "TE", "TI"),
    "RELATIONSHIP": ("SUPPAE", "RELREC", "RELSUB"),
    "STUDY REFERENCE": ("OI",),
    "ALL": ("LB", "CM", "CE", "DM", "SV", "TA"),
}
SPECIAL = {"SUPP--": ("SUPPAE", "SUPPDM"), "AP--": ("APMH",), "ALL": ()}


def variables_of(dataset: str) -> set[str]:
    return {one.name for one in facts_of(dataset)}


def datasets_for(rule: CoreRule) -> list[str]:
    """Return the datasets to try a rule on."""
    named = [one for name in rule.domains.include for one in SPECIAL.get(name, (name,))]
    if not named:
        kinds = [kind for kind in rule.classes.include if kind in CANDIDATES] or ["ALL"]
        if "ALL" in rule.domains.include and kinds == ["ALL"]:
            kinds = ["ALL", "RELATIONSHIP"]
        named = list(dict.fromkeys(name for kind in kinds for name in CANDIDATES[kind]))
    out = rule.domains.exclude
    return [name for name in named if name not in out and not (name[:2] == "AP" and "AP--" in out)]


def facts_of(dataset: str) -> Sequence[Any]:
    known = "SUPPQUAL" if dataset.startswith("SUPP") else dataset
    return ig_variables(known) if known in ig_datasets() else ()
