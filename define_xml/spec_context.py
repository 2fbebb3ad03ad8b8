"""What the sheets of a specification say of one another, as it follows from a define.xml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from trialbridge.define_xml.schema import NAMESPACES, attribute_name, element_name
from trialbridge.define_xml.spec_columns import Context, usual_name

KINDS = {
    "STD.": ("def:Standard", "OID"),
    "CL.": ("CodeList", "OID"),
    "MT.": ("MethodDef", "OID"),
    "COM.": ("def:CommentDef", "OID"),
    "WC.": ("def:WhereClauseDef", "OID"),
    "LF.": ("def:leaf", "ID"),
    "RD.": ("arm:ResultDisplay", "OID"),
    "AR.": ("arm:AnalysisResult", "OID"),
}
"""The element of each kind of definition, and the attribute that names it."""

CRF_FILES = {"acrf.pdf", "blankcrf.pdf"}
"""What the annotated CRF is usually called."""

_LANGUAGE = attribute_name("xml:lang")


@dataclass(frozen=True, slots=True)
class Definitions:
    """The elements of a define.xml that rows describe: its datasets by ID, its variables by OID."""

    root: etree._Element
    definitions: etree._Element
    datasets: dict[str, etree._Element]
    items: dict[str, etree._Element]

    def refs(self) -> Iterator[tuple[str, etree._Element]]:
        """Yield each reference to a variable, with the ID of its dataset."""
        for name, group in self.datasets.items():
            for ref in group.iterfind("odm:ItemRef", NAMESPACES):
                yield name, ref


def definitions_of(root: etree._Element) -> Definitions:
    """Return the elements of the ODM element `root` that rows describe."""
    found = root.find("odm:Study/odm:MetaDataVersion", NAMESPACES)
    assert found is not None  # noqa: S101 -- the model always has one
    groups = found.findall("odm:ItemGroupDef", NAMESPACES)
    names = _unique([(group.get("Name", ""), group.get("OID", "")) for group in groups])
    items: dict[str, etree._Element] = {}
    for item in found.iterfind("odm:ItemDef", NAMESPACES):
        items.setdefault(item.get("OID", ""), item)
    return Definitions(root, found, dict(zip(names, groups, strict=True)), items)


def _unique(pairs: list[tuple[str, str]]) -> list[str]:
    """Return the first of each pair, or the second where the first is there twice."""
    counts = Counter(name for name, _ in pairs)
    return [name if counts[name] == 1 else other for name, other in pairs]


def context_of(file: Definitions, *, is_2_0: bool) -> Context:
    """Return what the sheets of `file` will say of one another."""
    oids = {kind: _ids(file.definitions, kind) for kind in KINDS}
    items: dict[tuple[str, str], str] = {}
    places: dict[str, tuple[str, str]] = {}
    for name, ref in file.refs():
        oid = ref.get("ItemOID", "")
        if oid in file.items:
            place = (name, file.items[oid].get("Name", ""))
            items.setdefault(place, oid)
            places.setdefault(oid, place)
    return Context(
        language=_language(file.root),
        is_2_0=is_2_0,
        oids=oids,
        names={kind: {oid: name for name, oid in pairs.items()} for kind, pairs in oids.items()},
        items=items,
        places=places,
        keys=dict(_keys(file)),
        lists=_lists(file, places),
        crf=_crf(file.definitions),
    )


def _crf(definitions: etree._Element) -> str:
    """Return the OID of the annotated CRF; where none is said to be it, of the file with its usual name."""
    said = definitions.find("def:AnnotatedCRF/def:DocumentRef", NAMESPACES)
    if said is not None:
        return said.get("leafID", "")
    usual = (
        leaf.get("ID", "")
        for leaf in definitions.iterfind("def:leaf", NAMESPACES)
        if leaf.get(attribute_name("xlink:href"), "").rpartition("/")[2].lower() in CRF_FILES
    )
    return next(usual, "")


def _ids(definitions: etree._Element, kind: str) -> dict[str, str]:
    """Return the OID of each ID of one kind of definition."""
    tag, attribute = KINDS[kind]
    direct = (
        definitions.iter(element_name(tag))
        if tag != "def:leaf"
        else definitions.iterfind("def:leaf", NAMESPACES)
    )
    oids = list(dict.fromkeys(element.get(attribute, "") for element in direct))
    names = _unique([(usual_name(kind, oid), oid) for oid in oids])
    return dict(zip(names, oids, strict=True))


def _language(root: etree._Element) -> str:
    """Return the language that most texts are in; none, where they name none."""
    said = Counter(text.get(_LANGUAGE, "") for text in root.iter(element_name("TranslatedText")))
    return said.most_common(1)[0][0] if said else "en"


def _keys(file: Definitions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the key variables of each dataset that has them in order and by name."""
    for name, group in file.datasets.items():
        refs = [ref for ref in group.iterfind("odm:ItemRef", NAMESPACES) if ref.get("KeySequence")]
        pairs = [(ref.get("KeySequence", ""), _name(file, ref)) for ref in refs]
        ordered = sorted(pairs, key=lambda pair: (len(pair[0]), pair[0]))
        numbers, names = [number for number, _ in ordered], [variable for _, variable in ordered]
        others = [_name(file, ref) for ref in group.iterfind("odm:ItemRef", NAMESPACES)]
        is_plain = all(others.count(variable) == 1 and variable and "," not in variable for variable in names)
        if names and is_plain and numbers == [str(number) for number in range(1, len(names) + 1)]:
            yield name, tuple(names)


def _name(file: Definitions, ref: etree._Element) -> str:
    item = file.items.get(ref.get("ItemOID", ""))
    return "" if item is None else item.get("Name", "")


def _lists(file: Definitions, places: dict[str, tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the value list of each variable: the first variable of those that share one."""
    found: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    defined = {element.get("OID") for element in file.definitions.iterfind("def:ValueListDef", NAMESPACES)}
    for oid, item in file.items.items():
        ref = item.find("def:ValueListRef", NAMESPACES)
        target = "" if ref is None else ref.get("ValueListOID", "")
        if target in defined and target not in taken and oid in places:
            found[places[oid]] = target
            taken.add(target)
    return found


def position_of(tags: Iterable[etree._Element], usual: Iterable[etree._Element]) -> dict[etree._Element, str]:
    """Return the number of each element in the file; nothing, where they stand in the usual order."""
    real = list(tags)
    if real == list(usual):
        return {}
    return {element: str(number) for number, element in enumerate(real, start=1)}


def usual_items(file: Definitions) -> list[etree._Element]:
    """Return the variables in the order of their rows: of datasets, then of no dataset, then of values."""
    of_datasets = [ref.get("ItemOID", "") for _, ref in file.refs()]
    lists = file.definitions.iterfind("def:ValueListDef", NAMESPACES)
    of_values = [ref.get("ItemOID", "") for part in lists for ref in part.iterfind("odm:ItemRef", NAMESPACES)]
    used = {*of_datasets, *of_values}
    of_nothing = [oid for oid in file.items if oid not in used]
    order = dict.fromkeys((*of_datasets, *of_nothing, *of_values))
    return [file.items[oid] for oid in order if oid in file.items]
