"""What the operators of published rules mean for one value: small definitions, not those of the engine."""

from __future__ import annotations

import re
from typing import Any

from trialbridge.core_rules.model import Leaf


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_empty(value: Any) -> bool:
    return value in {None, "", ()}


def date(value: Any) -> str | None:
    """Return a complete date as text that sorts; nothing else counts as one."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    return None


def same(first: Any, second: Any) -> bool:
    if isinstance(first, bool) or isinstance(second, bool):
        return str(first) == str(second)
    if isinstance(first, int | float) != isinstance(second, int | float):
        return str(first) == str(second)
    return bool(first == second)


def _numbers(test: Any) -> Any:
    def meaning(target: Any, other: Any, _: Leaf) -> bool:
        try:
            return bool(test(float(target), float(other)))
        except (TypeError, ValueError):
            return False

    return meaning


def _dates(test: Any) -> Any:
    def meaning(target: Any, other: Any, _: Leaf) -> bool:
        first, second = date(target), date(other)
        return first is not None and second is not None and bool(test(first, second))

    return meaning


def _lengths(test: Any) -> Any:
    return lambda target, other, _: is_text(target) and isinstance(other, int) and test(len(target), other)


def _matching(how: Any, *, wanted: bool, cut: Any = lambda text, _: text) -> Any:
    def meaning(target: Any, other: Any, leaf: Leaf) -> bool:
        text = str(target) if isinstance(target, int) else target
        return is_text(text) and bool(how(str(other), cut(text, leaf))) == wanted

    return meaning


def _begin(text: str, leaf: Leaf) -> str:
    return text[: leaf.prefix]


def _end(text: str, leaf: Leaf) -> str:
    return text[-(leaf.suffix or 0) :]


def among(target: Any, other: Any, _: Leaf) -> bool:
    listed = other if isinstance(other, list | tuple) else [other]
    return not is_empty(target) and any(same(target, one) for one in listed)


def _fold(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_fold(one) for one in value]
    return value.lower() if isinstance(value, str) else value


def differs(target: Any, other: Any, leaf: Leaf) -> bool:
    if is_empty(target) and is_empty(other):
        return False
    return not MEANINGS["equal_to"](target, other, leaf)


MEANINGS: dict[str, Any] = {
    "empty": lambda target, _, __: is_empty(target),
    "non_empty": lambda target, _, __: not is_empty(target),
    "equal_to": lambda target, other, _: not is_empty(target) and not is_empty(other) and same(target, other),
    "not_equal_to": differs,
    "equal_to_case_insensitive": lambda target, other, _: is_text(target) and _fold(target) == _fold(other),
    "not_equal_to_case_insensitive": lambda t, o, leaf: differs(_fold(t), _fold(o), leaf),
    "is_contained_by": among,
    "is_contained_by_case_insensitive": lambda target, other, leaf: among(_fold(target), _fold(other), leaf),
    "prefix_is_contained_by": lambda target, other, leaf: is_text(target) and _begin(target, leaf) in other,
    "suffix_is_contained_by": lambda target, other, leaf: is_text(target) and _end(target, leaf) in other,
    "prefix_equal_to": lambda target, other, leaf: is_text(target) and _begin(target, leaf) == other,
    "starts_with": lambda target, other, _: is_text(target) and target.startswith(str(other)),
    "ends_with": lambda target, other, _: is_text(target) and target.endswith(str(other)),
    "contains": lambda target, other, _: not is_empty(target) and other in target,
    "greater_than": _numbers(lambda a, b: a > b),
    "greater_than_or_equal_to": _numbers(lambda a, b: a >= b),
    "less_than": _numbers(lambda a, b: a < b),
    "less_than_or_equal_to": _numbers(lambda a, b: a <= b),
    "date_greater_than": _dates(lambda a, b: a > b),
    "date_greater_than_or_equal_to": _dates(lambda a, b: a >= b),
    "date_less_than": _dates(lambda a, b: a < b),
    "date_less_than_or_equal_to": _dates(lambda a, b: a <= b),
    "date_equal_to": _dates(lambda a, b: a == b),
    "date_not_equal_to": _dates(lambda a, b: a != b),
    "is_complete_date": lambda target, _, __: date(target) is not None,
    "is_incomplete_date": lambda target, _, __: date(target) is None,
    "invalid_date": lambda target, _, __: not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", str(target)),
    "invalid_duration": lambda target, _, __: not re.fullmatch(r"P\d+[DWMY]", str(target)),
    "longer_than": _lengths(lambda a, b: a > b),
    "shorter_than": _lengths(lambda a, b: a < b),
    "has_not_equal_length": _lengths(lambda a, b: a != b),
    "matches_regex": _matching(re.match, wanted=True),
    "not_matches_regex": _matching(re.match, wanted=False),
    "prefix_matches_regex": _matching(re.search, wanted=True, cut=_begin),
    "not_prefix_matches_regex": _matching(re.search, wanted=False, cut=_begin),
    "suffix_matches_regex": _matching(re.search, wanted=True, cut=_end),
    "not_suffix_matches_regex": _matching(re.search, wanted=False, cut=_end),
}
"""Operator -> what it means for one value."""
