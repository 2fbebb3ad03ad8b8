"""What stands in an element beyond the fields of its class: extensions and other spellings, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

COMMENT = "!--"


@dataclass(frozen=True, slots=True)
class Markup:
    """An element as it stands: qualified name, attributes, text, and each child with the text behind it.

    A comment is called ``!--``, a processing instruction ``?`` and its target.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    text: str = ""
    children: tuple[tuple[Markup, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the file spells a value that can be spelt in several ways, such as a text in two languages.

    It is written as long as it still stands for the value of the field.
    """

    field: str
    number: int
    markup: Markup


@dataclass(frozen=True, slots=True)
class Rest:
    """Attributes and elements that the model has no field for, and spellings that are not ours.

    Attributes:
        attributes: Qualified name and value of each attribute.
        elements: Each element, with its number among the children of its parent.
        spellings: The values of fields that are spelt otherwise.
        order: The order of the children that have a field, where it is not that of the schema.
        text: Text before the first child of an element that has none by the schema.
    """

    attributes: tuple[tuple[str, str], ...] = ()
    elements: tuple[tuple[int, Markup], ...] = ()
    spellings: tuple[Spelling, ...] = ()
    order: tuple[int, ...] = ()
    text: str = ""


NOTHING = Rest()


def markup_of(node: etree._Element) -> Markup:
    """Return `node` as plain data; white space between its children is none of its text.

    Example:
        >>> markup = markup_of(etree.fromstring("<a x='1'> <b>two</b> </a>"))
        >>> markup.name, markup.attributes, markup.text, markup.children[0][0].text
        ('a', (('x', '1'),), '', 'two')
    """
    kind: Any = node.tag  # the function that makes it, where it is no element
    if kind is etree.Comment:
        return Markup(COMMENT, text=node.text or "")
    if kind is etree.ProcessingInstruction:
        instruction: Any = node
        return Markup(f"?{instruction.target}", text=node.text or "")
    children = tuple(node)
    return Markup(
        str(node.tag),
        tuple((str(name), str(value)) for name, value in node.attrib.items()),
        _between(node.text) if children else node.text or "",
        tuple((markup_of(child), _between(child.tail)) for child in children),
    )


def _between(text: str | None) -> str:
    """Return the text between two elements; nothing, if it is white space."""
    return text if text and text.strip() else ""


def node_of(markup: Markup) -> etree._Element:
    """Return `markup` as an element, a comment or a processing instruction."""
    if markup.name == COMMENT:
        return etree.Comment(markup.text)
    if markup.name.startswith("?"):
        return etree.ProcessingInstruction(markup.name[1:], markup.text)
    element = etree.Element(markup.name)
    _fill(element, markup)
    return element


def append_markup(parent: etree._Element, markup: Markup) -> etree._Element:
    """Return `markup` as the last child of `parent`."""
    if markup.name == COMMENT or markup.name.startswith("?"):
        parent.append(node := node_of(markup))
        return node
    element = etree.SubElement(parent, markup.name)
    _fill(element, markup)
    return element


def _fill(element: etree._Element, markup: Markup) -> None:
    for name, value in markup.attributes:
        element.set(name, value)
    element.text = markup.text or None
    for child, tail in markup.children:
        append_markup(element, child).tail = tail or None
