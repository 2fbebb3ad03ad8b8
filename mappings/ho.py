"""HO, Healthcare Encounters: stays in hospital and the like; a visit that the study ordered is in SV."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.rules import At, Const, OneOf, OneWay, Read

STAYS = {
    "IMP": "HOSPITAL STAY",
    "ACUTE": "HOSPITAL STAY",
    "NONAC": "HOSPITAL STAY",
    "OBSENC": "HOSPITAL STAY",
    "SS": "HOSPITAL STAY",
    "EMER": "EMERGENCY ROOM VISIT",
}
DECODED = Codes(STAYS, preferred={"HOSPITAL STAY": "IMP"}, partial=True)

HO = Domain(
    code="HO",
    source="Encounter",
    only={"class.code": tuple(STAYS)},
    joins={"reason": Join("reasonReference[].reference", "Condition")},
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "planned": "planned: it has not taken place yet",
            "cancelled": "cancelled: it did not take place",
        }
    },
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("HO"),
        "USUBJID": OneWay("the subject that Encounter.subject points to"),
        "HOSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "HOSPID": At("identifier[].value"),
        # Topic
        "HOTERM": OneOf(
            At("type[].text"),
            Read(At("type[].coding[].display")),
            Read(At("class.display")),
            Read(At("class.code", DECODED)),
        ),
        # Synonym qualifier
        "HODECOD": At("class.code", DECODED),
        # Timing
        "HOSTDTC": At("period.start", DateTime()),
        "HOENDTC": At("period.end", DateTime()),
        "HOSTDY": OneWay("derived: HOSTDTC against DM.RFSTDTC"),
        "HOENDY": OneWay("derived: HOENDTC against DM.RFSTDTC"),
    },
    supp={
        "HOREAS": Supp(
            "Reason for the Encounter",
            OneOf(
                At("reasonCode[].text"),
                Read(At("reasonCode[].coding[].display")),
                Read(At("reason->code.text")),
                Read(At("reason->code.coding[].display")),
            ),
        ),
        "HODISP": Supp(
            "Discharge Disposition",
            OneOf(
                At("hospitalization.dischargeDisposition.text"),
                Read(At("hospitalization.dischargeDisposition.coding[].display")),
            ),
        ),
    },
)
