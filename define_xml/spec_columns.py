"""The kinds of columns of a specification: what a cell says in a define.xml, in both directions.

`leaves` is the one that counts: a column is filled from a define.xml only with a cell from which it gives
exactly what was there, so that what it cannot say stays for a column that is named by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from trialbridge.define_xml.spec_paths import Leaves

NONE = "(none)"
EMPTY = "(empty)"
Row = Mapping[str, str]

_YES = {"y": "Yes", "yes": "Yes", "true": "Yes", "1": "Yes", "n": "No", "no": "No", "false": "No", "0": "No"}


@dataclass(frozen=True, slots=True)
class Context:
    """What the sheets of a specification say of one another.

    Attributes:
        language: The language of texts; none, where they name none.
        is_2_0: Whether the file is of version 2.0.
        oids: The OID that each ID stands for, by kind of definition (the prefix of its OIDs).
        names: The ID of each OID, by kind of definition.
        items: The OID of a variable of a dataset.
        places: The dataset and the variable that an OID stands for.
        keys: The key variables of datasets, where they are in order.
        lists: The OID of the value list of a variable of a dataset.
        crf: The OID of the annotated CRF.
    """

    language: str = "en"
    is_2_0: bool = False
    oids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    items: Mapping[tuple[str, str], str] = field(default_factory=dict)
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: Mapping[tuple[str, str], str] = field(default_factory=dict)
    crf: str = ""

    def oid(self, kind: str, name: str) -> str:
        """Return the OID of the definition of a kind whose ID is `name`."""
        return self.oids.get(kind, {}).get(name) or usual_oid(kind, name)

    def name(self, kind: str, oid: str) -> str:
        """Return the ID of a definition: what follows the usual prefix, or the whole OID."""
        return self.names.get(kind, {}).get(oid, oid)


def usual_oid(kind: str, name: str) -> str:
    """Return the OID that an ID stands for where nothing else is said.

    Example:
        >>> usual_oid("CL.", "SEX"), usual_oid("CL.", "CL.SEX")
        ('CL.SEX', 'CL.SEX')
    """
    return name if name.startswith(kind) or not name else f"{kind}{name}"


def usual_name(kind: str, oid: str) -> str:
    """Return the ID by which people call a definition; the OID itself, if that says no more.

    Example:
        >>> usual_name("CL.", "CL.SEX"), usual_name("CL.", "CodeList.SEX")
        ('SEX', 'CodeList.SEX')
    """
    short = oid.removeprefix(kind)
    return short if usual_oid(kind, short) == oid and short else oid


class Column(Protocol):
    """One or a few columns of a sheet."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Return their names."""

    @property
    def part(self) -> str:
        """Return the name of the element that they are about."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return what the cells of `row` say."""

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the cells that could say what is in `leaves`."""

    def nothing(self) -> dict[str, str]:
        """Return the cells that say nothing at all."""

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same for another element of those that repeat."""


def numbered_path(text: str, repeats: str, number: int) -> str:
    """Return a path that leads to another element of those that repeat."""
    return text.replace(repeats, f"{repeats}[{number}]", 1)


@dataclass(frozen=True, slots=True)
class Plain:
    """A cell that is the text of one attribute or element, yes and no in any spelling."""

    header: str
    path: str
    is_flag: bool = False

    @property
    def headers(self) -> tuple[str, ...]:
        """Return its name."""
        return (self.header,)

    @property
    def part(self) -> str:
        """Return the first step of its path."""
        return self.path.partition("/")[0]

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the text at its path."""
        del context
        cell = row.get(self.header, "")
        text = _YES.get(cell.strip().lower(), cell) if self.is_flag else cell
        return {self.path: text} if text else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the text."""
        del row, context
        return {self.header: leaves.get(self.path, "")}

    def nothing(self) -> dict[str, str]:
        """Return an empty cell."""
        return {self.header: ""}

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same column for another element."""
        return replace(
            self, header=f"{self.header} ({number})", path=numbered_path(self.path, repeats, number)
        )


@dataclass(frozen=True, slots=True)
class OnlyYes(Plain):
    """A flag that is Yes or absent."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the flag, if it is set."""
        del context
        cell = row.get(self.header, "")
        text = _YES.get(cell.strip().lower(), cell)
        return {self.path: text} if text not in {"", "No"} else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the flag, if it is set."""
        del row, context
        text = leaves.get(self.path, "")
        return {self.header: "" if text == "No" else text}


@dataclass(frozen=True, slots=True)
class Words(Plain):
    """A cell that is a text in the language of the file."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the text and its language."""
        cell = row.get(self.header, "")
        path = f"{self.path}/TranslatedText"
        language = {f"{path}/@xml:lang": context.language} if context.language else {}
        return {path: cell, **language} if cell else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the text."""
        del row, context
        return {self.header: leaves.get(f"{self.path}/TranslatedText", "")}


@dataclass(frozen=True, slots=True)
class Refer(Plain):
    """A cell that names a definition of another sheet by its ID."""

    kind: str = ""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the OID."""
        cell = row.get(self.header, "").strip()
        return {self.path: context.oid(self.kind, cell)} if cell else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the ID."""
        del row
        oid = leaves.get(self.path, "")
        return {self.header: context.name(self.kind, oid) if oid else ""}


@dataclass(frozen=True, slots=True)
class Default:
    """A cell that may be empty, because the rest of the row says what it would be.

    Attributes:
        header: Its name.
        paths: Where its text stands.
        usual: What it is without a word, from the row.
        is_shown: Whether it is filled even so.
    """

    header: str
    paths: tuple[str, ...]
    usual: Callable[[Row], str]
    is_shown: bool = False
    is_flag: bool = False

    @property
    def headers(self) -> tuple[str, ...]:
        """Return its name."""
        return (self.header,)

    @property
    def part(self) -> str:
        """Return the first step of its last path, which is the definition's."""
        return self.paths[-1].partition("/")[0]

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return its text, or the usual one, at each path."""
        del context
        cell = row.get(self.header, "")
        if cell == NONE:
            return {}
        text = (_YES.get(cell.strip().lower(), cell) if self.is_flag else cell) or self.usual(row)
        return dict.fromkeys(self.paths, text) if text else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the text, unless it is the usual one."""
        del context
        text, usual = leaves.get(self.paths[0]), self.usual(row)
        if text is None:
            return {self.header: NONE if usual else ""}
        return {self.header: "" if text == usual and not self.is_shown else text}

    def nothing(self) -> dict[str, str]:
        """Return the word for nothing."""
        return {self.header: NONE}

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same column for another element."""
        paths = tuple(numbered_path(path, repeats, number) for path in self.paths)
        return replace(self, header=f"{self.header} ({number})", paths=paths)


@dataclass(frozen=True, slots=True)
class OtherName(Plain):
    """A cell that is the first other name of an element, of one context."""

    alias_context: str = "nci:ExtCodeID"

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the name and its context."""
        del context
        cell = row.get(self.header, "")
        return {f"{self.path}/@Context": self.alias_context, f"{self.path}/@Name": cell} if cell else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the name."""
        del row, context
        return {self.header: leaves.get(f"{self.path}/@Name", "")}


@dataclass(frozen=True, slots=True)
class Implied:
    """No column: what follows from the row and the other sheets."""

    says: Callable[[Row, Context], Leaves]

    @property
    def headers(self) -> tuple[str, ...]:
        """Return no name."""
        return ()

    @property
    def part(self) -> str:
        """Return no element: there is no cell to share."""
        return ""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return what follows."""
        return self.says(row, context)

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return no cell."""
        del leaves, row, context
        return {}

    def nothing(self) -> dict[str, str]:
        """Return no cell."""
        return {}

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same."""
        del repeats, number
        return self
