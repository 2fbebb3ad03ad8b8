"""The rows of the tables that this package ships."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files


def data(name: str) -> bytes:
    """Return the bytes of a shipped file."""
    return files("trialbridge.standards").joinpath(name).read_bytes()


def rows(name: str) -> Iterator[list[str]]:
    """Return the rows of a shipped table, below its comments and its columns.

    Example:
        >>> next(rows("keys.tsv"))
        ['AE', 'STUDYID USUBJID AEDECOD AETERM AESTDTC']
    """
    return rows_of(data(name).decode())


def rows_of(text: str) -> Iterator[list[str]]:
    r"""Yield the rows of a table, below its comments and its columns.

    Example:
        >>> list(rows_of("# remark\ncolumn\tother\n1\t2\n"))
        [['1', '2']]
    """
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    next(lines)
    for line in lines:
        yield line.split("\t")
