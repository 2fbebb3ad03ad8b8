"""The ledger: every resource that was read is mapped, excluded with its reason, or unmapped with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import RESOURCES
from trialbridge.converters.identity import Identities
from trialbridge.converters.stage import Staged, column

MAPPED, EXCLUDED, UNMAPPED = "mapped", "excluded", "unmapped"
NOT_DRAWN_ON = "no record draws on it"
NO_SUBJECT = "its subject is not in the study"
OUTCOME = "tells how a request went; it is no fact of a subject"
DROPPED = {"OperationOutcome": OUTCOME, "Bundle": "an envelope", "Parameters": "an envelope"}


@dataclass
class Account:
    """What is known of the resources of one type while the run goes on.

    Attributes:
        excluded: Row -> why it is no record on purpose.
        unmapped: Row -> why it is none, though it should be looked at.
        drawn: Rows that a record came from or drew on.
        records: Row -> how many records came from it.
        domains: Row -> the domains of those records.
        usubjid: Row -> subject, where it has one; null otherwise.
    """

    excluded: dict[int, str] = field(default_factory=dict)
    unmapped: dict[int, str] = field(default_factory=dict)
    drawn: set[int] = field(default_factory=set)
    records: Counter[int] = field(default_factory=Counter)
    domains: dict[int, set[str]] = field(default_factory=dict)
    usubjid: pa.Array | None = None


def ledger(staged: Staged, identities: Identities, accounts: Mapping[str, Account]) -> pa.Table:
    """Return the ledger of all resources, in an order that does not depend on how they were read."""
    parts = [
        _of_type(kind, table, identities, accounts.get(kind, Account()), staged)
        for (kind, unit), table in staged.tables.items()
        if not unit and kind not in staged.made
    ]
    whole = pa.concat_tables(parts) if parts else RESOURCES.empty_table()
    order = [(name, "ascending") for name in ("source", "position", "within", "resource_type", "id")]
    return whole.take(pc.sort_indices(whole, sort_keys=order)).combine_chunks()


def _of_type(kind: str, table: pa.Table, identities: Identities, account: Account, staged: Staged) -> pa.Table:
    rows = len(table)
    states = [_state(kind, row, identities.reasons.get(kind, {}), account) for row in range(rows)]
    names = pa.array([source.name for source in staged.sources], pa.string())
    columns = {
        "source": names.take(column(table, "_source")),
        "position": column(table, "_position"),
        "within": column(table, "_within"),
        "resource_type": pa.array([kind] * rows, pa.string()),
        "id": column(table, "id"),
        "version_id": column(table, "meta.versionId"),
        "release": column(table, "_version"),
        "usubjid": account.usubjid if account.usubjid is not None else pa.nulls(rows, pa.string()),
        "status": pa.array([state for state, _ in states], pa.string()),
        "reason": pa.array([reason for _, reason in states], pa.string()),
        "domains": pa.array([" ".join(sorted(account.domains.get(row, ()))) for row in range(rows)], pa.string()),
        "records": pa.array([account.records[row] for row in range(rows)], pa.int64()),
    }
    return pa.table(columns, schema=RESOURCES)


def _state(kind: str, row: int, doubles: Mapping[int, str], account: Account) -> tuple[str, str]:
    if row in doubles:
        return EXCLUDED, doubles[row]
    if row in account.excluded:
        return EXCLUDED, account.excluded[row]
    if row in account.drawn:
        return MAPPED, account.unmapped.get(row, "") and f"in part: {account.unmapped[row]}"
    if row in account.unmapped:
        return UNMAPPED, account.unmapped[row]
    if kind in DROPPED:
        return EXCLUDED, DROPPED[kind]
    return UNMAPPED, NOT_DRAWN_ON


def note_records(accounts: Mapping[str, Account], kind: str, code: str, rows: np.ndarray) -> None:
    """Note the records of a domain: the rows of the resources that they came from."""
    account = accounts[kind]
    for row, count in zip(*np.unique(rows, return_counts=True), strict=True):
        account.records[int(row)] += int(count)
        account.domains.setdefault(int(row), set()).add(code)


def note_drawn(accounts: Mapping[str, Account], drawn: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Note the resources that records drew on."""
    for kind, parts in drawn.items():
        for rows in parts:
            accounts[kind].drawn.update(rows.tolist())
