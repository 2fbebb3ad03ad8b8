"""Controlled terminology as its publishers give it away: text, Excel, ODM-XML, JSON and CSV.

Each form becomes the same: the codelists of one release with their terms, as facts. Definitions are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trialbridge.converters.terminology_forms import Said, read_json, read_text, read_workbook, read_xml
from trialbridge.errors import ReadError
from trialbridge.standards.packing import Content

STANDARDS = (
    "SDTM",
    "Define-XML",
    "ADaM",
    "SEND",
    "CDASH",
    "Protocol",
    "Glossary",
    "DDF",
    "MRCT",
    "TMF",
    "QRS",
)
"""The standards that have a terminology of their own."""

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENDINGS = (".txt", ".tsv", ".csv", ".xml", ".json", ".xlsx", ".xls")


@dataclass(frozen=True)
class Terminology:
    """One release, as a file says it.

    Attributes:
        standard: One of `STANDARDS`.
        date: The date of the release.
        content: Its codelists with their terms.
        source: The name of the file.
        sha256: Its SHA-256.
    """

    standard: str
    date: str
    content: Content
    source: str
    sha256: str


def read_terminology(source: Path, standard: str = "", date: str = "") -> list[Terminology]:
    """Return the releases that a file holds: one, or one for each file in a zip.

    Args:
        source: Text, CSV, JSON, ODM-XML or .xlsx, plain, in .gz or in .zip.
        standard: One of `STANDARDS`, where neither the file nor its name says it.
        date: The date of the release, where neither the file nor its name says it.

    Raises:
        ReadError: The file cannot be read, is nothing of that, or does not say which release it is.
    """
    try:
        data = source.read_bytes()
    except OSError as error:
        raise ReadError(str(source), error.strerror or str(error)) from error
    digest = hashlib.sha256(data).hexdigest()
    return [
        _terminology(name, f"{name} {source.name}", plain, digest, (standard, date))
        for name, plain in _opened(source.name, data)
    ]


def _terminology(name: str, names: str, data: bytes, digest: str, given: tuple[str, str]) -> Terminology:
    said = _form(name, data)(name, data)
    if not any(said.content.values()):
        raise ReadError(name, "it holds no term")
    own, dated = _standard_in(said.words), _DATE.search(said.words)
    standard = _agreed(name, "standard", given[0], own, _standard_in(names))
    found = _DATE.search(names)
    date = _agreed(name, "date", given[1], dated[0] if dated else "", found[0] if found else "")
    return Terminology(standard, date, said.content, PurePosixPath(name).name, digest)


def _agreed(name: str, what: str, given: str, said: str, named: str) -> str:
    """Return what the user says or the file says, which must be the same; else what its name says."""
    if given and said and given.casefold() != said.casefold():
        raise ReadError(name, f"it says itself that its {what} is {said}, not {given}")
    found = said or given or named
    if not found:
        raise ReadError(name, f"it does not say its {what}: give it with --{what}")
    return found


def _standard_in(words: str) -> str:
    plain = re.sub(r"[^a-z]", "", words.casefold())
    return next((one for one in STANDARDS if re.sub(r"[^a-z]", "", one.casefold()) in plain), "")


def _opened(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each file, taken out of .gz and .zip."""
    try:
        if data[:2] == b"\x1f\x8b":
            yield name.removesuffix(".gz"), gzip.decompress(data)
        elif data[:4] == b"PK\x03\x04" and not _is_workbook(data):
            yield from _members(name, data)
        else:
            yield name, data
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ReadError(name, f"it is damaged: {error}") from error


def _is_workbook(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "xl/workbook.xml" in archive.namelist()


def _members(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [one for one in sorted(archive.namelist()) if one.casefold().endswith(_ENDINGS)]
        if not names:
            raise ReadError(name, f"the archive holds no file that ends in {', '.join(_ENDINGS)}")
        for one in names:
            yield PurePosixPath(one).name, archive.read(one)


def _form(name: str, data: bytes) -> Callable[[str, bytes], Said]:
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(_OLD_EXCEL):
        raise ReadError(
            name, "it is a workbook of the old form .xls: save it as .xlsx, or take the text file"
        )
    if data[:4] == b"PK\x03\x04":
        return read_workbook
    return {b"<": read_xml, b"{": read_json}.get(head[:1], read_text)
