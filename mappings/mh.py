"""MH, Medical History: one record per condition that is no adverse event.

A Condition that an AdverseEvent names as its result is that event's, and no record here. Negation is said by
the verification: a refuted condition did not occur, one entered in error was never meant.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime
from trialbridge.coded import Coded
from trialbridge.conditions import When
from trialbridge.encoded import Named, meddra_first, meddra_variables
from trialbridge.mapping import Domain, Supp
from trialbridge.results import Extent, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read
from trialbridge.vocabulary import SNOMED

VERIFIED = "verificationStatus.coding[].code"
CLINICAL = "clinicalStatus.coding[].code"
ENDED = (
    "abatementDateTime",
    "abatementPeriod.start",
    "abatementPeriod.end",
    "abatementString",
    "onsetPeriod.end",
)
STILL = ("active", "recurrence", "relapse")
REFUTED = Codes({"refuted": "N"}, partial=True)
ONGOING = Codes(dict.fromkeys(STILL, "ONGOING"), preferred={"ONGOING": "active"}, partial=True)
CLINICAL_WORDS = Codes(
    {
        "active": "ACTIVE",
        "recurrence": "RECURRENCE",
        "relapse": "RELAPSE",
        "inactive": "INACTIVE",
        "remission": "REMISSION",
        "resolved": "RESOLVED",
    },
    partial=True,
)
UNSURE = Codes(
    {"unconfirmed": "UNCONFIRMED", "provisional": "PROVISIONAL", "differential": "DIFFERENTIAL"}, partial=True
)
CODED = meddra_variables("MH", "code")
"""By the user's own MedDRA; blank without."""

MH = Domain(
    code="MH",
    source="Condition",
    excluded={
        VERIFIED: {"entered-in-error": "entered in error: the sender withdraws it"},
    },
    first=meddra_first("MH"),
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("MH"),
        "USUBJID": OneWay("the subject that Condition.subject points to"),
        "MHSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "MHSPID": At("identifier[].value"),
        # Topic
        "MHTERM": OneOf(
            At("code.text"),
            Read(At("code.coding[].display")),
            Read(Named("code")),
        ),
        # Synonym qualifiers
        "MHDECOD": CODED["MHDECOD"],
        # Grouping qualifiers
        "MHCAT": OneOf(
            At("category[].text"),
            Read(At("category[].coding[].display")),
            Read(At("category[].coding[].code")),
        ),
        # Record qualifiers
        "MHPRESP": OneOf(Read(When(VERIFIED, ("refuted",), Const("Y")))),
        "MHOCCUR": At(VERIFIED, REFUTED),
        "MHBODSYS": CODED["MHBODSYS"],
        "MHLOC": Coded("bodySite[]", "LOC", "body_site", verbatim=True),
        "MHLAT": OneOf(Read(Coded("bodySite[]", "LAT", "body_site", column="lat"))),
        "MHSEV": OneOf(
            Coded("severity", "AESEV", "ae_severity"),
            Read(At("severity.text")),
            Read(At("severity.coding[].display")),
        ),
        # Timing
        "MHDTC": At("recordedDate", DateTime()),
        "MHSTDTC": OneOf(
            At("onsetDateTime", DateTime()),
            At("onsetPeriod.start", DateTime()),
        ),
        "MHENDTC": OneOf(
            At("abatementDateTime", DateTime()),
            Read(At("abatementPeriod.end", DateTime())),
            Read(At("abatementPeriod.start", DateTime())),
            Read(At("onsetPeriod.end", DateTime())),
        ),
        "MHDY": OneWay("derived: MHDTC against DM.RFSTDTC"),
        "MHSTDY": OneWay("derived: MHSTDTC against DM.RFSTDTC"),
        "MHENDY": OneWay("derived: MHENDTC against DM.RFSTDTC"),
        "MHENRTPT": OneOf(Read(Without(ENDED, Given("recordedDate", At(CLINICAL, ONGOING))))),
        "MHENTPT": OneOf(Read(Without(ENDED, When(CLINICAL, STILL, At("recordedDate", DateTime()))))),
    },
    supp={
        "MHCLIN": Supp("Clinical Status at the Source", At(CLINICAL, CLINICAL_WORDS)),
        "MHVERIF": Supp("Verification Status at the Source", At(VERIFIED, UNSURE)),
        "MHSTTXT": Supp(
            "Onset in Words",
            OneOf(
                At("onsetString"),
                Read(Extent("onsetRange.low.value", "onsetRange.high.value")),
                Read(At("onsetAge.value")),
            ),
        ),
        "MHSTAGEU": Supp(
            "Unit of an Onset that is an Age", OneOf(At("onsetAge.unit"), Read(At("onsetAge.code")))
        ),
        "MHENTXT": Supp("End in Words", OneOf(At("abatementString"), Read(At("abatementAge.value")))),
        "MHSNOMED": Supp("SNOMED CT Code of the Condition", At(f"code.coding[system={SNOMED}].code")),
        "MHNOTE": Supp("Note on the Condition", At("note[].text")),
    },
)
