"""Operators that look at many rows at once: unique, consistent, in order, next to each other, whole lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.core_rules.cells import Cells, Lists, codes_of, flags, translated
from trialbridge.core_rules.compared import comparand, listed, pattern
from trialbridge.core_rules.lacking import Absent, NotSupported
from trialbridge.core_rules.model import Leaf
from trialbridge.core_rules.operators_dates import moments
from trialbridge.core_rules.operators_values import Operator, negated
from trialbridge.core_rules.view import View
from trialbridge.timing import Times
from trialbridge.validation.frame import Mask, Rows


def _codes(view: View, name: str) -> tuple[Rows, Mask]:
    cells = view.cells(name)
    return codes_of([cells.text]), cells.filled


def _unique(view: View, leaf: Leaf) -> Mask:
    """Return the rows whose combination of values no other row has; a blank is a value."""
    target = view.find(leaf.target)
    if target is None:
        raise Absent(f"no {view.resolve(leaf.target)}")
    named = [*listed(view, leaf.target), *(listed(view, leaf.comparator) if leaf.comparator else ())]
    there = [name for name in dict.fromkeys(map(view.resolve, named)) if isinstance(view.find(name), Cells)]
    if leaf.regex is None:
        codes = view.codes(there)
    else:
        codes = codes_of([cut(view.cells(name).text, leaf.regex) for name in there])
    return np.bincount(codes)[codes] <= 1 if len(codes) else np.zeros(0, np.bool_)


def cut(column: pa.Array, form: str) -> pa.Array:
    """Return what a regular expression finds in each text, where the column's first text has it.

    Example:
        >>> cut(pa.array(["2014-01-02T10:00", "x"]), "^.{10}").to_pylist()
        ['2014-01-02', None]
    """
    filled = column.drop_null()
    compiled = pattern(form)
    if not len(filled) or compiled.match(filled[0].as_py()) is None:
        return column
    return translated(column, lambda text: next(iter(compiled.findall(text)), None))


def _many_to_one(view: View, leaf: Leaf) -> Mask:
    """Return the rows whose value, of either of two variables, has more than one of the other."""
    if isinstance(leaf.comparator, list) and len(leaf.comparator) != 1:
        raise NotSupported(f"{leaf.operator} with several variables")
    other = leaf.comparator[0] if isinstance(leaf.comparator, list) else str(leaf.comparator)
    (first, first_filled), (second, second_filled) = _codes(view, leaf.target), _codes(view, other)
    if not len(first):
        return np.zeros(0, np.bool_)
    known = np.unique(first * (second.max() + 1) + second)
    firsts, seconds = np.divmod(known, second.max() + 1)
    many_firsts, many_seconds = np.bincount(firsts) > 1, np.bincount(seconds) > 1
    return (many_firsts[first] & first_filled) | (many_seconds[second] & second_filled)


def _inconsistent(view: View, leaf: Leaf) -> Mask:
    """Return the rows that have not the value that most of their group have; all where no value leads."""
    asked = leaf.comparator if isinstance(leaf.comparator, list) else [leaf.comparator]
    there = [name for name in asked if isinstance(view.find(name), Cells)]
    target, _ = _codes(view, leaf.target)
    if not len(target):
        return np.zeros(0, np.bool_)
    group = view.codes(there) if there else np.zeros(view.rows, np.int64)
    _, pair, counts = np.unique(group * (target.max() + 1) + target, return_inverse=True, return_counts=True)
    group_of_pair = np.zeros(len(counts), np.int64)
    group_of_pair[pair] = group
    most = np.zeros(group.max() + 1, np.int64)
    np.maximum.at(most, group_of_pair, counts)
    at_most = np.bincount(group_of_pair[counts == most[group_of_pair]], minlength=len(most))
    values = np.bincount(group_of_pair, minlength=len(most))
    minority = (counts[pair] < most[group]) | (at_most[group] > 1)
    return (values[group] > 1) & minority


def _many_rows(view: View, leaf: Leaf) -> Mask:
    """Return the rows whose value stands more often in its group than allowed."""
    within = leaf.within if isinstance(leaf.within, list) else [leaf.within or ""]
    codes = codes_of([view.cells(name).text for name in (*within, leaf.target)])
    return np.bincount(codes)[codes] > int(leaf.comparator or 1) if len(codes) else np.zeros(0, np.bool_)


def _few_rows(view: View, leaf: Leaf) -> Mask:
    return view.cells(leaf.target).filled & ~_many_rows(view, leaf)


def _same_values(view: View, leaf: Leaf) -> Mask:
    return np.full(view.rows, len(pc.unique(view.cells(leaf.target).text)) <= 1)


def order_of(view: View, groups: Sequence[str], ordering: str | None) -> tuple[Rows, Rows]:
    """Return the rows put in order of a variable within groups, and the group of each of these."""
    codes = codes_of([view.cells(name).text for name in groups])
    by = ranks(view.cells(ordering)) if ordering else np.zeros(view.rows)
    order = np.lexsort((np.arange(view.rows), by, codes))
    return order, codes[order]


def ranks(cells: Cells) -> Rows:
    """Return what to put values in order by: numbers by size, dates by time, else text; blanks last.

    Example:
        >>> ranks(Cells(pa.array(["2014-02", "2014-01-05", None]))).argsort().tolist()
        [1, 0, 2]
    """
    if cells.numeric:
        keys = np.where(np.isnan(cells.number), np.inf, cells.number)
    elif bool(cells.times.valid[cells.filled].all()):
        keys = np.where(cells.filled, cells.times.instant.astype(np.float64), np.inf)
    else:
        known = pa.array(sorted(pc.unique(cells.text.drop_null()).to_pylist()), pa.string())
        keys = pc.fill_null(pc.index_in(cells.text, known), len(known)).to_numpy(zero_copy_only=False)
    return np.unique(keys, return_inverse=True)[1]


def _empty_but_last(view: View, leaf: Leaf) -> Mask:
    """Return the blank rows that are not the last of their group."""
    order, groups = order_of(view, [str(leaf.comparator)], leaf.ordering)
    followed = np.append(groups[1:] == groups[:-1], False)[: len(groups)]
    found = np.zeros(view.rows, np.bool_)
    found[order] = followed
    return found & ~view.cells(leaf.target).filled


def _filled_but_last(view: View, leaf: Leaf) -> Mask:
    order, groups = order_of(view, [str(leaf.comparator)], leaf.ordering)
    found = np.zeros(view.rows, np.bool_)
    found[order] = np.append(groups[1:] == groups[:-1], False)[: len(groups)]
    return found & view.cells(leaf.target).filled


def _next_differs(view: View, leaf: Leaf) -> Mask:
    """Return the rows whose value is not that of another variable in the next row of the group."""
    within = leaf.within if isinstance(leaf.within, list) else [leaf.within or ""]
    order, groups = order_of(view, within, leaf.ordering)
    target = view.cells(leaf.target).text.take(pa.array(order))
    following = view.cells(str(leaf.comparator)).text.take(pa.array(order))
    same = flags(pc.equal(target[:-1], following[1:])) if len(order) else np.zeros(0, np.bool_)
    found = np.zeros(view.rows, np.bool_)
    found[order[:-1]] = (groups[1:] == groups[:-1]) & ~same
    return found


def _next_equal(view: View, leaf: Leaf) -> Mask:
    return ~_next_differs(view, leaf)


def _unsorted(view: View, leaf: Leaf) -> Mask:
    """Return the rows that are not in the order that other variables give, or cannot be placed in it."""
    within = leaf.within if isinstance(leaf.within, list) else [leaf.within or ""]
    found = np.zeros(view.rows, np.bool_)
    for key in leaf.comparator:
        if key.get("sort_order", "asc").lower() != "asc":
            raise NotSupported("an order from high to low")
        found |= _misplaced(view, leaf.target, view.resolve(key["name"]), within)
    return found


def _misplaced(view: View, target: str, key: str, within: Sequence[str]) -> Mask:
    targets, keys = view.cells(target), view.cells(key)
    placed = targets.filled & keys.filled
    found = ~placed
    order, groups = order_of(view, within, key)
    order, groups = order[placed[order]], groups[placed[order]]
    together = groups[1:] == groups[:-1]
    rank = ranks(targets)[order]
    wrong = together & (rank[:-1] > rank[1:])
    found[order[:-1][wrong]] = found[order[1:][wrong]] = True
    if not keys.numeric:
        found |= _undecided(keys.times, order, together, view.rows)
    return found


def _undecided(times: Times, order: Rows, together: Mask, rows: int) -> Mask:
    """Return the rows whose date is too imprecise to say whether it is before its neighbour's."""
    before, after = times.take(order[:-1]), times.take(order[1:])
    one, other, known = moments(before, after)
    overlaps = together & known & (one == other) & (before.precision != after.precision)
    found = np.zeros(rows, np.bool_)
    found[order[:-1][overlaps & (before.precision < after.precision)]] = True
    found[order[1:][overlaps & (before.precision > after.precision)]] = True
    return found


def _enumerated(view: View, leaf: Leaf) -> Mask:
    """Return the rows in which a numbered variable is filled, and the one before it is not."""
    stem = view.resolve(leaf.target)
    variables = view.frame.variables if view.frame is not None else {}
    numbered = {name: name.removeprefix(stem) for name in variables if name.startswith(stem)}
    names = sorted((int(rest or 0), name) for name, rest in numbered.items() if not rest or rest.isdigit())
    found = np.zeros(view.rows, np.bool_)
    for (_, before), (_, after) in pairwise(names):
        found |= view.cells(after).filled & ~view.cells(before).filled
    return found


def _has_all(view: View, leaf: Leaf) -> Mask:
    """Return, in every row, whether the values of a variable comprise a list."""
    target = view.needed(leaf.target)
    values = target.only() if isinstance(target, Lists) else pc.unique(target.text).drop_null().to_pylist()
    lacking = [one for one in listed(view, leaf.comparator) if one not in set(values or ())]
    if lacking:
        view.notes.append(", ".join(lacking))
    return np.full(view.rows, not lacking)


def _two_lists(view: View, leaf: Leaf) -> tuple[Sequence[str], Sequence[str]]:
    first, second = view.needed(leaf.target), comparand(view, leaf)
    if not isinstance(first, Lists) or not isinstance(second, Lists):
        raise NotSupported(f"{leaf.operator} of what are no lists")
    return first.only() or (), second.only() or ()


def _shares_none(view: View, leaf: Leaf) -> Mask:
    first, second = _two_lists(view, leaf)
    return np.full(view.rows, set(first).isdisjoint(second))


def _shares_one(view: View, leaf: Leaf) -> Mask:
    first, second = _two_lists(view, leaf)
    return np.full(view.rows, len(set(first) & set(second)) == 1)


def _ordered_subset(view: View, leaf: Leaf) -> Mask:
    """Return, in every row, whether a list has its members in the order of another."""
    first, second = _two_lists(view, leaf)
    places = {name: place for place, name in enumerate(second)}
    strangers = [name for name in first if name not in places]
    known = [name for name in first if name in places]
    late = [b for a, b in pairwise(known) if places[a] > places[b]]
    view.notes.extend(strangers + late)
    return np.full(view.rows, not strangers and not late)


ROWS: Mapping[str, Operator] = {
    "is_unique_set": _unique,
    "is_not_unique_set": negated(_unique),
    "is_not_unique_relationship": _many_to_one,
    "is_unique_relationship": negated(_many_to_one),
    "is_inconsistent_across_dataset": _inconsistent,
    "present_on_multiple_rows_within": _many_rows,
    "not_present_on_multiple_rows_within": _few_rows,
    "has_same_values": _same_values,
    "has_different_values": negated(_same_values),
    "empty_within_except_last_row": _empty_but_last,
    "non_empty_within_except_last_row": _filled_but_last,
    "has_next_corresponding_record": _next_equal,
    "does_not_have_next_corresponding_record": _next_differs,
    "target_is_sorted_by": negated(_unsorted),
    "target_is_not_sorted_by": _unsorted,
    "inconsistent_enumerated_columns": _enumerated,
    "contains_all": _has_all,
    "not_contains_all": negated(_has_all),
    "shares_no_elements_with": _shares_none,
    "shares_at_least_one_element_with": negated(_shares_none),
    "shares_exactly_one_element_with": _shares_one,
    "is_ordered_subset_of": _ordered_subset,
    "is_not_ordered_subset_of": negated(_ordered_subset),
}
"""Operator -> the rows in which it holds, by what stands in other rows."""
