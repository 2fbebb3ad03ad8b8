"""A registry's record as TS, TI, TA and TE: what it says, and nothing that it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from trialbridge import crosswalks
from trialbridge.converters.design_forms import Record as Row
from trialbridge.converters.design_places import CTGOV
from trialbridge.converters.design_population import REGISTRIES
from trialbridge.converters.registry_record import Record

CODED: Mapping[str, tuple[str, str]] = {
    "STYPE": ("designModule.studyType", "study_type"),
    "INTMODEL": ("designModule.designInfo.interventionModel", "intervention_model"),
    "TINDTP": ("designModule.designInfo.primaryPurpose", "purpose"),
    "TBLIND": ("designModule.designInfo.maskingInfo.masking", "masking"),
}
"""Parameter -> where its code stands, and the crosswalk of its codes."""

TEXTS: Mapping[str, str] = {
    "SPREFID": "identificationModule.orgStudyIdInfo.id",
    "SPONSOR": "sponsorCollaboratorsModule.leadSponsor.name",
    "OBSMODEL": "designModule.designInfo.observationalModel",
    "OBSTIMP": "designModule.designInfo.timePerspective",
    "RTSPCDES": "designModule.bioSpec.description",
    "OBSTPOPD": "eligibilityModule.studyPopulation",
    "OBSTSMM": "eligibilityModule.samplingMethod",
}
"""Parameter -> where its text stands."""

LISTS: Mapping[str, str] = {"INDIC": "conditionsModule.conditions", "KEYWORD": "conditionsModule.keywords"}
FLAGS: Mapping[str, str] = {
    "HLTSUBJI": "eligibilityModule.healthyVolunteers",
    "DMCIND": "oversightModule.oversightHasDmc",
    "FDADRIND": "oversightModule.isFdaRegulatedDrug",
    "FDADEIND": "oversightModule.isFdaRegulatedDevice",
}
OUTCOMES: Mapping[str, str] = {
    "OUTMSPRI": "primaryOutcomes",
    "OUTMSSEC": "secondaryOutcomes",
    "OUTMSEXP": "otherOutcomes",
}
AGES: Mapping[str, str] = {"AGEMIN": "minimumAge", "AGEMAX": "maximumAge"}
SEXES: Mapping[str, str] = {"ALL": "BOTH", "MALE": "M", "FEMALE": "F"}
CONTROLS: Mapping[str, str] = {
    "PLACEBO_COMPARATOR": "PLACEBO",
    "ACTIVE_COMPARATOR": "ACTIVE",
    "SHAM_COMPARATOR": "SHAM",
    "NO_INTERVENTION": "NONE",
}
"""Type of an arm -> TCNTRL; an experimental arm is no control."""

UNITS: Mapping[str, str] = {"year": "P{}Y", "month": "P{}M", "week": "P{}W", "day": "P{}D"}
OVER = frozenset({"COMPLETED", "TERMINATED"})
ARMS = "armsInterventionsModule.armGroups"
INTERVENTIONS = "armsInterventionsModule.interventions"
Records = dict[str, list[Row]]


def registry_design(record: Record) -> Records:
    """Return the records of TS, TA, TE and TI that a record says.

    Example:
        >>> record = Record({"protocolSection": {"designModule": {"studyType": "INTERVENTIONAL"}}})
        >>> registry_design(record)["TS"]
        [{'TSPARMCD': 'STYPE', 'TSVAL': 'INTERVENTIONAL', 'TSSEQ': '1'}]
    """
    rows: list[Row] = []
    for one in _parameters(record):
        number = sum(known["TSPARMCD"] == one["TSPARMCD"] for known in rows) + 1
        if one not in ({name: row[name] for name in row if name != "TSSEQ"} for row in rows):
            rows.append({**one, "TSSEQ": str(number)})
    cells, elements = _arms(record)
    criteria = list(criteria_of(record.text("eligibilityModule.eligibilityCriteria", "TI IETEST")))
    found = {"TS": rows, "TA": cells, "TE": elements, "TI": criteria}
    return {name: some for name, some in found.items() if some}


def _value(code: str, text: str, **more: str) -> Iterator[Row]:
    if text:
        yield {"TSPARMCD": code, "TSVAL": text, **more}


def _parameters(record: Record) -> Iterator[Row]:
    yield from _names(record)
    for code, path in TEXTS.items():
        yield from _value(code, record.text(path, f"TS {code}"))
    for code, path in LISTS.items():
        for text in record.texts(path, f"TS {code}"):
            yield from _value(code, text)
    for code, path in FLAGS.items():
        yield from _value(code, {"true": "Y", "false": "N"}.get(record.text(path, f"TS {code}"), ""))
    for code, (path, table) in CODED.items():
        yield from _value(code, _coded(record, path, table, f"TS {code}"))
    yield from _design(record)
    yield from _population(record)
    for code, module in OUTCOMES.items():
        for number in range(record.count(f"outcomesModule.{module}")):
            yield from _value(code, record.text(f"outcomesModule.{module}[{number}].measure", f"TS {code}"))
    yield from _treatments(record)
    yield from _countries(record)


def _names(record: Record) -> Iterator[Row]:
    if number := record.text("identificationModule.nctId", "TS REGID"):
        yield from _value("REGID", number, TSVALCD=number, TSVCDREF=REGISTRIES[CTGOV])
    official = record.text("identificationModule.officialTitle", "TS TITLE")
    where = "ResearchStudy.note" if official else "TS TITLE"
    yield from _value("TITLE", official or record.text("identificationModule.briefTitle", where))


def _coded(record: Record, path: str, table: str, where: str) -> str:
    """Return the term of a code; one without a term is kept in words in the study's resource."""
    code = record.text(path, where)
    term = crosswalks.crosswalk(table).find(CTGOV, code) if code else None
    if code and not term:
        record.text(path, "ResearchStudy.note: no term of the codelist says it")
    return term or ""


def _design(record: Record) -> Iterator[Row]:
    phases = record.texts("designModule.phases", "TS TPHASE")
    if phases:
        term = crosswalks.crosswalk("phase").find(CTGOV, "|".join(phases))
        yield from _value("TPHASE", term or "")
    allocation = record.text("designModule.designInfo.allocation", "TS RANDOM")
    yield from _value("RANDOM", {"RANDOMIZED": "Y", "NON_RANDOMIZED": "N", "NA": "N"}.get(allocation, ""))
    kind = record.text("designModule.enrollmentInfo.type", "which of PLANSUB and ACTSUB the count is")
    over = record.text("statusModule.overallStatus", "ResearchStudy.status") in OVER
    code = "ACTSUB" if kind == "ACTUAL" or (not kind and over) else "PLANSUB"
    yield from _value(code, record.text("designModule.enrollmentInfo.count", f"TS {code}"))
    yield from _dates(record)


def _dates(record: Record) -> Iterator[Row]:
    status = record.text("statusModule.overallStatus", "ResearchStudy.status")
    for code, module in (("SSTDTC", "startDateStruct"), ("SENDTC", "completionDateStruct")):
        path = f"statusModule.{module}"
        if not record.has(f"{path}.date"):
            continue
        kind = record.text(f"{path}.type", "whether the date is actual")
        if kind == "ESTIMATED" or (not kind and code == "SENDTC" and status not in OVER):
            record.refuse(path, f"estimated: {code} is what happened")
        else:
            yield from _value(code, record.text(f"{path}.date", f"TS {code}"))


def _population(record: Record) -> Iterator[Row]:
    for code, name in AGES.items():
        path = f"eligibilityModule.{name}"
        if record.has(path):
            yield from _value(code, iso_age(record.text(path, f"TS {code}")))
        elif code == "AGEMAX" and record.has("eligibilityModule.stdAges"):
            record.texts("eligibilityModule.stdAges", "that there is no upper age: TS AGEMAX")
            yield {"TSPARMCD": code, "TSVALNF": "PINF"}
    yield from _value("SEXPOP", SEXES.get(record.text("eligibilityModule.sex", "TS SEXPOP"), ""))


def iso_age(text: str) -> str:
    """Return an age in ISO 8601; empty where it is none.

    Example:
        >>> iso_age("18 Years"), iso_age("6 Months")
        ('P18Y', 'P6M')
    """
    found = re.fullmatch(r"(\d+) (year|month|week|day)s?", text.strip().casefold())
    return UNITS[found[2]].format(found[1]) if found else ""


def _treatments(record: Record) -> Iterator[Row]:
    """Yield the treatments: those of experimental arms alone are investigational."""
    arms = range(record.count(ARMS))
    for kind in dict.fromkeys(record.text(f"{ARMS}[{number}].type", "TS TCNTRL") for number in arms):
        yield from _value("TCNTRL", CONTROLS.get(kind, ""))
    trials, others = _used_by(record, experimental=True), _used_by(record, experimental=False)
    for number in range(record.count(INTERVENTIONS)):
        path = f"{INTERVENTIONS}[{number}]"
        name, kind = (record.text(f"{path}.{part}", "ActivityDefinition") for part in ("name", "type"))
        term = crosswalks.crosswalk("intervention_type").find(CTGOV, kind) if kind else None
        if name in trials - others:
            yield from _value("TRT", record.text(f"{path}.name", "TS TRT"))
            yield from _value("INTTYPE", term or "")
        elif name in others - trials and term:
            yield from _value("COMPTRT", record.text(f"{path}.name", "TS COMPTRT"))


def _used_by(record: Record, *, experimental: bool) -> set[str]:
    found = set()
    for number in range(record.count(ARMS)):
        path = f"{ARMS}[{number}]"
        if (record.text(f"{path}.type", "TS TCNTRL") == "EXPERIMENTAL") == experimental:
            found |= set(record.texts(f"{path}.interventionNames", "PlanDefinition.action of the arm"))
    return {name.partition(": ")[2] for name in found}


def _countries(record: Record) -> Iterator[Row]:
    path = "contactsLocationsModule.locations"
    found = [record.text(f"{path}[{n}].country", "TS FCNTRY") for n in range(record.count(path))]
    for country in sorted(set(filter(None, found))):
        yield from _value("FCNTRY", country)


def _arms(record: Record) -> tuple[list[Row], list[Row]]:
    """Return TA and TE: the record says no more of an arm than that it is treated."""
    cells, elements = [], []
    for number in range(1, record.count(ARMS) + 1):
        label = record.text(f"{ARMS}[{number - 1}].label", "TA ARM, TE ELEMENT")
        if label:
            code = {"ETCD": f"TRT{number}", "ELEMENT": label}
            arm = {"ARMCD": f"ARM{number}", "ARM": label, "TAETORD": "1"}
            cells.append({**arm, **code, "EPOCH": "TREATMENT"})
            elements.append(code)
    return cells, elements


HEADS: Mapping[str, str] = {"inclusion": "INCLUSION", "exclusion": "EXCLUSION"}
BULLET = re.compile(r"^(?P<indent>\s*)(?:[*\-•]|\d+[.)]|[a-zA-Z][.)])\s+(?P<text>.*)$")


def criteria_of(text: str) -> Iterator[Row]:
    r"""Yield the criteria of a text with headings and bullets; what is nested belongs to what is above it.

    Example:
        >>> list(criteria_of("Inclusion Criteria:\n\n* Adult\n\nExclusion Criteria:\n\n* Pregnant"))[1]
        {'IETESTCD': 'EXCL01', 'IETEST': 'Pregnant', 'IECAT': 'EXCLUSION'}
    """
    counts = {"INCLUSION": 0, "EXCLUSION": 0}
    for category, words in _parted(text.splitlines()):
        counts[category] += 1
        short = f"{category[:4]}{counts[category]:02d}"
        yield {"IETESTCD": short, "IETEST": _unescaped(" ".join(words)), "IECAT": category}


def _parted(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    category, bulleted = "INCLUSION", False
    words: list[str] = []
    for line in lines:
        head = _heading(line)
        found = BULLET.match(line)
        outer = found is not None and not found["indent"]
        if head or outer or (not line.strip() and not bulleted):
            if words:
                yield category, words
            words = []
        category, bulleted = head or category, (bulleted or outer) and not head
        if not head and line.strip():
            words.append((found["text"] if found and outer else line).strip())
    if words:
        yield category, words


def _heading(line: str) -> str:
    """Return the category that a line begins; empty where it is no heading."""
    plain = line.strip().strip("*#: ").casefold()
    word, _, rest = plain.partition(" ")
    return HEADS.get(word, "") if rest in {"", "criteria", "criterion"} and len(plain) < 40 else ""


def _unescaped(text: str) -> str:
    r"""Return Markdown without its backslashes.

    Example:
        >>> _unescaped(r"Age \>= 18")
        'Age >= 18'
    """
    return re.sub(r"\\([\\<>*_\[\]^~#()!.-])", r"\1", text)
