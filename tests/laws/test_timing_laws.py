"""Laws of dates and of what is derived from them, against the calendar of the standard library."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from trialbridge.converters.derive_sequence import total_order
from trialbridge.converters.derive_subject import full_years
from trialbridge.timing import (
    Precision,
    Times,
    before,
    earliest,
    latest,
    parse_dtc,
    same_day,
    study_day,
    to_dtc,
)

LENGTHS = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10, Precision.HOUR: 13, Precision.MINUTE: 16}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
moments = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31))  # noqa: DTZ001 - times without a zone are meant
near = st.datetimes(dt.datetime(2013, 12, 1), dt.datetime(2014, 3, 1))  # noqa: DTZ001 - so that values collide


@st.composite
def partial(draw: st.DrawFn, dates: st.SearchStrategy[dt.datetime] = near) -> str:
    text = draw(dates).isoformat(timespec="seconds")
    return text[: draw(st.sampled_from([*LENGTHS.values(), len(text)]))]


def read(*texts: str | None) -> Times:
    return parse_dtc(pa.array(texts, pa.string()))


@given(moments, st.none() | zones, st.sampled_from(["minutes", "seconds", "microseconds"]))
def test_point_in_time_agrees_with_the_standard_library(
    moment: dt.datetime, zone: dt.timezone | None, digits: str
) -> None:
    text = moment.replace(tzinfo=zone).isoformat(timespec=digits)
    expected = dt.datetime.fromisoformat(text)
    times = read(text)
    in_utc = expected.replace(tzinfo=expected.tzinfo or dt.UTC)
    assert times.valid[0]
    assert times.has_zone[0] == (zone is not None)
    assert times.instant[0] == (in_utc - EPOCH) // MICROSECOND
    assert times.day[0] == (expected.date() - EPOCH.date()).days


@given(st.integers(0, 9999), st.integers(0, 14), st.integers(0, 33))
@example(1900, 2, 29)
@example(2000, 2, 29)
def test_date_is_valid_where_the_calendar_has_it(year: int, month: int, day: int) -> None:
    try:
        dt.date(year, month, day)
        exists = True
    except ValueError:
        exists = False
    assert read(f"{year:04d}-{month:02d}-{day:02d}").valid.tolist() == [exists]


@given(st.lists(st.none() | st.text() | st.from_regex(r"[0-9T:Z+./-]{0,25}", fullmatch=True) | partial()))
def test_text_is_kept_verbatim_or_refused_and_never_changed(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    kept = to_dtc(column)
    assert all(after in (None, text) for text, after in zip(texts, kept.to_pylist(), strict=True))
    assert to_dtc(kept) == kept
    times = parse_dtc(column)
    assert (times.start < times.stop).all()
    assert not (times.valid & ~times.formed).any()


@given(moments, st.sampled_from(list(LENGTHS)), st.sampled_from(list(LENGTHS)))
def test_precision_is_what_is_written_and_is_never_raised(
    moment: dt.datetime, written: Precision, cut: Precision
) -> None:
    text = moment.isoformat()[: LENGTHS[written]]
    times = read(text, text[: LENGTHS[min(written, cut)]])
    assert times.precision.tolist() == [written, min(written, cut)]
    assert times.start[1] <= times.start[0] < times.stop[0] <= times.stop[1]


@given(moments, moments)
def test_study_day_counts_days_and_is_never_zero(date: dt.datetime, reference: dt.datetime) -> None:
    day = study_day(read(date.date().isoformat()), read(reference.isoformat()))[0].as_py()
    difference = (date.date() - reference.date()).days
    assert day == (difference + 1 if difference >= 0 else difference)
    assert day != 0


@given(moments, partial(moments))
def test_study_day_is_there_where_both_have_a_day(reference: dt.datetime, text: str) -> None:
    known = len(text) >= LENGTHS[Precision.DAY]
    assert study_day(read(text), read(reference.date().isoformat()))[0].is_valid == known
    assert study_day(read(reference.date().isoformat()), read(text))[0].is_valid == known


@given(moments, moments, moments)
def test_study_day_keeps_the_order_of_the_dates(
    first: dt.datetime, second: dt.datetime, reference: dt.datetime
) -> None:
    first, second = sorted((first, second))
    days = study_day(
        read(first.isoformat(), second.isoformat()), read(*[reference.isoformat()] * 2)
    ).to_pylist()
    assert days[0] <= days[1]
    assert (days[0] == days[1]) == (first.date() == second.date())


@given(partial(), partial(), partial())
def test_before_is_an_order(first: str, second: str, third: str) -> None:
    def earlier(one: str, other: str) -> bool:
        return bool(before(read(one), read(other))[0])

    assert not earlier(first, first)
    assert not (earlier(first, second) and earlier(second, first))
    if earlier(first, second) and earlier(second, third):
        assert earlier(first, third)


@given(partial(), partial())
def test_before_compares_text_cut_to_the_same_length(first: str, second: str) -> None:
    common = min(len(first), len(second))
    assert bool(before(read(first), read(second))[0]) == (first[:common] < second[:common])
    on_a_day = common == LENGTHS[Precision.DAY] and first[:common] == second[:common]
    assert bool(same_day(read(first), read(second))[0]) == on_a_day


@given(st.lists(partial() | st.just("2014-02-30") | st.none(), max_size=12), st.randoms())
def test_earliest_and_latest_hold_for_every_order_of_the_rows(
    texts: list[str | None], random: object
) -> None:
    groups = np.zeros(len(texts), dtype=np.int64)
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for choose, wrong_side in ((earliest, before), (latest, lambda one, other: before(other, one))):
        chosen = [texts[row] for row in choose(read(*texts), groups)]
        assert chosen == [shuffled[row] for row in choose(read(*shuffled), groups)]
        for text in chosen:
            assert not wrong_side(read(*texts), read(*[text] * len(texts))).any()


@given(st.dates(dt.date(1900, 1, 1)), st.dates(dt.date(1900, 1, 1)), st.sampled_from([4, 7, 10]))
def test_age_is_between_the_bounds_and_exact_for_full_dates(
    birth: dt.date, reference: dt.date, cut: int
) -> None:
    age = reference.year - birth.year - ((reference.month, reference.day) < (birth.month, birth.day))
    fewest, most = full_years(read(birth.isoformat()[:cut]), read(reference.isoformat()))
    assert fewest[0] <= age <= most[0]
    assert most[0] - fewest[0] <= 1
    assert cut < len("2014-01-02") or fewest[0] == most[0]


few = st.sampled_from(["A", "B", "a", "Ä", "", None])
records = st.lists(
    st.fixed_dictionaries(
        dict.fromkeys(("USUBJID", "LBTESTCD", "LBDTC", "LBORRES", "LBSPEC", "_src", "_id", "_item"), few)
        | {"VISITNUM": st.sampled_from([1.0, -0.0, 0.0, 2.5, None])}
    ),
    max_size=15,
)


@given(records, st.randoms())
def test_total_order_does_not_hang_on_the_order_of_rows_or_columns(
    rows: list[dict[str, object]], random: object
) -> None:
    schema = pa.schema(
        [
            (name, pa.string())
            for name in ("USUBJID", "LBTESTCD", "LBDTC", "LBORRES", "LBSPEC", "_src", "_id", "_item")
        ]
        + [("VISITNUM", pa.float64())]
    )
    keys = ("STUDYID", "USUBJID", "LBTESTCD", "VISITNUM")
    table = pa.Table.from_pylist(rows, schema)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = pa.Table.from_pylist(shuffled, schema).select(schema.names[::-1])
    ordered = [
        t.take(pa.array(total_order(t, keys))).select(schema.names).to_pylist() for t in (table, other)
    ]
    assert ordered[0] == ordered[1]
    subjects = [row["USUBJID"] for row in ordered[0] if row["USUBJID"] is not None]
    assert subjects == sorted(subjects, key=lambda text: text.encode())
