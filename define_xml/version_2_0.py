"""Define-XML 2.0 in the names of 2.1 and back, so that one model serves both."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from trialbridge.define_xml.schema import NAMESPACES

NAMESPACE_2_0 = "http://www.cdisc.org/ns/def/v2.0"


def is_2_0(namespaces: Iterable[str]) -> bool:
    """Return whether a file that declares `namespaces` is of version 2.0.

    Example:
        >>> is_2_0(["http://www.cdisc.org/ns/odm/v1.3", "http://www.cdisc.org/ns/def/v2.0"])
        True
    """
    return NAMESPACE_2_0 in namespaces


def prefixes_of(*, is_2_0: bool) -> tuple[tuple[str, str], ...]:
    """Return the prefixes that a file of a version declares.

    Example:
        >>> dict(prefixes_of(is_2_0=True))["def"]
        'http://www.cdisc.org/ns/def/v2.0'
    """
    own = NAMESPACE_2_0 if is_2_0 else NAMESPACES["def"]
    return (("", NAMESPACES["odm"]), ("def", own), ("xlink", NAMESPACES["xlink"]))


def lift_names(root: etree._Element) -> bool:
    """Return whether the tree is of version 2.0; its names then are those of 2.1."""
    elements = list(root.iter("{*}*"))
    if not any(is_2_0(element.nsmap.values()) for element in elements):
        return False
    for element in elements:
        rename(element)
    return True


def rename(element: etree._Element, old: str = NAMESPACE_2_0, new: str = NAMESPACES["def"]) -> None:
    """Put an element and its attributes from one namespace into another."""
    if str(element.tag).startswith(f"{{{old}}}"):
        element.tag = str(element.tag).replace(old, new)
    for name in [str(name) for name in element.attrib if str(name).startswith(f"{{{old}}}")]:
        element.set(name.replace(old, new), str(element.attrib.pop(name)))
