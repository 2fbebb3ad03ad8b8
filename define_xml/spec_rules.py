"""What single columns of a specification say by rules of their own, and what an empty cell stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trialbridge.define_xml.spec_columns import Column, Context, Default, Plain, Row, Words, usual_oid
from trialbridge.define_xml.spec_paths import Leaves


@dataclass(frozen=True, slots=True)
class Key(Plain):
    """A cell that says which rows belong together; what it says in a define.xml, another column does."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return nothing."""
        del row, context
        return {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the cell, which is there already."""
        del leaves, context
        return {self.header: row.get(self.header, "")}


@dataclass(frozen=True, slots=True)
class ClassName(Plain):
    """The class of a dataset: an element in version 2.1, an attribute in version 2.0."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the class where the version has it."""
        cell = row.get(self.header, "")
        path = "ItemGroupDef/@def:Class" if context.is_2_0 else self.path
        return {path: cell} if cell else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the class."""
        del row
        path = "ItemGroupDef/@def:Class" if context.is_2_0 else self.path
        return {self.header: leaves.get(path, "")}


@dataclass(frozen=True, slots=True)
class OldStandard(Plain):
    """The one standard that version 2.0 names in attributes; version 2.1 has a sheet for its standards."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the attribute."""
        return Plain.leaves(self, row, context) if context.is_2_0 else {}


@dataclass(frozen=True, slots=True)
class Predecessor(Words):
    """The description of an origin, if it is a predecessor."""

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the description."""
        origin = self.header.replace("Predecessor", "Origin")
        return Words.leaves(self, row, context) if row.get(origin) == "Predecessor" else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the description, if it is one of a predecessor."""
        cells = Words.cells(self, leaves, row, context)
        return cells if self.leaves({**row, **cells}, context) else self.nothing()


def usual(template: str) -> Callable[[Row], str]:
    """Return what gives a text with the cells of a row in it; nothing, if one of them is empty."""

    def text(row: Row) -> str:
        try:
            return template.format_map(_Filled(row))
        except LookupError:
            return ""

    return text


class _Filled(dict[str, str]):
    """The cells of a row that are filled."""

    def __init__(self, row: Row) -> None:
        super().__init__((header, cell) for header, cell in row.items() if cell)


def identified(kind: str, tag: str, attribute: str = "@OID") -> tuple[Column, Column]:
    """Return the columns ID and OID of a definition."""
    return Key("ID", ""), Default(
        "OID", (f"{tag}/{attribute}",), lambda row: usual_oid(kind, row.get("ID", ""))
    )


def domain_of(row: Row) -> str:
    """Return the domain of a dataset by its name; nothing for an analysis."""
    name = row.get("Dataset", "").removeprefix("SUPP")
    if row.get("Purpose") == "Analysis":
        return ""
    return name if name.startswith(("REL", "POOL")) else name[:2]


def leaf_of(row: Row) -> str:
    """Return the ID of the leaf of a dataset with data, as it is usually called."""
    return "" if row.get("Has No Data") or not row.get("Dataset") else f"LF.{row['Dataset']}"


def file_of(row: Row) -> str:
    """Return the file of a dataset with data, as it is usually called."""
    return f"{row['Dataset'].lower()}.xpt" if leaf_of(row) else ""


def title_of(row: Row) -> str:
    """Return the title of the file of a dataset with data: its name."""
    return row.get("File") or file_of(row)


def key_number(row: Row, context: Context) -> Leaves:
    """Return the number of a variable among the keys of its dataset."""
    keys = context.keys.get(row.get("Dataset", ""), ())
    name = row.get("Variable", "")
    return {"ItemRef/@KeySequence": str(keys.index(name) + 1)} if name in keys else {}


def value_list(row: Row, context: Context) -> Leaves:
    """Return the reference of a variable to its value list."""
    oid = context.lists.get((row.get("Dataset", ""), row.get("Variable", "")))
    return {"ItemDef/def:ValueListRef/@ValueListOID": oid} if oid else {}
