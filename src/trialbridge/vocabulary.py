"""The words of one study: controlled terminology, crosswalks, and what `study.toml` says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from trialbridge import crosswalks, instruments
from trialbridge.concept_maps import ConceptMaps, Link
from trialbridge.crosswalks import LoincRow
from trialbridge.crosswalks.earlier_guides import routed
from trialbridge.decisions import QUALIFIERS, Decision, Decisions
from trialbridge.dictionaries import Dictionaries
from trialbridge.errors import TermError
from trialbridge.event_names import EventNames
from trialbridge.loinc_files import LoincFiles, Published
from trialbridge.standards import DEFAULT_CT, Codelist, codelist

LOINC = "http://loinc.org"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
NCIT_SYSTEMS = frozenset({NCIT, "http://ncimeta.nci.nih.gov", "urn:oid:2.16.840.1.113883.3.26.1.1"})
UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"

USUBJID = "urn:trialbridge:usubjid"
"""The identifier system of a USUBJID that was given; without one it is made by the study's template."""

Basis = Literal[
    "study", "decision", "concept-map", "cdisc-file", "crosswalk", "instrument", "nci", "name", ""
]
"""Who says which test a code is: the study's settings, a person's decision, the user's own
ConceptMap, or copy of CDISC's LOINC-to-LB file, the shipped crosswalk, the definition of an instrument,
the NCI code itself, or its printed name in the terminology."""

BASES: Mapping[str, str] = {
    "": "the data itself",
    "cdisc-file": "your LOINC-to-LB file",
    "concept-map": "your ConceptMap",
    "crosswalk": "the shipped LOINC crosswalk",
    "decision": "decisions",
    "instrument": "the definition of the instrument",
    "name": "its name in the terminology",
    "nci": "NCI code",
    "study": "the study's settings",
}
"""A basis in words that follow ``by``."""


class Test(NamedTuple):
    """What a coded test is in SDTM: its domain, its code, and what the code says of the sample."""

    domain: str
    testcd: str
    test: str = ""
    cat: str = ""
    scat: str = ""
    spec: str = ""
    method: str = ""
    pos: str = ""
    resscl: str = ""
    restyp: str = ""
    fast: str = ""
    tpt: str = ""
    pdur: str = ""
    bdagnt: str = ""
    obj: str = ""
    basis: Basis = ""


@dataclass(frozen=True)
class Vocabulary:
    """Terminology and crosswalks of one run, with the study's own overrides first.

    Attributes:
        ct: Date of the controlled terminology package.
        units: Unit system of standardised results.
        tests: (system, code) -> field -> value, the study's own reading of a test code; a text without
            a code stands under the system ``""``.
        products: What names the study product: codes, references such as ``Medication/x``, or text.
        identifiers: ``study``, ``site`` or ``subject`` -> the system of the identifier that is meant.
        questionnaires: Canonical URL of a questionnaire, or its last segment -> the study's category.
        decisions: What people decided about codes and texts that no table knows.
        dictionaries: The user's own licensed dictionaries.
        visits: What names a planned visit, in lower case -> its number.
        loinc: The user's own LOINC files.
        sdtmig: Version of the implementation guide, by which the domain of a test is.
        maps: The user's own ConceptMaps.
        instruments: --CAT of an instrument -> the domain that the study keeps it in.
        events: Domain of events -> what the study names such a record by.
        moods: Which doses the study wants in EC: ``PERFORMED``, ``SCHEDULED``.
    """

    ct: str = DEFAULT_CT
    units: Literal["SI", "conventional"] = "SI"
    tests: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    products: frozenset[str] = frozenset()
    identifiers: Mapping[str, str] = field(default_factory=dict)
    questionnaires: Mapping[str, str] = field(default_factory=dict)
    decisions: Decisions = field(default_factory=Decisions)
    dictionaries: Dictionaries = field(default_factory=Dictionaries)
    visits: Mapping[str, str] = field(default_factory=dict)
    loinc: LoincFiles = field(default_factory=LoincFiles)
    sdtmig: str = "3.4"
    maps: ConceptMaps = field(default_factory=ConceptMaps)
    instruments: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, EventNames] = field(default_factory=dict)
    moods: frozenset[str] = frozenset()

    def submission_value(self, name: str, code: str) -> str | None:
        """Return the submission value of an NCI code in a codelist; null where it is not there."""
        known = self._codelist(name)
        term = known.by_code(code) if known else None
        return term.submission_value if term else None

    def nci_code(self, name: str, value: str) -> str | None:
        """Return the NCI code of a submission value in a codelist; null where it is not there."""
        known = self._codelist(name)
        term = known.term(value) if known else None
        return term.code if term else None

    def find(self, name: str, text: str) -> str | None:
        """Return the submission value that `text` means: a value, a synonym or a preferred term."""
        known = self._codelist(name)
        term = known.find(text) if known else None
        return term.submission_value if term else None

    def _codelist(self, name: str) -> Codelist | None:
        """Return a codelist; None where the release that the study uses has none of that name."""
        try:
            return codelist(name, self.ct)
        except TermError:
            return None

    def test(self, codings: Sequence[tuple[str, str]], text: str = "", display: str = "") -> Test | None:
        """Return what a test is in SDTM; null where nobody knows.

        The study's own word comes first, then what people decided, then the user's own ConceptMaps and
        LOINC-to-LB file, then the shipped crosswalk, then the definitions of instruments.

        Args:
            codings: System and code of each coding.
            text: The printed name.
            display: The name that the first coding prints, by which people decided where there is no other.
        """
        for system, code in [*codings, ("", text)]:
            own = self.tests.get((system, code))
            if own is not None:
                known = self._loinc(code) if system == LOINC else None
                return (known or Test("", ""))._replace(**own, basis="study")
        if decided := self.decisions.of_test(codings, text or display):
            return self._decided(decided)
        for system, code in codings:
            if linked := self.maps.test(system, code):
                return self._linked(linked)
        coded = (test for system, code in codings if system == LOINC and (test := self._loinc(code)))
        return next(coded, None) or self._of_instrument(codings, text or display)

    def _of_instrument(self, codings: Sequence[tuple[str, str]], text: str) -> Test | None:
        """Return the item of an instrument that a code of no terminology but LOINC, or a name, means."""
        codes = (code for system, code in codings if system not in _TERMINOLOGIES)
        found = next((one for code in codes if (one := instruments.item_called(code))), None)
        found = found or instruments.item_named(text)
        if found is None:
            return None
        cat = found.instrument.category
        domain = self.instruments.get(cat, found.instrument.domain)
        return Test(domain, found.item.testcd, found.item.name, cat, basis="instrument")

    def mapped(self, of: str, system: str, code: str) -> Link | None:
        """Return what the user's own ConceptMaps say of a code, for a codelist; null where nothing."""
        return self.maps.find(of, system, code)

    def _linked(self, link: Link) -> Test:
        known = self._loinc(link.code) if link.system == LOINC else None
        besides = {field: value for field, value in link.besides if field in Test._fields}
        return (known or Test("", ""))._replace(
            domain=link.variable[:2], testcd=link.value, basis="concept-map", **besides
        )

    def _decided(self, decision: Decision) -> Test | None:
        if decision.leaves:
            return None
        known = self._loinc(decision.code) if decision.system == LOINC else None
        said = {name: value for name in QUALIFIERS if (value := getattr(decision, name))}
        return (known or Test("", ""))._replace(
            domain=decision.target[0], testcd=decision.value, basis="decision", **said
        )

    def _loinc(self, code: str) -> Test | None:
        published, shipped = self.loinc.row(code, self.ct), crosswalks.loinc(code)
        agent = shipped.bdagnt if shipped else ""
        if published:
            cat = shipped.cat if shipped else ""
            said = _test(published, "cdisc-file")._replace(test=published.test, cat=cat or published.cat)
            return self._in_guide(said, agent)
        return self._in_guide(_test(shipped, "crosswalk"), agent) if shipped else None

    def _in_guide(self, test: Test, agent: str) -> Test | None:
        """Return a test as the study's version of the guide has it; null where it has no code there."""
        if test.cat in self.instruments:
            return test._replace(domain=self.instruments[test.cat])
        domain, testcd = routed(test.domain, test.testcd, agent, self.sdtmig, self.ct)
        return test._replace(domain=domain, testcd=testcd) if testcd else None

    def is_product(self, *names: str | None) -> bool:
        """Return whether any of `names` names the study product; text is compared without case."""
        return any(name and name.casefold() in self._folded for name in names)

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(name.casefold() for name in self.products)


def _test(row: LoincRow | Published, basis: Basis) -> Test:
    said = {name: getattr(row, name, "") for name in _SAID}
    return Test(row.domain, row.testcd, **said, basis=basis)


_TERMINOLOGIES = frozenset({SNOMED, UCUM, *NCIT_SYSTEMS})
_SAID = ("cat", "spec", "method", "pos", "resscl", "restyp", "fast", "tpt", "pdur", "bdagnt")
