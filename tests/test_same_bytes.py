"""Every file that the commands write has the same bytes in another place, time zone and locale."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("package", "diff", "validate")
"""Those of the tool that are run here beside ``convert``; the tool runs them all."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = spec_from_file_location("check_reproducible", ROOT / "tools" / "check_reproducible.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_file_is_the_same_elsewhere(tool: ModuleType, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "small.ndjson").write_bytes((ROOT / "tests/run_folder/small_study.ndjson").read_bytes())
    (study / "study.toml").write_text('[study]\ntitle = "Größe"\n', encoding="utf-8")
    wanted = [
        tool.Variation("here", sys.executable),
        tool.Variation(
            "elsewhere", sys.executable, tool.FOREIGN, "with a blank, ü", copied=True, reverse=True
        ),
    ]
    converts = {("convert", "input"), ("convert", "earlier")}
    commands = [one for one in tool.COMMANDS if one[0] in COMMANDS or one[:2] in converts]
    work = tmp_path / "work"
    assert tool.compare(wanted, study, work, commands) == {"elsewhere": []}
    names = tool.hashes(work / "here")
    endings = {Path(name).suffix for name in names}
    assert endings >= {
        ".xpt",
        ".xml",
        ".html",
        ".xlsx",
        ".docx",
        ".pdf",
        ".parquet",
        ".json",
        ".sarif",
        ".txt",
    }


def test_a_difference_is_told(tool: ModuleType) -> None:
    one, other = {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}
    assert tool.differing(one, other, tool.Variation("x", "python")) == ["b", "c"]
    found = tool.differing(
        {"run/sdtm/dm.xpt": "1", "run/run/manifest.json": "2"},
        {"run/sdtm/dm.xpt": "3", "run/run/manifest.json": "4"},
        tool.Variation("lines", "python", seed=1),
    )
    assert found == ["run/sdtm/dm.xpt"]
