from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.converters.read_fhir import Batch, Source, ranges, read_resource, resources, sources
from trialbridge.errors import ReadError
from trialbridge.findings import Finding

Row = tuple[str, str, str, int, str, str, str]


def read(*inputs: Path) -> tuple[list[Batch], list[Finding]]:
    found, findings = sources(list(inputs))
    items = [item for source in found for item in resources(source)]
    batches = [item for item in items if isinstance(item, Batch)]
    return batches, findings + [item for item in items if isinstance(item, Finding)]


def rows(batches: list[Batch]) -> Iterator[Row]:
    for batch in batches:
        columns = (batch.data, batch.position, batch.within, batch.full_url, batch.parent)
        for data, position, within, full_url, parent in zip(*columns, strict=True):
            yield batch.type, batch.scope, json.loads(data).get("id", ""), position, within, full_url, parent


def counts(folder: Path, *, top: bool = False) -> Counter[str]:
    """Count by type without contained resources; `top` leaves out what lies in a Bundle in a line, too."""
    return Counter(row[0] for row in rows(read(folder)[0]) if not row[6] and not (top and row[4]))


def resource(type_: str, id_: str, **more: object) -> dict[str, object]:
    return {"resourceType": type_, "id": id_, **more}


def bundle(*resources_: dict[str, object], type_: str = "collection") -> dict[str, object]:
    return {"resourceType": "Bundle", "type": type_, "entry": [{"resource": item} for item in resources_]}


def write(path: Path, *items: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(item if isinstance(item, str) else json.dumps(item) for item in items))
    return path


# Real files: every one in the reference data, with the counts that its own list states.


def test_lzzt_bundles(shared: Path) -> None:
    folder = shared / "data/fhir/lzzt_r4"
    found, findings = sources([folder])
    assert [source.form for source in found] == ["bundle"] * 8 + ["resource"]
    assert findings == []
    seen = counts(folder)
    assert {name: seen[name] for name in ("Patient", "ResearchSubject", "ResearchStudy", "AdverseEvent")} == {
        "Patient": 8, "ResearchSubject": 8, "ResearchStudy": 9, "AdverseEvent": 23,
    }  # fmt: skip
    assert seen["Observation"] == 1503 + 798
    assert len({source.scope for source in found if source.form == "bundle"}) == 8
    contained = [row for row in rows(read(folder)[0]) if row[6]]
    assert Counter(row[0] for row in contained) == {"Condition": 23}
    assert all(row[6].startswith("AdverseEvent/") for row in contained)


def test_synthea_bundles(shared: Path) -> None:
    seen = counts(shared / "data/fhir/synthea_r4")
    stated = {
        "Patient": 11, "Observation": 1447, "Encounter": 192, "Condition": 76, "Immunization": 131,
        "Procedure": 109, "MedicationRequest": 51, "DiagnosticReport": 101,
    }  # fmt: skip
    assert {name: seen[name] for name in stated} == stated


def test_bulk_export(shared: Path) -> None:
    folder = shared / "data/fhir/bulk_r4_10patients"
    batches, findings = read(folder)
    assert [(item.source, item.rule, item.severity) for item in findings] == [
        ("bulk_r4_10patients/log.ndjson", "not-fhir", "notice")
    ]
    assert max(len(batch.data) for batch in batches) <= 256
    assert {batch.scope for batch in batches} == {""}
    assert counts(folder) == {
        "Patient": 13, "Condition": 555, "Encounter": 1215, "MedicationRequest": 1745, "Procedure": 2056,
        "Immunization": 161, "AllergyIntolerance": 11, "Device": 16, "Organization": 43, "Practitioner": 43,
        "PractitionerRole": 43, "Location": 44,
    }  # fmt: skip


def test_hl7_examples(shared: Path) -> None:
    folder = shared / "data/fhir/hl7_examples"
    r4 = counts(folder / "hl7.fhir.r4.examples-4.0.1-clinical.ndjson.gz", top=True)
    r5 = counts(folder / "hl7.fhir.r5.examples-5.0.0-clinical.ndjson.gz", top=True)
    for seen, stated in (
        (
            r4,
            {"Observation": 64, "MedicationAdministration": 14, "MedicationStatement": 7, "AdverseEvent": 1},
        ),
        (
            r5,
            {
                "Observation": 53,
                "MedicationAdministration": 14,
                "QuestionnaireResponse": 5,
                "AdverseEvent": 0,
            },
        ),
    ):
        assert {name: seen[name] for name in stated} == stated
    assert r4["ResearchStudy"] == r5["ResearchStudy"] == r4["ResearchSubject"] == r5["ResearchSubject"] == 1


def test_hl7_examples_lose_nothing(shared: Path) -> None:
    for path in sorted((shared / "data/fhir/hl7_examples").iterdir()):
        entries = kept = 0
        with gzip.open(path) as lines:
            for line in lines:
                opened, inside = _walked(json.loads(line))
                kept, entries = kept + opened, entries + inside
        batches, findings = read(path)
        assert sum(len(batch.data) for batch in batches) == kept
        assert Counter(item.rule for item in findings)["entry-without-resource"] == entries


def _walked(item: dict[str, object]) -> tuple[int, int]:
    """Return how many resources an ordinary recursive reader finds in `item`, and how many empty entries."""
    inner: list[dict[str, object]] = []
    if item["resourceType"] == "Bundle":
        entries = item.get("entry", [])
        assert isinstance(entries, list)
        inner = [entry["resource"] for entry in entries if "resource" in entry]
        found = [_walked(one) for one in inner]
        return sum(one[0] for one in found), sum(one[1] for one in found) + len(entries) - len(inner)
    for name in ("contained", "parameter"):
        values = item.get(name, [])
        values = values if isinstance(values, list) else []
        inner += [one.get("resource", {}) if name == "parameter" else one for one in values]
    found = [_walked(one) for one in inner if "resourceType" in one]
    return 1 + sum(one[0] for one in found), sum(one[1] for one in found)


def test_us_core(shared: Path) -> None:
    seen = counts(shared / "data/fhir/us_core", top=True)
    assert (seen["Observation"], seen["QuestionnaireResponse"], seen["Condition"], seen["Patient"]) == (
        139,
        7,
        6,
        4,
    )
    assert sum(seen.values()) == 226 - 5  # five are Bundles, which are opened


def test_adverse_event_guide(shared: Path) -> None:
    batches, findings = read(shared / "data/fhir/ae_ig_r5")
    seen = Counter((row[0], row[1]) for row in rows(batches))
    assert seen["AdverseEvent", "http://example.org"] == 4 + 1 + 1
    assert seen["MedicationAdministration", "http://example.org"] == 4 + 1 + 1
    assert seen["StructureDefinition", ""] == 1
    assert findings == []


def test_every_real_resource_is_read_again(shared: Path) -> None:
    for source in sources([shared / "data/fhir/ae_ig_r5", shared / "data/fhir/us_core"])[0]:
        for batch in resources(source):
            if isinstance(batch, Batch):
                for data, position, within in zip(batch.data, batch.position, batch.within, strict=True):
                    assert read_resource(source, position, within) == data


# What lies in what.


def test_identity_spaces(tmp_path: Path) -> None:
    document = bundle(resource("Patient", "p1"), resource("Patient", "p2"), resource("Patient", "p3"))
    document["entry"][0]["fullUrl"] = "https://a.example/fhir/Patient/p1"  # type: ignore[index]
    document["entry"][1]["fullUrl"] = "urn:uuid:2f0a1a3e-8f5b-4b53-9a2c-2f6f3a0c7d11"  # type: ignore[index]
    first = read(write(tmp_path / "a/x.json", document))[0]
    copy = read(write(tmp_path / "b/y.json", document))[0]
    other = read(write(tmp_path / "c/x.json", document | {"timestamp": "2024-01-01T00:00:00Z"}))[0]
    scopes = {row[2]: row[1] for row in rows(first)}
    assert scopes["p1"] == "https://a.example/fhir"
    assert scopes["p2"] == scopes["p3"]
    assert scopes["p2"].startswith("sha256:")
    assert list(rows(first)) == list(rows(copy))
    assert {row[2]: row[1] for row in rows(other)}["p2"] != scopes["p2"]


def test_contained_and_wrapped_resources_name_their_place(tmp_path: Path) -> None:
    event = resource("AdverseEvent", "d1e5", contained=[resource("Condition", "c")])
    nameless = {"resourceType": "Claim", "contained": [resource("Coverage", "v")]}
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "a", "part": [{"name": "b", "resource": event}]},
            {"name": "c", "valueCode": "x"},
        ],
    }
    path = write(tmp_path / "b.json", bundle(event, nameless, bundle(event), parameters))
    found = sources([path])[0][0]
    seen = {(row[0], row[3], row[4]): row[6] for row in rows(read(path)[0])}
    assert seen == {
        ("AdverseEvent", 0, ""): "",
        ("Condition", 0, "contained[0]"): "AdverseEvent/d1e5",
        ("Claim", 1, ""): "",
        ("Coverage", 1, "contained[0]"): "Claim/@1",
        ("AdverseEvent", 2, "entry[0].resource"): "",
        ("Condition", 2, "entry[0].resource.contained[0]"): "AdverseEvent/d1e5",
        ("Parameters", 3, ""): "",
        ("AdverseEvent", 3, "parameter[0].part[0].resource"): "",
        ("Condition", 3, "parameter[0].part[0].resource.contained[0]"): "AdverseEvent/d1e5",
    }
    for type_, position, within in seen:
        assert json.loads(read_resource(found, position, within))["resourceType"] == type_


def test_a_contained_type_that_comes_first_is_not_taken_for_the_resource(tmp_path: Path) -> None:
    line = {"contained": [resource("Patient", "x")], "resourceType": "Observation", "id": "o"}
    assert {row[0]: row[6] for row in rows(read(write(tmp_path / "o.ndjson", line, line))[0])} == {
        "Observation": "", "Patient": "Observation/o",
    }  # fmt: skip


@pytest.mark.parametrize("type_", ["collection", "transaction", "batch", "searchset", "history", "document"])
def test_bundles_of_every_type(tmp_path: Path, type_: str) -> None:
    document = bundle(resource("Patient", "p"), resource("OperationOutcome", "o"), type_=type_)
    document["entry"] += [{"request": {"method": "DELETE", "url": "Patient/9"}}]  # type: ignore[operator]
    document["link"] = [{"relation": "next", "url": "https://a.example/fhir?page=2"}]
    batches, findings = read(write(tmp_path / "b.json", document))
    assert [(row[0], row[3]) for row in rows(batches)] == [("Patient", 0), ("OperationOutcome", 1)]
    assert [(item.rule, item.resource, item.value) for item in findings] == [
        ("bundle-next-page", "", "https://a.example/fhir?page=2"),
        ("entry-without-resource", "Patient/9", ""),
    ]
    assert findings[1].message == "entry 2: a Bundle entry without a resource (DELETE Patient/9)"


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.jsonl", "A.JSON"])
def test_form_is_told_by_content(tmp_path: Path, name: str, indent: int | None) -> None:
    people = [resource("Patient", f"p{index}") for index in range(3)]
    path = tmp_path / name
    for content, form in ((bundle(*people), "bundle"), (people[0], "resource"), (people, "array")):
        path.write_text(json.dumps(content, indent=indent))
        found = sources([path])[0][0]
        one_line = indent is None and name.endswith(("ndjson", "jsonl")) and form != "array"
        assert found.form == ("ndjson" if one_line else form)
        assert [row[2] for row in rows(read(path)[0])] == ["p0", "p1", "p2"][: 1 if form == "resource" else 3]
    write(path, *people)
    assert sources([path])[0][0].form == "ndjson"


# Lines and ranges.

LINES = st.lists(
    st.one_of(
        st.integers(0, 300).map(lambda size: json.dumps(resource("Observation", "o", note="x" * size))),
        st.just(json.dumps(resource("Patient", "p", name=[{"family": "Müller"}]), ensure_ascii=False)),
        st.just(json.dumps(resource("Condition", "c", contained=[resource("Patient", "in")]))),
        st.just(""),
        st.just('{"resourceType": "Pat'),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]), size=st.integers(20, 2000), last=st.booleans())
def test_ranges_read_each_line_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, size: int, *, last: bool
) -> None:
    path = tmp_path_factory.mktemp("ranges") / "a.ndjson"
    path.write_bytes((end.join(lines) + (end if last else "")).encode())
    source = Source("a.ndjson", path, form="ndjson")
    whole, parts = list(resources(source)), [
        item for start, stop in ranges(source, size) for item in resources(source, start, stop)
    ]  # fmt: skip

    def gathered(items: list[Batch | Finding]) -> tuple[list[Row], list[Finding]]:
        batches = [item for item in items if isinstance(item, Batch)]
        found = [item for item in items if isinstance(item, Finding)]
        return sorted(rows(batches), key=lambda row: (row[3], row[4])), found

    assert gathered(whole) == gathered(parts)
    assert len(gathered(whole)[1]) == sum(line.endswith('"Pat') for line in lines)
    for row in gathered(whole)[0]:
        assert json.loads(read_resource(source, row[3], row[4]))["resourceType"] == row[0]


def test_file_order_is_kept_within_a_type(tmp_path: Path) -> None:
    lines = [resource("Patient" if index % 3 else "Group", str(index)) for index in range(2000)]
    found = [row for row in rows(read(write(tmp_path / "a.ndjson", *lines))[0]) if row[0] == "Patient"]
    assert [row[2] for row in found] == [str(index) for index in range(2000) if index % 3]


def test_gzip_and_zip_read_as_the_plain_file(tmp_path: Path) -> None:
    lines = [resource("Observation", f"o{index}") for index in range(3000)]
    plain = write(tmp_path / "a.ndjson", *lines)
    text = plain.read_bytes()
    (tmp_path / "b.ndjson.gz").write_bytes(
        gzip.compress(text[:5000]) + gzip.compress(text[5000:]) + b"\0" * 9
    )
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.ndjson", text)
        archive.writestr("in/b.ndjson.gz", gzip.compress(text))
        archive.writestr("readme.txt", "hello")
        archive.mkdir("empty.json")
    found, findings = sources([tmp_path])
    assert [source.name.partition("/")[2] for source in found] == [
        "a.ndjson", "b.ndjson.gz", "c.zip!in/a.ndjson", "c.zip!in/b.ndjson.gz",
    ]  # fmt: skip
    assert [item.rule for item in findings] == ["not-fhir"]
    assert found[0].sha256 == found[2].sha256
    expected = list(rows(read(plain)[0]))
    for source in found:
        items = list(resources(source))
        assert [row for item in items if isinstance(item, Batch) for row in rows([item])] == expected
        position = expected[2500][3]
        assert json.loads(read_resource(source, position))["id"] == "o2500"


def test_byte_order_mark(tmp_path: Path) -> None:
    for name in ("a.ndjson", "a.json"):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(resource("Patient", "p")).encode() + b"\n")
        (row,) = rows(read(path)[0])
        assert row[:3] == ("Patient", "", "p")
        assert json.loads(read_resource(sources([path])[0][0], row[3]))["id"] == "p"


def test_decoded_types_are_told_by_their_first_key(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"resourceType":"Observation","id":"o"}\n{"resourceType":"Observation","id":')
    source = sources([path])[0][0]
    trusted = [item for item in resources(source, decoded={"Observation"}) if isinstance(item, Batch)]
    assert sum(len(batch.data) for batch in trusted) == 2
    assert [type(item) for item in resources(source)] == [Batch, Finding]


# Folders.


def test_folders_are_walked_in_order_and_each_file_once(tmp_path: Path) -> None:
    write(tmp_path / "in/b/x.json", resource("Patient", "1"))
    write(tmp_path / "in/a/x.json", resource("Patient", "2"))
    write(tmp_path / "in/.hidden.json", "{}")
    (tmp_path / "in/b/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/b/gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in/again.json").symlink_to(tmp_path / "in/a/x.json")
    found, findings = sources([tmp_path / "in", tmp_path / "in/b/x.json"])
    assert len(found) == 2
    assert [source.name for source in found] == sorted(source.name for source in found)
    assert Counter(item.rule for item in findings) == {"read-once": 3, "path-unreadable": 1, "not-fhir": 1}


def test_names_stay_apart(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "P.json", resource("Patient", folder)) for folder in "ab"]
    assert len({source.name for source in sources(paths)[0]}) == 2
    assert sources(paths[:1])[0][0].name == "P.json"


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        sources([tmp_path / "absent"])
    with pytest.raises(ReadError, match="nothing in it"):
        sources([tmp_path])
    with pytest.raises(ReadError, match="does not begin as JSON"):
        sources([write(tmp_path / "a.xpt", "HEADER RECORD*******")])


def test_a_place_that_is_gone_is_an_error(tmp_path: Path) -> None:
    source = sources([write(tmp_path / "b.json", bundle(resource("Patient", "p")))])[0][0]
    for position, within in ((1, ""), (0, "contained[0]"), (0, "name[0]"), (0, "resource")):
        with pytest.raises(ReadError, match=f"no resource at {position}"):
            read_resource(source, position, within)
