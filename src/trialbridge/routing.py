"""SDTM columns to places in FHIR: each value goes to the first alternative of its rule that takes it.

A place takes a value that it can hold: of the form, or among the codes, that FHIR demands. It is written
once, and so is a choice (``value[x]``). What was written is then read again, and a cell that would not come
back the same is `carried` by the documented extension, so that the round trip is exact by construction and
the extension never repeats what an element says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.carriage import ABSENT, DECIMALS, decimals
from trialbridge.codecs import DateTime
from trialbridge.columns import blank
from trialbridge.conditions import When
from trialbridge.elements import Element, Version
from trialbridge.lexical import legal
from trialbridge.mapping import Domain, alternatives
from trialbridge.paths import parse
from trialbridge.rules import At, Rule
from trialbridge.shapes import ITEM_ROW, elements_of
from trialbridge.timing import before, parse_dtc
from trialbridge.versions import localised
from trialbridge.vocabulary import Vocabulary

Table = Mapping[str, pa.Array]

APART: Mapping[tuple[str, str], str] = {
    ("Extension", "extension"): "value[x]",
    ("Observation", "dataAbsentReason"): "value[x]",
    ("Observation.component", "dataAbsentReason"): "value[x]",
}
"""Elements that an invariant (ext-1, obs-6) keeps apart from a choice, as one more type of it."""


class Place(NamedTuple):
    """A place in the resources of one release.

    Attributes:
        key: The path in the release's own names; the same place has the same key.
        element: What FHIR says of the element.
        choices: Where a choice stands -> the type that the path takes; the reference of a join counts too.
    """

    key: str
    element: Element
    choices: Mapping[str, str]

    def excludes(self, other: Place) -> bool:
        """Return whether only one of the two may be written: they are one place, or types of one choice."""
        if self.key == other.key:
            return True
        return any(other.choices.get(group, member) != member for group, member in self.choices.items())


@cache
def place(domain: Domain, text: str, version: Version) -> Place | None:
    """Return the place that a path means in a release; none where the release has no such element."""
    path = parse(text)
    kind = domain.joins[path.heads[-1]].type if path.heads else domain.source
    prefix = "".join(f"{head}->" for head in path.heads)
    local: str | None = path.local
    if path.this and domain.rows == "item":
        kind, prefix = ITEM_ROW, "$this."
    else:
        local = localised(kind, path.local, version)
    found = None if local is None else _place(kind, prefix, local, version)
    for head in path.heads:
        reference = place(domain, domain.joins[head].path, version)
        if found is None or reference is None:
            return None
        found = found._replace(choices={**reference.choices, **found.choices})
    return found


def _place(kind: str, key: str, local: str, version: Version) -> Place | None:
    found: dict[str, str] = {}
    element = None
    for step in parse(local).steps:
        try:
            element = elements_of(kind, version).get(step.name)
        except LookupError:
            return None
        if element is None or element.many == (step.select == "one"):
            return None
        if group := element.choice or APART.get((kind, step.name), ""):
            found[key + group] = step.name
        kind, key = element.type, f"{key}{step}."
    return None if element is None else Place(key, element, found)


def to_leaves(
    domain: Domain, table: Table, vocabulary: Vocabulary, version: Version = "R4"
) -> dict[str, pa.Array]:
    """Return path -> column of what is written for the SDTM columns of `table`, in elements of FHIR alone."""
    routes = _Routes(domain, vocabulary, version)
    rules = dict(domain.all_rules())
    for name in dict.fromkeys([*domain.first, *domain.reversible()]):
        if name in table:
            rest = table[name]
            for alternative in alternatives(rules[name]):
                if alternative.targets and rest.null_count < len(rest):
                    rest = routes.write(alternative, rest)
            if rest.null_count < len(rest):
                _write_dates(routes, rules[name], rest)
    return routes.written


def _write_dates(routes: _Routes, rule: Rule, rest: pa.Array) -> None:
    """Write the date of a time that states no zone, which FHIR forbids; the extension carries the whole."""
    dates = pc.struct_field(pc.extract_regex(rest, r"^(?P<date>\d{4}-\d{2}-\d{2})T"), "date")
    for alternative in alternatives(rule):
        if isinstance(alternative, At) and isinstance(alternative.codec, DateTime):
            dates = routes.write(alternative, dates)


@dataclass
class _Routes:
    """What has been written so far."""

    domain: Domain
    vocabulary: Vocabulary
    version: Version
    written: dict[str, pa.Array] = field(default_factory=dict)

    def write(self, rule: Rule, column: pa.Array) -> pa.Array:
        """Write what `rule` takes of `column`, and return the rest."""
        offered = rule.to_fhir(column, self.vocabulary)
        places = {path: place(self.domain, path, self.version) for path in offered}
        taking = {path: _held(one, offered[path]) for path, one in places.items() if one is not None}
        principal = _principal(rule)
        if principal not in taking:
            return column
        taken = taking[principal].is_valid()
        if needs := getattr(rule, "needs", ""):
            taken = pc.and_(taken, self._at(needs, len(column)).is_valid())
        if isinstance(rule, When):
            taken = pc.and_(taken, rule.permits(self._at(rule.path, len(column))))
        for path, values in taking.items():
            taken = self._free(path, values, taken)
        for path, values in taking.items():
            kept = pc.if_else(taken, values, None)
            self.written[path] = pc.coalesce(self.written[path], kept) if path in self.written else kept
        return pc.if_else(taken, None, column)

    def _at(self, path: str, rows: int) -> pa.Array:
        return self.written.get(path, blank(rows))

    def _free(self, path: str, values: pa.Array, taken: pa.Array) -> pa.Array:
        """Return where nothing that was written keeps `path` from being written."""
        here = place(self.domain, path, self.version)
        for other, there in self.written.items():
            elsewhere = place(self.domain, other, self.version)
            if here is None or elsewhere is None:
                continue
            if here.excludes(elsewhere):
                taken = pc.and_(taken, there.is_null())
            for first, last, starts, ends in (
                (here, elsewhere, values, there),
                (elsewhere, here, there, values),
            ):
                if first.key == re.sub(r"end\.$", "start.", last.key) != last.key:
                    taken = pc.and_not(taken, pa.array(before(parse_dtc(ends), parse_dtc(starts))))
        return taken


def _held(where: Place, values: pa.Array) -> pa.Array:
    """Return the values that a place can hold."""
    if not pa.types.is_string(values.type):
        return values
    codes = where.element.codes
    able = pc.is_in(values, pa.array(codes)) if codes else legal(where.element.type, values)
    return pc.if_else(able, values, None)


def _principal(rule: Rule) -> str:
    """Return the target that must hold a value for the whole to be written."""
    return next((path for path in rule.targets if path.endswith(".value")), rule.targets[0])


class Carried(NamedTuple):
    """What the extension has to carry.

    Attributes:
        columns: Part of the extension -> its values.
        cells: Variable -> how many of its cells are carried.
        dated: Variable -> for how many of these an element holds the date, and lacks only the time.
        absent: Variable -> how many of its blank cells are said to be blank, for an element reads as a value.
        lost: Variable -> how many of its cells no FHIR string can hold: control characters, blanks alone.
    """

    columns: Mapping[str, pa.Array]
    cells: Mapping[str, int]
    dated: Mapping[str, int]
    absent: Mapping[str, int]
    lost: Mapping[str, int]


def carried(domain: Domain, table: Table, read: Table) -> Carried:
    """Return the extension columns that make a second reading equal to `table`.

    Args:
        domain: The declaration.
        table: The SDTM columns that were to be written.
        read: The SDTM columns that were read from what was written.
    """
    columns: dict[str, pa.Array] = {}
    counts: dict[str, dict[str, int]] = {"cells": {}, "dated": {}, "absent": {}, "lost": {}}
    absent, zeros = [], []
    for name in _read_back(domain, table):
        wanted, known = table[name], read[name]
        if wanted.equals(known):
            zeros.append(decimals(name, wanted))
            continue
        differs = pc.fill_null(pc.not_equal(wanted, known), True)  # noqa: FBT003 -- an Arrow scalar
        missing = pc.if_else(pc.and_(differs, wanted.is_valid()), wanted, None)
        column = pc.if_else(legal("string", missing), missing, None)
        columns[name] = column
        counts["cells"][name] = len(column) - column.null_count
        counts["lost"][name] = column.null_count - missing.null_count
        if known.null_count < len(known):
            blanked = pc.and_(differs, pc.and_(column.is_null(), known.is_valid()))
            absent.append(pc.if_else(blanked, name, None))
            zeros.append(decimals(name, pc.if_else(differs, None, wanted)))
            counts["dated"][name] = _dated(column, known)
            counts["absent"][name] = pc.sum(blanked).as_py()
    columns[ABSENT], columns[DECIMALS] = _listed(absent), _listed(zeros)
    return Carried(
        {part: values for part, values in columns.items() if values.null_count < len(values)},
        **{kind: {name: count for name, count in some.items() if count} for kind, some in counts.items()},
    )


def _read_back(domain: Domain, table: Table) -> Iterator[str]:
    """Yield the variables that are read again: all but those that only write."""
    rules = dict(domain.all_rules())
    for name in domain.reversible():
        if name in table and not (rules[name].targets and not rules[name].paths):
            yield name


def _dated(column: pa.Array, known: pa.Array) -> int:
    """Return how many values are a time of which an element holds the date."""
    if known.null_count == len(known) or column.null_count == len(column):
        return 0
    same = pc.equal(pc.utf8_slice_codeunits(column, 0, 11), _with_t(known))
    dates = pc.fill_null(same, False)  # noqa: FBT003 -- an Arrow scalar
    return int(pc.sum(dates).as_py())


def _with_t(dates: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(dates, "T", "")


def _listed(columns: Sequence[pa.Array]) -> pa.Array:
    """Return the words of several columns as one text a row; null where there are none."""
    some = [column for column in columns if column.null_count < len(column)]
    if not some:
        return blank(len(columns[0]) if columns else 0)
    filled = [pc.fill_null(column, "") for column in some]  # Arrow's own skipping of nulls loses whole rows
    joined = pc.binary_join_element_wise(*filled, " ")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(joined, " +", " "))
    return pc.if_else(pc.equal(text, ""), None, text)
