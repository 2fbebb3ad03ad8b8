"""What is written is read back the same; what others wrote is read without loss."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trialbridge.define_xml.model import CommentDef, Define, GlobalVariables, MetaDataVersion, Study
from trialbridge.define_xml.read import read_define
from trialbridge.define_xml.write import STYLESHEET, copy_stylesheet, to_xml, write_define
from trialbridge.errors import ReadError, WriteError

ODM_2_0 = """<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:def="http://www.cdisc.org/ns/def/v2.0"
 xmlns:xlink="http://www.w3.org/1999/xlink" ODMVersion="1.3.2" FileType="Snapshot" FileOID="F"
 CreationDateTime="2018-02-15T12:00:00">
 <Study OID="S"><GlobalVariables><StudyName>S</StudyName><StudyDescription/><ProtocolName>P</ProtocolName>
 </GlobalVariables><MetaDataVersion OID="M" Name="M" def:DefineVersion="2.0.0" def:StandardName="SDTM-IG"
 def:StandardVersion="3.2">
 <ItemGroupDef OID="IG.DM" Name="DM" Repeating="No" def:Structure="One" def:Class="SPECIAL PURPOSE"
  def:ArchiveLocationID="LF.DM"><Description><TranslatedText>Demographics</TranslatedText></Description>
  <ItemRef ItemOID="IT.DM.SEX" Mandatory="Yes"/>
  <def:leaf ID="LF.DM" xlink:href="dm.xpt"><def:title>dm.xpt</def:title></def:leaf></ItemGroupDef>
 <ItemDef OID="IT.DM.SEX" Name="SEX" DataType="text" Length="1"><def:Origin Type="CRF"/></ItemDef>
 </MetaDataVersion></Study></ODM>"""


def minimal(**changes: Any) -> Define:
    return Define(
        file_oid="F",
        creation_date_time=datetime(2026, 3, 1),  # noqa: DTZ001
        context="Other",
        study=Study(
            oid="S",
            global_variables=GlobalVariables(study_name="S", study_description="", protocol_name="P"),
            meta_data_version=MetaDataVersion(oid="M", name="M", define_version="2.1.10", **changes),
        ),
    )


def test_pilot_comes_back_equal(pilot_define: Define, tmp_path: Path) -> None:
    target = tmp_path / "define.xml"
    write_define(pilot_define, target)
    assert read_define(target) == pilot_define
    assert target.read_bytes().startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<?xml-stylesheet')


def test_same_bytes_twice(pilot_define: Define) -> None:
    digests = {hashlib.sha256(to_xml(pilot_define)).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff")))
def test_any_text_comes_back(tmp_path: Path, text: str) -> None:
    define = minimal(comment_defs=(CommentDef(oid=f"COM.{text}", description=text),))
    target = tmp_path / "define.xml"
    write_define(define, target)
    assert read_define(target) == define


def test_character_that_xml_has_not_is_refused(tmp_path: Path) -> None:
    define = minimal(comment_defs=(CommentDef(oid="COM.X", description="bell \x07"),))
    with pytest.raises(WriteError, match=r"COM\.X description"):
        write_define(define, tmp_path / "define.xml")
    assert not (tmp_path / "define.xml").exists()


def test_version_2_0_is_lifted(tmp_path: Path) -> None:
    source = tmp_path / "define.xml"
    source.write_text(ODM_2_0)
    definitions = read_define(source).definitions
    group = definitions.item_group_defs[0]
    assert (definitions.standards[0].name, definitions.standards[0].version) == ("SDTMIG", "3.2")
    assert group.standard_oid == definitions.standards[0].oid
    assert group.item_group_class is not None
    assert group.item_group_class.name == "SPECIAL PURPOSE"
    origin = definitions.item_defs[0].origins[0]
    assert (origin.type, origin.source) == ("Collected", "Investigator")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html", "root element is html"),
        ('<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3">', "not XML"),
        ("<html/>", "root element is html"),
        ('<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3"/>', "no MetaDataVersion"),
        (ODM_2_0.replace('Repeating="No"', ""), "ItemGroupDef"),
        (ODM_2_0.replace('Length="1"', 'Length="one"'), "invalid literal"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    source = tmp_path / "define.xml"
    source.write_text(text)
    with pytest.raises(ReadError, match=problem):
        read_define(source)


def test_entities_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    source = tmp_path / "define.xml"
    entity = f'<!DOCTYPE ODM [<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    source.write_text(entity + ODM_2_0.replace("<StudyName>S", "<StudyName>&x;"))
    assert "secret" not in read_define(source).study.global_variables.study_name


def test_stylesheet_is_put_beside(tmp_path: Path) -> None:
    assert copy_stylesheet(tmp_path) == tmp_path / STYLESHEET
    assert b"stylesheet" in (tmp_path / STYLESHEET).read_bytes()


def test_a_changed_model_is_a_changed_file(pilot_define: Define) -> None:
    assert to_xml(replace(pilot_define, context="Other")) != to_xml(pilot_define)
