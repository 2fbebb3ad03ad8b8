"""MB, Microbiology Specimen: organisms, their antigens and nucleic acids, one record per finding."""

from __future__ import annotations

from trialbridge.mapping import Domain
from trialbridge.observed import (
    ENTERED_IN_ERROR,
    FINAL,
    SAMPLED,
    absence,
    flags,
    identifiers,
    remarks,
    result,
    specimen,
    test,
    timing,
)

MB = Domain(
    code="MB",
    source="Observation",
    rows="component",
    source_of="Vendor",
    joins=SAMPLED,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("MB"),
        **test("MB"),
        **result("MB"),
        **absence("MB"),
        **specimen("MB"),
        **flags("MB"),
        **timing("MB"),
    },
    supp=remarks("MB"),
)
