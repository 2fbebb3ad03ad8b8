"""The places of TS parameters in who sponsors, registers and may take part, each read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from trialbridge.converters.design_forms import PARAMETER, coded, concept, dicts
from trialbridge.converters.design_places import CTGOV, LOINC, Records, Study, value_of, words_of
from trialbridge.converters.design_spans import duration, iso_duration

GENDER = "http://hl7.org/fhir/administrative-gender"
AGE, SEX = (LOINC, "30525-0"), (LOINC, "46098-0")

REGISTRIES: Mapping[str, str] = {
    CTGOV: "ClinicalTrials.gov",
    "http://clinicaltrials.gov": "ClinicalTrials.gov",
    "https://euclinicaltrials.eu": "CTIS",
    "https://eudract.ema.europa.eu": "EudraCT",
    "https://jrct.niph.go.jp": "jRCT",
}
"""System of an identifier -> TSVCDREF of REGID."""


class Registry:
    """Identifiers in registries, and the sponsor's other identifiers."""

    codes = ("REGID", "SPREFID")

    def read(self, parts: Study) -> Records:
        """Return the identifiers of known registries, and those that say that they are the sponsor's."""
        found: Records = {}
        for one in dicts(parts.study.get("identifier")):
            value, registry = one.get("value"), REGISTRIES.get(str(one.get("system", "")).rstrip("/"))
            if value and registry:
                found.setdefault("REGID", []).append({"TSVAL": value, "TSVALCD": value, "TSVCDREF": registry})
            elif value and coded(one.get("type"), PARAMETER) == "SPREFID":
                found.setdefault("SPREFID", []).append(value_of(str(value)))
        return found

    def write(self, parts: Study, records: Records) -> None:
        """Write the identifiers."""
        systems = {name: system for system, name in reversed(list(REGISTRIES.items()))}
        place = parts.study.setdefault("identifier", [])
        for one in records.get("REGID", ()):
            system = systems.get(one.get("TSVCDREF", ""), CTGOV if one["TSVAL"].startswith("NCT") else "")
            if system:
                place.append({"system": system, "value": one["TSVAL"]})
        for one in records.get("SPREFID", ()):
            place.append({"type": concept("", (PARAMETER, "SPREFID")), "value": one["TSVAL"]})


class Sponsor:
    """The name of the sponsor."""

    codes = ("SPONSOR",)
    role = "http://hl7.org/fhir/research-study-party-role"
    roles = ("lead-sponsor", "sponsor")

    def read(self, parts: Study) -> Records:
        """Return the name: of the Organization, of the reference to it, or of the party."""
        names = [parts.sponsor.get("name")]
        names += [one.get("display") for one in dicts(parts.study.get("sponsor"))]
        for role in self.roles:
            parties = dicts(parts.study.get("associatedParty"))
            names += [one.get("name") for one in parties if coded(one.get("role"), self.role) == role]
        return next(({"SPONSOR": [value_of(str(name))]} for name in names if name), {})

    def write(self, parts: Study, records: Records) -> None:
        """Write the name."""
        name = records["SPONSOR"][0]["TSVAL"]
        if parts.version == "R5":
            party = {"name": name, "role": concept("", (self.role, "lead-sponsor"))}
            parts.study.setdefault("associatedParty", []).append(party)
        else:
            parts.study["sponsor"] = {"display": name}


@dataclass(frozen=True)
class Enrolled:
    """How many subjects are planned, or took part."""

    code: str
    r5: str

    @property
    def codes(self) -> tuple[str, ...]:
        """The parameter."""
        return (self.code,)

    def read(self, parts: Study) -> Records:
        """Return the number."""
        recruitment = parts.study.get("recruitment")
        number = recruitment.get(self.r5) if isinstance(recruitment, dict) else None
        if number is None and self.code == "PLANSUB" and not parts.group.get("actual"):
            number = parts.group.get("quantity")
        return {self.code: [value_of(str(number))]} if number is not None else {}

    def write(self, parts: Study, records: Records) -> None:
        """Write the number: R4 has no element for those who took part."""
        text = records[self.code][0]["TSVAL"]
        if not text.isdigit() or str(int(text)) != text:
            return
        if parts.version == "R5":
            parts.study.setdefault("recruitment", {})[self.r5] = int(text)
        elif self.code == "PLANSUB":
            parts.group["quantity"] = int(text)


class Ages:
    """The ages of those who may take part, as one range; without an end there is none."""

    codes = ("AGEMIN", "AGEMAX")

    def read(self, parts: Study) -> Records:
        """Return both ends; PINF where the range has no upper one."""
        for one in dicts(parts.group.get("characteristic")):
            bounds = one.get("valueRange")
            told = coded(one.get("code"), LOINC) == AGE[1] and not one.get("exclude")
            if told and isinstance(bounds, dict):
                low, high = (iso_duration(bounds.get(name)) for name in ("low", "high"))
                found = {"AGEMIN": [value_of(low)]} if low else {}
                upper = [value_of(high)] if high else [{"TSVALNF": "PINF"}]
                return found | {"AGEMAX": upper}
        return {}

    def write(self, parts: Study, records: Records) -> None:
        """Write the range, where the ends are whole numbers of one unit."""
        bounds = {}
        for code, name in zip(self.codes, ("low", "high"), strict=True):
            for one in records.get(code, ())[:1]:
                if found := duration(one.get("TSVAL", "")):
                    bounds[name] = found
                elif one.get("TSVALNF") != "PINF" or code == "AGEMIN":
                    return
        if bounds and "AGEMAX" in records:
            node = {"code": concept("Age", AGE), "valueRange": bounds, "exclude": False}
            parts.group.setdefault("characteristic", []).append(node)


class Sexes:
    """The sexes of those who may take part."""

    codes = ("SEXPOP",)
    words: ClassVar[Mapping[str, str]] = {"M": "male", "F": "female", "BOTH": "all"}

    def read(self, parts: Study) -> Records:
        """Return the term."""
        for one in dicts(parts.group.get("characteristic")):
            if coded(one.get("code"), LOINC) == SEX[1]:
                value = one.get("valueCodeableConcept")
                said = coded(value, GENDER) or words_of(value).casefold()
                term = next((term for term, word in self.words.items() if word == said), "")
                return {"SEXPOP": [value_of(term)]} if term else {}
        return {}

    def write(self, parts: Study, records: Records) -> None:
        """Write the sex; of both the word, for which there is no code."""
        word = self.words.get(records["SEXPOP"][0]["TSVAL"])
        if word:
            value = concept(word) if word == "all" else concept("", (GENDER, word))
            node = {"code": concept("Sex", SEX), "valueCodeableConcept": value, "exclude": False}
            parts.group.setdefault("characteristic", []).append(node)


class Arms:
    """How many arms there are: they are counted."""

    codes = ("NARMS",)

    def read(self, parts: Study) -> Records:
        """Return the number."""
        arms = dicts(parts.study.get(parts.named("arm", "comparisonGroup")))
        return {"NARMS": [value_of(str(len(arms)))]} if arms else {}

    def write(self, parts: Study, records: Records) -> None:
        """Write nothing: the arms themselves say it."""
