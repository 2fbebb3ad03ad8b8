"""FA, Findings About Events or Interventions: such as the severity of a symptom at a visit.

An Observation is one where its code says so, or where its `focus` is an event, a condition or a drug, and
no table gives its code to another domain.
"""

from __future__ import annotations

from trialbridge.coded import Coded
from trialbridge.mapping import Domain, Join, alternatives
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
from trialbridge.rules import At, OneOf, Read
from trialbridge.tested import Tested

CONCEPT = "medicationCodeableConcept"
NAMES = (
    *("event->event", "condition->code", f"used->{CONCEPT}", f"given->{CONCEPT}", "done->code"),
    *(f"usedin->{CONCEPT}", f"givenin->{CONCEPT}", "donein->code"),
)
"""What the records are called that a finding may be about: by its focus, else by what it is part of."""

TEST = test("FA")

FA = Domain(
    code="FA",
    source="Observation",
    rows="component",
    joins={
        "event": Join("focus[].reference", "AdverseEvent"),
        "condition": Join("focus[].reference", "Condition"),
        "used": Join("focus[].reference", "MedicationStatement"),
        "given": Join("focus[].reference", "MedicationAdministration"),
        "done": Join("focus[].reference", "Procedure"),
        "usedin": Join("partOf[].reference", "MedicationStatement"),
        "givenin": Join("partOf[].reference", "MedicationAdministration"),
        "donein": Join("partOf[].reference", "Procedure"),
        **ENCOUNTER,
    },
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("FA"),
        **TEST,
        "FATESTCD": OneOf(*alternatives(TEST["FATESTCD"]), Read(Coded(CODE, "FATESTCD", partial=True))),
        "FATEST": OneOf(Read(Coded(CODE, "FATEST", partial=True)), TEST["FATEST"]),
        "FAOBJ": OneOf(
            *(Read(At(f"{name}.{part}")) for name in NAMES for part in ("text", "coding[].display")),
            At("focus[].display"),
            Tested(CODE, "obj"),
        ),
        **result("FA"),
        **absence("FA"),
        **site("FA"),
        **flags("FA"),
        **timing("FA"),
    },
    supp=remarks("FA"),
)
