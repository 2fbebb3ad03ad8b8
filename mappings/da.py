"""DA, Product Accountability: one record per dispensing of the study product; other drugs have none."""

from __future__ import annotations

from trialbridge.codecs import DateTime
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Measured, Unit
from trialbridge.rules import At, Const, OneOf, OneWay, Read

CONCEPT = "medicationCodeableConcept"

DA = Domain(
    code="DA",
    source="MedicationDispense",
    joins={"medication": Join("medicationReference.reference", "Medication")},
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "preparation": "in preparation: it was not handed over yet",
            "cancelled": "cancelled: it was not handed over",
            "declined": "declined: it was not handed over",
            "in-progress": "in progress: it was not handed over yet",
        }
    },
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("DA"),
        "USUBJID": OneWay("the subject that MedicationDispense.subject points to"),
        "DASEQ": OneWay("derived: the order of the natural keys within the subject"),
        "DAREFID": At("medication->batch.lotNumber"),
        "DASPID": At("identifier[].value"),
        # Topic
        "DATESTCD": OneOf(Read(Const("DISPAMT"))),
        "DATEST": OneOf(Read(Const("Dispensed Amount"))),
        # Result qualifiers
        "DAORRES": Measured("quantity"),
        "DAORRESU": Unit("quantity", needs="quantity.value"),
        "DASTRESC": OneWay("derived: DAORRES in the standard unit of the test"),
        "DASTRESN": OneWay("derived: the number in DASTRESC"),
        "DASTRESU": OneWay("derived: the standard unit of the test"),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "DADTC": OneOf(At("whenHandedOver", DateTime()), Read(At("whenPrepared", DateTime()))),
        "DADY": OneWay("derived: DADTC against DM.RFSTDTC"),
    },
    supp={
        "DATRT": Supp(
            "Name of the Product",
            OneOf(
                Read(At(f"{CONCEPT}.text")),
                Read(At(f"{CONCEPT}.coding[].display")),
                At("medication->code.text"),
                Read(At("medication->code.coding[].display")),
            ),
        ),
        "DANOTE": Supp("Note on the Dispensing", At("note[].text")),
    },
)
