"""The files of a dictionary as its owner distributes them, and how their terms are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from trialbridge.errors import ConfigurationError


class Distribution:
    """The files of a dictionary, in a folder or a ZIP file, at whatever depth."""

    def __init__(self, path: Path) -> None:
        """List what is there.

        Raises:
            ConfigurationError: There is no such folder or ZIP file.
        """
        self.path = path
        try:
            self._names = _names(path)
        except (OSError, BadZipFile) as error:
            raise ConfigurationError(str(path), f"cannot be read: {error}") from error

    def name(self, pattern: str) -> str | None:
        """Return the first file whose name, without folders, matches a regular expression."""
        wanted = re.compile(pattern, re.IGNORECASE)
        return next((name for name in self._names if wanted.fullmatch(name.rpartition("/")[2])), None)

    def lines(self, pattern: str) -> list[str]:
        """Return the lines of a file.

        Raises:
            ConfigurationError: There is no such file.
        """
        name = self.name(pattern)
        if name is None:
            shown = pattern.replace("\\", "")
            raise ConfigurationError(str(self.path), f"has no file {shown}")
        if self.path.is_dir():
            return decoded(content(self.path / name)).splitlines()
        with ZipFile(self.path) as archive:
            return decoded(archive.read(name)).splitlines()


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    with ZipFile(path) as archive:
        return sorted(archive.namelist())


def content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be read: {error}") from error


def decoded(data: bytes) -> str:
    """Return the text of a file in UTF-8, else in Latin-1, which older distributions are in.

    Example:
        >>> decoded("café".encode("latin-1"))
        'café'
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def plain(text: str) -> str:
    """Return a text as terms are compared: without regard to case and spacing.

    Example:
        >>> plain(" Made-up  Ache ")
        'made-up ache'
    """
    return " ".join(text.split()).casefold()


def once(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return text -> code; a text of several codes has none, for nobody can say which is meant.

    Example:
        >>> once(iter([("a", "1"), ("b", "2"), ("a", "3")]))
        {'a': '', 'b': '2'}
    """
    found: dict[str, str] = {}
    for text, code in pairs:
        found[text] = "" if found.get(text, code) != code else code
    return found
