"""DS, Disposition: one record per milestone, and per end of participation.

Consents are milestones. What a ResearchSubject went through stands in R5 in its progress, in R4 in the
extension that carries the same; R4's own status is the last state, with the end of the period as its date.
A state alone says no reason: without one DSDECOD is blank, and the state stands on the worklist.
"""

from __future__ import annotations

from collections.abc import Callable

from trialbridge.codecs import Codec, Codes, DateTime, Term, Text
from trialbridge.conditions import When
from trialbridge.end_reasons import REASONS, Reason
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.matching import Matching
from trialbridge.rules import At, Const, OneOf, OneWay, Read, Rule
from trialbridge.vocabulary import NCIT

PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"
FIRST = f"extension[url={PROGRESS}]"
CONCEPT = "valueCodeableConcept"
STATE = f"{FIRST}.extension[url=subjectState].{CONCEPT}.coding[].code"
MILESTONE = f"{FIRST}.extension[url=milestone].{CONCEPT}.coding[].code"
WHY = f"{FIRST}.extension[url=reason].{CONCEPT}"
SINCE = f"{FIRST}.extension[url=startDate].valueDateTime"
EVERY_STATE = (
    "progress[*].subjectState.coding[].code",
    f"extension[*].extension[url=subjectState].{CONCEPT}.coding[].code",
)
EVERY_MILESTONE = (
    "progress[*].milestone.coding[].code",
    f"extension[*].extension[url=milestone].{CONCEPT}.coding[].code",
)
ENDS = ("off-study", "withdrawn", "ineligible")
WITHDRAWN = {"status": {"entered-in-error": "entered in error: the sender withdraws it"}}
DIED = ("C28554", "Death", "DEATH", "death", "Died", "died")


def states(code: str, part: str, value: str, codec: Codec | None = None) -> tuple[Rule, ...]:
    """Return the rules that read a value of the progress that has a state or milestone, in R5 and in R4.

    Args:
        code: The state or milestone.
        part: ``subjectState`` or ``milestone``.
        value: What is read: ``startDate``, or a path inside ``reason``.
        codec: Translates the value.
    """
    name, _, rest = value.partition(".")
    inside = f"extension[url={name}]." + (f"{CONCEPT}.{rest}" if rest else "valueDateTime")
    in_r5 = {f"{part}.coding[].code": code}
    in_r4 = {"url": PROGRESS, f"extension[url={part}].{CONCEPT}.coding[].code": code}
    translate = codec or Text()
    return (
        Read(Matching("progress[*]", in_r5, value, translate)),
        Read(Matching("extension[*]", in_r4, inside, translate)),
    )


def identifiers(kind: str, of: str) -> dict[str, Rule]:
    """Return the rules of the identifiers.

    Args:
        kind: The resource type.
        of: The element that names the subject.
    """
    return {
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("DS"),
        "USUBJID": OneWay(f"the subject that {kind}.{of} points to"),
        "DSSEQ": OneWay("derived: the order of the natural keys within the subject"),
    }


def milestone(part: str, code: str, term: str, place: str) -> Domain:
    """Return the declaration of one milestone of a ResearchSubject.

    Args:
        part: ``subjectState`` or ``milestone``.
        code: FHIR's word for it.
        term: CDISC's.
        place: Path of the first progress that has it.
    """
    words = Codes({code: term}, partial=True)
    every = EVERY_STATE if part == "subjectState" else EVERY_MILESTONE
    dates = (When(place, (code,), At(SINCE, DateTime())), *states(code, part, "startDate", DateTime()))
    in_r5 = (At("status", words),) if part == "subjectState" else ()
    return Domain(
        code="DS",
        source="ResearchSubject",
        only=dict.fromkeys(every, (code,)),
        excluded=WITHDRAWN,
        first=("DSDECOD",),
        rules={
            # Identifiers
            **identifiers("ResearchSubject", "individual"),
            # Topic
            "DSTERM": OneOf(Read(Const(term))),
            # Synonym and grouping qualifiers
            "DSDECOD": OneOf(At(place, words), *in_r5, Read(Const(term))),
            "DSCAT": OneOf(Read(Const("PROTOCOL MILESTONE"))),
            # Timing
            "DSSTDTC": OneOf(*dates),
            "DSSTDY": OneWay("derived: DSSTDTC against DM.RFSTDTC"),
        },
    )


def said(code: str, term: str) -> tuple[Rule, ...]:
    """Return the rules that give a word where any progress has a state, in R5 and in R4.

    Args:
        code: The state.
        term: The word.
    """
    in_r4 = {"url": PROGRESS, f"extension[url=subjectState].{CONCEPT}.coding[].code": code}
    return (
        Read(Matching("progress[*]", {"subjectState.coding[].code": code}, then=term)),
        Read(Matching("extension[*]", in_r4, then=term)),
    )


def ended(read: Callable[[str], tuple[Rule, ...]]) -> tuple[Rule, ...]:
    """Return the rules that read a value of the end of participation, whichever state it is."""
    return tuple(rule for code in ENDS for rule in read(code))


DS = Domain(
    code="DS",
    source="Consent",
    only={"scope.coding[].code": ("research",), "category[].coding[].code": ("research",)},
    excluded={
        "status": {
            "entered-in-error": "entered in error: the sender withdraws it",
            "draft": "a draft: consent was not given yet",
            "proposed": "proposed: consent was not given yet",
            "rejected": "rejected: consent was not given",
            "not-done": "not done: nobody was asked for consent",
        }
    },
    rules={
        # Identifiers
        **identifiers("Consent", "patient"),
        "DSSPID": At("identifier[].value"),
        # Topic
        "DSTERM": OneOf(Read(Const("INFORMED CONSENT OBTAINED"))),
        # Synonym and grouping qualifiers
        "DSDECOD": OneOf(Read(Const("INFORMED CONSENT OBTAINED"))),
        "DSCAT": OneOf(Read(Const("PROTOCOL MILESTONE"))),
        # Timing
        "DSSTDTC": At("dateTime", DateTime()),
        "DSSTDY": OneWay("derived: DSSTDTC against DM.RFSTDTC"),
    },
    supp={"DSPOLICY": Supp("Policy that was Consented to", At("policyRule.text"))},
)

DS_ELIGIBLE = milestone("subjectState", "eligible", "ELIGIBILITY CRITERIA MET", STATE)
DS_ENTERED = milestone("subjectState", "on-study", "ENTERED INTO TRIAL", STATE)
DS_RANDOMIZED = milestone("milestone", "Randomized", "RANDOMIZED", MILESTONE)

DS_ENDED = Domain(
    code="DS",
    source="ResearchSubject",
    only={"status": ENDS, **dict.fromkeys(EVERY_STATE, ENDS)},
    joins={"patient": Join("individual.reference", "Patient")},
    excluded=WITHDRAWN,
    rules={
        # Identifiers
        **identifiers("ResearchSubject", "individual"),
        # Topic
        "DSTERM": OneOf(
            *ended(lambda code: states(code, "subjectState", "reason.text")),
            *ended(lambda code: states(code, "subjectState", "reason.coding[].display")),
            At(f"{WHY}.text"),
            Read(At(f"{WHY}.coding[].display")),
            Read(At("status", Codes({code: code.upper() for code in ENDS}, partial=True))),
            *ended(lambda code: said(code, code.upper())),
        ),
        # Synonym and grouping qualifiers
        "DSDECOD": OneOf(
            *ended(lambda code: states(code, "subjectState", "reason.coding[].code", Reason())),
            *ended(lambda code: states(code, "subjectState", "reason.text", Reason())),
            *ended(lambda code: states(code, "subjectState", "reason.coding[].display", Reason())),
            At(f"{WHY}.coding[system={NCIT}].code", Term(REASONS, partial=True)),
            Read(At(f"{WHY}.text", Reason(partial=True))),
            Read(At(f"{WHY}.coding[].display", Reason(partial=True))),
            *said("ineligible", "SCREEN FAILURE"),
            Read(At("status", Codes({"ineligible": "SCREEN FAILURE"}))),
        ),
        "DSCAT": OneOf(Read(Const("DISPOSITION EVENT"))),
        "DSSCAT": OneOf(Read(Const("STUDY PARTICIPATION"))),
        # Timing
        "DSSTDTC": OneOf(
            Read(When(f"{WHY}.coding[].code", DIED, At("patient->deceasedDateTime", DateTime()))),
            Read(When(f"{WHY}.text", DIED, At("patient->deceasedDateTime", DateTime()))),
            *ended(lambda code: states(code, "subjectState", "startDate", DateTime())),
            At(SINCE, DateTime()),
            At("period.end", DateTime()),
        ),
        "DSSTDY": OneWay("derived: DSSTDTC against DM.RFSTDTC"),
    },
)
