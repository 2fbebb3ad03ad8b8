"""Our FHIR of the pilot against the published one: the figures of docs/fhir-differences.md."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.to_fhir import patient_id
from trialbridge.model import Dataset

PAGE = Path(__file__).parents[1] / "docs" / "fhir-differences.md"
Resource = Mapping[str, Any]


def _day(text: str | None) -> str:
    return (text or "")[:10]


def _coding(concept: Resource | None, part: str) -> str:
    first = ((concept or {}).get("coding") or [{}])[0]
    return str(first.get(part, ""))


def _number(text: object) -> object:
    try:
        return round(float(str(text)), 9)
    except ValueError:
        return text


def _observation(one: Resource) -> tuple[object, ...]:
    value = one.get("valueQuantity", {}).get("value") or one.get("valueString")
    low = (one.get("referenceRange") or [{}])[0].get("low", {}).get("value")
    return _day(one.get("effectiveDateTime")), _number(value), _number(low)


def _event(one: Resource) -> tuple[object, ...]:
    term = one["event"].get("text") or _coding(one["event"], "display")
    return term.upper(), _day(one.get("date")), _coding(one.get("seriousness"), "code")


def _condition(one: Resource) -> tuple[object, ...]:
    days = _day(one.get("onsetDateTime")), _day(one.get("recordedDate"))
    return _coding(one["code"], "display").upper(), *days


def _medication(one: Resource) -> tuple[object, ...]:
    concept, period = one["medicationCodeableConcept"], one.get("effectivePeriod", {})
    dose = one["dosage"][0].get("doseAndRate", [{}])[0].get("doseQuantity", {}).get("value")
    name = (concept.get("text") or _coding(concept, "display")).upper()
    return name, _day(period.get("start")), _day(period.get("end")), _number(dose)


def _participation(one: Resource) -> tuple[object, ...]:
    return one["assignedArm"], one["actualArm"], one["status"], one.get("period", {}).get("start")


def _patient(one: Resource) -> tuple[object, ...]:
    return (one["gender"],)


FACTS: Mapping[str, Callable[[Resource], tuple[object, ...]]] = {
    "Observation": _observation,
    "MedicationStatement": _medication,
    "Condition": _condition,
    "AdverseEvent": _event,
    "ResearchSubject": _participation,
    "Patient": _patient,
}


def _facts(resources: Iterator[tuple[str, Resource]]) -> dict[str, Counter[object]]:
    found: dict[str, Counter[object]] = {kind: Counter() for kind in FACTS}
    for subject, one in resources:
        kind = one["resourceType"]
        if kind in FACTS and subject:
            found[kind].update((subject, FACTS[kind](part)) for part in _parts(one))
    return found


def _parts(one: Resource) -> Iterator[Resource]:
    """Yield what says one fact: each component with what its Observation says of all, else the resource."""
    yield from ({**one, **part} for part in one.get("component", [{}]))


def _published(folder: Path) -> Iterator[tuple[str, Resource]]:
    for path in sorted(folder.glob("LZZT_FHIR_Bundle_*.json.gz")):
        subject = re.findall(r"01-701-\d+", path.name)[0]
        for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]:
            yield subject, entry["resource"]


def _ours(datasets: list[Dataset], names: Mapping[str, str]) -> Iterator[tuple[str, Resource]]:
    for lines in DatasetsToFhir(datasets, "R4"):
        for line in lines:
            yield names.get(line.patient, ""), json.loads(line.text)


def _cut(dataset: Dataset, subjects: pa.Array) -> Dataset:
    if "USUBJID" not in dataset.table.column_names:
        return dataset
    kept = pc.is_in(dataset.table["USUBJID"].combine_chunks(), subjects)
    missing = {name: column.filter(kept) for name, column in dataset.missing.items()}
    return replace(dataset, table=dataset.table.filter(kept), missing=missing)


def test_the_page_says_what_is_the_same(shared: Path, tmp_path: Path) -> None:
    published = list(_published(shared / "data" / "fhir" / "lzzt_r4"))
    subjects = sorted({subject for subject, _ in published})
    for archive in (shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"):
        ZipFile(archive).extractall(tmp_path)
    datasets, _ = read_sdtm([next(tmp_path.rglob("dm.xpt")).parent])
    cut = [_cut(one, pa.array(subjects)) for one in datasets]
    theirs = _facts(iter(published))
    ours = _facts(_ours(cut, {patient_id(name): name for name in subjects}))
    page = PAGE.read_text(encoding="utf-8")
    for kind in FACTS:
        figures = theirs[kind].total(), ours[kind].total(), (theirs[kind] & ours[kind]).total()
        assert f"| {kind} | {' | '.join(f'{number:,}' for number in figures)} |" in page
