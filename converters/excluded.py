"""Which resources are no record on purpose: what every declaration of a type excludes, and what one does."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.converters.leaves import Rowset
from trialbridge.converters.ledger import Account
from trialbridge.converters.stage import column
from trialbridge.mapping import Domain
from trialbridge.registry import all_declarations


def not_excluded(kind: str, table: pa.Table, account: Account) -> np.ndarray:
    """Return which resources of a type not all of its declarations exclude, and note why the others are out.

    Args:
        kind: The resource type.
        table: Its resources.
        account: The account of the type.
    """
    several = [one.excluded for one in all_declarations() if one.source == kind and one.code != "DM"]
    stated = [(path, codes) for one in several for path, codes in one.items()]
    kept = np.ones(len(table), bool)
    for path, code, why in ((path, code, why) for path, codes in stated for code, why in codes.items()):
        if all(code in other.get(path, ()) for other in several):
            rows = _with_code(table, path, code)
            account.excluded |= dict.fromkeys(rows.tolist(), why)
            kept[rows] = False
    return kept


def without_excluded(domain: Domain, rowset: Rowset, table: pa.Table, account: Account) -> Rowset:
    """Return the records of a declaration but those that it excludes itself, and note why these are out.

    Args:
        domain: The declaration.
        rowset: What was routed to it.
        table: The resources of its type.
        account: The account of the type.
    """
    out: dict[int, str] = {}
    for path, codes in domain.excluded.items():
        for code, why in codes.items():
            out |= dict.fromkeys(_with_code(table, path, code).tolist(), why)
    base = rowset.base.to_numpy()
    gone = np.isin(base, list(out))
    if not gone.any():
        return rowset
    account.excluded |= {int(row): out[int(row)] for row in base[gone]}
    return rowset.take(pa.array(np.flatnonzero(~gone)))


def _with_code(table: pa.Table, path: str, code: str) -> np.ndarray:
    met = pc.fill_null(pc.equal(column(table, path), code), False)  # noqa: FBT003 -- an Arrow scalar
    found: np.ndarray = np.flatnonzero(met.to_numpy(zero_copy_only=False))
    return found
