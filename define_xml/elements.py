"""An element -> the class of the model that it is an instance of, with all that stands in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, singledispatch
from typing import Any

from lxml import etree

from trialbridge.define_xml.rest import NOTHING, Markup, Rest, Spelling, append_markup, markup_of
from trialbridge.define_xml.schema import (
    Attribute,
    Child,
    Field,
    Reference,
    Text,
    Translated,
    attribute_name,
    child_name,
    element_name,
    from_text,
    layout,
    to_text,
)

DONE = "done"
"""The attribute of an element that is data already: its number among those that are."""

_LANGUAGE = attribute_name("xml:lang")


def read_element(element: etree._Element, kind: type, done: Sequence[Any]) -> Any:
    """Return `element` as an instance of the model class `kind`; of what is done already, from `done`."""
    if done and (number := element.get(DONE)) is not None:
        return done[int(number)]
    found: dict[str, Any] = {}
    for field in layout(kind):
        values = tuple(_take(field.place, element, field.type, done))
        if field.repeats:
            found[field.name] = values
        elif values or field.optional:
            found[field.name] = values[0] if values else None
    try:
        return kind(rest=_rest(element, kind), **found)
    except TypeError as error:
        place = f"line {element.sourceline}, {etree.QName(element).localname}"
        raise LookupError(f"{place}: {str(error).partition('__init__() ')[2]}") from error


@singledispatch
def _take(place: Any, element: etree._Element, kind: type, done: Sequence[Any]) -> Iterator[Any]:
    """Yield each value that stands at `place` in `element`."""
    raise TypeError(place, element, kind, done)


@_take.register
def _(place: Attribute, element: etree._Element, kind: type, _done: Sequence[Any]) -> Iterator[Any]:
    text = element.get(attribute_name(place.name))
    if text is not None:
        yield from_text(text, kind)


@_take.register
def _(place: Reference, element: etree._Element, kind: type, _done: Sequence[Any]) -> Iterator[Any]:
    for child in element.iterfind(element_name(place.element)):
        yield from_text(child.get(place.attribute, ""), kind)


@_take.register
def _(place: Text, element: etree._Element, kind: type, _done: Sequence[Any]) -> Iterator[Any]:
    for child in element.iterfind(element_name(place.element)) if place.element else (element,):
        yield from_text(_text(child), kind)


@_take.register
def _(place: Translated, element: etree._Element, kind: type, _done: Sequence[Any]) -> Iterator[Any]:
    for child in element.iterfind(element_name(place.element)):
        texts = child.findall(element_name("TranslatedText"))
        if texts:
            english = min(texts, key=lambda text: (text.get(_LANGUAGE) or "en") != "en")
            yield from_text(_text(english), kind)


@_take.register
def _(place: Child, element: etree._Element, kind: type, done: Sequence[Any]) -> Iterator[Any]:
    if place.wrapper:
        wrapper = element.find(element_name(place.wrapper))
        children: Iterable[etree._Element] = (
            () if wrapper is None else wrapper.iterfind(element_name(place.element))
        )
    else:
        children = element.iterfind(element_name(place.element))
    for child in children:
        yield read_element(child, kind, done)


def _text(element: etree._Element) -> str:
    """Return the text of `element`, on both sides of a comment."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def stands_for(markup: Markup, field: Field) -> Any:
    """Return the value of `field` that `markup` stands for: several where it is a list in a wrapper.

    Example:
        >>> stands_for(Markup("Name", text="DM"), Field("name", Attribute("Name"), str, False, False))
        'DM'
    """
    if isinstance(field.place, Attribute):
        return from_text(markup.text, field.type)
    parent = etree.Element("parent")
    append_markup(parent, markup)
    values = tuple(_take(field.place, parent, field.type, ()))
    return values if isinstance(field.place, Child) else next(iter(values), None)


def _rest(element: etree._Element, kind: type) -> Rest:
    """Return what stands in `element` beyond the fields of `kind`."""
    attributes, spellings = _other_attributes(element, kind)
    fields = _child_fields(kind)
    seen: Counter[str] = Counter()
    elements, places = [], []
    for number, child in enumerate(element):
        if (found := fields.get(str(child.tag))) is None or (seen[found[1].name] and _is_single(found[1])):
            elements.append((number, markup_of(child)))
            continue
        place, field = found
        if not _is_plain(field.place, child):
            spellings.append(Spelling(field.name, seen[field.name], markup_of(child)))
        seen[field.name] += 1
        places.append(place)
    if "" in fields:  # a comment in the midst of a text
        elements = []
    text = "" if "" in fields else _stray(element)
    if not (attributes or elements or spellings or text or places != sorted(places)):
        return NOTHING
    return Rest(tuple(attributes), tuple(elements), tuple(spellings), _order(places), text)


def _stray(element: etree._Element) -> str:
    """Return the text before the first child of `element`; nothing, if it is white space."""
    text = element.text or ""
    return text if text.strip() else ""


@cache
def _child_fields(kind: type) -> dict[str | None, tuple[int, Field]]:
    """Return each field of `kind` that is a child element, by its name, with its number."""
    return {child_name(field.place): (number, field) for number, field in enumerate(layout(kind))}


@cache
def _attribute_fields(kind: type) -> dict[str, Field]:
    """Return each field of `kind` that is an attribute, by its name."""
    places = ((field.place, field) for field in layout(kind))
    return {attribute_name(place.name): field for place, field in places if isinstance(place, Attribute)}


def _other_attributes(element: etree._Element, kind: type) -> tuple[list[tuple[str, str]], list[Spelling]]:
    """Return the attributes that `kind` has no field for, and those that we would spell otherwise."""
    known = _attribute_fields(kind)
    others, spellings = [], []
    for name, value in element.attrib.items():
        field = known.get(str(name))
        if field is None:
            others.append((str(name), str(value)))
        elif not _is_spelt_so(field, str(value)):
            spellings.append(Spelling(field.name, 0, Markup(str(name), text=str(value))))
    return others, spellings


def _is_spelt_so(field: Field, text: str) -> bool:
    """Return whether we would write the same `text` for the value that it stands for."""
    assert isinstance(field.place, Attribute)  # noqa: S101 -- for the type checker
    value = from_text(text, field.type)
    return to_text(value) == text and not (field.place.only_yes and value is False)


def _is_single(field: Field) -> bool:
    """Return whether one child element has all that the field has."""
    return not field.repeats or (isinstance(field.place, Child) and bool(field.place.wrapper))


@singledispatch
def _is_plain(place: Any, child: etree._Element) -> bool:
    """Return whether `child` has nothing but what `place` takes from it."""
    raise TypeError(place, child)


@_is_plain.register
def _(place: Reference, child: etree._Element) -> bool:
    return child.attrib.keys() == [place.attribute] and not len(child) and not _stray(child)


@_is_plain.register
def _(_place: Text, child: etree._Element) -> bool:
    return not child.attrib and not len(child)


@_is_plain.register
def _(_place: Translated, child: etree._Element) -> bool:
    return (
        not child.attrib
        and not _stray(child)
        and len(child) == 1
        and child[0].attrib.items() == [(_LANGUAGE, "en")]
        and not len(child[0])
    )


@_is_plain.register
def _(place: Child, child: etree._Element) -> bool:
    if not place.wrapper:
        return True
    return (
        not child.attrib
        and not _stray(child)
        and len(child) > 0
        and all(inner.tag == element_name(place.element) for inner in child)
    )


def _order(places: list[int]) -> tuple[int, ...]:
    """Return where each child stands in the order of the schema; nothing, where that is its own.

    Example:
        >>> _order([2, 1, 1]), _order([1, 2])
        ((2, 0, 1), ())
    """
    ordered = sorted(range(len(places)), key=places.__getitem__)
    numbers = {child: number for number, child in enumerate(ordered)}
    return tuple(numbers[child] for child in range(len(places))) if places != sorted(places) else ()


def sort_children(element: etree._Element, kind: type) -> None:
    """Put the children of `element`, and theirs, into the order of the schema; what it does not know last."""
    fields = [field for field in layout(kind) if child_name(field.place)]
    places = {child_name(field.place): place for place, field in enumerate(fields)}
    element[:] = sorted(element, key=lambda child: places.get(str(child.tag), len(places)))
    for child in element:
        place = places.get(str(child.tag))
        field = fields[place] if place is not None else None
        if field and isinstance(field.place, Child):
            for inner in child if field.place.wrapper else (child,):
                sort_children(inner, field.type)
