"""The releases of controlled terminology: those that are shipped, and those that a user has imported.

A release is named by its date, as in `study.toml`; where it is not of SDTM, by its standard and date, such as
``adam-2026-03-27``. An imported package lies in a folder that somebody names, else in the user's data folder.
What a named folder holds goes before what is shipped; the data folder only adds releases.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, Self

from trialbridge.errors import ReadError, ReleaseError
from trialbridge.standards.packing import PACKAGE, Place
from trialbridge.standards.tables import data, rows_of

CT_VERSIONS: tuple[str, ...] = ("2025-03-28", "2026-03-27")
"""Shipped releases of SDTM controlled terminology, oldest first."""

DEFAULT_CT = "2026-03-27"

DEFINE_XML_CT = "define-xml-2026-03-27"
"""The shipped release of Define-XML terminology, such as origins and observation classes."""

SHIPPED = (*CT_VERSIONS, DEFINE_XML_CT)

FOLDER_VARIABLE = "TRIALBRIDGE_TERMINOLOGY"
"""The environment variable that names the folder of imported packages."""

_SUFFIX = ".tsv.gz"


class Release(str):
    """The name of a release, together with the package that holds it.

    Example:
        >>> Release("2026-06-26", Path("ct/sdtm-ct-2026-06-26.tsv.gz"))
        '2026-06-26'
    """

    __slots__ = ("package",)

    package: Path

    def __new__(cls, name: str, package: Path) -> Self:
        """Return the name, which knows its package."""
        made = super().__new__(cls, name)
        made.package = package
        return made

    def __reduce__(self) -> tuple[type[Release], tuple[str, Path]]:
        """Carry the package from process to process."""
        return Release, (str(self), self.package)


class ReleaseFacts(NamedTuple):
    """What is known of a release without its terms.

    Attributes:
        name: What it is asked for by.
        standard: Such as ``SDTM`` or ``ADaM``.
        date: The date of the release.
        codelists: How many codelists it has.
        terms: How many terms they have.
        source: What the package was made of; empty for a shipped release.
        package: The file; none for a shipped release.
    """

    name: str
    standard: str
    date: str
    codelists: int
    terms: int
    source: str
    package: Path | None


class CodelistFacts(NamedTuple):
    """What is known of a codelist without its terms.

    Attributes:
        code: NCI code.
        name: Such as ``Laboratory Test Code``.
        submission_value: Such as ``LBTESTCD``.
        extensible: Whether a sponsor may add terms.
        terms: How many terms it has.
        paired: NCI code of the codelist with the same concepts, as names for codes or codes for names.
    """

    code: str
    name: str
    submission_value: str
    extensible: bool
    terms: int
    paired: str


class Entry(NamedTuple):
    """A codelist, and where its terms stand."""

    facts: CodelistFacts
    place: Place


@dataclass(frozen=True, eq=False)
class Store:
    """The codelists of one release, still packed.

    Attributes:
        name: The name of the release.
        entries: NCI code or submission value of a codelist -> the codelist.
        remark: What the package says of itself: standard, date, source and its hash.
        package: The file; none for a shipped release.
    """

    name: str
    entries: Mapping[str, Entry]
    remark: tuple[str, ...] = ()
    package: Path | None = None

    @cached_property
    def facts(self) -> tuple[CodelistFacts, ...]:
        """What is known of every codelist."""
        return tuple({entry.facts.code: entry.facts for entry in self.entries.values()}.values())

    def lines(self, code: str) -> list[list[str]]:
        """Return the rows of the terms of a codelist, each with the codelist's code before it."""
        place = self.entries[code].place
        text = _member(self, place.offset, place.size)[place.start : place.start + place.length].decode()
        rows = (line.split("\t") for line in text.splitlines())
        return [[code, *cells] for code, releases, *cells in rows if self.name in releases.split(" ")]

    def folded(self) -> Iterator[list[str]]:
        """Yield the rows of all terms, in folded case and single spaces, in the order of `lines`."""
        place = max(entry.place.offset + entry.place.size for entry in self.entries.values())
        first = min(entry.place.offset for entry in self.entries.values())
        text = (
            gzip.decompress(self.packed[first:place])
            .decode()
            .casefold()
            .replace("   ", " ")
            .replace("  ", " ")
        )
        having: dict[str, bool] = {}
        for line in text.splitlines():
            of, releases, *cells = line.split("\t")
            if releases not in having:
                having[releases] = self.name in releases.split(" ")
            if having[releases]:
                yield [of, *cells]

    @cached_property
    def packed(self) -> bytes:
        """The terms of all codelists, as they lie in the file."""
        return data("_terms.tsv.gz") if self.package is None else _parts(self.package)[1]


@lru_cache(maxsize=8)
def _member(store: Store, offset: int, size: int) -> bytes:
    return gzip.decompress(store.packed[offset : offset + size])


def data_folder() -> Path:
    """Return the folder of the user's own packages; it need not be there.

    It is what TRIALBRIDGE_TERMINOLOGY names, else the place that the system has for data of a user.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "trialbridge" / "terminology"


def release(name: str, folder: Path | None = None) -> str:
    """Return the release called `name`, which is to be used wherever a `ct` is asked for.

    Args:
        name: A date such as ``2026-03-27``, for SDTM; else standard and date.
        folder: The folder of packages; the user's data folder without it.

    Raises:
        ReleaseError: There is none.

    Example:
        >>> release("2026-03-27")
        '2026-03-27'
    """
    if folder is None and name in SHIPPED:
        return name
    package = (data_folder() if folder is None else folder) / file_name(name)
    if package.is_file():
        return Release(name, package)
    if name in SHIPPED:
        return name
    raise ReleaseError("", "", name, tuple(facts.name for facts in releases(folder)))


def sdtm_release(date: str, folder: Path | None = None) -> str:
    """Return the release of SDTM terminology of a date, as `release` does; that of no other standard.

    Raises:
        ReleaseError: There is none.

    Example:
        >>> sdtm_release("2026-03-27")
        '2026-03-27'
    """
    known = tuple(facts.name for facts in releases(folder) if facts.standard == "SDTM")
    if date not in known:
        raise ReleaseError("", "", date, known)
    return release(date, folder)


def releases(folder: Path | None = None) -> tuple[ReleaseFacts, ...]:
    """Return all releases that there are, those of SDTM first, each standard by date.

    Args:
        folder: The folder of packages; the user's data folder without it.

    Example:
        >>> [facts.name for facts in releases(Path("nowhere"))]
        ['2025-03-28', '2026-03-27', 'define-xml-2026-03-27']
    """
    stores = {name: store_of(name) for name in SHIPPED}
    for path in sorted((data_folder() if folder is None else folder).glob(f"*-ct-*{_SUFFIX}")):
        name = _name(path)
        if folder is not None or name not in SHIPPED:
            stores[name] = store_of(Release(name, path))
    return tuple(sorted(map(_facts, stores.values()), key=_order))


def file_name(name: str) -> str:
    """Return what the package of a release is called.

    Example:
        >>> file_name("2026-06-26"), file_name("define-xml-2026-06-26")
        ('sdtm-ct-2026-06-26.tsv.gz', 'define-xml-ct-2026-06-26.tsv.gz')
    """
    standard, date = name[:-11], name[-10:]
    return f"{standard or 'sdtm'}-ct-{date}{_SUFFIX}"


def name_of(standard: str, date: str) -> str:
    """Return what a release is asked for by.

    Example:
        >>> name_of("SDTM", "2026-06-26"), name_of("ADaM", "2026-06-26")
        ('2026-06-26', 'adam-2026-06-26')
    """
    prefix = standard.lower()
    return date if prefix == "sdtm" else f"{prefix}-{date}"


def package_of(ct: str) -> Path | None:
    """Return the package that holds a release; none where it is shipped.

    Raises:
        ReleaseError: There is no such release.

    Example:
        >>> package_of("2026-03-27") is None
        True
    """
    if isinstance(ct, Release):
        return ct.package
    if ct in SHIPPED:
        return None
    found = release(ct)
    return found.package if isinstance(found, Release) else None


def store_of(ct: str) -> Store:
    """Return the codelists of a release.

    Raises:
        ReleaseError: There is no such release.
        ReadError: Its package cannot be read.
    """
    package = package_of(ct)
    return _shipped(ct) if package is None else _imported(package, package.stat().st_mtime_ns)


@cache
def _shipped(name: str) -> Store:
    return Store(name, _entries(row for row in rows_of(data("_codelists.tsv").decode()) if row[0] == name))


@cache
def _imported(package: Path, written: int) -> Store:  # noqa: ARG001 -- a file that was written anew is another
    index, _ = _parts(package)
    remark, _, _ = index.partition("\n")
    if not remark.startswith(PACKAGE + "\t"):
        raise ReadError(str(package), "is no package that `terminology import` of this version wrote")
    return Store(_name(package), _entries(rows_of(index)), tuple(remark.split("\t")[1:]), package)


def _parts(package: Path) -> tuple[str, bytes]:
    """Return the index of a package, and its other members."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        index = unpacker.decompress(package.read_bytes()).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ReadError(str(package), f"is no terminology package: {error}") from error
    return index, unpacker.unused_data


def _entries(rows: Iterable[list[str]]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for _, code, name, value, extensible, terms, other, *place in rows:
        facts = CodelistFacts(code, name, value, extensible == "Y", int(terms), other)
        found[code] = found[value] = Entry(facts, Place(*map(int, place)))
    return found


def _name(package: Path) -> str:
    standard, _, date = package.name.removesuffix(_SUFFIX).rpartition("-ct-")
    return name_of(standard, date)


def _facts(store: Store) -> ReleaseFacts:
    name = store.name
    standard = store.remark[0] if store.remark else "Define-XML" if name == DEFINE_XML_CT else "SDTM"
    terms = sum(facts.terms for facts in store.facts)
    source = store.remark[2] if store.remark else ""
    return ReleaseFacts(name, standard, name[-10:], len(store.facts), terms, source, store.package)


def _order(facts: ReleaseFacts) -> tuple[bool, str, str]:
    return facts.standard != "SDTM", facts.standard, facts.date
