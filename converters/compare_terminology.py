"""What a new release of controlled terminology means for one study: the changes of the terms that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.read_dataset_json import read_dataset_json
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.errors import ReadError, TermError
from trialbridge.model import Dataset
from trialbridge.standards import Change, changes, codelist, governing

Used = Mapping[str, set[str]]
"""NCI code of a codelist -> the submission values that a study has of it, in its data or its define."""


def study_datasets(folder: Path) -> list[Dataset]:
    """Return the datasets of a run folder, or of a folder of transport files or Dataset-JSON.

    Raises:
        ReadError: There are none.
    """
    inside = folder / "sdtm" if (folder / "sdtm").is_dir() else folder
    found = [read_xpt(path) for path in sorted(inside.glob("*.xpt"))]
    found = found or [read_dataset_json(path) for path in sorted(inside.glob("*.json"))]
    if not found:
        raise ReadError(str(folder), "holds no dataset: no .xpt and no .json")
    return found


def used_terms(datasets: Iterable[Dataset], releases: Iterable[str]) -> dict[str, set[str]]:
    """Return the values of every variable that a codelist governs.

    Args:
        datasets: The data.
        releases: The releases whose codelists count.
    """
    used: dict[str, set[str]] = {}
    named = list(releases)
    for dataset in datasets:
        for variable in dataset.variables:
            column = dataset.table[variable.name]
            if pa.types.is_string(column.type):
                values = set(pc.unique(column).drop_null().to_pylist()) - {""}
                for code in {code for ct in named for code in governing(variable.name, ct)}:
                    used.setdefault(code, set()).update(values)
    return used


def changes_in_use(used: Used, old: str, new: str) -> tuple[Change, ...]:
    """Return what changed in the terms that a study uses, and in the codelists that they are of.

    A term that is new counts where the study already has its value: as an extension, so far.

    Raises:
        ReleaseError: There is no such release.
    """
    return tuple(change for change in changes(old, new) if _concerns(change, used, old, new))


def _concerns(change: Change, used: Used, old: str, new: str) -> bool:
    values = used.get(change.codelist, set())
    if change.code:
        return any(value in values for value in _values(change, old, new))
    return any(value in values for ct in (old, new) for value in _terms(change.codelist, ct))


def _values(change: Change, old: str, new: str) -> Iterator[str]:
    """Yield the submission values of the term that changed, in both releases."""
    for ct in (old, new):
        try:
            term = codelist(change.codelist, ct).by_code(change.code)
        except TermError:
            continue
        if term is not None:
            yield term.submission_value


def _terms(code: str, ct: str) -> Iterator[str]:
    try:
        yield from (term.submission_value for term in codelist(code, ct).terms)
    except TermError:
        return
