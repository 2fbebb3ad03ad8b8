"""define.xml -> Define: version 2.1 as it stands, version 2.0 lifted to 2.1 first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

from lxml import etree

from trialbridge.define_xml.model import Define
from trialbridge.define_xml.schema import (
    NAMESPACES,
    Attribute,
    Child,
    Field,
    Reference,
    Text,
    Translated,
    attribute_name,
    element_name,
    from_text,
    layout,
)
from trialbridge.define_xml.version_2_0 import lift
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity


def read_define(source: Path) -> Define:
    """Return the define.xml at `source`, version 2.1 or 2.0.

    Raises:
        ReadError: The file is no XML, no Define-XML, or lacks what the schema demands.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     source = Path(folder) / "define.xml"
        ...     _ = source.write_text("<html/>")
        ...     read_define(source)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        trialbridge.errors.ReadError: ...define.xml: not Define-XML: its root element is html
    """
    root = parse_define(source)
    lift(root)
    _refuse_other(root, source)
    try:
        define: Define = _read(root, Define)
    except (ValueError, LookupError) as error:
        raise ReadError(str(source), f"not a complete Define-XML file: {error}") from error
    return define


def check_read(source: Path) -> list[Finding]:
    """Return a finding for each kind of element or attribute of `source` that `read_define` does not keep."""
    root = parse_define(source)
    lift(root)
    findings: dict[str, Finding] = {}
    for path, line in _unread(root, Define):
        findings.setdefault(path, _not_kept(path, line, source))
    return list(findings.values())


def parse_define(source: Path) -> etree._Element:
    """Return the root element of the XML at `source`; entities and the network are never followed.

    Raises:
        ReadError: The file is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(source.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise ReadError(str(source), f"not XML: {error}") from error


def _refuse_other(root: etree._Element, source: Path) -> None:
    """Raise a ReadError unless `root` is an ODM element with Define-XML 2.1 definitions."""
    if root.tag != element_name("ODM"):
        raise ReadError(str(source), f"not Define-XML: its root element is {root.tag}")
    if root.find(".//odm:MetaDataVersion[@def:DefineVersion]", NAMESPACES) is None:
        raise ReadError(str(source), "not Define-XML 2.0 or 2.1: no MetaDataVersion with a def:DefineVersion")


def _read(element: etree._Element, kind: type) -> Any:
    """Return `element` as an instance of the model class `kind`."""
    found = {}
    for field in layout(kind):
        values = tuple(_take(field.place, element, field.type))
        if field.repeats:
            found[field.name] = values
        elif values:
            found[field.name] = values[0]
    try:
        return kind(**found)
    except TypeError as error:
        place = f"line {element.sourceline}, {etree.QName(element).localname}"
        raise LookupError(f"{place}: {str(error).partition('__init__() ')[2]}") from error


@singledispatch
def _take(place: Any, element: etree._Element, kind: type) -> Iterator[Any]:
    """Yield each value that stands at `place` in `element`."""
    raise TypeError(place, element, kind)


@_take.register
def _(place: Attribute, element: etree._Element, kind: type) -> Iterator[Any]:
    text = element.get(attribute_name(place.name))
    if text is not None:
        yield from_text(text, kind)


@_take.register
def _(place: Reference, element: etree._Element, kind: type) -> Iterator[Any]:
    for child in element.iterfind(element_name(place.element)):
        yield from_text(child.get(place.attribute, ""), kind)


@_take.register
def _(place: Text, element: etree._Element, kind: type) -> Iterator[Any]:
    for child in element.iterfind(element_name(place.element)) if place.element else (element,):
        yield from_text(child.text or "", kind)


@_take.register
def _(place: Translated, element: etree._Element, kind: type) -> Iterator[Any]:
    texts = element.findall(f"{element_name(place.element)}/{element_name('TranslatedText')}")
    language = attribute_name("xml:lang")
    for text in sorted(texts, key=lambda text: (text.get(language) or "en") != "en")[:1]:
        yield from_text(text.text or "", kind)


@_take.register
def _(place: Child, element: etree._Element, kind: type) -> Iterator[Any]:
    wrapped = f"{element_name(place.wrapper)}/" if place.wrapper else ""
    for child in element.iterfind(wrapped + element_name(place.element)):
        yield _read(child, kind)


def _unread(element: etree._Element, kind: type) -> Iterator[tuple[str, int]]:
    """Yield path and line of what stands in `element` and has no field in `kind`."""
    fields = layout(kind)
    known = {attribute_name(field.place.name) for field in fields if isinstance(field.place, Attribute)}
    yield from (
        (f"{_short(element.tag)}/@{_short(name)}", _line(element))
        for name in element.attrib
        if name not in known
    )
    children = dict(pair for field in fields for pair in _children(field))
    for child in element:
        if child.tag not in children:
            yield f"{_short(element.tag)}/{_short(child.tag)}", _line(child)
        elif (field := children[child.tag]) is not None and isinstance(field.place, Child):
            for inner in child if field.place.wrapper else (child,):
                yield from _unread(inner, field.type)


def _children(field: Field) -> Iterator[tuple[str, Field]]:
    """Yield the tag of the child element that `field` reads, with the field."""
    place = field.place
    if isinstance(place, Child):
        yield element_name(place.wrapper or place.element), field
    elif not isinstance(place, Attribute) and place.element:
        yield element_name(place.element), field


def _short(name: Any) -> str:
    """Return a qualified name with the prefix that the schema's own documents use."""
    qualified = etree.QName(name)
    prefix = next((key for key, uri in NAMESPACES.items() if uri == qualified.namespace), "")
    return qualified.localname if prefix in {"", "odm"} else f"{prefix}:{qualified.localname}"


def _line(element: etree._Element) -> int:
    line = element.sourceline
    return line if isinstance(line, int) else 0


def _not_kept(path: str, line: int, source: Path) -> Finding:
    """Return the finding that `path` is not read."""
    message = f"{path} (first in line {line}) is not kept when this file is read"
    return Finding(Severity.NOTICE, "define-not-kept", message, path=path, source=source.name)
