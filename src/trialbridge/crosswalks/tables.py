"""The crosswalk tables: read once, when first asked for, and looked up by system and code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from importlib import resources
from typing import NamedTuple

from trialbridge.standards import Codelist, codelist

Row = Mapping[str, str]

NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
#: the codelist of a table's targets: its NCI codes and synonyms need no rows of their own
CODELISTS = {
    "ae_action": "ACN",
    "allocation": "NY",
    "ae_outcome": "OUT",
    "ae_severity": "AESEV",
    "body_site": "LOC",
    "directionality": "DIR",
    "dose_form": "FRM",
    "epoch": "EPOCH",
    "ethnicity": "ETHNIC",
    "frequency": "FREQ",
    "interpretation": "NRIND",
    "intervention_model": "INTMODEL",
    "intervention_type": "INTTYPE",
    "laterality": "LAT",
    "masking": "TBLIND",
    "method": "METHOD",
    "phase": "TPHASE",
    "position": "POSITION",
    "purpose": "TINDTP",
    "race": "RACE",
    "relationship": "RELSUB",
    "route": "ROUTE",
    "sex": "SEX",
    "specimen": "SPECTYPE",
    "specimen_condition": "SPECCOND",
    "study_type": "STYPE",
    "vital_status": "SSTATRS",
    "yes_no": "NY",
}
SIDE = "lat"
"""The column of a table whose sites have a side."""
_SERIAL = re.compile(r"(\d+)-\d")
_SIDE_OF = re.compile(r"272741003\s*=\s*(\d+)")
_STRUCTURE = re.compile(r"\([^()]*\)|\b(?:structure|entire|of|the)\b|,")


class Crosswalk:
    """One crosswalk table: codes of a system, the words used for them, and their CDISC targets.

    Example:
        >>> crosswalk("sex").find("http://hl7.org/fhir/administrative-gender", "male")
        'M'
    """

    def __init__(self, name: str, rows: tuple[Row, ...]) -> None:
        self.name = name
        self.rows = rows

    def find(self, system: str, code: str, column: str = "target") -> str | None:
        """Return `column` of the row for `code` of `system`, else of a row that names no system.

        Letter case matters, save in rows whose ``case`` column says ``i``. A code ``1004..2026`` stands for
        all codes with these serial numbers. An NCI code of the table's codelist gives its term.

        Example:
            >>> crosswalk("body_site").find("http://snomed.info/sct", "368208006", "lat")
            'LEFT'
        """
        if SIDE in self.columns and ":" in code:
            return self._find_expression(system, code, column)
        for key in (canonical(system), ""):
            row = self._exact.get((key, code)) or self._folded.get((key, code.casefold()))
            row = row or self._in_range(key, code)
            if row is not None:
                return row.get(column) or None
        if canonical(system) != NCIT or column != "target" or self._codelist is None:
            return None
        term = self._codelist.by_code(code)
        return term.submission_value if term else None

    def knows(self, system: str, code: str) -> bool:
        """Return whether there is a row for `code` of `system`, even one without a target.

        Example:
            >>> crosswalk("data_absent_reason").knows("", "as-text")
            False
        """
        keys = (canonical(system), "")
        return any((key, code) in self._exact or (key, code.casefold()) in self._folded for key in keys)

    def find_text(self, text: str, column: str = "target") -> str | None:
        """Return `column` of the row whose text is `text`, without regard to case and spacing.

        A term of the table's codelist, and a synonym of one term, is found as well. In a table of sites with
        sides, a text that names one side is parted.

        Example:
            >>> crosswalk("specimen").find_text("venous  blood")
            'VENOUS BLOOD'
        """
        row = self._texts.get(_plain(text))
        if row is not None:
            return row.get(column) or None
        if SIDE in self.columns and (split := _side(text)):
            side, site = split
            return self.find_text(site, column) if column != SIDE else side if self.find_text(site) else None
        if column != "target" or self._codelist is None:
            return None
        term = self._codelist.find(" ".join(text.split()))
        return term.submission_value if term else None

    def preferred(self, target: str, system: str) -> str | None:
        """Return the code of `system` that `target` is written back as, or None.

        It is the row marked ``preferred``, else the only row there is; several unmarked rows give None.
        In the NCI thesaurus it is the term's own code.

        Example:
            >>> crosswalk("route").preferred("ORAL", "http://snomed.info/sct")
            '26643006'
        """
        if canonical(system) == NCIT and self._codelist is not None:
            term = self._codelist.term(target)
            return term.code if term else None
        marked, codes = self._backward.get((target, canonical(system)), ("", ()))
        return marked or (codes[0] if len(codes) == 1 else None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.rows[0]) if self.rows else ()

    def _find_expression(self, system: str, code: str, column: str) -> str | None:
        """Return `column` for a site whose side stands behind a colon: SNOMED CT's own way to say it."""
        site, _, refinement = code.partition(":")
        if column != SIDE:
            return self.find(system, site.partition("|")[0].strip(), column)
        found = _SIDE_OF.search(re.sub(r"\|[^|]*\|", "", refinement))
        return crosswalk("laterality").find(system, found.group(1)) if found else None

    def _in_range(self, system: str, code: str) -> Row | None:
        """Return the row of a range of serial numbers that holds `code`."""
        serial = _SERIAL.fullmatch(code) if self._ranges else None
        if serial is None:
            return None
        number = int(serial.group(1))
        return next(
            (row for of, first, last, row in self._ranges if of == system and first <= number <= last), None
        )

    @cached_property
    def _ranges(self) -> tuple[tuple[str, int, int, Row], ...]:
        rows = ((row, row["code"].partition("..")) for row in self.rows if ".." in row.get("code", ""))
        return tuple((row["system"], int(first), int(last), row) for row, (first, _, last) in rows)

    @cached_property
    def _codelist(self) -> Codelist | None:
        return codelist(CODELISTS[self.name]) if self.name in CODELISTS else None

    @cached_property
    def _exact(self) -> dict[tuple[str, str], Row]:
        return _first((row["system"], row["code"], row) for row in self.rows if row["code"])

    @cached_property
    def _folded(self) -> dict[tuple[str, str], Row]:
        rows = (row for row in self.rows if row.get("case") == "i" and row["code"])
        return _first((row["system"], row["code"].casefold(), row) for row in rows)

    @cached_property
    def _texts(self) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for row in self.rows:
            for text in row.get("text", "").split("|"):
                found.setdefault(_plain(text), row)
        found.pop("", None)
        return found

    @cached_property
    def _backward(self) -> dict[tuple[str, str], tuple[str, tuple[str, ...]]]:
        found: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}
        for row in self.rows:
            key = (row.get("target", ""), row["system"])
            marked, codes = found.get(key, ("", ()))
            if row.get("preferred") == "Y":
                marked = row["code"]
            found[key] = (marked, (*codes, row["code"]))
        return found


class LoincRow(NamedTuple):
    """What a LOINC code says in SDTM: each field is the variable of that suffix, empty where it says nothing.

    Attributes:
        loinc: The LOINC code.
        domain: SDTM domain of the record, in SDTMIG 3.4.
        testcd: --TESTCD.
        cat: --CAT, a sponsor's category (SDTM has no codelist for it).
        spec: --SPEC.
        method: --METHOD.
        pos: --POS.
        loc: --LOC.
        bdagnt: --BDAGNT, what an antibody binds to (IS).
        resscl: --RESSCL, scale of the result.
        restyp: --RESTYP, kind of property.
        fast: --FAST.
        pdur: --PDUR, planned duration of a collection, ISO 8601.
        tpt: --TPT, planned time point, in words.
    """

    loinc: str
    domain: str
    testcd: str
    cat: str
    spec: str
    method: str
    pos: str
    loc: str
    bdagnt: str
    resscl: str
    restyp: str
    fast: str
    pdur: str
    tpt: str


@cache
def crosswalk(name: str) -> Crosswalk:
    """Return the crosswalk table called `name`, such as ``specimen``.

    Raises:
        LookupError: There is no such table.

    Example:
        >>> crosswalk("phase").find("http://terminology.hl7.org/CodeSystem/research-study-phase", "phase-3")
        'PHASE III TRIAL'
    """
    file = resources.files("trialbridge.crosswalks").joinpath(f"{name}.tsv")
    if not file.is_file():
        raise LookupError(name)
    return Crosswalk(name, tuple(_rows(file.read_text("utf-8"))))


@cache
def canonical(system: str) -> str:
    """Return the usual name of a code system that goes by several, else `system` itself.

    Example:
        >>> canonical("http://snomed.info/ct")
        'http://snomed.info/sct'
    """
    return _aliases().get(system, system)


def loinc(code: str) -> LoincRow | None:
    """Return what the LOINC `code` says in SDTM, or None when the table does not know it.

    Example:
        >>> row = loinc("718-7")
        >>> row.testcd, row.spec
        ('HGB', 'BLOOD')
    """
    return _loinc().get(code)


@cache
def _aliases() -> dict[str, str]:
    return {row["alias"]: row["system"] for row in crosswalk("systems").rows}


@cache
def _loinc() -> dict[str, LoincRow]:
    return {row["loinc"]: LoincRow(**row) for row in crosswalk("loinc").rows}


def _rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a table whose first line is a remark and whose second names the columns."""
    lines = text.split("\n")
    names = lines[1].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[2:] if line]


def _first(items: Iterable[tuple[str, str, Row]]) -> dict[tuple[str, str], Row]:
    found: dict[tuple[str, str], Row] = {}
    for system, code, row in items:
        found.setdefault((system, code), row)
    return found


def _side(text: str) -> tuple[str, str] | None:
    """Return the side that a text names beside a site, and the site; None where it names no one side."""
    words = _STRUCTURE.sub(" ", text.casefold()).split()
    sides = {word: side for word in words if (side := _sides().get(word))}
    site = " ".join(word for word in words if word not in sides)
    return (next(iter(sides.values())), site) if len(sides) == 1 and site else None


@cache
def _sides() -> Mapping[str, str]:
    terms = {term.submission_value for term in codelist(CODELISTS["laterality"]).terms}
    words = {"both", "l", "r", "lt", "rt"} | {term.casefold() for term in terms}
    found = {word: crosswalk("laterality").find_text(word) for word in words}
    return {word: side for word, side in found.items() if side}


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
