"""A small package without a fault: what the tests damage, one defect at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables, keys
from trialbridge.validation.frame import Part, SourceFile
from trialbridge.validation.package import Package, Standards, frames_of

Row = dict[str, Any]
Tables = dict[str, list[Row]]
SUBJECTS = ("LK-1-001", "LK-1-002", "LK-1-003")
MEDDRA = {
    "AELLT": "Headache",
    "AELLTCD": 10019211,
    "AEDECOD": "Headache",
    "AEPTCD": 10019211,
    "AEHLT": "Headaches NEC",
    "AEHLTCD": 10019231,
    "AEHLGT": "Headaches",
    "AEHLGTCD": 10019231,
    "AEBODSYS": "Nervous system disorders",
    "AEBDSYCD": 10029205,
    "AESOC": "Nervous system disorders",
    "AESOCCD": 10029205,
}
_PARAMETERS = (
    ("ADAPT", "Adaptive Design", "N"),
    ("ADDON", "Added on to Existing Treatments", "N"),
    ("AGEMAX", "Planned Maximum Age of Subjects", "P65Y"),
    ("AGEMIN", "Planned Minimum Age of Subjects", "P18Y"),
    ("ACTSUB", "Actual Number of Subjects", "3"),
    ("DCUTDTC", "Data Cutoff Date", "2021-12-31"),
    ("DCUTDESC", "Data Cutoff Description", "Final lock"),
    ("FCNTRY", "Planned Country of Investigational Sites", "USA"),
    ("HLTSUBJI", "Healthy Subject Indicator", "N"),
    ("INDIC", "Trial Disease/Condition Indication", "Lupus"),
    ("INTMODEL", "Intervention Model", "PARALLEL"),
    ("INTTYPE", "Intervention Type", "DRUG"),
    ("LENGTH", "Trial Length", "P26W"),
    ("NARMS", "Planned Number of Arms", "1"),
    ("OBJPRIM", "Trial Primary Objective", "Safety"),
    ("OBJSEC", "Trial Secondary Objective", "Efficacy"),
    ("OUTMSPRI", "Primary Outcome Measure", "Adverse events"),
    ("PCLAS", "Pharmacologic Class", "Agonist"),
    ("PLANSUB", "Planned Number of Subjects", "3"),
    ("RANDOM", "Trial is Randomized", "Y"),
    ("REGID", "Registry Identifier", "NCT00000001"),
    ("SENDTC", "Study End Date", "2021-06-30"),
    ("SEXPOP", "Sex of Participants", "BOTH"),
    ("SPONSOR", "Clinical Study Sponsor", "Sponsor"),
    ("SSTDTC", "Study Start Date", "2020-01-01"),
    ("STOPRULE", "Study Stop Rules", "None"),
    ("STYPE", "Study Type", "INTERVENTIONAL"),
    ("TBLIND", "Trial Blinding Schema", "DOUBLE BLIND"),
    ("TCNTRL", "Control Type", "PLACEBO"),
    ("TDIGRP", "Diagnosis Group", "Lupus"),
    ("TINDTP", "Trial Intent Type", "TREATMENT"),
    ("TITLE", "Trial Title", "A trial"),
    ("TPHASE", "Trial Phase Classification", "PHASE II TRIAL"),
    ("TRT", "Investigational Therapy or Treatment", "Drug"),
    ("TTYPE", "Trial Type", "SAFETY"),
    ("SDTIGVER", "SDTM IG Version", "3.4"),
    ("SDTMVER", "SDTM Version", "2.0"),
)


def tables() -> Tables:
    """Return the rows of the clean package, to be changed at will."""
    made = {name: [] for name in ("DM", "AE", "CM", "DS", "EX", "LB", "VS", "SE", "SV", "SUPPAE", "RELREC")}
    for subject in SUBJECTS:
        for name, rows in _of_subject(subject).items():
            made[name] += rows
    return {**made, **_design()}


def _of_subject(subject: str) -> Tables:
    common = {"USUBJID": subject}
    timing = {"VISITNUM": 1, "VISIT": "BASELINE", "EPOCH": "TREATMENT"}
    result = {**common, **timing, "--LOBXFL": "Y", "--DTC": "2020-02-01", "--DY": 1}
    found: Tables = {
        "DM": [
            {
                **common,
                "SUBJID": subject[-3:],
                "RFSTDTC": "2020-02-01",
                "RFENDTC": "2020-03-01",
                "RFXSTDTC": "2020-02-01",
                "RFXENDTC": "2020-03-01",
                "RFICDTC": "2020-01-20",
                "RFPENDTC": "2020-03-05",
                "DTHDTC": None,
                "DTHFL": None,
                "SITEID": "1",
                "AGE": 40,
                "AGEU": "YEARS",
                "SEX": "F",
                "RACE": "ASIAN",
                "ARMCD": "A",
                "ARM": "Active",
                "ACTARMCD": "A",
                "ACTARM": "Active",
                "ARMNRS": None,
                "ACTARMUD": None,
                "COUNTRY": "USA",
            }
        ],
        "AE": [
            {
                **common,
                "AESEQ": 1,
                "AETERM": "Headache",
                **MEDDRA,
                "AESEV": "MILD",
                "AESER": "N",
                "AEACN": "DOSE NOT CHANGED",
                "AEREL": "NOT RELATED",
                "AEOUT": "RECOVERED/RESOLVED",
                "AESDTH": "N",
                "AESHOSP": "N",
                "EPOCH": "TREATMENT",
                "AESTDTC": "2020-02-05",
                "AEENDTC": "2020-02-07",
                "AESTDY": 5,
                "AEENDY": 7,
            }
        ],
        "SUPPAE": [
            {
                **common,
                "RDOMAIN": "AE",
                "IDVAR": "AESEQ",
                "IDVARVAL": "1",
                "QNAM": "AETRTEM",
                "QLABEL": "Treatment Emergent Flag",
                "QVAL": "Y",
                "QORIG": "Derived",
                "QEVAL": "CLINICAL STUDY SPONSOR",
            }
        ],
        "CM": [
            {
                **common,
                "CMSEQ": 1,
                "CMTRT": "Paracetamol",
                "CMDOSE": 500,
                "CMDOSU": "mg",
                "EPOCH": "TREATMENT",
                "CMSTDTC": "2020-02-05",
                "CMENDTC": "2020-02-06",
                "CMSTDY": 5,
                "CMENDY": 6,
            }
        ],
        "EX": [
            {
                **common,
                "EXSEQ": 1,
                "EXTRT": "DRUG",
                "EXDOSE": 10,
                "EXDOSU": "mg",
                "EXDOSFRM": "TABLET",
                "EXDOSFRQ": "QD",
                "EXROUTE": "ORAL",
                "EPOCH": "TREATMENT",
                "EXSTDTC": "2020-02-01",
                "EXENDTC": "2020-03-01",
                "EXSTDY": 1,
                "EXENDY": 30,
            }
        ],
        "DS": [
            {
                **common,
                "DSSEQ": number,
                "DSTERM": term,
                "DSDECOD": term,
                "DSCAT": category,
                "EPOCH": epoch,
                "DSSTDTC": date,
                "DSSTDY": day,
            }
            for number, term, category, epoch, date, day in (
                (1, "INFORMED CONSENT OBTAINED", "PROTOCOL MILESTONE", None, "2020-01-20", -12),
                (2, "COMPLETED", "DISPOSITION EVENT", "TREATMENT", "2020-03-05", 34),
            )
        ],
        "SE": [
            {
                **common,
                "SESEQ": 1,
                "ETCD": "TRT",
                "ELEMENT": "Treatment",
                "TAETORD": 1,
                "EPOCH": "TREATMENT",
                "SESTDTC": "2020-02-01",
                "SEENDTC": "2020-03-05",
                "SESTDY": 1,
                "SEENDY": 34,
            }
        ],
        "SV": [
            {
                **common,
                "VISITNUM": number,
                "VISIT": visit,
                "SVPRESP": "Y",
                "SVOCCUR": "Y",
                "SVSTDTC": date,
                "SVENDTC": date,
                "SVSTDY": day,
                "SVENDY": day,
            }
            for number, visit, date, day in ((1, "BASELINE", "2020-02-01", 1), (2, "WEEK 1", "2020-02-08", 8))
        ],
        "LB": [
            {**_named("LB", result), "LBSEQ": 1, **_glucose(), "LBLOBXFL": "Y"},
            {
                **common,
                "LBSEQ": 2,
                **_glucose(),
                "VISITNUM": 2,
                "VISIT": "WEEK 1",
                "EPOCH": "TREATMENT",
                "LBDTC": "2020-02-08",
                "LBDY": 8,
                "LBLOBXFL": None,
            },
        ],
        "VS": [
            {
                **_named("VS", result),
                "VSSEQ": 1,
                "VSTESTCD": "PULSE",
                "VSTEST": "Pulse Rate",
                "VSORRES": "70",
                "VSORRESU": "beats/min",
                "VSSTRESC": "70",
                "VSSTRESN": 70,
                "VSSTRESU": "beats/min",
            }
        ],
        "RELREC": [
            {
                **common,
                "RDOMAIN": domain,
                "IDVAR": f"{domain}SEQ",
                "IDVARVAL": "1",
                "RELTYPE": None,
                "RELID": f"R{subject[-1]}",
            }
            for domain in ("AE", "CM")
        ],
    }
    return found


def _glucose() -> Row:
    return {
        "LBTESTCD": "GLUC",
        "LBTEST": "Glucose",
        "LBCAT": "CHEMISTRY",
        "LBORRES": "5.2",
        "LBORRESU": "mmol/L",
        "LBORNRLO": "4",
        "LBORNRHI": "6",
        "LBSTRESC": "5.2",
        "LBSTRESN": 5.2,
        "LBSTRESU": "mmol/L",
        "LBSTNRLO": 4,
        "LBSTNRHI": 6,
        "LBNRIND": "NORMAL",
        "LBSPEC": "SERUM",
    }


def _named(code: str, row: Row) -> Row:
    return {name.replace("--", code): value for name, value in row.items()}


def _design() -> Tables:
    criterion = {"IETESTCD": "IN01", "IETEST": "Adult", "IECAT": "INCLUSION"}
    named = {
        "INDIC": ("SNOMED", ""),
        "TDIGRP": ("SNOMED", "55464009"),
        "TRT": ("UNII", "ABCDEF1234"),
        "PCLAS": ("MED-RT", "N0000175722"),
        "FCNTRY": ("ISO 3166", "USA"),
    }
    return {
        "TA": [
            {
                "ARMCD": "A",
                "ARM": "Active",
                "TAETORD": 1,
                "ETCD": "TRT",
                "ELEMENT": "Treatment",
                "TABRANCH": None,
                "TATRANS": None,
                "EPOCH": "TREATMENT",
            }
        ],
        "TE": [{"ETCD": "TRT", "ELEMENT": "Treatment", "TESTRL": "First dose", "TEENRL": "Last visit"}],
        "TI": [criterion],
        "TV": [
            {"VISITNUM": 1, "VISIT": "BASELINE", "ARMCD": "A", "TVSTRL": "Day 1"},
            {"VISITNUM": 2, "VISIT": "WEEK 1", "ARMCD": "A", "TVSTRL": "Day 8"},
        ],
        "TS": [
            {
                "TSSEQ": 1,
                "TSPARMCD": code,
                "TSPARM": name,
                "TSVAL": value,
                "TSVALCD": named.get(code, ("", None))[1] or None,
                "TSVCDREF": named.get(code, (None, ""))[0],
                "TSVCDVER": None,
            }
            for code, name, value in _PARAMETERS
        ],
    }


def package(made: Tables, ig: str = "3.4", ct: str = "2026-03-27", *, complete: bool = True) -> Package:
    """Return the rows as a package, with the variables, labels and order of the implementation guide."""
    parts = [
        Part(dataset(name, rows), SourceFile(Path(f"{name.lower()}.xpt"), "example", 0))
        for name, rows in made.items()
    ]
    return Package(frames_of(parts), standards=Standards(ig, ct), complete=complete)


def dataset(name: str, rows: Sequence[Mapping[str, Any]]) -> Dataset:
    """Return rows as a dataset of the implementation guide; a variable that it has not comes last."""
    known = {facts.name: facts for facts in ig_variables(name)}
    identifiers = (
        {"STUDYID": "LK-1"}
        if name.startswith("SUPP") or name == "RELREC"
        else {"STUDYID": "LK-1", "DOMAIN": name[:2]}
    )
    full = [{**identifiers, **row} for row in rows]
    there = dict.fromkeys(key for row in full for key in row)
    needed = [facts.name for facts in known.values() if facts.name in there or facts.core in {"Req", "Exp"}]
    variables, columns = [], {}
    for key in (*needed, *(key for key in there if key not in known)):
        kind = known[key].type if key in known else "Char"
        values = [row.get(key) for row in full]
        columns[key] = _column(values, kind)
        label = known[key].label if key in known else key.title()
        lists = known[key].codelists if key in known else ()
        variables.append(
            Variable(key, label, kind, _length(values, kind), codelists=lists, origin="Assigned")
        )
    facts = ig_datasets()["SUPPQUAL" if name.startswith("SUPP") else name]
    label = f"Supplemental Qualifiers for {name[4:]}" if name.startswith("SUPP") else facts.label
    return Dataset(
        name,
        label,
        tuple(variables),
        pa.table(columns),
        observation_class=facts.observation_class,
        structure=facts.structure,
        keys=tuple(key for key in keys(name) if key in there),
    )


def _column(values: Sequence[Any], kind: str) -> pa.Array:
    if kind == "Num":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value in {None, ""} else str(value) for value in values], pa.string())


def _length(values: Sequence[Any], kind: str) -> int:
    return (
        8
        if kind == "Num"
        else max((len(str(value).encode()) for value in values if value is not None), default=1) or 1
    )
