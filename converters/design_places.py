"""The places of TS parameters in the elements of ResearchStudy itself, each read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from trialbridge import crosswalks
from trialbridge.converters.design_forms import PARAMETER, Json, Record, coded, concept, dicts
from trialbridge.elements import Version
from trialbridge.lexical import is_legal
from trialbridge.standards import codelist

NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
HL7 = "http://terminology.hl7.org/CodeSystem"
LOINC = "http://loinc.org"
KIND_OF_OBJECTIVE = f"{HL7}/research-study-objective-type"
STATES = "http://hl7.org/fhir/research-study-status"
CTGOV = "https://clinicaltrials.gov"

TERMINOLOGIES: Mapping[str, str] = {
    "http://snomed.info/sct": "SNOMED",
    "http://fdasis.nlm.nih.gov": "UNII",
    "urn:iso:std:iso:3166": "ISO 3166",
    "https://www.nlm.nih.gov/mesh": "MeSH",
    "http://va.gov/terminology/medrt": "MED-RT",
    NCIT: "CDISC CT",
}
"""System of a code -> TSVCDREF."""

Records = dict[str, list[Record]]
"""TSPARMCD -> its records, in order."""


@dataclass
class Study:
    """A trial's own resources.

    Attributes:
        study: ResearchStudy.
        group: The Group of those who may take part.
        sponsor: Organization.
        version: The release they are of.
    """

    study: Json
    group: Json
    sponsor: Json
    version: Version = "R4"

    def named(self, r4: str, r5: str) -> str:
        """Return the name that an element has in this release."""
        return r5 if self.version == "R5" else r4


class Parameters(Protocol):
    """Where one parameter, or some that belong together, stand."""

    @property
    def codes(self) -> tuple[str, ...]:
        """TSPARMCD of each."""

    def read(self, parts: Study) -> Records:
        """Return what the elements say."""

    def write(self, parts: Study, records: Records) -> None:
        """Write what can be written."""


def value_of(text: str, code: str = "", system: str = "") -> Record:
    """Return the value of a parameter, with its code where the system is a known terminology.

    Example:
        >>> value_of("USA", "USA", "urn:iso:std:iso:3166")
        {'TSVAL': 'USA', 'TSVALCD': 'USA', 'TSVCDREF': 'ISO 3166'}
    """
    found = {"TSVAL": text}
    reference = TERMINOLOGIES.get(system)
    return found | ({"TSVALCD": code, "TSVCDREF": reference} if code and reference else {})


@dataclass(frozen=True)
class Line:
    """A parameter in an element of text."""

    code: str
    element: str

    @property
    def codes(self) -> tuple[str, ...]:
        """The parameter."""
        return (self.code,)

    def read(self, parts: Study) -> Records:
        """Return the text."""
        text = parts.study.get(self.element)
        return {self.code: [value_of(text)]} if isinstance(text, str) and text.strip() else {}

    def write(self, parts: Study, records: Records) -> None:
        """Write the text of the one record."""
        parts.study[self.element] = records[self.code][0]["TSVAL"]


@dataclass(frozen=True)
class Translated:
    """A parameter in a CodeableConcept whose codes a crosswalk knows."""

    code: str
    element: str
    crosswalk: str
    system: str

    @property
    def codes(self) -> tuple[str, ...]:
        """The parameter."""
        return (self.code,)

    def read(self, parts: Study) -> Records:
        """Return the term of the code, or of the text."""
        known = crosswalks.crosswalk(self.crosswalk)
        found = parts.study.get(self.element)
        terms = [
            known.find(str(coding.get("system", "")), str(coding.get("code", "")))
            for one in dicts(found)
            for coding in dicts(one.get("coding"))
        ]
        terms += [known.find_text(str(one["text"])) for one in dicts(found) if one.get("text")]
        return next(({self.code: [value_of(term)]} for term in terms if term), {})

    def write(self, parts: Study, records: Records) -> None:
        """Write the code that the term is written back as, else the term's own NCI code."""
        text = records[self.code][0]["TSVAL"]
        known = crosswalks.crosswalk(self.crosswalk)
        for system in (self.system, NCIT):
            if code := known.preferred(text, system):
                parts.study[self.element] = concept("", (system, code))
                return


@dataclass(frozen=True)
class Concepts:
    """A parameter of several records, each a CodeableConcept of a list."""

    code: str
    r4: str
    r5: str
    inner: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """The parameter."""
        return (self.code,)

    def read(self, parts: Study) -> Records:
        """Return a record for each concept: its text, else the display, else the code itself."""
        nodes = dicts(parts.study.get(parts.named(self.r4, self.r5)))
        if self.inner and parts.version == "R5":
            nodes = [node[self.inner] for node in nodes if isinstance(node.get(self.inner), dict)]
        found = [one for node in nodes if (one := self._one(node))]
        return {self.code: found} if found else {}

    def _one(self, node: Json) -> Record | None:
        codings = dicts(node.get("coding"))
        known = next((one for one in codings if one.get("system") in TERMINOLOGIES), {})
        texts = [node.get("text"), *(one.get(part) for part in ("display", "code") for one in codings)]
        text = next((str(text) for text in texts if text), "")
        return value_of(text, str(known.get("code", "")), str(known.get("system", ""))) if text else None

    def write(self, parts: Study, records: Records) -> None:
        """Write a concept for each record."""
        systems = {name: system for system, name in TERMINOLOGIES.items()}
        nodes = []
        for one in records[self.code]:
            system, code = systems.get(one.get("TSVCDREF", "")), one.get("TSVALCD")
            codings = [(system, code)] if system and code else []
            node = concept(one["TSVAL"], *codings)
            nodes.append({self.inner: node} if self.inner and parts.version == "R5" else node)
        parts.study[parts.named(self.r4, self.r5)] = nodes


FOREIGN: Mapping[str, tuple[str, str]] = {
    "design masking": ("TBLIND", "masking"),
    "design allocation": ("RANDOM", "allocation"),
    "design intervention model": ("INTMODEL", "intervention_model"),
    "ct.gov studytype": ("STYPE", "study_type"),
}
"""What a text of somebody else's design begins with -> the parameter, and the crosswalk of its words."""


class Characteristics:
    """The parameters that characterise the design: concepts that name the parameter and the term."""

    codes = (
        "STYPE",
        "INTMODEL",
        "TBLIND",
        "TCNTRL",
        "TTYPE",
        "RANDOM",
        "ADAPT",
        "INTTYPE",
        "HLTSUBJI",
        "ADDON",
    )

    def read(self, parts: Study) -> Records:
        """Return a record for each concept that names a parameter, or says it in known words."""
        found: Records = {}
        for node in dicts(parts.study.get(parts.named("category", "studyDesign"))):
            code, text = coded(node, PARAMETER), str(node.get("text", ""))
            if not code:
                code, text = _foreign(node)
            if code in self.codes and text:
                found.setdefault(code, []).append(value_of(text))
        return found

    def write(self, parts: Study, records: Records) -> None:
        """Write a concept for each record."""
        place = parts.study.setdefault(parts.named("category", "studyDesign"), [])
        for code in self.codes:
            for one in records.get(code, ()):
                term = _term(code, one["TSVAL"])
                place.append(concept(one["TSVAL"], (PARAMETER, code), *([(NCIT, term)] if term else [])))


def _foreign(node: Json) -> tuple[str, str]:
    """Return the parameter and the term of somebody else's concept; empty where neither is known."""
    for coding in dicts(node.get("coding")):
        for code, name in CODELISTS.items():
            if coding.get("system") == NCIT and name not in {"NY", "C66742"}:
                term = codelist(name).by_code(str(coding.get("code", "")))
                if term:
                    return code, term.submission_value
    named, _, word = str(node.get("text", "")).partition(": ")
    code, table = FOREIGN.get(named.strip().casefold(), ("", ""))
    return code, (crosswalks.crosswalk(table).find_text(word) or "") if table else ""


CODELISTS: Mapping[str, str] = {
    "STYPE": "STYPE",
    "INTMODEL": "INTMODEL",
    "TBLIND": "TBLIND",
    "TCNTRL": "TCNTRL",
    "TTYPE": "TTYPE",
    "INTTYPE": "INTTYPE",
    "TPHASE": "TPHASE",
    "TINDTP": "TINDTP",
    "SEXPOP": "SEXPOP",
    **dict.fromkeys(("RANDOM", "ADAPT", "ADDON", "HLTSUBJI"), "NY"),
}
"""Parameter -> the codelist of its values."""


def _term(code: str, text: str) -> str:
    """Return the NCI code of a value; empty where it is no term."""
    term = codelist(CODELISTS[code]).term(text) if code in CODELISTS else None
    return term.code if term else ""


class Objectives:
    """Primary, secondary and exploratory objectives."""

    types: ClassVar[Mapping[str, str]] = {
        "OBJPRIM": "primary",
        "OBJSEC": "secondary",
        "OBJEXP": "exploratory",
    }
    codes = tuple(types)
    element = ("objective", "objective")
    many = False

    def read(self, parts: Study) -> Records:
        """Return the objectives by type."""
        found: Records = {}
        words = {word: code for code, word in self.types.items()}
        for node in dicts(parts.study.get(parts.named(*self.element))):
            kind = coded(node.get("type"), KIND_OF_OBJECTIVE) or words_of(node.get("type"))
            text = node.get("name") or node.get("description")
            if kind.casefold() in words and text:
                found.setdefault(words[kind.casefold()], []).append(value_of(str(text)))
        return found

    def write(self, parts: Study, records: Records) -> None:
        """Write them."""
        name = parts.named(*self.element)
        if not name:
            return
        place = parts.study.setdefault(name, [])
        for code, word in self.types.items():
            kind = concept("", (KIND_OF_OBJECTIVE, word))
            for one in records.get(code, ()):
                place.append({"name": one["TSVAL"], "type": [kind] if self.many else kind})


class Outcomes(Objectives):
    """Outcome measures, which R4 has no element for."""

    types: ClassVar[Mapping[str, str]] = {
        "OUTMSPRI": "primary",
        "OUTMSSEC": "secondary",
        "OUTMSEXP": "exploratory",
    }
    codes = tuple(types)
    element = ("", "outcomeMeasure")
    many = True


def words_of(concepts: object) -> str:
    """Return the text of a CodeableConcept, or of the first of several that has one."""
    return str(next((one["text"] for one in dicts(concepts) if one.get("text")), ""))


@dataclass(frozen=True)
class Period:
    """Start or end of the study."""

    code: str
    end: str

    @property
    def codes(self) -> tuple[str, ...]:
        """The parameter."""
        return (self.code,)

    def read(self, parts: Study) -> Records:
        """Return the date; in R5 also that of the progress of the whole study."""
        periods = [parts.study.get("period")]
        states = "http://hl7.org/fhir/research-study-status"
        progress = dicts(parts.study.get("progressStatus"))
        periods += [
            one.get("period") for one in progress if coded(one.get("state"), states) == "overall-study"
        ]
        dates = (one.get(self.end) for one in dicts(periods))
        return next(({self.code: [value_of(str(date))]} for date in dates if date), {})

    def write(self, parts: Study, records: Records) -> None:
        """Write the date, where it is one."""
        date = records[self.code][0]["TSVAL"]
        if is_legal("dateTime", date):
            parts.study.setdefault("period", {})[self.end] = date
