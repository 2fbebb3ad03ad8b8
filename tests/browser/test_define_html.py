"""The define.html in a real browser: it opens from a folder, offline, and can be searched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.html import write_define_html
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset, Variable

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
