"""One domain as the rules see it: its columns, whatever files they came from, each made ready once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trialbridge.columns import by_value, distinct
from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets
from trialbridge.timing import Times, parse_dtc

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Rows = NDArray[np.int64]
Made = TypeVar("Made")

SPLIT_NAME = 2
"""A dataset name that is longer than its domain is a part of it: LBCH of LB."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was given: its name, what it is, and its size in bytes.

    Attributes:
        path: Where it lies.
        format: Such as ``SAS XPORT version 5`` or ``Dataset-JSON``.
        size: Bytes.
        encoding: Of its text; empty where the format leaves no choice.
    """

    path: Path
    format: str
    size: int
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset of one file, and which of its domain's rows are its own.

    Attributes:
        dataset: As it was read.
        file: Where it stood.
        start: The place of its first row among the rows of the domain.
    """

    dataset: Dataset
    file: SourceFile
    start: int = 0


class Frame:
    """The rows of one domain, of all files that hold a part of it, and its columns as the rules need them.

    Attributes:
        name: The domain, such as ``LB``, ``SUPPLB``, ``RELREC``.
        code: What ``--`` stands for; empty where a dataset has no such prefix.
        observation_class: ``EVENTS``, ``FINDINGS``, ``FINDINGS ABOUT``, ``INTERVENTIONS``,
            ``SPECIAL PURPOSE``, ``TRIAL DESIGN``, ``RELATIONSHIP``, ...; empty where it cannot be told.
        parts: The datasets it is made of, in the order of their names.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> ae = frame_of("AE", [{"AETERM": "Rash"}, {"AETERM": None}])
        >>> ae.resolve("--TERM"), ae.filled("AETERM").tolist()
        ('AETERM', [True, False])
    """

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self.name = name
        starts = np.cumsum([0, *(part.dataset.table.num_rows for part in parts)])
        self.parts = tuple(
            Part(part.dataset, part.file, int(start)) for part, start in zip(parts, starts, strict=False)
        )
        self.rows = int(starts[-1])
        self.variables: dict[str, Variable] = {}
        for part in self.parts:
            for variable in part.dataset.variables:
                self.variables.setdefault(variable.name, variable)
        self.code = "" if name.startswith("SUPP") or len(name) != SPLIT_NAME else name
        self._made: dict[tuple[str, str], Any] = {}

    @cached_property
    def observation_class(self) -> str:
        """What class of observation the domain is: by SDTMIG, else by its topic variable."""
        known = ig_datasets().get("SUPPQUAL" if self.name.startswith("SUPP") else self.name)
        if known is not None:
            return known.observation_class
        topics = {"TESTCD": "FINDINGS", "TRT": "INTERVENTIONS", "TERM": "EVENTS"}
        return next((kind for topic, kind in topics.items() if self.has(f"--{topic}")), "")

    def resolve(self, name: str) -> str:
        """Return the name of a variable here: ``--SEQ`` is ``AESEQ`` in AE."""
        return self.code + name[2:] if name.startswith("--") else name

    def has(self, name: str) -> bool:
        """Return whether there is a variable; ``--`` stands for the domain."""
        return self.resolve(name) in self.variables

    def column(self, name: str) -> pa.Array:
        """Return the values of a variable as Arrow: text, or ``float64``; nulls where it is absent."""
        return self._once("column", self.resolve(name), self._column)

    def text(self, name: str) -> pa.Array:
        """Return the values of a variable as text: a whole number has no point."""
        return self._once("text", self.resolve(name), self._text)

    def number(self, name: str) -> Numbers:
        """Return the values of a variable as numbers: NaN where there is none, or a text that is none."""
        return self._once("number", self.resolve(name), self._number)

    def filled(self, name: str) -> Mask:
        """Return in which rows a variable has a value; nowhere where it is absent."""
        return self._once("filled", self.resolve(name), lambda one: _flags(self.column(one).is_valid()))

    def times(self, name: str) -> Times:
        """Return the values of a --DTC variable, read as ISO 8601."""
        return self._once("times", self.resolve(name), lambda one: parse_dtc(self.text(one)))

    def groups(self, names: Sequence[str]) -> Rows:
        """Return, for each row, the number of its combination of values; a blank is a value."""
        resolved = [self.resolve(name) for name in names]
        return self._once("groups", "\x1f".join(resolved), lambda _: self._groups(resolved))

    def where(self, name: str, holds: Callable[[str], bool]) -> Mask:
        """Return the rows in which the text of a variable is filled and `holds`; each text is asked once."""
        found = by_value(self.text(name), lambda value: value if holds(value) else None)
        return _flags(found.is_valid())

    def part_of(self, row: int) -> Part:
        """Return the part that a row stands in."""
        return next(part for part in reversed(self.parts) if part.start <= row)

    def value(self, name: str, row: int) -> str:
        """Return the text of one cell; empty where it is blank or the variable absent."""
        return self.text(name)[row].as_py() or "" if self.has(name) else ""

    def _once(self, form: str, name: str, make: Callable[[str], Made]) -> Made:
        key = form, name
        if key not in self._made:
            self._made[key] = make(name)
        return cast("Made", self._made[key])

    def _column(self, name: str) -> pa.Array:
        pieces: list[pa.Array] = []
        kind = pa.string() if self._is_text(name) else pa.float64()
        for part in self.parts:
            table = part.dataset.table
            there = name in table.column_names
            chunks = table[name].chunks if there else [pa.nulls(table.num_rows, kind)]
            pieces += [chunk if chunk.type == kind else _as_text(chunk) for chunk in chunks]
        return pa.concat_arrays(pieces) if pieces else pa.nulls(0, kind)

    def _is_text(self, name: str) -> bool:
        tables = [part.dataset.table for part in self.parts]
        kinds = {table.schema.field(name).type for table in tables if name in table.column_names}
        return kinds != {pa.float64()}

    def _text(self, name: str) -> pa.Array:
        column = self.column(name)
        return column if pa.types.is_string(column.type) else _as_text(column)

    def _number(self, name: str) -> Numbers:
        column = self.column(name)
        if pa.types.is_string(column.type):
            column = pc.cast(by_value(column, number_text), pa.float64())
        return cast("Numbers", pc.fill_null(column, np.nan).to_numpy(zero_copy_only=False))

    def _groups(self, names: list[str]) -> Rows:
        if not self.rows or not names:
            return np.zeros(self.rows, np.int64)
        numbered, _ = distinct([self.text(name) for name in names])
        return cast("Rows", numbered.to_numpy(zero_copy_only=False))


def number_text(text: str) -> str | None:
    """Return `text` where it is a plain decimal number; nothing else is one.

    Example:
        >>> number_text("1.50"), number_text("<4"), number_text("nan")
        ('1.50', None, None)
    """
    bare = text.strip()
    if not any(character.isdigit() for character in bare) or bare.strip("+-0123456789.eE"):
        return None
    try:
        float(bare)
    except ValueError:
        return None
    return bare


def _as_text(column: pa.Array) -> pa.Array:
    """Return numbers as text: 3.0 is ``3``."""
    if pa.types.is_string(column.type):
        return column
    values = pc.unique(column.drop_null())
    texts = pa.array([format_number(value) for value in values.to_pylist()], pa.string())
    return texts.take(pc.index_in(column, values)) if len(values) else pa.nulls(len(column), pa.string())


def format_number(value: float) -> str:
    """Return a number as SAS would print it: 12 digits at most, no point where it is whole.

    Example:
        >>> format_number(3.0), format_number(1.3000000000000003)
        ('3', '1.3')
    """
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.12g}"


def _flags(array: pa.Array) -> Mask:
    return cast("Mask", pc.fill_null(array, False).to_numpy(zero_copy_only=False))  # noqa: FBT003 -- Arrow's own order
