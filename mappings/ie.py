"""IE, Inclusion/Exclusion Criteria Not Met: one record per criterion that a subject did not meet.

The study's own settings say which code asks for which criterion, and whether it includes or excludes; a
criterion that was met is no record.
"""

from __future__ import annotations

from trialbridge.criteria import NotMet
from trialbridge.mapping import Domain
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    identifiers,
    remarks,
    test,
    timing,
)

IE = Domain(
    code="IE",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("IE"),
        **test("IE"),
        "IETESTCD": NotMet(CODE, "testcd"),
        "IEORRES": NotMet(CODE, "answer"),
        "IESTRESC": NotMet(CODE, "answer"),
        **timing("IE"),
    },
    supp=remarks("IE"),
)
