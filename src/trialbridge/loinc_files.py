"""The user's own LOINC files: CDISC's LOINC-to-LB mapping, and the LOINC table itself.

Nothing of their content is here. The mapping is read as it is published: comma-separated values, gzipped or
not, or a workbook. It is read when a test is first asked for, and once in a process.

Several specimens of one code: where the data names a specimen, that counts; else the specimen that leaves it
open (``SERUM OR PLASMA``), else the first in the file. A value in brackets is a remark and no term.

A term that the terminology of the study does not have is never used: the term with the same NCI code is, or
the one that the shipped crosswalk has for the code; where there is neither, the file says nothing of it.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from zipfile import BadZipFile

from trialbridge import crosswalks
from trialbridge.distribution import content, decoded
from trialbridge.errors import ConfigurationError, TermError
from trialbridge.findings import Finding, Severity
from trialbridge.standards import DEFAULT_CT, codelist

REPLACED = "retired-in-loinc-file"
HOMES = ("LB", "IS", "MB", "CP")
"""The domains in which the term of a laboratory test may live on, in this order."""

_COLUMNS: Mapping[str, str] = {
    "loinc": "LOINC Code",
    "cat": "LOINC Class",
    "testcd": "CDISC LBTESTCD",
    "test": "CDISC LBTEST",
    "nci": "CDISC LBTEST/TESTCD NCI C-code",
    "spec": "CDISC LBSPEC",
    "method": "CDISC LBMETHOD",
    "tpt": "CDISC LBTPT",
    "fast": "CDISC LBFAST",
    "pos": "CDISC LBPOS",
    "loc": "CDISC LBLOC",
    "pdur": "SUPPQUAL Variable LBPDUR",
    "restyp": "SUPPQUAL Variable LBRESTYP",
    "resscl": "SUPPQUAL Variable LBRSLSCL",
}
"""Field -> how the file's heading starts."""

_NEEDED = ("loinc", "testcd")
_CATEGORIES = {
    "CHEM": "CHEMISTRY",
    "HEM/BC": "HEMATOLOGY",
    "COAG": "COAGULATION",
    "UA": "URINALYSIS",
    "DRUG/TOX": "TOXICOLOGY",
    "SERO": "SEROLOGY",
}
"""LOINC's class -> the category of a test, for which SDTM has no codelist."""


class Published(NamedTuple):
    """What the mapping file says of one code: each field is the variable of that suffix.

    Attributes:
        loinc: The LOINC code.
        domain: The domain of the test; the file is about LB, terminology may have moved the test since.
        cat: --CAT, from LOINC's class.
        nci: NCI code of the test.
        pdur: --PDUR.
    """

    loinc: str
    domain: str = "LB"
    cat: str = ""
    testcd: str = ""
    test: str = ""
    nci: str = ""
    spec: str = ""
    method: str = ""
    tpt: str = ""
    fast: str = ""
    pos: str = ""
    loc: str = ""
    pdur: str = ""
    restyp: str = ""
    resscl: str = ""


@dataclass(frozen=True)
class LoincFiles:
    """The LOINC files that a study's settings name.

    Attributes:
        mapping: CDISC's LOINC-to-LB file; empty for none.
        table: LOINC's own table, for suggestions; empty for none.
        folder: What relative paths start at.
        sha256: Hash of the mapping file, once it was used.
        used: Code -> what the file says, of the codes that a run used: enough to explain the run without it.
    """

    mapping: str = ""
    table: str = ""
    folder: str = ""
    sha256: str = ""
    used: Mapping[str, Published] = field(default_factory=dict)

    def published(self, code: str) -> Published | None:
        """Return what the mapping file says of a code, as published.

        Raises:
            ConfigurationError: The file cannot be read, or is no such mapping.
        """
        if self.sha256 or not self.mapping:
            return self.used.get(code)
        return read_mapping(str(Path(self.folder) / self.mapping)).get(code)

    def row(self, code: str, ct: str = DEFAULT_CT) -> Published | None:
        """Return what the file says of a code in terms of a release; None where it says nothing usable."""
        found = self.published(code)
        target = current(found, ct) if found else None
        if found is None or target is None:
            return None
        test = found.test if target[1] == found.testcd else ""
        return found._replace(domain=target[0], testcd=target[1], test=test, **_terms(found, ct))

    def with_used(self, codes: Iterable[str]) -> LoincFiles:
        """Return the files with what they say of some codes, for the settings that a run keeps."""
        if not self.mapping:
            return self
        used = {code: found for code in sorted(set(codes)) if (found := self.published(code))}
        return replace(self, sha256=self._hash(), used=used)

    def instead(self, mapping: Path) -> LoincFiles:
        """Return the files with another mapping file than the settings name."""
        return replace(self, mapping=str(mapping.absolute()))

    def without_place(self) -> LoincFiles:
        """Return the files by their names alone, wherever they lie."""
        mapping, table = (PurePosixPath(one.replace("\\", "/")).name for one in (self.mapping, self.table))
        return replace(self, mapping=mapping, table=table, folder="")

    def findings(self, used: Mapping[str, int], ct: str) -> Iterator[Finding]:
        """Yield what is to be said of the codes that a run read by the file.

        Args:
            used: Code -> how many records.
            ct: The release of terminology.
        """
        for code, count in sorted(used.items()):
            found, row = self.published(code), self.row(code, ct)
            if found and row and found.testcd != row.testcd:
                message = (
                    f"{found.testcd}, which the LOINC-to-LB file has for {code}, is no term of {ct}: "
                    f"{row.domain}.{row.testcd} was used"
                )
                variable = f"{row.domain}TESTCD"
                yield Finding(
                    Severity.NOTICE, REPLACED, message, row.domain, variable, value=code, count=count
                )

    def overrides(self) -> list[tuple[str, str]]:
        """Return each file and its hash, for the report."""
        named = self.without_place()
        said = {"LOINC-to-LB file": f"{named.mapping} {self.sha256}".strip(), "LOINC table": named.table}
        return [(name, value) for name, value in said.items() if value]

    def _hash(self) -> str:
        if self.sha256:
            return self.sha256
        return sha256(content(Path(self.folder) / self.mapping)).hexdigest()


def current(found: Published, ct: str = DEFAULT_CT) -> tuple[str, str] | None:
    """Return domain and test code that a row of the file means in a release of terminology.

    Example:
        >>> current(Published("2345-7", testcd="GLUC", nci="C105585"))
        ('LB', 'GLUC')
        >>> current(Published("11572-5", testcd="RF", nci="C74717"))
        ('IS', 'RFATAB')
    """
    if _is_term("LB", found.testcd, ct):
        return "LB", found.testcd
    for domain in HOMES:
        term = codelist(f"{domain}TESTCD", ct).by_code(found.nci) if found.nci else None
        if term:
            return domain, term.submission_value
    known = crosswalks.loinc(found.loinc)
    return (known.domain, known.testcd) if known and _is_term(known.domain, known.testcd, ct) else None


def _is_term(domain: str, value: str, ct: str) -> bool:
    try:
        return value in codelist(f"{domain}TESTCD", ct)
    except TermError:
        return False


def _terms(found: Published, ct: str) -> dict[str, str]:
    """Return the qualifiers that are terms of the release; of the others nothing."""
    lists = {"spec": "SPECTYPE", "method": "METHOD", "restyp": "RESTYPRS", "resscl": "RSLSCLRS"}
    return {
        name: value if (value := getattr(found, name)) and value in codelist(code, ct) else ""
        for name, code in lists.items()
    }


@cache
def read_mapping(path: str) -> Mapping[str, Published]:
    """Return CDISC's mapping file by LOINC code, with the one specimen that its rows leave open.

    Raises:
        ConfigurationError: It cannot be read, or has no column of LOINC codes or of test codes.
    """
    rows = _workbook(Path(path)) if path.lower().endswith((".xlsx", ".xlsm")) else _lines(Path(path))
    places: dict[str, int] = {}
    found: dict[str, list[Published]] = {}
    for row in rows:
        if not places:
            places = _places(row)
        elif code := _cell(row, places["loinc"]):
            said = {name: _cell(row, place) for name, place in places.items()}
            found.setdefault(code, []).append(Published(**said))
    if not places:
        words = " and ".join(_COLUMNS[name] for name in _NEEDED)
        raise ConfigurationError(path, f"is no LOINC-to-LB mapping: no row has the headings {words}")
    return {code: _one(several) for code, several in found.items()}


def _one(rows: Sequence[Published]) -> Published:
    """Return one row for a code that has one for each specimen."""
    first = rows[0]
    specs = [row.spec for row in rows if row.testcd == first.testcd]
    open_spec = next((spec for spec in specs if " OR " in spec), specs[0])
    return first._replace(spec=open_spec, cat=_CATEGORIES.get(first.cat, ""))


def _places(row: Sequence[str]) -> dict[str, int]:
    """Return the column of each field, where the row is the headings."""
    heads = [" ".join(cell.split()) for cell in row]
    places = {
        name: place
        for name, start in _COLUMNS.items()
        if (place := next((at for at, head in enumerate(heads) if _headed(head, start)), -1)) >= 0
    }
    return places if all(name in places for name in _NEEDED) else {}


def _headed(head: str, start: str) -> bool:
    return head == start or head.startswith(f"{start} (")


def _cell(row: Sequence[str], place: int) -> str:
    """Return a value of the file; nothing for a remark in brackets or a pending code."""
    text = row[place].strip() if place < len(row) else ""
    return "" if text.startswith(("(", "<<")) else text


def _lines(path: Path) -> Iterator[list[str]]:
    data = content(path)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise ConfigurationError(str(path), f"cannot be unpacked: {error}") from error
    yield from csv.reader(io.StringIO(decoded(data), newline=""))


def _workbook(path: Path) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # noqa: PLC0415 -- a slow import that only this form needs

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, BadZipFile, KeyError) as error:
        raise ConfigurationError(str(path), f"cannot be read: {error}") from error
    try:
        for sheet in book.worksheets:
            for row in sheet.iter_rows(values_only=True):
                yield ["" if cell is None else str(cell) for cell in row]
    finally:
        book.close()
