"""Fifty faults put into a define.xml: each is found with its line, and none stops the command."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from trialbridge.converters.validate import read_package, with_findings
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.check_package import compare_package
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.write import write_define
from trialbridge.validation.outcome import Outcome
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

sys.path.insert(0, str(Path(__file__).parent))
from clean_package import dataset, tables

CREATED = datetime(2026, 3, 27)  # noqa: DTZ001 -- CreationDateTime has no zone
Edit = Callable[[str], str]


def swap(old: str, new: str, *, pattern: bool = False) -> Edit:
    """Return the edit of the first place where `old` stands."""

    def edit(text: str) -> str:
        found = re.sub(old, new, text, count=1) if pattern else text.replace(old, new, 1)
        assert found != text, old
        return found

    return edit


def drop_attribute(element: str, attribute: str) -> Edit:
    return swap(rf'(<{element}\b[^>]*?)\s{attribute}="[^"]*"', r"\1", pattern=True)


def put_attribute(element: str, attribute: str, value: str) -> Edit:
    return swap(rf'(<{element}\b[^>]*?\s{attribute}=)"[^"]*"', rf'\1"{value}"', pattern=True)


def drop_element(name: str) -> Edit:
    """Return the edit that takes the first element of a name away, with all that is in it."""

    def edit(text: str) -> str:
        found = re.sub(rf"<{name}\b[^>]*?(?:/>|(?<!/)>.*?</{name}>)", "", text, count=1, flags=re.DOTALL)
        assert found != text, name
        return found

    return edit


MUTATIONS: dict[str, Edit] = {
    "not closed": lambda text: text[: len(text) // 2],
    "no end tag": swap("</ItemGroupDef>", ""),
    "empty": lambda _: "",
    "a web page": lambda _: "<!DOCTYPE html><html><body>404</body></html>",
    "binary": lambda _: "\x00\x01\x02",
    "wrong root": lambda text: text.replace("<ODM", "<XDM").replace("</ODM>", "</XDM>"),
    "no study": drop_element("Study"),
    "no version": drop_attribute("MetaDataVersion", "def:DefineVersion"),
    "version 3": put_attribute("MetaDataVersion", "def:DefineVersion", "3.0.0"),
    "no context": drop_attribute("ODM", "def:Context"),
    "file type": put_attribute("ODM", "FileType", "Transactional"),
    "no study OID": drop_attribute("Study", "OID"),
    "dangling item": put_attribute("ItemRef", "ItemOID", "IT.NOWHERE"),
    "dangling codelist": put_attribute("CodeListRef", "CodeListOID", "CL.NOWHERE"),
    "dangling method": put_attribute("ItemRef", "MethodOID", "MT.NOWHERE"),
    "dangling standard": swap('def:IsNonStandard="Yes"', 'def:StandardOID="STD.NOWHERE"'),
    "dangling leaf": put_attribute("ItemGroupDef", "def:ArchiveLocationID", "LF.NOWHERE"),
    "dangling value list": put_attribute("def:ValueListRef", "ValueListOID", "VL.NOWHERE"),
    "dangling where clause": put_attribute("def:WhereClauseRef", "WhereClauseOID", "WC.NOWHERE"),
    "no item definition": drop_element("ItemDef"),
    "no codelist": drop_element("CodeList"),
    "no where clause": drop_element("def:WhereClauseDef"),
    "no leaf": drop_element("def:leaf"),
    "no class": drop_element("def:Class"),
    "no standards": drop_element("def:Standards"),
    "no origin": drop_element("def:Origin"),
    "dataset without name": drop_attribute("ItemGroupDef", "Name"),
    "dataset without domain": drop_attribute("ItemGroupDef", "Domain"),
    "dataset without SAS name": drop_attribute("ItemGroupDef", "SASDatasetName"),
    "dataset without structure": drop_attribute("ItemGroupDef", "def:Structure"),
    "dataset purpose": put_attribute("ItemGroupDef", "Purpose", "Decoration"),
    "dataset repeating": put_attribute("ItemGroupDef", "Repeating", "Perhaps"),
    "dataset without standard": drop_attribute("ItemGroupDef", "def:IsNonStandard"),
    "variable without name": drop_attribute("ItemDef", "Name"),
    "variable without type": drop_attribute("ItemDef", "DataType"),
    "variable type": put_attribute("ItemDef", "DataType", "number"),
    "variable without length": drop_attribute("ItemDef", "Length"),
    "length no number": put_attribute("ItemDef", "Length", "long"),
    "length zero": put_attribute("ItemDef", "Length", "0"),
    "variable without SAS name": drop_attribute("ItemDef", "SASFieldName"),
    "mandatory": put_attribute("ItemRef", "Mandatory", "Maybe"),
    "order twice": swap(r'(?s)(<ItemGroupDef\b.*?OrderNumber=)"1"', r'\1"2"', pattern=True),
    "origin type": put_attribute("def:Origin", "Type", "Guess"),
    "codelist type": put_attribute("CodeList", "DataType", "date"),
    "no NCI code of a codelist": swap(r"<Alias [^>]*nci:ExtCodeID[^>]*/>", "", pattern=True),
    "NCI code": swap(r'(<Alias [^>]*Name=)"C\d+"', r'\1"X12"', pattern=True),
    "no decode": drop_element("Decode"),
    "unknown element": swap("<ItemGroupDef", "<Nonsense/><ItemGroupDef"),
    "unknown attribute": swap("<ItemDef ", '<ItemDef Colour="red" '),
    "comparator": put_attribute("RangeCheck", "Comparator", "LIKE"),
    "soft or hard": drop_attribute("RangeCheck", "SoftHard"),
    "label too long": swap(r"(?s)(<ItemDef\b.*?<TranslatedText[^>]*>)", r"\1" + "long " * 12, pattern=True),
    "entity bomb": lambda text: (
        '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + text.split("?>", 1)[-1].replace("Study OID", "Study OID", 1)
    ),
    "an entity that is used": lambda text: (
        '<!DOCTYPE b [<!ENTITY j SYSTEM "file:///etc/hostname">]>'
        + re.sub(r"(<TranslatedText[^>]*>)", r"\1&j;", text.split("?>", 1)[-1], count=1)
    ),
    "external entity": lambda _: '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><ODM>&a;</ODM>',
}
SILENT = {"entity bomb"}
"""A DOCTYPE that nothing uses is no fault of the definitions; it must only not be expanded."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    study = StudyDescription("LK-1", "A trial", "P1", CREATED)
    datasets = [dataset(name, rows) for name, rows in tables().items()]
    target = tmp_path_factory.mktemp("sound") / "define.xml"
    write_define(build_define(study, datasets), target)
    return target.read_text("utf-8")


def checked(folder: Path, text: str) -> list[Outcome]:
    path = folder / "define.xml"
    path.write_text(text, "utf-8")
    package = read_package([path])
    found, without = compare_package(path, package.parts(), complete=False)
    package = with_findings(package, [*check_define(path), *found], without)
    return [outcome for outcome in run_rules(package, rules("define")).outcomes if outcome.found]


def lines(outcomes: list[Outcome]) -> set[str]:
    return {f"{one.rule.id}: {hits.message}" for one in outcomes for hits in one.hits}


@pytest.fixture(scope="module")
def at_rest(sound: str, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return {re.sub(r"line \d+", "", one) for one in lines(checked(tmp_path_factory.mktemp("rest"), sound))}


def test_there_are_fifty() -> None:
    assert len(MUTATIONS) >= 50


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_fault_is_found_with_its_line(name: str, sound: str, at_rest: set[str], tmp_path: Path) -> None:
    found = lines(checked(tmp_path, MUTATIONS[name](sound)))
    new = [one for one in found if re.sub(r"line \d+", "", one) not in at_rest]
    if name in SILENT:
        return
    assert new
    assert any(re.search(r"line \d+", one) for one in new) or any("define-not-xml" in one for one in new)


def test_an_external_entity_is_not_read(tmp_path: Path, sound: str) -> None:
    found = lines(checked(tmp_path, MUTATIONS["external entity"](sound)))
    assert Path("/etc/hostname").read_text("utf-8").strip() not in " ".join(found)


def test_version_1_0_is_recognised(tmp_path: Path) -> None:
    text = (
        '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.2" xmlns:def="http://www.cdisc.org/ns/def/v1.0">'
        '<Study OID="S"><MetaDataVersion OID="M" def:DefineVersion="1.0.0"/></Study></ODM>'
    )
    assert "define-1-0" in {outcome.rule.id for outcome in checked(tmp_path, text)}
