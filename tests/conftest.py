"""Shared fixtures: where the reference data lies that is never committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of reference data beside the checkout; skip where it is absent."""
    folder = Path(os.environ.get("TRIALBRIDGE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"reference data is not at {folder.name}/ beside the checkout")
    return folder
