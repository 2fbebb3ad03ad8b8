"""The page that says what survives is the one that the mappings give."""

from __future__ import annotations

from pathlib import Path

import describe_survival

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_mappings_say() -> None:
    found = (ROOT / "docs" / "what-survives.md").read_text(encoding="utf-8")
    assert found == "\n".join(describe_survival.page()) + "\n", "run tools/describe_survival.py"
