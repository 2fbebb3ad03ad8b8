"""Define -> define.html: one file for the reader's eye, with no stylesheet to transform and no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from trialbridge.define_xml.model import (
    CodeList,
    CodeListItem,
    CommentDef,
    Define,
    EnumeratedItem,
    ItemDef,
    ItemGroupDef,
    ItemRef,
    MetaDataVersion,
    MethodDef,
    Origin,
    RangeCheck,
    Standard,
    ValueListDef,
    WhereClauseDef,
)
from trialbridge.define_xml.references import Leaf, PDFPageRef

_SIGNS = {"EQ": "=", "NE": "≠", "LT": "<", "LE": "≤", "GT": ">", "GE": "≥", "IN": "in", "NOTIN": "not in"}
_LISTED = {"IN", "NOTIN"}
_SCHEME = re.compile(r"^\s*(?!https?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def write_define_html(define: Define, target: Path) -> None:
    """Write `define` to `target` as one HTML file that opens from a folder, offline."""
    target.write_text(to_html(define), encoding="utf-8", newline="\n")


def to_html(define: Define) -> str:
    """Return `define` as one HTML page with its styles and script inside.

    Example:
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> define = build_define(StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27)), [])
        >>> "<h1>S1</h1>" in to_html(define)
        True
    """
    environment = pages()
    environment.filters.update(
        anchor=anchor, nci=_nci, others=_others, href=_href, described=describe_origin, pages=_pages
    )
    return environment.get_template("define.html.j2").render(define=define, view=View(define.definitions))


def pages() -> Environment:
    """Return what makes pages from the templates beside this module."""
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def anchor(oid: str) -> str:
    """Return `oid` as an HTML id that also stands unchanged in a link.

    Example:
        >>> anchor("CL.DM.SEX"), anchor("VL.LB.BONE MARROW")
        ('CL.DM.SEX', 'VL.LB.BONE-20-MARROW')
    """
    return re.sub(r"[^A-Za-z0-9_.]", lambda match: f"-{ord(match[0]):x}-", oid)


def describe_origin(origin: Origin) -> str:
    """Return an origin in words.

    Example:
        >>> describe_origin(Origin(type="Collected", source="Vendor"))
        'Collected (Vendor)'
    """
    source = f" ({origin.source})" if origin.source else ""
    return f"{origin.type}{source}" + (f": {origin.description}" if origin.description else "")


def _source(name: str) -> str:
    """Return the text of a template that lies beside this module."""
    return (files("trialbridge.define_xml") / name).read_text("utf-8")


def _nci(item: CodeList | CodeListItem | EnumeratedItem) -> str:
    """Return NCI's code, empty where there is none."""
    return next((alias.name for alias in item.aliases if alias.context == "nci:ExtCodeID"), "")


def _others(item: CodeList | CodeListItem | EnumeratedItem | ItemDef | ItemGroupDef) -> list[str]:
    """Return other names than NCI's code, each with its context."""
    return [f"{alias.context}: {alias.name}" for alias in item.aliases if alias.context != "nci:ExtCodeID"]


def _pages(page: PDFPageRef, href: str) -> list[tuple[str, str]]:
    """Return the pages of a document with a link each: a page, a range, or a named destination."""
    if page.first_page is not None:
        return [(f"pages {page.first_page} to {page.last_page}", f"{href}#page={page.first_page}")]
    refs = (page.page_refs or "").split()
    if page.type == "NamedDestination":
        return [(ref, f"{href}#nameddest={ref}") for ref in refs]
    return [(f"page {ref}", f"{href}#page={ref}") for ref in refs]


def _href(href: str) -> str:
    """Return a link's target if a browser may follow it; a define.xml from elsewhere could hold a script."""
    return "" if _SCHEME.match(href) else href


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a where clause in words: ``LBTESTCD = "ALB" (Albumin)``."""

    variable: str
    oid: str
    sign: str
    values: tuple[tuple[str, str], ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """A where clause: all of its conditions hold."""

    oid: str
    comment_oid: str | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table of items needs: none that would be empty."""

    digits: bool
    codelists: bool
    notes: bool


class View:
    """The definitions by OID, and what the template asks of them.

    Example:
        >>> View(MetaDataVersion(oid="MDV", name="m", define_version="2.1.10")).dictionaries
        ()
    """

    def __init__(self, definitions: MetaDataVersion) -> None:
        self.definitions = definitions
        self.items: Mapping[str, ItemDef] = {item.oid: item for item in definitions.item_defs}
        self.code_lists: Mapping[str, CodeList] = {item.oid: item for item in definitions.code_lists}
        self.methods: Mapping[str, MethodDef] = {item.oid: item for item in definitions.method_defs}
        self.comments: Mapping[str, CommentDef] = {item.oid: item for item in definitions.comment_defs}
        self.standards: Mapping[str, Standard] = {item.oid: item for item in definitions.standards}
        self.lists = {item.oid for item in definitions.value_list_defs}
        self.leaves: Mapping[str, Leaf] = {item.id: item for item in definitions.leaves}
        self._clauses: Mapping[str, WhereClauseDef] = {
            item.oid: item for item in definitions.where_clause_defs
        }
        self._owners = {
            ref.item_oid: group for group in definitions.item_group_defs for ref in group.item_refs
        }
        self._parents = {item.value_list_oid: item for item in definitions.item_defs if item.value_list_oid}
        self._first = {
            ref.item_oid: group.oid
            for group in reversed(definitions.item_group_defs)
            for ref in group.item_refs
        }
        self.groups: Mapping[str, ItemGroupDef] = {group.oid: group for group in definitions.item_group_defs}

    @property
    def standard(self) -> str:
        """Return what the datasets follow: the first implementation guide, without its version."""
        guides = (item.name for item in self.definitions.standards if item.type == "IG")
        return next(guides, "").removesuffix("IG")

    def is_first(self, group: ItemGroupDef, ref: ItemRef) -> bool:
        """Return whether a variable is first in this dataset; several may share its definition."""
        return self._first[ref.item_oid] == group.oid

    @property
    def spare_clauses(self) -> tuple[Clause, ...]:
        """Return the where clauses that no value and no analysis refers to."""
        lists, displays = self.definitions.value_list_defs, self.definitions.result_displays
        of_values = {oid for part in lists for ref in part.item_refs for oid in ref.where_clause_oids}
        data = [one for display in displays for result in display.results for one in result.datasets.datasets]
        used = of_values | {one.where_clause_oid for one in data}
        return tuple(self._clause(clause, None) for oid, clause in self._clauses.items() if oid not in used)

    @property
    def terms(self) -> tuple[CodeList, ...]:
        """Return the codelists whose values stand in this file."""
        return tuple(item for item in self.definitions.code_lists if not item.external_code_list)

    @property
    def dictionaries(self) -> tuple[CodeList, ...]:
        """Return the codelists that are kept elsewhere."""
        return tuple(item for item in self.definitions.code_lists if item.external_code_list)

    def under(self, refs: Sequence[ItemRef]) -> Columns:
        """Return which columns a table of `refs` needs."""
        items = [self.items[ref.item_oid] for ref in refs if ref.item_oid in self.items]
        return Columns(
            digits=any(item.significant_digits is not None for item in items),
            codelists=any(item.code_list_oid for item in items),
            notes=any(item.comment_oid for item in items) or any(ref.method_oid for ref in refs),
        )

    def keys(self, group: ItemGroupDef) -> list[str]:
        """Return the key variables of a dataset, in order."""
        keyed = [ref for ref in group.item_refs if ref.key_sequence is not None]
        ordered = sorted(keyed, key=lambda ref: ref.key_sequence or 0)
        return [self.items[ref.item_oid].name for ref in ordered if ref.item_oid in self.items]

    def owner(self, value_list: ValueListDef) -> ItemGroupDef | None:
        """Return the dataset that a value list belongs to."""
        parent = self._parents.get(value_list.oid)
        return self._owners.get(parent.oid) if parent else None

    def parent(self, value_list: ValueListDef) -> ItemDef | None:
        """Return the variable that a value list belongs to."""
        return self._parents.get(value_list.oid)

    def clauses(self, oids: Sequence[str], owner: ItemGroupDef | None) -> list[Clause]:
        """Return where clauses in words, as the dataset `owner` sees them."""
        return [self._clause(self._clauses[oid], owner) for oid in oids if oid in self._clauses]

    def _clause(self, clause: WhereClauseDef, owner: ItemGroupDef | None) -> Clause:
        conditions = tuple(self._condition(check, owner) for check in clause.range_checks)
        return Clause(clause.oid, clause.comment_oid, conditions)

    def _condition(self, check: RangeCheck, owner: ItemGroupDef | None) -> Condition:
        """Return a range check in words; a variable of another dataset with that dataset's name."""
        item, home = self.items.get(check.item_oid), self._owners.get(check.item_oid)
        elsewhere = home is not None and (owner is None or home.oid != owner.oid)
        name = item.name if item else check.item_oid
        code_list = self.code_lists.get(item.code_list_oid or "") if item else None
        meanings = (
            {entry.coded_value: entry.decode for entry in code_list.code_list_items} if code_list else {}
        )
        return Condition(
            variable=f"{home.name}.{name}" if home and elsewhere else name,
            oid=check.item_oid,
            sign=_SIGNS.get(check.comparator, check.comparator),
            values=tuple((value, meanings.get(value, "")) for value in check.check_values),
            listed=check.comparator in _LISTED,
        )
