"""The rows that a rule looks at: a dataset's, with joined rows beside them, or metadata as rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trialbridge.core_rules.cells import Cells, FrameCells, Lists, codes_of
from trialbridge.core_rules.lacking import Absent
from trialbridge.standards import ig_datasets, ig_variables
from trialbridge.validation.frame import Frame, Rows

Found = Cells | Lists
_PERSONS = "AP"
_JOINED = re.compile(r"[A-Z][A-Z0-9-]*\.[A-Z*][A-Z0-9*]*")


@dataclass(frozen=True, eq=False)
class Side:
    """A dataset in a view: which of its rows stand there; all of them, as they are, where `rows` is none."""

    frame: Frame
    rows: Rows | None = None


@dataclass(eq=False)
class View:
    """Rows, and what names stand for in them.

    Attributes:
        rows: How many.
        frame: The dataset that is checked; none where a rule is about the whole study.
        source: The row of the dataset behind each row; none where rows are no records.
        sides: The dataset and those that are joined, in the order in which a variable is looked for.
        named: What else has a name: metadata, and references.
        compute: Makes what a ``$name`` stands for.
        computed: What it has made.
        notes: What operators have to say of what they found.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> view = record_view(frame_of("AE", [{"AESER": "Y"}]))
        >>> view.cells("--SER").text.to_pylist(), view.find("AESDTH") is None
        (['Y'], True)
    """

    rows: int
    frame: Frame | None = None
    source: Rows | None = None
    sides: Sequence[Side] = ()
    named: dict[str, Found] = field(default_factory=dict)
    compute: Callable[[str, View], Found | None] | None = None
    computed: dict[str, Found | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def resolve(self, name: str) -> str:
        """Return the name of a variable here: ``--SEQ`` is ``AESEQ`` in AE and in APAE."""
        return resolved(self.frame, name) if self.frame is not None else name

    def find(self, name: str) -> Found | None:
        """Return what a name stands for; none where there is nothing of that name."""
        if name.startswith("$"):
            return self._computed(name)
        if name not in self.named:
            found = self._found(name)
            if found is None:
                return None
            self.named[name] = found
        return self.named[name]

    def cells(self, name: str) -> Cells:
        """Return the values of a name.

        Raises:
            Absent: There is nothing of that name, or it stands for lists.
        """
        found = self.find(name)
        if not isinstance(found, Cells):
            raise Absent(f"no {self.resolve(name)}")
        return found

    def needed(self, name: str) -> Found:
        """Return what a name stands for.

        Raises:
            Absent: There is nothing of that name.
        """
        found = self.find(name)
        if found is None:
            raise Absent(f"no {self.resolve(name)}")
        return found

    def is_variable(self, name: str) -> bool:
        """Return whether a name can be nothing but a variable, whether or not it is here."""
        if name.startswith(("--", "$")) or _JOINED.fullmatch(name) is not None:
            return True
        return any(name in guide_variables(side.frame.name) for side in self.sides)

    def codes(self, names: Sequence[str]) -> Rows:
        """Return, for each row, the number of its combination of values of names."""
        return codes_of([self.cells(name).text for name in names])

    def for_rule(self, compute: Callable[[str, View], Found | None]) -> View:
        """Return the same rows for another rule, which computes other things."""
        return replace(self, compute=compute, computed={}, notes=[])

    def _computed(self, name: str) -> Found | None:
        if name not in self.computed and self.compute is not None:
            self.computed[name] = self.compute(name, self)
        return self.computed.get(name)

    def _found(self, name: str) -> Found | None:
        head, _, tail = name.partition(".")
        if tail:
            others = (side for side in self.sides[1:] if _is(side.frame, head, tail))
            return next((cells_of(side, tail) for side in others), None)
        wanted = self.resolve(name)
        return next((cells_of(side, wanted) for side in self.sides if wanted in side.frame.variables), None)


def _is(frame: Frame, name: str, variable: str) -> bool:
    return frame.name == name and variable in frame.variables


def cells_of(side: Side, name: str) -> Cells:
    """Return the values of a variable of one dataset, for the rows that stand in the view."""
    return FrameCells(side.frame, name, side.rows)


def record_view(frame: Frame, rows: Rows | None = None) -> View:
    """Return the records of a dataset, or some of them."""
    source = np.arange(frame.rows) if rows is None else rows
    return View(len(source), frame, source, (Side(frame, rows),))


def resolved(frame: Frame, name: str) -> str:
    """Return the name of a variable in a dataset; of associated persons, the domain is behind AP.

    Example:
        >>> from trialbridge.validation.example import frame_of
        >>> resolved(frame_of("APMH", []), "--TERM")
        'MHTERM'
    """
    if not name.startswith("--"):
        return name
    return code_of(frame) + name[2:]


def code_of(frame: Frame) -> str:
    """Return what ``--`` stands for in a dataset; empty where it stands for nothing."""
    persons = frame.name.startswith(_PERSONS) and len(frame.name) == len(_PERSONS) * 2
    return frame.name[2:] if persons else frame.code


def guide_variables(name: str) -> Mapping[str, int]:
    """Return the places of the variables that the guide has for a dataset; none for one it does not know.

    Example:
        >>> guide_variables("AE")["STUDYID"], len(guide_variables("XX"))
        (0, 0)
    """
    known = "SUPPQUAL" if name.startswith("SUPP") else name
    if known not in ig_datasets():
        return {}
    return {variable.name: place for place, variable in enumerate(ig_variables(known))}
