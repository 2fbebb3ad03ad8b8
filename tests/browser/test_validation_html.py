"""The validation page in a real browser: 50,000 findings open in three seconds, offline, can be filtered."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trialbridge.converters.validation_summary import summarise_validation
from trialbridge.converters.write_validation_html import write_validation_html
from trialbridge.dispositions import Disposition, Dispositions
from trialbridge.validation.example import package_of
from trialbridge.validation.rule import rules
from trialbridge.validation.run import run_rules

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)
MANY = 25_000
CHOSEN = {"unit-missing", "standard-unit-missing", "start-after-end"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    lb = [
        {
            "USUBJID": f"S-{number % 500}",
            "LBTESTCD": f"T{number % 60}",
            "LBORRES": str(number % 90 + 1),
            "LBORRESU": None,
            "LBSTRESC": str(number % 90 + 1),
            "LBSTRESU": None,
        }
        for number in range(MANY)
    ]
    ae = [{"AETERM": "</script><b>Rash", "AESTDTC": "2020-01-05", "AEENDTC": "2020-01-01"}]
    package = package_of({"LB": lb, "AE": ae})
    validation = run_rules(package, [rule for rule in rules() if rule.facts.id in CHOSEN])
    assert sum(outcome.found for outcome in validation.outcomes) > 50_000
    target = tmp_path_factory.mktemp("validation") / "validation.html"
    said = Disposition("start-after-end", explanation="as collected", who="J. Roe", when="2026-11-22")
    dispositions = Dispositions((said,), Path("dispositions.toml"))
    summary = summarise_validation(package, validation, [Path("sdtm")], dispositions=dispositions)
    write_validation_html(summary, target)
    return target.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(offline=True)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(address)
    yield opened
    context.close()
    assert not faults


def causes(page: Any) -> int:
    return int(page.locator("#causes tr.cause").count())


def test_fifty_thousand_findings_open_in_three_seconds(browser: Any, address: str) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(address)
    page.locator("#causes tr.cause").first.wait_for()
    assert time.monotonic() - began < 3
    assert "50,001 findings" in page.locator("#shown").inner_text()
    context.close()


def test_filters_narrow_the_causes(page: Any) -> None:
    assert causes(page) == 121
    page.select_option("#severity", "error")
    assert causes(page) == 1
    page.select_option("#severity", "")
    page.select_option("#dataset", "LB")
    assert causes(page) == 120
    page.fill("#words", "lbtestcd t7 sd0026")
    page.wait_for_timeout(50)
    assert causes(page) == 1
    page.fill("#words", "no such words")
    assert causes(page) == 0


def test_what_is_explained_stands_apart(page: Any) -> None:
    page.select_option("#state", "Explained")
    assert causes(page) == 1
    assert "Explained: as collected (J. Roe, 2026-11-22)" in page.locator("#causes").inner_text()
    page.select_option("#state", "Not explained")
    assert causes(page) == 120


def test_a_count_filters_by_its_severity(page: Any) -> None:
    error = page.locator("#counts button").first
    error.click()
    assert (causes(page), error.get_attribute("aria-pressed")) == (1, "true")
    error.click()
    assert causes(page) == 121


def test_it_can_be_read_on_a_telephone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.locator("#causes tr.cause").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_cause_opens_to_its_records_a_page_at_a_time(page: Any) -> None:
    page.select_option("#dataset", "LB")
    page.locator("#causes tr.cause").first.click()
    rows = page.locator("#causes .inside tbody tr")
    rows.first.wait_for()
    assert rows.count() == 100
    page.get_by_role("button", name="Show more records").click()
    assert rows.count() == 200
    assert "USUBJID=S-" in rows.first.inner_text()
    page.locator("#causes tr.cause").first.click()
    assert rows.count() == 0


def test_it_can_be_used_by_keyboard(page: Any) -> None:
    first = page.locator("#causes tr.cause").first
    first.press("Enter")
    assert first.get_attribute("aria-expanded") == "true"


def test_rules_are_shown_by_status(page: Any) -> None:
    page.select_option("#status", "run")
    assert page.locator("#rules tbody tr").count() == 3
