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
from trialbridge.converters.stage import Staged, column
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
    equal: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for one in found:
        key = _said_of_the_study(one) if one.rule in OF_THE_STUDY else (one.severity, *_finding_key(one))
        equal[key].append(one)
    gathered = [
        some[0] if len(some) == 1 else replace(some[0], count=sum(one.count for one in some))
        for some in equal.values()
    ]
    return tuple(sorted(gathered, key=_finding_key))


def _said_of_the_study(one: Finding) -> tuple[str, ...]:
    """Return what makes findings on a test in the whole study equal: not the record that they name."""
    return (one.severity, *_finding_key(replace(one, record="", resource="")))


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


def title_of(staged: Staged) -> str:
    """Return the title that ResearchStudy gives; empty for none."""
    table = staged.table("ResearchStudy")
    titles = [] if table is None else sorted(filter(None, column(table, "title").to_pylist()))
    return titles[0] if titles else ""
