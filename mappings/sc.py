"""SC, Subject Characteristics: what is true of a subject once, and belongs to no other domain."""

from __future__ import annotations

from trialbridge.mapping import Domain
from trialbridge.observed import (
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    absence,
    identifiers,
    remarks,
    result,
    test,
    timing,
)

SC = Domain(
    code="SC",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("SC"),
        **test("SC"),
        **result("SC"),
        **absence("SC"),
        **timing("SC"),
    },
    supp=remarks("SC"),
)
