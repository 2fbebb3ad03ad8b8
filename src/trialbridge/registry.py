"""Mappings are found by their name, and only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from keyword import iskeyword

from trialbridge.mapping import Domain
from trialbridge.paths import parse

DOMAINS: tuple[str, ...] = (
    *("DM", "AE", "CE", "CM", "DS", "DV", "EC", "EX", "HO", "MH", "PR", "SU"),
    *("CP", "CV", "DA", "DD", "EG", "FA", "IE", "IS", "LB", "MB", "PE", "QS", "RS", "SC", "SV", "VS"),
)
"""The domains that have a mapping."""

DERIVED: tuple[str, ...] = ("SE", "CO", "RELREC")
"""The domains that are derived from others, and come from no resource of their own."""

SUBJECTS = {
    "ResearchSubject": "individual.reference",
    "Consent": "patient.reference",
    "DetectedIssue": "patient.reference",
    "Immunization": "patient.reference",
    "AllergyIntolerance": "patient.reference",
}
"""Where a resource names its subject; ``subject.reference`` where nothing else stands here."""

Paths = dict[str, dict[str, None]]


@cache
def declarations(code: str) -> tuple[Domain, ...]:
    """Return the declarations of a domain, one for each resource type that its records come from.

    A derived domain has none.

    Raises:
        LookupError: There is no mapping for it.

    Example:
        >>> [declaration.source for declaration in declarations("QS")]
        ['QuestionnaireResponse', 'Observation']
    """
    if code in DERIVED:
        return ()
    if code not in DOMAINS:
        msg = f"there is no mapping for {code}"
        raise LookupError(msg)
    name = code.lower() + "_" * iskeyword(code.lower())  # IS, Immunogenicity, is a word of Python
    module = import_module(f"trialbridge.mappings.{name}")
    return tuple(value for value in vars(module).values() if isinstance(value, Domain))


@cache
def all_declarations() -> tuple[Domain, ...]:
    """Return every declaration, domain by domain."""
    return tuple(declaration for code in DOMAINS for declaration in declarations(code))


def paths_by_type(domains: Iterable[Domain]) -> dict[str, Paths]:
    """Return, for each resource type, the paths that `domains` read of it, by unit.

    The unit ``""`` is the resource itself; ``component`` and ``item`` hold the ``$this`` paths.
    """
    found: dict[str, Paths] = {}
    for domain in domains:
        found.setdefault(domain.source, {}).setdefault("", {})
        for join in domain.joins.values():
            found.setdefault(join.type, {}).setdefault("", {})
        for text in domain.paths():
            _add(found, domain, text)
    return found


def _add(found: dict[str, Paths], domain: Domain, text: str) -> None:
    path = parse(text)
    if path.heads:
        found[domain.joins[path.heads[-1]].type][""][path.local] = None
        return
    units = found[domain.source]
    if path.this and domain.rows == "item":
        units.setdefault("item", {})[path.local] = None
        return
    units[""][path.local] = None
    if path.this and domain.rows == "component":
        units.setdefault("component", {})[path.local] = None
