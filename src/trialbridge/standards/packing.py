"""Terminology as bytes: terms of many codelists in one compressed file, each codelist where its index says.

The shipped tables and the packages that a user imports are of one form: gzip members of some 64 kB, so that
one codelist is unpacked without the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

TERM_COLUMNS = ("codelist", "versions", "code", "submission_value", "synonyms", "preferred_term")
CODELIST_COLUMNS = (
    "version", "code", "name", "submission_value", "extensible", "terms", "paired",
    "offset", "size", "start", "length",
)  # fmt: skip

PACKAGE = "# trialbridge terminology 1"
"""What the first line of an imported package starts with; the number grows when older readers would fail."""

# A member of the terminology file is closed when it holds this much: small enough to unpack for one codelist.
MEMBER_BYTES = 64_000

# What the name of a codelist of codes, or of their decodes, ends in.
CODE_ENDINGS = (" Short Name", " Code")
DECODE_ENDINGS = (" Long Name", " Name", "")


class TermRow(NamedTuple):
    """One term of one codelist: the same row in every release that has it so."""

    codelist: str
    code: str
    submission_value: str
    synonyms: str
    preferred_term: str


class CodelistRow(NamedTuple):
    """One codelist of one release; `extensible` is Y or N."""

    code: str
    name: str
    submission_value: str
    extensible: str


class Place(NamedTuple):
    """Where the terms of a codelist stand: bytes of the file, then bytes of the unpacked member."""

    offset: int
    size: int
    start: int
    length: int


Content = Mapping[CodelistRow, list[TermRow]]
"""The codelists of one release with their terms."""


def merge(releases: Mapping[str, Content]) -> dict[str, dict[TermRow, list[str]]]:
    """Return the terms of each codelist with the releases that have them, in the order they are written.

    Codelists go by name, which brings test codes beside test names: they compress well together.
    """
    found: dict[tuple[str, str], dict[TermRow, list[str]]] = {}
    names = {codelist.code: codelist.name for release in releases.values() for codelist in release}
    for release, codelists in releases.items():
        for codelist, terms in codelists.items():
            merged = found.setdefault((names[codelist.code], codelist.code), {})
            for term in terms:
                merged.setdefault(term, []).append(release)
    return {code: merged for (_, code), merged in sorted(found.items())}


def table(remark: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    r"""Return the bytes of a table: a remark, its columns, its rows.

    Example:
        >>> table("# a", ("b", "c"), [("1", "2")])
        b'# a\nb\tc\n1\t2\n'
    """
    lines = [remark, "\t".join(columns), *("\t".join(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def gzip_member(data: bytes) -> bytes:
    """Return a gzip member without time and system, which Python's own writes differently per version.

    Example:
        >>> import gzip
        >>> gzip.decompress(gzip_member(b"a") + gzip_member(b"b"))
        b'ab'
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    ends = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + packer.compress(data) + packer.flush() + ends


def pack(merged: Mapping[str, Mapping[TermRow, list[str]]], start: int = 0) -> tuple[bytes, dict[str, Place]]:
    """Return the members with all terms, and where each codelist is in a file that they follow at `start`."""
    packed = bytearray()
    places: dict[str, Place] = {}
    for member in _members(merged):
        data = gzip_member(b"".join(member.values()))
        within = 0
        for code, lines in member.items():
            places[code] = Place(start + len(packed), len(data), within, len(lines))
            within += len(lines)
        packed += data
    return bytes(packed), places


def _members(merged: Mapping[str, Mapping[TermRow, list[str]]]) -> Iterator[dict[str, bytes]]:
    """Yield the codelists that share a member of the file."""
    member: dict[str, bytes] = {}
    for code, terms in merged.items():
        member[code] = _term_lines(terms)
        if sum(map(len, member.values())) > MEMBER_BYTES:
            yield member
            member = {}
    yield member


def _term_lines(terms: Mapping[TermRow, list[str]]) -> bytes:
    ordered = sorted(terms.items(), key=lambda item: (item[0].submission_value, item[0], item[1]))
    rows = ((term.codelist, " ".join(releases), *term[1:]) for term, releases in ordered)
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def codelist_rows(releases: Mapping[str, Content], places: Mapping[str, Place]) -> Iterator[tuple[str, ...]]:
    """Yield the facts of each codelist of each release, with the place of its terms."""
    for release, codelists in releases.items():
        paired = pairs(codelists)
        for codelist in sorted(codelists, key=lambda item: places[item.code]):
            terms = codelists[codelist]
            place = map(str, places[codelist.code])
            yield release, *codelist, str(len(terms)), paired.get(codelist.code, ""), *place


def pairs(content: Content) -> dict[str, str]:
    """Return, per codelist, the one that holds the same concepts the other way: codes or their decodes."""
    codes = {(_stem(item.name, CODE_ENDINGS), _concepts(terms)): item.code for item, terms in content.items()}
    paired: dict[str, str] = {}
    for codelist, terms in content.items():
        other = codes.get((_stem(codelist.name, DECODE_ENDINGS), _concepts(terms)))
        if other is not None and _stem(codelist.name, CODE_ENDINGS) is None:
            paired |= {codelist.code: other, other: codelist.code}
    return paired


def _stem(name: str, endings: tuple[str, ...]) -> str | None:
    """Return the name of a codelist without its ending; none where it has another."""
    return next((name.removesuffix(ending) for ending in endings if name.endswith(ending)), None)


def _concepts(terms: list[TermRow]) -> frozenset[str]:
    return frozenset(term.code for term in terms)


def package(release: str, remark: tuple[str, ...], content: Content) -> bytes:
    """Return one release as a file: its index is the first member, its terms the others.

    Args:
        release: The name that the release is asked for by.
        remark: What the first line says besides: standard, date, name and hash of the source.
        content: The codelists and their terms.
    """
    terms, places = pack(merge({release: content}))
    index = table("\t".join((PACKAGE, *remark)), CODELIST_COLUMNS, codelist_rows({release: content}, places))
    return gzip_member(index) + terms
