"""Search with paging, and ``$everything`` of a subject: Bundles, page after page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from trialbridge.converters.fetch_client import UNAUTHORISED, NotGivenError, Outcome, Server
from trialbridge.converters.fetch_folder import Asked, FetchFolder
from trialbridge.errors import ConfigurationError
from trialbridge.findings import Finding, Severity

Tell = Callable[[str, int, int], object]
"""Told what is fetched, how many resources came, and how many there are."""

Wanted = Callable[[bytes], bool]

SEVERITIES: Mapping[str, Severity] = {
    "fatal": Severity.ERROR, "error": Severity.ERROR, "warning": Severity.WARNING,
}  # fmt: skip


class Link(msgspec.Struct):
    """Where another page stands."""

    relation: str = ""
    url: str = ""


class Mode(msgspec.Struct):
    """Why a resource is in a page."""

    mode: str = "match"


class Entry(msgspec.Struct):
    """One resource of a page, as it is written."""

    resource: msgspec.Raw = msgspec.Raw(b"")
    search: Mode = msgspec.field(default_factory=Mode)


class Page(msgspec.Struct, tag_field="resourceType", tag="Bundle"):
    """A Bundle that answers a search."""

    total: int | None = None
    link: list[Link] = []
    entry: list[Entry] = []

    @property
    def next(self) -> str:
        """The address of the next page; empty for none."""
        return next((one.url for one in self.link if one.relation == "next"), "")


class _Interaction(msgspec.Struct):
    code: str = ""


class _Type(msgspec.Struct):
    type: str
    interaction: list[_Interaction] = []


class _Rest(msgspec.Struct):
    resource: list[_Type] = []


class Software(msgspec.Struct):
    """What a server runs."""

    name: str = ""
    version: str = ""


class Capability(msgspec.Struct, tag_field="resourceType", tag="CapabilityStatement"):
    """What a server says it can do."""

    fhirVersion: str = ""  # noqa: N815 -- FHIR's word
    software: Software = msgspec.field(default_factory=Software)
    rest: list[_Rest] = []

    @property
    def types(self) -> list[str]:
        """The resource types that can be searched."""
        found = {
            one.type
            for rest in self.rest
            for one in rest.resource
            if any(interaction.code == "search-type" for interaction in one.interaction)
        }
        return sorted(found)


def types_of(asked: Asked, server: Capability | None) -> Sequence[str]:
    """Return the types to search: those asked for, else all that the server says it has.

    Raises:
        ConfigurationError: Neither says any.
    """
    found = asked.types or (server.types if server else ())
    if not found:
        raise ConfigurationError("--type", "the server does not say which types it has; name them")
    return found


def search_address(kind: str, asked: Asked, **more: str) -> str:
    """Return the address of a search for all resources of a type.

    Example:
        >>> search_address("Patient", Asked("https://fhir.example.org", since="2026-01-01", count=50))
        'Patient?_count=50&_total=accurate&_lastUpdated=ge2026-01-01'
    """
    since = {"_lastUpdated": f"ge{asked.since}"} if asked.since else {}
    return f"{kind}?{_query({**more, '_count': str(asked.count), '_total': 'accurate', **since})}"


def everything_address(patient: str, asked: Asked) -> str:
    """Return the address of all that is of a Patient.

    Example:
        >>> everything_address("Patient/1", Asked("https://fhir.example.org", types=("Observation",)))
        'Patient/1/$everything?_count=200&_type=Observation'
    """
    types = {"_type": ",".join(asked.types)} if asked.types else {}
    since = {"_since": asked.since} if asked.since else {}
    return f"{patient}/$everything?{_query({'_count': str(asked.count), **types, **since})}"


def _query(parameters: Mapping[str, str]) -> str:
    return urlencode(parameters, safe="/,:")


def fetch_pages(
    server: Server, folder: FetchFolder, piece: str, address: str, tell: Tell, wanted: Wanted | None = None
) -> None:
    """Put all resources of all pages of an answer into the folder; what is refused is a finding.

    Args:
        server: The server.
        folder: Where they go; it knows how far an earlier fetch came.
        piece: What it is called.
        address: The first page.
        tell: Told how far it is.
        wanted: Whether a resource of the answer is wanted; all are, without it.

    Raises:
        ReadError: The server cannot be reached any more, or wants no such client.
    """
    state = folder.state
    if piece in state.done:
        return
    goes_on = state.piece == piece and bool(state.next)
    if not goes_on:
        _begin(folder, piece, address)
    while True:
        try:
            _pages(server, folder, piece, tell, wanted)
        except NotGivenError as error:
            if error.offset == UNAUTHORISED:
                raise
            if goes_on:  # the page that came next is not kept for long
                goes_on = False
                _begin(folder, piece, address)
                continue
            folder.state.findings.append(Finding(Severity.WARNING, "fetch-refused", str(error), source=piece))
        break
    folder.end(piece)


def _begin(folder: FetchFolder, piece: str, address: str) -> None:
    folder.state.piece, folder.state.next, folder.state.read = piece, address, 0


def _pages(server: Server, folder: FetchFolder, piece: str, tell: Tell, wanted: Wanted | None) -> None:
    state = folder.state
    seen = set()
    while state.next:
        here = server.address(state.next)
        if here in seen:
            message = "the page that comes next was there before; what follows it cannot be read"
            state.findings.append(Finding(Severity.ERROR, "fetch-pages-repeat", message, source=piece))
            break
        seen.add(here)
        page = server.read(here, Page)
        fresh = _keep(page, folder, piece, wanted)
        if page.total is not None:
            state.said[piece] = page.total
        state.next = server.address(page.next) if page.next else _by_offset(folder, piece, fresh)
        folder.save()
        tell(piece, state.read, max(state.read, page.total or 0))
    _compare(folder, piece)


def _keep(page: Page, folder: FetchFolder, piece: str, wanted: Wanted | None) -> int:
    """Put the resources of a page into the folder, and return how many were new."""
    before = folder.counts.total()
    for entry in page.entry:
        resource = bytes(entry.resource)
        try:
            if entry.search.mode == "outcome":
                folder.state.findings += outcome_findings(resource, piece)
                continue
            folder.state.read += 1
            if wanted is None or wanted(resource):
                folder.add(resource)
        except ValueError as error:
            message = f"an entry of the answer is no resource: {error}"
            folder.state.findings.append(Finding(Severity.ERROR, "fetch-no-resource", message, source=piece))
    return folder.counts.total() - before


def _by_offset(folder: FetchFolder, piece: str, fresh: int) -> str:
    """Return the next page of a server that counts more resources than it has sent, and links to none."""
    said = folder.state.said.get(piece)
    kind = piece.removeprefix(SEARCH)
    if kind == piece or said is None or not fresh or folder.counts[kind] >= said:
        return ""
    return f"{search_address(kind, folder.asked)}&_offset={folder.state.read}"


SEARCH = "search "
"""Begins the name of a piece that is all resources of a type."""


def _compare(folder: FetchFolder, piece: str) -> None:
    """Note where not as many resources came as the server says there are."""
    kind = piece.removeprefix(SEARCH)
    came = folder.counts[kind] if kind != piece else folder.state.read
    said = folder.state.said.get(piece, came)
    if said != came:
        folder.state.findings.append(count_finding(piece, said, came))


def count_finding(piece: str, said: int, came: int) -> Finding:
    """Return that not as many resources came as the server says there are."""
    message = f"the server says that there are {said:,} resources; {came:,} came"
    return Finding(Severity.ERROR, "fetch-count-differs", message, source=piece, count=abs(said - came))


def outcome_findings(resource: bytes, piece: str) -> list[Finding]:
    """Return what an OperationOutcome says, an issue a finding."""
    outcome = msgspec.json.decode(resource, type=Outcome)
    return [
        Finding(
            SEVERITIES.get(issue.severity, Severity.NOTICE), "fetch-outcome", issue.said[:300], source=piece
        )
        for issue in outcome.issue
    ]


class _Reference(msgspec.Struct):
    reference: str = ""


class Participation(msgspec.Struct):
    """Who takes part: ResearchSubject in R4 and R5."""

    resourceType: str = ""  # noqa: N815 -- FHIR's word
    id: str = ""
    individual: _Reference = msgspec.field(default_factory=_Reference)
    subject: _Reference = msgspec.field(default_factory=_Reference)
    study: _Reference = msgspec.field(default_factory=_Reference)


class _Member(msgspec.Struct):
    entity: _Reference = msgspec.field(default_factory=_Reference)


class Members(msgspec.Struct, tag_field="resourceType", tag="Group"):
    """The members of a Group."""

    member: list[_Member] = []


_PATIENT = re.compile(r"(?:^|/)(Patient/[A-Za-z0-9.-]{1,64})(?:/_history/[^/]*)?$")


def patients_of_study(server: Server, folder: FetchFolder, tell: Tell) -> Iterator[str]:
    """Yield ``Patient/id`` of each subject of a study, after fetching the study and who takes part."""
    study = _study(server, folder)

    def of_study(resource: bytes) -> bool:  # a server may not know the parameter, and ignore it
        found = msgspec.json.decode(resource, type=Participation).study.reference
        return f"/{found}".partition("/_history/")[0].endswith(f"/{study}")

    address = search_address("ResearchSubject", _whenever(folder.asked), study=study)
    fetch_pages(server, folder, f"subjects of {study}", address, tell, of_study)
    for resource in folder.resources("ResearchSubject"):
        one = msgspec.json.decode(resource, type=Participation)
        yield from _patient(one.individual.reference or one.subject.reference)


def _whenever(asked: Asked) -> Asked:
    """Return what asks for all that there is: what is new may be of somebody who is not."""
    return msgspec.structs.replace(asked, since="")


def _study(server: Server, folder: FetchFolder) -> str:
    """Return ``ResearchStudy/id`` of the study, which is found by its id or an identifier, and fetch it."""
    name = folder.asked.study
    if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", name):
        try:
            folder.add(bytes(server.read(f"ResearchStudy/{name}", msgspec.Raw)))
        except NotGivenError as error:
            if error.offset not in {404, 410}:
                raise
        else:
            return f"ResearchStudy/{name}"
    page = server.read(search_address("ResearchStudy", _whenever(folder.asked), identifier=name), Page)
    found = [bytes(entry.resource) for entry in page.entry if entry.search.mode == "match"]
    if len(found) != 1:
        many = "no study" if not found else f"{len(found)} studies"
        raise ConfigurationError("--study", f"the server has {many} with the id or identifier {name}")
    folder.add(found[0])
    return f"ResearchStudy/{msgspec.json.decode(found[0], type=Participation).id}"


def patients_of_group(server: Server, folder: FetchFolder) -> Iterator[str]:
    """Yield ``Patient/id`` of each member of a Group, after fetching the Group."""
    resource = bytes(server.read(f"Group/{folder.asked.group}", msgspec.Raw))
    folder.add(resource)
    for one in msgspec.json.decode(resource, type=Members).member:
        yield from _patient(one.entity.reference)


def all_patients(server: Server, folder: FetchFolder, tell: Tell) -> Iterator[str]:
    """Yield ``Patient/id`` of each Patient of the server, after fetching them."""
    address = search_address("Patient", _whenever(folder.asked))
    fetch_pages(server, folder, f"{SEARCH}Patient", address, tell)
    for resource in folder.resources("Patient"):
        yield f"Patient/{msgspec.json.decode(resource, type=Participation).id}"


def _patient(reference: str) -> Iterator[str]:
    found = _PATIENT.search(reference)
    if found:
        yield found[1]
