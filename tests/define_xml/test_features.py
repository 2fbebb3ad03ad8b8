"""All that a define.xml may say is known to the model, the writer, the check, the page and the workbook."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree, html

from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.from_spec import from_spec
from trialbridge.define_xml.html import to_html
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.read import read_define
from trialbridge.define_xml.schema import NAMESPACES
from trialbridge.define_xml.spec import Table
from trialbridge.define_xml.to_spec import to_spec
from trialbridge.define_xml.write import to_xml

sys.path.insert(0, str(Path(__file__).parent))
from foreign import canonical

EVERYTHING = Path(__file__).with_name("everything.xml")


@dataclass(frozen=True)
class Feature:
    """Something that a define.xml may say.

    Attributes:
        there: Where it stands in the file.
        shown: What the page says of it.
        cell: Sheet, header and text of the cell that says it.
        broken: A change of the file that makes it wrong, and the rule that finds that.
    """

    there: str
    shown: str
    cell: tuple[str, str, str]
    broken: tuple[str, str, str]


SCHEMA, MISSING = "define-schema", "define-oid-missing"
FEATURES = {
    "standards": Feature(
        "//def:Standard[@PublishingSet]",
        "CDISC/NCI SDTM",
        ("Standards", "Publishing Set", "SDTM"),
        (' PublishingSet="SDTM"', "", "define-terminology"),
    ),
    "comment of a standard": Feature(
        "//def:Standard[@def:CommentOID]",
        "A remark on terminology",
        ("Standards", "Comment", "CT"),
        ('Final" def:CommentOID="COM.CT"', 'Final" def:CommentOID="COM.X"', MISSING),
    ),
    "sub-class": Feature(
        "//def:SubClass",
        "Occurrence data structure, adverse event",
        ("Datasets", "SubClass", "ADVERSE EVENT"),
        ("ADVERSE EVENT", "ADVERSE", SCHEMA),
    ),
    "keys": Feature(
        "//odm:ItemRef[@KeySequence=2]",
        "USUBJID, LBTESTCD",
        ("Datasets", "Key Variables", "USUBJID, LBTESTCD"),
        (' KeySequence="1" Role', " Role", "define-dataset-keys"),
    ),
    "archive location": Feature(
        "//odm:ItemGroupDef[@def:ArchiveLocationID]/def:leaf",
        "The chemistry part",
        ("Datasets", "File", "split/lbch.xpt"),
        ('ID="LF.LBCH"', 'ID="LF.OTHER"', "define-dataset-leaf"),
    ),
    "alias of a split domain": Feature(
        "//odm:ItemGroupDef/odm:Alias",
        "DomainDescription: Laboratory Test Results",
        ("Datasets", "Domain Description", "Laboratory Test Results"),
        ('Context="DomainDescription" ', "", SCHEMA),
    ),
    "non-standard dataset": Feature(
        "//odm:ItemGroupDef[@def:IsNonStandard]",
        "non-standard",
        ("Datasets", "Non-Standard", "Yes"),
        (
            ' def:IsNonStandard="Yes" def:HasNoData="Yes" def:C',
            ' def:HasNoData="Yes" def:C',
            "define-dataset-standard",
        ),
    ),
    "dataset without data": Feature(
        "//odm:ItemGroupDef[@def:HasNoData]",
        "no data",
        ("Datasets", "Has No Data", "Yes"),
        (' def:HasNoData="Yes" def:CommentOID="COM.EMPTY"', ' def:HasNoData="Yes"', "define-dataset-empty"),
    ),
    "variable without data": Feature(
        "//odm:ItemRef[@def:HasNoData]",
        "Variable of the sponsor non-standard no data",
        ("Variables", "Has No Data", "Yes"),
        ('SASFieldName="SPONSOR" def:CommentOID="COM.EMPTY"', 'SASFieldName="SPONSOR"', "define-no-data"),
    ),
    "non-standard variable": Feature(
        "//odm:ItemRef[@def:IsNonStandard]",
        "Variable of the sponsor non-standard",
        ("Variables", "Non-Standard", "Yes"),
        ('def:IsNonStandard="Yes" def:HasNoData="Yes"/>', 'def:IsNonStandard="No"/>', SCHEMA),
    ),
    "role": Feature(
        "//odm:ItemRef[@RoleCodeListOID]",
        "Identifier Roles",
        ("Variables", "Role", "Identifier"),
        ('RoleCodeListOID="CL.ROLE"', 'RoleCodeListOID="CL.X"', MISSING),
    ),
    "display format": Feature(
        "//odm:ItemDef[@def:DisplayFormat='6.2']",
        "float 6.2",
        ("ValueLevel", "Format", "6.2"),
        (' SignificantDigits="2"', "", "define-digits"),
    ),
    "alias of a variable": Feature(
        "//odm:ItemDef/odm:Alias",
        "ODM: AGE_YEARS",
        ("Variables", "ItemDef/Alias/@Name", "AGE_YEARS"),
        (' Name="AGE_YEARS"', "", SCHEMA),
    ),
    "origin and source": Feature(
        "//def:Origin[@Source='Subject']",
        "Collected (Subject)",
        ("ValueLevel", "Source", "Subject"),
        ('Source="Subject"', 'Source="Somebody"', SCHEMA),
    ),
    "several origins": Feature(
        "//odm:ItemDef[count(def:Origin)=2]",
        "Collected (Vendor): Central laboratory",
        ("Variables", "Source (2)", "Vendor"),
        ('Source="Vendor">', 'Source="vendor">', SCHEMA),
    ),
    "predecessor": Feature(
        "//def:Origin[@Type='Predecessor']",
        "Predecessor (Sponsor): EDC.DEMOG.SPONSOR",
        ("Variables", "Predecessor", "EDC.DEMOG.SPONSOR"),
        ('Type="Assigned" Source="Sponsor"/>', 'Type="Predecessor" Source="Sponsor"/>', "define-predecessor"),
    ),
    "pages of the CRF": Feature(
        "//def:PDFPageRef[@PageRefs='12 14']",
        "Annotated CRF, page 12, page 14",
        ("Variables", "Pages", "12 14"),
        (' PageRefs="12 14"', "", "define-pages"),
    ),
    "range of pages": Feature(
        "//def:PDFPageRef[@FirstPage='3']",
        "Demography, pages 3 to 5",
        ("ValueLevel", "Pages", "3-5"),
        ('FirstPage="3" LastPage="5"', 'FirstPage="3"', "define-pages"),
    ),
    "named destination": Feature(
        "//def:PDFPageRef[@Type='NamedDestination']",
        "LABPAGE",
        ("Variables", "Pages (2)", "LABPAGE"),
        ('"NamedDestination"', '"Named"', SCHEMA),
    ),
    "value list": Feature(
        "//def:ValueListDef/odm:Description",
        "Results by test and specimen",
        ("ValueLevel", "def:ValueListDef/Description/TranslatedText", "Results by test and specimen"),
        ('<def:ValueListRef ValueListOID="VL.LB.LBORRES"/>', "", "define-unused"),
    ),
    "supplemental value level": Feature(
        "//def:ValueListDef[@OID='VL.SUPPDM.QVAL']",
        'QNAM = "RACE1"',
        ("ValueLevel", "Dataset", "SUPPDM"),
        ('<def:ValueListRef ValueListOID="VL.SUPPDM.QVAL"/>', "", "define-value-level"),
    ),
    "conditions that all hold": Feature(
        "//def:WhereClauseDef[count(odm:RangeCheck)=2]",
        'and LBSPEC ≠ "URINE"',
        ("WhereClauses", "Comparator", "NE"),
        ('def:ItemOID="IT.LB.LBSPEC"', 'def:ItemOID="IT.X"', MISSING),
    ),
    "list of values": Feature(
        "//odm:RangeCheck[@Comparator='IN'][count(odm:CheckValue)=2]",
        'LBTESTCD in ("ALB" (Albumin), "GLUC, fasting" (Glucose, fasting))',
        ("WhereClauses", "Value", 'ALB, "GLUC, fasting"'),
        ('Comparator="IN"', 'Comparator="EQ"', "define-where-value"),
    ),
    "values that are not": Feature(
        "//odm:RangeCheck[@Comparator='NOTIN']",
        "LBTESTCD not in",
        ("WhereClauses", "Comparator", "NOTIN"),
        ("NOTIN", "NOT IN", SCHEMA),
    ),
    "range of values": Feature(
        "//odm:RangeCheck[@SoftHard='Hard']",
        'DM.AGE ≥ "18" and DM.AGE < "65"',
        ("WhereClauses", "Soft/Hard", "Hard"),
        ('SoftHard="Hard" ', "", SCHEMA),
    ),
    "several where clauses": Feature(
        "//odm:ItemRef[count(def:WhereClauseRef)=2]",
        "or LBTESTCD not in",
        ("ValueLevel", "Where Clause (2)", "OTHER"),
        ('<def:WhereClauseRef WhereClauseOID="WC.CHEM"/>', "", "define-value-where"),
    ),
    "join of datasets": Feature(
        "//def:WhereClauseDef[@def:CommentOID]",
        "Joined by USUBJID",
        ("WhereClauses", "Comment", "JOIN"),
        ('def:CommentOID="COM.JOIN"', 'def:CommentOID="COM.X"', MISSING),
    ),
    "decode": Feature(
        "//odm:Decode",
        "Albumin",
        ("Codelists", "Decoded Value", "Albumin"),
        ('CodedValue="ALB"', 'CodedValue="GLUC, fasting"', "define-term-twice"),
    ),
    "extended value": Feature(
        "//odm:CodeListItem[@def:ExtendedValue]",
        "GLUC, fasting extended",
        ("Codelists", "Extended Value", "Yes"),
        (' def:ExtendedValue="Yes"', "", "define-term-code"),
    ),
    "alias of a value": Feature(
        "//odm:CodeListItem/odm:Alias[@Context='SPONSOR']",
        "SPONSOR: G-17",
        ("Codelists", "Item/Alias/@Name", "G-17"),
        ('Context="SPONSOR" ', "", SCHEMA),
    ),
    "codelist of a standard": Feature(
        "//odm:CodeList[@SASFormatName]",
        "CDISC/NCI SDTM 2026-03-27 · C65047 · text · SAS format $LBTEST",
        ("Codelists", "Terminology", "2"),
        ('<Alias Context="nci:ExtCodeID" Name="C65047"/>', "", "define-codelist-code"),
    ),
    "rank": Feature(
        "//odm:EnumeratedItem[@Rank]",
        "HIGH 2",
        ("Codelists", "Rank", "2"),
        ('Rank="2"', 'Rank="second"', SCHEMA),
    ),
    "codelist of the sponsor": Feature(
        "//odm:CodeList[@def:IsNonStandard]",
        "Severity of the sponsor",
        ("Codelists", "Non-Standard", "Yes"),
        (
            'sponsor" DataType="text" def:IsNonStandard="Yes"',
            'sponsor" DataType="text"',
            "define-codelist-standard",
        ),
    ),
    "external dictionary": Feature(
        "//odm:ExternalCodeList[@href]",
        "LOINC loinc 2.78",
        ("Dictionaries", "Link", "https://loinc.org/"),
        ('<CodeListRef CodeListOID="CL.LOINC"/>', "", "define-unused"),
    ),
    "formal expression": Feature(
        "//odm:FormalExpression[@Context='R']",
        "age <- days %/% 365.25",
        ("Methods", "Expression Code (2)", "age <- days %/% 365.25"),
        (' Context="R"', ' Language="R"', SCHEMA),
    ),
    "document of a method": Feature(
        "//odm:MethodDef/def:DocumentRef",
        "Reviewer's guide, page 7",
        ("Methods", "Document", "GUIDE"),
        ('MethodOID="MT.SCORE" Role', "Role", "define-method"),
    ),
    "document of a comment": Feature(
        "//def:CommentDef/def:DocumentRef",
        "Reviewer's guide, pages 8 to 9",
        ("Comments", "Pages", "8-9"),
        ('LastPage="9"', 'LastPage="nine"', SCHEMA),
    ),
    "comment of the whole": Feature(
        "//odm:MetaDataVersion[@def:CommentOID]",
        "A remark on the whole",
        ("Define", "Value", "WHOLE"),
        ('def:CommentOID="COM.WHOLE"', "", "define-unused"),
    ),
    "annotated CRF": Feature(
        "//def:AnnotatedCRF",
        "Annotated CRF",
        ("Documents", "Type", "Annotated CRF"),
        ('<def:DocumentRef leafID="LF.ACRF"/>', '<def:DocumentRef leafID="LF.X"/>', MISSING),
    ),
    "supplemental document": Feature(
        "//def:SupplementalDoc",
        "Reviewer's guide",
        ("Documents", "Type", "Supplemental Document"),
        ('xlink:href="csdrg.pdf"', "", SCHEMA),
    ),
}


@pytest.fixture(scope="module")
def everything() -> Define:
    return read_define(EVERYTHING)


def cells(table: Table, header: str) -> set[str]:
    return {line.cells.get(header, "") for line in table.lines}


def test_everything_is_right_and_comes_back(everything: Define) -> None:
    assert check_define(EVERYTHING) == []
    assert canonical(to_xml(everything)) == canonical(EVERYTHING.read_bytes())
    assert from_spec(to_spec(everything)).define == everything


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_written_shown_and_specified(name: str, everything: Define) -> None:
    feature = FEATURES[name]
    assert etree.fromstring(to_xml(everything)).xpath(feature.there, namespaces=NAMESPACES)
    page = html.fromstring(to_html(everything).replace("</t", " </t"))  # a blank between cells
    assert feature.shown in re.sub(r"\s+", " ", str(page.text_content()))
    sheet, header, text = feature.cell
    assert text in cells(to_spec(everything).tables[sheet], header)


@pytest.mark.parametrize("name", FEATURES)
def test_a_broken_feature_is_found(name: str, tmp_path: Path) -> None:
    old, new, rule = FEATURES[name].broken
    text = EVERYTHING.read_text()
    assert old in text
    source = tmp_path / "define.xml"
    source.write_text(text.replace(old, new, 1))
    assert rule in {finding.rule for finding in check_define(source)}


def test_the_page_of_the_documentation_lists_them() -> None:
    page = (Path(__file__).parents[2] / "docs/define-xml.md").read_text()
    listed = set(re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE))
    assert set(FEATURES) <= listed
