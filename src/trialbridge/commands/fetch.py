"""``trialbridge fetch``: FHIR resources from a server."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json, progress_bars
from trialbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from trialbridge.converters.fetch import Fetched
    from trialbridge.converters.fetch_client import Server

SINCE = r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?"


class Way(StrEnum):
    """How resources are asked for."""

    SEARCH = "search"
    EVERYTHING = "everything"
    EXPORT = "export"


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="The base address of the server.")],
    out: Annotated[Path, typer.Option(help="The folder: one NDJSON file a type, and manifest.json.")],
    how: Annotated[
        Way | None,
        typer.Option(help="Search with paging, $everything of each subject, or bulk $export."),
    ] = None,
    types: Annotated[
        str, typer.Option("--type", metavar="Patient,Observation", help="Resource types; all without it.")
    ] = "",
    since: Annotated[str, typer.Option(help="Only what was changed since: 2026-01-31, or an instant.")] = "",
    study: Annotated[
        str, typer.Option(metavar="ID", help="Only the subjects of this ResearchStudy: id or identifier.")
    ] = "",
    group: Annotated[str, typer.Option(metavar="ID", help="Only the members of this Group.")] = "",
    count: Annotated[int, typer.Option(min=1, help="Resources on a page.")] = 200,
    token: Annotated[
        str, typer.Option(envvar="TRIALBRIDGE_TOKEN", help="A bearer token; better in the environment.")
    ] = "",
    client_id: Annotated[str, typer.Option(help="SMART backend login: the client.")] = "",
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="SMART backend login: the private key, JWK or PEM.")
    ] = None,
    kid: Annotated[str, typer.Option(help="What the server knows the key by; which one of a set.")] = "",
    scope: Annotated[str, typer.Option(help="SMART backend login: what is asked for.")] = "system/*.read",
    tries: Annotated[int, typer.Option(min=1, help="How often one thing is asked for.")] = 6,
    json: Json = False,
) -> None:
    """Fetch resources from a FHIR server, all pages, and say where less came than the server has."""
    from trialbridge.converters.fetch import fetch as fetched
    from trialbridge.converters.fetch_client import server_address
    from trialbridge.converters.fetch_folder import Asked
    from trialbridge.converters.report import to_json

    base = server_address(url)
    way = how or (Way.EVERYTHING if study or group else Way.SEARCH)
    asked = Asked(base, way.value, _types(types), _since(since), study, group, count)
    server = _server(base, token, client_id, key, kid, scope, tries)
    try:
        with progress_bars() as progress:
            found = fetched(asked, out, server, progress)
    finally:
        server.close()
    if json:
        print_json(to_json(found))
    else:
        _show(found)
    raise Done(found.exit_code)


def _types(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if not (name.isascii() and name.isalpha()):
            raise ConfigurationError("--type", f"{name} is no resource type")
    return tuple(dict.fromkeys(names))


def _since(text: str) -> str:
    if text and not re.fullmatch(SINCE, text):
        raise ConfigurationError("--since", f"{text} is no date and no instant with its zone")
    return text


def _server(
    base: str, token: str, client_id: str, key: Path | None, kid: str, scope: str, tries: int
) -> Server:
    from trialbridge.converters.fetch_client import Server
    from trialbridge.converters.fetch_login import BackendLogin, read_key, with_token

    if bool(client_id) != bool(key):
        raise ConfigurationError("--client-id", "it goes together with --key")
    if token and key:
        raise ConfigurationError("--token", "it cannot be used with --key")
    if key:
        return Server(
            base, BackendLogin(Server(base, tries=tries), client_id, read_key(key, kid), scope), tries
        )
    return Server(base, with_token(token), tries)


def _show(found: Fetched) -> None:
    from rich.table import Table

    from trialbridge.converters.report import findings_table

    where = " ".join(filter(None, (found.server.get("name"), found.server.get("version"))))
    console().print(f"{found.request} {where}".strip(), soft_wrap=True)
    table = Table()
    table.add_column("type")
    table.add_column("resources", justify="right")
    for one in found.output:
        table.add_row(one.type, f"{one.count:,}")
    console().print(table)
    if found.findings:
        console().print(findings_table(found.findings))
