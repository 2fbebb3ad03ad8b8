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
from trialbridge.native import native
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
    # times without a zone: only their dates are legal
    **dict.fromkeys(("LBDTC", "SVSTDTC", "SVENDTC"), 1.0),
    # the side is a part of the code of the body site
    "VSLAT": 0.6,
    # the code of an arm stands in the ResearchStudy that a whole package makes
    **dict.fromkeys(("ARMCD", "ACTARMCD"), 0.9),
    # nobody is assigned: the subjects of a feed that names no study
    "ARMNRS": 1.0,
    # that something goes on, and when that was known, is read of two elements that also say other things
    **dict.fromkeys(("AEENRTPT", "AEENTPT"), 0.4),
    **dict.fromkeys(("CMENRTPT", "CMENTPT", "SUENRTPT", "SUENTPT"), 0.6),
    **dict.fromkeys(("MHENRTPT", "MHENTPT"), 0.9),
    # what the value is derived from is no record of this domain
    "LBDRVFL": 0.05,
    "RSDRVFL": 0.2,
    "QSDRVFL": 1.0,
    # an answer or a score has one value, and its standard result is another
    **dict.fromkeys(("QSSTRESC", "RSSTRESC"), 1.0),
    # the code of the reason why a question has no answer
    "QSREASND": 0.05,
    # the answer that tells a criterion to be unmet, of which FHIR's own is the code
    **dict.fromkeys(("IEORRES", "IESTRESC"), 1.0),
    # why a visit did not take place stands in its Appointment
    "SVREASOC": 0.05,
}
"""Variable -> the share of records whose cell the extension may carry; all others go to elements."""

CARRIED_IN_R5: Mapping[str, float] = {
    # R5 names an arm by an id, and consents by the day
    **dict.fromkeys(("ARM", "ACTARM", "RFICDTC", "DSSTDTC"), 1.0),
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
    """Yield each declaration with its records, as records of a package are written."""
    found = {dataset.name: dataset.table for dataset in conversion.datasets}
    for code in (code for code in DOMAINS if code in found):
        cells = {
            name: found[code][name].combine_chunks().cast(pa.string()) for name in found[code].column_names
        }
        numbers = conversion.provenance[code]["declaration"].to_pylist()
        for number, domain in enumerate(declarations(code)):
            rows = pa.array([row for row, one in enumerate(numbers) if one == number], pa.int64())
            if len(rows):
                yield native(domain), {name: column.take(rows) for name, column in cells.items()}


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
        own = {
            f"Patient/{name}"
            for part in made.written
            if part.kind == "Patient"
            for name in part.ids().to_pylist()
        }
        assert check_resources(made.written, release, frozenset(patients - own)) == []
        records += rows
    assert records > 1000
