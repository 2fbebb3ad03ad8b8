"""What comes out hangs on what went in, and on nothing else: no order, no block, no process, no name."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.study import Study, read_study

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples/nct06737380"
CREATED = datetime(2026, 1, 9)  # noqa: DTZ001 -- the moment in a header has no zone
PLACES = ("source", "position", "within")
"""Where a resource lay: all that a shuffle may change."""


@dataclass(frozen=True)
class Input:
    """Files to be read, with the settings of their study."""

    files: tuple[Path, ...]
    study: Study

    def converted(self, **choices: Any) -> Conversion:
        return to_sdtm(self.files, self.study, **choices)


@pytest.fixture(scope="module", params=["LZZT", "Synthea", "T1"])
def given(request: pytest.FixtureRequest) -> Input:
    if request.param == "T1":
        return Input((SAMPLE / "resources.zip",), read_study(SAMPLE / "study.toml"))
    shared: Path = request.getfixturevalue("shared")
    if request.param == "LZZT":
        folder, study = "lzzt_r4", read_study(ROOT / "tests/lzzt/study.toml")
    else:
        folder, study = "synthea_r4", Study(id="SYNTHEA")
    files = (shared / "data/fhir" / folder).iterdir()
    return Input(tuple(sorted(files)), study)


@pytest.fixture(scope="module")
def conversion(given: Input) -> Conversion:
    return given.converted()


# --- what a conversion is ---------------------------------------------------------------------------------


def transport_files(conversion: Conversion, folder: Path) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    for dataset in conversion.datasets:
        write_xpt(dataset, folder / f"{dataset.name}.xpt", created=CREATED)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def without_places(table: pa.Table) -> list[dict[str, Any]]:
    kept = [name for name in table.column_names if name not in PLACES]
    rows: list[dict[str, Any]] = table.select(kept).to_pylist()
    return rows


def assert_same(one: Conversion, other: Conversion, folder: Path, *, places: bool = True) -> None:
    """Assert that two conversions are equal; without `places`, but for where the resources lay."""
    assert [dataset.name for dataset in one.datasets] == [dataset.name for dataset in other.datasets]
    for left, right in zip(one.datasets, other.datasets, strict=True):
        assert replace(left, table=right.table) == right, left.name
        assert left.table.equals(right.table), left.name
    assert transport_files(one, folder / "one") == transport_files(other, folder / "other")
    assert one.unmapped.equals(other.unmapped)
    assert one.elements.equals(other.elements)
    assert list(one.provenance) == list(other.provenance)
    if places:
        assert all(table.equals(other.provenance[code]) for code, table in one.provenance.items())
        assert one.resources.equals(other.resources)
        assert one.findings == other.findings
        return
    for code, table in one.provenance.items():
        assert without_places(table) == without_places(other.provenance[code]), code
    ledgers = (run.resources.drop_columns(["digest"]) for run in (one, other))  # of text, which was shuffled
    left_ledger, right_ledger = (Counter(map(str, without_places(ledger))) for ledger in ledgers)
    assert left_ledger == right_ledger
    left_findings, right_findings = (sorted(map(_unplaced, run.findings)) for run in (one, other))
    assert left_findings == right_findings


def _unplaced(finding: Any) -> str:
    return repr(replace(finding, source=""))


# --- the ledger -------------------------------------------------------------------------------------------


def texts(path: Path) -> Iterator[bytes]:
    """Return the JSON documents of a file, told by its name alone."""
    data = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield from archive.read(name).splitlines()
    else:
        yield gzip.decompress(data) if path.suffix == ".gz" else data


def resources(document: dict[str, Any]) -> Iterator[str]:
    """Return the type of every resource in a document: entries of bundles, and contained ones too."""
    if document["resourceType"] == "Bundle":
        for entry in document["entry"]:
            yield from resources(entry["resource"])
        return
    yield document["resourceType"]
    for inside in document.get("contained", ()):
        yield from resources(inside)


def test_the_ledger_balances_to_what_a_naive_reader_counts(given: Input, conversion: Conversion) -> None:
    read = Counter(
        kind for path in given.files for text in texts(path) for kind in resources(json.loads(text))
    )
    ledger = conversion.resources
    assert Counter(ledger["resource_type"].to_pylist()) == read
    states = Counter(ledger["status"].to_pylist())
    assert states["mapped"] + states["excluded"] + states["unmapped"] == sum(read.values())
    assert set(states) <= {"mapped", "excluded", "unmapped"}


def test_what_is_not_mapped_has_a_reason(conversion: Conversion) -> None:
    rest = conversion.resources.filter(pc.not_equal(conversion.resources["status"], "mapped"))
    assert len(rest) > 0
    assert all(rest["reason"].to_pylist())


def test_the_ledger_knows_every_record(conversion: Conversion) -> None:
    """Each record that has a pointer came from one resource, and a row of the ledger says so."""
    ledger = {
        tuple(row[name] for name in (*PLACES, "resource_type", "id")): row
        for row in conversion.resources.to_pylist()
    }
    counted: Counter[tuple[Any, ...]] = Counter()
    for code, table in conversion.provenance.items():
        for row in table.to_pylist():
            key = tuple(row[name] for name in (*PLACES, "resource_type", "id"))
            if row["resource_type"] is None:  # derived of several records: a visit that was missed
                counted[key] += 1
                continue
            assert code in ledger[key]["domains"].split() or row["resource_type"] == "Patient"
            counted[key] += 1
    assert sum(counted.values()) == sum(
        len(dataset.table) for dataset in conversion.datasets if dataset.name in conversion.provenance
    )


# --- the same again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choices",
    [{}, {"block_subjects": 1}, {"block_subjects": 3}, {"processes": 2}],
    ids=["second run", "one subject a block", "three subjects a block", "two processes"],
)
def test_any_way_of_working_gives_the_same(
    given: Input, conversion: Conversion, choices: dict[str, int], tmp_path: Path
) -> None:
    assert_same(conversion, given.converted(**choices), tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_input_gives_the_same(
    given: Input, conversion: Conversion, seed: int, tmp_path: Path
) -> None:
    folder = tmp_path / "shuffled"
    shuffle(given.files, folder, chances(seed))
    again = to_sdtm([folder], given.study, block_subjects=1 + seed)
    assert_same(conversion, again, tmp_path, places=False)


def chances(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- an order, no secret


def shuffle(files: Sequence[Path], folder: Path, chance: random.Random) -> None:
    """Write what `files` hold in another order, under other names; the text of the resources stays."""
    folder.mkdir()
    order = chance.sample(files, len(files))
    for number, path in enumerate(order):
        if path.suffix == ".zip":
            _shuffle_archive(path, folder / f"{number:03}.zip", chance)
        else:
            (folder / f"{number:03}.json").write_bytes(_shuffled_document(next(texts(path)), chance))


def _shuffle_archive(source: Path, target: Path, chance: random.Random) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as shuffled:
        names = archive.namelist()
        for number, name in enumerate(chance.sample(names, len(names))):
            lines = archive.read(name).splitlines()
            chance.shuffle(lines)
            shuffled.writestr(f"{number:03}.ndjson", b"\n".join(lines) + b"\n")


def _shuffled_document(text: bytes, chance: random.Random) -> bytes:
    document: dict[str, Any] = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if "entry" in document:
        entries = msgspec.json.decode(document["entry"], type=list[msgspec.Raw])
        chance.shuffle(entries)
        document["entry"] = entries
    return msgspec.json.encode(document)


# --- ties, made on purpose --------------------------------------------------------------------------------

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def patient(number: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "gender": "female", **more}


def glucose(number: str | None, value: float, subject: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        **({"id": number} if number else {}),
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2345-7"}]},
        "subject": {"reference": f"Patient/p{subject}"},
        "effectiveDateTime": "2014-01-02T08:00:00Z",
        "valueQuantity": {"value": value, "unit": "mg/dL", "system": UCUM, "code": "mg/dL"},
        **more,
    }


def panel(number: str, member: str) -> dict[str, Any]:
    head = {name: value for name, value in glucose(number, 0).items() if name != "valueQuantity"}
    return {**head, "hasMember": [{"reference": f"Observation/{member}"}]}


NOTES = [{"text": "second draw"}]
TIES: dict[str, list[list[dict[str, Any]]]] = {
    "same key and date, different values": [
        [patient(1), *(glucose(f"o{one}", 90 + one) for one in range(5))]
    ],
    "same value, different notes": [[patient(1), glucose("a", 90, note=NOTES), glucose("b", 90)]],
    "equal but for their ids": [[patient(1), *(glucose(f"o{one}", 90) for one in range(5))]],
    "equal and without an id": [[patient(1), *(glucose(None, 90) for one in range(3))]],
    "exact copies in one bundle": [[patient(1), glucose("o", 90), glucose("o", 90)]],
    "one id, different values": [[patient(1), glucose("o", 90), glucose("o", 91), glucose("o", 92)]],
    "one id in two bundles, different values": [
        [patient(1), glucose("o", 90), glucose("x", 90)],
        [patient(1), glucose("o", 91), glucose("x", 90)],
    ],
    "one patient's id in two bundles, for two persons": [
        [patient(1, birthDate="1950-01-01"), glucose("a", 90)],
        [patient(1, birthDate="1960-01-01"), glucose("a", 90)],
    ],
    "a reference to what two other bundles hold": [
        [patient(1, birthDate="1950-01-01"), glucose("a", 90)],
        [patient(1, birthDate="1960-01-01"), glucose("a", 90)],
        [glucose("b", 95)],
    ],
    "two panels that name one member": [[patient(1), glucose("a", 90), panel("x", "a"), panel("y", "a")]],
    "several subjects with the same faults": [
        [patient(one), glucose(f"o{one}", 90 + one, one, valueQuantity={"value": one, "unit": "wrong"})]
        for one in range(1, 5)
    ],
}


def as_bundles(bundles: Sequence[list[dict[str, Any]]]) -> dict[str, bytes]:
    entries = [[{"resource": resource} for resource in one] for one in bundles]
    documents = [{"resourceType": "Bundle", "type": "collection", "entry": one} for one in entries]
    return {f"{number}.json": json.dumps(one).encode() for number, one in enumerate(documents)}


def as_lines(bundles: Sequence[list[dict[str, Any]]]) -> dict[str, bytes]:
    lines = [json.dumps(resource).encode() for one in bundles for resource in one]
    return {"all.ndjson": b"\n".join(lines) + b"\n"}


def converted(files: dict[str, bytes], folder: Path, **choices: Any) -> Conversion:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return to_sdtm([folder], Study(id="TIES", usubjid="{subject}"), **choices)


@pytest.mark.parametrize("form", [as_bundles, as_lines])
@pytest.mark.parametrize("case", TIES)
def test_ties_are_broken_by_content(
    case: str, form: Callable[[Sequence[list[dict[str, Any]]]], dict[str, bytes]], tmp_path: Path
) -> None:
    first = converted(form(TIES[case]), tmp_path / "first")
    for seed in range(4):
        chance = chances(seed)
        shuffled = [chance.sample(one, len(one)) for one in TIES[case]]
        chance.shuffle(shuffled)
        again = converted(form(shuffled), tmp_path / f"again{seed}", block_subjects=1 + seed)
        assert_same(first, again, tmp_path / f"files{seed}", places=False)


def test_records_are_never_merged_because_they_are_equal(tmp_path: Path) -> None:
    found = converted(as_lines(TIES["equal but for their ids"]), tmp_path / "one")
    assert [len(one.table) for one in found.datasets if one.name == "LB"] == [5]


def test_the_same_bundle_twice_is_one(tmp_path: Path) -> None:
    alone = as_bundles([[patient(1), glucose("o", 90)]])
    once = converted(alone, tmp_path / "once")
    twice = converted({**alone, "copy.json": alone["0.json"]}, tmp_path / "twice")
    assert transport_files(once, tmp_path / "one") == transport_files(twice, tmp_path / "other")
    assert Counter(twice.resources["status"].to_pylist()) == {"mapped": 2, "excluded": 2}


def test_a_reference_that_two_bundles_answer_otherwise_points_to_nothing(tmp_path: Path) -> None:
    found = converted(as_bundles(TIES["a reference to what two other bundles hold"]), tmp_path / "one")
    lost = found.resources.filter(pc.equal(found.resources["id"], "b")).to_pylist()
    assert [(row["status"], row["reason"]) for row in lost] == [
        ("unmapped", "its subject is not in the study")
    ]


def test_the_order_of_the_sources_in_the_call_says_nothing(tmp_path: Path) -> None:
    files = []
    for name, data in as_bundles(TIES["one id in two bundles, different values"]).items():
        files.append(tmp_path / name)
        files[-1].write_bytes(data)
    study = Study(id="TIES", usubjid="{subject}")
    assert_same(to_sdtm(files, study), to_sdtm(files[::-1], study), tmp_path / "files")


def test_a_gzip_is_what_it_holds(given: Input, conversion: Conversion, tmp_path: Path) -> None:
    """Packed otherwise, or not at all, the resources give the same."""
    folder = tmp_path / "packed"
    folder.mkdir()
    for number, path in enumerate(given.files):
        for part, text in enumerate(_members(path)):
            target = folder / f"{number:03}-{part:03}{'.ndjson' if path.suffix == '.zip' else '.json'}.gz"
            target.write_bytes(gzip.compress(text, 1))
    assert_same(conversion, to_sdtm([folder], given.study), tmp_path, places=False)


def _members(path: Path) -> Iterator[bytes]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    else:
        yield from texts(path)
