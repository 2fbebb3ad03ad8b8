"""A define.xml goes into a workbook and comes back; one made by hand is told all its faults at once."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.from_spec import Composed, from_spec
from trialbridge.define_xml.lost import lost
from trialbridge.define_xml.model import Define, RangeCheck, WhereClauseDef
from trialbridge.define_xml.read import read_as_it_stands
from trialbridge.define_xml.spec import Line, Spec, Table
from trialbridge.define_xml.spec_cells import join_values, split_values
from trialbridge.define_xml.spec_workbook import read_spec, write_spec
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.to_spec import to_spec
from trialbridge.define_xml.write import to_xml
from trialbridge.errors import ReadError
from trialbridge.model import Dataset

sys.path.insert(0, str(Path(__file__).parent))
from foreign import canonical, found

CREATED = datetime(2026, 3, 27)  # noqa: DTZ001 -- a workbook's properties have no zone


def through_a_workbook(define: Define, folder: Path) -> Composed:
    write_spec(to_spec(define), folder / "spec.xlsx", CREATED)
    return from_spec(read_spec(folder / "spec.xlsx"))


def same(one: Define, other: Define | None) -> bool:
    return other is not None and canonical(to_xml(one), comments=False) == canonical(
        to_xml(other), comments=False
    )


def test_every_define_xml_at_hand_comes_back_from_a_workbook(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "define.xml"
    count = 0
    for name, content in found(shared):
        if b"odm/v1.2" in content:
            continue
        source.write_bytes(content)
        define = read_as_it_stands(source)
        assert same(define, through_a_workbook(define, tmp_path).define), name
        assert lost(define, to_spec(define)) == [], name
        count += 1
    assert count == 4


def test_our_own_comes_back(pilot_define: Define, tmp_path: Path) -> None:
    composed = through_a_workbook(pilot_define, tmp_path)
    assert composed.define == pilot_define
    assert composed.findings == ()


def test_same_workbook_twice(pilot_define: Define, tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        write_spec(to_spec(pilot_define), tmp_path / name, CREATED)
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.xlsx", "b.xlsx")}
    assert len(digests) == 1


def test_what_has_no_column_has_one_with_its_path(pilot_define: Define, tmp_path: Path) -> None:
    root = etree.fromstring(to_xml(pilot_define).replace(b"<ODM ", b'<ODM xmlns:v="urn:vendor" ', 1))
    items = root.findall(".//{*}ItemDef")
    items[0].set("{urn:vendor}note", "")
    etree.SubElement(items[1], "{urn:vendor}extra").text = "more"
    german = etree.SubElement(items[2].find("{*}Description"), items[2][0][0].tag)  # type: ignore[arg-type]
    german.set("{http://www.w3.org/XML/1998/namespace}lang", "de")
    german.text = "Studie"
    source = tmp_path / "define.xml"
    source.write_bytes(etree.tostring(root))
    define = read_as_it_stands(source)
    headers = to_spec(define).tables["Variables"].headers
    assert {
        "ItemDef/@v:note",
        "ItemDef/v:extra",
        "ItemDef/Description/TranslatedText[2]",
        "ItemDef/Description/TranslatedText[2]/@xml:lang",
    } <= set(headers)
    assert same(define, through_a_workbook(define, tmp_path).define)


def test_what_does_not_come_back_is_named(pilot_define: Define, tmp_path: Path) -> None:
    """An extension between elements of the schema comes back behind them."""
    root = etree.fromstring(to_xml(pilot_define).replace(b"<ODM ", b'<ODM xmlns:v="urn:vendor" ', 1))
    root.findall(".//{*}ItemDef")[0].insert(0, etree.Element("{urn:vendor}first", a="1"))
    source = tmp_path / "define.xml"
    source.write_bytes(etree.tostring(root))
    define = read_as_it_stands(source)
    assert [finding.rule for finding in lost(define, to_spec(define))] == ["define-not-in-spec"]


@settings(max_examples=100)
@given(
    st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n")), min_size=1)
)
def test_lists_of_values_come_back(values: list[str]) -> None:
    assert split_values(join_values(values)) == values


TEXTS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff␍")
).filter(lambda text: text not in {"(none)", "(empty)"})
OPERATORS = st.sampled_from(["EQ", "NE", "LT", "GE", "IN", "NOTIN"])


@settings(max_examples=30, deadline=None)
@given(checks=st.lists(st.tuples(OPERATORS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_composite_where_clauses_come_back(checks: list[tuple[str, list[str]]]) -> None:
    define = BASE[0]
    item = define.definitions.item_defs[0].oid
    ranges = tuple(
        RangeCheck(comparator=sign, item_oid=item, check_values=tuple(values)) for sign, values in checks
    )
    clause = WhereClauseDef(oid="WC.X", range_checks=ranges)
    definitions = replace(define.definitions, where_clause_defs=(clause,))
    changed = replace(define, study=replace(define.study, meta_data_version=definitions))
    again = from_spec(to_spec(changed)).define
    assert again is not None
    assert again.definitions.where_clause_defs == (clause,)


BASE: list[Define] = []


@pytest.fixture(autouse=True)
def _base(study: StudyDescription, small: Callable[..., Dataset]) -> None:
    BASE[:] = [build_define(study, [small("LB", LBTESTCD=["ALB", "GLUC"], LBORRES=["38.5", "neg"])])]


def test_long_texts_and_marks_come_back(pilot_define: Define, tmp_path: Path) -> None:
    definitions = pilot_define.definitions
    text = "=1+1 _x0041_ \t a\r\nb " + "word " * 9000 + "end"
    comments = (replace(definitions.comment_defs[0], description=text), *definitions.comment_defs[1:])
    study = replace(pilot_define.study, meta_data_version=replace(definitions, comment_defs=comments))
    define = replace(pilot_define, study=study)
    assert through_a_workbook(define, tmp_path).define == define


HAND: Mapping[str, list[list[object]]] = {
    "Study": [["Attribute", "Value"], ["StudyName", "S1"], ["StudyDescription", "A"], ["ProtocolName", "P1"]],
    "Standards": [
        ["ID", "Name", "Type", "Publishing Set", "Version", "Status"],
        ["1", "SDTMIG", "IG", None, "3.4", "Final"],
        ["2", "CDISC/NCI", "CT", "SDTM", "2026-03-27", "Final"],
    ],
    "Datasets": [
        [
            "DATASET",
            "Description",
            "Class",
            "Structure",
            "Purpose",
            "Key Variables",
            "Standard",
            "Repeating",
            "Reference Data",
            "Developer Notes",
        ],
        [
            "LB",
            "Laboratory",
            "FINDINGS",
            "One record per test",
            "Tabulation",
            "USUBJID, LBTESTCD",
            "SDTMIG 3.4",
            "Y",
            "no",
            "ask Bob",
        ],
    ],
    "Variables": [
        [
            "Order",
            "Dataset",
            "Variable",
            "Label",
            "Data Type",
            "Length",
            "Mandatory",
            "Codelist",
            "Origin",
            "Source",
            "Pages",
            "Method",
            "Comment",
        ],
        [1, "LB", "USUBJID", "Subject", "text", 8.0, "Yes", None, "Assigned", "Sponsor", None, None, None],
        [
            2,
            "LB",
            "LBTESTCD",
            "Test",
            "text",
            8,
            "Yes",
            "LBTESTCD",
            "Collected",
            "Investigator",
            "4, 5",
            None,
            None,
        ],
        [3, "LB", "LBORRES", "Result", "text", 20, "No", None, None, None, None, None, None],
    ],
    "ValueLevel": [
        [
            "Order",
            "Dataset",
            "Variable",
            "Where Clause",
            "Data Type",
            "Length",
            "Mandatory",
            "Origin",
            "Source",
            "Pages",
        ],
        [1, "LB", "LBORRES", "LB.ALB", "float", 5, "No", "Collected", "Investigator", "4-5"],
    ],
    "WhereClauses": [
        ["ID", "Dataset", "Variable", "Comparator", "Value"],
        ["LB.ALB", "LB", "LBTESTCD", "IN", "ALB, GLUC"],
        [None, "LB", "USUBJID", "NE", "X, Y"],
    ],
    "Codelists": [
        [
            "ID",
            "Name",
            "NCI Codelist Code",
            "Data Type",
            "Terminology",
            "Term",
            "NCI Term Code",
            "Decoded Value",
        ],
        ["LBTESTCD", "Test", "C65047", "text", "CDISC/NCI SDTM 2026-03-27", "ALB", "C64431", "Albumin"],
        [None, None, None, None, None, "GLUC", "C105585", "Glucose"],
    ],
    "Documents": [["ID", "Title", "Href"], ["CRF", "Annotated CRF", "acrf.pdf"]],
}


def workbook(sheets: Mapping[str, list[list[object]]], target: Path) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(target)
    return target


def test_a_workbook_made_by_hand(tmp_path: Path) -> None:
    composed = from_spec(read_spec(workbook(HAND, tmp_path / "hand.xlsx")))
    assert not composed.is_faulty
    assert {(item.severity, item.path) for item in composed.findings if item.rule == "spec-cell"} == {
        ("notice", "Datasets, Developer Notes")
    }
    assert composed.define is not None
    definitions = composed.define.definitions
    group = definitions.item_group_defs[0]
    assert (group.oid, group.domain, group.repeating, group.is_reference_data) == ("IG.LB", "LB", True, False)
    assert group.leaf is not None
    assert (group.leaf.href, group.archive_location_id, group.standard_oid) == ("lb.xpt", "LF.LB", "STD.1")
    assert [ref.key_sequence for ref in group.item_refs] == [1, 2, None]
    result = next(item for item in definitions.item_defs if item.oid == "IT.LB.LBORRES")
    assert result.value_list_oid == definitions.value_list_defs[0].oid == "VL.LB.LBORRES"
    pages = [
        page
        for item in definitions.item_defs
        for one in item.origins
        for ref in one.document_refs
        for page in ref.pdf_page_refs
    ]
    assert [(page.page_refs, page.first_page, page.last_page) for page in pages] == [
        ("4 5", None, None),
        (None, 4, 5),
    ]
    clause = definitions.where_clause_defs[0]
    assert [(check.comparator, check.check_values) for check in clause.range_checks] == [
        ("IN", ("ALB", "GLUC")),
        ("NE", ("X, Y",)),
    ]
    codes = definitions.code_lists[0]
    assert (codes.standard_oid, [item.decode for item in codes.code_list_items]) == (
        "STD.2",
        ["Albumin", "Glucose"],
    )


FAULTS: dict[str, tuple[tuple[str, int, int, object], str]] = {
    "no such dataset": (("Variables", 4, 1, "XX"), "Variables, row 4, Dataset"),
    "no such codelist": (("Variables", 3, 7, "NOPE"), "Variables, row 3, Codelist"),
    "no such method": (("Variables", 3, 11, "NOPE"), "Variables, row 3, Method"),
    "no such comment": (("Variables", 3, 12, "NOPE"), "Variables, row 3, Comment"),
    "no such where clause": (("ValueLevel", 2, 3, "NOPE"), "ValueLevel, row 2, Where Clause"),
    "no such variable of a value": (("ValueLevel", 2, 2, "NOPE"), "ValueLevel, row 2, Variable"),
    "no such variable of a condition": (("WhereClauses", 3, 2, "NOPE"), "WhereClauses, row 3, Variable"),
    "no such comparator": (("WhereClauses", 3, 3, "EQUALS"), "WhereClauses, row 3, Comparator"),
    "no such type": (("Variables", 2, 4, "varchar"), "Variables, row 2, Data Type"),
    "no number": (("Variables", 2, 5, "eight"), "Variables, row 2, Length"),
    "neither yes nor no": (("Variables", 2, 6, "maybe"), "Variables, row 2, Mandatory"),
    "no such origin": (("Variables", 2, 8, "CRF"), "Variables, row 2, Origin"),
    "no such standard": (("Datasets", 2, 6, "SDTMIG 9"), "Datasets, row 2, Standard"),
    "a name of its own": (("Codelists", 3, 1, "Other"), "Codelists, row 3, Name"),
    "no name": (("Study", 2, 1, None), "Define, StudyName"),
    "no id": (("Documents", 2, 0, None), "Documents, row 2, ID"),
}


def faulty(*places: tuple[str, int, int, object]) -> dict[str, list[list[object]]]:
    sheets = {name: [list(row) for row in rows] for name, rows in HAND.items()}
    for sheet, row, column, value in places:
        sheets[sheet][row - 1][column] = value
    return sheets


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_cell(name: str, tmp_path: Path) -> None:
    place, path = FAULTS[name]
    composed = from_spec(read_spec(workbook(faulty(place), tmp_path / "faulty.xlsx")))
    assert composed.is_faulty
    assert path in {item.path for item in composed.findings if item.severity == "error"}


def test_all_faults_are_named_in_one_go(tmp_path: Path) -> None:
    composed = from_spec(
        read_spec(workbook(faulty(*(place for place, _ in FAULTS.values())), tmp_path / "faulty.xlsx"))
    )
    assert {path for _, path in FAULTS.values()} <= {item.path for item in composed.findings}


def test_a_column_that_is_missing_is_named() -> None:
    spec = Spec({"Variables": Table("Variables", ("Dataset",), (Line(2, {"Dataset": "LB"}),))})
    assert "Variables, Data Type" in {item.path for item in from_spec(spec).findings}


def test_a_workbook_of_the_time_of_version_2_0(tmp_path: Path) -> None:
    """It names its one standard in two rows of the first sheet, and has no sheet for standards."""
    sheets = faulty(("Datasets", 2, 6, None), ("Codelists", 2, 4, None))
    del sheets["Standards"]
    sheets["Study"] += [["StandardName", "SDTM-IG"], ["StandardVersion", "3.2"]]
    composed = from_spec(read_spec(workbook(sheets, tmp_path / "old.xlsx")))
    assert composed.define is not None
    assert not composed.is_faulty
    definitions = composed.define.definitions
    assert [(item.name, item.version) for item in definitions.standards] == [("SDTMIG", "3.2")]
    assert {group.standard_oid for group in definitions.item_group_defs} == {"STD.1"}


def test_another_file_is_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "spec.xlsx").write_text("no")
    with pytest.raises(ReadError, match="not a workbook"):
        read_spec(tmp_path / "spec.xlsx")
