"""The user's own dictionaries, of made-up terms alone: read, applied, and carried back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pytest

from trialbridge.cli import main
from trialbridge.conversion import Conversion
from trialbridge.converters.to_fhir import read_back, to_resources
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.worklist import write_worklist
from trialbridge.dictionaries import Dictionaries, TermList, dictionaries_of
from trialbridge.distribution import Distribution
from trialbridge.encoded import Encoded, decoded_by, meddra_variables, offered
from trialbridge.errors import ConfigurationError
from trialbridge.meddra import Meddra, read_meddra
from trialbridge.model import Dataset
from trialbridge.registry import declarations
from trialbridge.snomed import read_snomed
from trialbridge.study import Study, study_of
from trialbridge.vocabulary import Vocabulary
from trialbridge.whodrug import read_whodrug

MEDDRA_SYSTEM = "https://www.meddra.org"
LLT = (
    "90000001$Zorbic ache$90000001$$$$$$$Y$$",
    "90000002$Aching of the zorb$90000001$$$$$$$Y$$",
    "90000003$Zorb pain NOS$90000001$$$$$$$N$$",
    "90000004$Flimmer$90000004$$$$$$$Y$$",
    "90000005$Twin term$90000001$$$$$$$Y$$",
    "90000006$Twin term$90000004$$$$$$$Y$$",
)
ORGAN = "Zorb aches$Zorb disorders$Made-up organ disorders$MadeUp$$93000001$Y$"
HIERARCHY = (
    f"90000001$91000001$92000001$93000001$Zorbic ache${ORGAN}",
    "90000001$91000002$92000002$93000002$Zorbic ache$Others$All aches$General disorders$Gen$$93000001$N$",
    f"90000004$91000001$92000001$93000001$Flimmer${ORGAN}",
)
PATH = {
    "AEDECOD": "Zorbic ache",
    "AEPTCD": 90000001,
    "AEHLT": "Zorb aches",
    "AEHLTCD": 91000001,
    "AEHLGT": "Zorb disorders",
    "AEHLGTCD": 92000001,
    "AESOC": "Made-up organ disorders",
    "AESOCCD": 93000001,
    "AEBODSYS": "Made-up organ disorders",
    "AEBDSYCD": 93000001,
}


def write(folder: Path, files: Mapping[str, Sequence[str]]) -> Path:
    for name, lines in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture
def meddra(tmp_path: Path) -> Path:
    files = {"llt.asc": LLT, "mdhier.asc": HIERARCHY, "meddra_release.asc": ["99.9$English$$$$"]}
    return write(tmp_path / "dictionary" / "MedAscii", files).parent


def read(path: Path) -> Meddra:
    return read_meddra(Distribution(path))


def test_meddra_knows_a_lowest_term_and_all_above_it(meddra: Path) -> None:
    found = read(meddra)
    assert found.version == "99.9"
    entry = found.decode("90000002")
    assert (entry["llt"], entry["lltcd"]) == ("Aching of the zorb", "90000002")
    assert (entry["pt"], entry["ptcd"], entry["soc"]) == (
        "Zorbic ache",
        "90000001",
        "Made-up organ disorders",
    )


def test_a_preferred_term_is_its_own_lowest_term(meddra: Path) -> None:
    assert read(meddra).decode("90000001")["llt"] == "Zorbic ache"


def test_above_a_higher_level_stands_only_what_its_paths_share(meddra: Path) -> None:
    found = read(meddra)
    assert found.decode("91000001") == {
        "hlt": "Zorb aches",
        "hltcd": "91000001",
        "hlgt": "Zorb disorders",
        "hlgtcd": "92000001",
        "soc": "Made-up organ disorders",
        "soccd": "93000001",
    }
    assert found.decode("93000002") == {"soc": "General disorders", "soccd": "93000002"}
    assert found.decode("10000000") == {}


def test_a_text_is_a_term_only_letter_by_letter_and_only_once(meddra: Path) -> None:
    found = read(meddra)
    assert found.code_of("aching  of the ZORB") == "90000002"
    assert found.code_of("aching zorb") is None
    assert found.code_of("Twin term") is None
    assert found.code_of("Zorb pain NOS") is None, "no longer current"


def test_meddra_from_a_zip_file_in_latin_1(meddra: Path, tmp_path: Path) -> None:
    target = tmp_path / "meddra.zip"
    with ZipFile(target, "w") as archive:
        archive.writestr("MedAscii/LLT.ASC", "90000009$Zörb$90000001$$$$$$$Y$$\n".encode("latin-1"))
        archive.write(meddra / "MedAscii" / "mdhier.asc", "MedAscii/mdhier.asc")
    assert read(target).decode("90000009")["llt"] == "Zörb"
    assert read(target).version == ""


@pytest.mark.parametrize("missing", ["llt.asc", "mdhier.asc"])
def test_a_file_that_is_missing_is_named(meddra: Path, missing: str) -> None:
    (meddra / "MedAscii" / missing).unlink()
    with pytest.raises(ConfigurationError, match=missing):
        read(meddra)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Distribution(tmp_path / "nowhere.zip")


def study(folder: Path, **more: Any) -> Study:
    return study_of({"dictionaries": {"meddra": str(folder), **more}})


def convert(
    folder: Path, event: Mapping[str, Any], settings: Study | None = None, *more: Mapping[str, Any]
) -> Conversion:
    resources: list[Mapping[str, Any]] = [
        {"resourceType": "ResearchStudy", "id": "study", "identifier": [{"value": "S1"}], "status": "active"},
        {
            "resourceType": "ResearchSubject",
            "id": "s1",
            "identifier": [{"value": "001"}],
            "status": "on-study",
            "study": {"reference": "ResearchStudy/study"},
            "individual": {"reference": "Patient/p1"},
        },
        {"resourceType": "Patient", "id": "p1"},
        {
            "resourceType": "AdverseEvent",
            "id": "a1",
            "actuality": "actual",
            "subject": {"reference": "Patient/p1"},
            "event": event,
        },
        *more,
    ]
    source = folder / "input.ndjson"
    source.write_text("\n".join(map(json.dumps, resources)) + "\n", encoding="utf-8")
    return to_sdtm([source], settings, processes=1)


def event_of(conversion: Conversion) -> dict[str, Any]:
    records: list[dict[str, Any]] = _dataset(conversion, "AE").table.to_pylist()
    return records[0]


def _dataset(conversion: Conversion, name: str) -> Dataset:
    return next(one for one in conversion.datasets if one.name == name)


def coded(code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": MEDDRA_SYSTEM, "code": code, **more}], "text": "my zorb hurts"}


def test_an_event_is_coded_by_the_code_that_it_has(meddra: Path, tmp_path: Path) -> None:
    conversion = convert(tmp_path, coded("90000002"), study(meddra))
    found = event_of(conversion)
    assert {name: found[name] for name in PATH} == PATH
    assert (found["AELLT"], found["AELLTCD"]) == ("Aching of the zorb", 90000002)
    assert found["AETERM"] == "my zorb hurts"
    assert not [row for row in conversion.unmapped.to_pylist() if row["domain"] == "AE"]
    variables = {one.name: one for one in next(d for d in conversion.datasets if d.name == "AE").variables}
    assert variables["AEDECOD"].codelists == ("MedDRA",)
    assert variables["AEDECOD"].origin == "Assigned"


def test_an_oid_names_meddra_too(meddra: Path, tmp_path: Path) -> None:
    event = {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.163", "code": "90000004"}], "text": "x"}
    assert event_of(convert(tmp_path, event, study(meddra)))["AEDECOD"] == "Flimmer"


def test_without_a_dictionary_nothing_is_decoded(tmp_path: Path) -> None:
    conversion = convert(tmp_path, coded("90000002"))
    assert event_of(conversion)["AEDECOD"] is None
    assert not [row for row in conversion.unmapped.to_pylist() if row["variable"] == "AEDECOD"]


@pytest.mark.usefixtures("meddra")
def test_the_run_names_the_dictionary_and_its_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(tmp_path, coded("90000002"))
    settings = tmp_path / "study.toml"
    settings.write_text('[dictionaries]\nmeddra = "dictionary"\n', encoding="utf-8")
    out = tmp_path / "out"
    main(["convert", str(tmp_path / "input.ndjson"), "--config", str(settings), "--out", str(out)])
    text = (out / "sdtm" / "define.xml").read_text("utf-8")
    assert 'Dictionary="MedDRA" Version="99.9"' in text
    written = (out / "run" / "manifest.json").read_text("utf-8")
    assert '"99.9"' in written
    assert str(tmp_path) not in written
    capsys.readouterr()
    main(["why", str(out), "AE", "S1-001 1", "AEDECOD", "--json"])
    assert "coded with MedDRA 99.9" in capsys.readouterr().out


def test_a_drug_is_coded_by_its_code(tmp_path: Path) -> None:
    folder = write(tmp_path / "whodrug", DRUGS)
    settings = study_of({"study": {"id": "S1"}, "dictionaries": {"whodrug": str(folder)}})
    system = "http://terminology.hl7.org/CodeSystem/W1-W2"
    statement = {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {
            "coding": [{"system": system, "code": "00000102A3D"}],
            "text": "zorbix",
        },
    }
    found = convert(tmp_path, {"text": "x"}, settings, statement)
    taken = next(one for one in found.datasets if one.name == "CM").table.to_pylist()[0]
    assert (taken["CMTRT"], taken["CMDECOD"]) == ("zorbix", "ZORBINUM")
    assert (taken["CMCLAS"], taken["CMCLASCD"]) == ("MADE-UP REMEDIES", "Z01AA")


@pytest.mark.parametrize("event", [coded("10000000"), {"text": "Zorbic ache"}])
def test_what_is_not_coded_goes_to_the_worklist(meddra: Path, tmp_path: Path, event: dict[str, Any]) -> None:
    conversion = convert(tmp_path, event, study(meddra))
    assert event_of(conversion)["AEDECOD"] is None
    rows = [row for row in conversion.unmapped.to_pylist() if row["variable"] == "AEDECOD"]
    assert [(row["domain"], row["text"]) for row in rows] == [("AE", event["text"])]


def test_a_term_with_the_same_letters_is_offered(meddra: Path) -> None:
    known = dictionaries_of({"meddra": str(meddra)})
    rule = declarations("AE")[0].rules["AEDECOD"]
    assert offered(rule, ["", "aching of the zorb"], known) == ("Zorbic ache", "90000002", "MedDRA 99.9")
    assert offered(rule, ["zorb"], known) is None
    assert offered(declarations("AE")[0].rules["AEOUT"], ["Flimmer"], known) is None


def test_the_worklist_offers_it_first(meddra: Path, tmp_path: Path) -> None:
    conversion, target = convert(tmp_path, {"text": "FLIMMER"}, study(meddra)), tmp_path / "worklist.xlsx"
    write_worklist(conversion, (), target, created=datetime(2000, 1, 1, tzinfo=UTC))
    book = openpyxl.load_workbook(target)
    rows = [row for sheet in book for row in sheet.iter_rows(values_only=True)]
    asked = next(row for row in rows if "AEDECOD" in row)
    assert any(str(cell).startswith("Flimmer") for cell in asked), asked


def test_a_text_is_coded_where_the_settings_say_so(meddra: Path, tmp_path: Path) -> None:
    found = event_of(convert(tmp_path, {"text": "ZORBIC ACHE"}, study(meddra, autocode="exact")))
    assert {name: found[name] for name in PATH} == PATH


def test_a_code_comes_before_a_text(meddra: Path, tmp_path: Path) -> None:
    event = {"coding": [{"system": MEDDRA_SYSTEM, "code": "90000004"}], "text": "Zorbic ache"}
    assert event_of(convert(tmp_path, event, study(meddra, autocode="exact")))["AEDECOD"] == "Flimmer"


def test_the_way_back_is_a_coding_and_comes_back_the_same(meddra: Path) -> None:
    vocabulary = Vocabulary(dictionaries=dictionaries_of({"meddra": str(meddra)}))
    record = {
        "USUBJID": "S-1",
        "AETERM": "my zorb hurts",
        "AELLT": "Aching of the zorb",
        "AELLTCD": "90000002",
    }
    record |= {name: str(value) for name, value in PATH.items()}
    table = {name: pa.array([value], pa.string()) for name, value in record.items()}
    domain = declarations("AE")[0]
    made = to_resources(domain, table, vocabulary)
    text = b"".join(line for part in made.written for line in part.lines())
    wanted = (
        b'"coding":[{"system":"https://www.meddra.org","code":"90000002","display":"Aching of the zorb"}]'
    )
    assert wanted in text
    assert not {"AELLT", "AELLTCD", *PATH} & set(made.carried), "the dictionary says the rest"
    back = read_back(domain, made.written, made.order, vocabulary, "R4")
    del record["USUBJID"]
    assert {name: back[name].to_pylist() for name in record} == {
        name: [value] for name, value in record.items()
    }


def test_a_preferred_term_without_a_lowest_one_is_the_coding() -> None:
    table = {"USUBJID": ["S-1"], "AETERM": ["x"], "AEDECOD": ["Zorbic ache"], "AEPTCD": ["90000001"]}
    columns = {name: pa.array(cells, pa.string()) for name, cells in table.items()}
    made = to_resources(declarations("AE")[0], columns, Vocabulary())
    text = b"".join(line for part in made.written for line in part.lines())
    assert b'{"system":"https://www.meddra.org","code":"90000001","display":"Zorbic ache"}' in text


DRUGS = {
    "DD.txt": [
        f"000001010019{'':18}{'ZORBINUM':<1500}",
        f"00000102A3D9{'':18}{'Zorbix forte':<1500}",
        f"000002010019{'':18}FLIMMERIN",
    ],
    "DDA.txt": ["000001010019Z01AA", "000001020019Z01AA", "000002010019Z01AA", "000002010019Z02BB"],
    "INA.txt": [f"{'Z01AA':<7}4MADE-UP REMEDIES", f"{'Z02BB':<7}4OTHER MADE-UP REMEDIES"],
    "Version.txt": ["WHODRUG GLOBAL B3 January 1, 2000"],
}
DRUGS_CSV = {
    "DD.csv": ["000001,01,001,9,,,,,,,,ZORBINUM", '000001,02,A3D,9,,,,,,,,"Zorbix forte"'],
    "DDA.csv": ["000001,01,001,9,Z01AA,001,Y", "000001,02,A3D,9,Z01AA,001,Y"],
    "INA.csv": ["Z01AA,4,MADE-UP REMEDIES"],
}


@pytest.mark.parametrize("files", [DRUGS, DRUGS_CSV])
def test_whodrug_gives_preferred_name_and_class(tmp_path: Path, files: dict[str, list[str]]) -> None:
    found = read_whodrug(Distribution(write(tmp_path, files)), "")
    assert found.decode("000001 02 A3D") == {
        "term": "Zorbix forte",
        "code": "00000102A3D",
        "preferred": "ZORBINUM",
        "atccd": "Z01AA",
        "atc": "MADE-UP REMEDIES",
    }
    assert found.decode("000001")["term"] == "ZORBINUM"
    assert found.code_of("zorbix FORTE") == "00000102A3D"
    assert found.decode("999999") == {}


def test_of_several_classes_none_is_chosen(tmp_path: Path) -> None:
    found = read_whodrug(Distribution(write(tmp_path, DRUGS)))
    assert found.version == "WHODRUG GLOBAL B3 January 1, 2000"
    assert found.decode("00000201001") == {
        "term": "FLIMMERIN",
        "code": "00000201001",
        "preferred": "FLIMMERIN",
    }


def test_the_other_format_of_whodrug_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="C3"):
        read_whodrug(Distribution(write(tmp_path, {"MP.csv": ["1"]})))


NAME, SYNONYM = "900000000000003001", "900000000000013009"
CONCEPTS = {
    "Snapshot/Terminology/sct2_Description_Snapshot-en_INT_20000101.txt": [
        "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId",
        f"1\t20000101\t1\t0\t901\ten\t{NAME}\tMade-up ache (finding)\t0",
        f"2\t20000101\t1\t0\t901\ten\t{SYNONYM}\tache of no kind\t0",
        f"3\t20000101\t0\t0\t902\ten\t{NAME}\tWithdrawn (finding)\t0",
        f"4\t20000101\t1\t0\t903\ten\t{NAME}\tMade-up finding (finding)\t0",
    ],
}


def test_snomed_gives_names(tmp_path: Path) -> None:
    found = read_snomed(Distribution(write(tmp_path, CONCEPTS)))
    assert found.version == "20000101"
    assert found.decode("901")["term"] == "Made-up ache"
    assert found.decode("902") == {}
    assert found.code_of("made-up ache") == "901"
    assert found.has_system("http://snomed.info/sct/900000000000207008/version/20000101")


def test_a_code_without_words_gets_its_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "sct", CONCEPTS)
    settings = study_of({"dictionaries": {"snomed": str(folder)}})
    conversion = convert(
        tmp_path, {"coding": [{"system": "http://snomed.info/sct", "code": "901"}]}, settings
    )
    assert event_of(conversion)["AETERM"] == "Made-up ache"


@pytest.mark.parametrize("mark", ["\t", "|", ","])
def test_a_list_of_terms_is_read_whatever_separates_it(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"X99.1{mark}Made-up disease\nX992{mark}Another\n", encoding="utf-8")
    known = Dictionaries(terms={"http://hl7.org/fhir/sid/icd-10-cm": str(path)})
    assert known.term("http://hl7.org/fhir/sid/icd-10-cm", "X99.1") == "Made-up disease"
    assert known.term("http://hl7.org/fhir/sid/icd-10-cm", "X99.2") == "Another"
    assert known.term("http://example.org", "X99.1") is None
    assert TermList("s", str(path)).code_of("another") == "X992"


def test_paths_start_at_the_settings(meddra: Path) -> None:
    assert dictionaries_of({"meddra": "MedAscii"}, str(meddra)).in_use() == [("MedDRA", "99.9")]
    own = dictionaries_of({"meddra": "MedAscii", "versions": {"meddra": "27.1"}}, str(meddra))
    assert own.in_use() == [("MedDRA", "27.1")]


@pytest.mark.parametrize(
    "wrong", [{"autocode": "fuzzy"}, {"meddra": 1}, {"icd": "x"}, {"terms": {"s": 1}}, {"versions": {"x": 2}}]
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="dictionaries"):
        study_of({"dictionaries": wrong})


def test_the_summary_says_which_dictionaries_are_used(meddra: Path) -> None:
    assert ("dictionary autocode", "exact") in study(meddra, autocode="exact").overrides()


def test_the_rules_are_of_the_variables_that_the_domain_has() -> None:
    assert list(meddra_variables("MH", "code")) == ["MHDECOD", "MHBODSYS"]
    assert len(meddra_variables("AE", "event")) == 12
    first = decoded_by("whodrug", "preferred", "medicationCodeableConcept").rules[0]
    assert isinstance(first, Encoded)
    assert first.dictionary == "whodrug"
