"""The ledger: every resource that was read is mapped, or excluded or unmapped with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.conversion import RESOURCES
from trialbridge.converters.identity import Identities
from trialbridge.converters.stage import Staged, column

STATUSES = MAPPED, EXCLUDED, UNMAPPED = "mapped", "excluded", "unmapped"
NOT_DRAWN_ON = "no record draws on it"
NO_SUBJECT = "its subject is not in the study"
OUTCOME = "tells how a request went; it is no fact of a subject"
NOT_SAID = {
    "MedicationRequest": "no record draws on it, and an order does not say that the medication was taken",
}
"""Types of which no record can come, for what they do not say, beside what is drawn on."""
DROPPED = {"OperationOutcome": OUTCOME, "Bundle": "an envelope", "Parameters": "an envelope"}


@dataclass
class Account:
    """What is known of the resources of one type while the run goes on.

    Attributes:
        excluded: Row -> why it is no record on purpose.
        unmapped: Row -> why it is none, though it should be looked at.
        left: Row -> who decided, when and why, that it is to stay unmapped.
        drawn: Rows that a record came from or drew on.
        records: Domain -> the rows that its records came from, once for each record.
        usubjid: Row -> subject, where it has one; null otherwise.
    """

    excluded: dict[int, str] = field(default_factory=dict)
    unmapped: dict[int, str] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    drawn: set[int] = field(default_factory=set)
    records: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
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


def _of_type(
    kind: str, table: pa.Table, identities: Identities, account: Account, staged: Staged
) -> pa.Table:
    rows = len(table)
    status, reason = _states(kind, rows, identities.reasons.get(kind, {}), account)
    domains, records = of_each_row(account, rows)
    names = pa.array([source.name for source in staged.sources], pa.string())
    columns = {
        "source": names.take(column(table, "_source")),
        "position": column(table, "_position"),
        "within": column(table, "_within"),
        "resource_type": pa.repeat(kind, rows),
        "id": column(table, "id"),
        "version_id": column(table, "meta.versionId"),
        "release": column(table, "_version"),
        "usubjid": account.usubjid if account.usubjid is not None else pa.nulls(rows, pa.string()),
        "status": status,
        "reason": reason,
        "domains": domains,
        "records": records,
        "digest": column(table, "_hash"),
    }
    return pa.table(columns, schema=RESOURCES)


def _states(kind: str, rows: int, doubles: Mapping[int, str], account: Account) -> tuple[pa.Array, pa.Array]:
    """Return the status and the reason of each row; what is said later overrules what is said before."""
    status = np.full(rows, STATUSES.index(EXCLUDED if kind in DROPPED else UNMAPPED), np.int8)
    reason = np.zeros(rows, np.int32)
    said = {DROPPED.get(kind) or NOT_SAID.get(kind, NOT_DRAWN_ON): 0}
    whys = account.unmapped | account.left
    in_part = {row: f"in part: {why}" for row, why in whys.items() if row in account.drawn}
    for state, reasons in (
        (UNMAPPED, account.unmapped),
        (EXCLUDED, account.left),
        (MAPPED, dict.fromkeys(account.drawn, "")),
        (MAPPED, in_part),
        (EXCLUDED, account.excluded),
        (EXCLUDED, doubles),
    ):
        chosen = np.fromiter(reasons, np.int64, len(reasons))
        status[chosen] = STATUSES.index(state)
        reason[chosen] = [said.setdefault(why, len(said)) for why in reasons.values()]
    return pa.array(STATUSES).take(pa.array(status)), pa.array(said, pa.string()).take(pa.array(reason))


def of_each_row(account: Account, rows: int) -> tuple[pa.Array, pa.Array]:
    """Return, for each row, the domains of the records that came from it, and how many these are."""
    codes = sorted(account.records)
    total = np.zeros(rows, np.int64)
    numbers = np.zeros(rows, np.int64)
    words = [""]  # of each combination of domains that was met so far
    for code in codes:
        counts = np.bincount(np.concatenate(account.records[code]), minlength=rows)
        total += counts
        met, numbers = np.unique(2 * numbers + (counts > 0), return_inverse=True)
        words = [f"{words[one // 2]} {code}".lstrip() if one % 2 else words[one // 2] for one in met.tolist()]
    return pa.array(words, pa.string()).take(pa.array(numbers)), pa.array(total)


def note_records(accounts: Mapping[str, Account], kind: str, code: str, rows: np.ndarray) -> None:
    """Note the records of a domain: the rows of the resources that they came from."""
    if len(rows):
        accounts[kind].records[code].append(rows)


def note_drawn(accounts: Mapping[str, Account], drawn: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Note the resources that records drew on."""
    for kind, parts in drawn.items():
        for rows in parts:
            accounts[kind].drawn.update(rows.tolist())
