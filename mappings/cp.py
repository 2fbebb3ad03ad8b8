"""CP, Cell Phenotype Findings: subsets of cells, one record per test, specimen and time point."""

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
from trialbridge.rules import OneWay

CP = Domain(
    code="CP",
    source="Observation",
    rows="component",
    source_of="Vendor",
    joins=SAMPLED,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("CP"),
        **test("CP"),
        "CPMRKSTR": OneWay(
            "the markers that define the subset have no element of their own in an Observation"
        ),
        **result("CP"),
        **ranges("CP"),
        **absence("CP"),
        **specimen("CP"),
        **flags("CP"),
        **timing("CP"),
    },
    supp=remarks("CP", indicated=True),
)
