from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trialbridge.converters import fhir_bytes
from trialbridge.converters.read_fhir import Batch, Source, json_finding, read_resource, resources, sources
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity

PATIENTS = [{"resourceType": "Patient", "id": f"p{index}", "active": True} for index in range(4)]
LINES = [json.dumps(patient).encode() for patient in PATIENTS]
BUNDLE = json.dumps(
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient} for patient in PATIENTS]}
).encode()
DEEP = b'{"resourceType": "Patient", "id": "deep", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
UMLAUT = b'{"resourceType": "Patient", "id": "cp1252", "text": "M\xfcller"}'


def read(path: Path) -> tuple[list[str], list[Finding]]:
    """Return the ids of what is read, and every finding."""
    found, findings = sources([path])
    ids: list[str] = []
    for source in found:
        for item in resources(source):
            if isinstance(item, Finding):
                findings.append(item)
            else:
                ids += [json.loads(data).get("id", "") for data in item.data]
    return ids, findings


def between(*bad: bytes) -> bytes:
    """Return NDJSON with two good lines before and after the bad ones."""
    return b"\n".join([*LINES[:2], *bad, *LINES[2:]])


def in_bundle(bad: bytes) -> bytes:
    """Return a Bundle with two good entries before and after one that holds `bad`."""
    entries = [*LINES[:2], bad, *LINES[2:]]
    return (
        b'{"resourceType": "Bundle", "entry": ['
        + b", ".join(b'{"resource": %s}' % e for e in entries)
        + b"]}"
    )


BAD_RESOURCES = {
    "truncated": (b'{"resourceType": "Patient", "id": "p', "json-truncated"),
    "malformed": (b'{"resourceType": "Patient", "id": "x", "a": tru}', "json-malformed"),
    "NaN": (b'{"resourceType": "Patient", "multipleBirthInteger": NaN}', "json-malformed"),
    "Infinity": (b'{"resourceType": "Patient", "multipleBirthInteger": -Infinity}', "json-malformed"),
    "lone surrogate": (b'{"resourceType": "Patient", "a": "\\ud800"}', "json-malformed"),
    "raw line feed": (b'{"resourceType": "Patient", "a": "x\ty"}', "json-malformed"),
    "deep": (DEEP, "json-too-deep"),
    "cp1252": (UMLAUT, "encoding-not-utf8"),
    "cp1252 in the type": (b'{"resourceType": "P\xe4tient"}', "encoding-not-utf8"),
    "array": (b'["Patient"]', "json-unexpected"),
    "text": (b'"Patient"', "json-unexpected"),
    "no type": (b'{"id": "x"}', "resource-type-missing"),
    "number as type": (b'{"resourceType": 5}', "resource-type-missing"),
    "null as type": (b'{"resourceType": null}', "resource-type-missing"),
}


@pytest.mark.parametrize("name", BAD_RESOURCES)
def test_a_bad_line_is_a_finding_with_its_byte_offset(tmp_path: Path, name: str) -> None:
    bad, rule = BAD_RESOURCES[name]
    path = tmp_path / "a.ndjson"
    path.write_bytes(between(bad))
    ids, findings = read(path)
    assert ids == ["p0", "p1", "p2", "p3"]
    assert [(item.rule, item.severity, item.source) for item in findings] == [
        (rule, Severity.ERROR, "a.ndjson")
    ]
    assert findings[0].message.startswith(f"byte {len(LINES[0]) + len(LINES[1]) + 2}: ")


@pytest.mark.parametrize("name", [name for name in BAD_RESOURCES if name not in {"truncated", "text"}])
def test_a_bad_entry_is_a_finding_with_its_index(tmp_path: Path, name: str) -> None:
    bad, rule = BAD_RESOURCES[name]
    path = tmp_path / "a.json"
    path.write_bytes(in_bundle(bad))
    ids, findings = read(path)
    assert ids == ["p0", "p1", "p2", "p3"]
    assert {item.rule for item in findings} == {rule}
    assert findings[-1].message.startswith("entry 2: ")


@pytest.mark.parametrize("cut", range(1, len(BUNDLE), 7))
def test_complete_entries_of_a_bundle_that_was_cut_off_are_read(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.json").write_bytes(BUNDLE[:cut])
    (tmp_path / "b.json").write_bytes(LINES[0])
    ids, findings = read(tmp_path)
    complete = sum(BUNDLE[:cut].count(line + b"}") for line in LINES)
    assert ids == [f"p{index}" for index in range(complete)] + ["p0"]
    assert [item.rule for item in findings] == ["json-truncated"]


def test_what_can_be_saved_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(in_bundle(DEEP)[:-2])
    source = sources([path])[0][0]
    assert json.loads(read_resource(source, 4))["id"] == "p3"
    with pytest.raises(ReadError):
        read_resource(source, 2)


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(**{"a.json": LINES[1]}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def wrong_checksum() -> bytes:
    data = bytearray(zipped(**{"a.json": LINES[1]}))
    data[data.index(b"PK\x01\x02") + 16] ^= 0xFF
    return bytes(data)


BAD_FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("a.json", lambda: b"", "file-empty"),
    "blank": ("a.ndjson", lambda: b" \n\n", "file-empty"),
    "empty gzip": ("a.json.gz", lambda: gzip.compress(b""), "file-empty"),
    "404 page": ("a.json", lambda: b"\n<!DOCTYPE html><html><title>404</title></html>", "html-not-json"),
    "404 page in gzip": ("a.json.gz", lambda: gzip.compress(b"<html>"), "html-not-json"),
    "XML": ("a.json", lambda: b'<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"/>', "xml-not-json"),
    "UTF-16": ("a.json", lambda: LINES[1].decode().encode("utf-16"), "encoding-not-utf8"),
    "UTF-16 without mark": ("a.ndjson", lambda: LINES[1].decode().encode("utf-16-le"), "encoding-not-utf8"),
    "UTF-32": ("a.ndjson", lambda: LINES[1].decode().encode("utf-32-be"), "encoding-not-utf8"),
    "text": ("a.ndjson", lambda: b"see attached", "not-json"),
    "binary": ("a.json.gz", lambda: b"\x8f\x01 no gzip", "not-json"),
    "not FHIR": ("a.json", lambda: b'{"name": "x"}', "resource-type-missing"),
    "not FHIR by line": ("a.ndjson", lambda: b'{"a": 1}\n{"a": 2}\n', "resource-type-missing"),
    "deep": ("a.json", lambda: DEEP, "json-too-deep"),
    "deep array": ("a.json", lambda: b"[" * 100_000, "json-too-deep"),
    "cut off": ("a.json", lambda: LINES[1][:-3], "json-truncated"),
    "cp1252": ("a.json", lambda: UMLAUT, "encoding-not-utf8"),
    "gzip header only": ("a.json.gz", lambda: b"\x1f\x8b\x08", "gz-broken"),
    "gzip of nonsense": ("a.json.gz", lambda: b"\x1f\x8b\x08\x00" + b"\xff" * 99, "gz-broken"),
    "zip that is none": ("a.zip", lambda: LINES[1], "zip-broken"),
    "zip cut off": ("a.zip", lambda: zipped(**{"a.json": LINES[1]})[:-30], "zip-broken"),
    "zip, encrypted": ("a.zip", encrypted, "zip-member"),
    "zip, wrong checksum": ("a.zip", wrong_checksum, "zip-broken"),
    "zip, path upwards": ("a.zip", lambda: zipped(**{"../../a.json": LINES[1]}), "zip-member"),
    "zip, absolute path": ("a.zip", lambda: zipped(**{"/etc/a.json": LINES[1]}), "zip-member"),
    "zip, drive": ("a.zip", lambda: zipped(**{"C:\\a.json": LINES[1]}), "zip-member"),
    "zip in zip": ("a.zip", lambda: zipped(**{"b.zip": zipped(**{"a.json": LINES[1]})}), "not-fhir"),
    "empty zip": ("a.zip", zipped, ""),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_finding_and_the_good_one_is_read(tmp_path: Path, name: str) -> None:
    file, content, rule = BAD_FILES[name]
    (tmp_path / file).write_bytes(content())
    (tmp_path / "good.json").write_bytes(LINES[0])
    ids, findings = read(tmp_path)
    assert ids == ["p0"]
    assert [item.rule for item in findings] == ([rule] if rule else [])
    assert all(item.source.startswith(f"{tmp_path.name}/{file}") for item in findings)


def test_gzip_that_was_cut_off_gives_what_precedes(tmp_path: Path) -> None:
    lines = [json.dumps({"resourceType": "Patient", "id": os.urandom(8).hex()}) for _ in range(2000)]
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / "a.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    ids, findings = read(tmp_path)
    assert 900 < len(ids) < 1100
    assert ids == [json.loads(line)["id"] for line in lines[: len(ids)]]
    assert [item.rule for item in findings] == ["json-truncated", "gz-broken"]


def test_damage_inside_gzip_gives_what_precedes(tmp_path: Path) -> None:
    text = b"\n".join(b'{"resourceType":"Patient","id":"%06d"}' % index for index in range(9000))
    packed = bytearray(gzip.compress(text))
    packed[-6] ^= 0xFF  # the checksum at the end: every line was there
    (tmp_path / "a.ndjson.gz").write_bytes(packed)
    ids, findings = read(tmp_path)
    assert len(ids) == 9000
    assert [item.rule for item in findings] == ["gz-broken"]


def test_a_name_and_content_that_differ_on_gzip_are_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(LINES[0])
    (tmp_path / "b.json").write_bytes(gzip.compress(LINES[1]))
    ids, findings = read(tmp_path)
    assert ids == ["p0", "p1"]
    assert [(item.rule, item.severity) for item in findings] == [("gz-name", Severity.NOTICE)] * 2


@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.zip"])
def test_an_archive_that_explodes_is_not_read_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(fhir_bytes, "_BOMB_FLOOR", 4 * 2**20)
    text = LINES[0] + b"\n" + b" " * 64 * 2**20
    packed = zlib.compress(text, 9, wbits=31) if name.endswith("gz") else zipped(**{"a.ndjson": text})
    (tmp_path / name).write_bytes(packed)
    ids, findings = read(tmp_path)
    assert ids == ["p0"]
    assert [item.rule for item in findings] == ["archive-bomb"]


def test_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.json", LINES[0])
        archive.writestr("b.json", LINES[2])
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.json", LINES[1])
    ids, findings = read(tmp_path)
    assert ids == ["p2"]
    assert [item.rule for item in findings] == ["zip-member"] * 2


def test_unknown_types_are_handed_on(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(between(b'{"resourceType": "Horoscope", "id": "h"}'))
    ids, findings = read(tmp_path)
    assert sorted(ids) == ["h", "p0", "p1", "p2", "p3"]
    assert findings == []


def test_of_a_repeated_key_the_last_counts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"resourceType": "Group", "resourceType": "Patient", "id": "p"}')
    (batch,) = resources(sources([tmp_path])[0][0])
    assert isinstance(batch, Batch)
    assert batch.type == "Patient"


def test_odd_entries(tmp_path: Path) -> None:
    document = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": PATIENTS[0], "fullUrl": 5, "request": "x"},
            {"resource": None},
            {"resource": [PATIENTS[1]]},
            "entry",
            {"resource": {"resourceType": "Claim", "id": "c", "contained": "x"}},
            {"resource": {"resourceType": "Claim", "id": "d", "contained": [None, 5, {}]}},
            {"resource": {"resourceType": "Parameters", "id": "e", "parameter": [{"part": 5}]}},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    ids, findings = read(tmp_path)
    assert sorted(ids) == ["c", "d", "e", "p0"]
    assert [(item.rule, item.message.partition(":")[0], item.path) for item in findings] == [
        ("entry-without-resource", "entry 1", ""),
        ("json-unexpected", "entry 2", ""),
        ("json-unexpected", "entry 3", ""),
        ("json-unexpected", "entry 4", "contained"),
        ("json-unexpected", "entry 5", "contained[0]"),
        ("json-unexpected", "entry 5", "contained[1]"),
        ("resource-type-missing", "entry 5", "contained[2]"),
        ("json-unexpected", "entry 6", "parameter[0].part"),
    ]


@pytest.mark.parametrize("entry", ["null", "{}", '"x"', "5"])
def test_a_bundle_whose_entries_are_no_list(tmp_path: Path, entry: str) -> None:
    (tmp_path / "a.json").write_text(f'{{"resourceType": "Bundle", "entry": {entry}}}')
    ids, findings = read(tmp_path)
    assert ids == []
    assert [item.rule for item in findings] == ["json-unexpected"]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ('{"resourceType": "Bundle", "entry": [{"resource": ', "}]}"),
        ('{"resourceType": "Patient", "contained": [', "]}"),
        ('{"resourceType": "Parameters", "parameter": [{"resource": ', "}]}"),
    ],
)
def test_envelopes_in_envelopes_come_to_an_end(tmp_path: Path, opening: str, closing: str) -> None:
    inner = json.dumps(PATIENTS[0])
    (tmp_path / "shallow.json").write_text(opening * 5 + inner + closing * 5)
    (tmp_path / "too_deep.json").write_text(opening * 50 + inner + closing * 50)
    ids, findings = read(tmp_path)
    assert ids.count("p0") == 1
    assert [(item.rule, item.source.rpartition("/")[2]) for item in findings] == [
        ("json-too-deep", "too_deep.json")
    ]


def test_a_folder_that_may_not_be_entered_and_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "good.json").write_bytes(LINES[0])
    ids, findings = read(tmp_path)
    assert ids == ["p0"]
    assert [item.rule for item in findings] == ["path-unreadable"] * 2


def test_a_file_that_vanishes_is_a_finding(tmp_path: Path) -> None:
    for name, data in (("a.ndjson", between()), ("a.json", BUNDLE), ("a.zip", zipped(**{"a.json": BUNDLE}))):
        path = tmp_path / name
        path.write_bytes(data)
        source = sources([path])[0][0]
        path.unlink()
        first = next(item for item in resources(source) if isinstance(item, Finding))
        assert first.rule in {"path-unreadable", "zip-broken"}
        with pytest.raises(ReadError):
            read_resource(source, 0)


# Fuzz: whatever happens to the bytes, nothing is raised but that nothing at all can be read.

RICH = json.dumps(
    {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "next", "url": "https://a.example/?p=2"}],
        "entry": [
            {"fullUrl": "https://a.example/Patient/p0", "resource": PATIENTS[0]},
            {"resource": {"resourceType": "Bundle", "entry": [{"resource": PATIENTS[1]}]}},
            {
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [{"part": [{"resource": PATIENTS[2]}]}],
                }
            },
            {"resource": {"resourceType": "Claim", "id": "Ü", "contained": [PATIENTS[3]]}},
            {"request": {"method": "DELETE", "url": "Patient/1"}},
        ],
    },
    ensure_ascii=False,
).encode()
STARTS = {
    "a.json": RICH,
    "a.ndjson": b"\n".join([*LINES, RICH]),
    "array.json": b"[" + b", ".join([*LINES, RICH]) + b"]",
    "a.ndjson.gz": gzip.compress(b"\n".join([*LINES, RICH])),
    "a.zip": zipped(**{"a.json": RICH, "b.ndjson": b"\n".join(LINES)}),
}
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 30),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b"\0", b"null", b'"entry":[', b'"resource":']
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@example(name="a.json", changes=[(0.1875, 0, b"\x80")])  # a key that is not UTF-8, where nobody reads it
@given(name=st.sampled_from(sorted(STARTS)), changes=CHANGES)
def test_mutated_bytes_never_raise(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[float, int, bytes]]
) -> None:
    data = STARTS[name]
    for place, removed, added in changes:
        at = int(place * len(data))
        data = data[:at] + added + data[at + removed :]
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(data)
    try:
        found, _findings = sources([path])
    except ReadError:
        return
    for source in found:
        for item in resources(source):
            if isinstance(item, Batch):
                for text, position, within in zip(item.data, item.position, item.within, strict=True):
                    assert read_resource(source, position, within) == text


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "good.json").write_bytes(LINES[0])
    listed = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    ids, findings = read(tmp_path)
    assert ids == ["p0"]
    assert [(item.rule, item.message) for item in findings] == [("path-unreadable", "Permission denied")]


def test_a_file_that_vanishes_under_parallel_readers(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(between())
    source = sources([path])[0][0]
    path.unlink()
    assert [item.rule for item in resources(source, 50, None) if isinstance(item, Finding)] == [
        "path-unreadable"
    ]


def test_damage_in_a_gzip_inside_a_zip(tmp_path: Path) -> None:
    inner = gzip.compress(
        b"\n".join(
            os.urandom(30).hex().join(['{"resourceType":"Patient","id":"', '"}']).encode()
            for _ in range(9000)
        )
    )
    data = bytearray(zipped(**{"a.ndjson.gz": inner}))
    data[data.index(b"PK\x01\x02") + 16] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    ids, findings = read(tmp_path)
    assert 7000 < len(ids) <= 9000
    assert "zip-broken" in {item.rule for item in findings}
    source = sources([tmp_path])[0][0]
    with pytest.raises(ReadError):
        read_resource(source, 10**9)


def test_a_key_that_is_not_utf8_beside_no_type(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"caf\xe9": 1}')
    (tmp_path / "good.json").write_bytes(LINES[0])
    assert [item.rule for item in read(tmp_path)[1]] == ["resource-type-missing"]


def test_a_fault_that_the_caller_met_is_said_in_the_same_words(tmp_path: Path) -> None:
    source = Source("a.ndjson", tmp_path / "a.ndjson", form="ndjson")
    with pytest.raises(UnicodeDecodeError) as caught:
        msgspec.json.decode(UMLAUT)
    said = json_finding(source, 7, caught.value, data=UMLAUT)
    assert said.message == f"byte 7: its byte {UMLAUT.index(0xFC)} is not UTF-8; not read"
    assert json_finding(source, 7, caught.value).rule == said.rule
