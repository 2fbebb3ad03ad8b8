"""Answers of a QuestionnaireResponse as findings: the same lines for each domain that has instruments."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import instruments as definitions
from trialbridge.codecs import Codes, DateTime, Number
from trialbridge.columns import TEXT, by_values, joined, split
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.observed import named
from trialbridge.quantities import Measured, Unit
from trialbridge.questions import CODE_OF_ITEM, FORM, Instrument, ItemCode, ItemName
from trialbridge.results import Without
from trialbridge.rules import At, Cells, Const, Leaves, OneOf, OneWay, Read, Rule, Written, cells_of
from trialbridge.tested import tests_of
from trialbridge.vocabulary import Vocabulary

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


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer means by the definition of its instrument: --STRESC, or CDISC's --ORRES. Reads only.

    Attributes:
        item: The rule of the item's code; a path instead is that of the code of an Observation.
        words: Paths of the codes and texts of the answer, the surest first.
        collected: Whether to give --ORRES.
    """

    item: ItemCode | str
    words: tuple[str, ...]
    collected: bool = False
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The item and the answer."""
        if isinstance(self.item, ItemCode):
            return (*self.item.paths, *self.words)
        return (*(f"{self.item}.{part}" for part in _TEST), *self.words)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the answers mean; null where the definition lists none, or not this one."""
        columns = [self._codes(leaves, vocabulary), *(joined(leaves(path)) for path in self.words)]

        def meant(testcd: str, *words: str) -> str | None:
            found = definitions.answered(testcd, *(one for word in words for one in split(word)))
            return (found[self.collected] or None) if found else None

        return cells_of(by_values(columns, meant))

    def _codes(self, leaves: Leaves, vocabulary: Vocabulary) -> pa.Array:
        if isinstance(self.item, ItemCode):
            return self.item.to_sdtm(leaves, vocabulary).values
        indices, tests = tests_of(self.item, leaves, vocabulary)
        return pc.take(pa.array([test.testcd if test else None for test in tests], TEXT), indices)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing: other rules write the answer."""
        return {}


_TEST = ("coding[*].system", "coding[*].code", "text", "coding[].display")
"""What the test of an Observation is known by."""


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
