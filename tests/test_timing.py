"""Dates and times as text, case by case."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from trialbridge.timing import (
    Precision,
    Times,
    before,
    check_dtc,
    earliest,
    latest,
    parse_dtc,
    same_day,
    study_day,
    to_dtc,
)


def times(*texts: str | None) -> Times:
    return parse_dtc(pa.array(texts, pa.string()))


def moments(values: np.ndarray) -> list[str]:
    return values.astype("datetime64[us]").astype("datetime64[s]").astype(str).tolist()


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2014", Precision.YEAR),
        ("2014-03", Precision.MONTH),
        ("2014-03-05", Precision.DAY),
        ("2014-03-05T07", Precision.HOUR),
        ("2014-03-05T07:08", Precision.MINUTE),
        ("2014-03-05T07:08:09", Precision.SECOND),
        ("2014-03-05T07:08:09.5", Precision.FRACTION),
        ("2014-03-05T07:08:09.123456789Z", Precision.FRACTION),
        ("2014-03-05T07:08+05:30", Precision.MINUTE),
        ("2014-03-05T07-05", Precision.HOUR),
        ("2014---05", Precision.YEAR),
        ("--03-05", Precision.NONE),
        ("-----T07:08", Precision.NONE),
        ("2014-03-05T-:08", Precision.DAY),
        ("2014-03-05T07:-:09", Precision.HOUR),
        ("2014-03-05/2014-03-09", Precision.MONTH),
        ("2014-03-05T07:08/2014-03-05T07:40", Precision.HOUR),
        ("2016-02-29", Precision.DAY),
        ("2000-02-29", Precision.DAY),
        ("--02-29", Precision.NONE),
        ("2016-12-31T23:59:60Z", Precision.SECOND),
        ("0001-01-01", Precision.DAY),
        ("9999-12-31", Precision.DAY),
    ],
)
def test_legal_form_is_read_to_the_precision_it_has(text: str, precision: Precision) -> None:
    read = times(text)
    assert read.valid.tolist() == [True]
    assert read.precision.tolist() == [precision]


@pytest.mark.parametrize(
    "text",
    [
        "2014-02-30",
        "2015-02-29",
        "1900-02-29",
        "2014-13",
        "2014-00",
        "2014-04-31",
        "2014-01-00",
        "0000",
        "--04-31",
        "--02-30",
        "2014-03-05T24:00",
        "2014-03-05T25",
        "2014-03-05T07:60",
        "2014-03-05T07:08:60",
        "2014-03-05T07:08:61",
        "2014-03-05T07:08+15:00",
        "2014-03-05T07:08+05:60",
        "2014-03-09/2014-03-05",
    ],
)
def test_impossible_date_has_the_form_but_is_not_valid(text: str) -> None:
    read = times(text)
    assert (read.formed.tolist(), read.valid.tolist()) == ([True], [False])
    assert check_dtc(pa.array([text])).tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "20140305",
        "05MAR2014",
        "03/05/2014",
        "2014-3-5",
        "2014--",
        "2014-03--",
        "2014-03-05T",
        "2014-03-05T-",
        "2014-03-05T07:",
        "2014-03-05T07:-Z",
        "2014-03-05 07:08",
        "2014-03-05t07:08Z",
        "2014-03-05T07:08z",
        "2014-03-05Z",
        "2014-03-05T07:08:09.",
        "2014-03-05T07:08+0530",
        " 2014-03-05",
        "2014-03-05\n",
        "2014/",
        "٢٠١٤",
        "UNK",
    ],
)
def test_other_text_is_not_iso_8601(text: str) -> None:
    read = times(text)
    assert (read.formed.tolist(), read.valid.tolist()) == ([False], [False])
    assert to_dtc(pa.array([text])).to_pylist() == [None]


def test_null_is_neither_given_nor_faulty() -> None:
    read = times(None)
    assert not read.given[0]
    assert not read.faulty[0]


def test_text_stands_for_all_moments_it_allows() -> None:
    read = times("2014", "2014-02", "2014-02-28", "2014-12-31T23", "2014---05")
    assert moments(read.start) == [
        "2014-01-01T00:00:00",
        "2014-02-01T00:00:00",
        "2014-02-28T00:00:00",
        "2014-12-31T23:00:00",
        "2014-01-01T00:00:00",
    ]
    assert moments(read.stop) == [
        "2015-01-01T00:00:00",
        "2014-03-01T00:00:00",
        "2014-03-01T00:00:00",
        "2015-01-01T00:00:00",
        "2015-01-01T00:00:00",
    ]


def test_instant_is_utc_and_day_is_as_written() -> None:
    read = times("2014-01-02T01:30+09:00", "2014-01-01T23:30:00-05:00", "2014-01-02T01:30")
    assert moments(read.instant) == ["2014-01-01T16:30:00", "2014-01-02T04:30:00", "2014-01-02T01:30:00"]
    assert (read.day - read.day[1]).tolist() == [1, 0, 1]
    assert read.has_zone.tolist() == [True, True, False]


def test_dictionary_and_chunks_are_read_alike() -> None:
    texts = ["2014-01", None, "2014-01-02", "2014-01"]
    plain = times(*texts)
    for column in (
        pa.array(texts).dictionary_encode(),
        pa.chunked_array([texts[:2], texts[2:]]),
        pa.array(texts, pa.large_string()),
    ):
        assert parse_dtc(column).start.tolist() == plain.start.tolist()


def test_empty_and_absent_columns_are_read() -> None:
    assert len(times()) == 0
    assert parse_dtc(pa.nulls(2)).given.tolist() == [False, False]
    assert earliest(times(), np.array([], dtype=np.int64)).tolist() == []
    assert latest(times(None), np.array([0])).tolist() == []


def test_valid_text_is_kept_verbatim() -> None:
    texts = ["2014", "2014-01-02T10:00:00.120Z", "2014---05", "2014-01-02T10:00:00.0000001+00:00", None]
    assert to_dtc(pa.array(texts)).to_pylist() == texts


@pytest.mark.parametrize(
    ("date", "reference", "day"),
    [
        ("2014-01-02", "2014-01-02", 1),
        ("2014-01-01", "2014-01-02", -1),
        ("2014-01-03", "2014-01-02", 2),
        ("2012-03-01", "2012-02-28", 3),
        ("2014-01-02T23:59", "2014-01-03T00:01", -1),
        ("2014-01-02T23:30-05:00", "2014-01-02", 1),  # by the date as written, though it is the 3rd in UTC
        ("2014-01", "2014-01-02", None),
        ("2014-01-02", "2014", None),
        ("2014-01-02", None, None),
        ("2014-02-30", "2014-01-02", None),
        ("2014-01-02/2014-01-03", "2014-01-02", None),
    ],
)
def test_study_day(date: str, reference: str | None, day: int | None) -> None:
    assert study_day(times(date), times(reference)).to_pylist() == [day]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("2014-01-01", "2014-01-02T08:00", True),
        ("2014-01-02", "2014-01-02T08:00", False),
        ("2014-01-02T07:59", "2014-01-02T08:00", True),
        ("2014-01-02T08:00", "2014-01-02T08:00", False),
        ("2014-01-02T08:00:30", "2014-01-02T08:00", False),
        ("2013", "2014-01-02", True),
        ("2014", "2014-01-02", False),
        ("2014-01-02T08:00+09:00", "2014-01-02T01:00Z", True),
        ("2014-01-02T08:00+09:00", "2014-01-02", False),  # a date without a zone is compared as written
        ("2014-01-02T08:00+09:00", "2014-01-02T07:00", False),
        ("2014-01-01/2014-01-02", "2014-01-03", True),
        ("--01-01", "2014-01-02", False),
        ("2014-02-30", "2015-01-01", False),
        ("2014-01-01", None, False),
    ],
)
def test_before_decides_at_the_precision_that_both_have(
    first: str, second: str | None, expected: bool
) -> None:
    assert before(times(first), times(second)).tolist() == [expected]


def test_same_day_needs_one_value_that_is_a_date_alone() -> None:
    first = times("2014-01-02", "2014-01-02T07:00", "2014-01-02T07:00", "2014-01", "2014-01-01", None)
    second = times("2014-01-02", "2014-01-02", "2014-01-02T08:00", "2014-01", "2014-01-02", None)
    assert same_day(first, second).tolist() == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("texts", "first", "last"),
    [
        (["2014-01", "2014-01-05", "2014-01-20"], "2014-01-05", "2014-01-20"),
        (["2014-01", "2014-02-05"], "2014-01", "2014-02-05"),
        (["2014-02-05", "2014-03"], "2014-02-05", "2014-03"),
        (["2014", "2014-02-05"], "2014-02-05", "2014-02-05"),
        (["2014-01-31", "2014-01"], "2014-01-31", "2014-01-31"),
        (["2014-01-02", "2014-01-02T08:00"], "2014-01-02T08:00", "2014-01-02T08:00"),
        (["2014-01-02T08:00+09:00", "2014-01-02T00:30Z"], "2014-01-02T08:00+09:00", "2014-01-02T00:30Z"),
        (["2014-02-30", None, "--01-02", "2015"], "2015", "2015"),
    ],
)
def test_earliest_and_latest_of_a_group(texts: list[str | None], first: str, last: str) -> None:
    read, groups = times(*texts), np.zeros(len(texts), dtype=np.int64)
    assert [texts[row] for row in earliest(read, groups)] == [first]
    assert [texts[row] for row in latest(read, groups)] == [last]


def test_groups_come_in_order_and_only_where_there_is_a_value() -> None:
    read, groups = times("2014", None, "2012", "2013"), np.array([7, 3, 5, 5])
    assert earliest(read, groups).tolist() == [2, 0]
    assert latest(read, groups).tolist() == [3, 0]
    assert latest(read, groups, among=np.array([False, True, True, False])).tolist() == [2]


def test_ties_go_to_the_first_row_and_to_the_last_row() -> None:
    read, groups = times("2014-01-02", "2014-01-02", "2014-01-02"), np.zeros(3, dtype=np.int64)
    assert earliest(read, groups).tolist() == [0]
    assert latest(read, groups).tolist() == [2]
