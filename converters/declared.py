"""What a dataset declares of its columns, as a Library resource: labels, types, lengths, formats, order."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Literal

import msgspec

from trialbridge.converters.assemble import digest
from trialbridge.model import Dataset

TYPE = "urn:trialbridge:sdtm:columns"
"""System of the code by which such a Library is known."""


class DeclaredColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column as it is declared."""

    name: str
    label: str = ""
    type: Literal["Char", "Num"] = "Char"
    length: int | None = None
    format: str = ""


class DeclaredDataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dataset as it is declared."""

    name: str
    label: str = ""
    columns: tuple[DeclaredColumn, ...] = ()


def declared(dataset: Dataset) -> DeclaredDataset:
    """Return what a dataset declares."""
    columns = (
        DeclaredColumn(one.name, one.label, one.type, one.length, one.format) for one in dataset.variables
    )
    return DeclaredDataset(dataset.name, dataset.label, tuple(columns))


def library(dataset: Dataset) -> dict[str, Any]:
    """Return the Library resource of a dataset."""
    data = b64encode(msgspec.json.encode(declared(dataset))).decode()
    return {
        "resourceType": "Library",
        "id": digest("Library", dataset.name),
        "name": dataset.name,
        "title": dataset.label or dataset.name,
        "status": "active",
        "type": {"coding": [{"system": TYPE, "code": dataset.name}], "text": "Columns of an SDTM dataset"},
        "content": [{"contentType": "application/json", "data": data}],
    }


def read_library(data: str) -> DeclaredDataset | None:
    """Return what the content of a Library declares; none where it is no such declaration.

    Example:
        >>> read_library("eyJuYW1lIjogIkRNIn0=").name
        'DM'
        >>> read_library("AAAA") is None
        True
    """
    try:
        return msgspec.json.decode(b64decode(data), type=DeclaredDataset)
    except (ValueError, msgspec.MsgspecError):
        return None
