"""Resources' text to Structs: strictly first, then leniently, then without the elements that are wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from trialbridge.converters.census import Census, count_undefined
from trialbridge.converters.fhir_json import NOT_JSON, json_finding
from trialbridge.converters.read_fhir import Batch, Source
from trialbridge.findings import Finding, Severity
from trialbridge.readers import Reader

Row = msgspec.Struct
_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_MOST_MENDS = 50


class Text(NamedTuple):
    """One resource's text, and where it stands."""

    data: bytes
    position: int
    within: str


def decode_batch(
    reader: Reader, batch: Batch, chosen: Sequence[int], source: Source, census: Census
) -> tuple[list[Row | None], list[Finding]]:
    """Return the Structs of some of a batch, none for what is no JSON, and what was found on the way."""
    strict = reader.strict.decode
    try:
        return [strict(batch.data[number]) for number in chosen], []
    except NOT_JSON:
        findings: list[Finding] = []
        texts = (Text(batch.data[number], batch.position[number], batch.within[number]) for number in chosen)
        return [_decode(reader, text, source, census, findings) for text in texts], findings


def _decode(
    reader: Reader, text: Text, source: Source, census: Census, findings: list[Finding]
) -> Row | None:
    data = text.data
    try:
        found: Row = reader.strict.decode(data)
    except msgspec.ValidationError:
        pass
    except NOT_JSON as error:
        findings.append(json_finding(source, text.position, error, text.within, data))
        return None
    else:
        return found
    try:
        whole = msgspec.json.decode(data)  # the strict decoder stopped early: it may not be JSON further on
    except NOT_JSON as error:
        findings.append(json_finding(source, text.position, error, text.within, data))
        return None
    if reader.counted:
        count_undefined(reader.kind, reader.version, whole, census)
    return _mended(reader, data, source.name, findings)


def _mended(reader: Reader, data: bytes, source: str, findings: list[Finding]) -> Row | None:
    for _ in range(_MOST_MENDS):
        try:
            found: Row = reader.lenient.decode(data)
        except msgspec.ValidationError as error:
            place = _PLACE.search(str(error))
            path = place["path"] if place else ""
            value, data = _without(data, path)
            findings.append(_finding(reader, data, source, path, str(error), value))
            if not path:
                return None
        else:
            return found
    return None


def _finding(reader: Reader, data: bytes, source: str, path: str, problem: str, value: str) -> Finding:
    name = _id_of(data)
    sentence = f"{_PLACE.sub('', problem)}; this element was not read".replace("`", "")
    return Finding(
        Severity.ERROR,
        "element-type",
        sentence,
        resource=f"{reader.kind}/{name}" if name else reader.kind,
        path=reader.kind + path,
        source=source,
        value=value[:80],
    )


def _id_of(data: bytes) -> str:
    try:
        return msgspec.json.decode(_OBJECT.decode(data).get("id", b'""'), type=str)
    except msgspec.DecodeError:
        return ""


def _without(data: bytes, path: str) -> tuple[str, bytes]:
    """Return the element at `path`, and the text without it; numbers elsewhere stay as written."""
    steps = [name or int(number) for name, number in _STEP.findall(path)]
    if not steps:
        return data[:80].decode("utf-8", "replace"), data
    return _cut(data, steps)


def _cut(data: bytes | msgspec.Raw, steps: list[Any]) -> tuple[str, bytes]:
    step, rest = steps[0], steps[1:]
    whole: Any = (_ARRAY if isinstance(step, int) else _OBJECT).decode(data)
    if rest:
        value, mended = _cut(whole[step], rest)
        whole[step] = msgspec.Raw(mended)
    else:
        value = bytes(whole.pop(step)).decode("utf-8", "replace")
    return value, msgspec.json.encode(whole)
