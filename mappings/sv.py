"""SV, Subject Visits: one record per visit, had or planned, per subject.

An Encounter is a visit, but for a stay in hospital that nothing of the plan asked for, which is HO. Which
planned visit it is, it says itself, or what it was ordered for says it; what names none is numbered then,
by its day. Visits without an Encounter, and missed ones, are added last.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.rules import At, Const, OneOf, OneWay, Read
from trialbridge.visits import PlannedVisit

STRUCTURE = "http://hl7.org/fhir/StructureDefinition"
INSTANTIATES = f"extension[url={STRUCTURE}/workflow-instantiatesCanonical].valueCanonical"
PLANNED_BY = f"extension[url={STRUCTURE}/workflow-instantiatesUri].valueUri"
CALLED_OFF = Codes({"cancelled": "N"}, partial=True)
FINISHED = Codes({"finished": "Y"}, partial=True)  # the word of R4
COMPLETED = Codes({"completed": "Y"}, partial=True)  # and that of R5
IN_PERSON = Codes(
    dict.fromkeys(("AMB", "HH", "FLD", "EMER", "IMP"), "IN PERSON"),
    preferred={"IN PERSON": "AMB"},
    partial=True,
)
TYPE = "type[]"

SV = Domain(
    code="SV",
    source="Encounter",
    joins={
        "request": Join("basedOn[].reference", "ServiceRequest"),
        "ordered": Join("request->basedOn[].reference", "CarePlan"),
        "appointment": Join("appointment[].reference", "Appointment"),
    },
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "planned": "planned: it has not taken place yet",
        }
    },
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("SV"),
        "USUBJID": OneWay("the subject that Encounter.subject points to"),
        # Topic
        "VISITNUM": OneOf(
            PlannedVisit(INSTANTIATES),
            PlannedVisit(PLANNED_BY),
            PlannedVisit("ordered->instantiatesCanonical[*]"),
            PlannedVisit("request->instantiatesCanonical[*]"),
            PlannedVisit("identifier[*].value"),
            PlannedVisit("type[*].coding[*].code"),
            PlannedVisit("type[*].text"),
            PlannedVisit("type[*].coding[*].display"),
        ),
        "VISIT": OneOf(At(f"{TYPE}.text"), Read(At(f"{TYPE}.coding[].display"))),
        # Qualifiers
        "SVPRESP": OneWay("derived: Y where the visit is planned"),
        "SVOCCUR": OneOf(At("status", CALLED_OFF), At("status", FINISHED), At("status", COMPLETED)),
        "SVREASOC": OneOf(Read(At("appointment->cancelationReason.text"))),
        "SVCNTMOD": At("class.code", IN_PERSON),
        "SVUPDES": OneOf(Read(At(f"{TYPE}.text")), Read(At(f"{TYPE}.coding[].display"))),
        # Timing
        "VISITDY": OneWay("derived: the day that is planned for the visit"),
        "SVSTDTC": At("period.start", DateTime()),
        "SVENDTC": At("period.end", DateTime()),
        "SVSTDY": OneWay("derived: SVSTDTC against DM.RFSTDTC"),
        "SVENDY": OneWay("derived: SVENDTC against DM.RFSTDTC"),
    },
    supp={
        "SVREAS": Supp(
            "Reason for the Encounter",
            OneOf(At("reasonCode[].text"), Read(At("reasonCode[].coding[].display"))),
        ),
    },
)
