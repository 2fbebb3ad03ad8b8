"""The datasets of a SAS transport file, version 5: where each lies, what it says of itself, what is wrong."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from trialbridge.converters.xpt_format import (
    CHAR_LIMIT,
    LIBRARY_HEADER,
    MEMBER_MARK,
    NAMESTR_MARK,
    RECORD,
    ROWS_HEADER,
    MemberLines,
    XptVariable,
    count_rows,
    parse_sas_stamp,
)
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

_ENCODINGS = ("utf-8", "cp1252")
_LONGEST_TEXT = 32_767
_SCAN_BYTES = 4 << 20

_NOT_XPT = (
    (b"HEADER RECORD*******LIBV8", "is SAS XPORT version 8; version 5 is read, and is what regulators take"),
    (b"**COMPRESSED** **COMPRESSED**", "is a SAS CPORT file (PROC CPORT), not an XPORT file"),
    (b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", "is a SAS7BDAT file, not an XPORT file"),
    (b"PK\x03\x04", "is a zip archive, not an XPORT file"),
    (b"\x1f\x8b", "is compressed with gzip, not an XPORT file"),
    (b"{", "is JSON, not an XPORT file"),
    (b"<", "is a web page or XML, not an XPORT file"),
    (b"", "does not begin with the library header of SAS XPORT version 5"),
)


@dataclass(frozen=True, slots=True)
class XptHeader:
    """What a transport file says of one of its datasets.

    Attributes:
        name: Dataset name.
        label: Dataset label.
        created: The moment it was created; `None` where the file holds none.
        modified: The moment it was last modified.
        sas_version: Version of SAS, as the writer gave it.
        system: Operating system, as the writer gave it.
        variables: Its variables in order.
        rows: How many rows it has.
        first_row: Offset in the file of its first row.
        encoding: Encoding of its text: as given, else UTF-8 where all text is that, else cp1252.
        findings: What is odd about the file.
    """

    name: str
    label: str
    created: datetime | None
    modified: datetime | None
    sas_version: str
    system: str
    variables: tuple[XptVariable, ...]
    rows: int
    first_row: int
    encoding: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class XptMember:
    """A dataset in the file: its header, and which of its variables hold bytes above 127."""

    header: XptHeader
    beyond_ascii: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The stretch of a file that holds rows: where it ends, its last bytes, and what the scan saw."""

    length: int
    tail: bytes
    beyond_ascii: frozenset[int]
    utf_8: bool


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    """Return `source` at its beginning: a path is opened and closed, an open file stays open."""
    if not isinstance(source, Path):
        source.seek(0)
        yield source
        return
    with source.open("rb") as file:
        yield file


def file_name(file: BinaryIO) -> str:
    """Return the name of `file` for messages."""
    return str(getattr(file, "name", "") or "the XPT file")


def only_member(file: BinaryIO, encoding: str | None) -> XptMember:
    """Return the one dataset of `file`.

    Raises:
        ReadError: It holds several, or is not XPT version 5.
    """
    first, *others = islice(members(file, encoding), 2)
    if others:
        names = f"{first.header.name}, {others[0].header.name}"
        raise ReadError(file_name(file), f"holds several datasets ({names}, ...): use read_xpt_library")
    return first


def members(file: BinaryIO, encoding: str | None) -> Iterator[XptMember]:
    """Yield the datasets of `file`, which stands at its beginning; `encoding` as for `read_xpt`.

    Raises:
        ReadError: It is not XPT version 5, or is cut short.
    """
    start = file.read(3 * RECORD)
    if not start:
        raise ReadError(file_name(file), "is empty", 0)
    if not start.startswith(LIBRARY_HEADER[:48]):
        problem = next(what for magic, what in _NOT_XPT if start.lstrip().startswith(magic))
        raise ReadError(file_name(file), problem, 0)
    offset = 3 * RECORD
    more = True
    while more:
        member, offset, more = _member(file, offset, encoding)
        yield member


def _member(file: BinaryIO, offset: int, encoding: str | None) -> tuple[XptMember, int, bool]:
    """Return the dataset at `offset`, the offset behind it, and whether another one follows there."""
    lines = _exactly(file, offset, 5 * RECORD)
    _expect(file, lines[: len(MEMBER_MARK)], MEMBER_MARK, offset)
    _expect(file, lines[4 * RECORD :][: len(NAMESTR_MARK)], NAMESTR_MARK, offset + 4 * RECORD)
    said = MemberLines.parse(lines[2 * RECORD : 4 * RECORD])
    count = _figure(file, lines[4 * RECORD + 54 : 4 * RECORD + 58], offset + 4 * RECORD + 54)
    size = _figure(file, lines[74:78], offset + 74)
    first = offset + 5 * RECORD
    namestrs = _exactly(file, first, count * size)
    first += len(namestrs) + -len(namestrs) % RECORD
    _expect(file, _exactly(file, first, RECORD)[:48], ROWS_HEADER[:48], first)
    first += RECORD
    pieces = [namestrs[at : at + size] for at in range(0, len(namestrs), size)]
    geometry = _variables(file, pieces, "latin-1")
    rows, more = _scan(file, geometry)
    labels = b"\n".join((said.label, *(variable.label.encode("latin-1") for variable in geometry)))
    utf_8 = rows.utf_8 and _is_utf_8(labels)
    encoding = encoding or _ENCODINGS[0 if utf_8 else 1]
    header = _header(file, said, _variables(file, pieces, encoding), rows, encoding, first)
    return XptMember(header, rows.beyond_ascii), first + rows.length, more


def _exactly(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise ReadError(file_name(file), "is cut short in a header", file.seek(0, os.SEEK_END))
    return data


def _expect(file: BinaryIO, found: bytes, wanted: bytes, offset: int) -> None:
    if found != wanted:
        record = wanted[20:28].decode("ascii").strip()
        raise ReadError(file_name(file), f"has no {record} header where XPORT version 5 needs it", offset)


def _figure(file: BinaryIO, digits: bytes, offset: int) -> int:
    if not digits.isdigit() or not int(digits):
        raise ReadError(file_name(file), f"has {digits!r} where a header needs a count", offset)
    return int(digits)


def _variables(file: BinaryIO, namestrs: list[bytes], encoding: str) -> tuple[XptVariable, ...]:
    try:
        variables = tuple(XptVariable.from_namestr(namestr, encoding) for namestr in namestrs)
    except (UnicodeDecodeError, struct.error) as error:
        raise ReadError(file_name(file), f"has a variable that cannot be read: {error}") from error
    width = sum(variable.length for variable in variables)
    for variable in variables:
        longest = 8 if variable.type == "Num" else _LONGEST_TEXT
        if not (0 < variable.length <= longest and 0 <= variable.position <= width - variable.length):
            place = f"{variable.length} bytes at {variable.position}, in rows of {width}"
            raise ReadError(file_name(file), f"puts {variable.type} variable {variable.name!r} in {place}")
    return variables


def _scan(file: BinaryIO, variables: tuple[XptVariable, ...]) -> tuple[_Rows, bool]:
    """Return what the rows that begin here are like, up to the next dataset, and whether there is one."""
    width = sum(variable.length for variable in variables)
    step = RECORD * width * max(1, _SCAN_BYTES // (RECORD * width))
    length, tail, more, utf_8 = 0, b"", False, True
    beyond_ascii: set[int] = set()
    while not more and (data := file.read(step)):
        end = _next_member(data)
        more, data = end is not None, data[:end]
        rows = np.frombuffer(data, np.uint8, len(data) // width * width).reshape(-1, width)
        for index in _beyond_ascii(rows, variables):
            beyond_ascii.add(index)
            begin = variables[index].position
            utf_8 = utf_8 and _is_utf_8(rows[:, begin : begin + variables[index].length].tobytes())
        length += len(data)
        tail = (tail + data[-RECORD - width :])[-RECORD - width :]
    return _Rows(length, tail, frozenset(beyond_ascii), utf_8), more


def _next_member(data: bytes) -> int | None:
    at = data.find(MEMBER_MARK)
    while at > 0 and at % RECORD:
        at = data.find(MEMBER_MARK, at + 1)
    return None if at < 0 else at


def _beyond_ascii(rows: npt.NDArray[np.uint8], variables: tuple[XptVariable, ...]) -> Iterator[int]:
    high = np.bitwise_or.reduce(rows, axis=0) > 127
    for index, variable in enumerate(variables):
        if variable.type == "Char" and high[variable.position : variable.position + variable.length].any():
            yield index


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(
    file: BinaryIO,
    said: MemberLines,
    variables: tuple[XptVariable, ...],
    rows: _Rows,
    encoding: str,
    first: int,
) -> XptHeader:
    name = said.name.decode("latin-1").rstrip(" \0")
    width = sum(variable.length for variable in variables)
    count = count_rows(rows.length, width, rows.tail)
    rest = rows.length - count * width
    if rest and rows.tail[-rest:].strip(b" "):
        raise ReadError(file_name(file), f"is cut short in row {count + 1} of {name}", first + rows.length)
    created, modified = parse_sas_stamp(said.created), parse_sas_stamp(said.modified)
    too_long = [variable.name for variable in variables if variable.length > CHAR_LIMIT]
    unpadded = rows.length % RECORD > 0
    oddities = (
        (encoding == "cp1252", "xpt-encoding", "the text is not UTF-8 and is read as cp1252"),
        (unpadded, "xpt-padding", "the file does not end with a whole record: rows may be missing"),
        (rest >= RECORD, "xpt-padding", f"{rest} blank bytes follow the last row: a row may be missing"),
        (None in (created, modified), "xpt-date", "a date of the header cannot be read"),
        (bool(too_long), "xpt-length", f"longer than {CHAR_LIMIT} bytes: {', '.join(too_long)}"),
    )
    return XptHeader(
        name,
        said.label.decode(encoding, "replace").rstrip(" \0"),
        created,
        modified,
        said.version.decode("latin-1").rstrip(" \0"),
        said.system.decode("latin-1").rstrip(" \0"),
        variables,
        count,
        first,
        encoding,
        tuple(
            Finding(Severity.WARNING, rule, message, domain=name, source=file_name(file))
            for found, rule, message in oddities
            if found
        ),
    )
