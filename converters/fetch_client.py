"""Asking a FHIR server: with patience where it is busy, and never with a secret in what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from trialbridge.errors import ConfigurationError, ReadError

if TYPE_CHECKING:
    import httpx

FHIR_JSON = "application/fhir+json"
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be another one soon."""

FAULTS = frozenset({500})
"""Those that will hardly be: the server cannot do what is asked for, but may do other things."""

UNAUTHORISED = 401
TRIES = 6
LONGEST_WAIT = 120.0
"""Seconds between two tries, at most, where the server does not say how long it wants us to wait."""

LONGEST_ASKED = 3600.0
"""Seconds that a server may ask us to wait, at most."""

TIMEOUT = 120.0

T = TypeVar("T")
Authorise = Callable[[bool], str]
"""Returns a bearer token, empty for none; a new one where it is told so."""


class NotGivenError(ReadError):
    """The server has answered, and will not give what was asked for.

    Its ``offset`` is the HTTP status.
    """

    def __str__(self) -> str:
        return f"{self.source}: {self.problem}"


@dataclass(frozen=True)
class _Request:
    """What is asked for once."""

    url: str
    headers: Mapping[str, str]
    token: str = field(repr=False)
    form: Callable[[], Mapping[str, str]] | None


class _AgainError(Exception):
    """What was asked for did not come, and may come when it is asked for again."""

    def __init__(self, problem: str, after: float | None = None, status: int = 0) -> None:
        super().__init__(problem)
        self.problem, self.after, self.status = problem, after, status


def no_token(again: bool) -> str:  # noqa: ARG001, FBT001 -- one of `Authorise`
    """Return no token."""
    return ""


@dataclass
class Server:
    """A FHIR server.

    Attributes:
        base: Its base address, without a slash behind it.
        authorise: Gives the bearer token.
        tries: How often one thing is asked for.
        wait: Waits some seconds; tests hand in another one.
        waited: Seconds that were waited so far.
    """

    base: str
    authorise: Authorise = no_token
    tries: int = TRIES
    wait: Callable[[float], object] = time.sleep
    waited: float = 0.0
    _http: httpx.Client | None = field(default=None, repr=False)

    @property
    def http(self) -> httpx.Client:
        """The connections, opened when they are first needed."""
        if self._http is None:
            import httpx  # noqa: PLC0415 -- only this command needs it

            self._http = httpx.Client(timeout=TIMEOUT, follow_redirects=True)
        return self._http

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def address(self, place: str) -> str:
        """Return the address of a place on the server, or a whole address as it is."""
        return urljoin(f"{self.base}/", place)

    def read(self, place: str, kind: type[T], headers: Mapping[str, str] | None = None) -> T:
        """Return what stands at an address, as JSON of a kind.

        Raises:
            NotGivenError: The server does not give it.
            ReadError: It cannot be reached, or what it gives is no such JSON, however often it is asked.
        """

        def reading(response: httpx.Response) -> T:
            return msgspec.json.decode(response.read(), type=kind)

        return self.asked(place, reading, headers)

    def asked(
        self,
        place: str,
        use: Callable[[httpx.Response], T],
        headers: Mapping[str, str] | None = None,
        *,
        trusted: bool = False,
        form: Callable[[], Mapping[str, str]] | None = None,
    ) -> T:
        """Return what `use` makes of an answer; where that fails midway, it is asked for and used again.

        Args:
            place: Address, or what stands behind the base address.
            use: Reads the response, whose body is not read yet.
            headers: Besides the usual ones.
            trusted: Send the token to another host too.
            form: Gives the form to send; without one nothing is sent.

        Raises:
            NotGivenError: The server does not give it.
            ReadError: It cannot be reached, or breaks off, however often it is asked.
        """
        url = self.address(place)
        token = self.authorise if trusted or same_origin(url, self.base) else no_token
        renew, problem, status = False, "", 0
        for number in range(1, self.tries + 1):
            request = _Request(url, {"Accept": FHIR_JSON, **(headers or {})}, token(renew), form)
            try:
                return self._once(request, use, first=not renew)
            except _AgainError as again:
                problem, status = again.problem, again.status
                renew = renew or status == UNAUTHORISED
                if number < self.tries:
                    self.pause(min(2.0 ** (number - 1), LONGEST_WAIT) if again.after is None else again.after)
        problem = f"{problem}, after {self.tries} tries"
        if status in FAULTS:
            raise NotGivenError(shown(url), problem, status)
        raise ReadError(shown(url), problem)

    def _once(self, request: _Request, use: Callable[[httpx.Response], T], *, first: bool) -> T:
        import httpx  # noqa: PLC0415 -- only this command needs it

        try:
            with self._open(request) as response:
                status = response.status_code
                if response.is_success:
                    return use(response)
                if status == UNAUTHORISED and first and request.token:
                    raise _AgainError(_refusal(response), 0.0, status)
                if status not in PASSING:
                    raise NotGivenError(shown(request.url), _refusal(response), status)
                raise _AgainError(_refusal(response), asked_wait(response.headers), status)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _AgainError(f"{type(error).__name__} {error}".strip()) from error
        except msgspec.ValidationError as error:
            raise ReadError(shown(request.url), f"the answer is not what is due: {error}") from error
        except msgspec.DecodeError as error:
            raise _AgainError(f"the answer is no JSON: {error}") from error

    def _open(self, request: _Request) -> AbstractContextManager[httpx.Response]:
        headers = dict(request.headers)
        if request.form is not None:
            return self.http.stream("POST", request.url, headers=headers, data=dict(request.form()))
        if request.token:
            headers["Authorization"] = f"Bearer {request.token}"
        return self.http.stream("GET", request.url, headers=headers)

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.waited += seconds
        self.wait(seconds)


def server_address(url: str) -> str:
    """Return the base address of a server, as it is used.

    Raises:
        ConfigurationError: It is none, or holds a password.

    Example:
        >>> server_address("https://fhir.example.org/r4/")
        'https://fhir.example.org/r4'
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("URL", "it is no address that starts with http:// or https://")
    if parts.username or parts.password:
        raise ConfigurationError("URL", "it holds a name or password; log in with a token or a key instead")
    if parts.query or parts.fragment:
        raise ConfigurationError("URL", "it is not the base address of a server: it holds ? or #")
    return url.rstrip("/")


def same_origin(one: str, other: str) -> bool:
    """Return whether two addresses are of one server.

    Example:
        >>> same_origin("https://a.example/x", "https://a.example:443/y"), same_origin("http://a", "https://a")
        (True, False)
    """
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def shown(url: str) -> str:
    """Return an address for people: what stands behind ``?`` may be a signature that opens a file.

    Example:
        >>> shown("https://files.example.org/1.ndjson?signature=secret")
        'https://files.example.org/1.ndjson'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds the server asks us to wait; none where it does not say.

    Example:
        >>> asked_wait({"retry-after": "7"}), asked_wait({}), asked_wait({"retry-after": "soon"})
        (7.0, None, None)
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_ASKED)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED)


class _Detail(msgspec.Struct):
    text: str = ""


class Issue(msgspec.Struct):
    """One issue of an OperationOutcome."""

    severity: str = ""
    code: str = ""
    diagnostics: str = ""
    details: _Detail = msgspec.field(default_factory=_Detail)

    @property
    def said(self) -> str:
        """What it says."""
        return self.details.text or self.diagnostics or self.code


class Outcome(msgspec.Struct):
    """How a request went: an OperationOutcome, or what a login answers."""

    issue: list[Issue] = []
    error: str = ""

    @property
    def said(self) -> str:
        """What it says, shortened."""
        return "; ".join(dict.fromkeys([one.said for one in self.issue if one.said] or [self.error]))[:300]


def _refusal(response: httpx.Response) -> str:
    """Return why the server does not give something: its status, and its own words where it has some."""
    try:
        said = msgspec.json.decode(response.read(), type=Outcome).said
    except msgspec.MsgspecError:
        said = ""
    return f"the server says {response.status_code} {response.reason_phrase}{f': {said}' if said else ''}"
