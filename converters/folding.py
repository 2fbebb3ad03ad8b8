"""The folded elements of a table while it grows: distinct texts, and which row has which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec
import numpy as np
import pyarrow as pa

from trialbridge.converters.census import Census, Counter, Tally, count
from trialbridge.folds import Fold
from trialbridge.plans import Columns
from trialbridge.shapes import NO_TEXT

Row = msgspec.Struct


@dataclass
class FoldedCells:
    """One folded element over the rows of a table.

    Attributes:
        fold: How it is read.
        counter: How it is counted.
        numbers: Text -> number of its distinct value.
        values: The distinct values.
        rows: The number of each row's value; -1 for none.
        sampled: Numbers that occur in the sample of the census.
    """

    fold: Fold
    counter: Counter
    numbers: dict[bytes, int] = field(default_factory=dict)
    values: list[Row] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    sampled: set[int] = field(default_factory=set)

    def texts(self, rows: Sequence[Row]) -> list[bytes | None]:
        """Return the text of the element in each row, with the new ones decoded.

        Raises:
            msgspec.ValidationError: One of them is not as FHIR defines it; nothing was taken in then.
        """
        cells = map(attrgetter(self.fold.name), rows)
        texts = [None if cell is NO_TEXT else bytes(cell) for cell in cells]
        new = [text for text in dict.fromkeys(texts) if text is not None and text not in self.numbers]
        decoded = [self.fold.decode(text) for text in new]
        self.numbers |= {text: number for number, text in enumerate(new, len(self.values))}
        self.values += decoded
        return texts

    def take(self, texts: Sequence[bytes | None], sample: Sequence[int]) -> None:
        """Append rows, of which those that `sample` names are in the sample."""
        numbers = [-1 if text is None else self.numbers[text] for text in texts]
        self.rows += numbers
        self.sampled.update(numbers[row] for row in sample)

    def columns(self) -> Iterator[tuple[Columns, pa.Array]]:
        """Yield the columns of the distinct values, and for each row which of them it has."""
        found = Columns()
        self.fold.plan.fill(self.values, found)
        found.rows = len(self.values)
        rows = np.array(self.rows, np.int64)
        yield found, pa.array(rows, mask=rows < 0)

    def count(self, census: Census) -> None:
        """Add what nothing reads to the census: counted once a distinct value, weighed by its rows."""
        weights = np.bincount(np.array(self.rows, np.int64) + 1, minlength=len(self.values) + 1)[1:]
        for number in np.flatnonzero(weights).tolist():
            value = self.values[number]
            own: Census = {}
            count(self.counter, [value], own)
            if number in self.sampled:
                count(self.counter, [value], own, sample=True)
            for path, tally in own.items():
                census.setdefault(path, Tally()).merge(tally.weighed(int(weights[number])))
