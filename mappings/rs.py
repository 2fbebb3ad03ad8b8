"""RS, Disease Response and Clinical Classification: what a clinician rates, one record per assessment.

Activity and damage indices, global assessments and responses belong here; a study that keeps an instrument
in QS says so in its settings.
"""

from __future__ import annotations

from trialbridge.answers import Answered, answers
from trialbridge.mapping import Domain
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    GRADED,
    absence,
    flags,
    identifiers,
    remarks,
    result,
    test,
    timing,
)
from trialbridge.rules import At, OneOf, Read
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
        "RSSTRESC": OneOf(Read(Answered(CODE, GRADED))),
        **absence("RS"),
        **flags("RS"),
        **timing("RS"),
    },
    supp=remarks("RS"),
)

RS_RESPONSES = answers("RS", "Investigator")
