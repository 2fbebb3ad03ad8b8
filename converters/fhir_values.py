"""Where the values of one resource stand: the slow, readable interpreter of paths.

It walks decoded JSON as the grammar of `trialbridge.paths` reads, knows nothing of Structs, plans or columns,
and is therefore what the compiled extractor is tested against.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trialbridge.elements import Version
from trialbridge.paths import Path, Step, parse
from trialbridge.versions import localised


class Bare(str):
    """Text that stands in JSON without quotes: a number as it was written, ``true`` or ``false``."""

    __slots__ = ()


Valued = tuple[str, str]
"""An exact path with its indices, and the value that stands there."""

_TRUTH = {True: Bare("true"), False: Bare("false")}


def decoded(data: bytes) -> dict[str, Any]:
    """Return a resource as nested dictionaries; numbers are the text that was written.

    Example:
        >>> decoded(b'{"resourceType": "Observation", "valueQuantity": {"value": 72.50}}')["valueQuantity"]
        {'value': '72.50'}
    """
    found: dict[str, Any] = json.loads(data, parse_float=Bare, parse_int=Bare)
    return found


def values(path: Path, resource: Mapping[str, Any], item: str = "") -> list[Valued]:
    """Return every value that `path` reads in `resource`, each with its exact path.

    Args:
        path: A path without joins, in the element names of the resource's own release (see `released`).
        resource: See `decoded`.
        item: Which part of the resource is meant by ``$this``: the number of a component, the place of an
            answer such as ``0.2#1`` (second answer of the third item of the first group), or empty.

    Example:
        >>> resource = {"resourceType": "Observation", "code": {"coding": [{"code": "718-7"}]}}
        >>> values(parse("code.coding[].code"), resource)
        [('Observation.code.coding[0].code', '718-7')]
    """
    return [(place, value) for place, value in places(path, resource, item) if value is not None]


def places(path: Path, resource: Mapping[str, Any], item: str = "") -> list[tuple[str, str | None]]:
    """Return what `values` does, and null for a repetition of ``[*]`` in which the path ends in nothing.

    Example:
        >>> resource = {"resourceType": "Observation", "code": {"coding": [{"code": "1"}, {}]}}
        >>> places(parse("code.coding[*].code"), resource)
        [('Observation.code.coding[0].code', '1'), ('Observation.code.coding[1].code', None)]
    """
    place, element, steps = _start(path, resource, item)
    return list(_walk(steps, element, place))


def released(path: Path, kind: str, version: Version) -> Path | None:
    """Return `path` in the element names of a release; none where that release has no such element.

    Example:
        >>> str(released(parse("event.text"), "AdverseEvent", "R5"))
        'code.text'
    """
    if path.this:
        return path
    local = localised(kind, path.local, version)
    return None if local is None else parse(local)


def _start(path: Path, resource: Mapping[str, Any], item: str) -> tuple[str, Any, tuple[Step, ...]]:
    kind = resource["resourceType"]
    if not path.this or not item:
        return kind, resource, path.steps
    if item.isdigit() and kind != "QuestionnaireResponse":
        return f"{kind}.component[{item}]", resource["component"][int(item)], path.steps
    place, element = _of_answer(resource, item)[path.steps[0].name]
    return place, element, path.steps[1:]


def _of_answer(resource: Mapping[str, Any], item: str) -> dict[str, tuple[str, Any]]:
    """Return the item, the answer and the group around them that the place of an answer means."""
    nothing: tuple[str, Any] = ("", {})
    owner: tuple[str, Any] = (resource["resourceType"], resource)
    group = here = answer = nothing
    for step in item.split("."):
        number, _, order = step.partition("#")
        group, here = here, _part(owner, "item", number)
        answer = _part(here, "answer", order) if order else nothing
        owner = answer if order else here
    return {"item": here, "answer": answer, "group": group}


def _part(owner: tuple[str, Any], name: str, number: str) -> tuple[str, Any]:
    place, element = owner
    return f"{place}.{name}[{number}]", element[name][int(number)]


def _walk(
    steps: tuple[Step, ...], element: Any, place: str, *, repeated: bool = False
) -> Iterator[tuple[str, str | None]]:
    if not steps:
        value = (
            _TRUTH[element] if isinstance(element, bool) else element if isinstance(element, str) else None
        )
        if repeated or value is not None:
            yield place, value
        return
    step = steps[0]
    below = element.get(step.name) if isinstance(element, dict) else None
    parts = list(_chosen(step, below, f"{place}.{step.name}")) if below is not None else []
    repeated = repeated or (step.select == "every" and bool(parts))
    if not parts and repeated:
        yield f"{place}.{'.'.join(map(str, steps))}", None
    for part, where in parts:
        yield from _walk(steps[1:], part, where, repeated=repeated)


def _chosen(step: Step, element: Any, place: str) -> Iterator[tuple[Any, str]]:
    if step.select == "one":
        yield element, place
        return
    parts = [
        (part, f"{place}[{number}]")
        for number, part in enumerate(element if isinstance(element, list) else ())
    ]
    if step.select == "keyed":
        parts = [
            (part, where)
            for part, where in parts
            if isinstance(part, dict) and part.get(step.key) == step.value
        ]
    yield from parts if step.select == "every" else parts[:1]
