"""QS, Questionnaires: one record per answer, per response, per subject.

Answers come from QuestionnaireResponse; scores, and answers that are sent as Observations only, come from
survey Observations. An Observation that repeats an answer of a response it was derived from is no record.
"""

from __future__ import annotations

from trialbridge.codecs import DateTime, Number
from trialbridge.mapping import Domain, Join
from trialbridge.rules import At, Const, Given, Measured, OneOf, OneWay, Read, Tested, TestName, Unit

ANSWER = "$this.answer"
ITEM = "$this.item"
OLD_SCORE = f"{ANSWER}.valueCoding.extension[url=http://hl7.org/fhir/StructureDefinition/ordinalValue].valueDecimal"
SCORE = f"{ANSWER}.valueCoding.extension[url=http://hl7.org/fhir/StructureDefinition/itemWeight].valueDecimal"
CODE = "$this.code"

QS = Domain(
    code="QS",
    source="QuestionnaireResponse",
    rows="item",
    source_of="Subject",
    joins={
        "questionnaire": Join("questionnaire", "Questionnaire"),
        "encounter": Join("encounter.reference", "Encounter"),
    },
    excluded={"status": {"entered-in-error": "entered in error: the sender withdraws it"}},
    fixed={"status": "completed"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("QS"),
        "USUBJID": OneWay("the subject that QuestionnaireResponse.subject points to"),
        "QSSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "QSSPID": At("identifier.value"),
        # Topic
        "QSTESTCD": At(f"{ITEM}.linkId"),
        "QSTEST": OneWay("derived: the name that the terminology gives QSTESTCD, else the item's own text"),
        # Grouping qualifiers
        "QSCAT": OneOf(At("questionnaire->title"), Read(At("questionnaire->name")), Read(At("questionnaire"))),
        "QSSCAT": OneOf(At("$this.group.text"), Read(At("$this.group.linkId"))),
        # Result qualifiers
        "QSORRES": OneOf(
            Read(At(f"{ANSWER}.valueCoding.display")),
            Read(At(f"{ANSWER}.valueCoding.code")),
            Measured(f"{ANSWER}.valueQuantity"),
            Read(At(f"{ANSWER}.valueDecimal", Number())),
            Read(At(f"{ANSWER}.valueInteger", Number())),
            Read(At(f"{ANSWER}.valueBoolean")),
            Read(At(f"{ANSWER}.valueDate", DateTime())),
            Read(At(f"{ANSWER}.valueDateTime", DateTime())),
            Read(At(f"{ANSWER}.valueTime")),
            At(f"{ANSWER}.valueString"),
            Read(At(f"{ANSWER}.valueUri")),
            Read(At(f"{ANSWER}.valueAttachment.title")),
            Read(At(f"{ANSWER}.valueReference.display")),
            Read(At(f"{ANSWER}.valueReference.reference")),
        ),
        "QSORRESU": Unit(f"{ANSWER}.valueQuantity", needs=f"{ANSWER}.valueQuantity.value"),
        "QSSTRESC": OneOf(
            Read(At(OLD_SCORE, Number())),
            Read(At(SCORE, Number())),
            Read(At(f"{ANSWER}.valueDecimal", Number())),
            Read(At(f"{ANSWER}.valueInteger", Number())),
        ),
        "QSSTRESN": OneWay("derived: the number in QSSTRESC"),
        "QSSTRESU": OneWay("derived: QSORRESU where QSSTRESN is given"),
        "QSSTAT": OneWay("derived: NOT DONE where an item has no answer"),
        "QSREASND": OneOf(At(f"{ITEM}.extension[url=http://hl7.org/fhir/StructureDefinition/data-absent-reason].valueCode")),
        "QSLOBXFL": OneWay("derived: the last result before the first dose"),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "QSDTC": At("authored", DateTime()),
        "QSDY": OneWay("derived: QSDTC against DM.RFSTDTC"),
    },
)

QS_SURVEY = Domain(
    code="QS",
    source="Observation",
    rows="component",
    source_of="Subject",
    joins={"encounter": Join("encounter.reference", "Encounter")},
    excluded={"status": {"entered-in-error": "entered in error: the sender withdraws it"}},
    fixed={"status": "final"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("QS"),
        "USUBJID": OneWay("the subject that Observation.subject points to"),
        "QSSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "QSSPID": At("identifier[].value"),
        # Topic
        "QSTESTCD": OneOf(Tested(CODE, "testcd"), At(f"{CODE}.coding[].code")),
        "QSTEST": TestName("", CODE),
        # Grouping qualifiers
        "QSCAT": OneOf(Tested(CODE, "cat"), At("method.text")),
        "QSSCAT": Tested(CODE, "scat"),
        # Result qualifiers
        "QSORRES": OneOf(
            Measured("$this.valueQuantity"),
            At("$this.valueString"),
            Read(At("$this.valueCodeableConcept.text")),
            Read(At("$this.valueCodeableConcept.coding[].display")),
            Read(At("$this.valueCodeableConcept.coding[].code")),
            Read(At("$this.valueInteger", Number())),
        ),
        "QSORRESU": Unit("$this.valueQuantity", needs="$this.valueQuantity.value"),
        "QSSTRESC": OneWay("derived: QSORRES, of which the scale is the instrument's own"),
        "QSSTRESN": OneWay("derived: the number in QSSTRESC"),
        "QSSTRESU": OneWay("derived: QSORRESU where QSSTRESN is given"),
        "QSSTAT": OneWay("derived: NOT DONE where a data-absent reason is given"),
        "QSREASND": OneOf(
            At("$this.dataAbsentReason.text"),
            Read(At("$this.dataAbsentReason.coding[].display")),
            Read(At("$this.dataAbsentReason.coding[].code")),
        ),
        "QSLOBXFL": OneWay("derived: the last result before the first dose"),
        "QSDRVFL": OneOf(Read(Given("derivedFrom[].reference", Const("Y")))),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "QSDTC": OneOf(
            At("effectiveDateTime", DateTime()),
            Read(At("effectivePeriod.start", DateTime())),
            Read(At("effectiveInstant", DateTime())),
        ),
        "QSDY": OneWay("derived: QSDTC against DM.RFSTDTC"),
    },
)
