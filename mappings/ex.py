"""EX, Exposure: one record per administration of the study product; every other drug is no exposure."""

from __future__ import annotations

from trialbridge.codecs import DateTime, Number
from trialbridge.coded import Coded
from trialbridge.dosing import Frequency
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Unit
from trialbridge.results import Ratio
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read

CONCEPT = "medicationCodeableConcept"
ORDERED = "request->dosageInstruction[].timing"

EX = Domain(
    code="EX",
    source="MedicationAdministration",
    joins={
        "medication": Join("medicationReference.reference", "Medication"),
        "request": Join("request.reference", "MedicationRequest"),
    },
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "unknown": "status unknown: nothing says that the dose was given",
        }
    },
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("EX"),
        "USUBJID": OneWay("the subject that MedicationAdministration.subject points to"),
        "EXSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "EXSPID": At("identifier[].value"),
        # Topic
        "EXTRT": OneOf(
            Read(At(f"{CONCEPT}.text")),
            Read(At(f"{CONCEPT}.coding[].display")),
            At("medication->code.text"),
            Read(At("medication->code.coding[].display")),
            Read(At("medicationReference.display")),
        ),
        # Record qualifiers
        "EXCAT": OneOf(
            At("category.text"), Read(At("category.coding[].display")), Read(At("category.coding[].code"))
        ),
        "EXDOSE": At("dosage.dose.value", Number()),
        "EXDOSTXT": Given("dosage.dose.value", At("dosage.text"), present=False),
        "EXDOSU": Unit("dosage.dose", needs="dosage.dose.value"),
        "EXDOSFRM": Coded("medication->form", "FRM", "dose_form", verbatim=True),
        "EXDOSFRQ": OneOf(
            Coded(f"{ORDERED}.code", "FREQ", "frequency"),
            Frequency(f"{ORDERED}.repeat"),
        ),
        "EXROUTE": Coded("dosage.route", "ROUTE", "route", verbatim=True),
        "EXLOT": At("medication->batch.lotNumber"),
        "EXLOC": Coded("dosage.site", "LOC", "body_site", verbatim=True),
        "EXLAT": OneOf(Read(Coded("dosage.site", "LAT", "body_site", column="lat"))),
        "EXADJ": OneOf(At("statusReason[].text"), Read(At("statusReason[].coding[].display"))),
        # Timing
        "EXSTDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.start", DateTime())),
        "EXENDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.end", DateTime())),
        "EXSTDY": OneWay("derived: EXSTDTC against DM.RFSTDTC"),
        "EXENDY": OneWay("derived: EXENDTC against DM.RFSTDTC"),
    },
    supp={
        "EXDOSTX": Supp("Dosage as Written", Given("dosage.dose.value", At("dosage.text"))),
        "EXRATE": Supp(
            "Rate of Administration",
            OneOf(
                At("dosage.rateQuantity.value", Number()),
                Ratio("dosage.rateRatio"),
            ),
        ),
        "EXRATEU": Supp("Unit of the Rate", Unit("dosage.rateQuantity", needs="dosage.rateQuantity.value")),
        "EXADMETH": Supp(
            "Method of Administration",
            OneOf(
                At("dosage.method.text"),
                Read(At("dosage.method.coding[].display")),
            ),
        ),
        "EXNOTE": Supp("Note on the Administration", At("note[].text")),
    },
)
