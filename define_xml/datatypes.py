"""What the values themselves say: Define-XML data type, length and significant digits of a column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import flat, once
from trialbridge.model import Variable

NUM_LENGTH = 8
_MOST_DIGITS = 12
_SAME = 1e-12

_ZONE = r"(Z|[+-]\d\d:\d\d)?"
_PART = r"(\d\d|-)"
_SECOND = r"(\d\d(\.\d+)?|-)"
_CLOCK = r"\d\d(:\d\d(:\d\d(\.\d+)?)?)?"
TEXT_FORMS = {
    "integer": r"^-?(0|[1-9]\d*)$",
    "float": r"^-?(0|[1-9]\d*)(\.\d+)?$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "datetime": rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?{_ZONE}$",
    "time": rf"^T?\d\d:\d\d:\d\d(\.\d+)?{_ZONE}$",
    "partialDate": r"^\d{4}(-\d\d(-\d\d)?)?$",
    "partialDatetime": rf"^\d{{4}}(-\d\d(-\d\d(T{_CLOCK}{_ZONE})?)?)?$",
    "incompleteDatetime": rf"^(\d{{4}}|-)(-{_PART}(-{_PART}(T{_PART}(:{_PART}(:{_SECOND})?)?{_ZONE})?)?)?$",
    "durationDatetime": r"^[+-]?P(\d+(\.\d+)?[YMWDHS]|T)+$",
    "intervalDatetime": r"^[^/]+/[^/]+$",
}
"""The lexical form of each data type of Define-XML, narrow ones first."""

_DATES = ("date", "datetime", "partialDate", "partialDatetime", "incompleteDatetime", "intervalDatetime")
_DURATIONS = ("durationDatetime", "intervalDatetime")
_NAMED = {"DTC": _DATES, "DUR": _DURATIONS, "ELTM": _DURATIONS, "STINT": _DURATIONS, "ENINT": _DURATIONS}
_UNNAMED = ("integer", "float", "date", "datetime", "partialDatetime", "durationDatetime")
_WITH_LENGTH = {"text", "integer", "float"}


@dataclass(frozen=True, slots=True)
class Shape:
    """Data type, length and significant digits, as an ``ItemDef`` states them."""

    data_type: str
    length: int | None = None
    significant_digits: int | None = None


def variable_shape(variable: Variable, column: pa.ChunkedArray) -> Shape:
    """Return the shape of a whole variable: what it declares, and for the rest what its values say.

    Example:
        >>> variable_shape(Variable("LBDTC", "Date"), pa.chunked_array([["2014-01-02", "2014-02"]]))
        Shape(data_type='partialDate', length=None, significant_digits=None)
    """
    if variable.type == "Num":
        return _number_shape(variable, column)
    forms = next((forms for ending, forms in _NAMED.items() if variable.name.endswith(ending)), ())
    data_type = fitting_form(column, forms) or "text"
    return Shape(data_type, (variable.length or longest(column)) if data_type == "text" else None)


def value_shape(variable: Variable, column: pa.ChunkedArray) -> Shape:
    """Return the shape of some values of a variable, as value-level metadata states it.

    Example:
        >>> value_shape(Variable("LBORRES", "Result"), pa.chunked_array([["3.8", "4"]]))
        Shape(data_type='float', length=3, significant_digits=1)
    """
    if variable.type == "Num":
        return _number_shape(variable, column)
    data_type = fitting_form(column, _UNNAMED) or "text"
    digits = text_digits(column) if data_type == "float" else None
    return Shape(data_type, longest(column) if data_type in _WITH_LENGTH else None, digits)


def fitting_form(column: pa.ChunkedArray, forms: tuple[str, ...]) -> str | None:
    """Return the first of `forms` that every value has; the first of all where there is no value."""
    return next((form for form in forms if has_form(distinct_values(column), form)), None)


def distinct_values(column: pa.ChunkedArray) -> pa.Array:
    """Return the distinct values of a column without null, in the order in which they come.

    Example:
        >>> distinct_values(pa.chunked_array([["b", None, "a", "b"]])).to_pylist()
        ['b', 'a']
    """
    return once(flat(column), _distinct_values)


def _distinct_values(column: pa.Array) -> pa.Array:
    return pc.unique(column).drop_null()


def has_form(values: pa.Array, form: str) -> bool:
    """Return whether every one of `values` is written as the data type `form` is written."""
    return bool(pc.all(pc.match_substring_regex(values, TEXT_FORMS[form]), min_count=0).as_py())


def longest(column: pa.ChunkedArray) -> int:
    """Return the bytes of the longest value, 1 where there is none.

    Example:
        >>> longest(pa.chunked_array([["a", "µg", None]]))
        3
    """
    return max(pc.max(pc.binary_length(column)).as_py() or 1, 1)


def text_digits(column: pa.ChunkedArray) -> int:
    """Return the most digits after the point among numbers written as text."""
    fractions = pc.replace_substring_regex(distinct_values(column), r"^[^.]*\.?", "")
    return pc.max(pc.utf8_length(fractions)).as_py() or 0


def number_digits(column: pa.ChunkedArray) -> int:
    """Return how many digits after the point the numbers need: 0 for whole ones.

    Example:
        >>> number_digits(pa.chunked_array([[1.5, 2.25, None]]))
        2
    """
    values = np.abs(distinct_values(column).to_numpy(zero_copy_only=False).astype(float))
    values = values[np.isfinite(values)]
    return next((digits for digits in range(_MOST_DIGITS) if _written_with(values, digits)), _MOST_DIGITS)


def _written_with(values: np.ndarray, digits: int) -> bool:
    """Return whether `digits` after the point say `values` fully."""
    scaled = values * 10.0**digits
    return bool(np.all(np.abs(scaled - np.rint(scaled)) <= _SAME * np.maximum(scaled, 1.0)))


def _number_shape(variable: Variable, column: pa.ChunkedArray) -> Shape:
    """Return the shape of numbers: integers unless one of them is none."""
    digits = number_digits(column)
    if digits == 0:
        return Shape("integer", variable.length or NUM_LENGTH)
    return Shape("float", variable.length or NUM_LENGTH, max(digits, variable.significant_digits or 0))
