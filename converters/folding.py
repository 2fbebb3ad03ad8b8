"""The folded elements of a table while it grows: distinct texts, and which row has which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec
import numpy as np
import pyarrow as pa

from trialbridge.converters.census import Census, Counter, Tally, count, counter
from trialbridge.folds import Fold, Folded
from trialbridge.narrowing import Seen, learn
from trialbridge.plans import Columns
from trialbridge.readers import Reader
from trialbridge.shapes import NO_TEXT

Row = msgspec.Struct


FAMILIAR = 1024
"""Resources without anything new, after which the next ones are expected to have nothing new either."""


@dataclass(frozen=True)
class Folding:
    """A folding reader, with the counting plans of the resource and of each folded element."""

    reader: Folded
    plan: Counter
    plans: tuple[Counter, ...]


def folding_of(made: Reader, found: Folded, *, flat: bool = False) -> Folding:
    """Return a folding reader with its counting plans, see `counter`."""
    names = frozenset(fold.name for fold in found.folds)
    plans = tuple(counter(fold.position, made.kind, only_typed=True) for fold in found.folds)
    return Folding(found, counter(found.position, made.kind, skipped=names, flat=flat), plans)


@dataclass
class Narrowing:
    """The folding reader of a type, and one that only knows the elements that were seen so far.

    Attributes:
        whole: Reads every resource that FHIR allows.
        narrow: Reads resources that have no other elements than those seen; none until enough were.
        seen: The elements that were seen.
        rows: Resources in which nothing new was seen since the last that had something.
    """

    whole: Folding
    narrow: Folding | None = None
    seen: Seen = field(default_factory=dict)
    rows: int = 0

    def learn(self, made: Reader, rows: Sequence[Row]) -> None:
        """See what resources hold that were read by the whole reader."""
        before = msgspec.json.encode(self.seen)
        learn(self.whole.reader.position, rows, self.seen)
        self.rows = self.rows + len(rows) if before == msgspec.json.encode(self.seen) else 0
        self.narrow = None
        if self.rows >= FAMILIAR:
            self.narrow = folding_of(made, self.whole.reader.narrowed(self.seen), flat=True)


@dataclass
class FoldedCells:
    """One folded element over the rows of a table.

    Attributes:
        fold: How it is read.
        counter: How it is counted.
        numbers: Text -> number of its distinct value; -1 for none.
        values: The distinct values.
        rows: The number of each row's value.
        sampled: Numbers that occur in the sample of the census.
    """

    fold: Fold
    counter: Counter
    numbers: dict[bytes, int] = field(default_factory=lambda: {bytes(NO_TEXT): -1})
    values: list[Row] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    sampled: set[int] = field(default_factory=set)

    def find(self, rows: Sequence[Row]) -> list[int]:
        """Return the number of the element in each row, with the texts decoded that are new.

        Raises:
            msgspec.ValidationError: One of them is not as FHIR defines it; nothing was taken in then.
        """
        texts = list(map(bytes, map(attrgetter(self.fold.name), rows)))
        if new := set(texts) - self.numbers.keys():
            ordered = [text for text in dict.fromkeys(texts) if text in new]
            decoded = [self.fold.decode(text) for text in ordered]
            self.numbers |= {text: number for number, text in enumerate(ordered, len(self.values))}
            self.values += decoded
        return list(map(self.numbers.__getitem__, texts))

    def take(self, numbers: Sequence[int], sample: Iterable[int]) -> None:
        """Append rows, of which those that `sample` names are in the sample."""
        self.rows += numbers
        self.sampled.update(numbers[row] for row in sample)

    def columns(self) -> Iterator[tuple[Columns, pa.Array]]:
        """Yield the columns of the distinct values, and for each row which of them it has."""
        found = Columns()
        self.fold.plan.fill(self.values, found)
        found.rows = len(self.values)
        rows = np.array(self.rows, np.int32)
        yield found, pa.array(rows, mask=rows < 0)

    def count(self, census: Census) -> None:
        """Add what nothing reads to the census: counted once a distinct value, weighed by its rows."""
        found: Census = {}
        count(self.counter, self.values, found)
        if not found:
            return
        weights = np.bincount(np.array(self.rows, np.int64) + 1, minlength=len(self.values) + 1)[1:]
        for number in np.flatnonzero(weights).tolist():
            value = self.values[number]
            own: Census = {}
            count(self.counter, [value], own)
            if number in self.sampled:
                count(self.counter, [value], own, sample=True)
            for path, tally in own.items():
                census.setdefault(path, Tally()).merge(tally.weighed(int(weights[number])))
