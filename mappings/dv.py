"""DV, Protocol Deviations: one record per deviation of a subject.

FHIR has no resource for deviations. A DetectedIssue is one where its code says so, an Observation or an
AdverseEvent where its category does; the study's settings may name more codes, categories and profiles.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime
from trialbridge.mapping import Domain, Supp
from trialbridge.observed import ENTERED_IN_ERROR, FINAL
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read, Rule
from trialbridge.vocabulary import NCIT

DEVIATION = "C50996"
MEANT = (DEVIATION, "C142185", "protocol-deviation", "protocol-violation")
"""NCI's codes of a deviation and of a violation, and the words that senders have for a category."""

SEVERITIES = Codes({"high": "HIGH", "moderate": "MODERATE", "low": "LOW"}, partial=True)
VALUES = ("valueString", "valueCodeableConcept.text", "valueCodeableConcept.coding[].display")
OURS = f"category[].coding[system={NCIT}].code"
CATEGORIES = "category[*].coding[*].code"


def identifiers(kind: str, subject: str, identifier: str = "identifier[]") -> dict[str, Rule]:
    """Return the rules of the identifiers.

    Args:
        kind: The resource type.
        subject: Its element for the subject.
        identifier: Its element for identifiers.
    """
    return {
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("DV"),
        "USUBJID": OneWay(f"the subject that {kind}.{subject} points to"),
        "DVSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "DVSPID": At(f"{identifier}.value"),
    }


DAYS: dict[str, Rule] = {
    "DVSTDY": OneWay("derived: DVSTDTC against DM.RFSTDTC"),
    "DVENDY": OneWay("derived: DVENDTC against DM.RFSTDTC"),
}

DV = Domain(
    code="DV",
    source="DetectedIssue",
    only={"code.coding[*].code": MEANT, CATEGORIES: MEANT},
    excluded=ENTERED_IN_ERROR,
    fixed={f"code.coding[system={NCIT}].code": DEVIATION, **FINAL},
    rules={
        # Identifiers
        **identifiers("DetectedIssue", "patient"),
        # Topic
        "DVTERM": OneOf(At("detail"), Read(At("code.text")), Read(At("code.coding[].display"))),
        # Synonym and grouping qualifiers
        "DVDECOD": Given("detail", At("code.text")),
        "DVCAT": OneOf(At("category[].text"), Read(At("category[].coding[].display"))),
        # Timing
        "DVSTDTC": OneOf(
            At("identifiedPeriod.start", DateTime()), Read(At("identifiedDateTime", DateTime()))
        ),
        "DVENDTC": At("identifiedPeriod.end", DateTime()),
        **DAYS,
    },
    supp={
        "DVSRCSEV": Supp("Severity at the Source", At("severity", SEVERITIES)),
        "DVACT": Supp(
            "Action Taken",
            OneOf(At("mitigation[].action.text"), Read(At("mitigation[].action.coding[].display"))),
        ),
    },
)

DV_OBSERVED = Domain(
    code="DV",
    source="Observation",
    only={CATEGORIES: MEANT},
    excluded=ENTERED_IN_ERROR,
    fixed={OURS: DEVIATION, **FINAL},
    rules={
        # Identifiers
        **identifiers("Observation", "subject"),
        # Topic
        "DVTERM": OneOf(
            At(VALUES[0]),
            *(Read(At(path)) for path in VALUES[1:]),
            Read(At("code.text")),
            Read(At("code.coding[].display")),
        ),
        # Synonym and grouping qualifiers
        "DVDECOD": OneOf(
            Given(VALUES[0], At("code.text")), *(Read(Given(path, At("code.text"))) for path in VALUES[1:])
        ),
        "DVCAT": At("category[].text"),
        # Timing
        "DVSTDTC": OneOf(
            At("effectivePeriod.start", DateTime()),
            Read(At("effectiveDateTime", DateTime())),
            Read(At("effectiveInstant", DateTime())),
        ),
        "DVENDTC": At("effectivePeriod.end", DateTime()),
        **DAYS,
    },
    supp={"DVNOTE": Supp("Note on the Deviation", At("note[].text"))},
)

DV_EVENT = Domain(
    code="DV",
    source="AdverseEvent",
    only={CATEGORIES: MEANT},
    excluded=ENTERED_IN_ERROR,
    fixed={OURS: DEVIATION, "actuality": "actual"},
    rules={
        # Identifiers
        **identifiers("AdverseEvent", "subject", "identifier"),
        # Topic
        "DVTERM": OneOf(At("event.text"), Read(At("event.coding[].display"))),
        # Grouping qualifiers
        "DVCAT": At("category[].text"),
        # Timing
        "DVSTDTC": OneOf(At("date", DateTime()), Read(At("detected", DateTime()))),
        **DAYS,
    },
    supp={"DVNOTE": Supp("Note on the Deviation", At("note[].text"))},
)
