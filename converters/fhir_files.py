"""Files, folders and archives to sources of FHIR JSON: what is there, and what form it has."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG
from zipfile import ZipInfo

from trialbridge.converters.fhir_bytes import (
    BROKEN_ZIP,
    Source,
    content,
    is_gzip,
    open_zip,
)
from trialbridge.converters.fhir_entries import content_scope
from trialbridge.converters.fhir_json import NOT_JSON, keys_of, resource_type
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

_SNIFF = 2**16
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def sources(inputs: Sequence[Path]) -> tuple[list[Source], list[Finding]]:
    """Return what can be read of files, folders and zips, sorted by name, and what cannot.

    Folders are walked to the bottom, links followed, each file read once however often it is named.

    Args:
        inputs: Files and folders. A file that is named itself is looked into whatever it is called;
            in folders and zips only .json, .ndjson and .jsonl count, each also with .gz, and .zip.

    Raises:
        ReadError: An input does not exist, or nothing in any of them is FHIR JSON.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "p1"}')
        ...     found, findings = sources([Path(folder, "Patient.ndjson")])
        >>> [(source.name, source.form) for source in found], findings
        ([('Patient.ndjson', 'ndjson')], [])
    """
    candidates, findings = _candidates(inputs)
    seen = [item for candidate, named in candidates for item in _members(candidate, named=named)]
    findings += [item for item in seen if isinstance(item, Finding)]
    found = [item for item in seen if isinstance(item, Source)]
    if not found:
        first = f": {findings[0].source}: {findings[0].message}" if findings else ""
        raise ReadError(", ".join(map(str, inputs)), f"nothing in it can be read as FHIR JSON{first}")
    return sorted(found, key=lambda source: source.name), findings


def _candidates(inputs: Sequence[Path]) -> tuple[list[tuple[Source, bool]], list[Finding]]:
    names = Counter(path.resolve().name for path in inputs)
    found: list[tuple[Source, bool]] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for path in inputs:
        if not _mode(path):
            raise ReadError(str(path), "there is no such file or folder, or it may not be entered")
        name = path.resolve().name if names[path.resolve().name] == 1 else path.as_posix()
        for item in _walk(path, name, seen):
            if isinstance(item, Finding):
                findings.append(item)
            else:
                found.append((item, S_ISREG(_mode(path))))
    return found, findings


def _walk(path: Path, name: str, seen: set[str]) -> Iterator[Source | Finding]:
    name = name.encode("utf-8", "backslashreplace").decode()  # a name on disk may be no text at all
    real = os.path.realpath(path)
    if real in seen:
        yield _notice("read-once", "the same file or folder is named, or linked to, more than once", name)
    elif S_ISREG(_mode(path)):
        yield Source(name, path)
    elif S_ISDIR(_mode(path)):
        seen.add(real)
        yield from _walk_folder(path, name, seen)
    else:
        yield _error("path-unreadable", "no file and no folder, or a link that leads nowhere", name)
    seen.add(real)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # pathlib's own tests let some of these out
        return 0


def _walk_folder(path: Path, name: str, seen: set[str]) -> Iterator[Source | Finding]:
    try:
        entries = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        yield _error("path-unreadable", error.strerror or str(error), name)
        return
    for entry in entries:
        yield from _walk(path / entry, f"{name}/{entry}", seen)


def _kind(name: str) -> str:
    """Return ``json``, ``lines``, ``zip`` or, for what is not ours, empty text."""
    last = PurePosixPath(name.lower()).name
    if last.startswith(".") or "__macosx" in name.lower():
        return ""
    suffix = PurePosixPath(last.removesuffix(".gz")).suffix
    kinds = {".json": "json", ".ndjson": "lines", ".jsonl": "lines"}
    return "zip" if last.endswith(".zip") else kinds.get(suffix, "")


def _members(candidate: Source, *, named: bool) -> Iterator[Source | Finding]:
    kind = _kind(candidate.name)
    if not kind and not named:
        yield _notice("not-fhir", "by its name no FHIR JSON; not read", candidate.name)
        return
    head, findings = content(candidate, _SNIFF)
    if head.startswith(_ZIP) and (named or kind == "zip"):
        yield from _zip_members(candidate)
    elif kind == "zip":
        yield from findings or [_error("zip-broken", "the file is named .zip and is none", candidate.name)]
    else:
        yield from _inspected(candidate, head, findings)


def _zip_members(candidate: Source) -> Iterator[Source | Finding]:
    try:
        infos = sorted(open_zip(candidate.path).infolist(), key=lambda info: info.filename)
    except BROKEN_ZIP as error:
        yield _error("zip-broken", f"the archive cannot be opened: {error}", candidate.name)
        return
    counts = Counter(info.filename for info in infos)
    for info in infos:
        source = replace(candidate, name=f"{candidate.name}!{info.filename}", member=info.filename)
        problem = next((said for fails, said in _MEMBER_CHECKS if fails(info)), "")
        if counts[info.filename] > 1:
            problem = "several members have this name"
        if info.is_dir():
            continue
        if problem:
            yield _error("zip-member", f"{problem}; not read", source.name)
        elif _kind(info.filename) in {"json", "lines"}:
            yield from _inspected(source, *content(source, _SNIFF))
        else:
            yield _notice("not-fhir", "by its name no FHIR JSON; not read", source.name)


_LEADS_OUT = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)")
_MEMBER_CHECKS: tuple[tuple[Callable[[ZipInfo], bool], str], ...] = (
    (lambda info: bool(info.flag_bits & 1), "the member is encrypted"),
    (
        lambda info: _LEADS_OUT.search(info.filename.replace("\\", "/")) is not None,
        "the member's name leads out of the archive",
    ),
)


_FOREIGN_STARTS = (
    (
        (b"\xff\xfe", b"\xfe\xff", b"{\0", b"[\0", b"\0"),
        "encoding-not-utf8",
        "UTF-16 or UTF-32; FHIR JSON is UTF-8",
    ),
    ((b"<!doctype html", b"<html"), "html-not-json", "an HTML page, such as an error page of a server"),
    ((b"<",), "xml-not-json", "XML; only FHIR in JSON is read"),
)
_FOREIGN_KEYS = {
    "eventId": "the log of a bulk export",
    "transactionTime": "the manifest of a bulk export",
    "index-version": "the index of a FHIR package",
    "dependencies": "the manifest of a FHIR package",
    "datasetJSONVersion": "CDISC Dataset-JSON",
    "protocolSection": "a record of ClinicalTrials.gov",
}
"""Top-level keys of JSON files that lie beside FHIR ones and are no resources."""


def _inspected(candidate: Source, head: bytes, findings: list[Finding]) -> Iterator[Source | Finding]:
    if not head.strip():
        yield from findings or [_error("file-empty", "the file is empty", candidate.name)]
        return
    foreign = _foreign(candidate.name, head)
    if foreign:
        yield foreign
        return
    if is_gzip(candidate) != candidate.name.lower().endswith(".gz"):
        yield _notice(
            "gz-name", "its name and its content differ on gzip compression; read as it is", candidate.name
        )
    by_line = _is_by_line(head, lines=_kind(candidate.name) == "lines")
    text = head if by_line else content(candidate)[0]
    by_line = by_line or _is_by_line(text, lines=False)
    yield _by_line(candidate, text[:_SNIFF]) if by_line else _document(candidate, text)


def _foreign(name: str, head: bytes) -> Finding | None:
    start = head.lstrip()[:64].lower()
    for starts, rule, said in _FOREIGN_STARTS:
        if start.startswith(starts):
            return _error(rule, f"{said}; not read", name)
    if not start.startswith((b"{", b"[")):
        return _error("not-json", "it does not begin as JSON does; not read", name)
    return None


def _is_by_line(text: bytes, *, lines: bool) -> bool:
    """Return whether `text` holds one JSON object a line, its name saying so or not."""
    first, _, rest = text.strip().partition(b"\n")
    if not first.startswith(b"{"):
        return False
    whole = _type_of(first) is not None
    if lines:
        return whole or not rest or rest.lstrip().startswith(b"{")
    return whole and bool(rest)


def _type_of(data: bytes) -> str | None:
    try:
        return resource_type(data)
    except NOT_JSON:
        return None


def _by_line(candidate: Source, head: bytes) -> Source | Finding:
    lines = [line for line in head.split(b"\n") if line.strip()]
    types = [_type_of(line) for line in lines[:-1]] or [_type_of(lines[0])]
    if set(types) == {""}:
        return _no_resource(candidate.name, lines[0])
    return replace(candidate, form="ndjson")


def _document(candidate: Source, text: bytes) -> Source | Finding:
    found = _type_of(text)
    if text.lstrip().startswith(b"["):
        return replace(candidate, form="array")
    if found == "":
        return _no_resource(candidate.name, text)
    if found == "Bundle" or (found is None and b'"entry"' in text):
        return replace(candidate, form="bundle", scope=content_scope(text))
    return candidate


def _no_resource(name: str, data: bytes) -> Finding:
    for key, said in _FOREIGN_KEYS.items():
        if key in keys_of(data):
            return _notice("not-fhir", f"{said}; not read", name)
    return _error("resource-type-missing", "JSON without a resourceType is no FHIR resource; not read", name)


def _error(rule: str, message: str, name: str) -> Finding:
    return Finding(Severity.ERROR, rule, message, source=name)


def _notice(rule: str, message: str, name: str) -> Finding:
    return Finding(Severity.NOTICE, rule, message, source=name)
