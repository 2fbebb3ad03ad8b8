"""Write the requirements, each with the tests that show it, into docs/qualification.md."""

from __future__ import annotations

import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
HEAD = "| | what must be so | tests |\n|---|---|---|\n"


def main() -> None:
    """Replace the table at the end of the page."""
    found = tomllib.loads((DOCS / "requirements.toml").read_text(encoding="utf-8"))["requirement"]
    rows = [
        f"| {one['id']} | {one['says']} | {', '.join(f'`{test}`' for test in one['tests'])} |\n"
        for one in found
    ]
    page = DOCS / "qualification.md"
    before, _, _ = page.read_text(encoding="utf-8").partition(HEAD)
    page.write_text(before + HEAD + "".join(rows), encoding="utf-8")


def _named(tests: list[str]) -> str:
    return ", ".join(f"`{test}`" for test in tests)


if __name__ == "__main__":
    main()
