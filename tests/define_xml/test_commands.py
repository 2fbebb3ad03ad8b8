"""The commands about a define.xml: what they say, what they write, and how they end."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

from trialbridge.cli import main
from trialbridge.define_xml.diff import diff_defines
from trialbridge.define_xml.read import read_as_it_stands, read_define
from trialbridge.define_xml.upgrade import upgrade
from trialbridge.define_xml.write import to_xml

sys.path.insert(0, str(Path(__file__).parent))
from foreign import canonical

EVERYTHING = Path(__file__).with_name("everything.xml")


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Return a copy of the example with changes."""
    text = EVERYTHING.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "edited.xml").write_text(text)
    return tmp_path / "edited.xml"


def test_to_spec_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, back = tmp_path / "spec.xlsx", tmp_path / "back.xml"
    assert main(["define", "to-spec", str(EVERYTHING), str(spec)]) == 0
    assert main(["define", "from-spec", str(spec), str(back)]) == 0
    assert canonical(back.read_bytes()) == canonical(EVERYTHING.read_bytes())
    assert capsys.readouterr().out.splitlines() == [f"written: {spec}", f"written: {back}"]


def test_a_faulty_workbook_writes_nothing_unless_it_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, back = tmp_path / "spec.xlsx", tmp_path / "back.xml"
    main(["define", "to-spec", str(EVERYTHING), str(spec)])
    book = openpyxl.load_workbook(spec)
    book["Methods"].delete_rows(2)
    book.save(spec)
    capsys.readouterr()
    assert main(["define", "from-spec", str(spec), str(back), "--json"]) == 3
    places = {finding["path"] for finding in json.loads(capsys.readouterr().out)}
    assert places == {"Variables, row 3, Method", "ValueLevel, row 3, Method"}
    assert not back.exists()
    assert main(["define", "from-spec", str(spec), str(back), "--faulty"]) == 1
    assert b'MethodOID="MT.SCORE"' in back.read_bytes()


@pytest.mark.parametrize("target", ["spec.xlsx", "nowhere/spec.xlsx"])
def test_bad_input_ends_with_three(tmp_path: Path, target: str) -> None:
    assert main(["define", "to-spec", str(tmp_path / "none.xml"), str(tmp_path / target)]) == 3
    assert main(["define", "to-spec", str(EVERYTHING), str(tmp_path / "nowhere/spec.xlsx")]) == 3
    assert main(["define", "from-spec", str(EVERYTHING), str(tmp_path / "define.xml")]) == 3
    assert list(tmp_path.iterdir()) == []


CHANGES = {
    "dataset": (('Name="DM" Domain="DM"', 'Name="DX" Domain="DM"'), ("dataset", "DM", "gone", "")),
    "label": ((">Demographics<", ">Subjects<"), ("dataset", "DM", "changed", "label")),
    "keys": ((' KeySequence="2"', ""), ("dataset", "LBCH", "changed", "keys")),
    "variable": (('Length="3" SAS', 'Length="8" SAS'), ("variable", "DM.AGE", "changed", "length")),
    "codelist": (('Name="Roles"', 'Name="Parts"'), ("codelist", "Roles", "gone", "")),
    "term": ((">Albumin<", ">Albumen<"), ("term", "Laboratory Test Code: ALB", "changed", "decode")),
    "value": (
        ('SignificantDigits="2"', 'SignificantDigits="3"'),
        (
            "value",
            "LBCH.LBORRES where LBCH.LBTESTCD in ALB, GLUC, fasting and LBCH.LBSPEC != URINE",
            "changed",
            "digits",
        ),
    ),
    "where clause": (
        ("<CheckValue>65<", "<CheckValue>75<"),
        ("where clause", "DM.AGE >= 18 and DM.AGE < 65", "gone", ""),
    ),
    "method": ((">As the plan says.<", ">Otherwise.<"), ("method", "Score", "changed", "description")),
    "comment": ((">Split by category<", ">Split<"), ("comment", "Split by category", "gone", "")),
    "document": (('"csdrg.pdf"', '"guide.pdf"'), ("document", "csdrg.pdf", "gone", "")),
    "standard": (('Version="3.4"', 'Version="3.3"'), ("standard", "SDTMIG", "changed", "version")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_found(name: str, tmp_path: Path) -> None:
    change, expected = CHANGES[name]
    found = diff_defines(read_define(EVERYTHING), read_define(edited(tmp_path, change)))
    assert expected in {(one.kind, one.name, one.change, one.property) for one in found}


def test_diff_says_what_differs_and_ends_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(edited(tmp_path, CHANGES["variable"][0]))
    assert main(["define", "diff", str(EVERYTHING), str(EVERYTHING)]) == 0
    assert main(["define", "diff", str(EVERYTHING), other]) == 1
    assert "variable  DM.AGE  length  3    8" in capsys.readouterr().out
    assert (
        main(["define", "diff", str(EVERYTHING), other, "--json", "--html", str(tmp_path / "diff.html")]) == 1
    )
    assert "<td><del>3</del></td><td><ins>8</ins></td>" in (tmp_path / "diff.html").read_text()
    assert [change["new"] for change in json.loads(capsys.readouterr().out)] == ["8"]


def test_new_oids_are_no_difference(tmp_path: Path) -> None:
    text = EVERYTHING.read_text()
    for prefix in ("IT.", "VL.", "WC.", "CL.", "MT.", "COM.", "IG."):
        text = text.replace(f'OID="{prefix}', f'OID="OTHER.{prefix}')
    (tmp_path / "other.xml").write_text(text)
    assert diff_defines(read_define(EVERYTHING), read_define(tmp_path / "other.xml")) == []


def test_a_file_of_version_2_0_is_upgraded(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.xml", tmp_path / "new.xml"
    with zipfile.ZipFile(shared / "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip") as archive:
        old.write_bytes(archive.read("SDTM/define.xml"))
    assert main(["define", "upgrade", str(old), str(new), "--ct", "2014-09-26", "--json"]) == 1
    said = {finding["message"] for finding in json.loads(capsys.readouterr().out)}
    assert {"the standard SDTMIG 3.2", "the standard CDISC/NCI SDTM 2014-09-26"} <= said
    definitions = read_as_it_stands(new).definitions
    assert definitions.define_version == "2.1.0"
    assert {group.standard_oid for group in definitions.item_group_defs} == {"STD.1"}
    assert all(
        item.standard_oid or item.is_non_standard or item.external_code_list
        for item in definitions.code_lists
    )
    assert {origin.type for item in definitions.item_defs for origin in item.origins} == {
        "Collected",
        "Assigned",
        "Derived",
        "Protocol",
    }
    assert main(["define", "check", str(new), "--json"]) == 1
    rules = {finding["rule"] for finding in json.loads(capsys.readouterr().out)}
    assert "define-schema" not in rules


def test_a_file_of_version_2_1_needs_no_upgrade() -> None:
    define = read_as_it_stands(EVERYTHING)
    assert upgrade(define).define is define
    assert upgrade(define).findings == ()
    assert canonical(to_xml(define)) == canonical(EVERYTHING.read_bytes())
