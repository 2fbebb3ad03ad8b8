"""What define.xml says of the variables of a dataset, as far as rules ask for it; any version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

_NCI = "nci:ExtCodeID"


@dataclass(frozen=True, slots=True)
class DefineItem:
    """A variable of a dataset in define.xml.

    Attributes:
        name: Such as ``AESEV``.
        label: Its description.
        data_type: Such as ``text``.
        role: Such as ``Topic``.
        mandatory: ``Yes`` or ``No``.
        ccode: NCI code of its codelist.
        terms: Values of its codelist.
        term_codes: NCI codes of these.
    """

    name: str
    label: str = ""
    data_type: str = ""
    role: str = ""
    mandatory: str = ""
    ccode: str = ""
    terms: tuple[str, ...] = ()
    term_codes: tuple[str, ...] = ()


def define_items(root: etree._Element, dataset: str) -> list[DefineItem]:
    """Return the variables that define.xml has for a dataset, in its order.

    Example:
        >>> define_items(etree.fromstring(
        ...     "<ODM><ItemGroupDef Name='AE'><ItemRef ItemOID='I' Role='Topic'/></ItemGroupDef>"
        ...     "<ItemDef OID='I' Name='AETERM'/></ODM>"), "AE")[0].role
        'Topic'
    """
    items = {one.get("OID"): one for one in _all(root, "ItemDef")}
    lists = {one.get("OID"): one for one in _all(root, "CodeList")}
    return [
        _item(reference, items[reference.get("ItemOID")], lists)
        for group in _all(root, "ItemGroupDef")
        if group.get("Name") == dataset
        for reference in _all(group, "ItemRef")
        if reference.get("ItemOID") in items
    ]


def _all(element: etree._Element, name: str) -> Iterator[etree._Element]:
    yield from element.iter(f"{{*}}{name}")


def _item(
    reference: etree._Element, item: etree._Element, lists: dict[str | None, etree._Element]
) -> DefineItem:
    coded = next((lists.get(one.get("CodeListOID")) for one in _all(item, "CodeListRef")), None)
    terms = [] if coded is None else [*_all(coded, "CodeListItem"), *_all(coded, "EnumeratedItem")]
    return DefineItem(
        item.get("Name") or "",
        " ".join((one.text or "").strip() for one in _all(item, "TranslatedText")),
        item.get("DataType") or "",
        reference.get("Role") or "",
        reference.get("Mandatory") or "",
        "" if coded is None else _code(coded),
        tuple(one.get("CodedValue") or "" for one in terms),
        tuple(filter(None, map(_code, terms))),
    )


def _code(element: etree._Element) -> str:
    """Return the NCI code of a codelist or a term: that of its own alias."""
    own = element.iterchildren("{*}Alias")
    return next((one.get("Name") or "" for one in own if one.get("Context") == _NCI), "")
