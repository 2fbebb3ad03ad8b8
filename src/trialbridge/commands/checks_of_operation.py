"""What is checked of an installation: that it is whole, and that its commands do what they promise."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

NAME = "trialbridge"
OLDEST = (3, 11)
CLI = "import sys; from trialbridge.cli import main; sys.exit(main(sys.argv[1:]))"
GIVEN = ("demo/input/resources.zip", "demo/input/bad_records.ndjson", "--config", "demo/input/study.toml")
PLACES = frozenset({"run/inputs.json"})
"""The files of a run that say where the input lay."""


class Check(NamedTuple):
    """One check: its number, what is done, what must come of it, and what came.

    Attributes:
        id: ``IQ-1`` and so on for the installation, ``OQ-1`` and so on for its operation.
        what: What is done.
        expected: What must come of it.
        found: What came.
        passed: Whether that is as expected.
    """

    id: str
    what: str
    expected: str
    found: str
    passed: bool


def installation() -> Iterator[Check]:
    """Yield the checks of the installation."""
    from trialbridge.converters.manifest import software_versions
    from trialbridge.standards import CT_VERSIONS, IG_VERSIONS, codelist

    version = platform.python_version()
    wanted = ".".join(map(str, OLDEST))
    yield Check("IQ-1", "The version of Python", f"{wanted} or later", version, sys.version_info >= OLDEST)
    named = ", ".join(f"{name} {number}" for name, number in software_versions().items())
    yield Check("IQ-2", "The packages that it builds on", "each is installed", named, passed=True)
    yield _files(distribution(NAME))
    sizes = [f"{one}: {len(codelist('SEX', one).terms)} terms of SEX" for one in CT_VERSIONS]
    yield Check(
        "IQ-4", "The tables of SDTMIG and of the terminology", "they can be read",
        f"SDTMIG {', '.join(IG_VERSIONS)}; {'; '.join(sizes)}", passed=bool(sizes),
    )  # fmt: skip


def _files(known: Distribution) -> Check:
    """Return the check of the installed files against the digests that came with them."""
    what, expected = "The installed files", "each has the digest that it was delivered with"
    files = [one for one in known.files or () if one.hash and "__editable__" not in str(one)]
    code = [one for one in files if str(one).endswith(".py")]
    if not code:
        return Check("IQ-3", what, expected, "installed from a checkout: it has no digests", passed=True)
    wrong = [str(one) for one in files if one.hash and not _is_whole(Path(str(one.locate())), one.hash.value)]
    found = f"{len(files)} files, all as delivered" if not wrong else f"not as delivered: {', '.join(wrong)}"
    return Check("IQ-3", what, expected, found, not wrong)


def _is_whole(path: Path, digest: str) -> bool:
    found = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest


class Operation(NamedTuple):
    """One check of operation: commands with the exit codes that they may have, and what is looked at then."""

    what: str
    expected: str
    commands: Sequence[tuple[Sequence[str], frozenset[int]]]
    look: Callable[[Path], str] = lambda _: ""


def operation(folder: Path) -> Iterator[Check]:
    """Yield the checks of operation, one after another in a folder."""
    for number, one in enumerate(OPERATIONS, 1):
        ends, problem = [], ""
        for arguments, allowed in one.commands:
            code, said = _run(arguments, folder)
            ends.append(f"{arguments[0]} ended with {code}")
            if code not in allowed:
                problem = said.strip().splitlines()[-1] if said.strip() else f"{code} was not expected"
                break
        problem = problem or one.look(folder)
        found = "; ".join(filter(None, [", ".join(ends), problem]))
        yield Check(f"OQ-{number}", one.what, one.expected, found, not problem)


def _run(arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 -- this package's own commands
        [sys.executable, "-c", CLI, *arguments], cwd=folder, capture_output=True, check=False, text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    return done.returncode, done.stderr


def _hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file that a run writes; explanations that lie beside it are people's."""
    files = (path for part in ("sdtm", "run") for path in (folder / part).rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items()}


def _datasets_there(folder: Path) -> str:
    missing = [
        name for name in ("dm.xpt", "ae.xpt", "lb.xpt", "define.xml") if not _sdtm(folder, name).is_file()
    ]
    return f"missing: {', '.join(missing)}" if missing else ""


def _sdtm(folder: Path, name: str) -> Path:
    return folder / "demo" / "output" / "sdtm" / name


def _as_the_manifest_says(folder: Path) -> str:
    from trialbridge.converters.manifest import read_manifest, sha256_of

    run = folder / "demo" / "output"
    found = read_manifest(run)
    wrong = [one.name for one in found.outputs if sha256_of(run / one.name) != one.sha256]
    return f"not as the manifest says: {', '.join(wrong)}" if wrong else ""


def _the_same_again(folder: Path) -> str:
    one, other = _hashes(folder / "demo" / "output"), _hashes(folder / "again")
    differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    wrong = [name for name in differing if name not in PLACES]
    return f"not the same: {', '.join(wrong)}" if wrong else ""


def _change_a_byte(folder: Path) -> str:
    """Copy the package and change one byte in it, for the check that follows."""
    shutil.copytree(folder / "package", folder / "changed")
    path = next((folder / "changed").rglob("dm.xpt"))
    data = bytearray(path.read_bytes())
    data[-81] ^= 1
    path.write_bytes(data)
    return ""


def _nothing_written(folder: Path) -> str:
    return "something was written" if (folder / "refused").exists() else ""


DONE, FOUND, REFUSED = frozenset({0}), frozenset({0, 1, 2}), frozenset({3})
OPERATIONS = (
    Operation(
        "Convert the shipped sample trial", "datasets and a define.xml are written",
        [(("demo", "--out", "demo"), DONE)], _datasets_there,
    ),
    Operation("Hash every file of the run", "each is as its manifest says", [], _as_the_manifest_says),
    Operation(
        "Convert the same input again", "every file has the same bytes",
        [(("convert", *GIVEN, "--out", "again"), FOUND)], _the_same_again,
    ),
    Operation("Compare the two runs", "nothing changed", [(("diff", "demo/output", "again"), DONE)]),
    Operation(
        "Make a submission package, and verify it", "every file is as it was packaged",
        [(("package", "demo/output", "--out", "package"), DONE), (("verify", "package"), DONE)],
        _change_a_byte,
    ),
    Operation(
        "Verify a package of which one byte was changed", "the change is told",
        [(("verify", "changed"), frozenset({1}))],
    ),
    Operation(
        "Apply the technical rejection criteria to the datasets", "they pass",
        [(("validate", "demo/output/sdtm", "--only", "trc"), DONE)],
    ),
    Operation(
        "Convert the datasets to FHIR", "resources are written",
        [(("convert", "demo/output/sdtm", "--to", "fhir", "--out", "fhir"), FOUND)],
    ),
    Operation(
        "Convert a file that is not there", "it is refused, and nothing is written",
        [(("convert", "absent.json", "--out", "refused"), REFUSED)], _nothing_written,
    ),
)  # fmt: skip
"""What is done, in this order: later ones use what earlier ones have written."""
