"""The user's own copy of CDISC's LOINC-to-LB file: before the shipped crosswalk, never a retired term."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import Workbook

from trialbridge.converters.manifest import settings_of
from trialbridge.converters.tests_in_use import by_basis
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.errors import ConfigurationError
from trialbridge.loinc_files import REPLACED, LoincFiles, read_mapping
from trialbridge.standards import codelist
from trialbridge.study import Study, read_study, study_of
from trialbridge.vocabulary import LOINC, Vocabulary

HEADINGS = [
    "LOINC Class", "LOINC Code", "CDISC LBTEST", "CDISC LBTESTCD", "CDISC LBTEST/TESTCD NCI C-code",
    "CDISC LBSPEC", "CDISC LBSPEC NCI C-code", "CDISC LBMETHOD", "CDISC LBTPT",
    "SUPPQUAL Variable LBPDUR (Planned Duration)", "CDISC LBFAST",
    "SUPPQUAL Variable LBRESTYP (Result Type)", "SUPPQUAL Variable LBRSLSCL (Result Scale)",
]  # fmt: skip
ROWS = [
    ["CHEM", "2345-7", "Glucose", "GLUC", "C105585", "PLASMA", "", "(***)", "", "", "", "", ""],
    ["CHEM", "2345-7", "Glucose", "GLUC", "C105585", "SERUM OR PLASMA", "", "(***)", "", "", "", "", ""],
    ["CHEM", "99999-1", "Urate", "URATE", "C64814", "SERUM", "", "IMMUNOASSAY", "PM TROUGH", "", "Y", "", ""],
    ["UA", "99999-2", "Old", "GONE", "C105585", "URINE", "", "NO METHOD", "", "PT24H", "", "", "ORDINAL"],
    ["SERO", "11572-5", "Rheumatoid Factor", "RF", "C74717", "SERUM", "", "(***)", "", "", "", "", ""],
    ["CHEM", "99999-3", "Nobody", "NOBODY", "<<Pending>>", "SERUM", "", "", "", "", "", "", ""],
]  # fmt: skip


def text() -> str:
    """Return a mapping file of the published form, made up but for its headings."""
    written = io.StringIO()
    csv.writer(written).writerows([HEADINGS, *ROWS])
    return written.getvalue()


@pytest.fixture(params=["csv", "csv.gz", "xlsx"])
def mapping(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the mapping file in each form that it is published in."""
    path = tmp_path / f"LOINC_to_LB.{request.param}"
    if request.param == "xlsx":
        book = Workbook()
        book.active.append(["LOINC to LB mapping"])  # a line above the headings
        for row in [HEADINGS, *ROWS]:
            book.active.append(row)
        book.save(path)
    else:
        data = text().encode("utf-8")
        path.write_bytes(gzip.compress(data) if request.param == "csv.gz" else data)
    return path


def files(path: Path) -> LoincFiles:
    return LoincFiles(path.name, folder=str(path.parent))


def test_every_form_says_the_same(mapping: Path) -> None:
    row = files(mapping).row("99999-1")
    assert row
    assert (row.domain, row.testcd, row.spec, row.method, row.tpt, row.fast) == (
        "LB", "URATE", "SERUM", "IMMUNOASSAY", "PM TROUGH", "Y",
    )  # fmt: skip


def test_the_specimen_that_leaves_it_open_goes_first(mapping: Path) -> None:
    row = files(mapping).row("2345-7")
    assert row
    assert (row.spec, row.method) == ("SERUM OR PLASMA", "")


def test_a_retired_term_is_replaced_by_its_nci_code_or_by_the_crosswalk(mapping: Path) -> None:
    row, factor = files(mapping).row("99999-2"), files(mapping).row("11572-5")
    assert row
    assert factor
    assert (row.domain, row.testcd, row.test, row.method) == ("LB", "GLUC", "", "")
    assert (factor.domain, factor.testcd) == ("IS", "RFATAB")


def test_a_retired_term_without_a_successor_is_not_used(mapping: Path) -> None:
    assert files(mapping).row("99999-3") is None
    vocabulary = Vocabulary(loinc=files(mapping))
    assert vocabulary.test([(LOINC, "99999-3")]) is None


def test_the_order_is_study_file_crosswalk(mapping: Path) -> None:
    own = {(LOINC, "2345-7"): {"domain": "LB", "testcd": "MINE"}}
    asked = {
        "study": Vocabulary(tests=own, loinc=files(mapping)).test([(LOINC, "2345-7")]),
        "cdisc-file": Vocabulary(loinc=files(mapping)).test([(LOINC, "99999-1")]),
        "crosswalk": Vocabulary(loinc=files(mapping)).test([(LOINC, "2160-0")]),
    }
    assert {name: test.basis for name, test in asked.items() if test} == {name: name for name in asked}


def test_the_settings_name_the_file_beside_them(mapping: Path) -> None:
    settings = mapping.parent / "study.toml"
    settings.write_text(f'[study]\nid = "S1"\n[terminology]\nloinc = "{mapping.name}"\n', "utf-8")
    study = read_study(settings)
    assert study.loinc.row("99999-1")
    assert ("LOINC-to-LB file", mapping.name) in study.overrides()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "study.toml"
    settings.write_text('[terminology]\nloinc = "nowhere.csv"\n', "utf-8")
    with pytest.raises(ConfigurationError, match=r"terminology\.loinc: there is no file"):
        read_study(settings)


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"\x1f\x8bbroken", b"\xff\xfe\x00"])
def test_what_is_no_mapping_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mapping.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match="mapping"):
        read_mapping(str(path))


def test_a_broken_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.xlsx"
    path.write_bytes(b"no workbook")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_mapping(str(path))


def observations(path: Path) -> Path:
    """Write three results of one patient, each read by another basis, and one by a retired term."""
    codes = {"a": "99999-1", "b": "2160-0", "c": "99999-2"}
    resources = [{"resourceType": "Patient", "id": "p"}] + [
        {
            "resourceType": "Observation", "id": name, "status": "final",
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-01-01",
            "valueQuantity": {"value": 5, "code": "mmol/L", "system": "http://unitsofmeasure.org"},
        }
        for name, code in codes.items()
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, resources)), "utf-8")
    return path


def test_a_run_says_by_whose_word_each_test_is_one(mapping: Path) -> None:
    study = replace(study_of({}), id="S1", every_patient=True, loinc=files(mapping))
    conversion = to_sdtm([observations(mapping.parent / "data.ndjson")], study)
    used = {(one.testcd, one.basis, one.loinc) for one in conversion.tests}
    assert used == {
        ("URATE", "cdisc-file", "99999-1"),
        ("CREAT", "crosswalk", "2160-0"),
        ("GLUC", "cdisc-file", "99999-2"),
    }
    assert by_basis(conversion.tests) == {"cdisc-file": 2, "crosswalk": 1}
    (finding,) = [one for one in conversion.findings if one.rule == REPLACED]
    assert "GONE" in finding.message
    lb = next(one for one in conversion.datasets if one.name == "LB").table.to_pylist()
    by_code = {row["LBLOINC"]: row for row in lb}
    assert by_code["99999-1"]["LBTPT"] == "PM TROUGH"
    assert by_code["99999-1"]["LBFAST"] == "Y"
    assert by_code["99999-2"]["LBPDUR"] == "PT24H"


def test_a_run_keeps_what_the_file_says_of_its_codes_but_not_where_it_lies(mapping: Path) -> None:
    kept = files(mapping).with_used(["99999-1", "1-8"])
    settings = settings_of(Study(loinc=kept))["loinc"]
    assert settings["folder"] == ""
    assert settings["mapping"] == mapping.name
    assert list(settings["used"]) == ["99999-1"]
    mapping.unlink()
    assert kept.without_place().row("99999-1")
    assert kept.without_place().row("2345-7") is None


def test_every_code_of_the_published_file_has_a_current_term(shared: Path) -> None:
    path = shared / "data/formats/LOINC_to_LB_Mapping_FINAL.csv.gz"
    own = files(path)
    rows = {code: own.row(code) for code in read_mapping(str(path))}
    assert len(rows) == 1402
    assert [code for code, row in rows.items() if row is None] == []
    assert all(row.testcd in codelist(f"{row.domain}TESTCD") for row in rows.values() if row)
