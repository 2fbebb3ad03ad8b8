"""A `Domain` is a declaration in the order of the SDTM specification: where each variable lives in FHIR.

`to_records` reads it towards SDTM; `routing.to_leaves` writes it towards FHIR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import (
    ABSENT,
    DECIMALS,
    digests,
    extension_path,
    extension_paths,
    read_extension,
    with_decimals,
)
from trialbridge.columns import blank
from trialbridge.errors import MappingDefinitionError
from trialbridge.paths import parse
from trialbridge.rules import Carried, Cells, Const, Leaves, OneOf, OneWay, Rule
from trialbridge.standards import domain_variables, in_model
from trialbridge.vocabulary import Vocabulary

FROM_DECISION = 253
"""Stands among the alternatives of every rule for a decision of people."""

FROM_EXTENSION = 255
"""The number of the extension among the alternatives of every rule."""

Rows = Literal["resource", "component", "item"]


class Join(NamedTuple):
    """Another resource that a record draws on.

    Attributes:
        path: Where the reference stands.
        type: The type that it points to.
        role: Of a path with every repetition, where each says its part, and which part is meant; the first.
    """

    path: str
    type: str
    role: tuple[str, str] = ("", "")


class Panel(NamedTuple):
    """Tests of which one each, of one moment, are components of one Observation on the way to FHIR.

    Attributes:
        text: What it is called.
        code: Its LOINC code.
        components: --TESTCD -> LOINC code of the component, in the order in which they are written.
        own: Last letters of the variables that a component has for itself, beside those that its elements
            hold; records that differ in any other variable are no panel.
    """

    text: str
    code: str
    components: Mapping[str, str]
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Supp:
    """A supplemental qualifier: its label, and its rule."""

    label: str
    rule: Rule
    origin: str = "Collected"
    evaluator: str = ""


@dataclass(frozen=True, eq=False)
class Domain:
    """One SDTM domain as a declaration.

    Attributes:
        code: Two letters.
        source: Resource type that one record, or several, come from.
        rules: Variable -> rule, in the order of the specification.
        supp: QNAM -> supplemental qualifier.
        rows: The unit that becomes a record: the resource, its components too, or its answers.
        joins: Name -> the other resource; a path may start with ``name->``.
        only: Path -> the codes of which a resource must hold one to be a record of this declaration; an empty
            tuple asks for any value at all.
        excluded: Path -> code -> why such a resource is no record.
        fixed: Path -> what is written in every resource.
        companions: Path -> what is written beside another value of the same element.
        panels: Tests that are written as components of one Observation.
        first: Variables that are written before the others, which then go where these leave room.
        source_of: Origin source of collected values: ``Investigator``, ``Vendor`` or ``Subject``.
        complete: Whether it is held against the standard's variables, as the mapping of a domain is.
        carried: Variables that only the documented extension holds, see `carrying`.

    Raises:
        MappingDefinitionError: A path cannot be parsed, a join is unknown, or a required or expected
            variable of the standard has no rule.
    """

    code: str
    source: str
    rules: Mapping[str, Rule]
    supp: Mapping[str, Supp] = field(default_factory=dict)
    rows: Rows = "resource"
    joins: Mapping[str, Join] = field(default_factory=dict)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    panels: tuple[Panel, ...] = ()
    first: tuple[str, ...] = ()
    source_of: str = "Investigator"
    carried: tuple[str, ...] = ()
    complete: bool = True

    def __post_init__(self) -> None:
        """Refuse a declaration that cannot be meant."""
        known = {variable.name: variable for variable in domain_variables(self.code)} if self.complete else {}
        for name in self.rules if self.complete else ():
            if name not in known:
                raise MappingDefinitionError(self.code, name, "is no variable of this domain in SDTMIG 3.4")
        for name, variable in known.items():
            if variable.core != "Perm" and name not in self.rules:
                raise MappingDefinitionError(self.code, name, f"is {variable.core} and has no rule")
        self._check_qualifiers()
        for name, rule in self.all_rules():
            for path in (*rule.paths, *rule.targets):
                self._check_path(name, path)

    def _check_qualifiers(self) -> None:
        for name in self.supp:
            if in_model(self.code, name):
                raise MappingDefinitionError(self.code, name, "is a variable of the model, not a qualifier")

    def _check_path(self, name: str, text: str) -> None:
        try:
            parsed = parse(text)
        except ValueError as error:
            raise MappingDefinitionError(self.code, name, str(error)) from error
        for head in parsed.heads:
            if head not in self.joins:
                raise MappingDefinitionError(self.code, name, f"{text!r} follows an unknown join {head!r}")

    def all_rules(self) -> Iterator[tuple[str, Rule]]:
        """Return every variable and every supplemental qualifier with its rule."""
        declared = {**self.rules, **{name: supp.rule for name, supp in self.supp.items()}}
        for name, rule in declared.items():
            if name not in self.carried:
                yield name, rule
        for name in self.carried:
            yield name, Carried()

    def carrying(self, names: Iterable[str]) -> Domain:
        """Return the same declaration for records with values for `names`: what no rule takes is carried."""
        kept = set(self.reversible())
        return replace(self, carried=tuple(name for name in names if name not in kept))

    def paths(self) -> dict[str, None]:
        """Return every path that is read, in order, without repetition."""
        paths = [path for _, rule in self.all_rules() for path in (*rule.paths, *rule.targets)]
        paths += extension_paths(self.rows)
        paths += [path for join in self.joins.values() for path in (join.path, join.role[0]) if path]
        paths += [*self.only, *self.excluded, *self.fixed, *self.companions]
        return dict.fromkeys(paths)

    def reversible(self) -> Iterator[str]:
        """Return the names of the variables that are carried to FHIR."""
        for name, rule in self.all_rules():
            if not isinstance(rule, OneWay | Const):
                yield name

    def extension(self, name: str) -> str:
        """Return the path of the extension that carries a variable."""
        return extension_path(self.rows, name)


class Records(NamedTuple):
    """SDTM columns of a domain: the values, which alternative each came from, and what was not understood."""

    values: dict[str, pa.Array]
    which: dict[str, pa.Array]
    lost: dict[str, pa.Array]


def to_records(domain: Domain, leaves: Leaves, vocabulary: Vocabulary) -> Records:
    """Return the SDTM columns of `leaves`, by every rule of `domain`; derived variables are null as yet."""
    return with_extension(domain, leaves, of_elements(domain, leaves, vocabulary))


def of_elements(domain: Domain, leaves: Leaves, vocabulary: Vocabulary) -> Records:
    """Return what the elements say, whatever the documented extension holds."""
    records = Records({}, {}, {})
    for name, rule in domain.all_rules():
        cells = rule.to_sdtm(leaves, vocabulary)
        records.values[name] = cells.values
        records.lost[name] = cells.lost
        if cells.which is not None:
            records.which[name] = cells.which
    return records


def basis_of(domain: Domain, leaves: Leaves, natives: Records) -> pa.Array:
    """Return the digest of what the elements of each record say, and of the status that may exclude it."""
    return digests({**natives.values, **{path: leaves(path) for path in domain.excluded}})


def with_extension(domain: Domain, leaves: Leaves, records: Records) -> Records:
    """Return the same columns with what the documented extension holds, which is what the record held."""
    carried = read_extension(domain.rows, leaves)
    if not carried:
        return records
    found = Records(dict(records.values), dict(records.which), dict(records.lost))
    for name in domain.reversible():
        cells = Cells(records.values[name], records.which.get(name), records.lost[name])
        values, which, found.lost[name] = _with_extension(cells, carried, name)
        found.values[name] = with_decimals(name, values, carried[DECIMALS]) if DECIMALS in carried else values
        assert which is not None  # noqa: S101 -- the extension is an alternative, so there are several
        found.which[name] = which
    return found


def _with_extension(cells: Cells, carried: Mapping[str, pa.Array], name: str) -> Cells:
    nothing = blank(len(cells.values))
    whole, absent = carried.get(name, nothing), carried.get(ABSENT, nothing)
    which = cells.which if cells.which is not None else pc.if_else(cells.values.is_valid(), 0, None)
    which = pc.if_else(whole.is_valid(), FROM_EXTENSION, which).cast(pa.uint8())
    blanked = pc.fill_null(pc.match_substring_regex(absent, f"(^| ){name}( |$)"), False)  # noqa: FBT003
    values = pc.if_else(blanked, None, pc.coalesce(whole, cells.values))
    return Cells(values, pc.if_else(blanked, None, which), pc.and_(cells.lost, values.is_null()))


def alternatives(rule: Rule) -> tuple[Rule, ...]:
    """Return the alternatives of a rule: itself, where it has none."""
    return rule.rules if isinstance(rule, OneOf) else (rule,)
