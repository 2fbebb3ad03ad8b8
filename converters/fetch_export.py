"""Bulk ``$export``: the server is asked to write files, waited for, and the files are read line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from trialbridge.converters.fetch_client import NotGivenError, Server, asked_wait, shown
from trialbridge.converters.fetch_folder import Asked, FetchFolder
from trialbridge.converters.fetch_search import Tell, count_finding, outcome_findings
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

if TYPE_CHECKING:
    import httpx

NDJSON = "application/fhir+ndjson"
PIECE = "export"
LONGEST_POLL = 60.0
"""Seconds between two looks, at most, where the server does not say when to look again."""


class ExportFile(msgspec.Struct):
    """One file that the server has written."""

    type: str
    url: str
    count: int | None = None


class Export(msgspec.Struct):
    """What the server has written."""

    transactionTime: str = ""  # noqa: N815 -- the specification's word
    requiresAccessToken: bool = False  # noqa: N815 -- the specification's word
    output: list[ExportFile] = []
    error: list[ExportFile] = []
    deleted: list[ExportFile] = []


def export_address(asked: Asked) -> str:
    """Return the address that an export begins at: of a Group's members, or of all that the server has.

    Example:
        >>> export_address(Asked("https://fhir.example.org", group="G1", types=("Patient", "Observation")))
        'Group/G1/$export?_outputFormat=application/fhir%2Bndjson&_type=Patient,Observation'
    """
    whose = f"Group/{asked.group}/" if asked.group else ""
    types = {"_type": ",".join(asked.types)} if asked.types else {}
    since = {"_since": asked.since} if asked.since else {}
    query = urlencode({"_outputFormat": NDJSON, **types, **since}, safe="/,:")
    return f"{whose}$export?{query}"


def fetch_export(server: Server, folder: FetchFolder, tell: Tell) -> str:
    """Put all resources of a bulk export into the folder, and return the moment that it shows.

    Raises:
        ReadError: The server does not export, or its files cannot be read.
    """
    export = _resumed(server, folder, tell) or _waited(server, _begin(server, folder), tell)
    total = sum(one.count or 0 for one in export.output)
    for number, one in enumerate(export.output, 1):
        piece = f"{PIECE} {number} {one.type}"
        if piece not in folder.state.done:
            _file(server, folder, piece, one, trusted=export.requiresAccessToken)
            folder.end(piece)
        tell(PIECE, folder.counts.total(), max(total, folder.counts.total()))
    _beside(server, folder, export)
    return export.transactionTime


def _begin(server: Server, folder: FetchFolder) -> str:
    """Return where the export can be watched."""

    def place(response: httpx.Response) -> str:
        found: str = response.headers.get("content-location", "")
        return found

    headers = {"Prefer": "respond-async"}
    address = export_address(folder.asked)
    found = server.asked(address, place, headers)
    if not found:
        raise ReadError(
            shown(server.address(address)), "the server does not begin an export: no Content-Location"
        )
    folder.state.done.clear()
    folder.state.piece, folder.state.next = PIECE, server.address(found)
    folder.save()
    return folder.state.next


def _resumed(server: Server, folder: FetchFolder, tell: Tell) -> Export | None:
    """Return the export that an earlier fetch began; nothing where there is none any more."""
    if folder.state.piece != PIECE:
        return None
    try:
        return _waited(server, folder.state.next, tell)
    except NotGivenError:
        return None


def _waited(server: Server, status: str, tell: Tell) -> Export:
    """Return the export when it is complete."""

    def look(response: httpx.Response) -> tuple[float | None, Export | None]:
        if response.status_code == 202:
            return asked_wait(response.headers), None
        return None, msgspec.json.decode(response.read(), type=Export)

    pause = 1.0
    while True:
        wait, export = server.asked(status, look, {"Accept": "application/json"})
        if export is not None:
            return export
        tell(PIECE, 0, 1)
        server.pause(pause if wait is None else max(wait, 1.0))
        pause = min(2 * pause, LONGEST_POLL)


def _file(server: Server, folder: FetchFolder, piece: str, one: ExportFile, *, trusted: bool) -> None:
    def read(response: httpx.Response) -> tuple[int, list[Finding]]:
        count, findings = 0, []
        for count, line in enumerate(_lines(response), 1):
            try:
                folder.add(line)
            except ValueError as error:
                message = f"line {count} of the file is no resource: {error}"
                findings.append(Finding(Severity.ERROR, "fetch-no-resource", message, source=piece))
        return count, findings

    folder.state.read, findings = server.asked(one.url, read, {"Accept": NDJSON}, trusted=trusted)
    folder.state.findings += findings
    if one.count is not None:
        folder.state.said[piece] = one.count
        if one.count != folder.state.read:
            folder.state.findings.append(count_finding(piece, one.count, folder.state.read))


def _beside(server: Server, folder: FetchFolder, export: Export) -> None:
    """Note what the server says went wrong, and that something was deleted."""

    def read(response: httpx.Response) -> list[bytes]:
        return list(_lines(response))

    for one in export.error:
        for line in server.asked(one.url, read, {"Accept": NDJSON}, trusted=export.requiresAccessToken):
            folder.state.findings += outcome_findings(line, PIECE)
    if export.deleted:
        message = "the server names resources that were deleted since; what was fetched before may hold them"
        count = len(export.deleted)
        folder.state.findings.append(
            Finding(Severity.WARNING, "fetch-deleted", message, source=PIECE, count=count)
        )


def _lines(response: httpx.Response) -> Iterator[bytes]:
    """Yield the lines of an answer; only a line feed ends one, for JSON may hold other line separators."""
    rest = b""
    for part in response.iter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        yield from filter(bytes.strip, lines)
    if rest.strip():
        yield rest
