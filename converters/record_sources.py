"""The FHIR resource that a record came from, where the datasets are a run of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.validation.details import Resources
from trialbridge.validation.frame import Frame, Rows

_PROVENANCE = "run/provenance.parquet"
_COLUMNS = ["domain", "usubjid", "seq", "resource_type", "id"]
_SEPARATOR = "\x1f"


def no_resources(frame: Frame, rows: Rows) -> Sequence[str]:
    """Return that no resource is known of any row."""
    del frame
    return [""] * len(rows)


def resources_beside(sources: Sequence[Path]) -> Resources:
    """Return what finds the resource of a record by the provenance beside the datasets; or nothing."""
    places = (
        root / _PROVENANCE for source in sources for root in (source, source.parent, source.parent.parent)
    )
    found = next((place for place in places if place.is_file()), None)
    return no_resources if found is None else _finder(found)


def _finder(path: Path) -> Resources:
    import pyarrow.parquet as pq  # noqa: PLC0415 -- only a run of ours needs it

    table = pq.read_table(path, columns=_COLUMNS)
    known = _keys(table["domain"], table["usubjid"], table["seq"].cast(pa.string()))
    named = pc.binary_join_element_wise(
        table["resource_type"].cast(pa.string()), table["id"].cast(pa.string()), "/"
    ).combine_chunks()

    def find(frame: Frame, rows: Rows) -> Sequence[str]:
        at = pa.array(rows)
        if not frame.has("USUBJID"):
            return no_resources(frame, rows)
        sequence = frame.text("--SEQ").take(at) if frame.has("--SEQ") else pa.nulls(len(rows), pa.string())
        wanted = _keys(pa.array([frame.name] * len(rows)), frame.text("USUBJID").take(at), sequence)
        found = named.take(pc.index_in(wanted, value_set=known)).to_pylist()
        return [one or "" for one in found]

    return find


def _keys(domain: pa.Array, subject: pa.Array, sequence: pa.Array) -> pa.Array:
    parts = [pc.fill_null(part.cast(pa.string()), "") for part in (domain, subject, sequence)]
    joined = pc.binary_join_element_wise(*parts, _SEPARATOR)
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
