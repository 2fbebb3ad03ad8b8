"""Which records of ours and of the CDISC pilot study's own SDTM are the same, and how far they agree."""

from __future__ import annotations

import io
import math
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import Conversion
from trialbridge.converters.read_xpt import read_xpt

UPDATED = "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip"
ORIGINAL = "data/sdtm/cdiscpilot01_original/cdiscpilot01_original_sdtm.zip"
MEMBERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "DM": (UPDATED, ("dm.xpt",)),
    "AE": (ORIGINAL, ("ae.xpt",)),
    "CM": (UPDATED, ("cm.xpt",)),
    "LB": (UPDATED, ("lbch.xpt", "lbhe.xpt", "lbur.xpt")),
    "MH": (UPDATED, ("mh.xpt",)),
    "VS": (UPDATED, ("vs.xpt",)),
}
"""Domain -> the archive and the datasets in it; the updated pilot has its LB in parts."""
TOLERANCE = 1e-3
MINUTE = len("2014-01-02T08:50")

Row = Mapping[str, Any]
Pairs = Sequence["Pair"]


class Pair(NamedTuple):
    """One record of ours and the pilot's record of the same result."""

    ours: Row
    pilot: Row


class Matched(NamedTuple):
    """The records of one domain that are the same, and those that only one side has."""

    pairs: list[Pair]
    only_ours: list[Row]
    only_pilot: list[Row]


def our_rows(conversion: Conversion, domain: str) -> list[Row]:
    """Return the records of a domain as we make them."""
    table = next(dataset.table for dataset in conversion.datasets if dataset.name == domain)
    return list(table.to_pylist())


def pilot_rows(reference: Path, domain: str, subjects: Iterable[str]) -> list[Row]:
    """Return the pilot's own records of a domain, of `subjects` alone."""
    wanted = pa.array(sorted(set(subjects)))
    archive, members = MEMBERS[domain]
    found: list[Row] = []
    with zipfile.ZipFile(reference / archive) as opened:
        names = {Path(name).name: name for name in opened.namelist()}
        for member in members:
            table = read_xpt(io.BytesIO(opened.read(names[member]))).table
            found += table.filter(pc.is_in(table["USUBJID"], wanted)).to_pylist()
    return found


def number(text: str | None) -> Decimal | str | None:
    """Return a text as the number it is, else as it stands.

    Example:
        >>> number("4.30") == number("4.3"), number("<40")
        (True, '<40')
    """
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return text


def match_findings(domain: str, ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the records matched on subject, test, --DTC to the minute, and --ORRES as a number.

    Where several are equal in all of that, those of the same position belong together.
    """

    def key(row: Row) -> tuple[object, ...]:
        minute = (row[f"{domain}DTC"] or "")[:MINUTE]
        return (row["USUBJID"], row[f"{domain}TESTCD"], minute, number(row[f"{domain}ORRES"]))

    return matched(ours, pilot, key, lambda row: row.get(f"{domain}POS") or "")


def match_events(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the adverse events matched on subject, term, start, severity and outcome."""
    names = ("USUBJID", "AETERM", "AESTDTC", "AESEV", "AEOUT")
    return matched(ours, pilot, lambda row: tuple(row[name] for name in names), lambda row: row["AESEQ"])


def match_medications(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the medications matched on subject, name, start and end.

    Records of equal content are told apart by their order alone: the pilot repeats one at each visit.
    """
    names = ("USUBJID", "CMTRT", "CMSTDTC", "CMENDTC")
    return matched(ours, pilot, lambda row: tuple(row[name] for name in names), lambda row: row["CMSEQ"])


def match_history(ours: Iterable[Row], pilot: Iterable[Row]) -> Matched:
    """Return the conditions matched on subject, term, start and day of record.

    The pilot's MHTERM is masked; what its MHDECOD says, the bundles say as the name of the condition.
    """

    def key(row: Row) -> tuple[object, ...]:
        term = row.get("MHDECOD") or row["MHTERM"]
        return (row["USUBJID"], term.upper(), row["MHSTDTC"], row["MHDTC"])

    return matched(ours, pilot, key, lambda row: row["MHSEQ"])


def matched(
    ours: Iterable[Row],
    pilot: Iterable[Row],
    key: Callable[[Row], object],
    order: Callable[[Row], Any],
) -> Matched:
    """Return the records of both sides that are equal in `key`, one to one, in `order` where several are."""
    sides: dict[object, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for number_, rows in enumerate((ours, pilot)):
        for row in rows:
            sides[key(row)][number_].append(row)
    found = Matched([], [], [])
    for left, right in sides.values():
        left.sort(key=order)
        right.sort(key=order)
        found.pairs.extend(map(Pair, left, right))
        found.only_ours.extend(left[len(right) :])
        found.only_pilot.extend(right[len(left) :])
    return found


def text_differences(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose text in a variable differs, in an order of their own."""
    found = [pair for pair in pairs if pair.ours[name] != pair.pilot[name]]
    keys = ("USUBJID", f"{name[:2]}TESTCD", f"{name[:2]}DTC")
    return sorted(found, key=lambda pair: [pair.ours[key] for key in keys])


def contradicted(pair: Pair, domain: str) -> bool:
    """Return whether the unit in the bundle is not the pilot's, where the pilot has one."""
    unit = pair.pilot[f"{domain}ORRESU"]
    return unit is not None and pair.ours[f"{domain}ORRESU"] != unit


def close(one: float | None, other: float | None, tolerance: float = TOLERANCE) -> bool:
    """Return whether two numbers are equal within a relative tolerance, or both missing.

    Example:
        >>> close(38.0, 38.01), close(3.8, 38.0), close(None, None), close(None, 0.0)
        (True, False, True, False)
    """
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=tolerance)


def far(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose numbers in a variable differ by more than the tolerance."""
    return [pair for pair in pairs if not close(pair.ours[name], pair.pilot[name])]


def other_range(pairs: Pairs, name: str) -> list[Pair]:
    """Return the pairs whose bound of the reference range, as collected, is another number."""
    return [pair for pair in pairs if number(pair.ours[name]) != number(pair.pilot[name])]
