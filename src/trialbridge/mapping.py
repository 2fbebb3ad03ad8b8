"""A `Domain` is a declaration in the order of the SDTM specification: where each variable lives in FHIR.

`to_records` reads it towards SDTM and `to_leaves` towards FHIR. Writing is routing: each value goes to the
first alternative of its rule that takes it. What was written is then read again, and a cell that would not
come back the same is `carried` by the documented extension, so that the round trip is exact by construction
and the extension never repeats what an element says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import blank
from trialbridge.elements import Element, elements
from trialbridge.errors import MappingDefinitionError
from trialbridge.paths import parse
from trialbridge.rules import Cells, Const, Leaves, OneOf, OneWay, Rule
from trialbridge.standards import ig_variables
from trialbridge.vocabulary import Vocabulary

EXTENSION = "urn:trialbridge:sdtm:"
"""The documented extension: this and the variable's name is its ``url``, the value is its ``valueString``."""

ABSENT = f"{EXTENSION}absent"
"""Names the variables that are blank although an element could be read as a value of them."""

FROM_EXTENSION = 255
"""The number of the extension among the alternatives of every rule."""

Rows = Literal["resource", "component", "item"]


class Join(NamedTuple):
    """Another resource that a record draws on: the path of the reference, and the type it points to."""

    path: str
    type: str


@dataclass(frozen=True, slots=True)
class Supp:
    """A supplemental qualifier: its label, and its rule."""

    label: str
    rule: Rule
    origin: str = "Collected"
    evaluator: str = ""


@dataclass(frozen=True)
class Domain:
    """One SDTM domain as a declaration.

    Attributes:
        code: Two letters.
        source: Resource type that one record, or several, come from.
        rules: Variable -> rule, in the order of the specification.
        supp: QNAM -> supplemental qualifier.
        rows: The unit that becomes a record: the resource, its components too, or its answers.
        joins: Name -> the other resource; a path may start with ``name->``.
        excluded: Path -> code -> why such a resource is no record.
        fixed: Path -> what is written in every resource.
        companions: Path -> what is written beside another value of the same element.
        source_of: Origin source of collected values: ``Investigator``, ``Vendor`` or ``Subject``.

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
    excluded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    source_of: str = "Investigator"

    def __post_init__(self) -> None:
        """Refuse a declaration that cannot be meant."""
        known = {variable.name: variable for variable in ig_variables(self.code)}
        for name in self.rules:
            if name not in known:
                raise MappingDefinitionError(self.code, name, "is no variable of this domain in SDTMIG 3.4")
        for name, variable in known.items():
            if variable.core != "Perm" and name not in self.rules:
                raise MappingDefinitionError(self.code, name, f"is {variable.core} and has no rule")
        for name, rule in self.all_rules():
            for path in (*rule.paths, *rule.targets):
                self._check_path(name, path)

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
        yield from self.rules.items()
        for name, supp in self.supp.items():
            yield name, supp.rule

    def paths(self) -> dict[str, None]:
        """Return every path that is read, in order, without repetition."""
        paths = [path for _, rule in self.all_rules() for path in (*rule.paths, *rule.targets)]
        paths += [self.extension(name) for name in self.reversible()] + [self.extension("absent")]
        paths += [join.path for join in self.joins.values()] + [*self.excluded, *self.fixed, *self.companions]
        return dict.fromkeys(paths)

    def reversible(self) -> Iterator[str]:
        """Return the names of the variables that are carried to FHIR."""
        for name, rule in self.all_rules():
            if not isinstance(rule, OneWay | Const):
                yield name

    def excludes(self, path: str, other: str) -> bool:
        """Return whether two places are different types of one choice, of which FHIR allows one."""
        mine, theirs = self._choices(path), self._choices(other)
        return any(theirs.get(group, member) != member for group, member in mine.items())

    def _choices(self, text: str) -> Mapping[str, str]:
        path = parse(text)
        kind = self.joins[path.heads[-1]].type if path.heads else self.source
        return choices("->".join(path.heads), kind, path.local)

    def extension(self, name: str) -> str:
        """Return the path of the extension that carries a variable."""
        place = {"resource": "", "component": "$this.", "item": "$this.item."}[self.rows]
        return f"{place}extension[url={EXTENSION}{name}].valueString"


@cache
def choices(head: str, kind: str, local: str) -> Mapping[str, str]:
    """Return the choices that a path goes through: where the choice stands -> the type that the path takes.

    Example:
        >>> choices("", "Patient", "deceasedDateTime")
        {'deceased[x]': 'deceasedDateTime'}
    """
    found, place = {}, head
    for step in parse(local).steps:
        element = next((known[step.name] for known in _releases(kind) if step.name in known), None)
        if element is None:
            return found
        if element.choice:
            found[place + element.choice] = step.name
        kind, place = element.type, f"{place}{step}."
    return found


def _releases(kind: str) -> Iterator[Mapping[str, Element]]:
    for version in ("R4", "R5"):
        try:
            yield elements(kind, version)
        except LookupError:
            continue


class Records(NamedTuple):
    """SDTM columns of a domain: the values, which alternative each came from, and what was not understood."""

    values: dict[str, pa.Array]
    which: dict[str, pa.Array]
    lost: dict[str, pa.Array]


def to_records(domain: Domain, leaves: Leaves, vocabulary: Vocabulary) -> Records:
    """Return the SDTM columns of `leaves`, by every rule of `domain`; derived variables are null as yet."""
    records = Records({}, {}, {})
    absent = leaves(domain.extension("absent"))
    for name, rule in domain.all_rules():
        cells = rule.to_sdtm(leaves, vocabulary)
        if not isinstance(rule, OneWay | Const):
            cells = _with_extension(cells, leaves(domain.extension(name)), absent, name)
        records.values[name] = cells.values
        records.lost[name] = cells.lost
        if cells.which is not None:
            records.which[name] = cells.which
    return records


def _with_extension(cells: Cells, carried: pa.Array, absent: pa.Array, name: str) -> Cells:
    if carried.null_count == len(carried) and absent.null_count == len(absent):
        return cells
    which = cells.which if cells.which is not None else pc.if_else(cells.values.is_valid(), 0, None)
    which = pc.if_else(carried.is_valid(), FROM_EXTENSION, which).cast(pa.uint8())
    blanked = pc.fill_null(pc.match_substring_regex(absent, f"(^| ){name}( |$)"), False)  # noqa: FBT003
    values = pc.if_else(blanked, None, pc.coalesce(carried, cells.values))
    return Cells(values, pc.if_else(blanked, None, which), pc.and_(cells.lost, values.is_null()))


def alternatives(rule: Rule) -> tuple[Rule, ...]:
    """Return the alternatives of a rule: itself, where it has none."""
    return rule.rules if isinstance(rule, OneOf) else (rule,)


@dataclass
class Columns:
    """`Leaves` over columns that are at hand."""

    rows: int
    columns: Mapping[str, pa.Array]
    memo: dict[str, Any] = field(default_factory=dict)

    def __call__(self, path: str) -> pa.Array:
        """Return the column of `path`; nulls where there is none."""
        found = self.columns.get(path)
        return blank(self.rows) if found is None else found


def to_leaves(domain: Domain, table: Mapping[str, pa.Array], vocabulary: Vocabulary) -> dict[str, pa.Array]:
    """Return path -> column of what is written for the SDTM columns of `table`, in elements of FHIR alone."""
    written: dict[str, pa.Array] = {}
    for name, rule in domain.all_rules():
        if isinstance(rule, OneWay | Const) or name not in table:
            continue
        rest = table[name]
        for alternative in alternatives(rule):
            if alternative.targets:
                rest = _route(domain, alternative, rest, written, vocabulary)
    return written


def _route(
    domain: Domain, rule: Rule, column: pa.Array, written: dict[str, pa.Array], vocabulary: Vocabulary
) -> pa.Array:
    """Write what `rule` takes of `column`, and return the rest: an element, and a choice, is written once."""
    offered = rule.to_fhir(column, vocabulary)
    principal = _principal(rule)
    taken = offered[principal].is_valid()
    if needs := getattr(rule, "needs", ""):
        there = written.get(needs, blank(len(column)))
        taken = pc.and_(taken, there.is_valid())
    for path in offered:
        for other in written:
            if other == path or domain.excludes(path, other):
                taken = pc.and_(taken, written[other].is_null())
    for path, values in offered.items():
        kept = pc.if_else(taken, values, None)
        written[path] = pc.coalesce(written[path], kept) if path in written else kept
    return pc.if_else(taken, None, column)


def _principal(rule: Rule) -> str:
    """Return the target that must hold a value for the whole to be written."""
    return next((path for path in rule.targets if path.endswith(".value")), rule.targets[0])


def carried(domain: Domain, table: Mapping[str, pa.Array], read: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return the extension columns that make a second reading equal to `table`.

    Args:
        domain: The declaration.
        table: The SDTM columns that were to be written.
        read: The SDTM columns that were read from what was written.
    """
    columns: dict[str, pa.Array] = {}
    absent = []
    for name in domain.reversible():
        if name in table:
            wanted, found = table[name], read[name]
            differs = pc.fill_null(pc.not_equal(wanted, found), True)  # noqa: FBT003 -- an Arrow scalar
            columns[domain.extension(name)] = pc.if_else(pc.and_(differs, wanted.is_valid()), wanted, None)
            absent.append(pc.if_else(pc.and_(wanted.is_null(), found.is_valid()), name, None))
    columns[domain.extension("absent")] = _listed(absent)
    return columns


def _listed(columns: list[pa.Array]) -> pa.Array:
    filled = [pc.fill_null(column, "") for column in columns]  # Arrow's own skipping of nulls loses whole rows
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.binary_join_element_wise(*filled, " "), " +", " "))
    return pc.if_else(pc.equal(text, ""), None, text)
