"""The parts of the transport format: IBM doubles, missing values, dates, formats, the count of rows."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.converters.xpt_format import (
    LARGEST,
    MISSING,
    SMALLEST,
    XptVariable,
    blank_padding,
    count_rows,
    from_ibm,
    join_format,
    missing_bits,
    missing_codes,
    parse_sas_stamp,
    sas_stamp,
    split_format,
    to_ibm,
)

FIRST, LAST = datetime(1960, 1, 1, tzinfo=UTC), datetime(2059, 12, 31, 23, 59, 59, tzinfo=UTC)
IN_RANGE = st.one_of(
    st.floats(SMALLEST, LARGEST),
    st.floats(-LARGEST, -SMALLEST),
    st.just(0.0),
    st.builds(
        lambda sign, fraction, power: sign * fraction * 2.0**power,
        st.sampled_from((-1, 1)),
        st.floats(1, 2, exclude_max=True),
        st.integers(-260, 250),
    ),
)


def exact(ibm: int) -> tuple[int, int]:
    """Return an IBM double as an integer and a power of two, by its definition and without any float."""
    fraction = ibm & ((1 << 56) - 1)
    sign = -1 if ibm >> 63 else 1
    return sign * fraction, 4 * ((ibm >> 56 & 127) - 64) - 56


@given(st.lists(IN_RANGE, min_size=1, max_size=30))
def test_every_double_in_range_is_stored_exactly(values: list[float]) -> None:
    array = np.array(values)
    stored = to_ibm(array)
    for value, ibm in zip(values, stored.tolist(), strict=True):
        integer, power = exact(ibm)
        numerator, denominator = value.as_integer_ratio()
        assert integer * 2 ** max(power, 0) * denominator == numerator * 2 ** max(-power, 0)
        assert value == 0 or ibm >> 52 & 15, "the first hexadecimal digit of a normalised number is not 0"
    assert np.array_equal(from_ibm(stored), array)


@pytest.mark.parametrize("power", range(-260, 252))
def test_powers_of_two(power: int) -> None:
    values = np.ldexp(np.array([1.0, -1.0, 1.5, 2 - 2.0**-52]), power)
    assert np.array_equal(from_ibm(to_ibm(values)).view(np.uint64), values.view(np.uint64))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (0.0, "0000000000000000"),
        (-0.0, "0000000000000000"),
        (1.0, "4110000000000000"),
        (-118.625, "C276A00000000000"),
        (0.1, "401999999999999A"),
        (100.0, "4264000000000000"),
        (SMALLEST, "0010000000000000"),
        (LARGEST, "7FFFFFFFFFFFFFF8"),
    ],
)
def test_known_numbers(value: float, stored: str) -> None:
    assert f"{to_ibm(np.array([value]))[0]:016X}" == stored


def test_what_a_double_has_no_room_for_is_cut_not_rounded() -> None:
    whole = np.array([0x41FFFFFFFFFFFFFF, 0x411FFFFFFFFFFFFF], np.uint64)
    expected = [16 - 2.0**-49, float.fromhex("0x1.fffffffffffff")]
    assert from_ibm(whole).tolist() == expected


def test_zero_with_a_sign_or_a_power_is_plain_zero() -> None:
    zeros = from_ibm(np.array([1 << 63, 0x40 << 56], np.uint64))
    assert zeros.tolist() == [0.0, 0.0]
    assert not np.signbit(zeros).any()


def test_the_28_missing_values_and_nothing_else() -> None:
    stored = np.array([first << 56 for first in range(256)], np.uint64)
    found = missing_codes(stored)
    assert "".join(map(chr, found[found > 0])) == "".join(sorted(MISSING))
    assert len(MISSING) == 28
    assert [missing_bits(code) for code in ".A"] == [0x2E << 56, 0x41 << 56]


@given(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)))
def test_dates_of_the_header_come_back(moment: datetime) -> None:
    assert parse_sas_stamp(sas_stamp(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize("stamp", [b" " * 16, b"31FEB14:00:00:00", b"01XYZ14:00:00:00", b"\xff" * 16])
def test_what_is_no_date_is_none(stamp: bytes) -> None:
    assert parse_sas_stamp(stamp) is None


@pytest.mark.parametrize(
    "text", ["", "DATE9.", "8.2", "$CHAR20.", "E8601DA10.", "BEST12.", "$8.", "IS8601DT.", "F8.3"]
)
def test_formats_come_back(text: str) -> None:
    parts = split_format(text)
    assert parts is not None
    assert join_format(*parts) == text


@pytest.mark.parametrize("text", ["date9.", "DATE 9.", "ABCDEFGHI.", "9.2.1", "99999."])
def test_what_is_no_format_is_none(text: str) -> None:
    assert split_format(text) is None


def test_a_namestr_is_140_bytes_with_the_fields_where_ts140_puts_them() -> None:
    namestr = XptVariable("AESTDT", "Start", "Num", 8, 17, "DATE9.", "E8601DA10.").to_namestr(3)
    assert len(namestr) == 140
    assert struct.unpack_from(">4h", namestr) == (1, 0, 8, 3)
    assert (namestr[8:16], namestr[16:56]) == (b"AESTDT  ", b"Start".ljust(40))
    assert (namestr[56:64], struct.unpack_from(">3h", namestr, 64)) == (b"DATE    ", (9, 0, 0))
    assert (namestr[72:80], struct.unpack_from(">2h", namestr, 80)) == (b"E8601DA ", (10, 0))
    assert struct.unpack_from(">l", namestr, 84) == (17,)
    assert namestr[88:] == bytes(52)


def test_a_namestr_of_136_bytes_is_read_too() -> None:
    variable = XptVariable("AETERM", "Term", "Char", 20, 5, "$CHAR20.")
    assert XptVariable.from_namestr(variable.to_namestr(1)[:136], "utf-8") == variable


@given(row=st.integers(1, 200), rows=st.integers(0, 60), blank=st.integers(0, 60))
def test_rows_are_counted_down_to_what_the_padding_could_hide(row: int, rows: int, blank: int) -> None:
    data = b"x" * row * rows + b" " * row * blank
    data += blank_padding(len(data))
    counted = count_rows(len(data), row, data[-80 - row :])
    assert rows <= counted <= rows + blank
    written_anew = len(data[: counted * row] + blank_padding(counted * row))
    assert written_anew == len(data), "the rows counted make a file of the same length"
    if counted > rows:
        fewer = (counted - 1) * row
        assert fewer + len(blank_padding(fewer)) < len(data), "a blank row that is counted had to exist"
