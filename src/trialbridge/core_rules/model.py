"""A published rule as data: its scope, what it joins, what it computes, what it checks, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition: an operator, what it looks at, and what that is compared with.

    Attributes:
        operator: Such as ``equal_to``.
        target: The variable, ``--DTC``, ``$operation``, or a metadata name such as ``variable_label``.
        comparator: A value, a list, or the name of a variable or operation.
        value_is_literal: The comparator is a value, even where a variable has its name.
        value_is_reference: The comparator is the variable in which the name of the other stands.
        type_insensitive: ``1`` and 1.0 are equal.
        round_values: Numbers are compared as whole numbers.
        prefix: How many characters from the beginning are looked at.
        suffix: How many from the end.
        within: What the rows are grouped by.
        ordering: What the rows of a group are put in order by.
        regex: What part of a text is compared.
        negative: Whether a duration may be negative.
        date_component: The part of a date that is compared, such as ``year``.
    """

    operator: str
    target: str = ""
    comparator: Any = None
    value_is_literal: bool = False
    value_is_reference: bool = False
    type_insensitive: bool = False
    round_values: bool = False
    prefix: int | None = None
    suffix: int | None = None
    within: str | list[str] | None = None
    ordering: str | None = None
    regex: str | None = None
    negative: bool | None = None
    date_component: str | None = None


class All(msgspec.Struct, frozen=True):
    """Holds where all of its parts do."""

    parts: tuple[Check, ...]


class Either(msgspec.Struct, frozen=True):
    """Holds where one of its parts does."""

    parts: tuple[Check, ...]


class Not(msgspec.Struct, frozen=True):
    """Holds where its part does not."""

    part: Check


Check: TypeAlias = Leaf | All | Either | Not


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that is computed before the check, and named ``$...`` in it."""

    id: str
    operator: str
    name: str = ""
    domain: str = ""
    group: list[str] = []
    group_aliases: list[str] = []
    filter: dict[str, Any] = {}
    value_is_reference: bool = False
    key_name: str = ""
    key_value: str = ""
    codelist: str = ""
    codelists: list[str] = []
    codelist_code: str = ""
    level: str = ""
    returntype: str = ""
    ct_attribute: str = ""
    ct_package_type: str = ""
    ct_package_types: list[str] = []
    ct_packages: list[str] = []
    version: str = ""
    ct_version: str = ""
    term_code: str = ""
    term_value: str = ""
    term_pref_term: str = ""
    regex: str | None = None
    map: list[dict[str, Any]] = []
    attribute_name: str = ""
    delimiter: str = ""
    namespace: str = ""
    external_dictionary_type: str = ""
    external_dictionary_term_variable: str = ""
    dictionary_term_type: str = ""
    case_sensitive: bool = True


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dataset whose rows are put beside the rows that are checked."""

    domain_name: str
    match_key: list[str | dict[str, str]] = []
    wildcard: str = "**"
    child: bool = False
    join_type: str = "inner"
    relationship_columns: dict[str, str] | None = None


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule is for and what it is not for: classes or domains."""

    include: list[str] = msgspec.field(default_factory=list, name="Include")
    exclude: list[str] = msgspec.field(default_factory=list, name="Exclude")
    include_split_datasets: bool | None = None


class Standard(msgspec.Struct, frozen=True):
    """A version of a standard that a rule belongs to."""

    name: str
    version: str
    substandard: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.version, self.substandard)))


class CoreRule(msgspec.Struct, frozen=True):
    """A rule as CDISC publishes it.

    Attributes:
        id: Such as ``CORE-000123``.
        rule_type: Such as ``Record Data``.
        sensitivity: ``Record``, ``Dataset`` or ``Group``: what one finding is.
        message: What it says of what it finds.
        description: What it is about.
        executability: How much of the conformance rule it can say.
        classes: Classes of observation it is for.
        domains: Domains it is for.
        matches: Datasets that are joined.
        operations: What is computed first.
        check: What is a finding.
        output: Variables whose values are shown.
        grouping: Variables that make a group, where one finding is a group.
        standards: Standards that it belongs to.
        cites: Conformance rules that it executes, such as ``CG0151``.
        fault: Why it cannot be read; empty for nearly all.
    """

    id: str
    rule_type: str = "Record Data"
    sensitivity: str = "Record"
    message: str = ""
    description: str = ""
    executability: str = ""
    classes: Span = Span()
    domains: Span = Span()
    matches: tuple[Match, ...] = ()
    operations: tuple[Operation, ...] = ()
    check: Check = All(())
    output: tuple[str, ...] = ()
    grouping: tuple[str, ...] = ()
    standards: tuple[Standard, ...] = ()
    cites: tuple[str, ...] = ()
    fault: str = ""


def leaves(check: Check) -> Iterator[Leaf]:
    """Yield the conditions of a check, from left to right.

    Example:
        >>> [one.target for one in leaves(All((Leaf("empty", "AETERM"), Not(Leaf("empty", "AESER")))))]
        ['AETERM', 'AESER']
    """
    match check:
        case Leaf():
            yield check
        case Not(part):
            yield from leaves(part)
        case All(parts) | Either(parts):
            for part in parts:
                yield from leaves(part)


def names_in(rule: CoreRule) -> set[str]:
    """Return every name that a rule's check speaks of: targets, comparators, groups, orders.

    Example:
        >>> sorted(names_in(CoreRule("X", check=All((Leaf("equal_to", "AEOUT", "FATAL"),)))))
        ['AEOUT', 'FATAL']
    """
    found: set[str] = set()
    for leaf in leaves(rule.check):
        for one in (leaf.target, leaf.comparator, leaf.within, leaf.ordering):
            found |= {each for each in (one if isinstance(one, list) else [one]) if isinstance(each, str)}
    return found - {""}
