"""The page that says what survives is the one that the mappings give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_mappings_say() -> None:
    spec = importlib.util.spec_from_file_location("describe", ROOT / "tools" / "describe_survival.py")
    assert spec
    assert spec.loader
    describe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(describe)
    found = (ROOT / "docs" / "what-survives.md").read_text(encoding="utf-8")
    assert found == "\n".join(describe.page()) + "\n", "run tools/describe_survival.py"
