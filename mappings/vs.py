"""VS, Vital Signs: one record per measurement, per time point, per subject."""

from __future__ import annotations

from trialbridge.coded import Coded
from trialbridge.mapping import Domain, Panel
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

VS = Domain(
    code="VS",
    source="Observation",
    rows="component",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    panels=(
        Panel(
            "Blood pressure",
            "85354-9",
            {"SYSBP": "8480-6", "DIABP": "8462-4"},
            own=("SEQ", "STRESC", "STRESN", "STRESU", "LOBXFL", "BLFL", "DRVFL", "TOX"),
        ),
    ),
    rules={
        **identifiers("VS"),
        **test("VS"),
        "VSPOS": OneOf(Coded(POSITION, "POSITION", "position"), Tested(CODE, "pos")),
        **result("VS"),
        **absence("VS"),
        **site("VS"),
        "VSMETHOD": Coded("method", "METHOD", "method", verbatim=True),
        **flags("VS"),
        **timing("VS"),
    },
    supp=remarks("VS"),
)
