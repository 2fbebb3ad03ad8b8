"""The layout holds: leaves import only the core, the core finds leaves by name, the wheel has one name."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = ("converters", "mappings", "define_xml", "samples")
COMPOSITION_ROOTS = "src/trialbridge/commands/"
"""The commands put the leaves together; nothing else in the core may know one."""


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def leaf_of(module: str) -> str | None:
    """Return the leaf that a module stands in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "trialbridge" and parts[1] in LEAVES else None


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_only_itself_and_the_core(leaf: str) -> None:
    strangers = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules(leaf)
        for module in imports(path)
        if leaf_of(module) not in {None, leaf}
    }
    assert not strangers


def test_the_core_imports_no_leaf() -> None:
    strangers = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules("src/trialbridge")
        if not path.relative_to(ROOT).as_posix().startswith(COMPOSITION_ROOTS)
        for module in imports(path)
        if leaf_of(module)
    }
    assert not strangers


def test_nobody_imports_a_folder_by_its_bare_name() -> None:
    bare = {
        f"{path.relative_to(ROOT)} imports {module}"
        for folder in (*LEAVES, "src", "tests", "tools", "benchmarks")
        for path in modules(folder)
        for module in imports(path)
        if module.split(".")[0] in {"converters", "mappings", "define_xml"}
    }
    assert not bare


def test_every_package_with_modules_is_in_the_wheel() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {"trialbridge": "src/trialbridge", **settings["package-dir"]}
    named = {
        folders.get(package, "src/" + package.replace(".", "/"))
        if package in folders
        else "src/" + package.replace(".", "/")
        for package in settings["packages"]
    }
    there = {
        path.parent.relative_to(ROOT).as_posix()
        for folder in ("src/trialbridge", *LEAVES)
        for path in modules(folder)
    }
    assert there <= named


def test_every_mapping_is_registered() -> None:
    from trialbridge.registry import DOMAINS  # noqa: PLC0415 -- the other tests read text only

    names = {path.stem for path in modules("mappings")} - {"__init__"}
    files = {name.removesuffix("_").upper() for name in names}  # a word of Python has a line behind it
    assert files == set(DOMAINS)
