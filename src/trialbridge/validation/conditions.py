"""The words in which a rule says which rows it means; each is one operation over whole columns.

A condition is a mapping of one word to what it asks: ``{filled: --ENDTC}``, ``{is: {AEOUT: FATAL}}``. A list
of conditions holds where all of them do. A variable is ``--DTC``, ``AESER``, or ``DM.RFSTDTC``: the value
that the subject has in DM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.timing import Times, as_mask, before
from trialbridge.validation.frame import Frame, Mask, Numbers
from trialbridge.validation.package import Package

Condition = Mapping[str, Any]

_JOINED = re.compile(r"([A-Z][A-Z0-9]+)\.([A-Z][A-Z0-9]*)")
_NO_ROW = -1


def holds(package: Package, frame: Frame, conditions: Sequence[Condition]) -> Mask:
    """Return the rows of `frame` in which all `conditions` hold.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> rows = [{"AEOUT": "FATAL", "AESDTH": "Y"}, {"AEOUT": "FATAL", "AESDTH": None}]
        >>> package = package_of({"AE": rows})
        >>> conditions = [{"is": {"AEOUT": "FATAL"}}, {"isnt": {"AESDTH": "Y"}}]
        >>> holds(package, package.frames["AE"], conditions).tolist()
        [False, True]
    """
    mask = np.ones(frame.rows, np.bool_)
    for condition in conditions:
        for word, asked in condition.items():
            mask &= WORDS[word](package, frame, asked)
    return mask


def filled(package: Package, frame: Frame, name: str) -> Mask:
    """Return in which rows a variable has a value; one of another domain is that of the subject."""
    joined = _JOINED.fullmatch(name)
    if joined is None:
        return frame.filled(name)
    other = package.frame(joined[1])
    if other is None:
        return np.zeros(frame.rows, np.bool_)
    rows = package.rows_in(frame, other)
    found: Mask = (rows >= 0) & np.append(other.filled(joined[2]), False)[rows]
    return found


def text(package: Package, frame: Frame, name: str) -> pa.Array:
    """Return the texts of a variable; one of another domain is that of the subject."""
    joined = _JOINED.fullmatch(name)
    if joined is None:
        return frame.text(name)
    other = package.frame(joined[1])
    if other is None:
        return pa.nulls(frame.rows, pa.string())
    rows = package.rows_in(frame, other)
    return other.text(joined[2]).take(pa.array(rows, mask=rows == _NO_ROW))


def times(package: Package, frame: Frame, name: str) -> Times:
    """Return the date-times of a variable; one of another domain is that of the subject."""
    joined = _JOINED.fullmatch(name)
    other = frame if joined is None else package.frame(joined[1])
    if joined is None or other is None:
        return frame.times(name if joined is None else joined[2])
    return other.times(joined[2]).take(package.rows_in(frame, other))


def numbers(package: Package, frame: Frame, name: str) -> Numbers:
    """Return the numbers of a variable; one of another domain is that of the subject."""
    joined = _JOINED.fullmatch(name)
    other = frame if joined is None else package.frame(joined[1])
    if joined is None or other is None:
        return frame.number(name if joined is None else joined[2])
    return np.append(other.number(joined[2]), np.nan)[package.rows_in(frame, other)]


def variables_of(conditions: Sequence[Condition]) -> Iterator[str]:
    """Yield the variables that conditions speak of, as they name them; those of sub-queries are not theirs.

    Example:
        >>> list(variables_of([{"filled": "--DTC"}, {"any": [{"is": {"AESER": "Y"}}]}]))
        ['--DTC', 'AESER']
    """
    for condition in conditions:
        for word, asked in condition.items():
            if word in {"any", "all"}:
                yield from variables_of(asked)
            elif word == "not":
                yield from variables_of([asked])
            elif word not in {"subject_has", "listed", "row_count"}:
                yield from _named(asked)
            elif word == "listed":
                yield from asked["values"]


def domains_of(conditions: Sequence[Condition]) -> Iterator[str]:
    """Yield the other domains that conditions look at."""
    for condition in conditions:
        for word, asked in condition.items():
            if word in {"any", "all"}:
                yield from domains_of(asked)
            elif word == "not":
                yield from domains_of([asked])
            elif word == "subject_has":
                yield asked["dataset"]
                yield from domains_of(asked.get("where", ()))
            elif word == "listed":
                yield asked["dataset"]
            else:
                yield from (found[1] for name in _named(asked) if (found := _JOINED.fullmatch(name)))


def _named(asked: Any) -> list[str]:
    if isinstance(asked, str):
        return [asked]
    if isinstance(asked, Mapping):
        return [
            *map(str, asked),
            *(one for one in asked.values() if isinstance(one, str) and is_variable(one)),
        ]
    return [str(one) for one in asked]


def is_variable(name: str) -> bool:
    """Return whether a text names a variable by its ending, or one of another domain."""
    return name.startswith("--") or _JOINED.fullmatch(name) is not None


def _each(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _filled(package: Package, frame: Frame, names: str | Sequence[str]) -> Mask:
    return _all(filled(package, frame, name) for name in _each(names))


def _empty(package: Package, frame: Frame, names: str | Sequence[str]) -> Mask:
    return _all(~filled(package, frame, name) for name in _each(names))


def _all(masks: Iterator[Mask]) -> Mask:
    return cast("Mask", np.logical_and.reduce(list(masks)))


def _is(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    return _all(_is_one_of(text(package, frame, name), wanted) for name, wanted in asked.items())


def _isnt(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    return _all(~_is_one_of(text(package, frame, name), wanted) for name, wanted in asked.items())


def _is_one_of(texts: pa.Array, wanted: Any) -> Mask:
    values = [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
    return cast(
        "Mask", pc.is_in(texts, value_set=pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
    )


def _matches(package: Package, frame: Frame, asked: Mapping[str, str]) -> Mask:
    return _all(_matching(package, frame, name, form, wanted=True) for name, form in asked.items())


def _unlike(package: Package, frame: Frame, asked: Mapping[str, str]) -> Mask:
    return _all(_matching(package, frame, name, form, wanted=False) for name, form in asked.items())


def _matching(package: Package, frame: Frame, name: str, form: str, *, wanted: bool) -> Mask:
    found = pc.match_substring_regex(text(package, frame, name), f"^(?:{form})$")
    kept = found if wanted else pc.invert(found)
    return as_mask(kept)


def _equal(package: Package, frame: Frame, pair: Sequence[str]) -> Mask:
    first, second = (text(package, frame, name) for name in pair)
    return as_mask(pc.equal(first, second))


def _differ(package: Package, frame: Frame, pair: Sequence[str]) -> Mask:
    first, second = (text(package, frame, name) for name in pair)
    return as_mask(pc.not_equal(first, second))


def _unequal_numbers(package: Package, frame: Frame, pair: Sequence[str]) -> Mask:
    first, second = (numbers(package, frame, name) for name in pair)
    return ~np.isnan(first) & ~np.isnan(second) & ~np.isclose(first, second, rtol=1e-9, atol=0)


def _before(package: Package, frame: Frame, pair: Sequence[str]) -> Mask:
    first, second = (times(package, frame, name) for name in pair)
    return before(first, second)


def _after(package: Package, frame: Frame, pair: Sequence[str]) -> Mask:
    return _before(package, frame, pair[::-1])


def _no_date(package: Package, frame: Frame, name: str) -> Mask:
    return times(package, frame, name).faulty


def _precise(package: Package, frame: Frame, asked: Mapping[str, int]) -> Mask:
    return _all(times(package, frame, name).precision >= least for name, least in asked.items())


def _imprecise(package: Package, frame: Frame, asked: Mapping[str, int]) -> Mask:
    found = [(times(package, frame, name), least) for name, least in asked.items()]
    return _all(read.valid & (read.precision < least) for read, least in found)


def _below(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    return _all(
        numbers(package, frame, name) < _limit(package, frame, limit) for name, limit in asked.items()
    )


def _above(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    return _all(
        numbers(package, frame, name) > _limit(package, frame, limit) for name, limit in asked.items()
    )


def _limit(package: Package, frame: Frame, limit: Any) -> Any:
    return numbers(package, frame, limit) if isinstance(limit, str) else float(limit)


def _numeric(package: Package, frame: Frame, name: str) -> Mask:
    return ~np.isnan(numbers(package, frame, name))


def _not_numeric(package: Package, frame: Frame, name: str) -> Mask:
    return filled(package, frame, name) & np.isnan(numbers(package, frame, name))


def _longer(package: Package, frame: Frame, asked: Mapping[str, int]) -> Mask:
    lengths = [(pc.utf8_length(text(package, frame, name)), most) for name, most in asked.items()]
    return _all(pc.fill_null(found, 0).to_numpy(zero_copy_only=False) > most for found, most in lengths)


def _any(package: Package, frame: Frame, conditions: Sequence[Condition]) -> Mask:
    masks = [holds(package, frame, [condition]) for condition in conditions]
    return cast("Mask", np.logical_or.reduce(masks))


def _not(package: Package, frame: Frame, condition: Condition) -> Mask:
    return ~holds(package, frame, [condition])


def _subject_has(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    """Return the rows whose subject has a row in a domain, such as meets conditions."""
    other = package.frame(asked["dataset"])
    if other is None:
        return np.zeros(frame.rows, np.bool_)
    return package.subjects_with(frame, other, holds(package, other, asked.get("where", ())))


def _listed(package: Package, frame: Frame, asked: Mapping[str, Any]) -> Mask:
    """Return the rows whose combination of values is one of another domain's."""
    other = package.frame(asked["dataset"])
    if other is None:
        return np.zeros(frame.rows, np.bool_)
    chosen = pa.array(holds(package, other, asked.get("where", ())))
    names = asked.get("as", asked["values"])
    there = pa.table({str(at): other.text(name).filter(chosen) for at, name in enumerate(names)})
    known = {tuple(row.values()) for row in there.group_by(there.column_names).aggregate([]).to_pylist()}
    groups = frame.groups(asked["values"])
    first = np.unique(groups, return_index=True)[1]
    columns = [frame.text(name).take(pa.array(first)).to_pylist() for name in asked["values"]]
    found = np.array([row in known for row in zip(*columns, strict=True)], np.bool_)
    return cast("Mask", found[groups]) if frame.rows else np.zeros(0, np.bool_)


Word = Callable[[Package, Frame, Any], Mask]

WORDS: Mapping[str, Word] = {
    "filled": _filled,
    "empty": _empty,
    "is": _is,
    "isnt": _isnt,
    "matches": _matches,
    "unlike": _unlike,
    "equal": _equal,
    "differ": _differ,
    "unequal_numbers": _unequal_numbers,
    "before": _before,
    "after": _after,
    "no_date": _no_date,
    "precise": _precise,
    "imprecise": _imprecise,
    "below": _below,
    "above": _above,
    "numeric": _numeric,
    "not_numeric": _not_numeric,
    "longer": _longer,
    "any": _any,
    "all": holds,
    "not": _not,
    "subject_has": _subject_has,
    "listed": _listed,
}
"""Word -> the rows in which it holds."""
