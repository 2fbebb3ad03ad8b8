"""The layout of a SAS transport file, version 5 (SAS technical note TS-140), for writer and reader.

A file is a run of 80-byte records: a library header, then for each dataset a member header, one 140-byte
NAMESTR for each variable, and the rows as one stream of bytes, blank-padded to a whole record at the end.
Numbers are IBM System/370 doubles: one sign bit, seven bits of a power of 16, 56 bits of fraction. Every
IEEE double between 16**-65 and 16**63 fits without rounding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import Struct
from typing import Literal

import numpy as np
import numpy.typing as npt

RECORD = 80
CHAR_LIMIT = 200
LABEL_LIMIT = 40
VARIABLE_LIMIT = 9999
"""The NAMESTR header counts the variables in four digits."""

SMALLEST = 16.0**-65
LARGEST = float(np.nextafter(16.0**63, 0))

MISSING = "._ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The 28 missing values; the first is the ordinary one, each is stored as its ASCII byte and seven zeros."""

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,7}")

Bits = npt.NDArray[np.uint64]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


def _header(kind: str, figures: str = "0" * 30) -> bytes:
    return f"HEADER RECORD*******{kind:8}HEADER RECORD!!!!!!!{figures}  ".encode("ascii")


LIBRARY_HEADER = _header("LIBRARY")
MEMBER_MARK = _header("MEMBER")[:48]
MEMBER_HEADER = _header("MEMBER", "000000000000000001600000000140")
DESCRIPTOR_HEADER = _header("DSCRPTR")
NAMESTR_MARK = _header("NAMESTR")[:48]
ROWS_HEADER = _header("OBS")

# TS-140 prints these two in its sample file; readers other than SAS write them too, and SAS takes them.
_VERSION = b"6.06    "
_SYSTEM = b"bsd4.2  "

_FIRST_LINE = Struct("8s8s8s8s8s24s16s")
_SECOND_LINE = Struct("16s16s40s8s")
_NAMESTR = Struct(">hhhh8s40s8shhh2x8shhl52x")

_FORMAT = re.compile(r"(\$?(?:[A-Z_][A-Z0-9_]*?)?)(\d{0,4})(?:\.(\d{0,2}))?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_STAMP = re.compile(r"(\d\d)([A-Z]{3})(\d\d):(\d\d):(\d\d):(\d\d)")
_FIRST_SAS_YEAR = 60

_FRACTION = np.uint64((1 << 56) - 1)
_SIGN = np.uint64(1 << 63)
_MANTISSA = np.uint64((1 << 52) - 1)
_POWERS = np.ldexp(1.0, 4 * (np.arange(128) - 78))
_IS_MISSING = np.isin(np.arange(256), np.frombuffer(MISSING.encode(), np.uint8))


def to_ibm(values: Doubles) -> Bits:
    """Return the IBM doubles of `values`, bit for bit; all must be 0 or between `SMALLEST` and `LARGEST`.

    Example:
        >>> [f"{bits:016X}" for bits in to_ibm(np.array([1.0, -118.625, -0.0]))]
        ['4110000000000000', 'C276A00000000000', '0000000000000000']
    """
    bits = values.view(np.uint64)
    power = ((bits >> np.uint64(52)) & np.uint64(0x7FF)).view(np.int64) - 763
    fraction = ((bits & _MANTISSA) | np.uint64(1 << 52)) << (power & 3).view(np.uint64)
    ibm: Bits = (bits & _SIGN) | ((power >> 2).view(np.uint64) << np.uint64(56)) | fraction
    ibm[values == 0] = 0
    return ibm


def from_ibm(ibm: Bits) -> Doubles:
    """Return the doubles of `ibm`; bits that a double has no room for are cut, as TS-140's own routine does.

    Example:
        >>> from_ibm(np.array([0x4110000000000000, 0xC276A00000000000], np.uint64)).tolist()
        [1.0, -118.625]
    """
    fraction = ibm & _FRACTION
    for bits in (53, 54, 55):
        # the conversion to double would round; a fraction of 54 bits or more loses its last ones first
        wide = fraction >= np.uint64(1 << bits)
        if not wide.any():
            break
        fraction &= ~(wide.astype(np.uint64) << np.uint64(bits - 53))
    power = (ibm >> np.uint64(56)) & np.uint64(127)
    values: Doubles = fraction.astype(np.float64) * _POWERS[power.view(np.int64)]
    np.negative(values, where=(ibm >= _SIGN) & (fraction > 0), out=values)
    return values


def missing_bits(code: str) -> int:
    """Return the stored form of the missing value `code`, one of `MISSING`.

    Example:
        >>> f"{missing_bits('.'):016X}"
        '2E00000000000000'
    """
    return ord(code) << 56


def missing_codes(ibm: Bits) -> Bytes:
    """Return for each of `ibm` the ASCII code of its missing value, and 0 where it is a number.

    Example:
        >>> missing_codes(np.array([0x4110000000000000, 0x2E << 56], np.uint64)).tolist()
        [0, 46]
    """
    first = (ibm >> np.uint64(56)).astype(np.uint8)
    return np.where(((ibm & _FRACTION) == 0) & _IS_MISSING[first], first, np.uint8(0))


def sas_stamp(moment: datetime) -> bytes:
    """Return `moment` as the 16 bytes of a header, its time of day as it stands.

    Example:
        >>> sas_stamp(datetime(2014, 1, 2, 3, 4, 5))
        b'02JAN14:03:04:05'
    """
    return f"{moment:%d}{_MONTHS[moment.month - 1]}{moment:%y:%H:%M:%S}".encode("ascii")


def parse_sas_stamp(stamp: bytes) -> datetime | None:
    """Return the moment of a header, or `None` where it holds none; a year below 60 is of this century.

    Example:
        >>> parse_sas_stamp(b"02JAN14:03:04:05")
        datetime.datetime(2014, 1, 2, 3, 4, 5)
    """
    match = _STAMP.fullmatch(stamp.decode("latin-1"))
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    century = 1900 if year >= _FIRST_SAS_YEAR else 2000
    try:
        return datetime(century + year, _MONTHS.index(match[2]) + 1, day, hour, minute, second)  # noqa: DTZ001 - the file has no zone
    except ValueError:
        return None


def split_format(text: str) -> tuple[str, int, int] | None:
    """Return name, width and decimals of a SAS format, or `None` where it is none.

    Example:
        >>> split_format("E8601DA10."), split_format("8.2"), split_format("a b")
        (('E8601DA', 10, 0), ('', 8, 2), None)
    """
    match = _FORMAT.fullmatch(text)
    if match is None or len(match[1]) > 8:
        return None
    return match[1], int(match[2] or 0), int(match[3] or 0)


def join_format(name: str, width: int, decimals: int) -> str:
    """Return the SAS format of that name, width and decimals; nothing where all are absent.

    Example:
        >>> join_format("DATE", 9, 0), join_format("", 8, 2), join_format("", 0, 0)
        ('DATE9.', '8.2', '')
    """
    if not (name or width or decimals):
        return ""
    return f"{name}{width or ''}.{decimals or ''}"


@dataclass(frozen=True, slots=True)
class XptVariable:
    """One variable as a transport file describes it.

    Attributes:
        name: Its name.
        label: Its label.
        type: ``Char`` or ``Num``.
        length: Bytes in a row; a number may take 2 to 8.
        position: Where it begins in a row.
        format: Display format, such as ``DATE9.``.
        informat: Input format.
    """

    name: str
    label: str
    type: Literal["Char", "Num"]
    length: int
    position: int
    format: str = ""
    informat: str = ""

    def to_namestr(self, number: int) -> bytes:
        """Return the NAMESTR of this variable, the `number`-th of its dataset, counted from 1."""
        kind = 1 if self.type == "Num" else 2
        name, width, decimals = split_format(self.format) or ("", 0, 0)
        in_name, in_width, in_decimals = split_format(self.informat) or ("", 0, 0)
        return _NAMESTR.pack(
            *(kind, 0, self.length, number, _blank_padded(self.name, 8), _blank_padded(self.label, 40)),
            *(_blank_padded(name, 8), width, decimals, 0),
            *(_blank_padded(in_name, 8), in_width, in_decimals, self.position),
        )

    @classmethod
    def from_namestr(cls, namestr: bytes, encoding: str) -> XptVariable:
        """Return the variable that `namestr` describes; its text is in `encoding`."""
        fields = _NAMESTR.unpack(namestr.ljust(_NAMESTR.size, b"\0"))
        (
            kind,
            _,
            length,
            _,
            name,
            label,
            form,
            width,
            decimals,
            _,
            in_form,
            in_width,
            in_decimals,
            position,
        ) = fields
        return cls(
            _text(name, encoding),
            _text(label, encoding),
            "Num" if kind == 1 else "Char",
            length,
            position,
            join_format(_text(form, encoding), width, decimals),
            join_format(_text(in_form, encoding), in_width, in_decimals),
        )


def _blank_padded(text: str, width: int) -> bytes:
    return text.encode().ljust(width)


def _text(field: bytes, encoding: str) -> str:
    return field.decode(encoding).rstrip(" \0")


def _first_line(name: bytes, kind: bytes, stamp: bytes) -> bytes:
    return _FIRST_LINE.pack(b"SAS     ", name, kind, _VERSION, _SYSTEM, b" " * 24, stamp)


def header_bytes(name: str, label: str, created: datetime, variables: Sequence[XptVariable]) -> bytes:
    """Return everything that precedes the first row of a file with one dataset."""
    stamp = sas_stamp(created)
    namestrs = b"".join(variable.to_namestr(number) for number, variable in enumerate(variables, 1))
    return b"".join(
        (
            LIBRARY_HEADER,
            _first_line(b"SAS     ", b"SASLIB  ", stamp),
            stamp.ljust(RECORD),
            MEMBER_HEADER,
            DESCRIPTOR_HEADER,
            _first_line(_blank_padded(name, 8), b"SASDATA ", stamp),
            _SECOND_LINE.pack(stamp, b" " * 16, _blank_padded(label, 40), b" " * 8),
            _header("NAMESTR", f"000000{len(variables):04d}" + "0" * 20),
            namestrs + blank_padding(len(namestrs)),
            ROWS_HEADER,
        )
    )


@dataclass(frozen=True, slots=True)
class MemberLines:
    """The two descriptive records of a dataset, still in bytes."""

    name: bytes
    label: bytes
    version: bytes
    system: bytes
    created: bytes
    modified: bytes

    @classmethod
    def parse(cls, lines: bytes) -> MemberLines:
        """Return what the two records say."""
        _, name, _, version, system, _, created = _FIRST_LINE.unpack(lines[:RECORD])
        modified, _, label, _ = _SECOND_LINE.unpack(lines[RECORD : 2 * RECORD])
        return cls(name, label, version, system, created, modified)


def row_dtype(variables: Sequence[XptVariable]) -> np.dtype[np.void]:
    """Return the NumPy form of one row, its fields called ``0``, ``1`` and so on.

    A number of eight bytes is a big-endian integer, so that NumPy turns its bytes; all else is raw bytes.
    """
    return np.dtype(
        {
            "names": [str(index) for index in range(len(variables))],
            "formats": [_field(variable) for variable in variables],
            "offsets": [variable.position for variable in variables],
            "itemsize": sum(variable.length for variable in variables),
        }
    )


def _field(variable: XptVariable) -> str:
    return ">u8" if variable.type == "Num" and variable.length == 8 else f"V{variable.length}"


def blank_padding(length: int) -> bytes:
    """Return the blanks that fill `length` bytes up to a whole record.

    Example:
        >>> len(blank_padding(140)), len(blank_padding(160))
        (20, 0)
    """
    return b" " * (-length % RECORD)


def count_rows(length: int, row: int, tail: bytes) -> int:
    """Return how many rows of `row` bytes lie in `length` bytes of padded rows that end in `tail`.

    Blank rows that fit into the padding of the last record cannot be told from it and are taken for it;
    a blank row in front of that must exist, since the file would be a record shorter without it.
    `tail` is the last 80 bytes and one row, or all there is.

    Example:
        >>> count_rows(160, 30, b"x" * 90 + b" " * 70), count_rows(80, 30, b" " * 80)
        (3, 1)
    """
    padded_from = length - len(tail) + len(tail.rstrip(b" "))
    needed = -(-padded_from // row)
    certain = max(length - RECORD, 0) // row + 1 if length else 0
    return min(max(needed, certain), length // row)
