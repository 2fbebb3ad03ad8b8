"""Logging in to a FHIR server without a person: SMART Backend Services, a signed assertion for a token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import msgspec

from trialbridge.converters.fetch_client import Authorise, NotGivenError, Server
from trialbridge.errors import ConfigurationError, ReadError

if TYPE_CHECKING:
    import httpx
    from joserfc.jwk import ECKey, KeyParameters, RSAKey

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "system/*.read"
ALGORITHMS: Mapping[str, str] = {"RSA": "RS384", "EC": "ES384"}
"""Kind of key -> how SMART signs with it."""

LIFETIME = 300
"""Seconds that an assertion holds: the most that SMART allows."""

EARLY = 30.0
"""Seconds before its end that a token is renewed."""


class Token(msgspec.Struct):
    """What a token endpoint answers."""

    access_token: str
    expires_in: float = 300.0


class Smart(msgspec.Struct):
    """What a server says of how to log in."""

    token_endpoint: str = ""


@dataclass
class BackendLogin:
    """The login of a client that has a key, called for a token as often as one is needed.

    Attributes:
        server: The server, asked without a token where tokens are given.
        client_id: What the server knows the client by.
        key: The private key.
        scope: What is asked for.
        endpoint: Where tokens are given; empty to ask the server.
        clock: Tells the time in seconds.
    """

    server: Server
    client_id: str
    key: RSAKey | ECKey
    scope: str = SCOPE
    endpoint: str = ""
    clock: Callable[[], float] = time.time
    _token: str = field(default="", repr=False)
    _until: float = 0.0

    def __call__(self, again: bool) -> str:  # noqa: FBT001 -- one of `Authorise`
        """Return a token that holds; a new one where it is told so."""
        if again or self.clock() >= self._until - EARLY:
            found = self._asked()
            self._token, self._until = found.access_token, self.clock() + found.expires_in
        return self._token

    def _asked(self) -> Token:
        self.endpoint = self.endpoint or token_endpoint(self.server)
        json = {"Accept": "application/json"}
        try:
            return self.server.asked(self.endpoint, _token, json, form=self.form)
        except NotGivenError as error:  # without a login nothing is given: there is nothing to go on with
            raise ReadError(error.source, f"the login is refused: {error.problem}") from None

    def form(self) -> Mapping[str, str]:
        """Return what is sent for a token, signed anew."""
        return {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": self.assertion(),
        }

    def assertion(self) -> str:
        """Return a fresh signed assertion of who the client is."""
        from joserfc import jwt  # noqa: PLC0415 -- only this command needs it

        algorithm = ALGORITHMS[self.key.key_type]
        now = int(self.clock())
        header = {"alg": algorithm, "typ": "JWT", "kid": self.key.kid or self.key.thumbprint()}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.endpoint,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": token_urlsafe(24),
        }
        return jwt.encode(header, claims, self.key, algorithms=[algorithm])


def _token(response: httpx.Response) -> Token:
    return msgspec.json.decode(response.read(), type=Token)


def token_endpoint(server: Server) -> str:
    """Return where a server gives tokens, by its SMART configuration.

    Raises:
        ReadError: It does not say.
    """
    place = ".well-known/smart-configuration"
    try:
        found = server.read(place, Smart, {"Accept": "application/json"})
    except NotGivenError as error:
        raise ReadError(error.source, f"nothing says where to log in: {error.problem}") from None
    if not found.token_endpoint:
        raise ReadError(server.base, "its SMART configuration names no token_endpoint")
    return server.address(found.token_endpoint)


def read_key(path: Path, kid: str = "") -> RSAKey | ECKey:
    """Return the private key of a file: a JWK, a set of JWKs, or PEM.

    Args:
        path: The file.
        kid: Which key of a set; also what the server knows a PEM key by.

    Raises:
        ConfigurationError: The file holds no such private key, RSA or EC P-384.
    """
    from joserfc.errors import JoseError  # noqa: PLC0415 -- only this command needs it

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError("--key", f"{path.name} cannot be read: {error.strerror}") from error
    try:
        keys = [_key(one, kid) for one in _candidates(data, kid)]
    except (JoseError, ValueError, TypeError, KeyError) as error:
        kind = type(error).__name__  # what it says may hold parts of the key
        raise ConfigurationError("--key", f"{path.name} is no key that can be read ({kind})") from None
    usable = [key for key in keys if key is not None and key.is_private and _strong(key)]
    if not usable:
        raise ConfigurationError("--key", f"{path.name} holds no private key that is RSA or EC P-384")
    return usable[0]


def _strong(key: RSAKey | ECKey) -> bool:
    from joserfc.jwk import ECKey  # noqa: PLC0415 -- only this command needs it

    return not isinstance(key, ECKey) or key.curve_name == "P-384"


def _candidates(data: bytes, kid: str) -> list[dict[str, Any] | bytes]:
    if data.lstrip().startswith(b"-----"):
        return [data]
    document = msgspec.json.decode(data, type=dict[str, Any])
    keys: list[dict[str, Any]] = document.get("keys", [document])
    return [one for one in keys if not kid or one.get("kid", kid) == kid]


def _key(given: dict[str, Any] | bytes, kid: str) -> RSAKey | ECKey | None:
    from joserfc.errors import JoseError  # noqa: PLC0415 -- only this command needs it
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415 -- the same

    if isinstance(given, dict):
        kinds: Mapping[str, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
        found = kinds.get(given.get("kty", ""))
        return found.import_key(given) if found else None
    more: KeyParameters | None = {"kid": kid} if kid else None
    try:
        return RSAKey.import_key(given, more)
    except JoseError:  # it is of the other kind
        return ECKey.import_key(given, more)


def with_token(token: str) -> Authorise:
    """Return what always gives the same token."""

    def authorise(again: bool) -> str:  # noqa: ARG001, FBT001 -- one of `Authorise`
        return token

    return authorise
