"""Scores that came with their items, held against what the definition of the instrument makes of the items.

Nothing is computed into a record: a score that nobody sent stays absent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.findings import Finding, Severity
from trialbridge.instruments import Instrument, Item, instruments

DOMAINS = ("QS", "RS")
DAY = len("2024-01-01")
MET = {"RESPONDER": True, "NON-RESPONDER": False}


class Result(NamedTuple):
    """One record of an instrument."""

    subject: str
    category: str
    dtc: str
    testcd: str
    result: str
    number: str


def check_scores(tables: Mapping[str, pa.Table], findings: list[Finding]) -> None:
    """Add a finding for each score that its items contradict, and for each number that is out of its range.

    Items and score belong together where they are of one subject, instrument and day, or of one time where
    a day has an item twice.

    Args:
        tables: Domain -> records with their standard results.
        findings: Gets what was found.
    """
    for domain in DOMAINS:
        results = _results(tables[domain], domain) if domain in tables else []
        findings += _out_of_range(results, domain)
        for together in _assessments(results):
            instrument = instruments()[together[0].category]
            findings += _contradictions(together, instrument, domain)


def _results(table: pa.Table, domain: str) -> list[Result]:
    """Return the records of instruments that have a definition."""
    names = ("USUBJID", f"{domain}CAT", f"{domain}DTC", f"{domain}TESTCD", f"{domain}STRESC", f"{domain}SEQ")
    if not set(names) <= set(table.column_names):
        return []
    known = pc.is_in(table[f"{domain}CAT"], pa.array(list(instruments()), pa.string()))
    table = table.select(names).filter(pc.and_(known, table[f"{domain}STRESC"].is_valid()))
    columns = (pc.fill_null(table[name].cast(pa.string()), "").to_pylist() for name in names)
    return [Result(*row) for row in zip(*columns, strict=True)]


def _assessments(results: Sequence[Result]) -> Iterator[Sequence[Result]]:
    """Return the records that belong together."""
    days: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for one in results:
        days[one.subject, one.category, one.dtc[:DAY]].append(one)
    for day in days.values():
        if len({one.testcd for one in day}) == len(day):
            yield day
            continue
        times: dict[str, list[Result]] = defaultdict(list)
        for one in day:
            times[one.dtc].append(one)
        yield from (one for one in times.values() if len({each.testcd for each in one}) == len(one))


def _contradictions(together: Sequence[Result], instrument: Instrument, domain: str) -> Iterator[Finding]:
    said = {one.testcd: one.result for one in together}
    for one in together:
        item = instrument.items.get(one.testcd)
        if item is not None and (wanted := _wanted(item, said)) is not None and not _same(one.result, wanted):
            rule = "score-differs" if item.score else "response-differs"
            message = (
                f"{one.testcd} of {one.category} came as {one.result}; its items, as they came, give {wanted}"
            )
            yield _finding(rule, message, one, domain)


def _wanted(item: Item, said: Mapping[str, str]) -> str | None:
    """Return what the items make of a score or a response; None where they do not say it all."""
    if item.score:
        score = item.score.value(said)
        return None if score is None else f"{score.normalize():f}"
    parts = [said.get(name) for name in item.all]
    if not parts or None in parts:
        return None
    return next(name for name, met in MET.items() if met == all(part == "Y" for part in parts))


def _same(result: str, wanted: str) -> bool:
    try:
        return Decimal(result) == Decimal(wanted)
    except InvalidOperation:
        return result == wanted


def _out_of_range(results: Sequence[Result], domain: str) -> Iterator[Finding]:
    for one in results:
        item = instruments()[one.category].items.get(one.testcd)
        if item is None or item.bounds is None:
            continue
        low, high = item.bounds
        if _is_number(one.result) and not low <= Decimal(one.result) <= high:
            message = f"{one.testcd} of {one.category} is {one.result}, outside {low} to {high}"
            yield _finding("score-out-of-range", message, one, domain)


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _finding(rule: str, message: str, one: Result, domain: str) -> Finding:
    record = f"{one.subject} {domain}SEQ {one.number}"
    return Finding(
        Severity.WARNING, rule, message, domain, f"{domain}STRESC", record=record, value=one.result
    )
