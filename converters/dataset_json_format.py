"""The form of CDISC Dataset-JSON 1.1, for the writer and the reader alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

VERSION = "1.1.0"
NDJSON = ".ndjson"
COMPRESSED = ".dsjc"
"""The same lines, compressed by zlib."""

BY_LINES = frozenset({NDJSON, COMPRESSED})
"""The endings of files with a row a line."""


@dataclass(frozen=True, slots=True)
class DatasetJsonMetadata:
    """What a Dataset-JSON file says beside its data; what is empty is left out of the file.

    Attributes:
        created: The moment the file was created.
        originator: The organisation that made it.
        study: OID of the study in Define-XML.
        metadata_version: OID of the metadata version in Define-XML.
        define: Where the Define-XML file is, seen from this one.
        system: Name of the source system.
        system_version: Its version.
        modified: The moment the source was last modified.
        file: A unique identifier of the file.
    """

    created: datetime
    originator: str = ""
    study: str = ""
    metadata_version: str = ""
    define: str = ""
    system: str = ""
    system_version: str = ""
    modified: datetime | None = None
    file: str = ""


class JsonColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column, in the standard's own words."""

    itemOID: str  # noqa: N815 - the standard's own word, as all names here
    name: str
    label: str
    dataType: str  # noqa: N815
    targetDataType: str = ""  # noqa: N815
    length: int | None = None
    displayFormat: str = ""  # noqa: N815
    keySequence: int | None = None  # noqa: N815


class JsonSystem(msgspec.Struct, frozen=True):
    """The source system, in the standard's own words."""

    name: str
    version: str


class JsonHeader(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Everything but the rows, in the standard's own words and usual order."""

    datasetJSONCreationDateTime: str  # noqa: N815
    datasetJSONVersion: str  # noqa: N815
    fileOID: str = ""  # noqa: N815
    dbLastModifiedDateTime: str = ""  # noqa: N815
    originator: str = ""
    sourceSystem: JsonSystem | None = None  # noqa: N815
    studyOID: str = ""  # noqa: N815
    metaDataVersionOID: str = ""  # noqa: N815
    metaDataRef: str = ""  # noqa: N815
    itemGroupOID: str  # noqa: N815
    records: int
    name: str
    label: str
    columns: tuple[JsonColumn, ...]
