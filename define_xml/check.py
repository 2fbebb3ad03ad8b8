"""What is wrong with a define.xml by itself: the official schema, its OIDs, and the rules beyond both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from trialbridge.define_xml.assets import asset
from trialbridge.define_xml.read import parse_define
from trialbridge.define_xml.schema import NAMESPACES, attribute_name, element_name
from trialbridge.define_xml.version_2_0 import lift_names
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

_SCHEMAS = {False: "cdisc-define-2.1/define2-1-0.xsd", True: "cdisc-arm-1.0/arm1-0-0.xsd"}

_REFERENCES = {
    "ItemOID": "ItemDef",
    "ItemGroupOID": "ItemGroupDef",
    "ParameterOID": "ItemDef",
    "def:ItemOID": "ItemDef",
    "MethodOID": "MethodDef",
    "CodeListOID": "CodeList",
    "RoleCodeListOID": "CodeList",
    "ValueListOID": "def:ValueListDef",
    "WhereClauseOID": "def:WhereClauseDef",
    "def:CommentOID": "def:CommentDef",
    "def:StandardOID": "def:Standard",
    "leafID": "def:leaf",
    "def:ArchiveLocationID": "def:leaf",
}
"""Which element an attribute names by its OID."""

_ALWAYS_USED = {"def:Standard", "ItemGroupDef"}


@dataclass(frozen=True, slots=True)
class _Rule:
    """Something that the schema cannot say: the elements that break it, as an XPath."""

    name: str
    severity: Severity
    faults: str
    message: str


_RULES = (
    _Rule("define-codelist-standard", Severity.ERROR,
          "//odm:CodeList[not(odm:ExternalCodeList) and not(@def:StandardOID) and not(@def:IsNonStandard)]",
          "a codelist names its standard, or says that it has none"),
    _Rule("define-codelist-code", Severity.ERROR,
          "//odm:CodeList[@def:StandardOID and not(odm:Alias[@Context='nci:ExtCodeID'])"
          " and not(odm:ExternalCodeList)]",
          "a CDISC codelist has its NCI code"),
    _Rule("define-term-code", Severity.WARNING,
          "//odm:CodeList[odm:Alias[@Context='nci:ExtCodeID']]/*[@CodedValue and not(@def:ExtendedValue)"
          " and not(odm:Alias[@Context='nci:ExtCodeID'])]",
          "a value of a CDISC codelist has its NCI code, or is marked as extended"),
    _Rule("define-dataset-standard", Severity.ERROR,
          "//odm:ItemGroupDef[boolean(@def:StandardOID) = boolean(@def:IsNonStandard)]",
          "a dataset names its standard, or says that it has none"),
    _Rule("define-dataset-class", Severity.ERROR,
          "//odm:ItemGroupDef[not(def:Class)]", "a dataset has a class"),
    _Rule("define-dataset-keys", Severity.ERROR,
          "//odm:ItemGroupDef[not(odm:ItemRef/@KeySequence)]", "a dataset has key variables"),
    _Rule("define-dataset-structure", Severity.ERROR,
          "//odm:ItemGroupDef[@def:Structure='']", "a dataset says what one of its records is"),
    _Rule("define-dataset-empty", Severity.ERROR,
          "//odm:ItemGroupDef[@def:HasNoData and not(@def:CommentOID)]", "a dataset without data says why"),
    _Rule("define-dataset-leaf", Severity.ERROR,
          "//odm:ItemGroupDef[not(@def:HasNoData) and not(@def:ArchiveLocationID = def:leaf/@ID)]",
          "a dataset with data says where its file lies"),
    _Rule("define-dataset-repeating", Severity.ERROR,
          "//odm:ItemGroupDef[@IsReferenceData='Yes' and @Repeating='Yes']",
          "reference data does not repeat"),
    _Rule("define-length", Severity.ERROR,
          "//odm:ItemDef[boolean(@Length)"
          " != boolean(@DataType='text' or @DataType='integer' or @DataType='float')]",
          "text, integer and float have a length, and nothing else has"),
    _Rule("define-digits", Severity.ERROR,
          "//odm:ItemDef[boolean(@SignificantDigits) != boolean(@DataType='float')]",
          "a float has significant digits, and nothing else has"),
    _Rule("define-value-level", Severity.ERROR,
          "//odm:ItemDef[@Name='QVAL' and not(def:ValueListRef)"
          " and not(@OID = //odm:ItemRef[@def:HasNoData]/@ItemOID)]",
          "a supplemental value has value-level metadata"),
    _Rule("define-where-value", Severity.ERROR,
          "//def:WhereClauseDef/odm:RangeCheck[not(@Comparator='IN' or @Comparator='NOTIN')"
          " and count(odm:CheckValue) != 1]",
          "a condition has one value, unless it is IN or NOTIN"),
    _Rule("define-value-where", Severity.ERROR,
          "//def:ValueListDef/odm:ItemRef[not(def:WhereClauseRef)]",
          "a value-level definition says where it holds"),
    _Rule("define-pages", Severity.ERROR,
          "//def:PDFPageRef[boolean(@PageRefs) = boolean(@FirstPage)"
          " or boolean(@FirstPage) != boolean(@LastPage)]",
          "pages are a list or a range from first to last"),
    _Rule("define-predecessor", Severity.ERROR,
          "//def:Origin[@Type='Predecessor' and not(odm:Description)]", "a predecessor is named"),
    _Rule("define-terminology", Severity.ERROR,
          "//def:Standard[@Type='CT' and not(@PublishingSet)]", "a terminology names its publishing set"),
)  # fmt: skip


def check_define(source: Path) -> list[Finding]:
    """Return everything that is wrong with the define.xml at `source`; nothing, if it is right.

    A file that is no XML at all is one finding, not an exception.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     source = Path(folder) / "define.xml"
        ...     _ = source.write_text("<html>404 Not Found")
        ...     [finding.rule for finding in check_define(source)]
        ['define-not-xml']
    """
    try:
        root = parse_define(source)
    except ReadError as error:
        return [Finding(Severity.ERROR, "define-not-xml", error.problem, source=source.name)]
    faults = check_tree(root, is_2_0=lift_names(root))
    return [
        Finding(
            fault.severity,
            fault.rule,
            f"line {fault.line}: {fault.message}",
            path=fault.path,
            source=source.name,
        )
        for fault in faults
    ]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a tree: the line and the path of the element."""

    severity: Severity
    rule: str
    message: str
    path: str
    line: int | None = None


def check_tree(root: etree._Element, *, is_2_0: bool) -> Iterator[Fault]:
    """Yield everything that is wrong with the ODM element `root`, in names of version 2.1."""
    for check in _OLD_CHECKS if is_2_0 else _CHECKS:
        yield from check(root)


def _fault(severity: Severity, rule: str, message: str, element: etree._Element) -> Fault:
    """Return what is wrong with `element`."""
    line = element.sourceline
    path = element.getroottree().getpath(element)
    return Fault(severity, rule, message, path, line if isinstance(line, int) else None)


@cache
def _validator(*, arm: bool) -> etree.XMLSchema:
    """Return the official schema, with or without the analysis results of ADaM."""
    return etree.XMLSchema(etree.parse(asset("validate", "schema", _SCHEMAS[arm])))


def _schema(root: etree._Element) -> Iterator[Fault]:
    """Yield the faults against the official schema."""
    validator = _validator(arm=root.find(f".//{element_name('arm:AnalysisResultDisplays')}") is not None)
    try:
        sound = validator.validate(root)
    except etree.XMLSchemaValidateError:
        message = "the schema cannot be applied: it holds something that is not read, such as an entity"
        yield _fault(Severity.ERROR, "define-schema", message, root)
        return
    if not sound:
        entries: Any = validator.error_log  # iterable, which its stubs do not know
        for entry in entries:
            message = entry.message.replace("{" + NAMESPACES["odm"] + "}", "")
            yield Fault(Severity.ERROR, "define-schema", message, entry.path or "", entry.line)


def _definitions(root: etree._Element) -> Iterator[tuple[str, str, etree._Element]]:
    """Yield kind, OID and element of everything that can be referred to."""
    for kind in dict.fromkeys(_REFERENCES.values()):
        for element in root.iter(element_name(kind)):
            yield kind, element.get("OID") or element.get("ID") or "", element


def _references(root: etree._Element) -> Iterator[tuple[str, str, etree._Element]]:
    """Yield kind, OID and place of every reference."""
    kinds = {attribute_name(name): kind for name, kind in _REFERENCES.items()}
    for element in root.iter("{*}*"):
        for name, value in element.attrib.items():
            if name in kinds:
                yield kinds[str(name)], str(value), element


def _duplicates(root: etree._Element) -> Iterator[Fault]:
    """Yield every OID that is defined twice, and every codelist name that is."""
    seen: set[str] = set()
    names = (("codelist name", item.get("Name", ""), item) for item in root.iter(element_name("CodeList")))
    for kind, oid, element in (*_definitions(root), *names):
        key = oid if kind != "codelist name" else f"codelist name {oid}"
        if key in seen:
            yield _fault(Severity.ERROR, "define-oid-twice", f"{key} is there twice", element)
        seen.add(key)


def _terms(root: etree._Element) -> Iterator[Fault]:
    """Yield every value that is twice in its codelist."""
    for code_list in root.iter(element_name("CodeList")):
        seen: set[str] = set()
        for item in code_list.iterchildren(element_name("CodeListItem"), element_name("EnumeratedItem")):
            value = item.get("CodedValue", "")
            if value in seen:
                message = f"{value!r} is twice in codelist {code_list.get('OID')}"
                yield _fault(Severity.ERROR, "define-term-twice", message, item)
            seen.add(value)


def _dangling(root: etree._Element) -> Iterator[Fault]:
    """Yield every reference to something that is not defined."""
    defined = {(kind, oid) for kind, oid, _ in _definitions(root)}
    for kind, oid, element in _references(root):
        if (kind, oid) not in defined:
            message = f"there is no {kind} {oid}"
            yield _fault(Severity.ERROR, "define-oid-missing", message, element)


def _unused(root: etree._Element) -> Iterator[Fault]:
    """Yield every definition that nothing refers to."""
    used = {(kind, oid) for kind, oid, _ in _references(root)}
    for kind, oid, element in _definitions(root):
        if (kind, oid) not in used and kind not in _ALWAYS_USED:
            message = f"nothing uses {kind} {oid}"
            yield _fault(Severity.WARNING, "define-unused", message, element)


def _broken(root: etree._Element) -> Iterator[Fault]:
    """Yield the elements that break one of the rules beyond the schema."""
    for rule in _RULES:
        for element in root.xpath(rule.faults, namespaces=NAMESPACES):  # type: ignore[union-attr]
            assert isinstance(element, etree._Element)  # noqa: S101, SLF001
            yield _fault(rule.severity, rule.name, rule.message, element)


def _cross(root: etree._Element) -> Iterator[Fault]:
    """Yield what only shows when a definition and its references are seen together."""
    items = {element.get("OID", ""): element for element in root.iter(element_name("ItemDef"))}
    lists = {element.get("OID", ""): element for element in root.iter(element_name("def:ValueListDef"))}
    for reference in root.iter(element_name("ItemRef")):
        item = items.get(reference.get("ItemOID", ""))
        if item is not None:
            yield from _item_faults(reference, item, _values(item, items, lists))


def _values(
    item: etree._Element, items: dict[str, etree._Element], lists: dict[str, etree._Element]
) -> list[etree._Element]:
    """Return the value-level definitions under a variable."""
    reference = item.find("def:ValueListRef", NAMESPACES)
    found = None if reference is None else lists.get(reference.get("ValueListOID", ""))
    oids = (
        [] if found is None else [child.get("ItemOID", "") for child in found.iter(element_name("ItemRef"))]
    )
    return [items[oid] for oid in oids if oid in items]


def _item_faults(
    reference: etree._Element, item: etree._Element, values: list[etree._Element]
) -> Iterator[Fault]:
    """Yield the faults of a variable as its dataset refers to it."""
    at = item.get("OID")
    origins = _origins(item)
    if not origins and not (values and all(_origins(value) for value in values)):
        yield _fault(Severity.ERROR, "define-origin", f"{at} has no origin, nor has each of its values", item)
    if "Derived" in origins and not reference.get("MethodOID") and not values:
        yield _fault(Severity.WARNING, "define-method", f"{at} is derived and names no method", item)
    if reference.get(attribute_name("def:HasNoData")) and not item.get(attribute_name("def:CommentOID")):
        yield _fault(Severity.ERROR, "define-no-data", f"{at} has no data and no comment says why", item)
    for value in values:
        if origins and _origins(value) and origins != _origins(value):
            message = f"{at} and {value.get('OID')} have different origins"
            yield _fault(Severity.ERROR, "define-origin", message, item)
        if _length(value) > _length(item) > 0:
            message = f"{value.get('OID')} is longer than {item.get('OID')}"
            yield _fault(Severity.ERROR, "define-length", message, value)


def _origins(item: etree._Element) -> set[str]:
    return {origin.get("Type", "") for origin in item.iterfind("def:Origin", NAMESPACES)}


def _length(item: etree._Element) -> int:
    text = item.get("Length", "")
    return int(text) if text.isdecimal() else 0


def _version(root: etree._Element) -> Iterator[Fault]:
    """Yield that a file of version 2.0 is checked in part only."""
    message = "this is Define-XML 2.0: its OIDs are checked, not its schema nor what version 2.1 adds"
    yield _fault(Severity.NOTICE, "define-version", message, root)


_CHECKS: tuple[Callable[[etree._Element], Iterator[Fault]], ...] = (
    _schema,
    _duplicates,
    _terms,
    _dangling,
    _unused,
    _broken,
    _cross,
)
_OLD_CHECKS = (_version, _duplicates, _dangling, _unused)
