"""What changed between two states of the same datasets: rows told by their natural keys, never by --SEQ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT, blank, flat
from trialbridge.converters.record_ids import code_of
from trialbridge.converters.texts import text_of
from trialbridge.model import Dataset
from trialbridge.standards import keys

Kind = Literal["new", "changed", "deleted"]
Columns = dict[str, pa.Array]
GAP = " "


@dataclass(frozen=True)
class RowChange:
    """One row that is new, changed or gone.

    Attributes:
        dataset: Name of the dataset.
        kind: ``new``, ``changed`` or ``deleted``.
        key: Its natural keys, as text.
        old: Row in the old dataset, from 0; -1 for none.
        new: Row in the new dataset, from 0; -1 for none.
        values: Variable -> what it was and what it is, of what differs.
    """

    dataset: str
    kind: Kind
    key: str
    old: int
    new: int
    values: Mapping[str, tuple[str | None, str | None]]


def diff(old: Sequence[Dataset], new: Sequence[Dataset]) -> Iterator[RowChange]:
    """Yield every row that is new, changed or gone, dataset by dataset.

    Args:
        old: The datasets of the earlier cut.
        new: The datasets of the later cut.
    """
    states = [{dataset.name: _columns(dataset) for dataset in one} for one in (old, new)]
    for number, one in enumerate((old, new)):
        _name_parents(one, states[number])
    for name in sorted(states[0].keys() | states[1].keys()):
        yield from _of_dataset(name, states[0].get(name, {}), states[1].get(name, {}))


def _columns(dataset: Dataset) -> Columns:
    return {variable.name: text_of(dataset, variable.name) for variable in dataset.variables}


def natural_keys(dataset: str, there: Sequence[str]) -> list[str]:
    """Return the variables that tell the rows of a dataset apart, without --SEQ.

    Example:
        >>> natural_keys("VS", ["STUDYID", "USUBJID", "VSSEQ", "VSTESTCD", "VSDTC"])
        ['STUDYID', 'USUBJID', 'VSTESTCD', 'VSDTC']
    """
    try:
        named = keys(code_of(dataset))
    except LookupError:
        named = tuple(there)
    number = sequence(dataset)
    return [name for name in named if name in there and name != number]


def sequence(dataset: str) -> str:
    """Return the name of the sequence number of a dataset; TSSEQ is a key of its own."""
    return f"{dataset[:2]}SEQ" if dataset != "TS" else ""


def _name_parents(datasets: Sequence[Dataset], states: Mapping[str, Columns]) -> None:
    """Put the natural keys of the parent in the place of its --SEQ, in SUPP--, CO and RELREC."""
    names: dict[str, str] = {}
    for dataset in datasets:
        columns = states[dataset.name]
        number = columns.get(sequence(dataset.name))
        if number is not None and "USUBJID" in columns:
            texts = _joined([columns[name] for name in natural_keys(dataset.name, list(columns))])
            places = _joined([_same(code_of(dataset.name), len(number)), columns["USUBJID"], number])
            names.update(zip(places.to_pylist(), texts.to_pylist(), strict=True))
    for columns in states.values():
        if {"RDOMAIN", "IDVAR", "IDVARVAL", "USUBJID"} <= columns.keys():
            places = _joined([columns["RDOMAIN"], columns["USUBJID"], columns["IDVARVAL"]])
            parents = pa.array([names.get(place) for place in places.to_pylist()], TEXT)
            by_number = pc.fill_null(pc.ends_with(columns["IDVAR"], "SEQ"), False)  # noqa: FBT003 -- an Arrow scalar
            columns["IDVARVAL"] = pc.coalesce(pc.if_else(by_number, parents, None), columns["IDVARVAL"])


def _same(text: str, rows: int) -> pa.Array:
    return pa.array([text]).take(pa.array(np.zeros(rows, np.int8)))


def _joined(columns: Sequence[pa.Array]) -> pa.Array:
    if not columns:
        return blank(0)
    return pc.binary_join_element_wise(*(pc.fill_null(one, "") for one in columns), GAP)


def _of_dataset(name: str, old: Columns, new: Columns) -> Iterator[RowChange]:
    compared = [one for one in dict.fromkeys([*old, *new]) if one != sequence(name)]
    rows = [len(next(iter(columns.values()), ())) for columns in (old, new)]
    whole = {
        one: pa.concat_arrays([old.get(one, blank(rows[0])), new.get(one, blank(rows[1]))])
        for one in compared
    }
    contents = tuple_numbers([whole[one] for one in compared], sum(rows))
    left, right = _unmatched(contents[: rows[0]], contents[rows[0] :])
    named = natural_keys(name, compared)
    rest = np.concatenate([left, rows[0] + right])
    some = {one: column.take(pa.array(rest)) for one, column in whole.items()}
    told = tuple_numbers([some[one] for one in named], len(rest))
    texts = _joined([some[one] for one in named]).to_pylist() or [""] * len(rest)
    for first, second in pairs(told[: len(left)], told[len(left) :]):
        yield RowChange(
            name,
            "changed" if first >= 0 and second >= 0 else "deleted" if second < 0 else "new",
            texts[first if first >= 0 else len(left) + second],
            int(left[first]) if first >= 0 else -1,
            int(right[second]) if second >= 0 else -1,
            _differing(some, first, len(left) + second) if first >= 0 and second >= 0 else {},
        )


def _differing(columns: Columns, first: int, second: int) -> dict[str, tuple[str | None, str | None]]:
    pairs = ((name, column[first].as_py(), column[second].as_py()) for name, column in columns.items())
    return {name: (before, after) for name, before, after in pairs if before != after}


def tuple_numbers(columns: Sequence[pa.Array], rows: int) -> np.ndarray:
    """Return the number of each row's combination of values."""
    found = np.zeros(rows, np.int64)
    for column in columns:
        encoded = flat(column).dictionary_encode(null_encoding="encode")
        found = found * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy()
        if found.size and found.max() > 2**31:
            _, found = np.unique(found, return_inverse=True)
    return found


def _occurrence(numbers: np.ndarray) -> np.ndarray:
    """Return how many rows before each have the same number."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.array([], int)
    places = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    found = np.empty(len(numbers), np.int64)
    found[order] = places
    return found


def _unmatched(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of either side that have no equal on the other; equal ones are matched one to one."""
    most = max(len(old), len(new), 1)
    _, whole = np.unique(np.concatenate([old, new]), return_inverse=True)
    left = whole[: len(old)] * most + _occurrence(whole[: len(old)])
    right = whole[len(old) :] * most + _occurrence(whole[len(old) :])
    return np.flatnonzero(~np.isin(left, right)), np.flatnonzero(~np.isin(right, left))


def pairs(old: np.ndarray, new: np.ndarray) -> list[tuple[int, int]]:
    """Return which row of one side is which of the other, -1 for none, the old ones first."""
    most = max(len(old), len(new), 1)
    _, whole = np.unique(np.concatenate([old, new]), return_inverse=True)
    left = whole[: len(old)] * most + _occurrence(whole[: len(old)])
    right = whole[len(old) :] * most + _occurrence(whole[len(old) :])
    places = {int(value): row for row, value in enumerate(right)}
    found = [(row, places.pop(int(value), -1)) for row, value in enumerate(left)]
    return found + [(-1, row) for row in sorted(places.values())]
