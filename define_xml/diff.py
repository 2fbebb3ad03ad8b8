"""Two define.xml files -> what differs: datasets, variables, values, codelists with their terms, methods ...

Everything is told apart by what people call it, never by an OID, which each tool makes up anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trialbridge.define_xml.html import describe_origin, pages
from trialbridge.define_xml.model import (
    CodeList,
    CodeListItem,
    Define,
    ItemDef,
    ItemGroupDef,
    ItemRef,
    MetaDataVersion,
    WhereClauseDef,
)
from trialbridge.define_xml.references import DocumentRef

Properties = dict[str, str]
_SIGNS = {"EQ": "=", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=", "IN": "in", "NOTIN": "not in"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two define.xml files.

    Attributes:
        kind: What it is about: dataset, variable, value, term ...
        name: What people call that.
        change: Whether it is new, gone, or there with another property.
        property: The property that differs; empty for what is new or gone.
        old: Its text before.
        new: Its text now.
    """

    kind: str
    name: str
    change: Literal["new", "gone", "changed"]
    property: str = ""
    old: str = ""
    new: str = ""


def diff_defines(old: Define, new: Define) -> list[Change]:
    """Return what differs between two define.xml files of whichever version, each as 2.1.

    Example:
        >>> from dataclasses import replace
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> define = build_define(StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27)), [])
        >>> other = replace(define, context="Other")
        >>> [(one.property, one.old, one.new) for one in diff_defines(define, other)]
        [('context', 'Submission', 'Other')]
    """
    before, after = _Names(old.definitions), _Names(new.definitions)
    changes: list[Change] = list(_compare("study", {"study": _study(old)}, {"study": _study(new)}))
    for kind, entries in _KINDS.items():
        changes += _compare(kind, _unique(entries(before)), _unique(entries(after)))
    return changes


def diff_page(changes: Sequence[Change], old: str, new: str) -> str:
    """Return differences as one page that any browser opens, offline."""
    kinds = [(kind, [one for one in changes if one.kind == kind]) for kind in ("study", *_KINDS)]
    there = [(kind, found) for kind, found in kinds if found]
    return pages().get_template("diff.html.j2").render(kinds=there, old=old, new=new)


class _Names:
    """The definitions of a file, and what people call them."""

    def __init__(self, definitions: MetaDataVersion) -> None:
        self.definitions = definitions
        self.items = {item.oid: item for item in definitions.item_defs}
        self.lists = {item.oid: item for item in definitions.code_lists}
        self.standards = {
            item.oid: _words(item.name, item.publishing_set, item.version) for item in definitions.standards
        }
        self.methods = {item.oid: item for item in definitions.method_defs}
        self.comments = {item.oid: item.description for item in definitions.comment_defs}
        self.leaves = {leaf.id: leaf.href for leaf in definitions.leaves}
        self.clauses = {item.oid: item for item in definitions.where_clause_defs}
        self.homes: dict[str, str] = {}
        for group in definitions.item_group_defs:
            for ref in group.item_refs:
                self.homes.setdefault(ref.item_oid, group.name)

    def item_name(self, oid: str) -> str:
        """Return dataset and name of a variable."""
        item = self.items.get(oid)
        return f"{self.homes.get(oid, '?')}.{item.name}" if item else oid

    def method(self, oid: str | None) -> str:
        """Return the text of a method."""
        return self.methods[oid].description if oid in self.methods else oid or ""

    def comment(self, oid: str | None) -> str:
        """Return the text of a comment."""
        return self.comments.get(oid or "", oid or "")

    def code_list(self, oid: str | None) -> str:
        """Return the name of a codelist."""
        return self.lists[oid].name if oid in self.lists else oid or ""

    def where(self, oids: Iterable[str]) -> str:
        """Return where clauses in words."""
        return " or ".join(self.conditions(self.clauses[oid]) if oid in self.clauses else oid for oid in oids)

    def conditions(self, clause: WhereClauseDef) -> str:
        """Return a where clause in words."""
        return " and ".join(
            f"{self.item_name(check.item_oid)} {_SIGNS.get(check.comparator, check.comparator)} "
            f"{', '.join(check.check_values)}"
            for check in clause.range_checks
        )

    def documents(self, refs: Sequence[DocumentRef]) -> str:
        """Return documents with their pages."""
        return "; ".join(
            _words(self.leaves.get(ref.leaf_id, ref.leaf_id), *(_pages(page) for page in ref.pdf_page_refs))
            for ref in refs
        )


def _pages(page: object) -> str:
    refs, first, last = (getattr(page, name) for name in ("page_refs", "first_page", "last_page"))
    return refs or (f"{first}-{last}" if first else "")


def _words(*parts: str | None) -> str:
    return " ".join(filter(None, parts))


Entries = Iterator[tuple[str, Properties]]


def _study(define: Define) -> Properties:
    names = define.study.global_variables
    return {
        "name": names.study_name,
        "description": names.study_description,
        "protocol": names.protocol_name,
        "context": define.context or "",
        "version": define.definitions.define_version,
        "annotated CRF": _Names(define.definitions).documents(define.definitions.annotated_crf),
        "supplements": _Names(define.definitions).documents(define.definitions.supplemental_doc),
    }


def _standards(names: _Names) -> Entries:
    for item in names.definitions.standards:
        key = _words(item.name, item.publishing_set)
        yield (
            key,
            {"version": item.version, "status": item.status, "comment": names.comment(item.comment_oid)},
        )


def _datasets(names: _Names) -> Entries:
    for group in names.definitions.item_group_defs:
        keyed = sorted(
            (ref for ref in group.item_refs if ref.key_sequence), key=lambda ref: ref.key_sequence or 0
        )
        yield (
            group.name,
            {
                "label": group.description,
                "class": _class(group),
                "structure": group.structure,
                "purpose": group.purpose or "",
                "keys": ", ".join(
                    names.items[ref.item_oid].name for ref in keyed if ref.item_oid in names.items
                ),
                "standard": names.standards.get(group.standard_oid or "", ""),
                "repeating": _flag(group.repeating),
                "reference data": _flag(group.is_reference_data),
                "non-standard": _flag(group.is_non_standard),
                "no data": _flag(group.has_no_data),
                "file": group.leaf.href if group.leaf else "",
                "comment": names.comment(group.comment_oid),
                "order": ", ".join(
                    names.items[ref.item_oid].name for ref in group.item_refs if ref.item_oid in names.items
                ),
            },
        )


def _class(group: ItemGroupDef) -> str:
    kind = group.item_group_class
    return _words(kind.name, *(part.name for part in kind.sub_classes)) if kind else ""


def _flag(value: bool | None) -> str:  # noqa: FBT001 -- it is what is shown
    return "Yes" if value else ""


def _item(names: _Names, ref: ItemRef, item: ItemDef) -> Properties:
    """Return the properties of a variable or of a value."""
    return {
        "label": item.description or "",
        "type": item.data_type,
        "length": str(item.length or ""),
        "digits": str(item.significant_digits or ""),
        "format": item.display_format or "",
        "mandatory": _flag(ref.mandatory),
        "role": ref.role or "",
        "codelist": names.code_list(item.code_list_oid),
        "origin": "; ".join(
            _words(describe_origin(one), names.documents(one.document_refs)) for one in item.origins
        ),
        "method": names.method(ref.method_oid),
        "comment": names.comment(item.comment_oid),
        "non-standard": _flag(ref.is_non_standard),
        "no data": _flag(ref.has_no_data),
        "value level": _flag(item.value_list_oid is not None),
    }


def _variables(names: _Names) -> Entries:
    for group in names.definitions.item_group_defs:
        for ref in group.item_refs:
            if ref.item_oid in names.items:
                item = names.items[ref.item_oid]
                yield f"{group.name}.{item.name}", _item(names, ref, item)


def _values(names: _Names) -> Entries:
    owners = {item.value_list_oid: names.item_name(item.oid) for item in names.definitions.item_defs}
    for part in names.definitions.value_list_defs:
        for ref in part.item_refs:
            if ref.item_oid in names.items:
                where = names.where(ref.where_clause_oids)
                yield (
                    f"{owners.get(part.oid, '?')} where {where}",
                    _item(names, ref, names.items[ref.item_oid]),
                )


def _clauses(names: _Names) -> Entries:
    for clause in names.definitions.where_clause_defs:
        yield names.conditions(clause), {"comment": names.comment(clause.comment_oid)}


def _code_lists(names: _Names) -> Entries:
    for item in names.definitions.code_lists:
        outside = item.external_code_list
        yield (
            item.name,
            {
                "type": item.data_type,
                "standard": names.standards.get(item.standard_oid or "", ""),
                "non-standard": _flag(item.is_non_standard),
                "code": _codes(item),
                "dictionary": _words(outside.dictionary, outside.version) if outside else "",
                "comment": names.comment(item.comment_oid),
            },
        )


def _codes(item: CodeList | CodeListItem) -> str:
    return ", ".join(alias.name for alias in item.aliases)


def _terms(names: _Names) -> Entries:
    for part in names.definitions.code_lists:
        for item in part.items:
            yield (
                f"{part.name}: {item.coded_value}",
                {
                    "decode": item.decode if isinstance(item, CodeListItem) else "",
                    "code": ", ".join(alias.name for alias in item.aliases),
                    "rank": item.rank or "",
                    "order": str(item.order_number or ""),
                    "extended": _flag(item.extended_value),
                },
            )


def _methods(names: _Names) -> Entries:
    for item in names.definitions.method_defs:
        code = "\n".join(_words(one.context, one.expression) for one in item.formal_expressions)
        documents = names.documents(item.document_refs)
        yield (
            item.name,
            {
                "type": item.type or "",
                "description": item.description,
                "code": code,
                "documents": documents,
            },
        )


def _comments(names: _Names) -> Entries:
    for item in names.definitions.comment_defs:
        yield item.description, {"documents": names.documents(item.document_refs)}


def _documents(names: _Names) -> Entries:
    for leaf in names.definitions.leaves:
        yield leaf.href, {"title": leaf.title}


_KINDS: Mapping[str, Callable[[_Names], Entries]] = {
    "standard": _standards,
    "dataset": _datasets,
    "variable": _variables,
    "value": _values,
    "where clause": _clauses,
    "codelist": _code_lists,
    "term": _terms,
    "method": _methods,
    "comment": _comments,
    "document": _documents,
}


def _unique(entries: Entries) -> dict[str, Properties]:
    """Return entries by name; a name that is there again gets a number."""
    found: dict[str, Properties] = {}
    seen: Counter[str] = Counter()
    for name, properties in entries:
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = properties
    return found


def _compare(kind: str, old: Mapping[str, Properties], new: Mapping[str, Properties]) -> Iterator[Change]:
    """Yield what is gone, what is new, and what has another property."""
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Change(kind, name, "gone")
        elif name not in old:
            yield Change(kind, name, "new")
        else:
            for key, text in old[name].items():
                if new[name][key] != text:
                    yield Change(kind, name, "changed", key, text, new[name][key])
