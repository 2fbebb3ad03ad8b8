"""A source of FHIR JSON and its bytes: plain, gzip, or a member of a zip; whole or piece by piece.

Nothing is ever unpacked to disk. Compression is told by a file's first bytes, never by its name alone.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

from trialbridge.findings import Finding, Severity

BOM = b"\xef\xbb\xbf"
BLOCK = 2 * 2**20
"""Bytes asked of a file at a time; measured: 2 MB reads as fast as 8 MB and stays nearer to the cache."""

_INFLATE = 2**16
_BOMB_FLOOR = 128 * 2**20
_BOMB_RATIO = 250
"""Real FHIR JSON shrinks 10 to 40 times; what grows more than this, past the floor, is no data."""

GZIP = b"\x1f\x8b"
BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    EOFError, KeyError, NotImplementedError, OSError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip
"""What zipfile raises on a damaged, encrypted or unknown archive."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or one member of a zip, that holds FHIR JSON.

    Attributes:
        name: As the user knows it: ``folder/Observation.ndjson.gz`` or ``export.zip!Patient.ndjson``.
        path: The file on disk.
        member: Name of the member in a zip, else empty.
        scope: Identity space of the ids in it (see ``Batch.scope``); a Bundle's entries may name their own.
        form: Resources by line, a Bundle, a JSON array of resources, or one resource.
    """

    name: str
    path: Path
    member: str = ""
    scope: str = ""
    form: Literal["ndjson", "bundle", "array", "resource"] = "resource"

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes as stored, or of a member's as unzipped: read anew at each call."""
        return sha256_of(self)

    def place(self, position: int) -> str:
        """Return the words for a position in this source, such as ``byte 1024`` or ``entry 3``.

        Example:
            >>> Source("b.json", Path("b.json"), form="bundle").place(3)
            'entry 3'
        """
        return f"{'entry' if self.form in {'bundle', 'array'} else 'byte'} {position}"


def ranges(source: Source, size: int = 32 * 2**20) -> list[tuple[int, int | None]]:
    """Return the byte ranges in which a source can be read in parallel; one for all that is no plain NDJSON.

    Example:
        >>> ranges(Source("b.json", Path("b.json"), form="bundle"))
        [(0, None)]
    """
    if source.form != "ndjson" or source.member or is_gzip(source):
        return [(0, None)]
    total = source.path.stat().st_size
    starts = list(range(0, max(total, 1), size))
    return list(zip(starts, [*starts[1:], None], strict=True))


def pieces(
    source: Source, start: int = 0, stop: int | None = None, size: int = BLOCK
) -> Iterator[bytes | Finding]:
    """Return the decompressed bytes of a source piece by piece; a finding comes last where it is damaged.

    Args:
        source: The source.
        start: First byte, of a plain file; of anything else always 0.
        stop: Byte after the last one; ``None`` to the end.
        size: About how large the pieces are.
    """
    stored = _stored(source, start, stop, size)
    first = next(stored, b"")
    whole = chain([first], stored)
    if not start and isinstance(first, bytes) and first.startswith(GZIP):
        return _guarded(source, _gunzip(source.name, whole))
    return _guarded(source, whole) if source.member else whole


def content(source: Source, limit: int | None = None) -> tuple[bytes, list[Finding]]:
    """Return the decompressed bytes without byte order mark, or the first `limit`, and what is damaged."""
    size = BLOCK if limit is None else limit
    parts: list[bytes] = []
    findings: list[Finding] = []
    total = 0
    for piece in pieces(source, size=size):
        if isinstance(piece, Finding):
            findings.append(piece)
            break
        parts.append(piece)
        total += len(piece)
        if limit is not None and total >= limit:
            break
    return b"".join(parts).removeprefix(BOM), findings


def open_zip(path: Path) -> zipfile.ZipFile:
    """Return an archive, opened once in each process; do not close it.

    Raises:
        zipfile.BadZipFile: It is none; other damage raises others of `BROKEN_ZIP`.
    """
    return _opened_zip(path, path.stat().st_mtime_ns, os.getpid())


@lru_cache(maxsize=1)
def _opened_zip(path: Path, _changed: int, _process: int) -> zipfile.ZipFile:
    # kept open, for 10,000 members make a long directory; one a process, for forks share a file's offset
    return zipfile.ZipFile(path)


def line_start(path: Path, offset: int) -> int:
    """Return where the first line at or after `offset` begins."""
    if offset == 0:
        return 0
    with path.open("rb") as file:
        file.seek(offset - 1)
        file.readline()
        return file.tell()


def _file_pieces(source: Source, start: int, stop: int | None, size: int) -> Iterator[bytes | Finding]:
    try:
        with source.path.open("rb", buffering=0) as file:
            file.seek(start)
            while stop is None or start < stop:
                piece = file.read(size if stop is None else min(size, stop - start))
                if not piece:
                    return
                start += len(piece)
                yield piece
    except OSError as error:
        yield _error("path-unreadable", error.strerror or str(error), source.name)


def _zip_pieces(source: Source, size: int) -> Iterator[bytes | Finding]:
    parts: list[bytes] = []
    try:
        with open_zip(source.path).open(source.member) as file:
            while part := file.read(min(size, _INFLATE)):
                parts.append(part)
                if sum(map(len, parts)) >= size:
                    yield b"".join(parts)
                    parts = []
    except BROKEN_ZIP as error:
        yield b"".join(parts)
        message = f"the archive is damaged here ({error}); what precedes is read"
        yield _error("zip-broken", message, source.name)
        return
    yield b"".join(parts)


def _gunzip(name: str, stored: Iterator[bytes | Finding]) -> Iterator[bytes | Finding]:
    unpack, between = zlib.decompressobj(wbits=31), True
    for packed in _slices(stored):
        if isinstance(packed, Finding):
            yield packed
            return
        # several gzip files may follow each other, and zeros may lie between and behind them
        while packed := packed.lstrip(b"\0") if between else packed:
            before = unpack.copy()
            try:
                yield unpack.decompress(packed, BLOCK)
            except zlib.error as error:
                yield _sound_part(before, packed)
                yield _error("gz-broken", f"the gzip file is damaged ({error}); what precedes is read", name)
                return
            packed, between = unpack.unconsumed_tail, unpack.eof  # noqa: PLW2901
            if between:
                packed, unpack = unpack.unused_data, zlib.decompressobj(wbits=31)  # noqa: PLW2901
    if not between:
        yield unpack.flush()
        yield _error("gz-broken", "the gzip file is cut off; what precedes is read", name)


def _slices(stored: Iterator[bytes | Finding]) -> Iterator[bytes | Finding]:
    for piece in stored:
        if isinstance(piece, Finding):
            yield piece
        else:
            yield from (piece[begin : begin + _INFLATE] for begin in range(0, len(piece), _INFLATE))


def _sound_part(unpack: zlib._Decompress, packed: bytes) -> bytes:
    sound = bytearray()
    with suppress(zlib.error):  # the caller has met the same error and says so
        for index in range(len(packed)):  # pragma: no branch
            sound += unpack.decompress(packed[index : index + 1])
    return bytes(sound)


def _guarded(source: Source, unpacked: Iterator[bytes | Finding]) -> Iterator[bytes | Finding]:
    total = 0
    for piece in unpacked:
        total += 0 if isinstance(piece, Finding) else len(piece)
        if total > _BOMB_FLOOR and total > _BOMB_RATIO * _packed_size(source):
            message = (
                f"it unpacks to more than {_BOMB_RATIO} times its size: taken for an attack, not read on"
            )
            yield _error("archive-bomb", message, source.name)
            return
        yield piece


def _packed_size(source: Source) -> int:
    if source.member:
        return open_zip(source.path).getinfo(source.member).compress_size
    return source.path.stat().st_size


def is_gzip(source: Source) -> bool:
    """Return whether the bytes as stored are those of a gzip file, whatever its name."""
    first = next(_stored(source, size=2), b"")
    return isinstance(first, bytes) and first.startswith(GZIP)


def _stored(
    source: Source, start: int = 0, stop: int | None = None, size: int = BLOCK
) -> Iterator[bytes | Finding]:
    return _zip_pieces(source, size) if source.member else _file_pieces(source, start, stop, size)


def _error(rule: str, message: str, name: str) -> Finding:
    return Finding(Severity.ERROR, rule, message, source=name)


def sha256_of(source: Source) -> str:
    """Return the hash of a source's bytes; others can work while a large file is hashed."""
    if not source.member:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for piece in _guarded(source, _zip_pieces(source, BLOCK)):
        if isinstance(piece, bytes):
            digest.update(piece)
    return digest.hexdigest()
