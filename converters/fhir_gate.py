"""The output gate: what FHIR forbids, and its libraries let pass, in the text of what was written.

It looks at text: whatever has been looked at once, in an element of the same type, is not looked at again.
Most of a resource is what others have too, so that few of its parts are ever decoded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec
import pyarrow as pa

from trialbridge.carriage import RECORD
from trialbridge.elements import PRIMITIVES, Element, Version, elements, wire
from trialbridge.findings import Finding, Severity
from trialbridge.lexical import is_legal
from trialbridge.timing import before, parse_dtc
from trialbridge.versions import INVARIANTS

Node = Mapping[str, bytes]
MOST = 2**15
"""Texts of one element that are remembered."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
_EMPTY = frozenset({b"{}", b"[]", b"null", b'""'})
_ZONED = len("2014-01-02T08:00:00")
_ID = re.compile(rb'"[A-Za-z0-9.-]{1,64}"')
_NUMBER = re.compile(rb"-?[0-9.eE+-]+")


class Lines(Protocol):
    """Resources of one type, as text."""

    @property
    def kind(self) -> str:
        """Resource type."""

    def lines(self) -> Iterable[bytes]:
        """Return each resource as JSON."""


class Fault(NamedTuple):
    """One thing that is wrong: the rule, the place, a sentence, and the value."""

    rule: str
    path: str
    message: str
    value: str = ""


class Looked(NamedTuple):
    """What was found in a text: what is wrong, and the references there, each with its place."""

    faults: tuple[Fault, ...] = ()
    references: tuple[tuple[str, str], ...] = ()


FINE = Looked()


def check_resources(
    written: Sequence[Lines], version: Version, elsewhere: frozenset[str] = frozenset()
) -> list[Finding]:
    """Return what is wrong in resources that are about to be handed over.

    Looked at are empty nodes, unknown elements, cardinality, required elements, choices, closed codes,
    lexical forms, the invariants ext-1, obs-6, mad-1 and per-1, ids, and where relative references lead.

    Args:
        written: The resources.
        version: The release they are written in.
        elsewhere: ``Type/id`` of resources that stand outside of `written`.
    """
    gate = Gate(version)
    return gate.check([(part.kind, line) for part in written for line in part.lines()], set(elsewhere))


@dataclass
class Gate:
    """Looks at resources of one release, and remembers what it has seen."""

    version: Version
    kinds: dict[str, _Kind | None] = field(default_factory=dict)

    def check(self, resources: Iterable[tuple[str, bytes]], known: set[str]) -> list[Finding]:
        """Return what is wrong in some resources.

        Args:
            resources: Type and text of each.
            known: ``Type/id`` of what references may lead to elsewhere; these resources are added.
        """
        findings: list[Finding] = []
        references: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        for kind, text in resources:
            name, looked = self.look(kind, text)
            if name in known:
                findings.append(finding_of(name, kind, Fault("fhir-id", ".id", "two resources have one id")))
            known.add(name)
            if looked.references:
                references.append((name, looked.references))
            findings += [finding_of(name, kind, fault) for fault in looked.faults]
        for name, some in references:
            for place, target in some:
                if target not in known:
                    fault = Fault("fhir-reference", place, "leads to no resource", target)
                    findings.append(finding_of(name, name.partition("/")[0], fault))
        return findings

    def look(self, kind: str, text: bytes) -> tuple[str, Looked]:
        """Return ``Type/id`` of a resource, and what was found in it."""
        fields = _FIELDS.decode(text)
        fields.pop("resourceType", None)
        name = f"{kind}/{bytes(fields.get('id', b''))[1:-1].decode()}"
        return name, self._fields(self._kind(kind), fields)

    def element(self, kind: str, name: str, text: bytes) -> Looked:
        """Return what was found in the text of one element of a resource."""
        known = self._kind(kind)
        place = None if known is None else known.places.get(name)
        return FINE if place is None else place.seen.get(text) or self._unseen(place, text, name)

    def presence(self, kind: str, names: tuple[str, ...]) -> tuple[Fault, ...]:
        """Return what is wrong with a set of elements of a resource."""
        known = self._kind(kind)
        return () if known is None else known.present(names)

    def _kind(self, name: str) -> _Kind | None:
        if name not in self.kinds:
            try:
                known = elements(name, self.version)
            except LookupError:
                self.kinds[name] = None
            else:
                self.kinds[name] = _Kind(name, {one: _Place(element) for one, element in known.items()})
        return self.kinds[name]

    def _fields(self, kind: _Kind | None, fields: Mapping[str, msgspec.Raw]) -> Looked:
        if kind is None:
            return FINE
        faults = kind.present(tuple(fields))
        references = _reference(fields) if kind.name == "Reference" else ()
        places = kind.places
        for name, raw in fields.items():
            if (place := places.get(name)) is not None:
                text = bytes(raw)
                looked = place.seen.get(text) or self._unseen(place, text, name)
                if looked is not FINE:
                    faults += looked.faults
                    references += looked.references
        for check in INVARIANT_CHECKS.get(kind.name, ()):
            faults += tuple(check({name: bytes(raw) for name, raw in fields.items()}))
        return Looked(faults, references) if faults or references else FINE

    def _unseen(self, place: _Place, text: bytes, name: str) -> Looked:
        """Return what was found in a text that is new, or that nothing else has."""
        lone = (name == "extension" and _carries(text)) or (name == "id" and _ID.fullmatch(text))
        return FINE if lone else self._element(place, text, name)

    def _element(self, place: _Place, text: bytes, name: str) -> Looked:
        """Return what was found in an element, and remember it unless nothing else has the same."""
        element = place.element
        if text in _EMPTY:
            found = _wrong("fhir-empty", f".{name}", "an empty element is no element")
        elif (text[:1] == b"[") != element.many:
            message = "a list where there is one, or one where there is a list"
            found = _wrong("fhir-cardinality", f".{name}", message)
        elif element.many:
            found = _merged(
                self._repeated(place, bytes(raw), f".{name}[{number}]")
                for number, raw in enumerate(_ITEMS.decode(text))
            )
        else:
            found = self._single(element, text, f".{name}")
        if element.type != "id" and RECORD.encode() not in text:  # what carries a record is there once
            place.remember(place.seen, text, found)
        return found

    def _repeated(self, place: _Place, text: bytes, path: str) -> Looked:
        looked = place.items.get(text)
        if looked is None:
            if place.element.type == "Extension" and _carries(b"[%s]" % text):
                return FINE
            looked = self._single(place.element, text, "")
            place.remember(place.items, text, looked)
        return _below(looked, path)

    def _single(self, element: Element, text: bytes, path: str) -> Looked:
        if element.type in PRIMITIVES:
            return _primitive(element, text, path)
        if text[:1] != b"{" or text == b"{}":
            return _wrong("fhir-empty", path, f"a {element.type} is an object with something in it")
        return _below(self._fields(self._kind(element.type), _FIELDS.decode(text)), path)


@dataclass
class _Place:
    """One element of a type, and what was found in the texts that stood there."""

    element: Element
    seen: dict[bytes, Looked] = field(default_factory=dict)
    items: dict[bytes, Looked] = field(default_factory=dict)

    @staticmethod
    def remember(known: dict[bytes, Looked], text: bytes, looked: Looked) -> None:
        """Keep what was found in a text, and no more of it than fits."""
        if len(known) >= MOST:
            known.clear()
        known[text] = looked


@dataclass
class _Kind:
    """One type: its elements, and which sets of them were found to be right or wrong."""

    name: str
    places: Mapping[str, _Place]
    presence: dict[tuple[str, ...], tuple[Fault, ...]] = field(default_factory=dict)

    def present(self, names: tuple[str, ...]) -> tuple[Fault, ...]:
        """Return what is wrong with a set of elements."""
        faults = self.presence.get(names)
        if faults is None:
            faults = self.presence[names] = tuple(_presence(self, names))
        return faults


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """A part of the documented extension."""

    url: str
    valueString: str | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 -- FHIR's name
    valueDecimal: float | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 -- FHIR's name


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    """The documented extension."""

    url: str
    extension: list[_Part]


_RECORDS = msgspec.json.Decoder(tuple[_Record])
_START = b'[{"url":"%s","extension":[{' % RECORD.encode()


def _carries(text: bytes) -> bool:
    """Return whether a text is the documented extension alone, with nothing wrong."""
    if not text.startswith(_START) or b"\\u00" in text:
        return False
    try:
        parts = _RECORDS.decode(text)[0].extension
    except msgspec.MsgspecError:
        return False
    for part in parts:
        said = part.valueString
        if (said is msgspec.UNSET) == (part.valueDecimal is msgspec.UNSET) or not part.url:
            return False
        if said is not msgspec.UNSET and (not said or said.isspace()):
            return False
    return True


def _wrong(rule: str, path: str, message: str, value: str = "") -> Looked:
    return Looked((Fault(rule, path, message, value),))


def _below(looked: Looked, path: str) -> Looked:
    """Return what was found, with the place where it was found."""
    if looked is FINE or not path:
        return looked
    return Looked(
        tuple(fault._replace(path=path + fault.path) for fault in looked.faults),
        tuple((path + place, target) for place, target in looked.references),
    )


def _merged(some: Iterable[Looked]) -> Looked:
    parts = [one for one in some if one is not FINE]
    if not parts:
        return FINE
    return Looked(
        tuple(fault for one in parts for fault in one.faults),
        tuple(reference for one in parts for reference in one.references),
    )


def finding_of(resource: str, kind: str, fault: Fault) -> Finding:
    """Return a fault of a resource as a finding."""
    return Finding(
        Severity.ERROR,
        fault.rule,
        fault.message,
        resource=resource,
        path=kind + fault.path,
        value=fault.value[:80],
    )


def _primitive(element: Element, text: bytes, path: str) -> Looked:
    value = _value(wire(element), text)
    if value is None or not is_legal(element.type, value):
        return _wrong("fhir-form", path, f"no {element.type}", text.decode().strip('"'))
    if element.codes and value not in element.codes:
        return _wrong("fhir-binding", path, "a code outside of the required value set", value)
    return FINE


def _value(form: str, text: bytes) -> str | None:
    """Return the value that a text is; none where it has another form in JSON."""
    if form == "text":
        return _STRING.decode(text) if text[:1] == b'"' else None
    if form == "bool":
        return text.decode() if text in {b"true", b"false"} else None
    return text.decode() if _NUMBER.fullmatch(text) else None


def _presence(kind: _Kind, names: Sequence[str]) -> Iterator[Fault]:
    """Yield elements that are unknown, or required and not there, and choices that are there twice."""
    groups: dict[str, list[Element]] = defaultdict(list)
    for name, place in kind.places.items():
        groups[place.element.choice or name].append(place.element)
    for group, members in groups.items():
        there = [member.name for member in members if member.name in names]
        if len(there) > 1:
            yield Fault("fhir-choice", f".{group}", f"{' and '.join(there)}: only one may be there")
        if not there and any(member.required for member in members):
            yield Fault("fhir-required", f".{group}", f"{kind.name} requires it")
    for some in INVARIANTS.get(kind.name, ()):
        if not any(name in names for name in some):
            yield Fault("fhir-invariant", "", f"one of {', '.join(some)} has to be there")
    yield from (
        Fault("fhir-unknown-element", f".{name}", f"{kind.name} has no such element")
        for name in names
        if name not in kind.places
    )
    for check in PRESENCE_CHECKS.get(kind.name, ()):
        yield from check(names)


def _reference(fields: Mapping[str, msgspec.Raw]) -> tuple[tuple[str, str], ...]:
    """Return where a relative reference leads."""
    text = bytes(fields.get("reference", b'""'))
    if text[:1] != b'"' or text == b'""':
        return ()
    target = _STRING.decode(text)
    return () if ":" in target or target.startswith("#") else ((".reference", target),)


def _ext_1(names: Sequence[str]) -> Iterator[Fault]:
    if ("extension" in names) == any(name.startswith("value") for name in names):
        yield Fault("fhir-ext-1", "", "an extension has a value or extensions, and not both")


def _obs_6(names: Sequence[str]) -> Iterator[Fault]:
    if "dataAbsentReason" in names and any(name.startswith("value") for name in names):
        yield Fault("fhir-obs-6", "", "a reason why there is no value, beside a value")


def _per_1(node: Node) -> Iterator[Fault]:
    start, end = (node.get(name, b'""')[1:-1].decode() for name in ("start", "end"))
    if start and end and _over(end, start):
        yield Fault("fhir-per-1", "", "ends before it starts", end)


def _over(end: str, start: str) -> bool:
    """Return whether a moment is over before another begins, at the precision that both have."""
    if "T" in end and "T" in start:
        if end[_ZONED:] == start[_ZONED:]:  # of one zone, and to the second
            return end < start
        return bool(before(*(parse_dtc(pa.array([one])) for one in (end, start))).any())
    shared = min(len(end), len(start), len("2014-01-02"))
    return end[:shared] < start[:shared]


PRESENCE_CHECKS: Mapping[str, tuple[Callable[[Sequence[str]], Iterator[Fault]], ...]] = {
    "Extension": (_ext_1,),
    "Observation": (_obs_6,),
    "Observation.component": (_obs_6,),
}
"""Type -> what FHIR demands of which of its elements are there."""

INVARIANT_CHECKS: Mapping[str, tuple[Callable[[Node], Iterator[Fault]], ...]] = {"Period": (_per_1,)}
"""Type -> what FHIR demands of their values."""
