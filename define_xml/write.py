"""Define -> define.xml: elements in the order of the schema, the same bytes every time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

from lxml import etree

from trialbridge.define_xml.assets import asset
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.schema import (
    NAMESPACES,
    Attribute,
    Child,
    Reference,
    Text,
    Translated,
    attribute_name,
    element_name,
    layout,
    to_text,
)
from trialbridge.errors import WriteError

STYLESHEET = "define2-1.xsl"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_PREFIXES = {None: NAMESPACES["odm"], "def": NAMESPACES["def"], "xlink": NAMESPACES["xlink"]}


def write_define(define: Define, target: Path) -> None:
    """Write `define` to `target`, with a reference to the stylesheet ``define2-1.xsl`` beside it.

    Raises:
        WriteError: A text holds a character that XML does not have.
    """
    target.write_bytes(to_xml(define))


def to_xml(define: Define) -> bytes:
    """Return `define` as the bytes of a define.xml.

    Raises:
        WriteError: A text holds a character that XML does not have.

    Example:
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> define = build_define(StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27)), [])
        >>> to_xml(define).decode().splitlines()[1]
        '<?xml-stylesheet type="text/xsl" href="define2-1.xsl"?>'
    """
    root = etree.Element(element_name("ODM"), nsmap=_PREFIXES)  # type: ignore[arg-type]
    _fill(root, define)
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'type="text/xsl" href="{STYLESHEET}"'))
    return _DECLARATION + etree.tostring(root.getroottree(), encoding="UTF-8", pretty_print=True)


def copy_stylesheet(folder: Path) -> Path:
    """Return the path of ``define2-1.xsl`` in `folder`, after copying it there from defineutils."""
    return Path(shutil.copyfile(asset("definehtml", STYLESHEET), folder / STYLESHEET))


def _fill(element: etree._Element, value: Any) -> None:
    """Give `element` the attributes and children that the fields of `value` stand for."""
    kind: type = type(value)
    for field in layout(kind):
        for part in _parts(getattr(value, field.name)):
            try:
                _put(field.place, element, part)
            except ValueError as error:
                name = getattr(value, "oid", type(value).__name__)
                raise WriteError("define.xml", f"{name} {field.name}", str(error)) from error


def _parts(value: Any) -> Iterator[Any]:
    """Yield each single value of a field; nothing where there is none."""
    yield from value if isinstance(value, tuple) else () if value is None else (value,)


@singledispatch
def _put(place: Any, element: etree._Element, value: Any) -> None:
    """Put one value of a field at its place in `element`."""
    raise TypeError(place, element, value)


@_put.register
def _(place: Attribute, element: etree._Element, value: Any) -> None:
    if value is not False or not place.only_yes:
        element.set(attribute_name(place.name), to_text(value))


@_put.register
def _(place: Reference, element: etree._Element, value: Any) -> None:
    etree.SubElement(element, element_name(place.element)).set(place.attribute, value)


@_put.register
def _(place: Text, element: etree._Element, value: Any) -> None:
    target = etree.SubElement(element, element_name(place.element)) if place.element else element
    target.text = value


@_put.register
def _(place: Translated, element: etree._Element, value: Any) -> None:
    parent = etree.SubElement(element, element_name(place.element))
    text = etree.SubElement(parent, element_name("TranslatedText"))
    text.set(attribute_name("xml:lang"), "en")
    text.text = value


@_put.register
def _(place: Child, element: etree._Element, value: Any) -> None:
    parent = _wrapper(element, place.wrapper) if place.wrapper else element
    _fill(etree.SubElement(parent, element_name(place.element)), value)


def _wrapper(element: etree._Element, name: str) -> etree._Element:
    """Return the child of `element` that holds a list, made when its first entry comes."""
    found = element.find(element_name(name))
    return etree.SubElement(element, element_name(name)) if found is None else found
