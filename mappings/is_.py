"""IS, Immunogenicity Specimen Assessments: antibodies, one record per test and what the antibody binds to."""

from __future__ import annotations

from trialbridge.mapping import Domain
from trialbridge.observed import (
    CODE,
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
from trialbridge.rules import OneWay
from trialbridge.tested import Tested

IS = Domain(
    code="IS",
    source="Observation",
    rows="component",
    source_of="Vendor",
    joins=SAMPLED,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("IS"),
        **test("IS"),
        "ISBDAGNT": Tested(CODE, "bdagnt"),
        **result("IS"),
        **ranges("IS"),
        **absence("IS"),
        **specimen("IS"),
        **flags("IS"),
        "ISLLOQ": OneWay("the lower limit of quantitation has no element of its own in an Observation"),
        **timing("IS"),
    },
    supp=remarks("IS", indicated=True),
)
