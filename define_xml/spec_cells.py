"""The cells of a specification that say several things together: documents with pages, and conditions."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace

from trialbridge.define_xml.spec_columns import Column, Context, Row, numbered_path
from trialbridge.define_xml.spec_paths import Leaves

_PAGES = re.compile(r"\d+( \d+)*")
_RANGE = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Pages:
    """A document and its pages: ``4 5`` or ``4-9``, else a named destination; the CRF if none is named."""

    path: str
    document: str = "Document"
    pages: str = "Pages"

    @property
    def headers(self) -> tuple[str, ...]:
        """Return the names of both, or of the pages alone."""
        return (self.document, self.pages) if self.document else (self.pages,)

    @property
    def part(self) -> str:
        """Return the first step of its path."""
        return self.path.partition("/")[0]

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the reference to the document and its pages."""
        name, pages = row.get(self.document, "").strip(), row.get(self.pages, "").strip().replace(",", " ")
        leaf = context.oid("LF.", name) if name else context.crf if pages and not self.document else ""
        if not leaf:
            return {}
        return {f"{self.path}/@leafID": leaf, **_page_leaves(f"{self.path}/def:PDFPageRef", pages)}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the ID of the document, and its pages."""
        del row
        leaf, page = leaves.get(f"{self.path}/@leafID", ""), f"{self.path}/def:PDFPageRef"
        first, last = leaves.get(f"{page}/@FirstPage", ""), leaves.get(f"{page}/@LastPage", "")
        pages = leaves.get(f"{page}/@PageRefs", "") or (f"{first}-{last}" if first else "")
        named = {self.document: context.name("LF.", leaf) if leaf else ""} if self.document else {}
        return {**named, self.pages: pages}

    def nothing(self) -> dict[str, str]:
        """Return empty cells."""
        return dict.fromkeys(self.headers, "")

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same columns for another element."""
        document = f"{self.document} ({number})" if self.document else ""
        pages = f"{self.pages} ({number})"
        return replace(self, path=numbered_path(self.path, repeats, number), document=document, pages=pages)


def _page_leaves(path: str, pages: str) -> Leaves:
    """Return the reference to pages, to a range of them, or to a named destination."""
    pages = " ".join(pages.split())
    if not pages:
        return {}
    if match := _RANGE.fullmatch(pages.replace(" ", "")):
        return {f"{path}/@FirstPage": match[1], f"{path}/@LastPage": match[2], f"{path}/@Type": "PhysicalRef"}
    kind = "PhysicalRef" if _PAGES.fullmatch(pages) else "NamedDestination"
    return {f"{path}/@PageRefs": pages, f"{path}/@Type": kind}


@dataclass(frozen=True, slots=True)
class CheckValues:
    """The comparator and the value of a condition; a list with commas for IN and NOTIN, quoted as in CSV."""

    path: str = "RangeCheck/@Comparator"

    @property
    def headers(self) -> tuple[str, ...]:
        """Return the names of both."""
        return ("Comparator", "Value")

    @property
    def part(self) -> str:
        """Return the first step of its path."""
        return self.path.partition("/")[0]

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the comparator and each value."""
        del context
        comparator, cell = row.get("Comparator", "").strip(), row.get("Value", "")
        if not comparator:
            return {}
        values = split_values(cell) if comparator in {"IN", "NOTIN"} else [cell]
        places = ["CheckValue", *(f"CheckValue[{number}]" for number in range(2, len(values) + 1))]
        texts = {f"RangeCheck/{place}": value for place, value in zip(places, values, strict=False)}
        return {self.path: comparator, **texts}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return the comparator and its value or list."""
        del row, context
        comparator = leaves.get(self.path, "")
        values = [text for path, text in leaves.items() if path.startswith("RangeCheck/CheckValue")]
        value = join_values(values) if comparator in {"IN", "NOTIN"} else "".join(values[:1])
        return {"Comparator": comparator, "Value": value}

    def nothing(self) -> dict[str, str]:
        """Return empty cells."""
        return {"Comparator": "", "Value": ""}

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same: a row has one condition."""
        del repeats, number
        return self


def split_values(cell: str) -> list[str]:
    """Return the values of a list: commas between them, quotation marks around one with a comma.

    Example:
        >>> split_values('ALB, "NEUT, SEG", GLUC')
        ['ALB', 'NEUT, SEG', 'GLUC']
    """
    rows = list(csv.reader([cell.replace("\n", "\ue000")], skipinitialspace=True))
    return [value.replace("\ue000", "\n") for value in rows[0]] if rows else []


def join_values(values: list[str]) -> str:
    """Return values as a list in one cell.

    Example:
        >>> join_values(["ALB", "NEUT, SEG"])
        'ALB, "NEUT, SEG"'
    """
    return ", ".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    needs = not value or value != value.strip() or any(mark in value for mark in ',"\n')
    return '"' + value.replace('"', '""') + '"' if needs else value


@dataclass(frozen=True, slots=True)
class Place:
    """The dataset and the variable that a condition is about."""

    path: str

    @property
    def headers(self) -> tuple[str, ...]:
        """Return the names of both."""
        return ("Dataset", "Variable")

    @property
    def part(self) -> str:
        """Return the first step of its path."""
        return self.path.partition("/")[0]

    def leaves(self, row: Row, context: Context) -> Leaves:
        """Return the OID of the variable."""
        oid = context.items.get((row.get("Dataset", "").strip(), row.get("Variable", "").strip()))
        return {self.path: oid} if oid else {}

    def cells(self, leaves: Leaves, row: Row, context: Context) -> dict[str, str]:
        """Return where the variable is first used."""
        del row
        dataset, variable = context.places.get(leaves.get(self.path, ""), ("", ""))
        return {"Dataset": dataset, "Variable": variable}

    def nothing(self) -> dict[str, str]:
        """Return empty cells."""
        return {"Dataset": "", "Variable": ""}

    def numbered(self, repeats: str, number: int) -> Column:
        """Return the same: a row has one condition."""
        del repeats, number
        return self
