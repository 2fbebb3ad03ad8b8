"""A study definition in USDM 4 (JSON), and the account of its leaves.

Facts of the model: CDISC's Unified Study Definitions Model, version 4.0, as its schema has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trialbridge.converters.leaf_account import UNKNOWN, Json, LeafAccount

NAMES = "names a part within the file"
BESIDE = "another name of what is used"
REASONS: Mapping[str, str] = {
    "id": NAMES,
    "instanceType": "the class of a part",
    "usdmVersion": "the version of the model",
    "systemName": "the system that wrote the file",
    "systemVersion": "the system that wrote the file",
    "code": "the code of what is said in words",
    "codeSystem": "the code of what is said in words",
    "codeSystemVersion": "the version of a terminology",
    "decode": "the words of what is said by a code",
    "standardCodeAliases": "other codes of what is used",
    "previousId": "the order of parts",
    "nextId": "the order of parts",
    "name": BESIDE,
    "label": BESIDE,
    "description": BESIDE,
    "valueLabel": BESIDE,
    "windowLabel": BESIDE,
    "titles": "another title",
    "scopeId": "whose number it is",
    "identifier": "numbers of organisations",
    "appliesToIds": "what a role is for",
    "procedureType": BESIDE,
    "entryCondition": "who enters a timeline: TI says who takes part",
    "entryId": "the order of parts",
    "epochId": "the epoch of a visit follows from the elements",
    "relativeToFrom": "whether starts or ends are counted from: TV has days",
    "durationWillVary": "a duration is taken as it stands",
    "reasonDurationWillVary": "a duration is taken as it stands",
    "criterionIds": "who of the population a criterion holds for: TI has one population",
    "studyInterventionIds": "which treatments belong to the design",
    "rationale": "why the study is as it is: no parameter of the trial summary asks for it",
    "documentedBy": "the protocol's text is no part of the design",
    "documentVersionIds": "the protocol's text is no part of the design",
    "narrativeContentItems": "the protocol's text is no part of the design",
    "abbreviations": "the protocol's text is no part of the design",
    "versionIdentifier": "the version of the protocol",
    "amendments": "how the protocol came about is no part of the design",
    "dateValues": "dates of the protocol's approval: no parameter of the trial summary asks for them",
    "businessTherapeuticAreas": "how the sponsor is organised",
    "referenceIdentifiers": "numbers of other documents",
    "legalAddress": "where an organisation has its seat",
    "identifierScheme": "numbers of organisations",
    "assignedPersons": "names of people",
    "masking": "who is masked: TBLIND says the schema",
    "estimands": "analysis is no part of the tabulation's design",
    "analysisPopulations": "analysis is no part of the tabulation's design",
    "biomedicalConcepts": "what a result is made of is the terminology's to say",
    "bcCategories": "what a result is made of is the terminology's to say",
    "bcSurrogates": "what a result is made of is the terminology's to say",
    "biospecimenRetentions": "what is kept of specimens: no parameter of an interventional trial asks for it",
    "dictionaries": "words put into texts by name",
    "conditions": "when an activity is done is no variable of TV",
    "environmentalSettings": "where a visit takes place is no variable of TV",
    "contactModes": "how a visit takes place is no variable of TV",
    "dataOriginDescription": "whose data an arm has",
    "dataOriginType": "whose data an arm has",
    "populationIds": "whom an arm is for: TA has no population",
    "medicalDevices": "no parameter of the trial summary asks for it",
    "productOrganizationRoles": "who makes a product",
    "ingredients": "what a product is made of",
    "properties": "what a product is like",
    "identifiers": "numbers of a product",
    "productDesignation": "the regulator's class of a product",
    "sourcing": "where a product comes from",
    "minimumResponseDuration": "analysis is no part of the tabulation's design",
    "purpose": "what an endpoint is for: OUTMSPRI and its like say the measure",
    "isApproximate": "a bound of a range is taken as it stands",
    "extensionAttributes": "a sponsor's own addition to the model",
    "notes": "a remark",
}
"""A name in a path -> why what stands there, or below, is not used; the innermost name decides."""


class StudyDefinition(LeafAccount):
    """One study as USDM has it; what is taken from it is remembered."""

    def __init__(self, data: Json) -> None:
        super().__init__(data)
        self.places = dict(_places(data))

    @property
    def number(self) -> str:
        """The first number of the study; empty where it has none."""
        return str(self.at("study.versions[0].studyIdentifiers[0].text") or "")

    @property
    def version(self) -> Part:
        """The version of the study: the first, for the others came before it."""
        return Part(self, "study.versions[0]")

    @property
    def design(self) -> Part:
        """The first design of the study."""
        return Part(self, "study.versions[0].studyDesigns[0]")

    def named(self, identity: str) -> Part:
        """Return the part that has an id; an empty one where none does."""
        return Part(self, self.places.get(identity, ""))

    def why(self, path: str) -> str:
        """Return why a leaf was not taken."""
        if self.at(path) is None:
            return "says nothing"
        told = super().why(path)
        if told != UNKNOWN:
            return told
        if found := re.match(r"study\.versions\[0\]\.studyDesigns\[[1-9]|study\.versions\[[1-9]", path):
            return "of another design or version" if found else told
        names = re.findall(r"[^.\[\]\d][^.\[\]]*", path)
        return next((REASONS[name] for name in reversed(names) if name in REASONS), UNKNOWN)


@dataclass(frozen=True)
class Part:
    """A part of a study definition, by its path; an empty path is a part that is not there."""

    study: StudyDefinition
    path: str

    def __bool__(self) -> bool:
        return bool(self.path) and self.data is not None

    @property
    def data(self) -> Any:
        """What stands there."""
        return self.study.at(self.path) if self.path else None

    def text(self, name: str, where: str) -> str:
        """Return the text of an element, and remember where it goes."""
        return self.study.take(f"{self.path}.{name}", where).strip() if self else ""

    def first(self, names: tuple[str, ...], where: str) -> str:
        """Return the first text that there is of several elements."""
        data = self.data if isinstance(self.data, dict) else {}
        return next((self.text(name, where) for name in names if str(data.get(name) or "").strip()), "")

    def part(self, name: str) -> Part:
        """Return a part within."""
        found = Part(self.study, f"{self.path}.{name}") if self else self
        return found or Part(self.study, "")

    def parts(self, name: str) -> list[Part]:
        """Return the parts of a list, or the one part that stands there."""
        found = self.part(name)
        if not found:
            return []
        many = isinstance(found.data, list)
        paths = [f"{found.path}[{number}]" for number in range(len(found.data))] if many else [found.path]
        return [one for path in paths if (one := Part(self.study, path))]

    def target(self, name: str, where: str) -> Part:
        """Return the part whose id an element has."""
        return self.study.named(self.text(name, where))

    def targets(self, name: str, where: str) -> list[Part]:
        """Return the parts whose ids a list has."""
        taken = [self.study.take(one.path, where) for one in self.parts(name)]
        return [one for one in map(self.study.named, taken) if one]

    def code(self) -> str:
        """Return the code of a concept, plain or with aliases."""
        data = self.data if isinstance(self.data, dict) else {}
        return str((data.get("standardCode") or data).get("code") or "")

    def coded(self, where: str) -> Coded:
        """Return a concept, and remember where it goes."""
        inner = self.part("standardCode") or self
        parts = [inner.text(name, where) for name in ("code", "decode", "codeSystem")]
        return Coded(*parts)

    def in_order(self, name: str) -> list[Part]:
        """Return the parts of a list in the order of their chain; as they stand where that is broken."""
        found = self.parts(name)
        known = {one.data.get("id"): one for one in found}
        starts = [one for one in found if not one.data.get("previousId")]
        chain: dict[str, Part] = {}
        at = starts[0] if len(starts) == 1 else None
        while at is not None and at.path not in chain:
            chain[at.path] = at
            at = known.get(at.data.get("nextId"))
        return list(chain.values()) if len(chain) == len(found) else found


@dataclass(frozen=True)
class Coded:
    """A concept: its code, its words, and the terminology that the code is of."""

    code: str
    words: str
    system: str


def _places(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each id, and the path of the part that has it."""
    if isinstance(node, dict):
        if isinstance(node.get("id"), str):
            yield node["id"], path
        for name, below in node.items():
            yield from _places(below, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for number, below in enumerate(node):
            yield from _places(below, f"{path}[{number}]")


def is_study_definition(data: object) -> bool:
    """Return whether a document is a study definition of USDM 4: an earlier one has no versions.

    Example:
        >>> is_study_definition({"study": {"versions": [{"studyDesigns": []}]}}), is_study_definition({})
        (True, False)
    """
    study = data.get("study") if isinstance(data, dict) else None
    return isinstance(study, dict) and isinstance(study.get("versions"), list) and bool(study["versions"])


__all__ = ["Coded", "Part", "StudyDefinition", "is_study_definition"]
