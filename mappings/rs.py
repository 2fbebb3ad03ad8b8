"""RS, Disease Response and Clinical Classification: what a clinician rates, one record per assessment.

Activity and damage indices, global assessments and responses belong here; a study that keeps an instrument
in QS gives its codes that domain in its settings.
"""

from __future__ import annotations

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
    test,
    timing,
)
from trialbridge.rules import At, OneOf
from trialbridge.tested import Tested

RS = Domain(
    code="RS",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("RS"),
        **test("RS"),
        "RSCAT": OneOf(Tested(CODE, "cat"), At("method.text")),
        **result("RS"),
        **absence("RS"),
        **flags("RS"),
        **timing("RS"),
    },
    supp=remarks("RS"),
)
