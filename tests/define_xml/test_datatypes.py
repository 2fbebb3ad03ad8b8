"""Data types, lengths and digits hold for every value that they were taken from."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.define_xml.datatypes import (
    fitting_form,
    has_form,
    number_digits,
    value_shape,
    variable_shape,
)
from trialbridge.model import Variable

TEXT = Variable("XXORRES", "Result")
NUMBER = Variable("XXSTRESN", "Result", "Num")

DATES = [
    (["2014-01-02", "2015-12-31"], "date"),
    (["2014-01-02T10:11:12", "2014-01-02T10:11:12.5Z"], "datetime"),
    (["2014-01-02", "2014"], "partialDate"),
    (["2014-01-02T10:11", "2014-01"], "partialDatetime"),
    (["2014-01-02T10:11:12", "2014-01-02"], "partialDatetime"),
    (["2014---15", "--12-15", "-----T07:15"], "incompleteDatetime"),
    (["2014-01/2014-02"], "intervalDatetime"),
    (["last spring"], "text"),
    ([None], "date"),
]


@pytest.mark.parametrize(("values", "expected"), DATES)
def test_dates(values: list[str | None], expected: str) -> None:
    shape = variable_shape(Variable("AESTDTC", "Start"), pa.chunked_array([pa.array(values, pa.string())]))
    assert (shape.data_type, shape.length is None) == (expected, expected != "text")


def test_durations() -> None:
    shape = variable_shape(Variable("VSELTM", "Elapsed"), pa.chunked_array([["PT5M", "-P1DT2H", "P2W"]]))
    assert (shape.data_type, shape.length) == ("durationDatetime", None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-20"], ("integer", 3, None)),
        (["1.50", "2"], ("float", 4, 2)),
        (["007"], ("text", 3, None)),
        (["<5", "6"], ("text", 2, None)),
        (["µg"], ("text", 3, None)),
        (["2014-01-02"], ("date", None, None)),
    ],
)
def test_results_as_text(values: list[str], expected: tuple[str, int | None, int | None]) -> None:
    shape = value_shape(TEXT, pa.chunked_array([values]))
    assert (shape.data_type, shape.length, shape.significant_digits) == expected


@given(st.lists(st.decimals(min_value=-(10**6), max_value=10**6, places=4), min_size=1))
def test_digits_are_as_many_as_the_numbers_need(numbers: list[Decimal]) -> None:
    needed = max(max(0, -int(number.normalize().as_tuple().exponent)) for number in numbers)
    column = pa.chunked_array([pa.array([float(number) for number in numbers])])
    assert number_digits(column) == needed
    assert value_shape(NUMBER, column).data_type == ("float" if needed else "integer")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1))
def test_text_is_as_long_as_its_longest_value(values: list[str]) -> None:
    shape = variable_shape(Variable("AETERM", "Term"), pa.chunked_array([values]))
    assert shape.length == max(len(value.encode()) for value in values)


@given(st.lists(st.from_regex(r"\A[-0-9T:P.<a/]{1,12}\Z"), min_size=1))
def test_every_value_has_the_form_that_fits_the_column(values: list[str]) -> None:
    form = fitting_form(pa.chunked_array([values]), ("integer", "float", "date", "partialDatetime"))
    assert form is None or all(has_form(pa.array([value]), form) for value in values)


def test_declared_length_and_digits_stand() -> None:
    variable = Variable("LBSTRESN", "Result", "Num", length=8, significant_digits=3)
    assert variable_shape(variable, pa.chunked_array([[1.5]])).significant_digits == 3
    assert variable_shape(Variable("AETERM", "Term", length=200), pa.chunked_array([["a"]])).length == 200
