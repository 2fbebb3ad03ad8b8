"""The writable corner of FHIRPath: the same text says where a value is read and where it is written.

Grammar::

    path  = { head "->" } [ "$this." ] step { "." step }
    step  = name [ "[]" | "[*]" | "[" key "=" value "]" ]

``a.b`` walks single elements. ``a[].b`` takes the first repetition, ``a[system=X].b`` the first one whose
``system`` is ``X`` (and writes that system), ``a[*].b`` every repetition, as a list. ``specimen->type``
follows the join that the domain calls ``specimen``. ``$this`` is the unit that becomes one record: the
resource itself, or one of its components or items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Select = Literal["one", "first", "every", "keyed"]

_STEP = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<key>\*|[A-Za-z]+=[^\]]*|)\])?")
_HEAD = re.compile(r"(?P<head>[a-z][A-Za-z]*)->")
THIS = "$this."


@dataclass(frozen=True, slots=True)
class Step:
    """One element name, with the repetition that is meant."""

    name: str
    select: Select = "one"
    key: str = ""
    value: str = ""

    def __str__(self) -> str:
        brackets = {"one": "", "first": "[]", "every": "[*]", "keyed": f"[{self.key}={self.value}]"}
        return self.name + brackets[self.select]


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path: the joins to follow, whether it starts at the unit, and the steps."""

    heads: tuple[str, ...]
    this: bool
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        heads = "".join(f"{head}->" for head in self.heads)
        return heads + (THIS if self.this else "") + ".".join(map(str, self.steps))

    @property
    def local(self) -> str:
        """The path inside its own resource: without the joins and without ``$this``."""
        return ".".join(map(str, self.steps))


@cache
def parse(text: str) -> Path:
    """Return the parsed form of `text`.

    Raises:
        ValueError: `text` does not follow the grammar; the message says where.

    Example:
        >>> parse("specimen->type.coding[system=http://snomed.info/sct].code").steps[1].value
        'http://snomed.info/sct'
        >>> str(parse("$this.referenceRange[].low.value"))
        '$this.referenceRange[].low.value'
    """
    heads = []
    position = 0
    while match := _HEAD.match(text, position):
        heads.append(match["head"])
        position = match.end()
    this = text.startswith(THIS, position)
    position += len(THIS) if this else 0
    return Path(tuple(heads), this, _steps(text, position))


def _steps(text: str, position: int) -> tuple[Step, ...]:
    steps = []
    while True:
        match = _STEP.match(text, position)
        if not match:
            msg = f"{text!r}: an element name is expected at character {position + 1}"
            raise ValueError(msg)
        steps.append(_step(match))
        position = match.end()
        if position == len(text):
            return tuple(steps)
        if text[position] != ".":
            msg = f"{text!r}: a point is expected at character {position + 1}"
            raise ValueError(msg)
        position += 1


def _step(match: re.Match[str]) -> Step:
    name, key = match["name"], match["key"]
    if key is None:
        return Step(name)
    if key in {"", "*"}:
        return Step(name, "every" if key else "first")
    left, _, right = key.partition("=")
    return Step(name, "keyed", left, right)
