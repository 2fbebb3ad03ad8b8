"""QS, Questionnaires: one record per answer, per response, per subject.

Answers come from QuestionnaireResponse; scores, and answers that are sent as Observations only, come from
survey Observations. An Observation that repeats an answer of a response it was derived from is no record.
"""

from __future__ import annotations

from trialbridge.answers import HL7, Answered, answers
from trialbridge.codecs import Number
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.observed import (
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    GRADED,
    VALUE,
    absence,
    flags,
    timing,
    value,
)
from trialbridge.quantities import Unit
from trialbridge.questions import LONGEST_NAME, NAMES, Form, Instrument, TestCode, Wording
from trialbridge.rules import At, Const, OneOf, OneWay, Read
from trialbridge.tested import Tested, TestName

QS = answers("QS", "Subject")

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
        "QSTEST": OneOf(
            TestName("QSTESTCD", CODE, LONGEST_NAME), Read(At(f"{CODE}.coding[].code", TestCode()))
        ),
        # Grouping qualifiers
        "QSCAT": OneOf(
            Tested(CODE, "cat"),
            At("method.text"),
            Instrument(Form("response->questionnaire", NAMES, "questionnaire->code[*].code")),
        ),
        "QSSCAT": Tested(CODE, "scat"),
        # Result qualifiers
        "QSORRES": value(),
        "QSORRESU": Unit(VALUE, needs=f"{VALUE}.value"),
        "QSSTRESC": OneOf(
            Read(Answered(CODE, GRADED)),
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
    supp={"QSTEXT": Supp("Text of the Question", At(f"{CODE}.text", Wording()))},
)
