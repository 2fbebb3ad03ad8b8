"""What a run of FHIR to SDTM yields: datasets, where every value came from, and what was not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from trialbridge.findings import Finding
from trialbridge.model import Dataset
from trialbridge.study import Study
from trialbridge.tested import Used

RESOURCES = pa.schema(
    {
        "source": pa.string(),
        "position": pa.int64(),
        "within": pa.string(),
        "resource_type": pa.string(),
        "id": pa.string(),
        "version_id": pa.string(),
        "release": pa.string(),
        "usubjid": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
        "domains": pa.string(),
        "records": pa.int64(),
        "digest": pa.int64(),
    }
)
"""The ledger: one row for every resource read. ``status`` is ``mapped``, ``excluded`` or ``unmapped``.

``digest`` is one of the resource's text: another one in a later cut means that the resource was changed.
"""

ELEMENTS = pa.schema({"path": pa.string(), "count": pa.int64(), "example": pa.string()})
"""The census: element paths that are there and that no mapping reads."""

UNMAPPED = pa.schema(
    {
        "domain": pa.string(),
        "variable": pa.string(),
        "system": pa.string(),
        "code": pa.string(),
        "text": pa.string(),
        "units": pa.string(),
        "specimens": pa.string(),
        "example_values": pa.string(),
        "count": pa.int64(),
        "subjects": pa.int64(),
        "example_resource": pa.string(),
        "reason": pa.string(),
    }
)
"""The worklist: each code or text that no table knows, once, with what is known of it."""

POINTERS = pa.schema(
    {
        "source": pa.string(),
        "position": pa.int64(),
        "within": pa.string(),
        "resource_type": pa.string(),
        "id": pa.string(),
        "version_id": pa.string(),
        "release": pa.string(),
        "item": pa.string(),
    }
)
"""Where a record came from; the record's keys stand before, and one ``uint8`` column a variable behind it.

That column numbers the alternative of the variable's rule that gave the value (`mapping.alternatives`; 255 is
the extension); null where the value was derived, is a constant, or is blank. For each join of the domain
there is a column ``_join_NAME``: the reference form ``Type/id`` of the joined resource.
"""


@dataclass(frozen=True)
class Conversion:
    """Everything that one run from FHIR to SDTM yields.

    Attributes:
        study: The study and its settings.
        datasets: The SDTM datasets, SUPP-- among them, in the order in which they are described.
        provenance: Domain -> one row a record, in the order of the dataset: USUBJID, --SEQ, the declaration's
            number (`registry.declarations`), `POINTERS`, alternatives and joins.
        resources: The ledger, `RESOURCES`.
        elements: The census, `ELEMENTS`.
        unmapped: The worklist, `UNMAPPED`.
        findings: All oddities, in a stable order.
        inputs: Source name -> SHA-256 of its bytes.
        seconds: Step -> wall seconds; shown, never written.
        tests: Each test that was used, by whose word it is that test, and of how many records.
        earlier: SHA-256 of the manifest of the earlier cut whose --SEQ was kept; empty for none.
    """

    study: Study
    datasets: tuple[Dataset, ...]
    provenance: Mapping[str, pa.Table]
    resources: pa.Table
    elements: pa.Table
    unmapped: pa.Table
    findings: tuple[Finding, ...]
    inputs: Mapping[str, str]
    seconds: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[Used, int] = field(default_factory=dict)
    earlier: str = ""
