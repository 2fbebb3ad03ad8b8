"""The elements of a resource that hold values, and which of them the rules of its records read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from trialbridge.carriage import DATASET, RECORD, ROW
from trialbridge.elements import Version
from trialbridge.mapping import Domain, alternatives
from trialbridge.paths import parse
from trialbridge.registry import SUBJECTS
from trialbridge.versions import localised

Leaf = tuple[str, str]
"""Path without repetitions, such as ``code.coding.system``, and the value as text."""

_SELECTOR = re.compile(r"\[(?!url=)[^\]]*\]")
_NESTED = re.compile(r"\bitem(\.item)+\b")


class Written(NamedTuple):
    """A resource that was written, and the records that it says it is of."""

    kind: str
    leaves: frozenset[Leaf]
    records: tuple[tuple[str, int], ...]


def leaves(data: object, path: str = "") -> Iterator[Leaf]:
    """Yield the values of a resource; contained resources are others.

    Example:
        >>> list(leaves({"resourceType": "Patient", "name": [{"given": ["A", "B"]}], "active": True}))
        [('name.given', 'A'), ('name.given', 'B'), ('active', 'true')]
    """
    if isinstance(data, dict):
        where = f"{path}[url={data['url']}]" if path.endswith("xtension") and "url" in data else path
        for name, value in data.items():
            if name not in {"resourceType", "contained"} and (name != "url" or where == path):
                yield from leaves(value, f"{where}.{name}" if where else name)
    elif isinstance(data, list):
        for part in data:
            yield from leaves(part, path)
    elif data is not None:
        yield plain(path), str(data).lower() if isinstance(data, bool) else str(data)


def parsed(text: bytes) -> dict[str, Any]:
    """Return a resource with its numbers as they are written."""
    found: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    return found


def plain(path: str) -> str:
    """Return a path without what chooses among repetitions, and answers however deep they stand as one.

    Example:
        >>> plain("item.item.answer"), plain("code.coding[system=http://loinc.org].code")
        ('item.answer', 'code.coding.code')
    """
    return _NESTED.sub("item", _SELECTOR.sub("", path))


def written(text: bytes) -> Written:
    """Return what is needed of a resource that was written."""
    data = parsed(text)
    return Written(data["resourceType"], frozenset(leaves(data)), tuple(_records(data)))


def _records(data: object) -> Iterator[tuple[str, int]]:
    if isinstance(data, list):
        for part in data:
            yield from _records(part)
    elif isinstance(data, dict):
        for one in data.get("extension", ()):
            if one.get("url") == RECORD:
                parts = {part.get("url"): part for part in one.get("extension", ())}
                if DATASET in parts and ROW in parts:
                    yield parts[DATASET]["valueString"], int(parts[ROW]["valueDecimal"])
        for name in ("component", "item", "answer"):
            yield from _records(data.get(name, ()))


Use = tuple[str, str]
"""Name of a join, empty for the resource itself, and the path in it."""


@cache
def uses(domain: Domain, variable: str, number: int | None, item: str, release: Version) -> frozenset[Use]:
    """Return what a variable was read from.

    Args:
        domain: The declaration.
        variable: The variable.
        number: The alternative that gave its value; none for all of them.
        item: The component or answer that the record is; empty for the resource itself.
        release: The release of the resource.
    """
    rule = dict(domain.all_rules()).get(variable)
    if rule is None:
        return frozenset()
    rules = alternatives(rule)
    some = rules if number is None else rules[number : number + 1]
    return frozenset(_use(domain, path, item, release) for one in some for path in one.paths)


@cache
def always(domain: Domain, item: str, release: Version) -> frozenset[Use]:
    """Return what decides that a resource is a record, and whose: never without a use."""
    paths = [*domain.only, *domain.excluded, *(join.path for join in domain.joins.values())]
    paths.append(SUBJECTS.get(domain.source, "subject.reference"))
    return frozenset(_use(domain, path, item, release) for path in paths)


def _use(domain: Domain, text: str, item: str, release: Version) -> Use:
    path = parse(text)
    unit = ""
    if path.this and item:
        unit = f"{domain.rows}."
    head = path.heads[-1] if path.heads else ""
    kind = domain.joins[head].type if head else domain.source
    local = path.local if unit else localised(kind, path.local, release) or path.local
    return head, plain(f"{unit}{local}")


def covers(used: Iterable[str], path: str) -> bool:
    """Return whether a path, or what it is a part of, is among those used."""
    parts = path.split(".")
    known = used if isinstance(used, set | frozenset) else set(used)
    return any(".".join(parts[:length]) in known for length in range(1, len(parts) + 1))
