"""What a condition compares with what: two columns, a column and a value, a column and a list."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, Lists, flags, translated
from trialbridge.core_rules.joins import REFERENCE
from trialbridge.core_rules.lacking import Absent, NotSupported
from trialbridge.core_rules.model import Leaf
from trialbridge.core_rules.view import View
from trialbridge.validation.frame import Mask, Numbers, number_text

Comparand = Cells | Lists | str | float | bool | list[Any] | None


def comparand(view: View, leaf: Leaf) -> Comparand:
    """Return what the target is compared with: what a name stands for, or the value itself.

    Raises:
        Absent: The comparator names a variable that is not there.

    Example:
        >>> from trialbridge.core_rules.view import record_view
        >>> from trialbridge.validation.example import frame_of
        >>> comparand(record_view(frame_of("AE", [{}])), Leaf("equal_to", "AESER", "Y"))
        'Y'
    """
    value = leaf.comparator
    if leaf.value_is_reference:
        return _referenced(view, str(value))
    if not isinstance(value, str) or leaf.value_is_literal:
        return cast("Comparand", value)
    found = view.find(value)
    if found is None and view.is_variable(value):
        raise Absent(f"no {view.resolve(value)}")
    return value if found is None else found


def _referenced(view: View, name: str) -> Cells:
    """Return, for each row, the value of the variable whose name stands in a variable."""
    pointed = view.named.get(REFERENCE)
    if isinstance(pointed, Cells):
        return pointed
    names = view.cells(name).text
    found = pa.nulls(view.rows, pa.string())
    for one in pc.unique(names).drop_null().to_pylist():
        there = view.find(one)
        if isinstance(there, Cells):
            found = pc.if_else(pc.fill_null(pc.equal(names, one), False), there.text, found)  # noqa: FBT003
    return Cells(found)


def filled(view: View, compared: Comparand) -> Mask:
    """Return the rows in which what is compared with is there."""
    if isinstance(compared, Cells | Lists):
        return compared.filled
    return np.full(
        view.rows, compared not in {None, ""} if not isinstance(compared, list) else bool(compared)
    )


def equal(target: Cells, compared: Comparand, leaf: Leaf, *, folded: bool = False) -> Mask:
    """Return the rows in which both are filled and equal; a number may stand as text."""
    if isinstance(compared, bool):
        return flags(pc.equal(target.text, str(compared)))
    if isinstance(compared, int | float):
        return np.asarray(target.number == compared)
    if isinstance(compared, list | Lists):
        raise NotSupported(f"{leaf.operator} with a list")
    if isinstance(compared, Cells) and ((target.numeric and compared.numeric) or leaf.type_insensitive):
        return _equal_numbers(target, compared, leaf)
    other = compared.text if isinstance(compared, Cells) else compared
    first = target.text
    if folded:
        first, other = _lower(first), _lower(other)
    return flags(pc.equal(first, other))


def _equal_numbers(target: Cells, compared: Cells, leaf: Leaf) -> Mask:
    first, second = target.number, compared.number
    if leaf.round_values:
        first, second = np.rint(first), np.rint(second)
    same = np.isclose(first, second, rtol=1e-9, atol=0.0)
    return same | flags(pc.equal(_bare(target.text), _bare(compared.text)))


def _bare(column: pa.Array) -> pa.Array:
    return translated(column, lambda text: None if number_text(text) else text.strip())


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else pc.utf8_lower(value)


def numbers(view: View, compared: Comparand) -> Numbers | float:
    """Return what is compared with as numbers.

    Raises:
        NotSupported: It is no number.
    """
    if isinstance(compared, Cells):
        return compared.number
    if isinstance(compared, str) and number_text(compared):
        return float(compared)
    if isinstance(compared, int | float):
        return float(compared)
    raise NotSupported(f"a comparison of size with {compared!r} in {view.rows} rows")


def pattern(text: str) -> re.Pattern[str]:
    """Return a regular expression of a rule.

    Raises:
        NotSupported: It is none.
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise NotSupported(f"the regular expression {text!r}: {error}") from error


def listed(view: View, value: Any) -> list[str]:
    """Return the texts that a list names; what it names by ``$`` is put in its place.

    Raises:
        Absent: A named list is not there.
    """
    found: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        there = view.needed(one) if isinstance(one, str) and one.startswith("$") else None
        if isinstance(there, Lists):
            found += there.only() or ()
        elif isinstance(there, Cells):
            found += pc.unique(there.text).drop_null().to_pylist()
        else:
            found.append(str(one))
    return found
