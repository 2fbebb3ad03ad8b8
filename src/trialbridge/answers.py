"""Answers of a QuestionnaireResponse as findings: the same lines for each domain that has instruments."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Number
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.observed import named
from trialbridge.quantities import Measured, Unit
from trialbridge.questions import CODE_OF_ITEM, FORM, Answered, Instrument, ItemName
from trialbridge.results import Without
from trialbridge.rules import At, Const, OneOf, OneWay, Read, Rule

ANSWER = "$this.answer"
ITEM = "$this.item"
CODING = f"{ANSWER}.valueCoding"
QUANTITY = f"{ANSWER}.valueQuantity"
HL7 = "http://hl7.org/fhir/StructureDefinition"
YES_NO = Codes({"true": "Y", "false": "N"})
WITHDRAWN = {"entered-in-error": "entered in error: the sender withdraws it"}
GIVEN = (f"{CODING}.code", f"{CODING}.display", f"{ANSWER}.valueString", f"{ANSWER}.valueBoolean")
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


def answers(domain: str, source_of: str) -> Domain:
    """Return the declaration of the answers of responses.

    Args:
        domain: Two letters.
        source_of: Who gives the answers: ``Subject`` or ``Investigator``.

    Example:
        >>> answers("RS", "Investigator").rows
        'item'
    """
    return Domain(
        code=domain,
        source="QuestionnaireResponse",
        rows="item",
        first=(f"{domain}ANSCD", f"{domain}TEXT"),
        source_of=source_of,
        joins={
            "questionnaire": Join("questionnaire", "Questionnaire"),
            "encounter": Join("encounter.reference", "Encounter"),
        },
        excluded={"status": WITHDRAWN},
        fixed={"status": "completed"},
        rules=named(
            domain,
            {
                # Identifiers
                "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
                "DOMAIN": Const(domain),
                "USUBJID": OneWay("the subject that QuestionnaireResponse.subject points to"),
                "SEQ": OneWay("derived: the order of the natural keys within the subject"),
                "SPID": At("identifier.value"),
                # Topic
                "TESTCD": CODE_OF_ITEM,
                "TEST": ItemName(CODE_OF_ITEM, f"{ITEM}.text"),
                # Grouping qualifiers
                "CAT": OneOf(Instrument(FORM, f"{ITEM}.linkId"), At("questionnaire->title")),
                "SCAT": OneOf(At("$this.group.text"), Read(At("$this.group.linkId"))),
                # Result qualifiers
                **_result(domain),
                # Timing
                "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
                "VISIT": At("encounter->type[].text"),
                "DTC": At("authored", DateTime()),
                "DY": OneWay(f"derived: {domain}DTC against DM.RFSTDTC"),
            },
        ),
        supp={
            f"{domain}TEXT": Supp(
                "Text of the Question", ItemName(CODE_OF_ITEM, f"{ITEM}.text", beyond=True)
            ),
            f"{domain}ANSCD": Supp("Code of the Answer", At(f"{CODING}.code")),
        },
    )


def _result(domain: str) -> dict[str, Rule]:
    return {
        "ORRES": OneOf(
            At(f"{CODING}.display", needs=f"{CODING}.code"),
            Read(Answered(CODE_OF_ITEM, (f"{CODING}.code",), collected=True)),
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
        "ORRESU": Unit(QUANTITY, needs=f"{QUANTITY}.value"),
        "STRESC": OneOf(
            Read(Answered(CODE_OF_ITEM, GIVEN)),
            At(f"{CODING}.extension[url={HL7}/ordinalValue].valueDecimal", Number(), needs=f"{CODING}.code"),
            Read(At(f"{CODING}.extension[url={HL7}/itemWeight].valueDecimal", Number())),
            At(f"{ANSWER}.extension[url={HL7}/itemWeight].valueDecimal", Number()),
            Read(At(f"{ANSWER}.valueDecimal", Number())),
            Read(At(f"{ANSWER}.valueInteger", Number())),
        ),
        "STRESN": OneWay(f"derived: the number in {domain}STRESC"),
        "STRESU": OneWay(f"derived: {domain}ORRESU where {domain}STRESN is given"),
        "STAT": OneOf(Read(Without(ANSWERS, Const("NOT DONE")))),
        "REASND": OneOf(
            At(f"{ITEM}.extension[url={HL7}/data-absent-reason].valueCode"),
            Read(At(f"{ANSWER}.extension[url={HL7}/data-absent-reason].valueCode")),
        ),
        "LOBXFL": OneWay("derived: the last result before the first dose"),
    }
