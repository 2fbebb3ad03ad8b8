"""PE, Physical Examination: one record per body system examined, or per abnormality.

The terminology has no codes for body systems: the study's own settings give the test of each code.
"""

from __future__ import annotations

from trialbridge.coded import Coded
from trialbridge.mapping import Domain
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
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

PE = Domain(
    code="PE",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("PE"),
        **test("PE"),
        **result("PE"),
        **absence("PE"),
        **site("PE"),
        "PEMETHOD": OneOf(Coded("method", "METHOD", "method", verbatim=True), Tested(CODE, "method")),
        **flags("PE"),
        **timing("PE"),
    },
    supp=remarks("PE"),
)
