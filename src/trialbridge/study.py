"""The study's own settings, from `study.toml`: what the data cannot say, or says otherwise."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from trialbridge.concept_maps import ConceptMaps, read_concept_maps
from trialbridge.decisions import Decisions, read_decisions
from trialbridge.design import Design
from trialbridge.design_settings import (
    LISTS,
    design_overrides,
    design_problems,
    design_settings,
    parameter_problems,
    parameters_of,
)
from trialbridge.dictionaries import Dictionaries, dictionaries_of, dictionary_problems
from trialbridge.domain_settings import domain_overrides, domain_problems, own_tests, variable_problems
from trialbridge.errors import ConfigurationError, ReleaseError
from trialbridge.event_names import event_names
from trialbridge.loinc_files import LoincFiles
from trialbridge.standards import DEFAULT_CT, IG_VERSIONS, sdtm_release
from trialbridge.vocabulary import Test, Vocabulary

_KEYS: Mapping[str, Mapping[str, type]] = {
    "study": {
        "id": str,
        "title": str,
        "sdtmig": str,
        "ct": str,
        "units": str,
        "products": list,
        "cut": str,
        "decisions": str,
        "blinded": bool,
    },
    "blinded": {"tests": list},
    "subject": {"usubjid": str},
    "identifiers": {"study": str, "site": str, "subject": str},
    "patterns": {},
    "codes": {},
    "units": {},
    "arms": {},
    "questionnaires": {},
    "instruments": {},
    "domains": {},
    "permitted": {},
    "visits": {},
    "elements": {},
    "timepoints": {},
    "epochs": {"tie": str, "before": str},
    "baseline": {},
    "parameters": {},
    "lobxfl": {"same_day": str},
    "terminology": {"folder": str, "conceptmaps": list, "loinc": str, "loinc_table": str},
    "dictionaries": {
        "meddra": str,
        "whodrug": str,
        "snomed": str,
        "autocode": str,
        "versions": dict,
        "terms": dict,
    },
}
_CODE_FIELDS = tuple(name for name in Test._fields if name != "basis")
_CODE_WORDS = ", ".join(_CODE_FIELDS)


@dataclass(frozen=True)
class Study:
    """One study's settings. Everything has a default but the study itself, which the data may name.

    Attributes:
        id: STUDYID; empty to take it from ResearchStudy.
        title: Title for the define; empty to take it from ResearchStudy.
        sdtmig: Version of the implementation guide.
        ct: Date of the controlled terminology, as `sdtm_release` returns it.
        terminology: Folder of imported packages; empty for the user's data folder.
        concept_maps: The user's own ConceptMaps, which go before the shipped crosswalks.
        units: Unit system of standardised results; ``both`` for LB in SI and LC in conventional units.
        products: Codes, texts and references that name the study product.
        found_products: Further names of it, which the data gives: ResearchStudy.focus, and what refers to it.
        usubjid: Template of USUBJID, of ``{STUDYID}``, ``{SITEID}``, ``{SUBJID}`` and ``{subject}`` (the
            subject's identifier before `patterns`).
        identifiers: ``study``, ``site`` or ``subject`` -> the system of the identifier that is STUDYID,
            SITEID or SUBJID, where there are several.
        patterns: ``DM.SITEID`` or ``DM.SUBJID`` -> regular expression whose first group is taken.
        codes: System -> code -> field -> value: the study's own reading of a test code.
        unit_of: --TESTCD -> standard unit.
        arms: Arm as the data names it -> ARMCD.
        questionnaires: Canonical URL of a questionnaire, or its last segment -> ``category`` -> QSCAT.
        instruments: --CAT of an instrument -> the domain that the study keeps it in.
        domains: Two letters -> what the study says of a domain: a findings domain of its own, or what names
            the records of one of the standard.
        blinded: Whether the trial is still blind, and all that says who got what is masked.
        blinded_tests: The tests whose results unblind: ``TESTCD``, or ``XX.TESTCD``.
        permitted: ``DM.ARM`` -> the values that the design allows.
        cut: Data cut-off date, for file headers; empty for the latest date in the input.
        every_patient: Whether each Patient is a subject, where there is no ResearchSubject.
        decisions: What people decided about codes and texts that no table knows.
        dictionaries: The user's own licensed dictionaries.
        loinc: The user's own LOINC files.
        design: What is planned when, and the sponsor's rules about it.
        source: The file it was read from; empty for none.
    """

    id: str = ""
    title: str = ""
    sdtmig: str = "3.4"
    ct: str = DEFAULT_CT
    terminology: str = ""
    concept_maps: ConceptMaps = field(default_factory=ConceptMaps)
    units: Literal["SI", "conventional", "both"] = "SI"
    products: frozenset[str] = frozenset()
    found_products: frozenset[str] = frozenset()
    usubjid: str = ""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    unit_of: Mapping[str, str] = field(default_factory=dict)
    arms: Mapping[str, str] = field(default_factory=dict)
    questionnaires: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    instruments: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    blinded: bool = False
    blinded_tests: tuple[str, ...] = ()
    permitted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cut: str = ""
    every_patient: bool = False
    decisions: Decisions = field(default_factory=Decisions)
    dictionaries: Dictionaries = field(default_factory=Dictionaries)
    loinc: LoincFiles = field(default_factory=LoincFiles)
    design: Design = field(default_factory=Design)
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""

    @property
    def unit_system(self) -> Literal["SI", "conventional"]:
        """The system of the standard units in the domains of the standard."""
        return "conventional" if self.units == "conventional" else "SI"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of this study."""
        tests = own_tests(self.domains, self.codes)
        instruments = {name: own["category"] for name, own in self.questionnaires.items()}
        products = self.products | self.found_products
        return Vocabulary(
            self.ct,
            self.unit_system,
            tests,
            products,
            self.identifiers,
            instruments,
            self.decisions,
            self.dictionaries,
            self.design.numbers(),
            self.loinc,
            self.sdtmig,
            self.concept_maps,
            self.instruments,
            event_names(self.domains),
            frozenset(self.domains.get("EC", {}).get("moods", ())),
        )

    def overrides(self) -> list[tuple[str, str]]:
        """Return every setting that changes what the data would give by itself, for the report."""
        found = [(f"identifier of the {name}", system) for name, system in self.identifiers.items()]
        found += [(f"pattern {name}", pattern) for name, pattern in self.patterns.items()]
        for system, codes in self.codes.items():
            for code, own in codes.items():
                words = ", ".join(f"{name} = {value}" for name, value in own.items())
                found.append((f"code {code}" + (f" of {system}" if system else ""), words))
        found += [(f"standard unit of {test}", unit) for test, unit in self.unit_of.items()]
        found += [("ConceptMap", f"{name} ({sha256})") for name, sha256 in self.concept_maps.files]
        found += [(f"arm {name}", code) for name, code in self.arms.items()]
        found += [(f"questionnaire {name}", own["category"]) for name, own in self.questionnaires.items()]
        found += [(f"domain of {name}", domain) for name, domain in self.instruments.items()]
        found += domain_overrides(self.domains)
        found += [("blinded", ", ".join(self.blinded_tests) or "yes")] if self.blinded else []
        made = self.decisions
        named = {
            "USUBJID": self.usubjid,
            "study product": ", ".join(sorted(self.products)),
            "decisions": f"{len(made.made)} in {made.source} ({made.sha256})" if made.source else "",
        }
        found += [(name, value) for name, value in named.items() if value]
        found += [(f"dictionary {name}", said) for name, said in self.dictionaries.overrides()]
        found += self.loinc.overrides()
        found += design_overrides(self.design)
        found += [(f"parameter {code}", "; ".join(texts)) for code, texts in self.parameters.items()]
        return [("unit system", self.units), ("terminology", self.ct), *found]


def read_study(source: Path, terminology: Path | None = None) -> Study:
    """Return the settings of a `study.toml`.

    Args:
        source: The file.
        terminology: Folder of imported packages, instead of the one that the file names.

    Raises:
        ConfigurationError: It cannot be read, or holds a key or a value that means nothing here.
    """
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(str(source), str(error)) from error
    return study_of(data, str(source), terminology)


def study_of(data: Mapping[str, Any], source: str = "", terminology: Path | None = None) -> Study:
    """Return the settings that the sections of a `study.toml` say.

    Args:
        data: Section -> key -> value.
        source: The file they were read from.
        terminology: Folder of imported packages, instead of the one that they name.

    Raises:
        ConfigurationError: They hold a key or a value that means nothing here.

    Example:
        >>> study_of({"study": {"id": "S1"}}).id
        'S1'
    """
    if terminology is not None:
        data = {**data, "terminology": {**data.get("terminology", {}), "folder": str(terminology.absolute())}}
    problems = _problems(data, source)
    if problems:
        raise ConfigurationError(source or "the study's settings", "; ".join(problems))
    return _study(data, source)


def _problems(data: Mapping[str, Any], source: str) -> list[str]:
    problems = [
        f"there is no section [{name}]; there are {', '.join(_KEYS)}" for name in data if name not in _KEYS
    ]
    tables = [name for name in _KEYS if name not in LISTS]
    problems += [f"[{name}] is no section" for name in tables if not isinstance(data.get(name, {}), dict)]
    for section, keys in _KEYS.items():
        if keys and isinstance(data.get(section), dict):
            problems += _key_problems(section, keys, data[section])
    return problems or [
        *_value_problems(data),
        *_release_problems(data, source),
        *_loinc_problems(data, source),
        *_code_problems(data),
        *variable_problems(data),
        *design_problems(data),
        *domain_problems(data),
        *parameter_problems(data.get("parameters", {})),
        *dictionary_problems(data.get("dictionaries", {})),
    ]


def _key_problems(section: str, keys: Mapping[str, type], table: Mapping[str, Any]) -> list[str]:
    problems = [
        f"[{section}] has no key {key!r}; it has {', '.join(keys)}" for key in table if key not in keys
    ]
    wrong = [key for key, value in table.items() if key in keys and not isinstance(value, keys[key])]
    return problems + [f"{section}.{key} must be {keys[key].__name__}" for key in wrong]


def _value_problems(data: Mapping[str, Any]) -> list[str]:
    study = data.get("study", {})
    problems = []
    if study.get("sdtmig", "3.4") not in IG_VERSIONS:
        problems.append(f"study.sdtmig must be one of {', '.join(IG_VERSIONS)}")
    if study.get("units", "SI") not in {"SI", "conventional", "both"}:
        problems.append("study.units must be SI, conventional or both")
    named = data.get("questionnaires", {}).items()
    problems += [
        f'questionnaires."{name}" must be {{ category = "..." }}'
        for name, own in named
        if not _is_category(own)
    ]
    for section in ("arms", "units"):
        table = data.get(section, {}).items()
        problems += [f'{section}."{name}" must be text' for name, text in table if not isinstance(text, str)]
    return problems


def _release_problems(data: Mapping[str, Any], source: str) -> Iterator[str]:
    ct, folder = data.get("study", {}).get("ct", DEFAULT_CT), _packages(data, source)
    if folder is not None and not folder.is_dir():
        yield f"terminology.folder: there is no folder {folder}"
    else:
        try:
            sdtm_release(ct, folder)
        except ReleaseError as error:
            yield f"study.ct: {error}"


def _loinc_problems(data: Mapping[str, Any], source: str) -> Iterator[str]:
    for key in ("loinc", "loinc_table"):
        named = data.get("terminology", {}).get(key, "")
        if named and not (Path(source).parent / named).is_file():
            yield f"terminology.{key}: there is no file {Path(source).parent / named}"


def _packages(data: Mapping[str, Any], source: str) -> Path | None:
    """Return the folder of terminology packages that the settings name, seen from where they lie."""
    named = data.get("terminology", {}).get("folder", "")
    return Path(source).parent / named if named else None


def _is_category(own: object) -> bool:
    return isinstance(own, dict) and set(own) == {"category"} and isinstance(own["category"], str)


def _code_problems(data: Mapping[str, Any]) -> Iterator[str]:
    for system, codes in data.get("codes", {}).items():
        if not isinstance(codes, dict):
            yield f'[codes."{system}"] is no section'
            continue
        for code, own in codes.items():
            place = f'codes."{system}"."{code}"'
            if not isinstance(own, dict) or not all(isinstance(value, str) for value in own.values()):
                yield f'{place} must be {{ testcd = "...", ... }}'
            else:
                unknown = (name for name in own if name not in _CODE_FIELDS)
                yield from (f"{place} has no field {name!r}; it has {_CODE_WORDS}" for name in unknown)


def _study(data: Mapping[str, Any], source: str) -> Study:
    study, folder = data.get("study", {}), _packages(data, source)
    return Study(
        id=study.get("id", ""),
        title=study.get("title", ""),
        sdtmig=study.get("sdtmig", "3.4"),
        ct=sdtm_release(study.get("ct", DEFAULT_CT), folder),
        terminology=str(folder or ""),
        concept_maps=_concept_maps(data, source, sdtm_release(study.get("ct", DEFAULT_CT), folder)),
        units=study.get("units", "SI"),
        products=frozenset(study.get("products", ())),
        usubjid=data.get("subject", {}).get("usubjid", ""),
        identifiers=data.get("identifiers", {}),
        patterns=data.get("patterns", {}),
        codes=data.get("codes", {}),
        unit_of=data.get("units", {}),
        arms=data.get("arms", {}),
        questionnaires=data.get("questionnaires", {}),
        instruments={name: own["domain"] for name, own in data.get("instruments", {}).items()},
        domains=data.get("domains", {}),
        blinded=study.get("blinded", False),
        blinded_tests=tuple(data.get("blinded", {}).get("tests", ())),
        permitted={name: tuple(values) for name, values in data.get("permitted", {}).items()},
        cut=study.get("cut", ""),
        decisions=_decisions(study.get("decisions", ""), source),
        loinc=_loinc_files(data, source),
        dictionaries=dictionaries_of(data.get("dictionaries", {}), str(Path(source).parent)),
        design=design_settings(data),
        parameters=parameters_of(data.get("parameters", {})),
        source=source,
    )


def _concept_maps(data: Mapping[str, Any], source: str, ct: str) -> ConceptMaps:
    """Return the ConceptMaps that the settings name, seen from where they lie."""
    names = data.get("terminology", {}).get("conceptmaps", ())
    return read_concept_maps([Path(source).parent / str(name) for name in names], ct)


def _decisions(name: str, source: str) -> Decisions:
    """Return the decisions of a file that lies beside the settings."""
    return read_decisions(Path(source).parent / name) if name else Decisions()


def _loinc_files(data: Mapping[str, Any], source: str) -> LoincFiles:
    """Return the LOINC files that the settings name, seen from where they lie."""
    named = data.get("terminology", {})
    mapping, table = named.get("loinc", ""), named.get("loinc_table", "")
    return LoincFiles(mapping, table, str(Path(source).parent)) if mapping or table else LoincFiles()
