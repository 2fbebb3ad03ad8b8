"""The forms that controlled terminology is published in, each to its codelists and terms."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from trialbridge.errors import ReadError
from trialbridge.standards.packing import CodelistRow, Content, TermRow

_NCI = "{http://ncicb.nci.nih.gov/xml/odm/EVS/CDISC}"
_ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
_COLUMNS = {
    "code": "code",
    "codelist": "codelist code",
    "extensible": "codelist extensible (yes/no)",
    "name": "codelist name",
}
_SOURCED = {"value": "submission value", "synonyms": "synonym(s)", "preferred": "preferred term"}
"""Columns that begin with the name of a source, such as CDISC or NCI."""
_NO_CODELIST = (
    "it has none of the columns of NCI's tables: Code, Codelist Code, Codelist Extensible (Yes/No) ..."
)


@dataclass(frozen=True)
class Said:
    """What one form says: its codelists, and the words that may name standard and date."""

    content: Content
    words: str = ""


def read_text(name: str, data: bytes) -> Said:
    """Return what tab-separated text of NCI, or a CSV of CDISC Library, says."""
    text = _decoded(name, data)
    tabbed = "\t" in text.partition("\n")[0]
    lines = io.StringIO(text, newline="")
    # NCI quotes nothing in its text: a quotation mark there is one of a term
    rows = (
        csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        if tabbed
        else csv.reader(lines)
    )
    try:
        return _of_rows(name, rows)
    except csv.Error as error:
        raise ReadError(name, f"it is no table: {error}") from error


def _decoded(name: str, data: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ReadError(name, "it is neither text in UTF-8 nor in the code page of Windows")


def read_workbook(name: str, data: bytes) -> Said:
    """Return what a workbook of NCI says: of its sheets the one that has the table."""
    from openpyxl import load_workbook  # noqa: PLC0415 -- a slow import that only this form needs

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ReadError(name, f"it cannot be read as a workbook: {error}") from error
    for sheet in book:
        rows = ([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
        if _places(next(rows, [])):
            said = _of_rows(name, ([_cell(v) for v in row] for row in sheet.iter_rows(values_only=True)))
            return Said(said.content, f"{said.words} {sheet.title}")
    raise ReadError(name, f"in no sheet of it stands such a table: {_NO_CODELIST}")


def _cell(value: object) -> str:
    """Return a cell as text; Excel keeps the term 1 as the number 1.0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _places(header: Iterable[str]) -> dict[str, int]:
    """Return field -> number of its column; nothing where a column is missing."""
    names = [" ".join(name.split()).casefold() for name in header]
    found = {field: names.index(name) for field, name in _COLUMNS.items() if name in names}
    sourced = [(field, number) for field, end in _SOURCED.items() for number in _ending(names, end)]
    found |= dict(sourced)
    if len(found) < len(_COLUMNS) + len(_SOURCED):
        return {}
    if "standard and date" in names:
        found["release"] = names.index("standard and date")
    return found


def _ending(names: list[str], end: str) -> Iterator[int]:
    return (number for number, name in enumerate(names) if name.endswith(end))


def _of_rows(name: str, rows: Iterable[list[str]]) -> Said:
    """Return what a table of NCI says: a codelist is a row that is in no codelist."""
    remaining = iter(rows)
    places = _places(next(remaining, []))
    if not places:
        raise ReadError(name, _NO_CODELIST)
    width = max(places.values())
    lines = [
        {field: _plain(cells[number]) for field, number in places.items()}
        for row in remaining
        if any(cells := [*row, *[""] * (width + 1 - len(row))])
    ]
    heads = {
        line["code"]: CodelistRow(
            line["code"], line["name"], line["value"], _yes(name, line["code"], line["extensible"])
        )
        for line in lines
        if not line["codelist"]
    }
    terms = ((line["codelist"], line) for line in lines if line["codelist"])
    return Said(_gathered(name, heads, terms), lines[0].get("release", "") if lines else "")


def _gathered(
    name: str, heads: Mapping[str, CodelistRow], terms: Iterable[tuple[str, Mapping[str, str]]]
) -> Content:
    content: dict[CodelistRow, list[TermRow]] = {head: [] for head in heads.values()}
    for codelist, term in terms:
        if codelist not in heads:
            raise ReadError(name, f"the term {term['code']} is in codelist {codelist}, which is not there")
        if not (term["code"] and term["value"]):
            raise ReadError(
                name, f"a term of codelist {codelist} has no code, or no submission value: {term}"
            )
        content[heads[codelist]].append(
            TermRow(codelist, term["code"], term["value"], term["synonyms"], term["preferred"])
        )
    return content


def _yes(name: str, codelist: str, text: str) -> str:
    found = {"yes": "Y", "true": "Y", "y": "Y", "no": "N", "false": "N", "n": "N"}.get(text.casefold())
    if found is None:
        raise ReadError(name, f"it does not say whether the codelist {codelist} is extensible")
    return found


def _plain(text: str) -> str:
    """Return text without what would break a line of a table."""
    return re.sub(r"[\t\r\n]+", " ", text).strip()


class _LibraryTerm(msgspec.Struct, rename="camel"):
    concept_id: str
    submission_value: str
    preferred_term: str = ""
    synonyms: list[str] = []


class _LibraryCodelist(msgspec.Struct, rename="camel"):
    concept_id: str
    name: str
    submission_value: str
    extensible: bool | str
    terms: list[_LibraryTerm] = []


class _LibraryPackage(msgspec.Struct, rename="camel"):
    codelists: list[_LibraryCodelist]
    name: str = ""
    label: str = ""
    effective_date: str = ""


def read_json(name: str, data: bytes) -> Said:
    """Return what a package of CDISC Library says."""
    try:
        package = msgspec.json.decode(data, type=_LibraryPackage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(name, f"it is no package of CDISC Library: {error}") from error
    heads = {
        one.concept_id: CodelistRow(
            one.concept_id,
            _plain(one.name),
            _plain(one.submission_value),
            _yes(name, one.concept_id, str(one.extensible)),
        )
        for one in package.codelists
    }
    terms = ((one.concept_id, _of_library(term)) for one in package.codelists for term in one.terms)
    words = f"{package.effective_date} {package.name or package.label}"
    return Said(_gathered(name, heads, terms), words)


def _of_library(term: _LibraryTerm) -> Mapping[str, str]:
    return {
        "code": term.concept_id,
        "value": _plain(term.submission_value),
        "preferred": _plain(term.preferred_term),
        "synonyms": "; ".join(map(_plain, term.synonyms)),
    }


def read_xml(name: str, data: bytes) -> Said:
    """Return what ODM-XML of NCI says."""
    from lxml import etree  # noqa: PLC0415 -- only this form needs it

    heads: dict[str, CodelistRow] = {}
    terms: list[tuple[str, Mapping[str, str]]] = []
    words: list[str] = []
    try:
        for event, element in etree.iterparse(
            io.BytesIO(data), events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=True
        ):
            if event == "start" and element.tag in {f"{_ODM}ODM", f"{_ODM}Study", f"{_ODM}MetaDataVersion"}:
                words += [
                    str(value) for key, value in element.attrib.items() if key in {"OID", "Name", "FileOID"}
                ]
            elif event == "end" and element.tag == f"{_ODM}CodeList":
                head, found = _of_odm(name, element)
                heads[head.code] = head
                terms += found
                element.clear()
    except etree.XMLSyntaxError as error:
        raise ReadError(name, f"it is no XML: {error}") from error
    return Said(_gathered(name, heads, terms), " ".join(words))


def _of_odm(name: str, element: Any) -> tuple[CodelistRow, list[tuple[str, Mapping[str, str]]]]:
    code = element.get(f"{_NCI}ExtCodeID", "")
    value = element.get(f"{_NCI}CDISCSubmissionValue") or element.findtext(f"{_NCI}CDISCSubmissionValue", "")
    extensible = _yes(name, code, element.get(f"{_NCI}CodeListExtensible", ""))
    items = (item for tag in ("EnumeratedItem", "CodeListItem") for item in element.iterfind(f"{_ODM}{tag}"))
    terms = [(code, _of_item(item)) for item in items]
    return CodelistRow(code, _plain(element.get("Name", "")), _plain(value), extensible), terms


def _of_item(item: Any) -> Mapping[str, str]:
    synonyms = (_plain(one.text or "") for one in item.iterfind(f"{_NCI}CDISCSynonym"))
    return {
        "code": item.get(f"{_NCI}ExtCodeID", ""),
        "value": _plain(item.get("CodedValue", "")),
        "preferred": _plain(item.findtext(f"{_NCI}PreferredTerm", "")),
        "synonyms": "; ".join(filter(None, synonyms)),
    }
