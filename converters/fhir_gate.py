"""The output gate: what FHIR forbids, and its libraries let pass, in the text of what was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from trialbridge.converters.fhir_values import Bare, decoded
from trialbridge.elements import PRIMITIVES, Element, Version, elements, wire
from trialbridge.findings import Finding, Severity
from trialbridge.lexical import is_legal
from trialbridge.timing import before, parse_dtc
from trialbridge.versions import INVARIANTS

Node = Mapping[str, Any]


class Lines(Protocol):
    """Resources of one type, as text."""

    @property
    def kind(self) -> str:
        """Resource type."""

    def lines(self) -> Iterable[bytes]:
        """Return each resource as JSON."""


class Fault(NamedTuple):
    """One thing that is wrong: the rule, the place, and a sentence."""

    rule: str
    path: str
    message: str
    value: str = ""


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
    known = set(elsewhere)
    findings = []
    resources = [(part.kind, decoded(line)) for part in written for line in part.lines()]
    for kind, resource in resources:
        name = f"{kind}/{resource.get('id')}"
        if name in known:
            findings.append(_finding(name, Fault("fhir-id", f"{kind}.id", "two resources have one id")))
        known.add(name)
    for kind, resource in resources:
        gate = _Gate(version, known)
        findings += [_finding(f"{kind}/{resource.get('id')}", fault) for fault in gate.faults(resource, kind)]
    return findings


def _finding(resource: str, fault: Fault) -> Finding:
    return Finding(
        Severity.ERROR, fault.rule, fault.message, resource=resource, path=fault.path, value=fault.value[:80]
    )


@dataclass(frozen=True)
class _Gate:
    """Looks at one resource."""

    version: Version
    known: set[str]

    def faults(self, resource: Node, kind: str) -> Iterator[Fault]:
        """Yield every fault of a resource."""
        rest = {name: value for name, value in resource.items() if name != "resourceType"}
        yield from self._complex(rest, kind, kind)

    def _complex(self, node: Node, kind: str, path: str) -> Iterator[Fault]:
        try:
            known = elements(kind, self.version)
        except LookupError:
            return
        yield from _presence(node, kind, known, path)
        for check in INVARIANT_CHECKS.get(kind, ()):
            yield from check(node, path)
        if kind == "Reference" and _dangling(node.get("reference"), self.known):
            yield Fault("fhir-reference", f"{path}.reference", "leads to no resource", node["reference"])
        for name, value in node.items():
            element = known.get(name)
            if element is None:
                yield Fault("fhir-unknown-element", f"{path}.{name}", f"{kind} has no such element")
            else:
                yield from self._element(value, element, f"{path}.{name}")

    def _element(self, value: Any, element: Element, path: str) -> Iterator[Fault]:
        if value in ({}, [], None, ""):
            yield Fault("fhir-empty", path, "an empty element is no element")
        elif isinstance(value, list) != element.many:
            yield Fault("fhir-cardinality", path, "a list where there is one, or one where there is a list")
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from self._single(one, element, f"{path}[{number}]")
        else:
            yield from self._single(value, element, path)

    def _single(self, value: Any, element: Element, path: str) -> Iterator[Fault]:
        if element.type not in PRIMITIVES:
            if not isinstance(value, dict) or not value:
                yield Fault("fhir-empty", path, f"a {element.type} is an object with something in it")
            else:
                yield from self._complex(value, element.type, path)
        elif not _formed(value, element):
            yield Fault("fhir-form", path, f"no {element.type}", str(value))
        elif element.codes and value not in element.codes:
            yield Fault("fhir-binding", path, "a code outside of the required value set", str(value))


def _formed(value: Any, element: Element) -> bool:
    kinds = {"raw": Bare, "bool": bool, "text": str}
    return isinstance(value, kinds[wire(element)]) and is_legal(element.type, str(value))


def _presence(node: Node, kind: str, known: Mapping[str, Element], path: str) -> Iterator[Fault]:
    """Yield required elements that are not there, and choices that are there twice."""
    groups: dict[str, list[Element]] = defaultdict(list)
    for name, element in known.items():
        groups[element.choice or name].append(element)
    for group, members in groups.items():
        there = [member.name for member in members if member.name in node]
        if len(there) > 1:
            yield Fault("fhir-choice", f"{path}.{group}", f"{' and '.join(there)}: only one may be there")
        if not there and any(member.required for member in members):
            yield Fault("fhir-required", f"{path}.{group}", f"{kind} requires it")
    for names in INVARIANTS.get(kind, ()):
        if not any(name in node for name in names):
            yield Fault("fhir-invariant", path, f"one of {', '.join(names)} has to be there")


def _dangling(reference: Any, known: set[str]) -> bool:
    if not isinstance(reference, str) or ":" in reference or reference.startswith("#"):
        return False
    return reference not in known


def _ext_1(node: Node, path: str) -> Iterator[Fault]:
    if ("extension" in node) == any(name.startswith("value") for name in node):
        yield Fault("fhir-ext-1", path, "an extension has a value or extensions, and not both")


def _obs_6(node: Node, path: str) -> Iterator[Fault]:
    if "dataAbsentReason" in node and any(name.startswith("value") for name in node):
        yield Fault("fhir-obs-6", path, "a reason why there is no value, beside a value")


def _per_1(node: Node, path: str) -> Iterator[Fault]:
    ends = [parse_dtc(pa.array([node.get(name)], pa.string())) for name in ("end", "start")]
    if before(*ends).any():
        yield Fault("fhir-per-1", path, "ends before it starts", str(node["end"]))


INVARIANT_CHECKS: Mapping[str, tuple[Callable[[Node, str], Iterator[Fault]], ...]] = {
    "Extension": (_ext_1,),
    "Observation": (_obs_6,),
    "Observation.component": (_obs_6,),
    "Period": (_per_1,),
}
"""Type -> what FHIR demands of it beyond its elements."""
