"""Read FHIR: files, folders and archives to batches of single resources; one resource again for `why`.

found, findings = sources([Path("export")])
for source in found:
    for start, stop in ranges(source):            # independent of each other: a process each
        for item in resources(source, start, stop):
            ...                                   # a Batch, or a Finding about what could not be read
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import accumulate, count
from operator import add, methodcaller

from trialbridge.converters.fhir_bytes import BOM, Source, content, is_gzip, line_start, pieces, ranges
from trialbridge.converters.fhir_entries import (
    BLANKS,
    Batch,
    Gatherer,
    Opened,
    Place,
    array_elements,
    bundle_entries,
    follow,
    open_document,
    open_resource,
    parent_key,
)
from trialbridge.converters.fhir_files import sources
from trialbridge.converters.fhir_json import NOT_JSON, check_utf8, json_finding, resource_type
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

__all__ = ["Batch", "Source", "json_finding", "parent_key", "ranges", "read_resource", "resources", "sources"]

_FIRST_KEY = re.compile(rb'\{\s*"resourceType"\s*:\s*"(\w+)"')
_ENVELOPES = frozenset({"Bundle", "Parameters"})


def resources(
    source: Source, start: int = 0, stop: int | None = None, *, decoded: Collection[str] = ()
) -> Iterator[Batch | Finding]:
    r"""Yield the resources of a source in batches, and a finding for each thing that could not be read.

    Args:
        source: One of `sources`.
        start: First byte of one of its `ranges`: lines that begin from here on are read.
        stop: Byte after the last one of that range; ``None`` to the end.
        decoded: Resource types that the caller decodes itself. A line of such a type is told by its first
            key and not parsed here; where the caller's decoding fails, `json_finding` says it.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "export.ndjson")
        ...     _ = file.write_text('{"resourceType":"Patient","id":"p1"}\n{"resourceType":"Pat')
        ...     batch, finding = resources(sources([file])[0][0])
        >>> batch.type, batch.position, finding.rule
        ('Patient', [0], 'json-truncated')
    """
    if source.form == "ndjson":
        yield from _lines(source, start, stop, decoded)
    else:
        text, findings = content(source)
        yield from findings
        gatherer = Gatherer()
        yield from _gathered(gatherer, open_document(Place(source, source.scope), text, source.form))
        yield from gatherer.take()


def read_resource(source: Source, position: int, within: str = "") -> bytes:
    """Return the JSON text of one resource, read again from where a `Batch` says that it stands.

    Raises:
        ReadError: There is nothing at that place, as after a change of the file.
    """
    try:
        return _reread(source, position, within)
    except (*NOT_JSON, LookupError, OSError, ValueError) as error:
        raise ReadError(source.name, f"no resource at {position} {within}".rstrip(), position) from error


def _reread(source: Source, position: int, within: str) -> bytes:
    place = Place(source, position=position, within=within)
    if source.form == "ndjson":
        return follow(place, _line_at(source, position))
    text = content(source)[0]
    if source.form == "resource":
        return follow(place, text)
    if source.form == "array":
        return follow(place, bytes(array_elements(place, text)[0][position]))
    entry = bytes(bundle_entries(place, text)[0][position])
    return follow(place, follow(place._replace(within="resource"), entry))


def _line_at(source: Source, position: int) -> bytes:
    if not source.member and not is_gzip(source):
        with source.path.open("rb") as file:
            file.seek(position)
            return file.readline().strip()
    for block in _blocks(source, 0, None):
        if not isinstance(block, Finding) and position <= block[0] + len(block[1]):
            return block[1][position - block[0] :].partition(b"\n")[0].strip()
    raise LookupError(position)


def _lines(
    source: Source, start: int, stop: int | None, decoded: Collection[str]
) -> Iterator[Batch | Finding]:
    gatherer = Gatherer()
    for block in _blocks(source, start, stop):
        if isinstance(block, Finding):
            yield block
        else:
            yield from _block(source, *block, decoded, gatherer)
    yield from gatherer.take()


def _blocks(source: Source, start: int, stop: int | None) -> Iterator[tuple[int, bytes] | Finding]:
    """Yield blocks of whole lines, without the last line end, each with its byte offset."""
    try:
        offset = line_start(source.path, start)
        end = None if stop is None else line_start(source.path, stop)
    except OSError as error:
        yield Finding(Severity.ERROR, "path-unreadable", error.strerror or str(error), source=source.name)
        return
    parts: list[bytes] = []
    damage: list[Finding] = []
    for piece in pieces(source, offset, end):
        if isinstance(piece, Finding):
            damage.append(piece)
            continue
        head, line_end, tail = piece.rpartition(b"\n")
        if line_end:
            text = b"".join([*parts, head])
            yield _without_mark(offset, text)
            offset += len(text) + 1
            parts = []
        parts.append(tail)
    if any(parts):
        yield _without_mark(offset, b"".join(parts))
    yield from damage


def _without_mark(offset: int, text: bytes) -> tuple[int, bytes]:
    marked = offset == 0 and text.startswith(BOM)
    return (len(BOM), text[len(BOM) :]) if marked else (offset, text)


def _block(
    source: Source, offset: int, text: bytes, decoded: Collection[str], gatherer: Gatherer
) -> Iterator[Batch | Finding]:
    lines = text.split(b"\n")
    positions = list(map(add, accumulate(map(len, lines[:-1]), initial=offset), count()))
    type_ = _one_type(text, lines, decoded)
    if not type_:
        for line, position in zip(lines, positions, strict=True):
            if line.strip():
                yield from _gathered(gatherer, open_resource(Place(source, position=position), line.strip()))
        return
    yield from gatherer.take(type_)
    for begin in range(0, len(lines), len(BLANKS)):
        data = lines[begin : begin + len(BLANKS)]
        blanks = BLANKS[: len(data)]
        yield Batch(type_, "", data, positions[begin : begin + len(BLANKS)], blanks, blanks, blanks)


def _one_type(text: bytes, lines: list[bytes], decoded: Collection[str]) -> str:
    """Return the type of all lines where each is plainly one whole resource of that type, else empty text."""
    first = _FIRST_KEY.match(text)
    if not first or b"\r" in text or b'"contained"' in text:
        return ""
    type_, prefix = first[1].decode(), first[0]
    if type_ in _ENVELOPES or not all(map(methodcaller("startswith", prefix), lines)):
        return ""
    try:
        check_utf8(text)
        checked = type_ in decoded or all(resource_type(line) == type_ for line in lines)
    except NOT_JSON:
        return ""
    return type_ if checked else ""


def _gathered(gatherer: Gatherer, opened: Iterator[Opened | Finding]) -> Iterator[Batch | Finding]:
    for item in opened:
        full = item if isinstance(item, Finding) else gatherer.add(item)
        if full is not None:
            yield full
