"""The sheets of a specification as people fill them in: any case, rows that fill in one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from trialbridge.define_xml.spec import Cells, Line, Spec, Table, expanded
from trialbridge.define_xml.spec_columns import NONE, Column, Context, usual_oid
from trialbridge.define_xml.spec_context import CRF_FILES
from trialbridge.define_xml.spec_paths import is_path
from trialbridge.define_xml.spec_sheets import CRF, NUMBER, POSITION, SHEETS, STUDY, Part, Sheet
from trialbridge.define_xml.upgrade import guide_name
from trialbridge.findings import Finding, Severity

_SHEET_OF = {
    "STD.": ("Standards",),
    "CL.": ("Codelists", "Dictionaries"),
    "MT.": ("Methods",),
    "COM.": ("Comments",),
    "WC.": ("WhereClauses",),
    "LF.": ("Documents",),
    "RD.": ("Analysis Displays",),
    "AR.": ("Analysis Results",),
}
"""The sheets that give an ID its OID, by kind of definition."""


_STANDARD_NAMES = (("Name", "Version"), ("Name", "Publishing Set", "Version"), ("Publishing Set", "Version"))
"""What people call a standard, besides its ID."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets as they are meant: each header as it is called here, each row complete.

    Attributes:
        tables: The sheets by name.
        columns: The columns of each.
        study: What the first sheet says.
        findings: What is wrong with them.
    """

    tables: Mapping[str, Table]
    columns: Mapping[str, tuple[Column, ...]]
    study: Cells
    findings: tuple[Finding, ...]


def fault(sheet: str, row: int, column: str, message: str, severity: Severity = Severity.ERROR) -> Finding:
    """Return what is wrong with a cell, a row or a sheet.

    Example:
        >>> fault("Variables", 12, "Length", "no number").path
        'Variables, row 12, Length'
    """
    place = ", ".join(filter(None, (sheet, f"row {row}" if row else "", column)))
    return Finding(severity, "spec-cell" if column else "spec-row", message, path=place)


def read_sheets(spec: Spec) -> Sheets:
    """Return the sheets of `spec` as they are meant, with everything that is wrong with them."""
    findings: list[Finding] = []
    found = {_plain(name): table for name, table in spec.tables.items()}
    tables, columns = {}, {}
    for sheet in SHEETS:
        table = found.pop(_plain(sheet.name), Table(sheet.name, ()))
        known = expanded(sheet, (), [*table.headers])
        renamed, problems = _renamed(sheet, known, table)
        complete, others = _complete(sheet, known, renamed)
        tables[sheet.name], columns[sheet.name] = complete, known
        findings += [*problems, *others]
    study = found.pop("define", None) or found.pop("study", None) or Table("Define", ())
    findings += [
        fault(name, 0, "", "this sheet says nothing of a define.xml; it is not read", Severity.NOTICE)
        for name in (table.name for table in found.values())
    ]
    said = _study(study, spec.saved)
    return Sheets(_with_standard(tables, said), columns, said, tuple(findings))


def _with_standard(tables: dict[str, Table], study: Cells) -> dict[str, Table]:
    """Return the sheets with the one standard that the first sheet names, where none has a sheet for them.

    A workbook of the time of version 2.0 has two rows for it; it governs every dataset.
    """
    name, version = study.get("StandardName", ""), study.get("StandardVersion", "")
    is_2_0 = study.get("DefineVersion", "").startswith("2.0")
    if is_2_0 or not (name and version) or tables["Standards"].lines:
        return tables
    cells = {"ID": "1", "Name": guide_name(name), "Type": "IG", "Version": version, "Status": "Final"}
    datasets = tables["Datasets"]
    governed = tuple(
        line if line.cells.get("Non-Standard") else Line(line.number, {"Standard": "1", **line.cells})
        for line in datasets.lines
    )
    standards = replace(tables["Standards"], lines=(Line(0, cells),))
    return {**tables, "Standards": standards, "Datasets": replace(datasets, lines=governed)}


def _plain(name: str) -> str:
    """Return a name without what people write in several ways."""
    return name.replace(" ", "").replace("_", "").lower()


def _study(table: Table, saved: str) -> Cells:
    """Return attribute and value of each row of the first sheet."""
    pairs = {line.cells.get("Attribute", "").strip(): line.cells.get("Value", "") for line in table.lines}
    names = {_plain(header): header for column in STUDY for header in column.headers}
    return {
        "Saved": saved,
        **{names.get(_plain(name), name): text for name, text in pairs.items() if name and text},
    }


def _renamed(sheet: Sheet, known: tuple[Column, ...], table: Table) -> tuple[Table, list[Finding]]:
    """Return a sheet with its headers as they are called here; a header that says nothing is a finding."""
    names = {_plain(header): header for column in known for header in column.headers}
    names |= {_plain(other): header for other, header in sheet.synonyms if other not in names.values()}
    names[_plain(POSITION)] = POSITION
    parts = {part.tag for part in sheet.parts}
    findings, meant = [], {}
    for header in table.headers:
        if is_path(header) and header.partition("/")[0] in parts:
            meant[header] = header
        elif _plain(header) in names:
            meant[header] = names[_plain(header)]
        elif header:
            message = "nothing in a define.xml is called so; the column is not read"
            findings.append(fault(sheet.name, 0, header, message, Severity.NOTICE))
    if table.lines:
        missing = [header for header in sheet.needed if header not in meant.values()]
        findings += [fault(sheet.name, 0, header, "this column is missing") for header in missing]
    lines = tuple(
        Line(line.number, {meant[name]: text for name, text in line.cells.items() if name in meant and text})
        for line in table.lines
    )
    filled = tuple(line for line in lines if line.cells)
    return Table(sheet.name, tuple(dict.fromkeys(meant.values())), filled), findings


def _complete(sheet: Sheet, known: tuple[Column, ...], table: Table) -> tuple[Table, list[Finding]]:
    """Return a sheet with rows that say what others with the same key say, and know their number."""
    lines = list(table.lines)
    findings: list[Finding] = []
    for part in sheet.parts:
        if part.key:
            own = {header for column in known if column.part == part.tag for header in column.headers}
            sharing = _Sharing(sheet, part, own)
            lines = sharing.complete(_carried_down(part, lines) if sharing.is_common else lines)
            findings += sharing.findings
    return replace(table, lines=tuple(_numbered(sheet, lines))), findings


class _Sharing:
    """Rows with the same key, which say of their common element what any of them says."""

    def __init__(self, sheet: Sheet, part: Part, own: set[str]) -> None:
        self._sheet = sheet
        self._part = part
        self._own = own
        self._common: dict[tuple[str, ...], Cells] = {}
        self._first: dict[tuple[str, ...], int] = {}
        self.findings: list[Finding] = []
        self.is_common = len(sheet.parts) > 1

    def complete(self, lines: list[Line]) -> list[Line]:
        """Return the rows, each complete."""
        for line in lines:
            self._take(line, self._key(line))
        return [Line(line.number, {**self._common[self._key(line)], **line.cells}) for line in lines]

    def _key(self, line: Line) -> tuple[str, ...]:
        return tuple(line.cells.get(name, "").strip() for name in self._part.key)

    def _take(self, line: Line, key: tuple[str, ...]) -> None:
        """Remember what a row says for the others, and that it has a key of its own where it needs one."""
        for name, text in zip(self._part.key, key, strict=True):
            if not text:
                self._add(line, name, "this cell is empty")
        if not self.is_common and key in self._first and all(key):
            self._add(line, self._part.key[-1], f"{' '.join(key)} is in row {self._first[key]} already")
        self._first.setdefault(key, line.number)
        common = self._common.setdefault(key, {})
        for header, text in line.cells.items():
            if header in self._own or header.partition("/")[0] == self._part.tag:
                self._share(line, header, text, common.setdefault(header, text))

    def _share(self, line: Line, header: str, text: str, said: str) -> None:
        """Take notice if rows contradict each other."""
        if text != said and self.is_common:
            key = self._key(line)
            message = f"{text!r} here, {said!r} in row {self._first[key]} of the same {self._part.key[0]}"
            self._add(line, header, message)

    def _add(self, line: Line, header: str, message: str) -> None:
        self.findings.append(fault(self._sheet.name, line.number, header, message))


def _carried_down(part: Part, lines: list[Line]) -> list[Line]:
    """Return rows that have the key of the row above, where theirs is empty (people merge such cells)."""
    above: Cells = {}
    carried = []
    for line in lines:
        cells = {**{name: above[name] for name in part.key if name in above}, **line.cells}
        above = cells
        carried.append(Line(line.number, cells))
    return carried


def _numbered(sheet: Sheet, lines: Iterable[Line]) -> Iterator[Line]:
    """Yield rows with their number in the dataset or value list."""
    numbers: Counter[tuple[str, str]] = Counter()
    for line in lines:
        variable = line.cells.get("Variable", "") if sheet.name == "ValueLevel" else ""
        place = (line.cells.get("Dataset", ""), variable)
        numbers[place] += 1
        yield Line(line.number, {NUMBER: str(numbers[place]), **line.cells})


def context_of(sheets: Sheets) -> Context:
    """Return what the sheets say of one another."""
    oids = {kind: _oids(sheets, kind) for kind in _SHEET_OF}
    variables = sheets.tables["Variables"].lines
    items: dict[tuple[str, str], str] = {}
    for line in variables:
        dataset, name = line.cells.get("Dataset", ""), line.cells.get("Variable", "")
        if dataset and name:
            items.setdefault((dataset, name), line.cells.get("Item OID") or f"IT.{dataset}.{name}")
    language = sheets.study.get("Language", "en")
    return Context(
        language="" if language == NONE else language,
        is_2_0=sheets.study.get("DefineVersion", "").startswith("2.0"),
        oids=oids,
        items=items,
        keys=dict(_keys(sheets.tables["Datasets"])),
        lists=dict(_lists(sheets.tables["ValueLevel"])),
        crf=_crf(sheets.tables["Documents"], oids["LF."]),
    )


def _oids(sheets: Sheets, kind: str) -> dict[str, str]:
    """Return the OID of each ID of a kind of definition; a standard is known by name and version too."""
    lines = [line.cells for name in _SHEET_OF[kind] for line in sheets.tables[name].lines]
    oids = {
        cells.get("ID", "").strip(): cells.get("OID") or usual_oid(kind, cells.get("ID", "").strip())
        for cells in lines
    }
    if kind == "STD.":
        for cells in lines:
            for names in _STANDARD_NAMES:
                words = " ".join(filter(None, (cells.get(name, "") for name in names)))
                oids.setdefault(words, oids[cells.get("ID", "").strip()])
    return oids


def _keys(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the key variables of each dataset."""
    for line in table.lines:
        names = [name.strip() for name in line.cells.get("Key Variables", "").split(",")]
        yield line.cells.get("Dataset", ""), tuple(filter(None, names))


def _lists(table: Table) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the value list of each variable that has one."""
    for line in table.lines:
        dataset, variable = line.cells.get("Dataset", ""), line.cells.get("Variable", "")
        if dataset and variable:
            yield (dataset, variable), line.cells.get("Value List OID") or f"VL.{dataset}.{variable}"


def _crf(table: Table, oids: Mapping[str, str]) -> str:
    """Return the OID of the annotated CRF: the document of that type, else the one with its usual name."""
    cells = [line.cells for line in table.lines]
    named = [row for row in cells if row.get("Type") == CRF]
    usual = [row for row in cells if row.get("Href", "").rpartition("/")[2].lower() in CRF_FILES]
    return next((oids[row.get("ID", "").strip()] for row in (*named, *usual)), "")
