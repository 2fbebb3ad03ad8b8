"""CM, Concomitant and Prior Medications: one record per use of a drug that is not the study product.

A statement says what was taken, an administration and an immunization what was given. An order or a
dispensing says neither, and is no record. Negation is said by the status.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Flag, Number
from trialbridge.coded import Coded
from trialbridge.conditions import When
from trialbridge.dosing import Frequency
from trialbridge.encoded import Named, decoded_by
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Unit
from trialbridge.results import Extent, Ratio, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read

CONCEPT = "medicationCodeableConcept"
DOSE = "dosage[].doseAndRate[].doseQuantity"
RANGE = "dosage[].doseAndRate[].doseRange"
GIVEN = "dosage.dose"
TIMING = "dosage[].timing"
ENDED = ("effectivePeriod.end",)
WITHDRAWN = "entered in error: the sender withdraws it"
NOT_TAKEN = ("not-taken", "not-taking", "not-done")
NEGATED = Codes({"not-taken": "N"}, partial=True)
NEGATED_IN_R5 = Codes({"not-taking": "N"}, partial=True)
STATES = Codes({"active": "ACTIVE", "stopped": "STOPPED", "on-hold": "ON HOLD"}, partial=True)
STATES_IN_R5 = Codes({"taking": "ACTIVE", "stopped": "STOPPED", "on-hold": "ON HOLD"}, partial=True)
ADHERENCE = "adherence.code.coding[].code"
ONGOING = Codes({"active": "ONGOING"}, partial=True)
ONGOING_IN_R5 = Codes({"taking": "ONGOING"}, partial=True)
PRODUCT = {
    "CMTRT": OneOf(
        At(f"{CONCEPT}.text"),
        Read(At(f"{CONCEPT}.coding[].display")),
        At("medication->code.text"),
        Read(At("medication->code.coding[].display")),
        Read(At("medicationReference.display")),
        Read(Named(CONCEPT)),
        Read(Named("medication->code")),
    ),
    "CMDECOD": decoded_by("whodrug", "preferred", CONCEPT, "medication->code", reports=True),
    "CMCLAS": decoded_by("whodrug", "atc", CONCEPT, "medication->code"),
    "CMCLASCD": decoded_by("whodrug", "atccd", CONCEPT, "medication->code"),
}
INDICATION = OneOf(
    At("reasonCode[].text"),
    Read(At("reasonCode[].coding[].display")),
    Read(At("reason->code.text")),
    Read(At("reason->code.coding[].display")),
)
SOURCE_CODES = {
    "CMSRCCD": Supp(
        "Code of the Medication at the Source",
        OneOf(At(f"{CONCEPT}.coding[].code"), At("medication->code.coding[].code")),
    ),
    "CMSRCSYS": Supp(
        "System of the Code at the Source",
        OneOf(At(f"{CONCEPT}.coding[].system"), At("medication->code.coding[].system")),
    ),
}

CM = Domain(
    code="CM",
    source="MedicationStatement",
    joins={
        "medication": Join("medicationReference.reference", "Medication"),
        "reason": Join("reasonReference[].reference", "Condition"),
    },
    excluded={
        "status": {
            "entered-in-error": WITHDRAWN,
            "intended": "intended: nothing says that it was taken",
            "draft": "draft: the sender does not state it yet",
        }
    },
    first=("CMDOSFRM",),
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("CM"),
        "USUBJID": OneWay("the subject that MedicationStatement.subject points to"),
        "CMSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "CMSPID": At("identifier[].value"),
        # Topic, synonym and class
        **PRODUCT,
        # Record qualifiers
        "CMCAT": OneOf(
            At("category.text"), Read(At("category.coding[].display")), Read(At("category.coding[].code"))
        ),
        "CMPRESP": OneOf(
            Read(When("status", NOT_TAKEN, Const("Y"))), Read(When(ADHERENCE, NOT_TAKEN, Const("Y")))
        ),
        "CMOCCUR": OneOf(At("status", NEGATED), At(ADHERENCE, NEGATED_IN_R5)),
        "CMREASOC": OneOf(
            When("status", NOT_TAKEN, At("statusReason[].text")),
            Read(When("status", NOT_TAKEN, At("statusReason[].coding[].display"))),
            When(ADHERENCE, NOT_TAKEN, At("adherence.reason.text")),
            Read(When(ADHERENCE, NOT_TAKEN, At("adherence.reason.coding[].display"))),
        ),
        "CMINDC": INDICATION,
        "CMDOSE": At(f"{DOSE}.value", Number()),
        "CMDOSTXT": OneOf(
            Given(f"{DOSE}.value", At("dosage[].text"), present=False),
            Extent(f"{RANGE}.low.value", f"{RANGE}.high.value"),
        ),
        "CMDOSU": OneOf(Unit(DOSE, needs=f"{DOSE}.value"), Read(Unit(f"{RANGE}.low"))),
        "CMDOSFRM": Coded("medication->form", "FRM", "dose_form", verbatim=True),
        "CMDOSFRQ": OneOf(
            Coded(f"{TIMING}.code", "FREQ", "frequency"),
            Frequency(f"{TIMING}.repeat"),
            Read(At("dosage[].asNeededBoolean", Codes({"true": "PRN"}, partial=True))),
        ),
        "CMROUTE": Coded("dosage[].route", "ROUTE", "route", verbatim=True),
        "CMRSDISC": OneOf(
            When("status", NOT_TAKEN, At("statusReason[].text"), has=False),
            Read(When("status", NOT_TAKEN, At("statusReason[].coding[].display"), has=False)),
            When(ADHERENCE, NOT_TAKEN, At("adherence.reason.text"), has=False),
            Read(When(ADHERENCE, NOT_TAKEN, At("adherence.reason.coding[].display"), has=False)),
        ),
        # Timing
        "CMSTDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.start", DateTime())),
        "CMENDTC": At("effectivePeriod.end", DateTime()),
        "CMSTDY": OneWay("derived: CMSTDTC against DM.RFSTDTC"),
        "CMENDY": OneWay("derived: CMENDTC against DM.RFSTDTC"),
        "CMENRTPT": OneOf(
            Read(Without(ENDED, Given("dateAsserted", At("status", ONGOING)))),
            Read(Without(ENDED, Given("dateAsserted", At(ADHERENCE, ONGOING_IN_R5)))),
        ),
        "CMENTPT": OneOf(
            Read(Without(ENDED, When("status", ("active",), At("dateAsserted", DateTime())))),
            Read(Without(ENDED, When(ADHERENCE, ("taking",), At("dateAsserted", DateTime())))),
        ),
    },
    supp={
        "CMSTATE": Supp(
            "Status of the Use at the Source", OneOf(At("status", STATES), At(ADHERENCE, STATES_IN_R5))
        ),
        "CMASRDTC": Supp("Date of the Statement", At("dateAsserted", DateTime())),
        "CMDOSTX": Supp("Dosage as Written", Given(f"{DOSE}.value", At("dosage[].text"))),
        "CMPRN": Supp(
            "As Needed, beside a Frequency",
            OneOf(Read(Given(f"{TIMING}.repeat.periodUnit", At("dosage[].asNeededBoolean", Flag())))),
        ),
        **SOURCE_CODES,
        "CMNOTE": Supp("Note on the Medication", At("note[].text")),
    },
)

CM_GIVEN = Domain(
    code="CM",
    source="MedicationAdministration",
    joins={
        "medication": Join("medicationReference.reference", "Medication"),
        "request": Join("request.reference", "MedicationRequest"),
        "reason": Join("reasonReference[].reference", "Condition"),
    },
    excluded={
        "status": {
            "entered-in-error": WITHDRAWN,
            "unknown": "status unknown: nothing says that the dose was given",
        }
    },
    first=("CMDOSFRM", "CMOCCUR"),
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("CM"),
        "USUBJID": OneWay("the subject that MedicationAdministration.subject points to"),
        "CMSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "CMSPID": At("identifier[].value"),
        # Topic, synonym and class
        **PRODUCT,
        # Record qualifiers
        "CMCAT": OneOf(
            At("category.text"), Read(At("category.coding[].display")), Read(At("category.coding[].code"))
        ),
        "CMPRESP": OneOf(Read(When("status", NOT_TAKEN, Const("Y")))),
        "CMOCCUR": At("status", Codes({"not-done": "N"}, partial=True)),
        "CMREASOC": OneOf(
            When("status", NOT_TAKEN, At("statusReason[].text")),
            Read(When("status", NOT_TAKEN, At("statusReason[].coding[].display"))),
        ),
        "CMINDC": INDICATION,
        "CMDOSE": At(f"{GIVEN}.value", Number()),
        "CMDOSTXT": Given(f"{GIVEN}.value", At("dosage.text"), present=False),
        "CMDOSU": Unit(GIVEN, needs=f"{GIVEN}.value"),
        "CMDOSFRM": Coded("medication->form", "FRM", "dose_form", verbatim=True),
        "CMDOSFRQ": OneOf(
            Coded("request->dosageInstruction[].timing.code", "FREQ", "frequency"),
            Frequency("request->dosageInstruction[].timing.repeat"),
        ),
        "CMROUTE": Coded("dosage.route", "ROUTE", "route", verbatim=True),
        "CMLOT": At("medication->batch.lotNumber"),
        "CMADJ": OneOf(
            When("status", NOT_TAKEN, At("statusReason[].text"), has=False),
            Read(When("status", NOT_TAKEN, At("statusReason[].coding[].display"), has=False)),
        ),
        # Timing
        "CMSTDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.start", DateTime())),
        "CMENDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.end", DateTime())),
        "CMSTDY": OneWay("derived: CMSTDTC against DM.RFSTDTC"),
        "CMENDY": OneWay("derived: CMENDTC against DM.RFSTDTC"),
    },
    supp={
        "CMDOSTX": Supp("Dosage as Written", Given(f"{GIVEN}.value", At("dosage.text"))),
        "CMRATE": Supp(
            "Rate of Administration",
            OneOf(At("dosage.rateQuantity.value", Number()), Ratio("dosage.rateRatio")),
        ),
        "CMRATEU": Supp("Unit of the Rate", Unit("dosage.rateQuantity", needs="dosage.rateQuantity.value")),
        **SOURCE_CODES,
        "CMNOTE": Supp("Note on the Medication", At("note[].text")),
    },
)

CM_VACCINE = Domain(
    code="CM",
    source="Immunization",
    joins={"reason": Join("reasonReference[].reference", "Condition")},
    excluded={"status": {"entered-in-error": WITHDRAWN}},
    first=("CMOCCUR",),
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("CM"),
        "USUBJID": OneWay("the subject that Immunization.patient points to"),
        "CMSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "CMSPID": At("identifier[].value"),
        # Topic
        "CMTRT": OneOf(
            At("vaccineCode.text"),
            Read(At("vaccineCode.coding[].display")),
            Read(At("vaccineCode.coding[].code")),
        ),
        "CMDECOD": decoded_by("whodrug", "preferred", "vaccineCode", reports=True),
        # Record qualifiers
        "CMCAT": Const("VACCINATION"),
        "CMPRESP": OneOf(Read(When("status", NOT_TAKEN, Const("Y")))),
        "CMOCCUR": At("status", Codes({"not-done": "N"}, partial=True)),
        "CMREASOC": OneOf(At("statusReason.text"), Read(At("statusReason.coding[].display"))),
        "CMINDC": INDICATION,
        "CMDOSE": At("doseQuantity.value", Number()),
        "CMDOSU": Unit("doseQuantity", needs="doseQuantity.value"),
        "CMROUTE": Coded("route", "ROUTE", "route", verbatim=True),
        "CMLOT": At("lotNumber"),
        # Timing
        "CMSTDTC": At("occurrenceDateTime", DateTime()),
        "CMENDTC": OneOf(Read(At("occurrenceDateTime", DateTime()))),
        "CMSTDY": OneWay("derived: CMSTDTC against DM.RFSTDTC"),
        "CMENDY": OneWay("derived: CMENDTC against DM.RFSTDTC"),
    },
    supp={
        "CMDTTXT": Supp("Date of Use in Words", At("occurrenceString")),
        "CMSRCCD": Supp("Code of the Medication at the Source", At("vaccineCode.coding[].code")),
        "CMSRCSYS": Supp("System of the Code at the Source", At("vaccineCode.coding[].system")),
        "CMNOTE": Supp("Note on the Medication", At("note[].text")),
    },
)
