"""Real records, to SDTM, to FHIR and back: each cell is equal, and the extension carries little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.fhir_gate import check_resources
from trialbridge.converters.to_fhir import patient_id, read_back, to_resources
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.elements import Version
from trialbridge.mapping import Domain
from trialbridge.registry import DOMAINS, declarations
from trialbridge.study import read_study, study_of

SAMPLE = Path(__file__).parents[2] / "samples" / "nct06737380"
PILOT = {
    "study": {"id": "CDISCPILOT01"},
    "subject": {"usubjid": "{subject}"},
    "patterns": {"DM.SITEID": "Site ([0-9]+)$", "DM.SUBJID": "([0-9]+)$"},
    "codes": {"http://loinc.org": {"8867-4": {"testcd": "PULSE"}}},
}

CARRIED: Mapping[str, float] = {
    # several things are said in one text, and no element holds it
    "AERELOTH": 0.5,
    # that a criterion is not met: FHIR lists those that are
    **dict.fromkeys(("AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESMIE"), 0.3),
    # a time without a zone: only its date is legal
    "LBDTC": 1.0,
    # the side is a part of the code of the body site
    "VSLAT": 0.6,
    # the category of a test that only the study's own settings know
    "LBCAT": 0.1,
    "CPCAT": 0.3,
    "ISCAT": 0.1,
    # an agent that the code of the test names
    "ISBDAGNT": 0.1,
    # what the value is derived from is no record of this domain
    "LBDRVFL": 0.05,
    "QSDRVFL": 1.0,
    # the number of a score that is a plain Observation
    "QSSTRESC": 1.0,
    # FHIR as others write it names the planned visit in several ways, and none is ours to choose
    "VISITNUM": 1.0,
    # the period of a visit: times without a zone
    **dict.fromkeys(("SVSTDTC", "SVENDTC"), 1.0),
    # whether a visit took place is told by more states than one of FHIR's, and why not by the appointment
    **dict.fromkeys(("SVOCCUR", "SVREASOC", "SVUPDES"), 1.0),
    # what was examined is told by codes of others, which none of ours stands for
    **dict.fromkeys(("PETESTCD", "PECAT"), 1.0),
    # ratings and scores of instruments that CDISC has no terms for
    **dict.fromkeys(("RSTESTCD", "RSDRVFL", "RSSTRESC"), 1.0),
    # a criterion that is not met is told by the words of the trial's own criteria
    **dict.fromkeys(("IETESTCD", "IECAT", "IEORRES", "IESTRESC"), 1.0),
    # what a cause of death is asked by has no code of its own
    "DDTESTCD": 1.0,
    # several races; where RACEOTH is blank, RACE alone stands in the text that both are read from
    **dict.fromkeys(("RACE", "RACE1", "RACE2", "ETHNIC"), 0.1),
    "RACEOTH": 1.0,
    # derived from other resources than those that are written, or from the date of death
    **dict.fromkeys(("RFPENDTC", "ARMNRS"), 1.0),
    "DTHFL": 0.2,
}
"""Variable -> the share of records whose cell the extension may carry; all others go to elements."""

CARRIED_IN_R5: Mapping[str, float] = {
    # R5 names an arm by an id, the investigator as a party of the study, and consents by the day
    **dict.fromkeys(("ARM", "ACTARM", "INVID", "INVNAM", "RFICDTC", "DSSTDTC"), 1.0),
    # and the policy that was consented to by a reference
    "DSPOLICY": 1.0,
}


@pytest.fixture(scope="module")
def conversions() -> dict[str, Conversion]:
    return {}


def _converted(name: str, shared: Path, known: dict[str, Conversion]) -> Conversion:
    data = shared / "data" / "fhir"
    inputs = {
        "pilot": (data / "lzzt_r4", lambda: study_of(PILOT)),
        "sample": (SAMPLE / "resources.zip", lambda: read_study(SAMPLE / "study.toml")),
        "synthea": (data / "synthea_r4", lambda: study_of({"study": {"id": "SYNTHEA"}})),
    }
    if name not in known:
        path, study = inputs[name]
        known[name] = to_sdtm([path], study(), processes=1)
    return known[name]


def tables(conversion: Conversion) -> Iterator[tuple[Domain, dict[str, pa.Array]]]:
    """Yield each declaration with its records: the variables of the dataset, and its qualifiers."""
    found = {dataset.name: dataset.table for dataset in conversion.datasets}
    for code in (code for code in DOMAINS if code in found):
        cells = {
            name: found[code][name].combine_chunks().cast(pa.string()) for name in found[code].column_names
        }
        if f"SUPP{code}" in found:
            cells |= _qualifiers(code, cells, found[f"SUPP{code}"])
        numbers = conversion.provenance[code]["declaration"].to_pylist()
        for number, domain in enumerate(declarations(code)):
            rows = pa.array([row for row, one in enumerate(numbers) if one == number], pa.int64())
            if len(rows):
                yield domain, {name: column.take(rows) for name, column in cells.items()}


def _qualifiers(code: str, cells: Mapping[str, pa.Array], supp: pa.Table) -> dict[str, pa.Array]:
    subjects = cells["USUBJID"].to_pylist()
    link = next((name for name in (f"{code}SEQ", "VISITNUM") if name in cells and code != "DM"), "")
    sequences = cells[link].to_pylist() if link else [None] * len(subjects)
    rows = {key: row for row, key in enumerate(zip(subjects, sequences, strict=True))}
    columns: dict[str, list[str | None]] = {}
    for one in supp.to_pylist():
        column = columns.setdefault(one["QNAM"], [None] * len(subjects))
        column[rows[one["USUBJID"], one["IDVARVAL"] or None]] = one["QVAL"]
    return {name: pa.array(column, pa.string()) for name, column in columns.items()}


@pytest.mark.parametrize("release", ["R4", "R5"])
@pytest.mark.parametrize("name", ["pilot", "sample", "synthea"])
def test_real_records_come_back(
    name: str, release: Version, shared: Path, conversions: dict[str, Conversion]
) -> None:
    conversion = _converted(name, shared, conversions)
    vocabulary = conversion.study.vocabulary
    allowed = {**CARRIED, **(CARRIED_IN_R5 if release == "R5" else {})}
    records = 0
    for domain, table in tables(conversion):
        made = to_resources(domain, table, vocabulary, release)
        assert made.lost == {}
        back = read_back(domain, made.written, made.order, vocabulary, release)
        rows = len(table["USUBJID"])
        for variable in domain.reversible():
            wanted = table[variable].to_pylist() if variable in table else [None] * rows
            assert back[variable].to_pylist() == wanted, variable
        share = {variable: count / rows for variable, count in made.carried.items()}
        print(name, release, domain.code, rows, {key: f"{value:.0%}" for key, value in share.items()})
        assert {key: one for key, one in share.items() if one > allowed.get(key, 0)} == {}
        patients = {f"Patient/{patient_id(one)}" for one in table["USUBJID"].to_pylist()}
        own = {f"Patient/{row.id}" for part in made.written if part.kind == "Patient" for row in part.rows}  # type: ignore[attr-defined]
        assert check_resources(made.written, release, frozenset(patients - own)) == []
        records += rows
    assert records > 1000
