"""A closed codelist never receives a foreign value: random codes and words in every coded element."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.datasets import EXPLAINED
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.errors import TermError
from trialbridge.findings import Severity
from trialbridge.mapping import Domain, to_records
from trialbridge.registry import all_declarations
from trialbridge.routing import place
from trialbridge.standards import CT_VERSIONS, Codelist, codelist, codelists, domain_variables
from trialbridge.study import study_of
from trialbridge.vocabulary import Vocabulary

SUBJECTS = 500
SYSTEMS = (
    "http://snomed.info/sct",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "http://terminology.hl7.org/CodeSystem/adverse-event-severity",
    "http://terminology.hl7.org/CodeSystem/adverse-event-outcome",
    "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness",
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    "urn:oid:2.16.840.1.113883.6.238",
    "https://www.meddra.org",
    "https://local.example.org/codes",
    "",
)
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
BACKPORT = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
R5_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-AdverseEvent"
GUIDE = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition"


class Words:
    """Random codes and words: noise, terms of other codelists, NCI codes of other terms, near misses."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 -- a test that repeats itself
        self.made = 0
        lists = [codelist(facts.code) for facts in codelists() if len(codelist(facts.code).terms) < 60]
        self.terms = [term for known in lists for term in known.terms]

    def code(self) -> str:
        self.made += 1
        term = self.random.choice(self.terms)
        return self.random.choice(
            (
                term.code,
                term.submission_value.replace(" ", "-"),
                str(self.random.randrange(10**5, 10**9)),
                "".join(self.random.choices("abcXYZ019-", k=self.random.randrange(1, 9))),
                self.random.choice(
                    ("other", "OTHER", "mild ", "Fatal", "f", "intersex", "UNK", "4", "1002-6")
                ),
            )
        )

    def text(self) -> str:
        term = self.random.choice(self.terms)
        noise = "".join(self.random.choices("abc é漢|$\\,-", k=self.random.randrange(2, 12))).strip() or "x"
        return self.random.choice((term.submission_value, term.submission_value.swapcase() + "?", noise))

    def concept(self) -> dict[str, Any]:
        coding = {"system": self.random.choice(SYSTEMS), "code": self.code().strip() or "x"}
        found: dict[str, Any] = {"coding": [{key: value for key, value in coding.items() if value}]}
        if self.random.random() < 0.5:
            found["text"] = self.text()
        return found


def subject(number: int, words: Words) -> Iterator[dict[str, Any]]:
    patient = f"Patient/p{number}"
    yield {
        "resourceType": "ResearchSubject",
        "id": f"s{number}",
        "identifier": [{"value": f"{number:04}"}],
        "status": words.random.choice(("on-study", "ineligible", words.code())),
        "study": {"reference": "ResearchStudy/study"},
        "individual": {"reference": patient},
    }
    yield {
        "resourceType": "Patient",
        "id": f"p{number}",
        "gender": words.random.choice(("other", "male", words.code())),
        "extension": [
            omb("us-core-race", words, words.random.randrange(1, 4)),
            omb("us-core-ethnicity", words, 1),
            {"url": f"{US_CORE}/us-core-birthsex", "valueCode": words.code().strip() or "x"},
        ],
    }
    yield event(number, patient, words)
    yield {
        "resourceType": "MedicationAdministration",
        "id": f"d{number}",
        "status": "completed",
        "medicationReference": {"reference": "Medication/m"},
        "subject": {"reference": patient},
        "effectiveDateTime": "2024-01-02",
        "dosage": {
            "route": words.concept(),
            "site": words.concept(),
            "dose": {"value": 1, "unit": words.text(), "code": words.code()},
        },
    }
    for code, part in (("718-7", "laboratory"), ("8480-6", "vital-signs")):
        yield observation(f"o{number}-{code}", patient, code, part, words)


def omb(name: str, words: Words, count: int) -> dict[str, Any]:
    system = "urn:oid:2.16.840.1.113883.6.238"
    known = ("2106-3", "2028-9", "2135-2", "2054-5")
    parts: list[dict[str, Any]] = [
        {
            "url": words.random.choice(("ombCategory", "detailed")),
            "valueCoding": {"system": system, "code": words.random.choice((*known, words.code()))},
        }
        for _ in range(count)
    ]
    return {"url": f"{US_CORE}/{name}", "extension": [*parts, {"url": "text", "valueString": words.text()}]}


def event(number: int, patient: str, words: Words) -> dict[str, Any]:
    return {
        "resourceType": "AdverseEvent",
        "id": f"a{number}",
        "actuality": "actual",
        "event": {"text": f"event {number}", **{key: words.concept()[key] for key in ("coding",)}},
        "category": [words.concept()],
        "subject": {"reference": patient},
        "date": "2024-01-03",
        "seriousness": words.concept(),
        "severity": words.concept(),
        "outcome": words.concept(),
        "suspectEntity": [
            {
                "instance": {"reference": "Medication/m"},
                "causality": [{"assessment": words.concept()}],
            }
        ],
        "extension": [
            {
                "url": f"{R5_ELEMENT}.mitigatingAction",
                "extension": [{"url": "item", "valueCodeableConcept": words.concept()}],
            },
            {"url": f"{BACKPORT}/severity-or-grade", "valueCodeableConcept": words.concept()},
            {"url": f"{GUIDE}/ae-grade", "valueCodeableConcept": words.concept()},
        ],
    }


def observation(name: str, patient: str, code: str, category: str, words: Words) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": words.random.choice(("final", "preliminary", words.code())),
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": category,
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2024-01-04",
        "valueQuantity": {"value": 5, "unit": words.text(), "code": words.code()},
        "interpretation": [words.concept()],
        "method": words.concept(),
        "bodySite": words.concept(),
        "specimen": {"reference": f"#{name}-specimen"},
        "contained": [
            {
                "resourceType": "Specimen",
                "id": f"{name}-specimen",
                "type": words.concept(),
                "condition": [words.concept()],
                "collection": {"fastingStatusCodeableConcept": words.concept(), "bodySite": words.concept()},
            }
        ],
    }


SHARED = (
    {"resourceType": "ResearchStudy", "id": "study", "identifier": [{"value": "S1"}], "status": "active"},
    {"resourceType": "Medication", "id": "m", "code": {"text": "Examplumab"}},
)


@pytest.fixture(scope="module", params=CT_VERSIONS)
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    words = Words(20260327)
    resources = [*SHARED, *(one for number in range(SUBJECTS) for one in subject(number, words))]
    assert words.made >= 10_000
    folder = tmp_path_factory.mktemp("foreign")
    lines = "\n".join(json.dumps(one) for one in resources)
    (folder / "input.ndjson").write_text(lines + "\n", encoding="utf-8")
    settings = study_of({"study": {"ct": request.param, "products": ["Examplumab"]}})
    return to_sdtm([folder / "input.ndjson"], settings, processes=1)


def closed(domain: str, variable: str, ct: str) -> list[Codelist]:
    """Return the codelists of a variable, if none of them may be extended."""
    found = []
    for code in next(one.codelists for one in domain_variables(domain) if one.name == variable):
        try:
            found.append(codelist(code, ct))
        except TermError:
            continue
    return [] if any(known.extensible for known in found) else found


def governed(conversion: Conversion) -> Iterator[tuple[str, str, list[Codelist], list[str | None]]]:
    for dataset in conversion.datasets:
        for variable in dataset.variables:
            lists = closed(dataset.name, variable.name, conversion.study.ct)
            if lists:
                yield dataset.name, variable.name, lists, dataset.table[variable.name].to_pylist()


def test_no_closed_codelist_receives_a_foreign_value(fuzzed: Conversion) -> None:
    seen = set()
    for dataset, variable, lists, values in governed(fuzzed):
        seen.add(variable)
        foreign = {value for value in values if value and not any(value in known for known in lists)}
        assert foreign <= {EXPLAINED.get((dataset, variable), ("", ""))[0]}, (dataset, variable, foreign)
    assert {"SEX", "RACE", "ETHNIC", "AESEV", "AESER", "AEOUT", "AEACN"} <= seen
    rules = {one.rule for one in fuzzed.findings if one.severity == Severity.ERROR}
    assert "term-not-in-codelist" not in rules


def test_the_one_exception_is_declared(fuzzed: Conversion) -> None:
    subjects = next(one for one in fuzzed.datasets if one.name == "DM")
    race = next(one for one in subjects.variables if one.name == "RACE")
    several = {row["USUBJID"] for row in subjects.table.to_pylist() if row["RACE"] == "MULTIPLE"}
    assert several
    assert "CDISC" in race.comment
    extra = next(one for one in fuzzed.datasets if one.name == "SUPPDM").table.to_pylist()
    for name in ("RACE1", "RACE2"):
        assert several <= {row["USUBJID"] for row in extra if row["QNAM"] == name}
    terms = codelist("RACE", fuzzed.study.ct)
    assert all(row["QVAL"] in terms for row in extra if row["QNAM"] in {"RACE1", "RACE2", "RACE3"})


@pytest.mark.parametrize(
    ("domain", "variable", "source"),
    [
        ("DM", "SEX", lambda one: one["gender"] if one["resourceType"] == "Patient" else None),
        ("AE", "AEOUT", lambda one: concept_code(one, "outcome")),
        ("AE", "AESEV", lambda one: concept_code(one, "severity")),
        ("AE", "AESER", lambda one: concept_code(one, "seriousness")),
    ],
)
def test_what_is_not_translated_is_kept_with_codelist_and_version(
    fuzzed: Conversion, domain: str, variable: str, source: Callable[[dict[str, Any]], str | None]
) -> None:
    words = Words(20260327)
    resources = [one for number in range(SUBJECTS) for one in subject(number, words)]
    sent = [code for one in resources if (code := source(one))]
    values = next(one for one in fuzzed.datasets if one.name == domain).table[variable]
    rows = [
        row for row in fuzzed.unmapped.to_pylist() if (row["domain"], row["variable"]) == (domain, variable)
    ]
    assert sum(row["count"] for row in rows) == values.null_count, "each blank is on the worklist"
    assert {row["code"] for row in rows} <= {code.strip() for code in sent} | set(sent)
    found = [
        one for one in fuzzed.findings if one.rule == "value-not-in-codelist" and one.variable == variable
    ]
    assert len(found) == len(rows)
    known = closed(domain, variable, fuzzed.study.ct)[0]
    for one in found:
        assert known.submission_value in one.message
        assert known.code in one.message
        assert fuzzed.study.ct in one.message
        assert one.value


def concept_code(resource: dict[str, Any], name: str) -> str | None:
    concept = resource.get(name) if resource["resourceType"] == "AdverseEvent" else None
    return str(concept["coding"][0]["code"]) if isinstance(concept, dict) else None


@dataclass
class RandomLeaves:
    """Random codes and words at every path, and elsewhere values of the element's own type."""

    domain: Domain
    words: Words
    rows: int = 60
    memo: dict[str, Any] = field(default_factory=dict)

    def __call__(self, path: str) -> pa.Array:
        if path not in self.memo:
            nothing = path.startswith("extension[url=urn:trialbridge") or "urn:trialbridge:sdtm" in path
            values = [None if nothing else self._cell(path) for _ in range(self.rows)]
            kind = pa.list_(pa.string()) if "[*]" in path else pa.string()
            self.memo[path] = pa.array(values, kind)
        found: pa.Array = self.memo[path]
        return found

    def _cell(self, path: str) -> str | list[str] | None:
        if "[*]" in path:
            return [self._value(path) for _ in range(2)]
        return self._value(path) if self.words.random.random() < 0.8 else None

    def _value(self, path: str) -> str:
        where = place(self.domain, path, "R4") or place(self.domain, path, "R5")
        kind = where.element.type if where else "string"
        fixed = {"boolean": ("true", "false"), "decimal": ("5.0", "72"), "integer": ("5", "72")}
        fixed |= dict.fromkeys(("dateTime", "date", "instant"), ("2024-01-02", "2024-03"))
        if kind in fixed:
            return self.words.random.choice(fixed[kind])
        if path.endswith(".system"):
            return self.words.random.choice(SYSTEMS)
        codes = where.element.codes if where else ()
        if codes and self.words.random.random() < 0.5:
            return self.words.random.choice(sorted(codes))
        return self.words.code() if path.endswith(("code", "Code", "gender")) else self.words.text()


@pytest.mark.parametrize("ct", CT_VERSIONS)
def test_no_rule_of_any_mapping_gives_a_foreign_value(ct: str) -> None:
    words = Words(7)
    vocabulary = Vocabulary(ct=ct)
    looked_at: set[str] = set()
    for domain in all_declarations():
        records = to_records(domain, RandomLeaves(domain, words), vocabulary)
        for name in domain.rules:
            lists = closed(domain.code, name, ct)
            if not lists:
                continue
            looked_at.add(name)
            values = {value for value in records.values[name].to_pylist() if value}
            foreign = {value for value in values if not any(value in known for known in lists)}
            allowed = EXPLAINED.get((domain.code, name), ("", ""))[0]
            assert foreign <= {allowed}, (domain.code, domain.source, name, sorted(foreign)[:5])
    assert words.made >= 10_000
    assert len(looked_at) >= 20


def test_other_gender_is_never_intersex(fuzzed: Conversion) -> None:
    words = Words(20260327)
    sent = [one for number in range(SUBJECTS) for one in subject(number, words)]
    gender = {one["id"]: one["gender"] for one in sent if one["resourceType"] == "Patient"}
    rows = next(one for one in fuzzed.datasets if one.name == "DM").table.to_pylist()
    of = {f"S1-{number:04}": gender[f"p{number}"] for number in range(SUBJECTS)}
    other = [row["SEX"] for row in rows if of[row["USUBJID"]] == "other"]
    assert other
    assert set(other) == {None}
    said = {of[row["USUBJID"]].casefold() for row in rows if row["SEX"] == "INTERSEX"}
    assert said <= {"intersex", "c45908"}, "only who is said to be"
    asked = [row for row in fuzzed.unmapped.to_pylist() if (row["variable"], row["code"]) == ("SEX", "other")]
    assert asked


def test_causality_is_the_word_of_the_investigator(fuzzed: Conversion) -> None:
    words = Words(20260327)
    events = [one for number in range(SUBJECTS) for one in subject(number, words)]
    sent = {
        str(part["text"]).strip().upper()
        for one in events
        if one["resourceType"] == "AdverseEvent"
        and "text" in (part := one["suspectEntity"][0]["causality"][0]["assessment"])
    }
    written = set(next(one for one in fuzzed.datasets if one.name == "AE").table["AEREL"].to_pylist())
    assert sent
    assert sent <= written


def test_the_ledger_balances(fuzzed: Conversion) -> None:
    statuses = fuzzed.resources["status"].to_pylist()
    assert len(statuses) == len(SHARED) + SUBJECTS * 6 + SUBJECTS * 2  # and one contained specimen a result
    assert set(statuses) <= {"mapped", "excluded", "unmapped"}
    assert all(row["reason"] for row in fuzzed.resources.to_pylist() if row["status"] != "mapped")
