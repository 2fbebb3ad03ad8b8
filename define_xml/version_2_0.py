"""Define-XML 2.0 lifted to 2.1 in place, so that one reader serves both."""

from __future__ import annotations

from lxml import etree

from trialbridge.define_xml.schema import NAMESPACES, attribute_name, element_name

NAMESPACE_2_0 = "http://www.cdisc.org/ns/def/v2.0"

_ORIGINS = {
    "CRF": ("Collected", "Investigator"),
    "eDT": ("Collected", "Vendor"),
    "COLLECTED": ("Collected", None),
    "DERIVED": ("Derived", None),
    "OTHER": ("Other", None),
    "NOT AVAILABLE": ("Not Available", None),
}
_STANDARD = "STD.1"


def lift(root: etree._Element) -> bool:
    """Return whether the tree was of version 2.0, which it then no longer is; one of 2.1 stays as it is."""
    if not any(_is_old(name) for element in root.iter("{*}*") for name in (element.tag, *element.attrib)):
        return False
    for element in root.iter("{*}*"):
        _rename(element)
    root.set(attribute_name("def:Context"), root.get(attribute_name("def:Context"), "Other"))
    for definitions in root.iterfind(".//odm:MetaDataVersion", NAMESPACES):
        _lift_standard(definitions)
        _lift_classes(definitions)
    for origin in root.iter(element_name("def:Origin")):
        _lift_origin(origin)
    return True


def _is_old(name: str | bytes) -> bool:
    return str(name).startswith(f"{{{NAMESPACE_2_0}}}")


def _new(name: str | bytes) -> str:
    return str(name).replace(NAMESPACE_2_0, NAMESPACES["def"])


def _rename(element: etree._Element) -> None:
    """Put an element and its attributes into the namespace of 2.1."""
    element.tag = _new(element.tag)
    for name in [name for name in element.attrib if _is_old(name)]:
        element.set(_new(name), str(element.attrib.pop(name)))


def _lift_standard(definitions: etree._Element) -> None:
    """Move the one standard of 2.0 from attributes into ``def:Standards``; it governs every dataset."""
    definitions.set(attribute_name("def:DefineVersion"), "2.1.0")
    name = str(definitions.attrib.pop(attribute_name("def:StandardName"), ""))
    version = str(definitions.attrib.pop(attribute_name("def:StandardVersion"), ""))
    if not name or not version:
        return
    standards = etree.Element(element_name("def:Standards"))
    attributes = {"Name": name.replace("-IG", "IG"), "Type": "IG", "Version": version, "Status": "Final"}
    etree.SubElement(standards, element_name("def:Standard"), {"OID": _STANDARD, **attributes})
    definitions.insert(0, standards)
    for group in definitions.iterfind("odm:ItemGroupDef", NAMESPACES):
        group.set(attribute_name("def:StandardOID"), _STANDARD)


def _lift_classes(definitions: etree._Element) -> None:
    """Turn the attribute ``def:Class`` into the element, before the leaf."""
    for group in definitions.iterfind("odm:ItemGroupDef", NAMESPACES):
        name = str(group.attrib.pop(attribute_name("def:Class"), ""))
        if not name:
            continue
        kind = etree.Element(element_name("def:Class"), {"Name": name})
        leaf = group.find("def:leaf", NAMESPACES)
        group.append(kind) if leaf is None else leaf.addprevious(kind)


def _lift_origin(origin: etree._Element) -> None:
    """Name the origin as 2.1 names it."""
    kind, source = _ORIGINS.get(origin.get("Type", ""), (None, None))
    if kind:
        origin.set("Type", kind)
    if source:
        origin.set("Source", source)
