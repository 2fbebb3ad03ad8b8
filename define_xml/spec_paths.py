"""An element as leaves: the path of each attribute and text in it, with its value; and back again.

``ItemDef/def:Origin[2]/@Type`` is the type of the second origin. Such paths are the names of the columns of
a specification that hold what no other column holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from lxml import etree

from trialbridge.define_xml.schema import NAMESPACES

Leaves = dict[str, str]
Prefixes = Mapping[str, str]

_STEP = re.compile(r"(@?)(?:([\w.-]+):)?([\w.-]+)(?:\[(\d+)\])?")
_UNPREFIXED = NAMESPACES["odm"]


@cache
def is_path(header: str) -> bool:
    """Return whether the name of a column is a path.

    Example:
        >>> is_path("ItemDef/@Length"), is_path("Data Type")
        (True, False)
    """
    steps = header.split("/")
    return len(steps) > 1 and all(_STEP.fullmatch(step) for step in steps)


def leaves_of(
    element: etree._Element, names: Mapping[str, str], without: frozenset[str] = frozenset()
) -> Leaves:
    """Return the leaves of `element`, but for those of its children that are called as in `without`.

    Args:
        element: Any element.
        names: The prefix of each namespace.
        without: Names of children, with prefixes.
    """
    return dict(_leaves(element, _named(element.tag, names), names, without))


def _leaves(
    element: etree._Element, path: str, names: Mapping[str, str], without: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        yield f"{path}/@{_named(name, names, attribute=True)}", str(value)
    text = (element.text or "") if not len(element) else (element.text or "").strip()
    if text or not (element.attrib or len(element)):
        yield path, text
    seen: Counter[str] = Counter()
    for child in element.iterchildren("{*}*"):
        name = _named(child.tag, names)
        if name not in without:
            seen[name] += 1
            number = f"[{seen[name]}]" if seen[name] > 1 else ""
            yield from _leaves(child, f"{path}/{name}{number}", names, frozenset())


def _named(name: str | bytes, names: Mapping[str, str], *, attribute: bool = False) -> str:
    """Return a qualified name with its prefix; ODM's elements have none."""
    qualified = etree.QName(name)
    uri = qualified.namespace
    if uri is None or (uri == _UNPREFIXED and not attribute):
        return qualified.localname
    return f"{names.get(uri, 'unknown')}:{qualified.localname}"


def put_leaf(root: etree._Element, path: str, text: str, prefixes: Prefixes) -> None:
    """Put `text` at `path` below `root`, whose name is the first step of it; elements on the way are made."""
    *steps, last = path.split("/")[1:] or [""]
    element = root
    for step in steps:
        element = _child(element, step, prefixes)
    if last.startswith("@"):
        element.set(_qualified(last[1:], prefixes, attribute=True), text)
    else:
        (_child(element, last, prefixes) if last else element).text = text or None


def _child(element: etree._Element, step: str, prefixes: Prefixes) -> etree._Element:
    """Return the child that a step leads to; it is made if it is not there."""
    match = _STEP.fullmatch(step)
    number = int(match[4] or 1) if match else 1
    name = _qualified(step.partition("[")[0], prefixes)
    there = element.findall(name)
    while len(there) < number:
        there.append(etree.SubElement(element, name))
    return there[number - 1]


def _qualified(name: str, prefixes: Prefixes, *, attribute: bool = False) -> str:
    """Return a name with a prefix as a qualified one."""
    prefix, _, local = name.rpartition(":")
    if not prefix:
        return local if attribute else f"{{{_UNPREFIXED}}}{local}"
    return f"{{{prefixes[prefix]}}}{local}"


def new_element(name: str, prefixes: Prefixes) -> etree._Element:
    """Return an empty element called `name`, which declares the prefixes."""
    declared: Any = {
        None: _UNPREFIXED,
        **{key: uri for key, uri in prefixes.items() if key not in {"odm", "xml"}},
    }
    return etree.Element(_qualified(name, prefixes), nsmap=declared)
