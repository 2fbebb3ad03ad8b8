"""FHIR resources from a server into a folder: by search, ``$everything`` of each subject, or bulk export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from trialbridge.converters.fetch_client import NotGivenError, Server
from trialbridge.converters.fetch_export import fetch_export
from trialbridge.converters.fetch_folder import GENERATOR, Asked, FetchFolder, Output
from trialbridge.converters.fetch_search import (
    SEARCH,
    Capability,
    Tell,
    all_patients,
    everything_address,
    fetch_pages,
    patients_of_group,
    patients_of_study,
    search_address,
    types_of,
)
from trialbridge.converters.manifest import software_versions
from trialbridge.converters.report import CLEAN, FINDINGS
from trialbridge.errors import ConfigurationError
from trialbridge.findings import Finding, Severity

WAYS = ("search", "everything", "export")


class Fetched(msgspec.Struct, frozen=True):
    """What was asked for, and what came; a manifest in the form of a bulk export's.

    Attributes:
        generator: `GENERATOR`, by which the folder is known.
        transactionTime: The moment that the data shows, by the server's word, else when the fetch ended.
        request: The base address of the server.
        requiresAccessToken: Never: the files lie beside this one.
        output: The files.
        error: None: what went wrong is among the findings.
        asked: What the server was asked for.
        server: What it says of itself: software and FHIR version.
        said: Piece -> how many resources the server says it has, where it says it.
        findings: What was found.
        software: Package -> version.
        exit_code: See docs/exit-codes.md.
    """

    generator: str
    transactionTime: str  # noqa: N815 -- the specification's word
    request: str
    requiresAccessToken: bool  # noqa: N815 -- the specification's word
    output: tuple[Output, ...]
    error: tuple[str, ...]
    asked: Asked
    server: Mapping[str, str]
    said: Mapping[str, int]
    findings: tuple[Finding, ...]
    software: Mapping[str, str]
    exit_code: int


def fetch(asked: Asked, out: Path, server: Server, tell: Tell | None = None) -> Fetched:
    """Return what came of a server, after writing it: NDJSON, one file a type, and `manifest.json`.

    What breaks off is kept in a subfolder, and goes on there when the same is asked for again.

    Args:
        asked: What to ask for.
        out: The folder.
        server: The server.
        tell: Told how far it is.

    Raises:
        ConfigurationError: It cannot be asked for so, or the folder holds something else.
        ReadError: The server cannot be reached or used.
    """
    check(asked)
    with FetchFolder(out, asked) as folder:
        capability = _capability(server)
        moment = _ways(asked, folder, server, capability, tell or _silent)
        if not folder.counts:
            folder.state.findings.append(
                Finding(Severity.WARNING, "fetch-nothing", "the server has nothing that was asked for")
            )
        found = _fetched(folder, capability, moment)
        folder.finish(found)
    return found


def check(asked: Asked) -> None:
    """Do nothing where something can be asked for.

    Raises:
        ConfigurationError: It cannot.
    """
    if asked.how not in WAYS:
        raise ConfigurationError("--how", f"{asked.how} is not one of {', '.join(WAYS)}")
    if asked.how == "search" and (asked.study or asked.group):
        raise ConfigurationError("--how", "a search is for all subjects; take everything or export")
    if asked.how == "export" and asked.study:
        raise ConfigurationError("--how", "an export is of a Group or of all; take everything with --study")
    if asked.study and asked.group:
        raise ConfigurationError("--group", "it cannot be used with --study")


def _silent(piece: str, done: int, total: int) -> None:
    """Tell nobody."""


def _capability(server: Server) -> Capability | None:
    """Return what the server says of itself; nothing where it says it in no form that is known."""
    try:
        return msgspec.json.decode(bytes(server.read("metadata", msgspec.Raw)), type=Capability)
    except (NotGivenError, msgspec.ValidationError):
        return None


def _ways(
    asked: Asked, folder: FetchFolder, server: Server, capability: Capability | None, tell: Tell
) -> str:
    """Fetch, and return the moment that the data shows; empty where the server does not say it."""
    if asked.how == "export":
        return fetch_export(server, folder, tell)
    if asked.how == "search":
        for kind in types_of(asked, capability):
            fetch_pages(server, folder, f"{SEARCH}{kind}", search_address(kind, asked), tell)
        return ""
    for patient in dict.fromkeys(_patients(asked, folder, server, tell)):
        fetch_pages(server, folder, f"everything of {patient}", everything_address(patient, asked), tell)
    return ""


def _patients(asked: Asked, folder: FetchFolder, server: Server, tell: Tell) -> Iterator[str]:
    if asked.study:
        return patients_of_study(server, folder, tell)
    if asked.group:
        return patients_of_group(server, folder)
    return all_patients(server, folder, tell)


def _fetched(folder: FetchFolder, capability: Capability | None, moment: str) -> Fetched:
    findings = tuple(folder.state.findings)
    grave = any(one.severity != Severity.NOTICE for one in findings)
    said = capability or Capability()
    names = {
        "name": said.software.name, "version": said.software.version, "fhirVersion": said.fhirVersion
    }  # fmt: skip
    return Fetched(
        generator=GENERATOR,
        transactionTime=moment or datetime.now(UTC).isoformat(timespec="seconds"),
        request=folder.asked.url,
        requiresAccessToken=False,
        output=tuple(folder.outputs()),
        error=(),
        asked=folder.asked,
        server={key: value for key, value in names.items() if value},
        said=folder.state.said,
        findings=findings,
        software=software_versions(),
        exit_code=FINDINGS if grave else CLEAN,
    )
