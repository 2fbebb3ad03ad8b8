"""A define.xml of anybody comes back as it was: extensions, languages, comments and all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from trialbridge.define_xml import write
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.read import read_as_it_stands, read_define
from trialbridge.define_xml.schema import NAMESPACES, element_name
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.version_2_0 import NAMESPACE_2_0
from trialbridge.define_xml.write import to_xml, write_define
from trialbridge.errors import ReadError
from trialbridge.model import Dataset

sys.path.insert(0, str(Path(__file__).parent))
from foreign import canonical, found


def test_every_define_xml_at_hand_comes_back(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "define.xml"
    versions = []
    for name, content in found(shared):
        source.write_bytes(content)
        if b"http://www.cdisc.org/ns/odm/v1.2" in content:
            with pytest.raises(ReadError, match="its root element is"):
                read_as_it_stands(source)
            versions.append("1.0")
            continue
        define = read_as_it_stands(source)
        assert canonical(to_xml(define)) == canonical(content), name
        versions.append(define.definitions.define_version[:3])
    assert sorted(versions) == ["1.0", "2.0", "2.0", "2.1", "2.1"]


DESCRIPTION = element_name("Description")
OPTIONAL = {element_name(name) for name in ("ItemDef", "CodeList", "def:ValueListDef")}
ODDITIES = (
    lambda e: e.set("{urn:vendor}note", "x"),
    lambda e: e.set("plain", ""),
    lambda e: e.append(etree.Comment(" here ")),
    lambda e: e.insert(0, etree.Element("{urn:vendor}first", kind="1")),
    lambda e: etree.SubElement(etree.SubElement(e, "{urn:vendor}outer"), "{urn:vendor}inner").set("a", "b"),
    lambda e: e.append(etree.ProcessingInstruction("target", "text")),
    lambda e: e.insert(len(e), e[0]) if len(e) > 1 else None,  # out of the schema's order
    lambda e: [item.set("{http://www.w3.org/XML/1998/namespace}lang", "de") for item in _texts(e)],
    lambda e: [item.attrib.clear() for item in _texts(e)],
    lambda e: [etree.SubElement(item.getparent(), item.tag, item.attrib) for item in _texts(e)],
    lambda e: [item.set("Length", f"0{item.get('Length')}") for item in (e, *e) if item.get("Length")],
    lambda e: [item.set("Mandatory", "no") for item in (e, *e) if item.get("Mandatory")],
    lambda e: e.attrib.pop("SoftHard", None),
    lambda e: [
        item.remove(item[0]) for item in e if item.tag == DESCRIPTION and e.tag in OPTIONAL and len(item)
    ],
    lambda e: setattr(e, "text", "stray") if len(e) or not e.text else None,
)


def _texts(element: etree._Element) -> list[etree._Element]:
    return list(element.iter(element_name("TranslatedText")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(ODDITIES)), max_size=8))
def test_oddities_come_back(
    study: StudyDescription,
    small: Callable[..., Dataset],
    tmp_path: Path,
    places: list[tuple[int, object]],
) -> None:
    dataset = small("LB", LBTESTCD=["ALB", "GLUC"], LBORRES=["38.5", "neg"], LBDY=[1.0, 2.0])
    text = to_xml(build_define(study, [dataset])).replace(b"<ODM ", b'<ODM xmlns:v="urn:vendor" ', 1)
    root = etree.fromstring(text)
    elements = [element for element in root.iter("{*}*") if "CheckValue" not in element.tag]
    for number, change in places:
        change(elements[number % len(elements)])  # type: ignore[operator]
    source = tmp_path / "define.xml"
    source.write_bytes(etree.tostring(root))
    assert canonical(to_xml(read_as_it_stands(source))) == canonical(source.read_bytes())


def test_a_changed_value_is_written_whatever_its_spelling_was(pilot_define: Define, tmp_path: Path) -> None:
    source = tmp_path / "define.xml"
    source.write_bytes(to_xml(pilot_define).replace(b'Length="1"', b'Length="01"'))
    text = to_xml(read_as_it_stands(source))
    assert b'Length="01"' in text
    define = read_define(source)
    definitions = define.definitions
    items = tuple(replace(item, length=7) if item.length == 1 else item for item in definitions.item_defs)
    study = replace(define.study, meta_data_version=replace(definitions, item_defs=items))
    changed = to_xml(replace(define, study=study))
    assert b'Length="01"' not in changed
    assert b'Length="7"' in changed


def test_a_file_in_its_own_prefixes_and_encoding(tmp_path: Path, pilot_define: Define) -> None:
    text = to_xml(pilot_define).decode()
    odd = text.replace("xmlns:def=", "xmlns:d=").replace("def:", "d:").replace("UTF-8", "UTF-16", 1)
    source = tmp_path / "define.xml"
    source.write_bytes(odd.encode("utf-16"))
    define = read_as_it_stands(source)
    assert define.definitions == pilot_define.definitions
    write_define(define, source)
    assert canonical(source.read_bytes()) == canonical(odd.encode("utf-16"))


@pytest.mark.parametrize("version", ["2.1", "2.0"])
def test_a_large_file_is_the_same_in_pieces(
    pilot_define: Define, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    define = pilot_define
    if version == "2.0":
        old = (("", NAMESPACES["odm"]), ("def", NAMESPACE_2_0), ("xlink", NAMESPACES["xlink"]))
        define = replace(define, prefixes=old)
    whole = to_xml(define)
    monkeypatch.setattr(write, "_MANY", 0)
    monkeypatch.setattr(write, "_BATCH", 7)
    assert to_xml(define) == whole
