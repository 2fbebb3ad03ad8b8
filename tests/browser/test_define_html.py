"""The define.html in a real browser: it opens from a folder, offline, and can be searched."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.html import write_define_html
from trialbridge.define_xml.model import (
    CodeList,
    CodeListItem,
    Define,
    GlobalVariables,
    ItemDef,
    ItemGroupDef,
    ItemRef,
    MetaDataVersion,
    Study,
)
from trialbridge.define_xml.read import read_define
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset, Variable

sys.path.insert(0, str(Path(__file__).parents[1] / "define_xml"))
from foreign import found

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = {"width": 1400, "height": 1000}, {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    columns = {
        "LBTESTCD": (["ALB", "GLUC"], ("C65047",)),
        "LBTEST": (["Albumin", "Glucose"], ("C67154",)),
        "LBORRES": (["38.5", "5.25"], ()),
        "LBORRESU": (["g/L", "mmol/L"], ("C71620",)),
    }
    laboratory = Dataset(
        name="LB",
        label="Laboratory Test Results",
        variables=tuple(
            Variable(name, name, codelists=codes, core="Req") for name, (_, codes) in columns.items()
        ),
        table=pa.table({name: values for name, (values, _) in columns.items()}),
        observation_class="FINDINGS",
    )
    created = datetime(2026, 3, 27)  # noqa: DTZ001 - CreationDateTime has no zone
    target = tmp_path_factory.mktemp("define") / "define.html"
    write_define_html(build_define(StudyDescription("S1", "A study", "P1", created), [laboratory]), target)
    return Path(target).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport=WIDE, offline=True)
    yield context.new_page()
    context.close()


def test_opens_without_a_fault_and_without_the_network(page: Any, address: str) -> None:
    faults: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert (faults, asked) == ([], [address])
    for heading in ("Datasets", "Variables", "Value level", "Codelists"):
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()


def test_search_leaves_what_matches(page: Any, address: str) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("gluc mmol")
    rows = page.locator("main > section tbody tr:visible")
    assert [text.split()[0] for text in rows.all_inner_texts()] == ["LBTESTCD"]
    assert page.get_by_role("status").inner_text() == "1 row"
    page.keyboard.press("Escape")
    assert rows.count() > 1


def test_nothing_found_is_said(page: Any, address: str) -> None:
    page.goto(address)
    page.fill("#search", "no such thing")
    assert page.get_by_text("Nothing here matches the search.").is_visible()


def test_a_link_shows_what_the_search_hides(page: Any, address: str) -> None:
    page.goto(address)
    page.fill("#search", "LBORRES text")
    page.get_by_role("link", name="value level", exact=True).click()
    assert page.locator("#VL\\.LB\\.LBORRES").is_visible()
    assert page.input_value("#search") == ""


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_page_never_scrolls_sideways(page: Any, address: str, viewport: dict[str, int]) -> None:
    page.set_viewport_size(viewport)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(page: Any, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    colours = page.evaluate(
        "[...document.querySelectorAll('h1, .quiet, th a, .count')].map(e => getComputedStyle(e).color)"
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(contrast(colour, paper) for colour in colours) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG measures it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)``."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


UNSOUND = Path(__file__).with_name("unsound.js")
COUNTS = """() => ({
  datasets: document.querySelectorAll('#datasets tbody tr').length,
  variables: document.querySelectorAll('#variables tbody tr').length,
  values: document.querySelectorAll('#values tbody tr').length,
  codelists: document.querySelectorAll('#codelists .block, #dictionaries tbody tr').length,
  terms: document.querySelectorAll('#codelists tbody tr').length,
  clauses: new Set([...document.querySelectorAll('[data-oid]')].map(e => e.dataset.oid)).size,
  methods: document.querySelectorAll('#methods tbody tr').length,
  comments: document.querySelectorAll('#comments tbody tr').length,
})"""


def counts(define: Define) -> dict[str, int]:
    definitions = define.definitions
    return {
        "datasets": len(definitions.item_group_defs),
        "variables": sum(len(group.item_refs) for group in definitions.item_group_defs),
        "values": sum(len(part.item_refs) for part in definitions.value_list_defs),
        "codelists": len(definitions.code_lists),
        "terms": sum(len(item.items) for item in definitions.code_lists),
        "clauses": len(definitions.where_clause_defs),
        "methods": len(definitions.method_defs),
        "comments": len(definitions.comment_defs),
    }


def test_every_define_xml_at_hand_is_shown_whole(page: Any, shared: Path, tmp_path: Path) -> None:
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    seen = 0
    for name, content in found(shared):
        if b"odm/v1.2" in content:
            continue
        (tmp_path / "define.xml").write_bytes(content)
        define = read_define(tmp_path / "define.xml")
        write_define_html(define, tmp_path / "define.html")
        page.goto((tmp_path / "define.html").as_uri())
        assert page.evaluate(COUNTS) == counts(define), name
        assert page.evaluate(UNSOUND.read_text()) == [], name
        seen += 1
    assert (seen, faults) == (4, [])


def test_page_is_sound_for_keyboard_and_screen_reader(page: Any, address: str) -> None:
    page.goto(address)
    assert page.evaluate(UNSOUND.read_text()) == []
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    assert skip.bounding_box()["x"] >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_without_a_script_all_is_there_but_the_search(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(address)
    assert not page.locator("#search").is_visible()
    assert page.get_by_role("heading", name="Datasets", exact=True).is_visible()
    context.close()


def test_print_has_every_row_and_no_navigation(page: Any, address: str) -> None:
    page.goto(address)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    rows = page.locator("main tbody tr")
    assert page.locator("main tbody tr:visible").count() == rows.count() > 0


def test_a_hundred_datasets_are_quick(page: Any, tmp_path: Path) -> None:
    write_define_html(large(), tmp_path / "define.html")
    started = time.perf_counter()
    page.goto((tmp_path / "define.html").as_uri())
    page.fill("#search", "D042 V17")
    page.locator("#found", has_text="1 row").wait_for()
    assert time.perf_counter() - started < 15  # 2 s on an idle machine


def large(datasets: int = 100, variables: int = 50, lists: int = 200, terms: int = 100) -> Define:
    """Return a define.xml of many datasets with long codelists."""
    names = [f"D{number:03}" for number in range(datasets)]
    code_lists = tuple(
        CodeList(
            oid=f"CL.{number}",
            name=f"List {number}",
            data_type="text",
            is_non_standard=True,
            code_list_items=tuple(
                CodeListItem(coded_value=f"T{term}", decode=f"Term {term}") for term in range(terms)
            ),
        )
        for number in range(lists)
    )
    items = tuple(
        ItemDef(
            oid=f"IT.{name}.V{number}",
            name=f"V{number}",
            data_type="text",
            length=8,
            description=f"Variable {number} of {name}",
            code_list_oid=f"CL.{number % lists}",
        )
        for name in names
        for number in range(variables)
    )
    groups = tuple(
        ItemGroupDef(
            oid=f"IG.{name}",
            name=name,
            repeating=True,
            structure="One record per thing",
            description=f"Dataset {name}",
            item_refs=tuple(
                ItemRef(item_oid=f"IT.{name}.V{number}", mandatory=False) for number in range(variables)
            ),
        )
        for name in names
    )
    definitions = MetaDataVersion(
        oid="M",
        name="M",
        define_version="2.1.10",
        item_group_defs=groups,
        item_defs=items,
        code_lists=code_lists,
    )
    study = Study(
        oid="S",
        global_variables=GlobalVariables(study_name="S", study_description="", protocol_name="P"),
        meta_data_version=definitions,
    )
    return Define(file_oid="F", creation_date_time=datetime(2026, 3, 27), context="Other", study=study)  # noqa: DTZ001
