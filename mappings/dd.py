"""DD, Death Details: one record per finding, such as the cause; that a subject died stands in DM and DS."""

from __future__ import annotations

from trialbridge.mapping import Domain
from trialbridge.observed import (
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    identifiers,
    remarks,
    result,
    test,
    timing,
)

DD = Domain(
    code="DD",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("DD"),
        **test("DD"),
        **result("DD"),
        **timing("DD"),
    },
    supp=remarks("DD"),
)
