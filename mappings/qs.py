"""QS, Questionnaires: one record per answer, per response, per subject.

Answers come from QuestionnaireResponse; scores, and answers that are sent as Observations only, come from
survey Observations. An Observation that repeats an answer of a response it was derived from is no record.
"""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Number
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    VALUE,
    absence,
    flags,
    timing,
    value,
)
from trialbridge.quantities import Measured, Unit
from trialbridge.questions import Instrument, ItemCode, ItemName, TestCode
from trialbridge.results import Without
from trialbridge.rules import At, Const, OneOf, OneWay, Read
from trialbridge.tested import Tested, TestName

ANSWER = "$this.answer"
ITEM = "$this.item"
CODING = f"{ANSWER}.valueCoding"
QUANTITY = f"{ANSWER}.valueQuantity"
HL7 = "http://hl7.org/fhir/StructureDefinition"
YES_NO = Codes({"true": "Y", "false": "N"})
WITHDRAWN = {"entered-in-error": "entered in error: the sender withdraws it"}
ANSWERS = (
    f"{CODING}.code",
    f"{CODING}.display",
    f"{QUANTITY}.value",
    *(
        f"{ANSWER}.value{kind}"
        for kind in ("Decimal", "Integer", "Boolean", "Date", "DateTime", "Time", "String", "Uri")
    ),
    f"{ANSWER}.valueAttachment.title",
    f"{ANSWER}.valueAttachment.url",
    f"{ANSWER}.valueReference.display",
    f"{ANSWER}.valueReference.reference",
)

QS = Domain(
    code="QS",
    source="QuestionnaireResponse",
    rows="item",
    first=("QSANSCD", "QSTEXT"),
    source_of="Subject",
    joins={
        "questionnaire": Join("questionnaire", "Questionnaire"),
        "encounter": Join("encounter.reference", "Encounter"),
    },
    excluded={"status": WITHDRAWN},
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("QS"),
        "USUBJID": OneWay("the subject that QuestionnaireResponse.subject points to"),
        "QSSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "QSSPID": At("identifier.value"),
        # Topic
        "QSTESTCD": ItemCode(f"{ITEM}.linkId", "questionnaire"),
        "QSTEST": ItemName(f"{ITEM}.linkId", "questionnaire", f"{ITEM}.text"),
        # Grouping qualifiers
        "QSCAT": OneOf(
            Instrument("questionnaire", ("questionnaire->title", "questionnaire->name")),
            At("questionnaire->title"),
        ),
        "QSSCAT": OneOf(At("$this.group.text"), Read(At("$this.group.linkId"))),
        # Result qualifiers
        "QSORRES": OneOf(
            At(f"{CODING}.display", needs=f"{CODING}.code"),
            Read(At(f"{CODING}.code")),
            Measured(QUANTITY),
            Read(At(f"{ANSWER}.valueDecimal", Number())),
            Read(At(f"{ANSWER}.valueInteger", Number())),
            Read(At(f"{ANSWER}.valueBoolean", YES_NO)),
            Read(At(f"{ANSWER}.valueDate", DateTime())),
            Read(At(f"{ANSWER}.valueDateTime", DateTime())),
            Read(At(f"{ANSWER}.valueTime")),
            At(f"{ANSWER}.valueString"),
            Read(At(f"{ANSWER}.valueUri")),
            Read(At(f"{ANSWER}.valueAttachment.title")),
            Read(At(f"{ANSWER}.valueAttachment.url")),
            Read(At(f"{ANSWER}.valueReference.display")),
            Read(At(f"{ANSWER}.valueReference.reference")),
        ),
        "QSORRESU": Unit(QUANTITY, needs=f"{QUANTITY}.value"),
        "QSSTRESC": OneOf(
            At(f"{CODING}.extension[url={HL7}/ordinalValue].valueDecimal", Number(), needs=f"{CODING}.code"),
            Read(At(f"{CODING}.extension[url={HL7}/itemWeight].valueDecimal", Number())),
            At(f"{ANSWER}.extension[url={HL7}/itemWeight].valueDecimal", Number()),
            Read(At(f"{ANSWER}.valueDecimal", Number())),
            Read(At(f"{ANSWER}.valueInteger", Number())),
        ),
        "QSSTRESN": OneWay("derived: the number in QSSTRESC"),
        "QSSTRESU": OneWay("derived: QSORRESU where QSSTRESN is given"),
        "QSSTAT": OneOf(Read(Without(ANSWERS, Const("NOT DONE")))),
        "QSREASND": OneOf(
            At(f"{ITEM}.extension[url={HL7}/data-absent-reason].valueCode"),
            Read(At(f"{ANSWER}.extension[url={HL7}/data-absent-reason].valueCode")),
        ),
        "QSLOBXFL": OneWay("derived: the last result before the first dose"),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "QSDTC": At("authored", DateTime()),
        "QSDY": OneWay("derived: QSDTC against DM.RFSTDTC"),
    },
    supp={
        "QSTEXT": Supp(
            "Text of the Question", ItemName(f"{ITEM}.linkId", "questionnaire", f"{ITEM}.text", beyond=True)
        ),
        "QSANSCD": Supp("Code of the Answer", At(f"{CODING}.code")),
    },
)

QS_SURVEY = Domain(
    code="QS",
    source="Observation",
    rows="component",
    source_of="Subject",
    joins={
        **ENCOUNTER,
        "response": Join("derivedFrom[].reference", "QuestionnaireResponse"),
        "questionnaire": Join("response->questionnaire", "Questionnaire"),
    },
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("QS"),
        "USUBJID": OneWay("the subject that Observation.subject points to"),
        "QSSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "QSSPID": At("identifier[].value"),
        # Topic
        "QSTESTCD": OneOf(Tested(CODE, "testcd"), At(f"{CODE}.coding[].code", TestCode())),
        "QSTEST": TestName("QSTESTCD", CODE),
        # Grouping qualifiers
        "QSCAT": OneOf(
            Tested(CODE, "cat"),
            At("method.text"),
            Instrument("response->questionnaire", ("questionnaire->title", "questionnaire->name")),
        ),
        "QSSCAT": Tested(CODE, "scat"),
        # Result qualifiers
        "QSORRES": value(),
        "QSORRESU": Unit(VALUE, needs=f"{VALUE}.value"),
        "QSSTRESC": OneOf(
            Read(
                At(
                    f"$this.valueCodeableConcept.coding[].extension[url={HL7}/ordinalValue].valueDecimal",
                    Number(),
                )
            ),
            Read(
                At(
                    f"$this.valueCodeableConcept.coding[].extension[url={HL7}/itemWeight].valueDecimal",
                    Number(),
                )
            ),
        ),
        "QSSTRESN": OneWay("derived: the number in QSSTRESC"),
        "QSSTRESU": OneWay("derived: QSORRESU where QSSTRESN is given"),
        **absence("QS"),
        **flags("QS"),
        # Timing
        **timing("QS"),
    },
)
