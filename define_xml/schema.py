"""How a field of the model stands in the XML: one declaration that `write` and `read` both follow.

The order of a class's fields is the order of the schema, so neither direction needs a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

NAMESPACES = {
    "odm": "http://www.cdisc.org/ns/odm/v1.3",
    "def": "http://www.cdisc.org/ns/def/v2.1",
    "arm": "http://www.cdisc.org/ns/arm/v1.0",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/XML/1998/namespace",
}


@cache
def element_name(name: str) -> str:
    """Return the qualified name of an element; one without a prefix is ODM's.

    Example:
        >>> element_name("def:leaf")
        '{http://www.cdisc.org/ns/def/v2.1}leaf'
    """
    prefix, _, local = name.rpartition(":")
    return f"{{{NAMESPACES[prefix or 'odm']}}}{local}"


def attribute_name(name: str) -> str:
    """Return the qualified name of an attribute; one without a prefix has no namespace.

    Example:
        >>> attribute_name("OID")
        'OID'
    """
    return element_name(name) if ":" in name else name


@dataclass(frozen=True, slots=True)
class Attribute:
    """The field is an attribute of the element; ``only_yes`` where the schema knows no ``No``."""

    name: str
    only_yes: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """The field is the one attribute of a child element, such as ``CodeListRef``."""

    element: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Text:
    """The field is the text of a child element, or of the element itself where ``element`` is empty."""

    element: str


@dataclass(frozen=True, slots=True)
class Translated:
    """The field is the English ``TranslatedText`` of a child element."""

    element: str


@dataclass(frozen=True, slots=True)
class Child:
    """The field is a child element of its own class, inside ``wrapper`` where there is one."""

    element: str
    wrapper: str = ""


Place = Attribute | Reference | Text | Translated | Child


def child_name(place: Place) -> str | None:
    """Return the qualified name of the child element that a field reads; nothing for an attribute.

    Example:
        >>> child_name(Text("CheckValue"))
        '{http://www.cdisc.org/ns/odm/v1.3}CheckValue'
    """
    if isinstance(place, Attribute):
        return None
    name = (place.wrapper or place.element) if isinstance(place, Child) else place.element
    return element_name(name) if name else ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model class: name, place, type of one value, whether it repeats, and may be absent."""

    name: str
    place: Place
    type: type
    repeats: bool
    optional: bool


@cache
def layout(kind: type) -> tuple[Field, ...]:
    """Return the fields of the model class `kind`, in the order of the schema."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        _field(item.name, hints[item.name])
        for item in fields(kind)
        if get_origin(hints[item.name]) is Annotated
    )


def _field(name: str, hint: Any) -> Field:
    """Return the field called `name`, annotated with its place."""
    value, place = get_args(hint)
    repeats = get_origin(value) is tuple
    inner = [part for part in get_args(value) or (value,) if part not in {NoneType, Ellipsis}]
    return Field(name, place, inner[0], repeats, NoneType in get_args(value))


def to_text(value: object) -> str:
    """Return `value` as the schema writes it.

    Example:
        >>> to_text(True), to_text(datetime(2026, 3, 1, 9, 0)), to_text(8)
        ('Yes', '2026-03-01T09:00:00', '8')
    """
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return value.isoformat() if isinstance(value, datetime) else str(value)


_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    bool: lambda text: text.strip() == "Yes",
    int: int,
    datetime: datetime.fromisoformat,
    str: str,
}


def from_text(text: str, kind: type) -> Any:
    """Return the value of type `kind` that `text` stands for.

    Raises:
        ValueError: The text is no such value.

    Example:
        >>> from_text("12", int), from_text("No", bool)
        (12, False)
    """
    return _FROM_TEXT[kind](text)


OID = Annotated[str, Attribute("OID")]
Name = Annotated[str, Attribute("Name")]
Description = Annotated[str, Translated("Description")]
CommentOID = Annotated[str | None, Attribute("def:CommentOID")]
