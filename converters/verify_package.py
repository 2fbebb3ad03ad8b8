"""Whether a package is still what it was: every file hashed again, every dataset read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from trialbridge.converters.manifest import sha256_of
from trialbridge.converters.package import HASHES
from trialbridge.converters.read_xpt import inspect_xpt, iter_xpt
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity


def verify(target: Path) -> list[Finding]:
    """Return what is no longer as it was packaged: changed, missing and added files, unreadable datasets.

    Raises:
        ReadError: The folder is no package.
    """
    source = target / HASHES
    if not source.is_file():
        raise ReadError(str(target), f"is no package: it has no {HASHES}")
    lines = (line.partition("  ") for line in source.read_text(encoding="utf-8").splitlines() if line)
    known = {name: digest for digest, _, name in lines}
    there = {path.relative_to(target).as_posix(): path for path in target.rglob("*") if path.is_file()}
    there.pop(HASHES, None)
    return [*_differing(known, there), *_unreadable(there)]


def _differing(known: Mapping[str, str], there: Mapping[str, Path]) -> Iterator[Finding]:
    for name in sorted(known.keys() | there.keys()):
        if name not in there:
            yield Finding(Severity.ERROR, "package-file-missing", "the file is not there", source=name)
        elif name not in known:
            yield Finding(Severity.ERROR, "package-file-added", "the file was added later", source=name)
        elif sha256_of(there[name]) != known[name]:
            yield Finding(Severity.ERROR, "package-file-changed", "the file was changed", source=name)


def _unreadable(there: Mapping[str, Path]) -> Iterator[Finding]:
    for name, path in sorted(there.items()):
        if path.suffix == ".xpt":
            try:
                yield from inspect_xpt(path).findings
                for _ in iter_xpt(path):
                    pass
            except ReadError as error:
                yield Finding(Severity.ERROR, "dataset-unreadable", str(error), source=name)
