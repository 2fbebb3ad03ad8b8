"""FHIR JSON to single resources: Bundles, Parameters and contained resources are opened.

A Bundle is an envelope: its entries are handed on, the Bundle itself is not. A Parameters resource, and a
resource with contained ones, are handed on whole, and what they hold once more, each with its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from trialbridge.converters.fhir_bytes import Source
from trialbridge.converters.fhir_json import (
    NOT_JSON,
    check_utf8,
    elements_in,
    fault,
    json_finding,
    resource_type,
)
from trialbridge.findings import Finding, Severity

DEEPEST = 16
"""How many envelopes (Bundle in Bundle, part in part) may lie inside each other."""

_TOO_DEEP = f"more than {DEEPEST} envelopes inside each other; not read"

BLANKS = ("",) * 256
"""A column of empty text, shared by every batch that needs one."""


class Batch(NamedTuple):
    """Resources of one type and one identity space, at most 256, in file order; one list a column.

    Attributes:
        type: The resource type, such as ``Observation``.
        scope: The identity space of the ids: the base URL of a server, ``sha256:`` and the start of a
            Bundle's content hash, or empty for NDJSON and single resources (one server, the whole input).
        data: JSON text of each resource.
        position: NDJSON: byte offset of the line in the decompressed file; Bundle or array: index of the
            entry, from 0; single resource: 0.
        within: Path from there to the resource, such as ``contained[0]`` or ``entry[3].resource``; mostly
            empty.
        full_url: ``Bundle.entry.fullUrl``, or empty.
        parent: For a contained resource the key of the resource that contains it (see `parent_key`), else
            empty.
    """

    type: str
    scope: str
    data: list[bytes]
    position: list[int]
    within: Sequence[str]
    full_url: Sequence[str]
    parent: Sequence[str]


class Place(NamedTuple):
    """Where a resource stands: the columns of `Batch` without type and data, and the source."""

    source: Source
    scope: str = ""
    position: int = 0
    within: str = ""
    full_url: str = ""
    parent: str = ""

    def inside(self, step: str) -> Place:
        """Return the place that `step` leads to from here."""
        return self._replace(within=f"{self.within}.{step}" if self.within else step)

    def finding(self, severity: Severity, rule: str, message: str) -> Finding:
        """Return a finding that stands here."""
        message = f"{self.source.place(self.position)}: {message}"
        return Finding(severity, rule, message, path=self.within, source=self.source.name)


class Opened(NamedTuple):
    """One resource with its place."""

    type: str
    data: bytes
    place: Place


class _Bundle(msgspec.Struct, gc=False):
    entry: list[msgspec.Raw] = []
    link: Any = None


class _Entry(msgspec.Struct, gc=False, rename="camel"):
    full_url: Any = ""
    resource: msgspec.Raw = msgspec.Raw(b"null")
    request: Any = None


class _Container(msgspec.Struct, gc=False):
    id: Any = ""
    contained: list[msgspec.Raw] = []


class _Parameter(msgspec.Struct, gc=False):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    parameter: list[msgspec.Raw] = []
    part: list[msgspec.Raw] = []


class _Steps(msgspec.Struct, gc=False):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    contained: msgspec.Raw = msgspec.Raw(b"null")
    parameter: msgspec.Raw = msgspec.Raw(b"null")
    part: msgspec.Raw = msgspec.Raw(b"null")


_bundle = msgspec.json.Decoder(_Bundle).decode
_entry = msgspec.json.Decoder(_Entry).decode
_container = msgspec.json.Decoder(_Container).decode
_parameter = msgspec.json.Decoder(_Parameter).decode
_steps = msgspec.json.Decoder(_Steps).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parent_key(place: Place, type_: str, id_: str) -> str:
    """Return the key by which a contained resource names the resource that contains it.

    That is ``Type/id``; without an id the fullUrl; without both ``Type/@`` and the place, which is unique in
    its file but never written in a reference.

    Example:
        >>> from pathlib import Path
        >>> parent_key(Place(Source("a.json", Path("a.json")), position=4), "AdverseEvent", "d1e5")
        'AdverseEvent/d1e5'
        >>> parent_key(Place(Source("a.json", Path("a.json")), position=4), "AdverseEvent", "")
        'AdverseEvent/@4'
    """
    if id_:
        return f"{type_}/{id_}"
    return place.full_url or f"{type_}/@{'.'.join(filter(None, (str(place.position), place.within)))}"


def content_scope(data: bytes) -> str:
    """Return the identity space of a Bundle that names no server: equal for equal content, whatever its file.

    Example:
        >>> content_scope(b'{"resourceType":"Bundle"}') == content_scope(b'{"resourceType":"Bundle"} ')
        True
    """
    return f"sha256:{hashlib.sha256(data.strip()).hexdigest()[:16]}"


def server_of(full_url: str, type_: str) -> str:
    """Return the base URL in an absolute http(s) fullUrl that ends in ``Type/id``, else empty text.

    Example:
        >>> server_of("https://example.org/fhir/Patient/1", "Patient")
        'https://example.org/fhir'
        >>> server_of("urn:uuid:36b0075a-44ae-459c-b1e6-f1ef6a3a0c3d", "Patient")
        ''
    """
    if not full_url.startswith(("http://", "https://")):
        return ""
    base, _, version = full_url.partition("/_history/")
    base, _, id_ = (base if version else full_url).rpartition("/")
    base, _, kind = base.rpartition("/")
    return base if kind == type_ and id_ and base.partition("://")[2] else ""


def open_document(place: Place, data: bytes, form: str) -> Iterator[Opened | Finding]:
    """Yield the resources of a whole file: a Bundle, an array of resources, or one resource."""
    if form == "resource":
        yield from open_resource(place, data)
        return
    elements, findings = bundle_entries(place, data) if form == "bundle" else array_elements(place, data)
    yield from findings
    for position, element in enumerate(elements):
        there = place._replace(position=position)
        yield from _open_entry(there, element) if form == "bundle" else open_resource(there, bytes(element))


def open_resource(place: Place, data: bytes, depth: int = 0) -> Iterator[Opened | Finding]:
    """Yield the resource in `data`, what it contains and wraps, or what is wrong with it."""
    if depth > DEEPEST:
        yield place.finding(Severity.ERROR, "json-too-deep", _TOO_DEEP)
        return
    try:
        found = resource_type(data)
        if found != "Bundle":
            check_utf8(data)
    except NOT_JSON as error:
        yield from _open_broken(place, data, error, depth)
        return
    if not found:
        yield place.finding(
            Severity.ERROR, "resource-type-missing", "a JSON object without a resourceType; not read"
        )
    elif found == "Bundle":
        yield from _open_bundle(place._replace(scope=content_scope(data)), data, depth)
    else:
        server = server_of(place.full_url, found)
        there = place._replace(scope=server) if server else place
        yield Opened(found, data, there)
        if found == "Parameters":
            yield from _open_parameters(there, data, "parameter", depth + 1)
        if b'"contained"' in data:
            yield from _open_contained(there, found, data, depth)


def _open_broken(place: Place, data: bytes, error: Exception, depth: int) -> Iterator[Opened | Finding]:
    if not any(b'"resource"' in element for element in elements_in(data, b'"entry"')):
        yield json_finding(place.source, place.position, error, place.within, data)
        return
    yield from _open_bundle(place._replace(scope=content_scope(data)), data, depth)


def _open_bundle(place: Place, data: bytes, depth: int) -> Iterator[Opened | Finding]:
    elements, findings = bundle_entries(place, data)
    yield from findings
    for index, element in enumerate(elements):
        yield from _open_entry(place.inside(f"entry[{index}]"), element, depth + 1)


def _open_entry(place: Place, element: bytes | msgspec.Raw, depth: int = 0) -> Iterator[Opened | Finding]:
    try:
        entry = _entry(element)
    except NOT_JSON as error:
        yield json_finding(place.source, place.position, error, place.within, bytes(element))
        return
    data = bytes(entry.resource)
    if data == b"null":
        yield _without_resource(place, entry.request)
        return
    full_url = entry.full_url if isinstance(entry.full_url, str) else ""
    there = place.inside("resource") if place.within else place
    yield from open_resource(there._replace(full_url=full_url), data, depth)


def _without_resource(place: Place, request: object) -> Finding:
    asked = request if isinstance(request, dict) else {}
    said = " ".join(str(asked[key]) for key in ("method", "url") if key in asked)
    found = place.finding(
        Severity.NOTICE,
        "entry-without-resource",
        f"a Bundle entry without a resource{f' ({said})' if said else ''}",
    )
    return replace(found, resource=str(asked.get("url", "")))


def _open_contained(place: Place, type_: str, data: bytes, depth: int) -> Iterator[Opened | Finding]:
    try:
        container = _container(data)
    except NOT_JSON as error:
        yield json_finding(place.source, place.position, error, place.inside("contained").within)
        return
    id_ = container.id if isinstance(container.id, str) else ""
    parent = place.parent or parent_key(place, type_, id_)
    for index, element in enumerate(container.contained):
        there = place.inside(f"contained[{index}]")._replace(parent=parent, full_url="")
        yield from open_resource(there, bytes(element), depth + 1)


def _open_parameters(place: Place, data: bytes, name: str, depth: int) -> Iterator[Opened | Finding]:
    if depth > DEEPEST:
        yield place.finding(Severity.ERROR, "json-too-deep", _TOO_DEEP)
        return
    try:
        parsed = _parameter(data)
    except NOT_JSON as error:
        yield json_finding(place.source, place.position, error, place.inside(name).within)
        return
    if bytes(parsed.resource) != b"null":
        yield from open_resource(
            place.inside("resource")._replace(full_url=""), bytes(parsed.resource), depth
        )
    for index, element in enumerate(parsed.parameter if name == "parameter" else parsed.part):
        yield from _open_parameters(place.inside(f"{name}[{index}]"), bytes(element), "part", depth + 1)


def bundle_entries(place: Place, data: bytes) -> tuple[Sequence[bytes | msgspec.Raw], list[Finding]]:
    """Return the entries of a Bundle, and what was odd; the complete entries where the JSON is broken."""
    try:
        parsed = _bundle(data)
    except NOT_JSON as error:
        return _salvaged(place, data, b'"entry"', error)
    return parsed.entry, _next_page(place, parsed.link)


def array_elements(place: Place, data: bytes) -> tuple[Sequence[bytes | msgspec.Raw], list[Finding]]:
    """Return the elements of a JSON array, and what was odd; the complete ones where the JSON is broken."""
    try:
        return _array(data), []
    except NOT_JSON as error:
        return _salvaged(place, data, None, error)


def _salvaged(
    place: Place, data: bytes, key: bytes | None, error: Exception
) -> tuple[Sequence[bytes | msgspec.Raw], list[Finding]]:
    elements = elements_in(data, key)
    rule, problem = fault(error, data)
    message = f"{problem}; the {len(elements)} complete entries are read one by one"
    if place.within or place.source.form == "ndjson":
        return elements, [place.finding(Severity.ERROR, rule, message)]
    return elements, [Finding(Severity.ERROR, rule, message, source=place.source.name)]


def _next_page(place: Place, links: object) -> list[Finding]:
    message = "the Bundle is one page of a search; its next page is not in it"
    return [
        replace(place.finding(Severity.NOTICE, "bundle-next-page", message), value=str(link.get("url", "")))
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict) and link.get("relation") == "next"
    ]


_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")


def follow(place: Place, data: bytes) -> bytes:
    """Return the JSON text at ``place.within`` inside `data`.

    Raises:
        LookupError: There is no such element.
        msgspec.DecodeError: The JSON on the way is broken.
    """
    for name, index in _STEP.findall(place.within):
        if name == "entry":
            data = bytes(bundle_entries(place, data)[0][int(index)])
            continue
        if name not in _Steps.__struct_fields__:
            raise LookupError(place.within)
        value = getattr(_steps(data), name)
        data = bytes(_array(value)[int(index)] if index else value)
    if data == b"null":
        raise LookupError(place.within)
    return data


class Gatherer:
    """Gathers single resources into batches of one type and scope."""

    def __init__(self, size: int = len(BLANKS)) -> None:
        self._size = size
        self._open: dict[tuple[str, str], list[Opened]] = {}

    def add(self, opened: Opened) -> Batch | None:
        """Return the batch of this resource once it is full, else ``None``."""
        key = (opened.type, opened.place.scope)
        rows = self._open.setdefault(key, [])
        rows.append(opened)
        return _batch(*key, self._open.pop(key)) if len(rows) == self._size else None

    def take(self, type_: str = "", scope: str = "") -> list[Batch]:
        """Return the unfinished batches, or only that of a type and scope, and forget them."""
        keys = [(type_, scope)] if type_ else list(self._open)
        return [_batch(*key, self._open.pop(key)) for key in keys if key in self._open]


def _batch(type_: str, scope: str, rows: list[Opened]) -> Batch:
    return Batch(
        type_,
        scope,
        data=[row.data for row in rows],
        position=[row.place.position for row in rows],
        within=[row.place.within for row in rows],
        full_url=[row.place.full_url for row in rows],
        parent=[row.place.parent for row in rows],
    )
