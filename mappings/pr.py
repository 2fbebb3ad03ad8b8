"""PR, Procedures: one record per therapeutic or diagnostic procedure.

Negation is said by the status: a procedure that was not done did not occur, and its reason says why.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime
from trialbridge.coded import Coded
from trialbridge.conditions import When
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.results import Extent, Without
from trialbridge.rules import At, Const, OneOf, OneWay, Read
from trialbridge.vocabulary import SNOMED

NOT_DONE = ("not-done",)
ENDED = ("performedPeriod.end",)
STATES = Codes(
    {
        "in-progress": "IN PROGRESS",
        "on-hold": "ON HOLD",
        "stopped": "STOPPED",
        "unknown": "UNKNOWN",
    },
    partial=True,
)

PR = Domain(
    code="PR",
    source="Procedure",
    joins={
        "encounter": Join("encounter.reference", "Encounter"),
        "reason": Join("reasonReference[].reference", "Condition"),
    },
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "preparation": "in preparation: it has not begun",
        }
    },
    first=("PROCCUR",),
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("PR"),
        "USUBJID": OneWay("the subject that Procedure.subject points to"),
        "PRSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "PRSPID": At("identifier[].value"),
        # Topic
        "PRTRT": OneOf(At("code.text"), Read(At("code.coding[].display")), Read(At("code.coding[].code"))),
        # Synonym qualifiers
        "PRDECOD": Coded("code", "PROCEDUR", partial=True),
        # Grouping qualifiers
        "PRCAT": OneOf(
            At("category.text"), Read(At("category.coding[].display")), Read(At("category.coding[].code"))
        ),
        # Record qualifiers
        "PRPRESP": OneOf(Read(When("status", NOT_DONE, Const("Y")))),
        "PROCCUR": At("status", Codes({"not-done": "N"}, partial=True)),
        "PRREASOC": OneOf(
            When("status", NOT_DONE, At("statusReason.text")),
            Read(When("status", NOT_DONE, At("statusReason.coding[].display"))),
        ),
        "PRINDC": OneOf(
            At("reasonCode[].text"),
            Read(At("reasonCode[].coding[].display")),
            Read(At("reason->code.text")),
            Read(At("reason->code.coding[].display")),
        ),
        "PRLOC": Coded("bodySite[]", "LOC", "body_site", verbatim=True),
        "PRLAT": OneOf(Read(Coded("bodySite[]", "LAT", "body_site", column="lat"))),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "PRSTDTC": OneOf(Read(At("performedDateTime", DateTime())), At("performedPeriod.start", DateTime())),
        "PRENDTC": OneOf(Read(At("performedDateTime", DateTime())), At("performedPeriod.end", DateTime())),
        "PRSTDY": OneWay("derived: PRSTDTC against DM.RFSTDTC"),
        "PRENDY": OneWay("derived: PRENDTC against DM.RFSTDTC"),
    },
    supp={
        "PRSTATE": Supp("Status of the Procedure at the Source", At("status", STATES)),
        "PRSTREAS": Supp(
            "Reason for the Status",
            OneOf(
                When("status", NOT_DONE, At("statusReason.text"), has=False),
                Read(When("status", NOT_DONE, At("statusReason.coding[].display"), has=False)),
            ),
        ),
        "PROUT": Supp("Outcome", OneOf(At("outcome.text"), Read(At("outcome.coding[].display")))),
        "PRDTTXT": Supp(
            "Date of the Procedure in Words",
            OneOf(
                Without(ENDED, At("performedString")),
                Read(Extent("performedRange.low.value", "performedRange.high.value")),
                Read(At("performedAge.value")),
            ),
        ),
        "PRSNOMED": Supp("SNOMED CT Code of the Procedure", At(f"code.coding[system={SNOMED}].code")),
        "PRNOTE": Supp("Note on the Procedure", At("note[].text")),
    },
)
