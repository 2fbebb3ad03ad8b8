"""LB, Laboratory Test Results: one record per test, per time point, per subject.

Labels, types, core and codelists come from the generated table of the standard; this file says only where
values live. Microbiology, antibodies and cell subsets are routed elsewhere by the code of the test.
"""

from __future__ import annotations

from trialbridge.mapping import Domain
from trialbridge.observed import (
    ENTERED_IN_ERROR,
    FINAL,
    SAMPLED,
    absence,
    flags,
    identifiers,
    ranges,
    remarks,
    result,
    specimen,
    test,
    timing,
)

LB = Domain(
    code="LB",
    source="Observation",
    rows="component",
    source_of="Vendor",
    joins=SAMPLED,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("LB"),
        **test("LB"),
        **result("LB"),
        **ranges("LB"),
        **absence("LB"),
        **specimen("LB"),
        **flags("LB"),
        **timing("LB"),
    },
    supp=remarks("LB", indicated=True),
)
