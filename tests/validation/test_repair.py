"""The export doctor: what is certain is repaired in a copy, everything else is left and said."""

from __future__ import annotations

import csv
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.cli import main
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.repair import repair_package
from trialbridge.converters.repair_dates import iso_date
from trialbridge.converters.repair_texts import Column, repair_text
from trialbridge.converters.validate import read_package
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.model import Dataset
from trialbridge.standards import codelist
from trialbridge.validation.frame import format_number
from trialbridge.validation.rule import rules

sys.path.insert(0, str(Path(__file__).parent))
from clean_package import dataset, tables

CREATED = datetime(2020, 1, 1)  # noqa: DTZ001 -- a header has no zone
Damage = Callable[[Dataset], Dataset]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sdtm"
    made.mkdir()
    for name, rows in tables().items():
        write_xpt(dataset(name, rows), made / f"{name.lower()}.xpt", created=CREATED)
    return made


def fixed(folder: Path, target: Path) -> list[dict[str, str]]:
    repair_package(read_package([folder]), [folder], target)
    with (target / "repairs.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def value(name: str, text: str) -> Damage:
    """Return what puts a text into the first row of a column."""

    def damage(one: Dataset) -> Dataset:
        texts = [text, *one.table[name].to_pylist()[1:]]
        place = one.table.column_names.index(name)
        table = one.table.set_column(place, name, pa.array(texts, pa.string()))
        return declared(name, length=None)(replace(one, table=table))

    return damage


def declared(name: str, **facts: Any) -> Damage:
    """Return what says something else of a variable."""

    def damage(one: Dataset) -> Dataset:
        variables = tuple(replace(each, **facts) if each.name == name else each for each in one.variables)
        return replace(one, variables=variables)

    return damage


def reversed_order(one: Dataset) -> Dataset:
    names = one.table.column_names[::-1]
    return replace(one, variables=tuple(map(one.variable, names)), table=one.table.select(names))


REPAIRED = [
    (value("AETERM", "Patient\u2019s \u201crash\u201d"), "AETERM", 'Patient\'s "rash"', "text-not-ascii"),
    (value("AETERM", "Patientâ€™s rash"), "AETERM", "Patient's rash", "text-broken-encoding"),
    (value("AETERM", "Rash\r\nboth arms"), "AETERM", "Rash both arms", "text-control-character"),
    (value("AETERM", "  Rash"), "AETERM", "Rash", "text-begins-blank"),
    (value("AESEV", "."), "AESEV", None, "text-is-a-point"),
    (value("AESEV", "Mild"), "AESEV", "MILD", "term-in-other-case"),
    (value("AESTDTC", "05FEB2020"), "AESTDTC", "2020-02-05", "date-not-iso-8601"),
    (value("AESTDTC", "2020-02-05 10:30"), "AESTDTC", "2020-02-05T10:30", "date-not-iso-8601"),
]
"""Damage to AE, and what becomes of the first value of a variable."""


@pytest.mark.parametrize(("damage", "variable", "repaired", "rule"), REPAIRED)
def test_a_value_is_repaired_in_the_copy_alone(
    folder: Path, tmp_path: Path, damage: Damage, variable: str, repaired: str | None, rule: str
) -> None:
    write_xpt(damage(dataset("AE", tables()["AE"])), folder / "ae.xpt", created=CREATED)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    log = fixed(folder, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    ae = read_xpt(tmp_path / "out" / "ae.xpt")
    assert ae.table[variable][0].as_py() == repaired
    cells = [one for one in log if one["record"]]
    assert {(one["rule"], one["status"]) for one in cells} >= {(rule, "repaired")}
    assert {(one["dataset"], one["record"], one["variable"]) for one in cells} == {("AE", "1", variable)}
    assert cells[0]["keys"] == "USUBJID=LK-1-001, AESEQ=1"
    others = [path for path in folder.iterdir() if path.name != "ae.xpt"]
    assert all(path.read_bytes() == (tmp_path / "out" / path.name).read_bytes() for path in others)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (declared("AETERM", label=""), "variable-label-blank"),
        (declared("AETERM", label="Reported term"), "variable-label"),
        (declared("AETERM", length=200), "length-beyond-data"),
        (lambda one: replace(one, label=""), "dataset-label-blank"),
        (lambda one: replace(one, label="AEs"), "dataset-label"),
        (reversed_order, "variable-order"),
    ],
)
def test_what_a_file_says_of_its_columns_is_repaired(
    folder: Path, tmp_path: Path, damage: Damage, rule: str
) -> None:
    clean = dataset("AE", tables()["AE"])
    write_xpt(damage(clean), folder / "ae.xpt", created=CREATED)
    log = fixed(folder, tmp_path / "out")
    assert {(one["rule"], one["status"]) for one in log} == {(rule, "repaired")}
    found = read_xpt(tmp_path / "out" / "ae.xpt")
    assert found.label == clean.label
    assert [(one.name, one.label) for one in found.variables] == [
        (one.name, one.label) for one in clean.variables
    ]
    assert found.table.equals(clean.table)
    assert fixed(tmp_path / "out", tmp_path / "again") == []


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("AESTDTC", "01/02/2020", "may mean more than one day"),
        ("AESTDTC", "30FEB2020", "is no date"),
        ("AETERM", "Créme", "byte 3 (C3 A9) is U+00E9: has no plain equal"),
        ("AETERM", "Rash\ufffd", "the character is lost"),
        ("AETERM", ".", "as collected"),
        ("AETERM", "Rash\x07", "is unknown"),
    ],
)
def test_what_is_not_certain_is_left_and_said(
    folder: Path, tmp_path: Path, variable: str, text: str, said: str
) -> None:
    write_xpt(value(variable, text)(dataset("AE", tables()["AE"])), folder / "ae.xpt", created=CREATED)
    log = fixed(folder, tmp_path / "out")
    assert [(one["status"], one["from"]) for one in log] == [("left", text)]
    assert said in log[0]["why"]
    assert (tmp_path / "out" / "ae.xpt").read_bytes() == (folder / "ae.xpt").read_bytes()


def test_bytes_of_windows_are_named_by_place(folder: Path, tmp_path: Path) -> None:
    path = folder / "ae.xpt"
    write_xpt(value("AETERM", "Patient_s rash")(dataset("AE", tables()["AE"])), path, created=CREATED)
    path.write_bytes(path.read_bytes().replace(b"Patient_s", b"Patient\x92s"))
    log = fixed(folder, tmp_path / "out")
    assert "byte 8 (92) is U+2019" in log[0]["why"]
    assert read_xpt(tmp_path / "out" / "ae.xpt").table["AETERM"][0].as_py() == "Patient's rash"


def test_a_date_of_sas_becomes_text_by_its_format(folder: Path, tmp_path: Path) -> None:
    ae = dataset("AE", tables()["AE"])
    place = ae.table.column_names.index("AESTDTC")
    days = pa.array([21950.0, None, 21951.0])
    ae = declared("AESTDTC", type="Num", format="DATE9.", length=8)(
        replace(ae, table=ae.table.set_column(place, "AESTDTC", days))
    )
    write_xpt(ae, folder / "ae.xpt", created=CREATED)
    log = fixed(folder, tmp_path / "out")
    assert ("variable-type", "Char, ISO 8601") in {(one["rule"], one["to"]) for one in log}
    found = read_xpt(tmp_path / "out" / "ae.xpt")
    assert found.table["AESTDTC"].to_pylist() == ["2020-02-05", None, "2020-02-06"]


def test_a_file_that_cannot_be_read_is_copied_and_said(folder: Path, tmp_path: Path) -> None:
    (folder / "zz.xpt").write_bytes(b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!" * 9)
    (folder / "readme.txt").write_text("beside")
    log = fixed(folder, tmp_path / "out")
    assert [(one["file"], one["status"]) for one in log] == [("zz.xpt", "left")]
    for name in ("zz.xpt", "readme.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


def test_nothing_is_written_over(folder: Path, tmp_path: Path) -> None:
    assert main(["validate", str(folder), "--fix", str(folder)]) == 3
    assert main(["validate", str(folder), "--only", "xpt", "--fix", str(tmp_path / "out")]) == 3
    assert not (tmp_path / "out").exists()


def test_a_value_that_was_cut_is_its_term_where_only_one_begins_so() -> None:
    cut = Column("AEOUT", 20, "utf-8", [codelist("OUT")])
    assert repair_text("NOT RECOVERED/NOT RE", cut)[0] == "NOT RECOVERED/NOT RESOLVED"
    text, verdicts = repair_text("RECO", replace(cut, length=4))
    assert (text, [one.after for one in verdicts]) == ("RECO", [None])


def test_text_of_utf_8_that_ends_within_a_character_is_left() -> None:
    text = "Créme brûl\u00e9".encode()[:-1].decode("cp1252")
    found = repair_text(text, Column("CMTRT", encoding="cp1252"))
    assert found[0] == text
    assert "cut within a character" in found[1][0].why


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2JAN2020", "2020-01-02"),
        ("02-Jan-2020 09:05:10", "2020-01-02T09:05:10"),
        ("02 January 2020", "2020-01-02"),
        ("January 2, 2020", "2020-01-02"),
        ("UN-JAN-2020", "2020-01"),
        ("UNUNK2020", "2020"),
        ("JAN2020", "2020-01"),
        ("2020-UN-UN", "2020"),
        ("2020-01-UNK", "2020-01"),
        ("2020.1.2", "2020-01-02"),
        ("20200102", "2020-01-02"),
        ("2020-01-02T", "2020-01-02"),
        ("2020-1-2T9:05", "2020-01-02T09:05"),
        ("02/02/2020", "2020-02-02"),
        ("01/31/2020", "2020-01-31"),
        ("31.01.2020", "2020-01-31"),
        ("01/02/2020", ""),
        ("01/02/20", ""),
        ("32JAN2020", ""),
        ("00JAN2020", ""),
        ("2020-01-00", ""),
        ("20201301", ""),
        ("15-UNK-2020", ""),
        ("yesterday", ""),
        ("2020-01-02T25:00", ""),
    ],
)
def test_a_date_is_repaired_where_it_means_one_day(text: str, iso: str) -> None:
    assert iso_date(text) == iso


COLUMNS = st.sampled_from(
    [Column("AETERM"), Column("AESTDTC", encoding="cp1252"), Column("AESEV", 4, lists=[codelist("AESEV")])]
)
TEXTS = st.text(st.characters(max_codepoint=0x2122, exclude_categories=["Cs"]), max_size=30)


@given(TEXTS, COLUMNS)
def test_a_repaired_text_needs_no_other_repair(text: str, column: Column) -> None:
    repaired, _ = repair_text(text, column)
    again, verdicts = repair_text(repaired, column)
    assert again == repaired
    assert all(one.after is None for one in verdicts)


def test_the_log_speaks_of_rules_that_there_are() -> None:
    assert {rule for *_, rule in REPAIRED} <= {rule.facts.id for rule in rules()}


def test_the_command_says_what_was_done(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = value("AESEV", "Mild")(value("AESTDTC", "01/02/2020")(dataset("AE", tables()["AE"])))
    write_xpt(damaged, folder / "ae.xpt", created=CREATED)
    assert main(["validate", str(folder), "--fix", str(tmp_path / "out")]) == 1
    assert "1 repaired, 1 left" in " ".join(capsys.readouterr().out.split())


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def in_words(text: str) -> str:
    """Return a date as SAS prints it by DATE9., as far as it is known."""
    year, month, day = (*text.split("-"), "", "")[:3]
    return f"{day or 'UN'}{MONTHS[int(month) - 1]}{year}" if month else f"UNUNK{year}"


WORSE: dict[str, Callable[[str], str]] = {
    "AETERM": lambda text: f"  {text}",
    "AESEV": str.title,
    "AEOUT": str.lower,
    "AESTDTC": in_words,
    "AEENDTC": lambda text: text.replace("-", "/") if text.count("-") == 2 else text,
    "AEBODSYS": lambda text: text.replace(" ", "\u00a0"),
}
"""Damage that an export does to every value of a column, and that can be undone."""


def test_the_adverse_events_of_the_pilot_come_back_as_they_were(shared: Path, tmp_path: Path) -> None:
    archive = next((shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"))
    with zipfile.ZipFile(archive) as opened:
        name = next(one for one in opened.namelist() if one.endswith("/ae.xpt"))
        (tmp_path / "ae.xpt").write_bytes(opened.read(name))
    sound = read_xpt(tmp_path / "ae.xpt")
    worse = sound
    for variable, damage in WORSE.items():
        texts = [None if one is None else damage(one) for one in sound.table[variable].to_pylist()]
        place = sound.table.column_names.index(variable)
        table = worse.table.set_column(place, variable, pa.array(texts, pa.string()))
        worse = declared(variable, length=200)(replace(worse, table=table))
    assert not any(worse.table[name].equals(sound.table[name]) for name in WORSE)
    write_xpt(worse, tmp_path / "ae.xpt", created=CREATED)
    log = fixed(tmp_path, tmp_path / "out")
    assert read_xpt(tmp_path / "out" / "ae.xpt").table.equals(sound.table)
    changed = sum(
        one != other
        for name in WORSE
        for one, other in zip(worse.table[name].to_pylist(), sound.table[name].to_pylist(), strict=True)
    )
    cells = {(one["record"], one["variable"]) for one in log if one["record"]}
    assert len(cells) == changed
    assert all(one["status"] == "repaired" for one in log if one["record"])


def test_the_pilot_has_two_cells_with_characters_of_windows(shared: Path, tmp_path: Path) -> None:
    archive = next((shared / "data" / "sdtm" / "cdiscpilot01_tdf").glob("*.zip"))
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if name.endswith(("/ts.xpt", "/dm.xpt"))]
        for name in names:
            (tmp_path / Path(name).name).write_bytes(opened.read(name))
    log = fixed(tmp_path, tmp_path / "out")
    cells = [one for one in log if one["record"]]
    assert [(one["dataset"], one["record"], one["variable"], one["status"]) for one in cells] == [
        ("TS", "8", "TSVAL", "repaired"),
        ("TS", "28", "TSVAL", "repaired"),
    ]
    assert {one["rule"] for one in log if not one["record"]} == {"dataset-label-blank"}


def test_a_dataset_in_which_a_name_stands_twice_is_left_and_named(tmp_path: Path) -> None:
    source = tmp_path / "in" / "ex.csv"
    source.parent.mkdir()
    source.write_text("STUDYID,DOMAIN,USUBJID,EXTRT,EXTRT\nS1,EX,S1-1,A, B \n", encoding="utf-8")
    [line] = fixed(source.parent, tmp_path / "out")
    assert (line["rule"], line["from"]) == (
        "file-unreadable",
        f"{source}: its first line has a name twice: EXTRT",
    )
    assert (tmp_path / "out" / "ex.csv").read_bytes() == source.read_bytes()


def test_a_number_without_end_is_said_as_it_stands() -> None:
    assert [format_number(one) for one in (float("inf"), 2.0, 0.5)] == ["inf", "2", "0.5"]
