"""Whether a package is still what it was: every file hashed again, every dataset read again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from trialbridge.converters.manifest import sha256_of
from trialbridge.converters.package import HASHES
from trialbridge.converters.read_xpt import inspect_xpt, iter_xpt
from trialbridge.converters.split_xpt import is_whole
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
    found = [*_differing(known, there), *_unreadable(there)]
    unread = {one.source for one in found if one.rule == "dataset-unreadable"}
    return [*found, *_parted({name: path for name, path in there.items() if name not in unread})]


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


def _parted(there: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield the datasets whose parts are not the whole."""
    parts: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(there.values()):
        if path.parent.name == "split" and path.suffix == ".xpt":
            parts[path.parent.parent / f"{_NUMBER.sub('', path.stem)}.xpt"].append(path)
    for whole, some in parts.items():
        if whole not in there.values() or not is_whole(whole, some):
            message = f"its parts, {', '.join(path.name for path in some)}, are not the whole"
            yield Finding(Severity.ERROR, "split-incomplete", message, source=whole.name)


_NUMBER = re.compile(r"\d{2,}$")
