"""What relates finished records to one another: comments on them, and references between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from trialbridge.converters.comments import NOTES, comments
from trialbridge.converters.derive_relrec import derive_relrec
from trialbridge.converters.ledger import Account, note_records
from trialbridge.converters.provenance import by_type
from trialbridge.converters.references import REFERENCES
from trialbridge.converters.stage import column

if TYPE_CHECKING:
    from trialbridge.converters.finish import Plan
    from trialbridge.findings import Finding

PATHS: Mapping[str, tuple[str, ...]] = {
    kind: (*REFERENCES.get(kind, {}).values(), *NOTES.get(kind, ())) for kind in sorted({*REFERENCES, *NOTES})
}
"""What is read of a resource type beside what its mappings read."""


def with_related(
    tables: Mapping[str, pa.Table], plan: Plan, accounts: Mapping[str, Account]
) -> tuple[dict[str, pa.Table], list[Finding]]:
    """Return the tables of a study with CO and RELREC, and what there is to say of them.

    Args:
        tables: Domain -> its records, with --SEQ and pointers to their resources.
        plan: What was read, and who is who in it.
        accounts: Resource type -> its account, which gets the records.
    """
    found, findings = comments(tables, plan)
    found = derive_relrec(found, plan)
    for code in sorted(set(found) - set(tables)):
        for kind, chosen in by_type(code, found[code]):
            note_records(accounts, kind, code, column(found[code], "_row").to_numpy()[chosen])
    return found, findings
