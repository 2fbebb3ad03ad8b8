"""The page says what the define.xml says, in one file that needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from lxml import html

from trialbridge.define_xml.html import to_html, write_define_html
from trialbridge.define_xml.model import Define
from trialbridge.define_xml.read import read_define


def parsed(text: str) -> Any:
    """Return a page as a tree; lxml's stubs know too little of what an XPath gives."""
    return html.fromstring(text)


def test_page_has_every_definition(pilot_define: Define) -> None:
    page = parsed(to_html(pilot_define))
    ids = set(page.xpath("//@id"))
    definitions = pilot_define.definitions
    for kind in (
        "item_group_defs",
        "item_defs",
        "value_list_defs",
        "code_lists",
        "method_defs",
        "comment_defs",
    ):
        assert {entry.oid for entry in getattr(definitions, kind)} <= ids, kind


def test_ids_are_there_once_and_links_lead_somewhere(pilot_define: Define) -> None:
    page = parsed(to_html(pilot_define))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.xpath("//a/@href") if href.startswith("#")} <= set(ids)


def test_where_clauses_are_readable(pilot_define: Define) -> None:
    text = parsed(to_html(pilot_define)).text_content()
    assert 'LBTESTCD = "ALB" (Albumin)' in re.sub(r"\s+", " ", text)


def test_tables_are_sound_for_a_screen_reader(pilot_define: Define) -> None:
    page = parsed(to_html(pilot_define))
    for table in page.xpath("//table"):
        assert table.xpath("string(caption)")
        assert table.xpath("count(thead//th)") == table.xpath("count(thead//th[@scope='col'])")
        columns = table.xpath("count(thead//th)")
        assert all(row.xpath("count(th|td)") == columns for row in table.xpath("tbody/tr"))
        assert all(row.xpath("count(th[@scope='row'])") == 1 for row in table.xpath("tbody/tr"))
    assert page.xpath("count(//main)") == page.xpath("count(//nav)") == page.xpath("count(//h1)") == 1
    assert page.xpath("//label[@for='search']")


def test_page_needs_no_network(pilot_define: Define) -> None:
    text = to_html(pilot_define)
    assert "http://" not in text
    assert "https://" not in text
    page = parsed(text)
    assert not page.xpath("//link | //script[@src] | //img | //iframe")


def test_same_bytes_twice(pilot_define: Define, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_define_html(pilot_define, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_values_stay_text(pilot_define: Define) -> None:
    study = pilot_define.study
    names = replace(study.global_variables, study_name="<script>alert(1)</script>")
    page = to_html(replace(pilot_define, study=replace(study, global_variables=names)))
    assert "<script>alert" not in page


def test_a_link_is_never_a_script(pilot_define: Define) -> None:
    definitions = pilot_define.definitions
    group = definitions.item_group_defs[0]
    assert group.leaf
    bad = replace(group, leaf=replace(group.leaf, href="JavaScript:alert(1)"))
    changed = replace(definitions, item_group_defs=(bad, *definitions.item_group_defs[1:]))
    page = to_html(replace(pilot_define, study=replace(pilot_define.study, meta_data_version=changed)))
    assert "alert(1)" not in page


def test_files_of_others_have_a_page_too(shared: Path) -> None:
    define = read_define(shared / "standards/define-xml-2.1.10/defineV21-SDTM.xml")
    text = re.sub(r"\s+", " ", parsed(to_html(define)).text_content())
    assert 'LBTESTCD in ("BILI" (' in text
    assert "DM.COUNTRY" in text
