"""Which elements of a design's resources a value depends on: each is taken out, and the design read again.

Nothing of how the design is read is repeated here. What is shown is proof: without this element the value is
another, or the record is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trialbridge.converters.design_forms import Json
from trialbridge.converters.design_resources import design_of_fhir
from trialbridge.elements import Version

SAME, CHANGED, GONE = range(3)
LONGEST = 60
"""Characters that are shown of an element with parts."""

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Element:
    """An element that a value depends on.

    Attributes:
        resource: The number of its resource.
        path: Where it stands there.
        text: Its value; of one that has parts the beginning of its JSON.
    """

    resource: int
    path: str
    text: str


@dataclass(frozen=True)
class Witness:
    """One value of one record of a design, and the resources that the design is read of.

    Attributes:
        resources: The resources.
        version: Their release.
        dataset: TS, TA, TE, TV or TI.
        key: Variable -> value, by which the record is known.
        variable: The variable.
        value: Its value in the record.
    """

    resources: Sequence[Json]
    version: Version
    dataset: str
    key: Mapping[str, Any]
    variable: str
    value: Any

    def elements(self) -> list[Element]:
        """Return the elements without which the value is another: where some have it as it is, only these.

        Example:
            >>> study = {"resourceType": "ResearchStudy", "title": "A study", "phase": {"text": "Phase 1"}}
            >>> Witness([study], "R4", "TS", {"TSPARMCD": "TITLE"}, "TSVAL", "A study").elements()
            [Element(resource=0, path='ResearchStudy.title', text='A study')]
        """
        found = list(self._within(list(self.resources), ()))
        changed = [place for place, state in found if state == CHANGED] or [place for place, _ in found]
        elements = [self._element(place) for place in changed]
        return [one for one in elements if one.text == self.value] or elements

    def _within(self, node: object, place: Place) -> Iterator[tuple[Place, int]]:
        """Yield the deepest places below a node that matter, and what becomes of the value without each."""
        for name, child in _children(node):
            here = (*place, name)
            state = self._state(_without(self.resources, here))
            if state != SAME:
                yield from list(self._within(child, here)) or [(here, state)]

    def _state(self, resources: Sequence[Json]) -> int:
        records = design_of_fhir(resources, self.version).get(self.dataset, ())
        known = [one for one in records if all(one.get(name) == text for name, text in self.key.items())]
        if any(one.get(self.variable) == self.value for one in known):
            return SAME
        return CHANGED if known else GONE

    def _element(self, place: Place) -> Element:
        number, *rest = place
        assert isinstance(number, int)  # noqa: S101 -- the resources are a list
        node: Any = self.resources[number]
        path = str(node["resourceType"])
        for name in rest:
            node = node[name]
            path += f"[{name}]" if isinstance(name, int) else f".{name}"
        return Element(number, path, node if isinstance(node, str) else _begun(node))


def _begun(node: object) -> str:
    text = json.dumps(node, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _children(node: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(node, list):
        yield from enumerate(node)
    elif isinstance(node, dict):
        yield from ((name, child) for name, child in node.items() if name != "resourceType")


def _without(node: Any, place: Place) -> Any:
    """Return a copy with nothing at one place; what follows in a list keeps its number."""
    if not place:
        return type(node)() if isinstance(node, dict | list | str) else None
    copy: Any = list(node) if isinstance(node, list | tuple) else dict(node)
    copy[place[0]] = _without(node[place[0]], place[1:])
    return copy
