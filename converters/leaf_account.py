"""The account of the leaves of a JSON document: what was taken, where it went, and why the rest was not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]
UNKNOWN = "nothing here knows this field"


class Entry(NamedTuple):
    """One leaf of a document: where it stands, what it says, and where it went, or why it went nowhere."""

    path: str
    value: str
    used: bool
    where: str


class LeafAccount:
    """A document of which each leaf that is taken is remembered.

    Attributes:
        data: The document.
        taken: Path of a leaf -> where it went.
        refused: Path -> why what stands there, or below, was not taken.
        unresolved: What the document refers to, and does not have.

    Example:
        >>> one = LeafAccount({"a": 1, "b": 2})
        >>> one.take("a", "TS TITLE")
        '1'
        >>> [(entry.path, entry.used, entry.where) for entry in one.ledger()]
        [('a', True, 'TS TITLE'), ('b', False, 'nothing here knows this field')]
    """

    def __init__(self, data: Json) -> None:
        self.data = data
        self.taken: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.unresolved: list[str] = []

    def take(self, path: str, where: str) -> str:
        """Return the text of the leaf at a path, and remember where it goes; empty where there is none."""
        found = self.at(path)
        if found is None or isinstance(found, dict | list):
            return ""
        self.taken[path] = where
        return json.dumps(found) if isinstance(found, bool) else str(found)

    def at(self, path: str) -> Any:
        """Return what stands at a path such as ``a.b[0]``; none where nothing does."""
        node: Any = self.data
        for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
            if name:
                node = node.get(name) if isinstance(node, dict) else None
            else:
                node = node[int(index)] if isinstance(node, list) and int(index) < len(node) else None
        return node

    def ledger(self) -> list[Entry]:
        """Return what became of every leaf, in the order of the document."""
        return [
            Entry(path, value, path in self.taken, self.taken.get(path) or self.why(path))
            for path, value in leaves(self.data)
        ]

    def why(self, path: str) -> str:
        """Return why a leaf was not taken."""
        found = [one for one in self.refused if path == one or path.startswith((f"{one}.", f"{one}["))]
        return self.refused[max(found, key=len)] if found else UNKNOWN


def leaves(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every leaf.

    Example:
        >>> list(leaves({"a": [1, {"b": True}]}))
        [('a[0]', '1'), ('a[1].b', 'true')]
    """
    if isinstance(node, dict):
        for name, below in node.items():
            yield from leaves(below, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for number, below in enumerate(node):
            yield from leaves(below, f"{path}[{number}]")
    else:
        yield path, node if isinstance(node, str) else json.dumps(node)


__all__ = ["UNKNOWN", "Entry", "Json", "LeafAccount", "leaves"]
