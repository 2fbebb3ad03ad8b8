"""What a run found, gathered and put into an order of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from trialbridge.conversion import ELEMENTS
from trialbridge.converters.census import Census
from trialbridge.converters.derive_result import OF_THE_STUDY
from trialbridge.findings import Finding, Severity


def elements_table(census: Census) -> pa.Table:
    """Return the census as a table, by path."""
    rows = [
        {"path": path, "count": tally.count, "example": tally.example}
        for path, tally in sorted(census.items())
    ]
    return pa.Table.from_pylist(rows, schema=ELEMENTS)


def ordered_findings(findings: Sequence[Finding], census: Census) -> tuple[Finding, ...]:
    """Return the findings in an order of their own, equal ones gathered; unread modifiers are among them."""
    found = [*findings, *_unread_modifiers(census)]
    firsts: dict[Finding, Finding] = {}
    counts: dict[Finding, int] = defaultdict(int)
    for one in found:
        key = replace(one, count=1)
        if one.rule in OF_THE_STUDY:
            key = replace(key, record="", resource="")
        firsts.setdefault(key, one)
        counts[key] += one.count
    gathered = [replace(firsts[key], count=count) for key, count in counts.items()]
    return tuple(sorted(gathered, key=_finding_key))


def _finding_key(one: Finding) -> tuple[str, ...]:
    return (
        one.rule,
        one.domain,
        one.variable,
        one.record,
        one.resource,
        one.path,
        one.source,
        one.value,
        one.message,
    )


def _unread_modifiers(census: Census) -> list[Finding]:
    message = "an extension that changes the meaning of the element is there, and nothing reads it"
    return [
        Finding(
            Severity.WARNING,
            "modifier-extension-unread",
            message,
            path=path,
            value=tally.example,
            count=tally.count,
        )
        for path, tally in sorted(census.items())
        if UNREAD_MODIFIER.search(path)
    ]


UNREAD_MODIFIER = re.compile(r"\.modifierExtension(\[url=[^\]]*\])?$")
