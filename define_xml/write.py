"""Define -> define.xml: elements in the order of the schema, the same bytes every time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import singledispatch
from pathlib import Path
from typing import Any

from lxml import etree

from trialbridge.define_xml.assets import asset
from trialbridge.define_xml.elements import stands_for
from trialbridge.define_xml.model import STYLESHEET, Define, MetaDataVersion
from trialbridge.define_xml.rest import NOTHING, Markup, Rest, Spelling, append_markup, node_of
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
    layout,
    to_text,
)
from trialbridge.define_xml.version_2_0 import NAMESPACE_2_0, is_2_0, prefixes_of, rename
from trialbridge.errors import WriteError

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_MANY = 2_000
_BATCH = 200
_HERE = Markup("?definitions", text="here")
_MARK = b"      <?definitions here?>\n"
LARGE_FIELDS = tuple(
    field.name
    for field in layout(MetaDataVersion)
    if isinstance(field.place, Child) and field.repeats and not field.place.wrapper
)
"""The definitions of which a file may hold very many, one after another in the schema."""


def write_define(define: Define, target: Path) -> None:
    """Write `define` to `target`, in its own version; a large one is never a tree in memory.

    Raises:
        WriteError: A text holds a character that XML does not have; nothing is written.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.writelines(_pieces(define))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


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
    return b"".join(_pieces(define))


def _pieces(define: Define) -> Iterator[bytes]:
    """Yield the file in pieces: all at once, or a few hundred definitions at a time if there are many."""
    definitions = define.definitions
    many = sum(len(getattr(definitions, name)) for name in LARGE_FIELDS) > _MANY
    if not many or definitions.rest != NOTHING:
        yield _DECLARATION + _serialised(define)
        return
    nothing: dict[str, Any] = dict.fromkeys(LARGE_FIELDS, ())
    frame = _with(
        define, replace(definitions, **nothing, rest=Rest(elements=((_place(definitions), _HERE),)))
    )
    before, _, after = (_DECLARATION + _serialised(frame)).partition(_MARK)
    yield before
    empty = replace(MetaDataVersion(oid="", name="", define_version=""), rest=Rest(elements=((0, _HERE),)))
    bare = replace(define, prolog=(), epilog=(), rest=NOTHING)
    head, _, tail = _serialised(_with(bare, empty)).partition(_MARK)
    for name in LARGE_FIELDS:
        entries = getattr(definitions, name)
        for start in range(0, len(entries), _BATCH):
            part: dict[str, Any] = {name: entries[start : start + _BATCH], "rest": NOTHING}
            yield _serialised(_with(bare, replace(empty, **part)))[len(head) : -len(tail)]
    yield after


def _place(definitions: MetaDataVersion) -> int:
    """Return how many lists stand before the large definitions."""
    lists = (definitions.standards, definitions.annotated_crf, definitions.supplemental_doc)
    return sum(map(bool, lists))


def _with(define: Define, definitions: MetaDataVersion) -> Define:
    """Return `define` with other definitions."""
    return replace(define, study=replace(define.study, meta_data_version=definitions))


def _serialised(define: Define) -> bytes:
    """Return `define` as text, in its own version, with what stands around it."""
    root = to_tree(define)
    if is_2_0(uri for _, uri in define.prefixes):
        for element in root.iter("{*}*"):
            rename(element, NAMESPACES["def"], NAMESPACE_2_0)
        etree.cleanup_namespaces(root, keep_ns_prefixes=[prefix for prefix, _ in define.prefixes if prefix])
    for markup in define.prolog:
        root.addprevious(node_of(markup))
    for markup in reversed(define.epilog):
        root.addnext(node_of(markup))
    return etree.tostring(root.getroottree(), encoding="UTF-8", pretty_print=True)


def to_tree(define: Define) -> etree._Element:
    """Return `define` as an ODM element, in names of version 2.1.

    Raises:
        WriteError: A text holds a character that XML does not have.
    """
    prefixes = {prefix or None: uri for prefix, uri in define.prefixes or prefixes_of(is_2_0=False)}
    root = etree.Element(element_name("ODM"), nsmap=prefixes)  # type: ignore[arg-type]
    _fill(root, define)
    return root


def copy_stylesheet(folder: Path) -> Path:
    """Return the path of ``define2-1.xsl`` in `folder`, after copying it there from defineutils."""
    return Path(shutil.copyfile(asset("definehtml", STYLESHEET), folder / STYLESHEET))


def _fill(element: etree._Element, value: Any) -> None:
    """Give `element` the attributes and children that the fields of `value` stand for, and the rest."""
    rest: Rest = value.rest
    spellings = {(spelling.field, spelling.number): spelling for spelling in rest.spellings}
    kind: type = type(value)
    for field in layout(kind):
        _put_field(element, value, field, spellings)
    for name, text in rest.attributes:
        element.set(name, text)
    if rest.text:
        element.text = rest.text
    if rest.order:
        _reorder(element, rest.order)
    for number, markup in rest.elements:
        element.insert(number, append_markup(element, markup))


def _put_field(
    element: etree._Element, value: Any, field: Field, spellings: dict[tuple[str, int], Spelling]
) -> None:
    """Put each value of a field at its place, spelt as the file spelt it if it still means the same."""
    parts = tuple(_parts(getattr(value, field.name)))
    whole = spellings.get((field.name, 0))
    if whole and _is_whole(whole, field, parts):
        append_markup(element, whole.markup)
        return
    try:
        for number, part in enumerate(parts):
            spelling = spellings.get((field.name, number))
            if spelling and stands_for(spelling.markup, field) == part:
                _put_spelling(field, element, spelling)
            else:
                _put(field.place, element, part)
    except ValueError as error:
        name = getattr(value, "oid", type(value).__name__)
        raise WriteError("define.xml", f"{name} {field.name}", str(error)) from error


def _is_whole(spelling: Spelling, field: Field, parts: tuple[Any, ...]) -> bool:
    """Return whether a spelling is all of a field: a list in a wrapper, or a text that is not there."""
    said = stands_for(spelling.markup, field)
    return said == parts if isinstance(field.place, Child) else said is None and not parts


def _put_spelling(field: Field, element: etree._Element, spelling: Spelling) -> None:
    if isinstance(field.place, Attribute):
        element.set(spelling.markup.name, spelling.markup.text)
    else:
        append_markup(element, spelling.markup)


def _reorder(element: etree._Element, order: Sequence[int]) -> None:
    """Put the children into the order that they had in the file, if there are as many as there were."""
    children = list(element)
    if len(children) == len(order):
        element[:] = [children[number] for number in order]


def _parts(value: Any) -> Iterable[Any]:
    """Return each single value of a field; nothing where there is none."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


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
