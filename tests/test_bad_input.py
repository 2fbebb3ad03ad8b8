"""Whatever the input holds, a run ends with findings or one clear error; the good records are converted."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.cli import main
from trialbridge.conversion import Conversion
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.errors import ConfigurationError, ReadError, TrialbridgeError
from trialbridge.samples.generate import sample_trial
from trialbridge.samples.resources import encode
from trialbridge.study import Study

Json = dict[str, Any]
STUDY = Study(id="S1", products=frozenset({"PRODUCT"}))
CODE = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}


def observation(id_: str, **more: object) -> Json:
    said: Json = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": CODE,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2025-01-02T08:00:00Z",
        "valueQuantity": {
            "value": 13.5,
            "unit": "g/dL",
            "system": "http://unitsofmeasure.org",
            "code": "g/dL",
        },
    }
    return said | more


PATIENT: Json = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1980-01-01"}
PERSON: Json = {
    "resourceType": "ResearchSubject",
    "id": "r1",
    "status": "on-study",
    "identifier": [{"value": "001"}],
    "period": {"start": "2025-01-01"},
    "study": {"reference": "ResearchStudy/s1"},
    "individual": {"reference": "Patient/p1"},
}
TRIAL: Json = {
    "resourceType": "ResearchStudy",
    "id": "s1",
    "status": "active",
    "identifier": [{"value": "S1"}],
}
GOOD = [TRIAL, PATIENT, PERSON, observation("good")]


def lines(*resources: object) -> bytes:
    """Return NDJSON, with lone surrogates written as escapes, as a careless sender does."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


def convert(
    folder: Path, *resources: object, study: Study = STUDY, raw: bytes | None = None, name: str = "bad.ndjson"
) -> Conversion:
    (folder / "good.ndjson").write_bytes(lines(*GOOD))
    (folder / name).write_bytes(lines(*resources) if raw is None else raw)
    conversion = to_sdtm([folder], study, processes=1)
    assert balances(conversion)
    assert "good" in ids(conversion, "LB")
    return conversion


def balances(conversion: Conversion) -> bool:
    ledger = conversion.resources.to_pylist()
    assert all(row["status"] in {"mapped", "excluded", "unmapped"} for row in ledger)
    assert all(row["reason"] for row in ledger if row["status"] != "mapped")
    written = sum(pointers.num_rows for pointers in conversion.provenance.values())
    return sum(row["records"] for row in ledger) == written


def ids(conversion: Conversion, domain: str) -> list[str]:
    table = conversion.provenance.get(domain)
    return [] if table is None else table["id"].to_pylist()


def rules(conversion: Conversion) -> set[str]:
    return {found.rule for found in conversion.findings}


def cells(conversion: Conversion, domain: str, id_: str) -> Json:
    """Return the record of `domain` that was made of the resource `id_`."""
    table = next(each.table for each in conversion.datasets if each.name == domain)
    return next(
        dict(zip(table.column_names, row.values(), strict=True))
        for row, source in zip(table.to_pylist(), ids(conversion, domain), strict=True)
        if source == id_
    )


# Files that are no FHIR, or not whole: the rule of the finding that names each.

WHOLE = lines(observation("extra"))
PAGE = b"<!DOCTYPE html><html><h1>404 Not Found</h1></html>"
FILES: dict[str, tuple[str, bytes, str]] = {
    "truncated": ("bad.json", WHOLE[:200], "json-truncated"),
    "truncated line": ("bad.ndjson", WHOLE + WHOLE[:100], "json-truncated"),
    "latin-1": ("bad.ndjson", lines(PATIENT).replace(b"female", b"fem\xe9le"), "encoding-not-utf8"),
    "empty": ("bad.json", b"", "file-empty"),
    "only blanks": ("bad.ndjson", b" \n\n ", "file-empty"),
    "404 page as JSON": ("bad.json", PAGE, "html-not-json"),
    "404 page as XPT": ("bad.xpt", PAGE, "not-fhir"),
    "a number": ("bad.json", b"42", "not-json"),
    "a list": ("bad.json", b"[1, 2]", "json-unexpected"),
    "null": ("bad.json", b"null", "not-json"),
    "no type": ("bad.ndjson", b'{"id":"x"}\n', "resource-type-missing"),
    "a type that is a number": ("bad.ndjson", b'{"resourceType":7,"id":"x"}\n', "resource-type-missing"),
    "bytes": ("bad.json", bytes(range(256)) * 8, "encoding-not-utf8"),
    "a broken archive": ("bad.zip", b"PK\x03\x04" + b"\x00" * 40, "zip-broken"),
    "a broken gzip": ("bad.ndjson.gz", b"\x1f\x8b\x08\x00nothing", "gz-broken"),
    "100 000 lists": ("bad.json", b"[" * 100_000 + b"]" * 100_000, ""),
    "100 000 objects": ("bad.json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, ""),
    "half a character": ("bad.ndjson", lines(observation("x", valueString="\ud800")), "json-malformed"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_a_finding_with_its_place(case: str, tmp_path: Path) -> None:
    name, content, rule = FILES[case]
    conversion = convert(tmp_path, raw=content, name=name)
    named = [found for found in conversion.findings if found.source.endswith(name)]
    assert named, conversion.findings
    assert not rule or rule in {found.rule for found in named}, named


# Elements of the wrong type, in every place of every resource that is converted.

JUNK: tuple[object, ...] = (
    *("x", 3, 1.5, True, None, [], {}, [None], ["x"], [[{}]]),
    {"coding": "x", "reference": 5, "value": [1], "start": 4},
    [{"coding": [None, "x", {"code": 5, "system": []}], "item": "x", "url": 1}],
    [{"answer": [None, 5, {"valueCoding": 7}], "linkId": 3, "instance": 4, "causality": {}}],
)
EVENT: Json = {
    "resourceType": "AdverseEvent",
    "actuality": "actual",
    "subject": {"reference": "Patient/p1"},
    "event": {"text": "x"},
    "date": "2025",
    "seriousness": {"coding": [{"code": "Serious"}]},
    "suspectEntity": [{"instance": {"reference": "x/1"}, "causality": [{"assessment": {"text": "y"}}]}],
}
DOSE: Json = {
    "resourceType": "MedicationAdministration",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {"text": "PRODUCT"},
    "effectivePeriod": {"start": "2025-01-01", "end": "2025-01-01"},
    "dosage": {"dose": {"value": 1, "unit": "mg"}},
}
ANSWERS: Json = {
    "resourceType": "QuestionnaireResponse",
    "status": "completed",
    "questionnaire": "http://x/q|1",
    "subject": {"reference": "Patient/p1"},
    "authored": "2025-01-01",
    "item": [{"linkId": "1", "answer": [{"valueCoding": {"code": "a"}}]}],
}
MORE = {
    "Observation": (
        "component",
        "hasMember",
        "specimen",
        "referenceRange",
        "interpretation",
        "dataAbsentReason",
        "contained",
    ),
    "Patient": ("extension", "deceasedBoolean", "deceasedDateTime", "address", "managingOrganization"),
    "ResearchSubject": ("consent", "assignedArm"),
    "ResearchStudy": ("partOf", "site", "arm", "focus"),
    "AdverseEvent": ("outcome", "resultingCondition"),
    "MedicationAdministration": ("medicationReference", "request"),
    "QuestionnaireResponse": ("encounter",),
}


@pytest.mark.parametrize(
    "base", [observation(""), PATIENT, PERSON, TRIAL, EVENT, DOSE, ANSWERS], ids=lambda r: r["resourceType"]
)
def test_wrong_types_lose_their_element_and_nothing_else(base: Json, tmp_path: Path) -> None:
    kind = base["resourceType"]
    names = [*list(base)[1:], "meta", "extension", "modifierExtension", "identifier", "note", *MORE[kind]]
    bad = [
        base | {"id": f"b{place}-{number}"} | {name: junk}
        for place, name in enumerate(dict.fromkeys(names))
        for number, junk in enumerate(JUNK)
    ]
    conversion = convert(tmp_path, *bad)
    read = [row for row in conversion.resources.to_pylist() if row["source"].endswith("bad.ndjson")]
    assert len(read) >= 0.9 * len(bad)
    wrong = [found for found in conversion.findings if found.rule == "element-type"]
    assert wrong
    assert all(found.source.endswith("bad.ndjson") and found.path.startswith(kind) for found in wrong)


NUMBERS = {
    "1e400": "finite",
    "-1e400": "finite",
    "1" * 400: "finite",
    "0." + "0" * 400 + "1": "finite",
    "1E-400": "finite",
    "-0": "0",
    "-0.0": "0",
    "0.00": "0",
}


def test_numbers_that_no_double_holds_stay_as_text(tmp_path: Path) -> None:
    raw = [
        json.dumps(observation(f"n{place}", valueQuantity="@")).replace(
            '"@"', f'{{"value":{text},"unit":"g/dL"}}'
        )
        for place, text in enumerate(NUMBERS)
    ]
    conversion = convert(tmp_path, raw="\n".join(raw).encode())
    for place, (text, meaning) in enumerate(NUMBERS.items()):
        row = cells(conversion, "LB", f"n{place}")
        assert text.startswith(row["LBORRES"])  # more than 200 digits go on in SUPPLB
        assert row["LBORRES"] == text[:200]
        number = row["LBSTRESN"]
        assert number is None or abs(number) < float("inf")
        assert meaning != "0" or (number == 0 and str(number) == "0.0")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-", "01", "0x10", "1_000", "1e"])
def test_what_is_no_json_number_loses_one_record(text: str, tmp_path: Path) -> None:
    line = json.dumps(observation("n", valueQuantity="@")).replace('"@"', f'{{"value":{text}}}')
    conversion = convert(tmp_path, raw=line.encode())
    assert any(found.source.endswith("bad.ndjson") for found in conversion.findings)
    assert "n" not in ids(conversion, "LB")


TEXTS = {
    "group separator": "a\x1db",
    "record separator": "a\x1eb",
    "unit separator": "a\x1fb",
    "null": "a\x00b",
    "only a separator": "\x1c",
    "not a character": "a\ufffeb",
    "empty": "",
    "blank": "   ",
    "long": "x" * 5000,
    "emoji": "\U0001f600" * 100,
    "lines": "a\n\tb",
    "right to left": "\u202eabc",
    "no-break space": "\xa0",
    "300 characters": "C" * 300,
}
CONTROLS = {
    "group separator",
    "record separator",
    "unit separator",
    "null",
    "only a separator",
    "not a character",
}


@pytest.mark.parametrize("case", TEXTS)
def test_odd_text_ends_in_a_package_with_the_good_records(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, source, out = TEXTS[case], tmp_path / "in", tmp_path / "out"
    source.mkdir()
    item = {"linkId": text, "text": text, "answer": [{"valueString": text}]}
    conversion = convert(
        source,
        observation("t1", valueQuantity=None, valueString=text),
        observation("t2", code={"coding": [{"system": text, "code": text, "display": text}], "text": text}),
        observation("t3", valueQuantity={"value": 1, "unit": text, "code": text, "system": text}),
        observation("t4", subject={"reference": text}, effectiveDateTime=text),
        observation("t5", effectiveDateTime=text, note=[{"text": text}]),
        observation(text),
        EVENT | {"id": "t6", "event": {"text": text}, "date": text},
        ANSWERS | {"id": "t7", "item": [item]},
    )
    assert (case in CONTROLS) == ("control-character" in rules(conversion))
    assert main(["convert", str(source), "--study", "S1", "--out", str(out)]) in {1, 2}
    assert capsys.readouterr().err == ""
    assert "13.5" in read_xpt(out / "sdtm" / "lb.xpt").table["LBORRES"].to_pylist()


def person(identifier: str) -> tuple[Json, Json]:
    other = {"id": "r2", "identifier": [{"value": identifier}], "individual": {"reference": "Patient/p2"}}
    return PERSON | other, PATIENT | {"id": "p2"}


def test_a_control_character_in_an_identifier_is_a_finding(tmp_path: Path) -> None:
    conversion = convert(tmp_path, *person("0\x0002"))
    assert cells(conversion, "DM", "r2")["USUBJID"].endswith("-0 02")
    assert "control-character" in rules(conversion)


def test_an_identifier_that_no_file_can_hold_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(tmp_path, *person("9" * 300))
    assert main(["convert", str(tmp_path), "--study", "S1", "--out", str(tmp_path / "out")]) == 3
    assert "DM.USUBJID: the length is 30" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# Who is who.


def test_a_patient_without_a_study_is_nobody(tmp_path: Path) -> None:
    conversion = convert(
        tmp_path, PATIENT | {"id": "p9"}, observation("lost", subject={"reference": "Patient/p9"})
    )
    reasons = {
        row["id"]: row["reason"] for row in conversion.resources.to_pylist() if row["status"] == "unmapped"
    }
    assert set(reasons) >= {"p9", "lost"}
    assert reasons["lost"] == "its subject is not in the study"


def test_a_participant_without_a_patient_is_a_subject_of_whom_little_is_known(tmp_path: Path) -> None:
    other = {"id": "r9", "identifier": [{"value": "009"}]}
    absent = PERSON | other | {"individual": {"reference": "Patient/none"}}
    nobody = {key: value for key, value in (PERSON | other | {"id": "r8"}).items() if key != "individual"}
    conversion = convert(tmp_path, absent, nobody)
    assert {"r8", "r9"} <= set(ids(conversion, "DM"))
    assert cells(conversion, "DM", "r9")["SEX"] is None
    assert {"reference-unresolved", "usubjid-shared"} <= rules(conversion)


def test_one_id_with_two_contents_is_kept_twice_and_said(tmp_path: Path) -> None:
    other = {"value": 2, "unit": "g/dL"}
    conversion = convert(
        tmp_path, observation("twice"), observation("twice", valueQuantity=other), observation("twice")
    )
    assert ids(conversion, "LB").count("twice") == 2
    assert {"id-conflict", "exact-duplicate"} <= rules(conversion)


def test_references_to_nothing_are_said(tmp_path: Path) -> None:
    nothing = {"specimen": {"reference": "Specimen/none"}, "encounter": {"reference": "Encounter/none"}}
    conversion = convert(tmp_path, observation("dangling", **nothing))
    paths = {found.path for found in conversion.findings if found.rule == "reference-unresolved"}
    assert paths >= {"specimen.reference", "encounter.reference"}
    assert "dangling" in ids(conversion, "LB")


def test_circles_end(tmp_path: Path) -> None:
    conversion = convert(
        tmp_path,
        observation("a", hasMember=[{"reference": "Observation/b"}]),
        observation("b", hasMember=[{"reference": "Observation/a"}]),
        observation("c", hasMember=[{"reference": "Observation/c"}]),
        TRIAL | {"id": "s2", "partOf": [{"reference": "ResearchStudy/s3"}]},
        TRIAL | {"id": "s3", "partOf": [{"reference": "ResearchStudy/s2"}]},
        PATIENT | {"id": "p2"},
        PERSON
        | {"id": "r2", "study": {"reference": "ResearchStudy/s2"}, "individual": {"reference": "Patient/p2"}},
    )
    assert {"a", "b", "c"} <= set(ids(conversion, "LB"))
    assert "r2" in ids(conversion, "DM")


def test_an_unknown_type_is_accounted_for(tmp_path: Path) -> None:
    kinds = ("BloodDraw", "../../etc", "Observation ")
    conversion = convert(tmp_path, *({"resourceType": kind, "id": "x"} for kind in kinds))
    found = {row["resource_type"] for row in conversion.resources.to_pylist() if row["status"] == "unmapped"}
    named = {finding.value or finding.message for finding in conversion.findings}
    assert all(kind in found or any(kind in text for text in named) for kind in kinds), (found, named)


def test_a_type_without_a_mapping_and_no_type_are_told_apart(tmp_path: Path) -> None:
    kinds = ("BloodDraw", "AllergyIntolerance")
    conversion = convert(tmp_path, *({"resourceType": kind, "id": "x"} for kind in kinds))
    reasons = {row["resource_type"]: row["reason"] for row in conversion.resources.to_pylist()}
    assert reasons["BloodDraw"] == "BloodDraw is no resource type that is read here"
    assert reasons["AllergyIntolerance"] == "AllergyIntolerance has no mapping yet"


DATES = (
    *("2025-13-01", "20250101", "2025-1-1", "0000-01-01", "9999-12-31T24:00:00Z", "2025-01-01T25:61:61Z"),
    *("x", "2025-02-30", "2025-01-01T10:00:00+99:99", "-2025", "99999-01-01"),
)


def test_impossible_dates_are_each_a_finding(tmp_path: Path) -> None:
    bad = [observation(f"d{place}", effectiveDateTime=date) for place, date in enumerate(DATES)]
    conversion = convert(tmp_path, *bad)
    said = {found.value for found in conversion.findings if found.variable == "LBDTC"}
    assert set(DATES) <= said


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_depth_ends_nothing(depth: int, tmp_path: Path) -> None:
    subject = b'"subject":{"reference":"Patient/p1"}'
    extension = b'{"resourceType":"Observation","id":"x",' + subject + b',"extension":'
    extension += b'[{"extension":' * depth + b"[]" + b"}]" * depth + b"}\n"
    answers = b'{"resourceType":"QuestionnaireResponse","id":"q",' + subject + b',"item":'
    innermost = b'[{"linkId":"z","answer":[{"valueString":"deep"}]}]'
    answers += b'[{"linkId":"a","item":' * depth + innermost + b"}]" * depth + b"}\n"
    conversion = convert(tmp_path, raw=extension + answers)
    read = {row["id"] for row in conversion.resources.to_pylist()}
    assert {"x", "q"} <= read or "json-too-deep" in rules(conversion)


# Nothing to convert at all: one clear error, and exit code 3.


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ReadError),
        (PAGE, ReadError),
        (lines(PATIENT), ConfigurationError),
        (lines(observation("x")), ConfigurationError),
        (lines({**PERSON, "study": None}, PATIENT), ConfigurationError),
    ],
    ids=["empty", "404 page", "no study", "no patient", "a participant of no study"],
)
def test_input_that_cannot_be_converted_is_one_error(
    content: bytes, error: type[TrialbridgeError], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "bad.ndjson", tmp_path / "out"
    source.write_bytes(content)
    with pytest.raises(error):
        to_sdtm([source], Study())
    assert main(["convert", str(source), "--out", str(out)]) == 3
    said = capsys.readouterr().err
    assert said.startswith("error:")
    assert "Traceback" not in said
    assert not out.exists()


# The sample's own resources, damaged at random.

SAMPLE = [
    said
    for said in sample_trial()
    if said["resourceType"] in {"ResearchStudy", "Location", "Medication"}
    or said["id"].startswith(("101-005-v1", "101-005-ae", "101-005-dose", "101-005-consent"))
    or said["id"] == "101-005"
    or said["resourceType"] == "AdverseEvent"
]
PLAIN: list[Json] = [json.loads(encode(said)) for said in SAMPLE]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(said: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in items:
        yield (*way, key)
        yield from places(value, (*way, key))


@st.composite
def damage(draw: st.DrawFn) -> list[Json]:
    said = copy.deepcopy(PLAIN)
    for resource in draw(st.lists(st.sampled_from(said), min_size=1, max_size=12)):
        *way, last = draw(
            st.sampled_from([way for way in places(resource) if way != ("resourceType",)] or [("id",)])
        )
        holder: Any = resource
        for step in way:
            holder = holder[step]
        if draw(st.booleans()):
            holder[last] = draw(VALUES)
        else:
            del holder[last]
    return said


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(damage())
def test_damage_at_random_never_ends_in_a_traceback(said: list[Json]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "damaged.ndjson"
        source.write_bytes(lines(*said))
        with suppress(TrialbridgeError):
            assert balances(to_sdtm([source], STUDY, processes=1))
