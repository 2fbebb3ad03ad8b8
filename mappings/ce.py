"""CE, Clinical Events: one record per event that the study names as one, such as a flare.

FHIR does not tell a clinical event from history or from an adverse event: the study's settings name its
codes, categories or profiles, and what was written here says it by a category.
"""

from __future__ import annotations

from trialbridge.classes import DATASETS
from trialbridge.codecs import Codes, DateTime
from trialbridge.coded import Coded
from trialbridge.conditions import When
from trialbridge.encoded import Named, meddra_first, meddra_variables
from trialbridge.mapping import Domain, Supp
from trialbridge.observed import ENTERED_IN_ERROR, FINAL
from trialbridge.results import Absence, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read, Rule

OURS = f"category[].coding[system={DATASETS}].code"
VERIFIED = "verificationStatus.coding[].code"
CLINICAL = "clinicalStatus.coding[].code"
WITHDRAWN = "entered in error: the sender withdraws it"
ENDED = ("abatementDateTime", "abatementPeriod.start", "abatementPeriod.end", "onsetPeriod.end")
STILL = ("active", "recurrence", "relapse")
ONGOING = Codes(dict.fromkeys(STILL, "ONGOING"), preferred={"ONGOING": "active"}, partial=True)
DONE = {"true": "Y", "false": "N"}
RESULT = ("valueBoolean", "valueString", "valueCodeableConcept.text", "valueCodeableConcept.coding[].code")


def identifiers(kind: str, identifier: str = "identifier[]") -> dict[str, Rule]:
    """Return the rules of the identifiers.

    Args:
        kind: The resource type.
        identifier: Its element for identifiers.
    """
    return {
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("CE"),
        "USUBJID": OneWay(f"the subject that {kind}.subject points to"),
        "CESEQ": OneWay("derived: the order of the natural keys within the subject"),
        "CESPID": At(f"{identifier}.value"),
    }


def group() -> OneOf:
    """Return the rule of the category."""
    return OneOf(At("category[].text"), Read(At("category[].coding[].display")))


def severity(base: str) -> Coded:
    """Return the rule of the severity.

    Args:
        base: Path of the CodeableConcept.
    """
    return Coded(base, "C165643", "ae_severity")


def days(start: str, end: str) -> dict[str, Rule]:
    """Return the rules of the study days.

    Args:
        start: The variable of the start.
        end: The variable of the end.
    """
    return {
        "CESTDY": OneWay(f"derived: {start} against DM.RFSTDTC"),
        "CEENDY": OneWay(f"derived: {end} against DM.RFSTDTC"),
    }


CODED = meddra_variables("CE", "code")
"""By the user's own MedDRA; blank without."""

CE = Domain(
    code="CE",
    source="Condition",
    only={OURS: ("CE",)},
    excluded={VERIFIED: {"entered-in-error": WITHDRAWN}},
    first=meddra_first("CE"),
    fixed={OURS: "CE"},
    rules={
        # Identifiers
        **identifiers("Condition"),
        # Topic
        "CETERM": OneOf(At("code.text"), Read(At("code.coding[].display")), Read(Named("code"))),
        # Synonym and grouping qualifiers
        "CEDECOD": CODED["CEDECOD"],
        "CECAT": group(),
        # Record qualifiers
        "CEPRESP": OneOf(Read(When(VERIFIED, ("refuted",), Const("Y")))),
        "CEOCCUR": At(VERIFIED, Codes({"refuted": "N"}, partial=True)),
        "CEBODSYS": CODED["CEBODSYS"],
        "CELOC": Coded("bodySite[]", "LOC", "body_site", verbatim=True),
        "CESEV": severity("severity"),
        # Timing
        "CEDTC": At("recordedDate", DateTime()),
        "CESTDTC": OneOf(At("onsetDateTime", DateTime()), At("onsetPeriod.start", DateTime())),
        "CEENDTC": OneOf(
            At("abatementDateTime", DateTime()),
            Read(At("abatementPeriod.end", DateTime())),
            Read(At("abatementPeriod.start", DateTime())),
            Read(At("onsetPeriod.end", DateTime())),
        ),
        "CEDY": OneWay("derived: CEDTC against DM.RFSTDTC"),
        **days("CESTDTC", "CEENDTC"),
        "CEENRTPT": OneOf(Read(Without(ENDED, Given("recordedDate", At(CLINICAL, ONGOING))))),
        "CEENTPT": OneOf(Read(Without(ENDED, When(CLINICAL, STILL, At("recordedDate", DateTime()))))),
    },
    supp={
        "CENOTE": Supp("Note on the Event", At("note[].text")),
    },
)

CODED_EVENT = meddra_variables("CE", "event")

CE_EVENT = Domain(
    code="CE",
    source="AdverseEvent",
    only={OURS: ("CE",)},
    excluded={
        "actuality": {"potential": "potential: it did not happen to the subject"},
        "status": {"entered-in-error": WITHDRAWN},
    },
    first=meddra_first("CE"),
    fixed={OURS: "CE", "actuality": "actual"},
    rules={
        # Identifiers
        **identifiers("AdverseEvent", "identifier"),
        # Topic
        "CETERM": OneOf(At("event.text"), Read(At("event.coding[].display")), Read(Named("event"))),
        # Synonym and grouping qualifiers
        "CEDECOD": CODED_EVENT["CEDECOD"],
        "CECAT": group(),
        # Record qualifiers
        "CEBODSYS": CODED_EVENT["CEBODSYS"],
        "CESEV": severity("severity"),
        "CEOUT": Coded("outcome", "OUT", "ae_outcome"),
        # Timing
        "CEDTC": At("recordedDate", DateTime()),
        "CESTDTC": At("date", DateTime()),
        "CEDY": OneWay("derived: CEDTC against DM.RFSTDTC"),
        **days("CESTDTC", "CEENDTC"),
    },
    supp={
        "CENOTE": Supp("Note on the Event", At("note[].text")),
    },
)

CE_OBSERVED = Domain(
    code="CE",
    source="Observation",
    only={OURS: ("CE",)},
    excluded=ENTERED_IN_ERROR,
    fixed={OURS: "CE", **FINAL},
    rules={
        # Identifiers
        **identifiers("Observation"),
        # Topic
        "CETERM": OneOf(At("code.text"), Read(At("code.coding[].display"))),
        # Synonym and grouping qualifiers
        "CEDECOD": CODED["CEDECOD"],
        "CECAT": group(),
        # Record qualifiers
        "CEPRESP": OneOf(Read(Given("valueBoolean", Const("Y")))),
        "CEOCCUR": At("valueBoolean", Codes(DONE)),
        "CESTAT": Without(RESULT, Absence("dataAbsentReason")),
        "CEREASND": OneOf(At("dataAbsentReason.text"), Read(Absence("dataAbsentReason", "reason"))),
        "CESEV": Coded("valueCodeableConcept", "C165643", "ae_severity", partial=True),
        # Timing
        "CEDTC": At("issued", DateTime()),
        "CESTDTC": OneOf(
            At("effectivePeriod.start", DateTime()),
            Read(At("effectiveDateTime", DateTime())),
            Read(At("effectiveInstant", DateTime())),
        ),
        "CEENDTC": At("effectivePeriod.end", DateTime()),
        "CEDY": OneWay("derived: CEDTC against DM.RFSTDTC"),
        **days("CESTDTC", "CEENDTC"),
    },
    supp={
        "CERES": Supp(
            "Result as Reported",
            OneOf(
                At("valueString"),
                Read(At("valueCodeableConcept.text")),
                Read(At("valueCodeableConcept.coding[].display")),
            ),
        ),
        "CENOTE": Supp("Note on the Event", At("note[].text")),
    },
)
