"""EC, Exposure as Collected: doses of the study product as they were planned, given, or not given.

EX says what the subject was exposed to, from the same administrations. EC stands beside it where a dose was
not given, which is no exposure, or where the study's settings ask for it; planned doses only where they do.
"""

from __future__ import annotations

from trialbridge.classes import DATASETS
from trialbridge.codecs import Codes, DateTime, Number
from trialbridge.coded import Coded
from trialbridge.conditions import When
from trialbridge.dosing import Frequency
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Unit
from trialbridge.results import Ratio
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read, Rule

CONCEPT = "medicationCodeableConcept"
DOSE = "dosage.dose"
ORDERED = "request->dosageInstruction[].timing"
PLANNED = "dosageInstruction[]"
PLANNED_DOSE = f"{PLANNED}.doseAndRate[].doseQuantity"
TIMING = f"{PLANNED}.timing"
NOT_DONE = ("not-done",)
GIVEN = ("completed", "in-progress", "on-hold", "stopped")
OCCURRED = Codes({**dict.fromkeys(GIVEN, "Y"), "not-done": "N"}, preferred={"Y": "completed"}, partial=True)
WITHDRAWN = "entered in error: the sender withdraws it"


def identifiers(kind: str) -> dict[str, Rule]:
    """Return the rules of the identifiers.

    Args:
        kind: The resource type.
    """
    return {
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("EC"),
        "USUBJID": OneWay(f"the subject that {kind}.subject points to"),
        "ECSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "ECSPID": At("identifier[].value"),
    }


def product() -> OneOf:
    """Return the rule of the product's name."""
    return OneOf(
        Read(At(f"{CONCEPT}.text")),
        Read(At(f"{CONCEPT}.coding[].display")),
        At("medication->code.text"),
        Read(At("medication->code.coding[].display")),
        Read(At("medicationReference.display")),
    )


DAYS: dict[str, Rule] = {
    "ECSTDY": OneWay("derived: ECSTDTC against DM.RFSTDTC"),
    "ECENDY": OneWay("derived: ECENDTC against DM.RFSTDTC"),
}

EC = Domain(
    code="EC",
    source="MedicationAdministration",
    joins={
        "medication": Join("medicationReference.reference", "Medication"),
        "request": Join("request.reference", "MedicationRequest"),
    },
    only={f"category.coding[system={DATASETS}].code": ("EC",)},
    excluded={
        "status": {
            "entered-in-error": WITHDRAWN,
            "unknown": "status unknown: nothing says that the dose was given",
        }
    },
    first=("ECOCCUR",),
    fixed={"status": "completed", f"category.coding[system={DATASETS}].code": "EC"},
    rules={
        # Identifiers
        **identifiers("MedicationAdministration"),
        # Topic
        "ECTRT": product(),
        # Record qualifiers
        "ECMOOD": OneOf(Read(Const("PERFORMED"))),
        "ECCAT": OneOf(At("category.text"), Read(At("category.coding[].display"))),
        "ECPRESP": OneOf(Read(Const("Y"))),
        "ECOCCUR": At("status", OCCURRED),
        "ECREASOC": OneOf(
            When("status", NOT_DONE, At("statusReason[].text")),
            Read(When("status", NOT_DONE, At("statusReason[].coding[].display"))),
        ),
        "ECDOSE": At(f"{DOSE}.value", Number()),
        "ECDOSTXT": Given(f"{DOSE}.value", At("dosage.text"), present=False),
        "ECDOSU": Unit(DOSE, needs=f"{DOSE}.value"),
        "ECDOSFRM": Coded("medication->form", "FRM", "dose_form", verbatim=True),
        "ECDOSFRQ": OneOf(Coded(f"{ORDERED}.code", "FREQ", "frequency"), Frequency(f"{ORDERED}.repeat")),
        "ECROUTE": Coded("dosage.route", "ROUTE", "route", verbatim=True),
        "ECLOT": At("medication->batch.lotNumber"),
        "ECLOC": Coded("dosage.site", "LOC", "body_site", verbatim=True),
        "ECLAT": OneOf(Read(Coded("dosage.site", "LAT", "body_site", column="lat"))),
        "ECADJ": OneOf(
            When("status", NOT_DONE, At("statusReason[].text"), has=False),
            Read(When("status", NOT_DONE, At("statusReason[].coding[].display"), has=False)),
        ),
        # Timing
        "ECSTDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.start", DateTime())),
        "ECENDTC": OneOf(Read(At("effectiveDateTime", DateTime())), At("effectivePeriod.end", DateTime())),
        **DAYS,
    },
    supp={
        "ECDOSTX": Supp("Dosage as Written", Given(f"{DOSE}.value", At("dosage.text"))),
        "ECRATE": Supp(
            "Rate of Administration",
            OneOf(At("dosage.rateQuantity.value", Number()), Ratio("dosage.rateRatio")),
        ),
        "ECRATEU": Supp("Unit of the Rate", Unit("dosage.rateQuantity", needs="dosage.rateQuantity.value")),
        "ECNOTE": Supp("Note on the Administration", At("note[].text")),
    },
)

EC_PLANNED = Domain(
    code="EC",
    source="MedicationRequest",
    joins={"medication": Join("medicationReference.reference", "Medication")},
    excluded={
        "status": {
            "entered-in-error": WITHDRAWN,
            "cancelled": "cancelled: the dose is no longer planned",
            "draft": "a draft: the dose is not planned yet",
        },
        "intent": {
            "proposal": "a proposal: the dose is not planned",
            "option": "an option: the dose is not planned",
        },
    },
    fixed={"status": "unknown", "intent": "plan"},
    rules={
        # Identifiers
        **identifiers("MedicationRequest"),
        # Topic
        "ECTRT": product(),
        # Record qualifiers
        "ECMOOD": OneOf(Read(Const("SCHEDULED"))),
        "ECCAT": OneOf(At("category[].text"), Read(At("category[].coding[].display"))),
        "ECDOSE": At(f"{PLANNED_DOSE}.value", Number()),
        "ECDOSTXT": Given(f"{PLANNED_DOSE}.value", At(f"{PLANNED}.text"), present=False),
        "ECDOSU": Unit(PLANNED_DOSE, needs=f"{PLANNED_DOSE}.value"),
        "ECDOSFRM": Coded("medication->form", "FRM", "dose_form", verbatim=True),
        "ECDOSFRQ": OneOf(Coded(f"{TIMING}.code", "FREQ", "frequency"), Frequency(f"{TIMING}.repeat")),
        "ECROUTE": Coded(f"{PLANNED}.route", "ROUTE", "route", verbatim=True),
        "ECLOC": Coded(f"{PLANNED}.site", "LOC", "body_site", verbatim=True),
        "ECLAT": OneOf(Read(Coded(f"{PLANNED}.site", "LAT", "body_site", column="lat"))),
        # Timing
        "ECSTDTC": OneOf(
            Read(At(f"{TIMING}.event[]", DateTime())),
            At(f"{TIMING}.repeat.boundsPeriod.start", DateTime()),
        ),
        "ECENDTC": OneOf(
            Read(At(f"{TIMING}.event[]", DateTime())),
            At(f"{TIMING}.repeat.boundsPeriod.end", DateTime()),
        ),
        **DAYS,
    },
    supp={
        "ECDOSTX": Supp("Dosage as Written", Given(f"{PLANNED_DOSE}.value", At(f"{PLANNED}.text"))),
        "ECNOTE": Supp("Note on the Order", At("note[].text")),
    },
)
