"""define.xml -> Define: nothing in it is lost, of whichever version; version 2.0 lifted to 2.1 when asked.

The large definitions become data as the parser passes them, so that a file is never in memory as a tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from trialbridge.define_xml.elements import DONE, read_element
from trialbridge.define_xml.model import Define, MetaDataVersion
from trialbridge.define_xml.rest import Markup, markup_of
from trialbridge.define_xml.schema import NAMESPACES, Child, element_name, layout
from trialbridge.define_xml.upgrade import upgrade
from trialbridge.define_xml.version_2_0 import is_2_0, prefixes_of, rename
from trialbridge.errors import ReadError


def read_define(source: Path) -> Define:
    """Return the define.xml at `source` as version 2.1; one of version 2.0 is lifted to it.

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
    return upgrade(read_as_it_stands(source)).define


def read_as_it_stands(source: Path) -> Define:
    """Return the define.xml at `source` in its own version: what `write_define` gives back unchanged.

    Raises:
        ReadError: The file is no XML, no Define-XML, or lacks what the schema demands.
    """
    with source.open("rb") as file:
        try:
            return _Stream(source).read(file)
        except etree.XMLSyntaxError as error:
            raise ReadError(str(source), f"not XML: {error}") from error
        except ReadError:
            raise
        except (ValueError, LookupError) as error:
            raise ReadError(str(source), f"not a complete Define-XML file: {error}") from error


def from_tree(root: etree._Element) -> Define:
    """Return the ODM element `root`, in names of version 2.1, as data."""
    define: Define = read_element(root, Define, ())
    return define


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


class _Stream:
    """A file on its way into data: each large definition as soon as it is complete."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._prefixes: dict[str, str] = {}
        self._done: list[Any] = []
        self._root: etree._Element | None = None

    def read(self, file: BinaryIO) -> Define:
        """Return all of `file`."""
        events = ("start", "end", "start-ns")
        for event, found in etree.iterparse(
            file, events=events, resolve_entities=False, no_network=True, huge_tree=True
        ):
            if event == "start-ns":
                self._prefixes.setdefault(*found)
            elif event == "end":
                self._end(found)
            elif self._root is None:
                self._begin(found)
        assert self._root is not None  # noqa: S101 -- a document without a root is no XML
        return self._whole(self._root)

    def _begin(self, root: etree._Element) -> None:
        """Remember the root, if it is one of Define-XML."""
        if root.tag != element_name("ODM"):
            raise ReadError(str(self._source), f"not Define-XML: its root element is {root.tag}")
        self._root = root

    def _end(self, element: etree._Element) -> None:
        """Turn a large definition into data, and leave only its number behind."""
        if is_2_0(self._prefixes.values()):
            rename(element)
        kind = _LARGE.get(str(element.tag))
        parent = element.getparent()
        if kind and parent is not None and parent.tag == element_name("MetaDataVersion"):
            self._done.append(read_element(element, kind, ()))
            element.clear()
            element.set(DONE, str(len(self._done) - 1))

    def _whole(self, root: etree._Element) -> Define:
        """Return the root element, of which the large definitions are data already."""
        if root.find(".//odm:MetaDataVersion[@def:DefineVersion]", NAMESPACES) is None:
            problem = "not Define-XML 2.0 or 2.1: no MetaDataVersion with a def:DefineVersion"
            raise ReadError(str(self._source), problem)
        define: Define = read_element(root, Define, self._done)
        return replace(
            define,
            prolog=tuple(reversed(_outside(root, before=True))),
            epilog=tuple(_outside(root, before=False)),
            prefixes=_unusual(self._prefixes),
        )


_LARGE = {
    element_name(field.place.element): field.type
    for field in layout(MetaDataVersion)
    if isinstance(field.place, Child) and field.repeats and not field.place.wrapper
}
"""The definitions of which a file may hold very many."""


def _outside(root: etree._Element, *, before: bool) -> list[Markup]:
    """Return the comments and processing instructions before or behind the root, the nearest first."""
    return [markup_of(node) for node in root.itersiblings(preceding=before)]


def _unusual(prefixes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the prefixes that a file declares; nothing, where they are the usual ones."""
    said = tuple(sorted((prefix or "", uri) for prefix, uri in prefixes.items()))
    return () if said == prefixes_of(is_2_0=False) else said
