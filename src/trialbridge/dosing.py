"""How often a dose is given."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from trialbridge import crosswalks
from trialbridge.columns import by_values
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary

REPEAT = "Timing.repeat"


@dataclass(frozen=True, slots=True)
class Frequency:
    """The frequency that Timing.repeat says in numbers: twice in one day is ``BID``. Reads only."""

    base: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """How many times, in how many of which unit."""
        return tuple(f"{self.base}.{part}" for part in ("frequency", "period", "periodUnit"))

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return the frequencies."""
        columns = [leaves(path) for path in self.paths]
        return cells_of(by_values(columns, _frequency), columns[2])

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: another rule writes the code."""
        return {}


def _frequency(times: str, period: str, unit: str) -> str | None:
    return (
        crosswalks.crosswalk("frequency").find(REPEAT, f"{times or '1'}/{period or '1'}/{unit}")
        if unit
        else None
    )
