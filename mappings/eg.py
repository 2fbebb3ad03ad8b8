"""EG, ECG Test Results: intervals, rates, rhythm and interpretation, one record per observation."""

from __future__ import annotations

from trialbridge.coded import Coded
from trialbridge.mapping import Domain
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    POSITION,
    absence,
    flags,
    identifiers,
    remarks,
    result,
    test,
    timing,
)
from trialbridge.rules import OneOf
from trialbridge.tested import Tested

EG = Domain(
    code="EG",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("EG"),
        **test("EG"),
        "EGPOS": OneOf(Coded(POSITION, "POSITION", "position"), Tested(CODE, "pos")),
        **result("EG"),
        **absence("EG"),
        "EGMETHOD": OneOf(Coded("method", "EGMETHOD", verbatim=True), Tested(CODE, "method")),
        **flags("EG"),
        **timing("EG"),
    },
    supp=remarks("EG"),
)
