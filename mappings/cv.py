"""CV, Cardiovascular System Findings: such as an ejection fraction, one record per finding."""

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
    site,
    test,
    timing,
)
from trialbridge.rules import OneOf
from trialbridge.tested import Tested

CV = Domain(
    code="CV",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("CV"),
        **test("CV"),
        "CVPOS": OneOf(Coded(POSITION, "POSITION", "position"), Tested(CODE, "pos")),
        **result("CV"),
        **absence("CV"),
        **site("CV"),
        "CVMETHOD": OneOf(Coded("method", "METHOD", "method", verbatim=True), Tested(CODE, "method")),
        **flags("CV"),
        **timing("CV"),
    },
    supp=remarks("CV"),
)
