"""Checks of a define.xml by XPath: what is told by the file alone, with the line where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from trialbridge.validation.checking import Check, NotChecked, whole
from trialbridge.validation.outcome import Hits
from trialbridge.validation.package import DefineFile, Package
from trialbridge.validation.rule import Rule

_SPACES = {
    "odm": "http://www.cdisc.org/ns/odm/v1.3",
    "xlink": "http://www.w3.org/1999/xlink",
    "arm": "http://www.cdisc.org/ns/arm/v1.0",
    "own": "urn:trialbridge:define",
}
_DEF = {"2.0": "http://www.cdisc.org/ns/def/v2.0", "2.1": "http://www.cdisc.org/ns/def/v2.1"}


def read_tree(package: Package) -> tuple[DefineFile, etree._Element]:
    """Return the define.xml and its tree.

    Raises:
        NotChecked: There is none, it is no XML, or of a version that no rule is for.
    """
    define = package.define
    if define is None:
        raise NotChecked("needs define.xml")
    if define.root is None or define.version not in _DEF:
        what = f"is of version {define.version}" if define.version else "is no Define-XML that can be read"
        raise NotChecked(f"{define.path.name} {what}; rules are for 2.0 and 2.1")
    return define, define.root


def _xpath(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return each element or attribute that the XPath of the rule finds."""
    define, root = read_tree(package)
    if define.version not in rule.asked.get("versions", _DEF):
        raise NotChecked(f"is for Define-XML {', '.join(rule.asked['versions'])}")
    variables = {one.get("ItemOID") for one in root.iterfind(".//{*}ItemGroupDef/{*}ItemRef")}

    def is_variable(_: object, oids: list[str]) -> bool:
        """Return whether an OID is that of a variable of a dataset; quicker than XPath's own comparison."""
        return any(oid in variables for oid in oids)

    found: Any = root.xpath(
        rule.asked["find"],
        namespaces={**_SPACES, "def": _DEF[define.version]},
        extensions={(_SPACES["own"], "variable"): is_variable},
    )
    return [_hit(define, one) for one in found]


def _hit(define: DefineFile, one: Any) -> Hits:
    """Return the hit of an element, or of the element that an attribute stands in."""
    element = one if isinstance(one, etree._Element) else one.getparent()  # noqa: SLF001 -- lxml's only name for it
    name = element.get("Name") or element.get("OID") or element.get("ID") or ""
    value = (
        str(one) if isinstance(one, str) else etree.QName(element).localname + (f" {name}" if name else "")
    )
    return Hits(
        "DEFINE",
        (),
        None,
        f"line {element.sourceline}: {value}",
        value,
        place=f"line {element.sourceline}",
        source=define.path.name,
    )


def _absent(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return that there is no define.xml beside the datasets."""
    del rule
    if not package.complete:
        raise NotChecked("needs the folder of all datasets")
    return () if package.define else [Hits("DEFINE", value="define.xml")]


def _version(package: Package, rule: Rule) -> Sequence[Hits]:
    """Return that the define.xml is of a version that is not taken any more."""
    del rule
    define = package.define
    if define is None:
        raise NotChecked("needs define.xml")
    return (
        [Hits("DEFINE", source=define.path.name)]
        if define.root is not None and define.version == "1.0"
        else ()
    )


DEFINE_CHECKS: Mapping[str, Check] = {
    "xpath": whole(_xpath),
    "define absent": whole(_absent),
    "define version": whole(_version),
}
"""Name of a check -> what runs it."""
