"""Findings one by one, for reports that list them: record, keys and values, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from trialbridge.validation.clusters import Cluster
from trialbridge.validation.frame import Frame, Rows
from trialbridge.validation.outcome import Hits, Validation

Resources = Callable[[Frame, Rows], Sequence[str]]
"""From rows of a domain to the FHIR resource that each came from; empty where none is known."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One finding.

    Attributes:
        cluster: The number of its cluster.
        dataset: The dataset of the file, such as ``LBCH``.
        domain: The domain, such as ``LB``.
        record: The number of the record in its file, from 1; 0 where no record is meant.
        keys: What names the record, such as ``USUBJID=S-1, AESEQ=3``.
        variables: The variables shown.
        values: Their values, in the same order; ``null`` where blank.
        resource: The FHIR resource that the record came from.
    """

    cluster: int
    dataset: str
    domain: str
    record: int
    keys: str
    variables: str
    values: str
    resource: str = ""


def details_of(
    validation: Validation, clusters: Iterable[Cluster], resources: Resources, most: int | None = None
) -> Iterator[Detail]:
    """Yield every finding of `clusters`, in their order, at most `most` of a cluster."""
    for number, cluster in enumerate(clusters):
        frame = validation.frames.get(cluster.dataset)
        if cluster.rows is None or frame is None:
            yield from (_loose(number, one) for one in cluster.hits[:most])
        else:
            yield from _records(number, cluster, frame, cluster.rows[:most], resources)


def _loose(number: int, hits: Hits) -> Detail:
    """Return the finding that means no record."""
    said = hits.message or hits.value
    return Detail(number, hits.dataset, hits.dataset, 0, hits.place, ", ".join(hits.variables), said)


def _records(
    number: int, cluster: Cluster, frame: Frame, rows: Rows, resources: Resources
) -> Iterator[Detail]:
    beside = _beside(cluster, rows)
    variables = ", ".join([*cluster.variables, *beside])
    values = _joined([*(_texts(frame, name, rows) for name in cluster.variables), *beside.values()])
    values = values or [""] * len(rows)
    named = [name for name in ("USUBJID", "--SEQ") if frame.has(name)]
    keys = _joined([_labelled(frame, name, rows) for name in named]) if named else [""] * len(rows)
    starts = np.array([part.start for part in frame.parts])
    places = np.searchsorted(starts, rows, side="right") - 1
    names = [part.dataset.name for part in frame.parts]
    sources = resources(frame, rows)
    for at, row in enumerate(rows.tolist()):
        place = int(places[at])
        record = row - int(starts[place]) + 1
        yield Detail(number, names[place], frame.name, record, keys[at], variables, values[at], sources[at])


def _beside(cluster: Cluster, rows: Rows) -> dict[str, list[str]]:
    """Return what the hits show beside the variables of the dataset."""
    hits = cluster.hits[0]
    if hits.rows is None or not hits.beside:
        return {}
    places = pa.array(np.searchsorted(hits.rows, rows))
    return {name: _shown(column.take(places)) for name, column in hits.beside.items()}


def _texts(frame: Frame, name: str, rows: Rows) -> list[str]:
    if not frame.has(name):
        return ["(absent)"] * len(rows)
    return _shown(frame.text(name).take(pa.array(rows)))


def _shown(column: pa.Array) -> list[str]:
    return ["null" if text is None else text for text in column.to_pylist()]


def _labelled(frame: Frame, name: str, rows: Rows) -> list[str]:
    resolved = frame.resolve(name)
    return [f"{resolved}={text}" for text in _texts(frame, name, rows)]


def _joined(columns: Sequence[Sequence[str]]) -> list[str]:
    return [", ".join(cells) for cells in zip(*columns, strict=True)]
