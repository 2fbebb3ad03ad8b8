"""The crosswalk tables: read once, when first asked for, and looked up by system and code."""

from __future__ import annotations

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
    "ae_outcome": "OUT",
    "ae_severity": "AESEV",
    "body_site": "LOC",
    "dose_form": "FRM",
    "ethnicity": "ETHNIC",
    "frequency": "FREQ",
    "interpretation": "NRIND",
    "method": "METHOD",
    "phase": "TPHASE",
    "position": "POSITION",
    "race": "RACE",
    "route": "ROUTE",
    "sex": "SEX",
    "specimen": "SPECTYPE",
    "specimen_condition": "SPECCOND",
}


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

        Letter case matters, save in rows whose ``case`` column says ``i``. An NCI code of the table's
        codelist gives its term.

        Example:
            >>> crosswalk("body_site").find("http://snomed.info/sct", "368208006", "lat")
            'LEFT'
        """
        for key in (canonical(system), ""):
            row = self._exact.get((key, code)) or self._folded.get((key, code.casefold()))
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

        A term of the table's codelist, and a synonym of one term, is found as well.

        Example:
            >>> crosswalk("specimen").find_text("venous  blood")
            'VENOUS BLOOD'
        """
        row = self._texts.get(_plain(text))
        if row is not None:
            return row.get(column) or None
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


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
