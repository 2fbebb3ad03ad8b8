"""Every example in a docstring runs."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "src/trialbridge": "trialbridge",
    "converters": "trialbridge.converters",
    "mappings": "trialbridge.mappings",
    "define_xml": "trialbridge.define_xml",
    "samples": "trialbridge.samples",
}


def names() -> list[str]:
    """Return every module of the package."""
    found = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found.append(".".join([package, *(part for part in parts if part != "__init__")]))
    return found


@pytest.mark.parametrize("name", names())
def test_examples_run(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
