"""Whether a check holds, row by row: yes, no, or unknown where what it speaks of is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trialbridge.core_rules.lacking import Absent
from trialbridge.core_rules.model import All, Check, Either, Leaf, Not
from trialbridge.core_rules.operators_dates import DATES
from trialbridge.core_rules.operators_rows import ROWS
from trialbridge.core_rules.operators_values import VALUES, Operator
from trialbridge.core_rules.view import View
from trialbridge.validation.frame import Mask

OPERATORS: Mapping[str, Operator] = {**VALUES, **DATES, **ROWS}
"""Every operator that is executed."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The rows in which a check holds, and those in which it does not; in the others nothing can be said.

    Attributes:
        yes: It holds.
        no: It does not.
        lacking: Why nothing can be said of the others.
    """

    yes: Mask
    no: Mask
    lacking: tuple[str, ...] = ()


def truth(view: View, check: Check) -> Truth:
    """Return where a check holds: what is not known is true in no row, and does not make its neighbour false.

    Example:
        >>> from trialbridge.core_rules.view import record_view
        >>> from trialbridge.validation.example import frame_of
        >>> view = record_view(frame_of("AE", [{"AESER": "Y"}]))
        >>> either = Either((Leaf("equal_to", "AESDTH", "Y"), Leaf("equal_to", "AESER", "Y")))
        >>> truth(view, either).yes.tolist()
        [True]
    """
    match check:
        case Leaf():
            return _leaf(view, check)
        case Not(part):
            found = truth(view, part)
            return Truth(found.no, found.yes, found.lacking)
        case All(parts):
            return _all(view, parts)
        case Either(parts):
            return _any(view, parts)


def _leaf(view: View, leaf: Leaf) -> Truth:
    try:
        found = OPERATORS[leaf.operator](view, leaf)
    except Absent as error:
        unknown = np.zeros(view.rows, np.bool_)
        return Truth(unknown, unknown, (error.what,))
    return Truth(found, ~found)


def _all(view: View, parts: Sequence[Check]) -> Truth:
    found = Truth(np.ones(view.rows, np.bool_), np.zeros(view.rows, np.bool_))
    for part in parts:
        one = truth(view, part)
        found = Truth(found.yes & one.yes, found.no | one.no, found.lacking + one.lacking)
        if bool(found.no.all()):
            break
    return found


def _any(view: View, parts: Sequence[Check]) -> Truth:
    found = Truth(np.zeros(view.rows, np.bool_), np.ones(view.rows, np.bool_))
    for part in parts:
        one = truth(view, part)
        found = Truth(found.yes | one.yes, found.no & one.no, found.lacking + one.lacking)
        if bool(found.yes.all()):
            break
    return found
