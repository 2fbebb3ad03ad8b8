"""Reading documents that state a trial's design: records of ClinicalTrials.gov, and definitions in USDM."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from trialbridge.converters.fhir_bytes import Source, content
from trialbridge.converters.registry_record import Record
from trialbridge.converters.usdm_study import StudyDefinition, is_study_definition
from trialbridge.errors import ReadError

USDM = "4"
"""The version of USDM that is read."""


def read_records(sources: Sequence[Path]) -> list[Record | StudyDefinition]:
    """Return the studies of files: one each, or all of a page of search results.

    Raises:
        ReadError: A file is no such document.
    """
    return [study for source in sources for study in _studies(source)]


def _studies(source: Path) -> list[Record] | list[StudyDefinition]:
    try:
        data = json.loads(content(Source(source.name, source))[0])
    except (OSError, ValueError, EOFError) as error:
        raise ReadError(str(source), str(error)) from error
    if is_study_definition(data):
        if not (said := str(data.get("usdmVersion") or USDM)).startswith(USDM):
            raise ReadError(str(source), f"is USDM {said}; version {USDM} is read")
        return [StudyDefinition(data)]
    found = data.get("studies", [data]) if isinstance(data, dict) else data
    if not isinstance(found, list) or not all(map(_is_study, found)):
        message = "is neither a study record of ClinicalTrials.gov's API, version 2, nor a USDM definition"
        raise ReadError(str(source), message)
    return [Record(one) for one in found]


def _is_study(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("protocolSection"), dict)
