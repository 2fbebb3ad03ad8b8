"""What is known of a dataset when its records have gone by once, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import TEXT
from trialbridge.converters.latest_date import latest_date
from trialbridge.converters.record_ids import code_of

NOBODY = -1
"""The number of the subject of records that are of none."""

SHARED = ("STUDYID", "DOMAIN")
"""Variables of which it matters whether all records say the same."""


@dataclass
class Overview:
    """Facts of one dataset.

    Attributes:
        name: Dataset name.
        rows: How many records it has.
        filled: Variable -> how many of its cells hold a value; a missing value with a letter is one.
        latest: The latest complete date that is not in the future; empty for none.
        questions: Category, code and text of each question that is asked, in order.
        subjects: The subjects, in the order in which they come.
        runs: For each batch the first record and the subject of each run of records of one subject.
    """

    name: str
    rows: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    latest: str = ""
    questions: dict[tuple[str | None, ...], None] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=dict)
    runs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    _said: dict[str, set[str | None]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, letters: Mapping[str, pa.Array]) -> None:
        """Take note of records.

        Args:
            batch: The records.
            letters: Variable -> the letters of its special missing values.
        """
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, column in columns.items():
            lettered = len(letters[name]) - letters[name].null_count if name in letters else 0
            self.filled[name] += len(column) - column.null_count + lettered
        dates = [column for name, column in columns.items() if name.endswith("DTC")]
        self.latest = max(self.latest, latest_date(dates))
        for name in SHARED:
            if name in columns and len(self._said.get(name, ())) < 2:
                self._said.setdefault(name, set()).update(pc.unique(columns[name]).cast(TEXT).to_pylist())
        self._ask(columns)
        self.runs.append(self._runs(columns.get("USUBJID")))
        self.rows += len(batch)

    def said(self, name: str) -> str:
        """Return what all records say; empty where one says nothing, or another thing."""
        values = self._said.get(name, set())
        return next(iter(values)) or "" if len(values) == 1 else ""

    def _ask(self, columns: Mapping[str, pa.Array]) -> None:
        code = code_of(self.name)
        names = [f"{code}{name}" for name in ("CAT", "TESTCD", "TEST")]
        if code == "QS" and set(names) <= set(columns):
            known = pa.table({name: columns[name] for name in names}).group_by(names, use_threads=False)
            found = known.aggregate([])
            self.questions |= dict.fromkeys(zip(*(found[name].to_pylist() for name in names), strict=True))

    def _runs(self, column: pa.Array | None) -> tuple[np.ndarray, np.ndarray]:
        if column is None:
            return np.array([self.rows]), np.array([NOBODY])
        encoded = column.cast(TEXT).dictionary_encode()
        names = encoded.dictionary.to_pylist()
        for name in filter(None, names):
            self.subjects.setdefault(name, len(self.subjects))
        known = np.array([*(self.subjects.get(name, NOBODY) for name in names), NOBODY], np.int64)
        numbers = known[pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()]
        starts = np.flatnonzero(np.diff(numbers, prepend=NOBODY - 1))
        return self.rows + starts, numbers[starts]


def counted(overviews: Sequence[Overview]) -> Counter[str]:
    """Return how many records each subject has."""
    found: Counter[str] = Counter()
    for one in overviews:
        lengths = np.zeros(len(one.subjects), np.int64)
        starts, numbers = whole_runs(one)
        some = numbers >= 0
        np.add.at(lengths, numbers[some], np.diff([*starts, one.rows])[some])
        found.update(dict(zip(one.subjects, lengths.tolist(), strict=True)))
    return found


def whole_runs(one: Overview) -> tuple[np.ndarray, np.ndarray]:
    """Return the first record, and the subject, of each run of records."""
    if not one.runs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts, numbers = (np.concatenate(some) for some in zip(*one.runs, strict=True))
    return starts, numbers


def blocks_of(one: Overview, blocks: Mapping[str, int]) -> np.ndarray:
    """Return the block of each record: that of its subject; `NOBODY` for those of none.

    Args:
        one: The dataset.
        blocks: Subject -> block.
    """
    starts, numbers = whole_runs(one)
    known = np.array([*map(blocks.__getitem__, one.subjects), NOBODY], np.int32)
    return np.repeat(known[numbers], np.diff([*starts, one.rows]))
