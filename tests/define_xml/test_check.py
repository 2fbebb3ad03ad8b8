"""Every check can fail: one fault put into a right file, one finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.write import to_xml

Change = Callable[[str], str]


def once(pattern: str, replacement: str) -> Change:
    def change(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.DOTALL)
        assert count == 1, pattern
        return changed

    return change


UNUSED = (
    '<CodeList OID="CL.NEW" Name="New" DataType="text" def:IsNonStandard="Yes">'
    '<EnumeratedItem CodedValue="x"/></CodeList><CodeList '
)
SEX = r'(<CodeList OID="CL\.DM\.SEX".*?)'

FAULTS: dict[str, tuple[str, Change]] = {
    "item deleted": ("define-oid-missing", once(r'<ItemDef OID="IT\.DM\.AGE" .*?</ItemDef>', "")),
    "method deleted": ("define-oid-missing", once(r"<MethodDef .*?</MethodDef>", "")),
    "comment deleted": ("define-oid-missing", once(r"<def:CommentDef .*?</def:CommentDef>", "")),
    "where clause deleted": ("define-oid-missing", once(r"<def:WhereClauseDef .*?</def:WhereClauseDef>", "")),
    "value list deleted": ("define-oid-missing", once(r"<def:ValueListDef .*?</def:ValueListDef>", "")),
    "standard deleted": ("define-oid-missing", once(r'<def:Standard OID="STD\.CT[^>]*/>', "")),
    "codelist unused": ("define-unused", once("<CodeList ", UNUSED)),
    "item unused": ("define-unused", once(r'<ItemRef ItemOID="IT\.DM\.AGE"[^>]*/>', "")),
    "codelist without a name": ("define-schema", once(r'(OID="CL\.DM\.SEX") Name="[^"]*"', r"\1")),
    "codelist name twice": ("define-oid-twice", once(r'Name="Sex \(DM\.SEX\)"', 'Name="Race (DM.RACE)"')),
    "item twice": ("define-oid-twice", once(r'(<ItemDef OID="IT\.DM\.AGE" .*?</ItemDef>)', r"\1\1")),
    "unknown standard": ("define-schema", once('Name="SDTMIG"', 'Name="STDTMIG"')),
    "unknown data type": ("define-schema", once('DataType="text"', 'DataType="words"')),
    "unknown origin": ("define-schema", once('Origin Type="Collected"', 'Origin Type="CRF"')),
    "elements in another order": (
        "define-schema",
        once(r"(<Description>.*?</Description>)\s*(<ItemRef [^>]*/>)", r"\2\1"),
    ),
    "dataset without keys": ("define-dataset-keys", lambda text: re.sub(r' KeySequence="\d"', "", text)),
    "dataset without a class": ("define-dataset-class", once(r"<def:Class [^>]*/>", "")),
    "dataset without a structure": (
        "define-dataset-structure",
        once(r'def:Structure="[^"]*"', 'def:Structure=""'),
    ),
    "dataset without a standard": (
        "define-dataset-standard",
        once(r'(Purpose="Tabulation".*?) def:StandardOID="[^"]*"', r"\1"),
    ),
    "dataset without a file": (
        "define-dataset-leaf",
        once(r'def:ArchiveLocationID="LF\.DM"', 'def:ArchiveLocationID="LF.AE"'),
    ),
    "dataset empty without a reason": (
        "define-dataset-empty",
        once("<ItemGroupDef ", '<ItemGroupDef def:HasNoData="Yes" '),
    ),
    "reference data that repeats": (
        "define-dataset-repeating",
        once('Repeating="Yes" IsReferenceData="No"', 'Repeating="Yes" IsReferenceData="Yes"'),
    ),
    "date with a length": ("define-length", once('DataType="date"', 'DataType="date" Length="10"')),
    "text without a length": ("define-length", once(r'DataType="text" Length="\d+"', 'DataType="text"')),
    "value longer than its variable": (
        "define-length",
        once(r'(OID="IT\.LBCH\.LBORRES\.ALB"[^>]*Length=)"3"', r'\1"90"'),
    ),
    "integer with digits": (
        "define-digits",
        once('DataType="integer"', 'DataType="integer" SignificantDigits="1"'),
    ),
    "item without an origin": (
        "define-origin",
        once(r'(<ItemDef OID="IT\.DM\.SEX".*?)<def:Origin [^>]*/>', r"\1"),
    ),
    "origins that contradict": (
        "define-origin",
        once(r'(<ItemDef OID="IT\.LBCH\.LBORRES\.ALB".*?)Type="Collected"', r'\1Type="Assigned"'),
    ),
    "predecessor without a name": (
        "define-predecessor",
        once('Origin Type="Derived"', 'Origin Type="Predecessor"'),
    ),
    "derived without a method": (
        "define-method",
        once(r'(ItemOID="IT\.DM\.AGE"[^>]*) MethodOID="[^"]*"', r"\1"),
    ),
    "no data without a reason": ("define-no-data", once(r' def:CommentOID="COM\.[^"]*"', "")),
    "supplemental value without value level": (
        "define-value-level",
        once(r'<def:ValueListRef ValueListOID="VL\.SUPPAE\.QVAL"/>', ""),
    ),
    "codelist without its code": ("define-codelist-code", once(SEX + r"<Alias [^>]*C66731[^>]*/>", r"\1")),
    "codelist without a standard": (
        "define-codelist-standard",
        once(r'(OID="CL\.DM\.SEX"[^>]*) def:StandardOID="[^"]*"', r"\1"),
    ),
    "term without its code": ("define-term-code", once(SEX + r"<Alias [^>]*C16576[^>]*/>", r"\1")),
    "terminology without a set": ("define-terminology", once(' PublishingSet="SDTM"', "")),
    "another kind of xml": ("define-schema", lambda _: "<html/>"),
    "no xml": ("define-not-xml", lambda text: text[:-20]),
}


@pytest.mark.parametrize(("rule", "change"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(pilot_define: Define, tmp_path: Path, rule: str, change: Change) -> None:
    source = tmp_path / "define.xml"
    source.write_text(change(to_xml(pilot_define).decode()))
    findings = check_define(source)
    assert rule in {finding.rule for finding in findings}
    assert all(finding.source == "define.xml" for finding in findings)


def test_a_schema_fault_has_its_line(pilot_define: Define, tmp_path: Path) -> None:
    lines = to_xml(pilot_define).decode().splitlines()
    number, line = next((n, t) for n, t in enumerate(lines, start=1) if "<def:Class" in t)
    lines[number - 1] = line.replace("Name=", "Nom=")
    source = tmp_path / "define.xml"
    source.write_text("\n".join(lines))
    assert any(finding.message.startswith(f"line {number}: ") for finding in check_define(source))


def test_official_schema_and_stylesheet_take_it(pilot_define: Define, shared: Path) -> None:
    folder = shared / "standards/define-xml-2.1.10"
    tree = etree.fromstring(to_xml(pilot_define)).getroottree()
    etree.XMLSchema(etree.parse(folder / "schema/cdisc-define-2.1/define2-1-0.xsd")).assertValid(tree)
    page = str(etree.XSLT(etree.parse(folder / "define2-1.xsl"))(tree))
    assert all(group.description in page for group in pilot_define.definitions.item_group_defs)


def test_cdisc_example_follows_the_schema(shared: Path) -> None:
    findings = check_define(shared / "standards/define-xml-2.1.10/defineV21-SDTM.xml")
    assert "define-schema" not in {finding.rule for finding in findings}


def test_version_2_0_is_checked_in_part(shared: Path, pilot_define: Define, tmp_path: Path) -> None:
    assert shared.is_dir()
    text = to_xml(pilot_define).decode().replace("def/v2.1", "def/v2.0")
    source = tmp_path / "define.xml"
    source.write_text(text)
    assert {finding.rule for finding in check_define(source)} == {"define-version"}
