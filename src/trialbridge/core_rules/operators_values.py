"""Operators that look at one row: is it there, filled, equal, one of a list, how long is it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, Lists, flags, keys_of, translated, where
from trialbridge.core_rules.compared import comparand, equal, filled, listed, numbers, pattern
from trialbridge.core_rules.lacking import NotSupported
from trialbridge.core_rules.model import Leaf
from trialbridge.core_rules.view import View
from trialbridge.validation.frame import Mask

Operator = Callable[[View, Leaf], Mask]


def negated(hold: Operator) -> Operator:
    """Return the operator that holds where another does not."""
    return lambda view, leaf: ~hold(view, leaf)


def _exists(view: View, leaf: Leaf) -> Mask:
    return np.full(view.rows, view.find(leaf.target) is not None)


def _filled(view: View, leaf: Leaf) -> Mask:
    return view.needed(leaf.target).filled


def _equal(view: View, leaf: Leaf) -> Mask:
    return equal(view.cells(leaf.target), comparand(view, leaf), leaf)


def _equal_folded(view: View, leaf: Leaf) -> Mask:
    return equal(view.cells(leaf.target), comparand(view, leaf), leaf, folded=True)


def _unequal(hold: Operator) -> Operator:
    """Return the operator for what differs: two blanks do not, a blank and a value do."""

    def differs(view: View, leaf: Leaf) -> Mask:
        either = view.cells(leaf.target).filled | filled(view, comparand(view, leaf))
        return either & ~hold(view, leaf)

    return differs


def _sized(compare: Callable[[Any, Any], Any]) -> Operator:
    def hold(view: View, leaf: Leaf) -> Mask:
        found: Mask = compare(view.cells(leaf.target).number, numbers(view, comparand(view, leaf)))
        return found

    return hold


def _long(compare: Callable[[Any, Any], Any]) -> Operator:
    def hold(view: View, leaf: Leaf) -> Mask:
        lengths = pc.fill_null(pc.utf8_length(view.cells(leaf.target).text), -1).to_numpy(
            zero_copy_only=False
        )
        compared = comparand(view, leaf)
        if isinstance(compared, Cells) and not compared.numeric:
            most = pc.fill_null(pc.utf8_length(compared.text), 0).to_numpy(zero_copy_only=False)
        else:
            most = numbers(view, compared)
        found: Mask = (lengths >= 0) & compare(lengths, most)
        return found

    return hold


def _part(leaf: Leaf, column: pa.Array) -> pa.Array:
    """Return the beginning or the end of each text that a condition looks at."""
    if leaf.prefix is not None:
        return pc.utf8_slice_codeunits(column, 0, leaf.prefix)
    size = leaf.suffix or 0
    return translated(column, lambda text: text[-size:])


def _matches(view: View, leaf: Leaf) -> Mask:
    form = pattern(str(leaf.comparator))
    return where(view.cells(leaf.target).text, lambda text: form.match(text) is not None)


def _matches_not(view: View, leaf: Leaf) -> Mask:
    form = pattern(str(leaf.comparator))
    return where(view.cells(leaf.target).text, lambda text: form.match(text) is None)


def _part_matches(view: View, leaf: Leaf) -> Mask:
    form = pattern(str(leaf.comparator))
    return where(_part(leaf, view.cells(leaf.target).text), lambda text: form.search(text) is not None)


def _part_matches_not(view: View, leaf: Leaf) -> Mask:
    form = pattern(str(leaf.comparator))
    return where(_part(leaf, view.cells(leaf.target).text), lambda text: form.search(text) is None)


def _part_equal(view: View, leaf: Leaf) -> Mask:
    compared = comparand(view, leaf)
    part = _part(leaf, view.cells(leaf.target).text)
    return flags(pc.equal(part, compared.text if isinstance(compared, Cells) else str(compared)))


def _part_among(view: View, leaf: Leaf) -> Mask:
    return among(view, Cells(_part(leaf, view.cells(leaf.target).text)), leaf)


def _string_part(view: View, leaf: Leaf) -> Mask:
    """Return where the target is what a regular expression finds in the comparator."""
    form = pattern(leaf.regex or "")
    compared = comparand(view, leaf)
    if not isinstance(compared, Cells):
        raise NotSupported(f"{leaf.operator} with a value")
    return flags(
        pc.equal(view.cells(leaf.target).text, translated(compared.text, lambda text: _found(form, text)))
    )


def _found(form: re.Pattern[str], text: str) -> str | None:
    found = form.findall(text)
    return str(found[0]) if found else None


def _edge(test: Callable[[str, str], bool]) -> Operator:
    def hold(view: View, leaf: Leaf) -> Mask:
        edge = str(comparand(view, leaf))
        return where(view.cells(leaf.target).text, lambda text: test(text, edge))

    return hold


def among(view: View, target: Cells, leaf: Leaf, *, folded: bool = False) -> Mask:
    """Return the rows whose value is one of a list: of the rule, of the row, or all values of a column."""
    compared = comparand(view, leaf)
    column = pc.utf8_lower(target.text) if folded else target.text
    if isinstance(compared, Lists) and compared.only() is None:
        return _in_own_list(column, compared, folded=folded)
    if isinstance(compared, Lists):
        values = list(compared.only() or ())
    elif isinstance(compared, Cells):
        values = pc.unique(compared.text).drop_null().to_pylist()
    else:
        values = listed(view, compared)
    wanted = pa.array([one.lower() if folded else one for one in values], pa.string())
    return flags(pc.is_in(column, value_set=wanted)) & flags(column.is_valid())


def _in_own_list(column: pa.Array, lists: Lists, *, folded: bool) -> Mask:
    which = np.repeat(np.arange(len(lists.lists)), [len(one) for one in lists.lists])
    texts = [one.lower() if folded else one for each in lists.lists for one in each]
    known = keys_of([pa.array(which).cast(pa.string()), pa.array(texts, pa.string())])
    rows = keys_of([pa.array(lists.which).cast(pa.string()), column])
    return flags(pc.is_in(rows, value_set=known)) & flags(column.is_valid()) & (lists.which >= 0)


def _among(view: View, leaf: Leaf) -> Mask:
    target = view.needed(leaf.target)
    return _any_among(view, target, leaf) if isinstance(target, Lists) else among(view, target, leaf)


def _any_among(view: View, target: Lists, leaf: Leaf) -> Mask:
    """Return the rows of whose list one value is among those compared with."""
    compared = comparand(view, leaf)
    values = set((compared.only() or ()) if isinstance(compared, Lists) else listed(view, leaf.comparator))
    held = np.array([*(not values.isdisjoint(one) for one in target.lists), False])
    return held[target.which]


def _among_folded(view: View, leaf: Leaf) -> Mask:
    return among(view, view.cells(leaf.target), leaf, folded=True)


def contains(view: View, leaf: Leaf, *, folded: bool = False) -> Mask:
    """Return the rows whose list has a value, or whose text has it as a part."""
    target, compared = view.needed(leaf.target), comparand(view, leaf)
    if isinstance(compared, Cells | list | Lists) or compared is None:
        raise NotSupported(f"{leaf.operator} with a variable")
    wanted = str(compared).lower() if folded else str(compared)
    if isinstance(target, Lists):
        held = [wanted in ([text.lower() for text in one] if folded else one) for one in target.lists]
        return np.array([*held, False])[target.which]
    return where(target.text, lambda text: wanted in (text.lower() if folded else text))


def _contains_folded(view: View, leaf: Leaf) -> Mask:
    return contains(view, leaf, folded=True)


VALUES: Mapping[str, Operator] = {
    "exists": _exists,
    "not_exists": negated(_exists),
    "non_empty": _filled,
    "empty": negated(_filled),
    "equal_to": _equal,
    "not_equal_to": _unequal(_equal),
    "equal_to_case_insensitive": _equal_folded,
    "not_equal_to_case_insensitive": _unequal(_equal_folded),
    "greater_than": _sized(operator.gt),
    "greater_than_or_equal_to": _sized(operator.ge),
    "less_than": _sized(operator.lt),
    "less_than_or_equal_to": _sized(operator.le),
    "longer_than": _long(operator.gt),
    "longer_than_or_equal_to": _long(operator.ge),
    "shorter_than": _long(operator.lt),
    "shorter_than_or_equal_to": _long(operator.le),
    "has_equal_length": _long(operator.eq),
    "has_not_equal_length": _long(operator.ne),
    "matches_regex": _matches,
    "not_matches_regex": _matches_not,
    "prefix_matches_regex": _part_matches,
    "not_prefix_matches_regex": _part_matches_not,
    "suffix_matches_regex": _part_matches,
    "not_suffix_matches_regex": _part_matches_not,
    "prefix_equal_to": _part_equal,
    "prefix_not_equal_to": negated(_part_equal),
    "suffix_equal_to": _part_equal,
    "suffix_not_equal_to": negated(_part_equal),
    "prefix_is_contained_by": _part_among,
    "prefix_is_not_contained_by": negated(_part_among),
    "suffix_is_contained_by": _part_among,
    "suffix_is_not_contained_by": negated(_part_among),
    "equals_string_part": _string_part,
    "does_not_equal_string_part": negated(_string_part),
    "starts_with": _edge(str.startswith),
    "ends_with": _edge(str.endswith),
    "is_contained_by": _among,
    "is_not_contained_by": negated(_among),
    "is_contained_by_case_insensitive": _among_folded,
    "is_not_contained_by_case_insensitive": negated(_among_folded),
    "contains": contains,
    "does_not_contain": negated(contains),
    "contains_case_insensitive": _contains_folded,
    "does_not_contain_case_insensitive": negated(_contains_folded),
}
"""Operator -> the rows in which it holds, each row by itself."""
