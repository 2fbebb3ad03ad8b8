"""Where FHIR made of SDTM comes from: one Provenance a dataset, with its file's digest and who made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from trialbridge.converters.assemble import digest
from trialbridge.converters.resource_lines import Line
from trialbridge.model import Dataset

DIGEST = "urn:trialbridge:sha-256"
"""System of the digests of files."""


def provenances(datasets: Sequence[Dataset], created: datetime, inputs: Mapping[Path, str]) -> Iterator[Line]:
    """Yield the Provenance of each dataset: of its Library, whose records name the dataset.

    Args:
        datasets: The datasets.
        created: The moment of the run.
        inputs: The files that they were read from, with their SHA-256; that of a dataset has its name.
    """
    files = {path.stem.upper(): path for path in inputs}
    maker = f"trialbridge {version('trialbridge')}"
    for dataset in datasets:
        name = digest("Provenance", dataset.name)
        file = files.get(dataset.name)
        what = (
            {"identifier": {"system": DIGEST, "value": inputs[file]}, "display": file.name} if file else None
        )
        resource = {
            "resourceType": "Provenance",
            "id": name,
            "target": [{"reference": f"Library/{digest('Library', dataset.name)}"}],
            "recorded": f"{created:%Y-%m-%dT%H:%M:%S}Z",
            "agent": [{"type": {"text": "assembler"}, "who": {"display": maker}}],
            **({"entity": [{"role": "source", "what": what}]} if what else {}),
        }
        yield Line("Provenance", name, "", msgspec.json.encode(resource))
