"""Make all files of a study under everything that may differ between two machines, and compare them.

Run it as ``python tools/check_reproducible.py [--python PYTHON ...] [--study FOLDER] [--work FOLDER]``. Each
PYTHON has the dependencies installed; all others are compared with the first, by default the one that runs
this. A tree is what ``convert``, ``package``, ``validate``, ``roundtrip``, ``diff`` and ``demo`` write; every
file in it is compared by its SHA-256. It ends with 1 where any file differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("converters", "mappings", "define_xml", "samples")
SAMPLE = ROOT / "samples" / "nct06737380"
PLAIN = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
FOREIGN = {"TZ": "Asia/Kolkata", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "271828"}
DATASETS = (".xpt", ".parquet", "define.xml", "define.html", "mapping.html", "mapping.xlsx", "acrf.pdf")
"""How the names end of the files that say nothing of where a resource lay in the input."""

CLI = "import sys; from trialbridge.cli import main; sys.exit(main(sys.argv[1:]))"
REPORTS = ("xlsx", "html", "json", "sarif", "xml")
COMMANDS: Sequence[Sequence[str]] = (
    ("convert", "input", "--config", "study.toml", "--format", "xpt,dataset-json,parquet", "--out", "run"),
    ("convert", "earlier", "--config", "study.toml", "--out", "cut"),
    ("package", "run", "--out", "package", "--dataset-json", "--split-at", "100000"),
    ("validate", "run/sdtm", *(f"--report=validation.{one}" for one in REPORTS)),
    ("diff", "cut", "run", "--out", "diff"),
    ("convert", "run/sdtm", "--to", "fhir", "--out", "fhir"),
    ("roundtrip", "run/sdtm", "--out", "back"),
    ("roundtrip", "input", "--config", "study.toml", "--out", "there"),
)  # fmt: skip
DEMO: Sequence[Sequence[str]] = (("demo", "--out", "demo"),)
Tree = Mapping[str, str]


@dataclass(frozen=True)
class Variation:
    """What is different in one making of the tree.

    Attributes:
        name: In words.
        python: The Python that runs.
        settings: The environment.
        place: The folder in which all is made, relative to the working folder.
        copied: Whether the code is a second copy.
        reverse: Whether the input's files are made in the other order.
        seed: Seeds the order of the lines of the input; 0 leaves them.
    """

    name: str
    python: str
    settings: Mapping[str, str] = field(default_factory=lambda: PLAIN)
    place: str = "here"
    copied: bool = False
    reverse: bool = False
    seed: int = 0


def variations(pythons: Sequence[str]) -> Iterator[Variation]:
    """Yield what the tree is made under: one thing changed at a time, then all."""
    first = pythons[0]
    yield Variation("as it is", first)
    yield Variation("again", first, place="again")
    yield Variation("time zone, locale and hash seed", first, FOREIGN, "foreign")
    yield Variation(
        "another checkout and a folder with another name", first, place="another, ü/deep", copied=True
    )
    yield Variation("files of the input in another order", first, place="reverse", reverse=True)
    yield Variation("lines of the input in another order: datasets alone", first, place="lines", seed=7)
    for number, python in enumerate(pythons[1:], 1):
        yield Variation(f"{Path(python).parent.parent.name}", python, place=f"python{number}")
        everything = f"{Path(python).parent.parent.name} and all of the above"
        yield Variation(everything, python, FOREIGN, f"all, {number}", copied=True, reverse=True)


def make(variation: Variation, study: Path, work: Path, commands: Sequence[Sequence[str]]) -> Tree:
    """Return the hashes of the tree that is made under a variation."""
    code = work / ("second" if variation.copied else "first")
    place = work / variation.place
    place.mkdir(parents=True)
    _lay_out(study, place, variation)
    settings = {**os.environ, **variation.settings, "PYTHONPATH": str(code)}
    for command in commands:
        done = subprocess.run(  # noqa: S603 -- this program's own commands
            [variation.python, "-c", CLI, *command], cwd=place, env=settings, capture_output=True, check=False
        )
        if done.returncode not in {0, 1, 2}:
            sys.exit(f"{variation.name}: {' '.join(command)}\n{done.stderr.decode()}")
    for name in ("input", "earlier"):
        shutil.rmtree(place / name)
    return hashes(place)


def _copy_code(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "trialbridge", target / "trialbridge", ignore=ignored)
    for name in PARTS:
        shutil.copytree(ROOT / name, target / "trialbridge" / name, ignore=ignored)


def _lay_out(study: Path, place: Path, variation: Variation) -> None:
    """Put the input there: one file a resource type, and an earlier cut that lacks the last lines of each."""
    texts = {path.name: path.read_bytes() for path in study.glob("*.ndjson")}
    for path in study.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            texts |= {name: archive.read(name) for name in archive.namelist()}
    for folder in ("input", "earlier"):
        (place / folder).mkdir()
    for name in sorted(texts, reverse=variation.reverse):
        lines = texts[name].splitlines(keepends=True)
        if variation.seed:
            random.Random(variation.seed).shuffle(lines)  # noqa: S311 -- an order, no secret
        else:
            (place / "earlier" / name).write_bytes(b"".join(lines[: max(len(lines) - 2, 1)]))
        (place / "input" / name).write_bytes(b"".join(lines))
    if variation.seed:
        shutil.copytree(place / "input", place / "earlier", dirs_exist_ok=True)
    settings = study / "study.toml"
    (place / "study.toml").write_bytes(settings.read_bytes() if settings.is_file() else b"")


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def differing(one: Tree, other: Tree, variation: Variation) -> list[str]:
    """Return the files that are not the same in two trees, as far as a variation leaves them."""
    names = sorted(one.keys() | other.keys())
    if variation.seed:
        kept = [name for name in names if name.startswith(("run/", "package/")) and name.endswith(DATASETS)]
        names = [name for name in kept if not name.startswith("run/run/")]
    return [name for name in names if one.get(name) != other.get(name)]


def compare(
    wanted: Sequence[Variation], study: Path, work: Path, commands: Sequence[Sequence[str]]
) -> dict[str, list[str]]:
    """Return, for each variation but the first, the files that are not as in the first."""
    for name in ("first", "second"):
        _copy_code(work / name)
    trees = [make(variation, study, work, commands) for variation in wanted]
    return {
        variation.name: differing(trees[0], tree, variation)
        for variation, tree in zip(wanted[1:], trees[1:], strict=True)
    }


def main() -> int:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", action="append", help="a Python with the dependencies; repeat it")
    parser.add_argument("--study", type=Path, default=SAMPLE, help="study.toml with .ndjson and .zip files")
    parser.add_argument("--work", type=Path, help="a folder that stays; else a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = (given.work or Path(folder)).resolve()
        wanted = list(variations(given.python or [sys.executable]))
        found = compare(wanted, given.study, work, (*COMMANDS, *DEMO))
        print(f"{len(hashes(work / wanted[0].place))} files")
    for name, files in found.items():
        print(f"{name}: {'the same' if not files else ', '.join(files)}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
