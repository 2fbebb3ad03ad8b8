"""Releases of terminology to packages: one file each, read as the shipped tables are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trialbridge.converters.read_terminology import Terminology
from trialbridge.converters.whole_file import whole_file
from trialbridge.errors import ConfigurationError
from trialbridge.standards.packing import package
from trialbridge.standards.stores import Release, file_name, name_of


def write_terminology(found: Iterable[Terminology], folder: Path) -> list[Release]:
    """Return the releases, each with the package that was written of it.

    A package of the same name is replaced.

    Args:
        found: What was read.
        folder: Where the packages go; it is made where it is not there.

    Raises:
        ConfigurationError: Two of the files are the same release.
    """
    sources: dict[str, str] = {}
    packed: dict[str, bytes] = {}
    for one in found:
        name = name_of(one.standard, one.date)
        if name in packed:
            raise ConfigurationError(one.source, f"is release {name} like {sources[name]}: give one of them")
        sources[name] = one.source
        packed[name] = package(name, (one.standard, one.date, one.source, one.sha256), one.content)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in packed.items():
        with whole_file(folder / file_name(name)) as file:
            file.write(data)
    return [Release(name, folder / file_name(name)) for name in packed]
