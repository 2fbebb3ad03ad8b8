"""Define -> specification: each sheet from the elements that it describes, and nothing left over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from trialbridge.define_xml.model import PROLOG, Define
from trialbridge.define_xml.schema import NAMESPACES, element_name
from trialbridge.define_xml.spec import Cells, Line, Spec, Table, expanded
from trialbridge.define_xml.spec_columns import EMPTY, NONE, Column, Context
from trialbridge.define_xml.spec_context import context_of, definitions_of, position_of, usual_items
from trialbridge.define_xml.spec_paths import Leaves, leaves_of
from trialbridge.define_xml.spec_sheets import DOCUMENT_TYPES, NUMBER, POSITION, SHEETS, STUDY, Sheet
from trialbridge.define_xml.version_2_0 import is_2_0, prefixes_of
from trialbridge.define_xml.write import to_tree

FIRST_ROW = 2
DESCRIBED = (
    "def:Standards", "def:ValueListDef", "def:WhereClauseDef", "ItemGroupDef", "ItemDef", "CodeList",
    "MethodDef", "def:CommentDef", "def:leaf", "arm:AnalysisResultDisplays",
)  # fmt: skip
"""The children of MetaDataVersion that have a sheet."""

_TERMS = ("CodeListItem", "EnumeratedItem")


@dataclass(frozen=True, slots=True)
class _Row:
    """What one row describes: the cells that are known, and the leaves of its elements."""

    cells: Cells
    leaves: Leaves


def to_spec(define: Define) -> Spec:
    """Return `define` as a specification: its sheets with their rows.

    Example:
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> define = build_define(StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27)), [])
        >>> [line.cells["Name"] for line in to_spec(define).tables["Standards"].lines]
        ['SDTMIG', 'CDISC/NCI']
    """
    return _Writer(define).spec()


class _Writer:
    """A define.xml on its way into sheets."""

    def __init__(self, define: Define) -> None:
        self._define = define
        self._file = definitions_of(to_tree(define))
        self._context = context_of(self._file, is_2_0=is_2_0(uri for _, uri in define.prefixes))
        known = {uri: prefix for prefix, uri in define.prefixes if prefix}
        self._names = {**known, **{uri: prefix for prefix, uri in NAMESPACES.items()}}
        self._types = self._document_types()

    def spec(self) -> Spec:
        """Return every sheet that has something to say; the first says what all others leave."""
        rows: Mapping[str, Callable[[], Iterator[_Row]]] = {
            "Datasets": self._datasets,
            "Variables": self._variables,
            "ValueLevel": self._value_level,
            "WhereClauses": self._where_clauses,
            "Codelists": self._codelists,
            "Dictionaries": self._dictionaries,
            "Documents": self._documents,
            "Analysis Results": self._results,
        }
        tables = {
            sheet.name: self._table(
                sheet, list(rows.get(sheet.name, lambda sheet=sheet: self._plain(sheet))())
            )
            for sheet in SHEETS
        }
        optional = {"Standards", "Analysis Displays", "Analysis Results"}
        kept = {name: table for name, table in tables.items() if table.lines or name not in optional}
        return Spec({"Define": self._study(), **kept})

    def _leaves(self, element: etree._Element, *without: str) -> Leaves:
        return leaves_of(element, self._names, frozenset(without))

    def _children(self, tag: str) -> list[etree._Element]:
        return self._file.definitions.findall(element_name(tag))

    def _plain(self, sheet: Sheet) -> Iterator[_Row]:
        """Yield a row for each element of the one kind that a sheet describes."""
        for element in self._file.definitions.iter(element_name(sheet.parts[0].tag)):
            yield self._identified(element, "arm:AnalysisResult")

    def _identified(self, element: etree._Element, *without: str) -> _Row:
        """Return the row of an element that has an ID."""
        oid = element.get("OID") or element.get("ID") or ""
        tables = self._context.names.values()
        name = next((names[oid] for names in tables if oid in names), oid)
        return _Row({"ID": name}, self._leaves(element, *without))

    def _datasets(self) -> Iterator[_Row]:
        for name, group in self._file.datasets.items():
            keys = ", ".join(self._context.keys.get(name, ()))
            yield _Row({"Dataset": name, "Key Variables": keys}, self._leaves(group, "ItemRef"))

    def _variables(self) -> Iterator[_Row]:
        positions = self._item_positions()
        for name, group in self._file.datasets.items():
            for number, ref in enumerate(group.iterfind("odm:ItemRef", NAMESPACES), start=1):
                yield self._item_row({"Dataset": name, NUMBER: str(number)}, ref, positions)
        used = {ref.get("ItemOID") for ref in self._file.definitions.iter(element_name("ItemRef"))}
        for oid, item in self._file.items.items():
            if oid not in used:
                yield _Row({POSITION: positions.get(item, "")}, self._leaves(item))

    def _item_row(self, cells: Cells, ref: etree._Element, positions: Mapping[etree._Element, str]) -> _Row:
        """Return the row of a reference and the item that it refers to."""
        item = self._file.items.get(ref.get("ItemOID", ""))
        leaves = {} if item is None else self._leaves(item)
        position = {} if item is None else {POSITION: positions.get(item, "")}
        return _Row({**cells, **position}, {**self._leaves(ref), **leaves})

    def _value_level(self) -> Iterator[_Row]:
        places = {oid: place for place, oid in self._context.lists.items()}
        positions = self._item_positions()
        for element in self._children("def:ValueListDef"):
            dataset, variable = places.get(element.get("OID", ""), ("", ""))
            own = self._leaves(element, "ItemRef")
            for number, ref in enumerate(element.iterfind("odm:ItemRef", NAMESPACES), start=1):
                cells = {"Dataset": dataset, "Variable": variable, NUMBER: str(number)}
                row = self._item_row(cells, ref, positions)
                yield _Row(row.cells, {**own, **row.leaves})

    def _item_positions(self) -> dict[etree._Element, str]:
        return position_of(self._children("ItemDef"), usual_items(self._file))

    def _where_clauses(self) -> Iterator[_Row]:
        for element in self._children("def:WhereClauseDef"):
            own = self._identified(element, "RangeCheck")
            for check in element.iterfind("odm:RangeCheck", NAMESPACES):
                yield _Row(own.cells, {**own.leaves, **self._leaves(check)})

    def _codelists(self) -> Iterator[_Row]:
        positions = self._list_positions()
        for element in self._children("CodeList"):
            if element.find("odm:ExternalCodeList", NAMESPACES) is None:
                own = self._identified(element, *_TERMS)
                cells = {**own.cells, POSITION: positions.get(element, "")}
                terms = [child for child in element if child.tag in map(element_name, _TERMS)]
                for term in terms:
                    yield _Row(cells, {**own.leaves, **self._term(term)})
                if not terms:
                    yield _Row(cells, own.leaves)

    def _term(self, term: etree._Element) -> Leaves:
        """Return the leaves of a value, with a decode or without: of either kind."""
        leaves = self._leaves(term)
        return {"/".join(("Item", path.partition("/")[2])): text for path, text in leaves.items()}

    def _dictionaries(self) -> Iterator[_Row]:
        positions = self._list_positions()
        for element in self._children("CodeList"):
            if element.find("odm:ExternalCodeList", NAMESPACES) is not None:
                own = self._identified(element)
                yield _Row({**own.cells, POSITION: positions.get(element, "")}, own.leaves)

    def _list_positions(self) -> dict[etree._Element, str]:
        lists = self._children("CodeList")
        external = [item for item in lists if item.find("odm:ExternalCodeList", NAMESPACES) is not None]
        return position_of(lists, [item for item in lists if item not in external] + external)

    def _documents(self) -> Iterator[_Row]:
        for element in self._children("def:leaf"):
            own = self._identified(element)
            yield _Row({**own.cells, "Type": self._types.get(element.get("ID", ""), "")}, own.leaves)

    def _document_types(self) -> dict[str, str]:
        """Return what each document is for, where plain lists in the order of the documents say it."""
        order = [leaf.get("ID", "") for leaf in self._children("def:leaf")]
        types: dict[str, str] = {}
        for kind, tag in DOCUMENT_TYPES.items():
            refs = self._file.definitions.findall(f"{element_name(tag)}/{element_name('def:DocumentRef')}")
            named = [ref.get("leafID", "") for ref in refs]
            is_plain = all(not len(ref) and len(ref.attrib) == 1 for ref in refs)
            if is_plain and named == [oid for oid in order if oid in named]:
                types |= {oid: kind for oid in named if oid not in types}
        return types

    def _results(self) -> Iterator[_Row]:
        for display in self._file.definitions.iter(element_name("arm:ResultDisplay")):
            name = self._context.name("RD.", display.get("OID", ""))
            for result in display.iterfind(element_name("arm:AnalysisResult")):
                own = self._identified(result)
                yield _Row({"Display": name, **own.cells}, own.leaves)

    def _table(self, sheet: Sheet, rows: list[_Row]) -> Table:
        """Return a sheet with its rows."""
        columns = expanded(sheet, {path for row in rows for path in row.leaves}, ())
        filled = [_fill(row, columns, self._context) for row in rows]
        headers = [*sheet.shown, *(header for column in columns for header in column.headers), POSITION]
        used = {header for cells in filled for header, cell in cells.items() if cell and header != NUMBER}
        known = [header for header in dict.fromkeys(headers) if header in used or header in sheet.shown]
        others = dict.fromkeys(header for cells in filled for header in cells if header in used)
        lines = tuple(Line(number, cells) for number, cells in enumerate(filled, start=FIRST_ROW))
        return Table(sheet.name, tuple(dict.fromkeys((*known, *others))), lines)

    def _study(self) -> Table:
        """Return the first sheet: what no other says, a line each."""
        cells: Cells = {"Language": self._context.language or NONE, **self._outside()}
        spoken = [tag for kind, tag in DOCUMENT_TYPES.items() if kind in self._types.values()]
        for tag in (*DESCRIBED, *spoken):
            for child in self._children(tag):
                self._file.definitions.remove(child)
        row = _fill(_Row(cells, self._leaves(self._file.root)), STUDY, self._context)
        pairs = [(name, text) for name, text in row.items() if text]
        lines = [
            Line(number, {"Attribute": name, "Value": text})
            for number, (name, text) in enumerate(pairs, start=FIRST_ROW)
        ]
        return Table("Define", ("Attribute", "Value"), tuple(lines))

    def _outside(self) -> Cells:
        """Return the stylesheet, and the prefixes of namespaces that are not the usual ones."""
        define = self._define
        sheets = [markup.text for markup in define.prolog if markup.name == PROLOG[0].name]
        own = prefixes_of(is_2_0=self._context.is_2_0)
        declared = {} if tuple(define.prefixes or own) == own else dict(define.prefixes)
        names = {f"xmlns:{prefix}" if prefix else "xmlns": uri for prefix, uri in declared.items()}
        return {"Stylesheet": "" if sheets == [PROLOG[0].text] else "".join(sheets[:1]) or NONE, **names}


def _fill(row: _Row, columns: Iterable[Column], context: Context) -> Cells:
    """Return the cells of a row: each column says what it can say exactly, paths the rest."""
    cells, left = dict(row.cells), dict(row.leaves)
    for column in columns:
        offered = column.cells(left, cells, context)
        said = column.leaves({**cells, **offered}, context)
        if said.items() <= left.items():
            cells |= offered
            for path in said:
                del left[path]
        else:
            cells |= column.nothing()
    return cells | {path: text or EMPTY for path, text in left.items()}
