"""Specification -> Define: the elements that its rows describe, and every fault with its cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from trialbridge.define_xml.check import Fault, check_tree
from trialbridge.define_xml.elements import read_element, sort_children
from trialbridge.define_xml.model import PROLOG, Define
from trialbridge.define_xml.rest import Markup
from trialbridge.define_xml.schema import NAMESPACES, element_name
from trialbridge.define_xml.spec import Line, Spec
from trialbridge.define_xml.spec_columns import EMPTY, NONE, Column, Context
from trialbridge.define_xml.spec_paths import Leaves, is_path, new_element, put_leaf
from trialbridge.define_xml.spec_read import Sheets, context_of, fault, read_sheets
from trialbridge.define_xml.spec_sheets import (
    CODELISTS,
    DATASETS,
    DICTIONARIES,
    DISPLAYS,
    DOCUMENT_TYPES,
    DOCUMENTS,
    POSITION,
    RESULTS,
    SHEETS,
    STANDARDS,
    STUDY,
    VALUE_LEVEL,
    VARIABLES,
    WHERE_CLAUSES,
    Sheet,
)
from trialbridge.define_xml.version_2_0 import prefixes_of
from trialbridge.findings import Finding, Severity

FAULTY = {
    "spec-cell",
    "spec-row",
    "define-schema",
    "define-oid-twice",
    "define-oid-missing",
    "define-incomplete",
}
"""What no define.xml is made of."""

_ATTRIBUTE = re.compile(r"attribute '(?:\{[^}]*\})?(\w+)'")
_ELEMENT = re.compile(r"Element '(?:\{[^}]*\})?(\w+)'")
_PREFIX = re.compile(r"\b\w+:")
_NAMED = re.compile(r"there is no (?:def:)?(\w+) ")
_COLUMN_OF = {
    "CodeList": "Codelist", "MethodDef": "Method", "CommentDef": "Comment", "WhereClauseDef": "Where Clause",
    "leaf": "Document", "Standard": "Standard", "ItemDef": "Variable", "ItemGroupDef": "Dataset",
}  # fmt: skip
_DERIVED = {"ItemDef": {"ItemDef/@OID"}, "ItemRef": {"ItemRef/@ItemOID", "ItemRef/@OrderNumber"}}
"""What follows without a word: it alone makes no element."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The define.xml that a specification describes, if there is one, and what is wrong with it."""

    define: Define | None
    findings: tuple[Finding, ...]

    @property
    def is_faulty(self) -> bool:
        """Return whether the specification cannot be taken as it is."""
        return any(item.severity is Severity.ERROR and item.rule in FAULTY for item in self.findings)


def from_spec(spec: Spec) -> Composed:
    """Return the define.xml that `spec` describes, and every fault with sheet, row and column.

    Example:
        >>> composed = from_spec(Spec())
        >>> composed.is_faulty, composed.findings[0].path
        (True, 'Define, StudyName')
    """
    sheets = read_sheets(spec)
    assembly = _Assembly(sheets, context_of(sheets))
    root = assembly.root()
    findings = list(dict.fromkeys((*sheets.findings, *assembly.findings, *assembly.located(root))))
    try:
        define = _finished(root, sheets)
    except (ValueError, LookupError) as error:
        problem = Finding(Severity.ERROR, "define-incomplete", f"not a complete Define-XML file: {error}")
        known = any(item.severity is Severity.ERROR for item in findings)
        return Composed(None, (*findings, *(() if known else (problem,))))
    return Composed(define, tuple(findings))


def define_of(spec: Spec) -> Define | None:
    """Return the define.xml that `spec` describes, right or wrong; nothing, if there is not enough."""
    sheets = read_sheets(spec)
    try:
        return _finished(_Assembly(sheets, context_of(sheets)).root(), sheets)
    except (ValueError, LookupError):
        return None


def _finished(root: etree._Element, sheets: Sheets) -> Define:
    """Return the tree as data, with what stands around it."""
    define: Define = read_element(root, Define, ())
    said = sheets.study.get("Stylesheet", PROLOG[0].text)
    prolog = () if said == NONE else (Markup(PROLOG[0].name, text=said),)
    return replace(define, prolog=prolog, prefixes=_prefixes(sheets))


def _prefixes(sheets: Sheets) -> tuple[tuple[str, str], ...]:
    """Return the prefixes that the first sheet names; else those of the version."""
    said = {
        name.partition(":")[2]: uri for name, uri in sheets.study.items() if name.partition(":")[0] == "xmlns"
    }
    is_2_0 = sheets.study.get("DefineVersion", "").startswith("2.0")
    own = dict(prefixes_of(is_2_0=is_2_0))
    if sheets.tables[DISPLAYS.name].lines:
        own["arm"] = NAMESPACES["arm"]
    declared = tuple(sorted((said or own).items()))
    return () if declared == prefixes_of(is_2_0=False) else declared


@dataclass(slots=True)
class _Assembly:
    """Elements on their way from rows into a file, each with its row."""

    sheets: Sheets
    context: Context
    findings: list[Finding] = field(default_factory=list)
    places: list[tuple[etree._Element, Sheet, Line]] = field(default_factory=list)

    def root(self) -> etree._Element:
        """Return the ODM element with everything in it, in the order of the schema."""
        root = new_element("ODM", self._prefixes())
        for path, text in self._study().items():
            put_leaf(root, path, text, self._prefixes())
        definitions = root.find("odm:Study/odm:MetaDataVersion", NAMESPACES)
        if definitions is not None:
            for element in self._definitions():
                definitions.append(element)
            self._list(definitions, "def:Standards", self._simple(STANDARDS))
            self._list(definitions, "arm:AnalysisResultDisplays", self._displays())
            self._document_lists(definitions)
        sort_children(root, Define)
        return root

    def _prefixes(self) -> Mapping[str, str]:
        names = {name[6:]: uri for name, uri in self.sheets.study.items() if name.startswith("xmlns:")}
        return {**names, **NAMESPACES}

    def _study(self) -> Leaves:
        """Return what the first sheet says of the file and the study."""
        row = self.sheets.study
        self.findings += [
            fault("Define", 0, name, "this is missing")
            for name in ("StudyName", "StudyDescription", "ProtocolName")
            if not row.get(name) and f"ODM/Study/GlobalVariables/{name}" not in row
        ]
        return self._leaves(row, STUDY)

    def _leaves(self, row: Mapping[str, str], columns: tuple[Column, ...]) -> Leaves:
        """Return everything that the cells of a row say."""
        leaves: Leaves = {}
        for column in columns:
            leaves |= column.leaves(row, self.context)
        return leaves | {name: "" if text == EMPTY else text for name, text in row.items() if is_path(name)}

    def _parts(self, sheet: Sheet, line: Line) -> dict[str, Leaves]:
        """Return what a row says of each of its elements."""
        parts: dict[str, Leaves] = {}
        for path, text in self._leaves(line.cells, self.sheets.columns[sheet.name]).items():
            parts.setdefault(path.partition("/")[0], {})[path] = text
        return {tag: leaves for tag, leaves in parts.items() if leaves.keys() - _DERIVED.get(tag, set())}

    def _element(self, sheet: Sheet, line: Line, tag: str, leaves: Leaves) -> etree._Element:
        """Return an element with its leaves, and remember its row."""
        element = new_element(tag, self._prefixes())
        for path, text in leaves.items():
            try:
                put_leaf(element, path, text, self._prefixes())
            except (ValueError, LookupError) as error:
                self.findings.append(fault(sheet.name, line.number, path, f"cannot be written: {error}"))
        self.places.append((element, sheet, line))
        return element

    def _definitions(self) -> Iterator[etree._Element]:
        """Yield every definition, each kind in the order of its rows."""
        datasets = {line.cells.get("Dataset", ""): element for line, element in self._with_lines(DATASETS)}
        items: dict[str, tuple[etree._Element, Leaves, str]] = {}
        self._put_variables(datasets, items)
        lists = self._value_lists(items)
        yield from datasets.values()
        yield from lists
        yield from self._clauses()
        yield from _by_position((position, item) for item, _, position in items.values())
        yield from _by_position((*self._codelists(), *self._dictionaries()))
        for sheet in SHEETS:
            if len(sheet.parts) == 1 and sheet not in {STANDARDS, DATASETS, DICTIONARIES, DISPLAYS, RESULTS}:
                yield from self._simple(sheet)

    def _with_lines(self, sheet: Sheet) -> Iterator[tuple[Line, etree._Element]]:
        """Yield the element of each row of a sheet whose rows describe one."""
        for line in self.sheets.tables[sheet.name].lines:
            tag = sheet.parts[0].tag
            yield line, self._element(sheet, line, tag, self._parts(sheet, line).get(tag, {}))

    def _simple(self, sheet: Sheet) -> Iterator[etree._Element]:
        for _, element in self._with_lines(sheet):
            yield element

    def _put_variables(
        self, datasets: Mapping[str, etree._Element], items: dict[str, tuple[etree._Element, Leaves, str]]
    ) -> None:
        """Put a reference to each variable into its dataset."""
        for line in self.sheets.tables[VARIABLES.name].lines:
            parts, name = self._parts(VARIABLES, line), line.cells.get("Dataset", "")
            if "ItemRef" in parts:
                ref = self._element(VARIABLES, line, "ItemRef", parts["ItemRef"])
                if name in datasets:
                    datasets[name].append(ref)
                elif name:
                    message = f"there is no dataset {name} in the sheet Datasets"
                    self.findings.append(fault(VARIABLES.name, line.number, "Dataset", message))
            if not name and not line.cells.get("Item OID"):
                self.findings.append(fault(VARIABLES.name, line.number, "Dataset", "this cell is empty"))
            self._put_item(VARIABLES, line, parts, items)

    def _put_item(
        self,
        sheet: Sheet,
        line: Line,
        parts: Mapping[str, Leaves],
        items: dict[str, tuple[etree._Element, Leaves, str]],
    ) -> None:
        """Put a variable among the others; rows with the same OID describe one, and say the same of it."""
        leaves = parts.get("ItemDef", {})
        oid = leaves.get("ItemDef/@OID", "")
        if not leaves:
            return
        if oid not in items:
            item = self._element(sheet, line, "ItemDef", leaves)
            items[oid] = (item, leaves, line.cells.get(POSITION, ""))
            return
        item, known, _ = items[oid]
        for path, text in leaves.items():
            if known.get(path, text) != text:
                message = f"{text!r} here, {known[path]!r} in another row of {oid}"
                self.findings.append(fault(sheet.name, line.number, self._header(sheet, path), message))
            elif path not in known:
                known[path] = text
                put_leaf(item, path, text, self._prefixes())

    def _value_lists(self, items: dict[str, tuple[etree._Element, Leaves, str]]) -> list[etree._Element]:
        """Return the value lists, each with a reference to its values."""
        lists: dict[str, etree._Element] = {}
        for line in self.sheets.tables[VALUE_LEVEL.name].lines:
            parts = self._parts(VALUE_LEVEL, line)
            own = parts.get("def:ValueListDef", {})
            oid = own.get("def:ValueListDef/@OID", "")
            if oid not in lists:
                lists[oid] = self._element(VALUE_LEVEL, line, "def:ValueListDef", own)
            if "ItemRef" in parts:
                lists[oid].append(self._element(VALUE_LEVEL, line, "ItemRef", parts["ItemRef"]))
            place = line.cells.get("Dataset", ""), line.cells.get("Variable", "")
            if all(place) and place not in self.context.items:
                self._no_variable(VALUE_LEVEL, line)
            self._put_item(VALUE_LEVEL, line, parts, items)
        return list(lists.values())

    def _no_variable(self, sheet: Sheet, line: Line) -> None:
        dataset, variable = line.cells.get("Dataset", ""), line.cells.get("Variable", "")
        message = f"there is no variable {variable} of {dataset} in the sheet Variables"
        self.findings.append(fault(sheet.name, line.number, "Variable", message))

    def _clauses(self) -> Iterator[etree._Element]:
        """Return the where clauses, each with the conditions that all hold."""
        clauses: dict[str, etree._Element] = {}
        for line in self.sheets.tables[WHERE_CLAUSES.name].lines:
            parts, name = self._parts(WHERE_CLAUSES, line), line.cells.get("ID", "")
            if name not in clauses:
                own = parts.get("def:WhereClauseDef", {})
                clauses[name] = self._element(WHERE_CLAUSES, line, "def:WhereClauseDef", own)
            check = parts.get("RangeCheck", {})
            if check and "RangeCheck/@def:ItemOID" not in check:
                self._no_variable(WHERE_CLAUSES, line)
            if check and "RangeCheck/@Comparator" not in check:
                self.findings.append(
                    fault(WHERE_CLAUSES.name, line.number, "Comparator", "this cell is empty")
                )
            if check:
                clauses[name].append(self._element(WHERE_CLAUSES, line, "RangeCheck", check))
        return iter(clauses.values())

    def _codelists(self) -> Iterator[tuple[str, etree._Element]]:
        """Yield each codelist with its values: with a decode, or without."""
        lists: dict[str, tuple[str, etree._Element]] = {}
        for line in self.sheets.tables[CODELISTS.name].lines:
            parts, name = self._parts(CODELISTS, line), line.cells.get("ID", "")
            if name not in lists:
                element = self._element(CODELISTS, line, "CodeList", parts.get("CodeList", {}))
                lists[name] = (line.cells.get(POSITION, ""), element)
            if "Item" in parts:
                decoded = any(path.startswith("Item/Decode") for path in parts["Item"])
                tag = "CodeListItem" if decoded else "EnumeratedItem"
                lists[name][1].append(self._element(CODELISTS, line, tag, parts["Item"]))
        yield from lists.values()

    def _dictionaries(self) -> Iterator[tuple[str, etree._Element]]:
        for line, element in self._with_lines(DICTIONARIES):
            yield line.cells.get(POSITION, ""), element

    def _displays(self) -> Iterator[etree._Element]:
        """Yield the displays, each with its results."""
        displays = {line.cells.get("ID", ""): element for line, element in self._with_lines(DISPLAYS)}
        for line, result in self._with_lines(RESULTS):
            name = line.cells.get("Display", "")
            if name in displays:
                displays[name].append(result)
            else:
                message = f"there is no display {name} in the sheet {DISPLAYS.name}"
                self.findings.append(fault(RESULTS.name, line.number, "Display", message))
        yield from displays.values()

    def _list(self, parent: etree._Element, tag: str, children: Iterator[etree._Element]) -> None:
        """Put a list of children into `parent`, if there are any."""
        there = list(children)
        if there:
            wrapper = etree.SubElement(parent, element_name(tag))
            wrapper.extend(there)

    def _document_lists(self, definitions: etree._Element) -> None:
        """Put the lists of documents of a type into the definitions."""
        for kind, tag in DOCUMENT_TYPES.items():
            lines = [
                line for line in self.sheets.tables[DOCUMENTS.name].lines if line.cells.get("Type") == kind
            ]
            refs = []
            for line in lines:
                refs.append(etree.Element(element_name("def:DocumentRef")))
                refs[-1].set("leafID", self.context.oid("LF.", line.cells.get("ID", "")))
            self._list(definitions, tag, iter(refs))

    def located(self, root: etree._Element) -> Iterator[Finding]:
        """Yield what is wrong with the whole, each with the row that it comes from."""
        rows = {element: (sheet, line) for element, sheet, line in self.places}
        for problem in check_tree(root, is_2_0=self.context.is_2_0):
            element = _element_at(root, problem.path, self._prefixes())
            while element is not None and element not in rows:
                element = element.getparent()
            place = "Define" if element is None else self._place(problem, *rows[element])
            yield Finding(problem.severity, problem.rule, problem.message, path=place)

    def _place(self, problem: Fault, sheet: Sheet, line: Line) -> str:
        """Return sheet, row and column of what is wrong."""
        attribute = _ATTRIBUTE.search(problem.message)
        element = _ELEMENT.search(problem.message)
        tag = element[1] if element else ""
        column = self._header(sheet, f"{tag}/@{attribute[1]}") if attribute else ""
        if missing := _NAMED.search(problem.message):
            column = _COLUMN_OF.get(missing[1], "")
        return ", ".join(filter(None, (sheet.name, f"row {line.number}", column)))

    def _header(self, sheet: Sheet, path: str) -> str:
        """Return the header of the column that says what stands at the end of a path, less its prefixes."""
        ends = (
            column.headers[0]
            for column in self.sheets.columns[sheet.name]
            for where in _paths(column)
            if column.headers and _PREFIX.sub("", where).endswith(_PREFIX.sub("", path))
        )
        return next(ends, path.rpartition("@")[2])


def _element_at(root: etree._Element, path: str, prefixes: Mapping[str, str]) -> etree._Element | None:
    """Return the element at a path that the checks name."""
    found: Any = root.xpath(path, namespaces=dict(prefixes)) if path else ()
    return next(iter(found), None)


def _paths(column: Column) -> tuple[str, ...]:
    """Return the paths of what a column says."""
    own = getattr(column, "paths", None) or (getattr(column, "path", ""),)
    return tuple(own)


def _by_position(elements: Iterable[tuple[str, etree._Element]]) -> Iterator[etree._Element]:
    """Yield elements in the order that their rows give them; without a word, in the order of the rows."""
    ordered = sorted(elements, key=lambda pair: int(pair[0]) if pair[0].isdecimal() else 0)
    for _, element in ordered:
        yield element
