"""What a specification does not bring back of the define.xml that it is from: nothing, or it is named."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from lxml import etree

from trialbridge.define_xml.from_spec import define_of
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.spec import Spec
from trialbridge.define_xml.write import to_tree
from trialbridge.findings import Finding, Severity


def lost(define: Define, spec: Spec) -> list[Finding]:
    """Return what `spec` would not bring back of `define`; comments of XML are never data.

    Example:
        >>> from datetime import datetime
        >>> from trialbridge.define_xml.build import build_define
        >>> from trialbridge.define_xml.study import StudyDescription
        >>> from trialbridge.define_xml.to_spec import to_spec
        >>> define = build_define(StudyDescription("S1", "A small study", "P1", datetime(2026, 3, 27)), [])
        >>> lost(define, to_spec(define))
        []
    """
    again = define_of(spec)
    if again is None:
        return [_missing("the whole file cannot be made from the specification")]
    return [_missing(path) for path in dict.fromkeys(_differences(to_tree(define), to_tree(again), "ODM"))]


def _missing(path: str) -> Finding:
    message = f"{path} does not come back from the specification as it is here"
    return Finding(Severity.WARNING, "define-not-in-spec", message, path=path)


def _differences(one: etree._Element, other: etree._Element, place: str) -> Iterator[str]:
    """Yield the place of each element that is not the same in both trees."""
    children, others = list(one.iterchildren("{*}*")), list(other.iterchildren("{*}*"))
    texts = [(element.text or "").strip() if len(element) else element.text or "" for element in (one, other)]
    if (
        one.tag != other.tag
        or sorted(one.attrib.items()) != sorted(other.attrib.items())
        or texts[0] != texts[1]
    ):
        yield place
    for child, match in zip_longest(children, others):
        if child is None or match is None or child.tag != match.tag:
            yield place
            return
        name = " ".join(filter(None, (etree.QName(child).localname, child.get("OID") or child.get("Name"))))
        yield from _differences(child, match, f"{place}/{name}")
