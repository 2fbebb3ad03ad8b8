"""FHIR JSON text: the type of a resource, what is wrong with a text, and what can be saved of a broken one.

Where a JSON object repeats a key the last value counts, as in JavaScript; nothing is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from trialbridge.converters.fhir_bytes import Source
from trialbridge.findings import Finding, Severity

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises when bytes are not the JSON that was asked for."""


class _Head(msgspec.Struct, gc=False, rename="camel"):
    resource_type: Any = ""


_head = msgspec.json.Decoder(_Head).decode
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def resource_type(data: bytes | msgspec.Raw) -> str:
    """Return the resourceType of JSON text, empty where it has none; the whole text is parsed.

    Raises:
        msgspec.DecodeError: It is not JSON, or no object.
        UnicodeDecodeError: The type is not UTF-8.
        RecursionError: It is nested too deeply.

    Example:
        >>> resource_type(b'{"contained": [{"resourceType": "Patient"}], "resourceType": "Observation"}')
        'Observation'
    """
    found = _head(data).resource_type
    return found if isinstance(found, str) else ""


def keys_of(data: bytes) -> frozenset[str]:
    """Return the keys of a JSON object; none where it cannot be read."""
    try:
        return frozenset(_keys(data))
    except NOT_JSON:
        return frozenset()


def check_utf8(data: bytes) -> None:
    """Return nothing; msgspec does not look inside text that it skips, so this does.

    Raises:
        UnicodeDecodeError: `data` is not UTF-8.
    """
    if not data.isascii():
        data.decode()


def json_finding(
    source: Source, position: int, error: Exception, within: str = "", data: bytes = b""
) -> Finding:
    """Return what there is to say of JSON text that cannot be read, one of `NOT_JSON` having been raised.

    Args:
        source: Where it was read from.
        position: Position of the record in it, as in `Batch`.
        error: What was raised.
        within: Path inside the record, as in `Batch`.
        data: The text itself, for a more exact message.

    Example:
        >>> from pathlib import Path
        >>> try:
        ...     resource_type(b'{"resourceType": "Pati')
        ... except NOT_JSON as error:
        ...     json_finding(Source("p.ndjson", Path("p.ndjson"), form="ndjson"), 7, error).message
        'byte 7: the JSON ends before it is complete; not read'
    """
    rule, problem = fault(error, data)
    message = f"{source.place(position)}: {problem}; not read"
    return Finding(Severity.ERROR, rule, message, path=within, source=source.name)


_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]", re.DOTALL
)


def _first_bad_byte(data: bytes, error: UnicodeDecodeError) -> int:
    try:
        check_utf8(data)
    except UnicodeDecodeError as whole:
        return whole.start
    return error.start


def fault(error: Exception, data: bytes) -> tuple[str, str]:
    """Return the rule and the words for one of `NOT_JSON`."""
    if isinstance(error, RecursionError):
        return "json-too-deep", "the JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "encoding-not-utf8", f"its byte {_first_bad_byte(data, error)} is not UTF-8"
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        return "json-unexpected", text[0].lower() + text[1:]
    if "truncated" not in text:
        return "json-malformed", text.replace("(byte ", "(its byte ")
    if _LONE_SURROGATE.search(data):
        return "json-malformed", "a \\u escape holds half a character (a lone surrogate)"
    length = f" ({len(data)} bytes)" if data else ""
    return "json-truncated", f"the JSON ends before it is complete{length}"


_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]|"', re.DOTALL)
_DEPTH = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def elements_in(data: bytes, key: bytes | None) -> list[bytes]:
    """Return the complete objects of an array in JSON text that may be cut off or broken anywhere.

    Args:
        data: The text.
        key: The array's key in the outermost object, in quotes; ``None`` where the text is the array.

    Example:
        >>> elements_in(b'{"entry": [{"a": 1}, {"b": [2, NaN]}, {"c":', b'"entry"')
        [b'{"a": 1}', b'{"b": [2, NaN]}']
    """
    level = 1 if key is None else 2
    tokens = _TOKEN.finditer(data)
    if not _array_begins(tokens, key, level):
        return []
    found, depth, begin = [], level, 0
    for token in tokens:
        mark = token[0]
        depth += _DEPTH.get(mark, 0)
        if depth < level or mark == b'"':
            break
        if mark in b"{[" and depth == level + 1:
            begin = token.start()
        elif mark == b"}" and depth == level:
            found.append(data[begin : token.end()])
    return found


def _array_begins(tokens: Iterator[re.Match[bytes]], key: bytes | None, level: int) -> bool:
    depth, last = 0, None
    for token in tokens:
        mark = token[0]
        depth += _DEPTH.get(mark, 0)
        if mark == b"[" and depth == level and last == key:
            return True
        if depth == 1:
            last = mark if mark not in _DEPTH else None
    return False
