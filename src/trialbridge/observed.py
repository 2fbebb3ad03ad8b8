"""The rows that findings from Observations share, in blocks of the specification's order.

A domain names its blocks and says what is its own; a variable that a domain does not have is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from trialbridge.codecs import Beyond, Codes, DateTime, Number, Term
from trialbridge.coded import Coded
from trialbridge.mapping import Join, Supp
from trialbridge.quantities import Measured, Printed, Unit
from trialbridge.results import Absence, Counted, Extent, Ratio, Reference, Without
from trialbridge.rules import At, Const, OneOf, OneWay, Read, Rule
from trialbridge.standards import domain_variables
from trialbridge.tested import Tested, TestName
from trialbridge.vocabulary import LOINC, NCIT

CODE = "$this.code"
VALUE = "$this.valueQuantity"
RANGE = "$this.referenceRange"
ABSENT = "$this.dataAbsentReason"
INTERPRETATION = "$this.interpretation[]"
RESULTS = (
    f"{VALUE}.value",
    "$this.valueString",
    "$this.valueCodeableConcept.text",
    "$this.valueCodeableConcept.coding[].code",
    "$this.valueInteger",
    "$this.valueBoolean",
    "$this.valueDateTime",
    "$this.valueTime",
    "$this.valueRatio.numerator.value",
    "$this.valueRange.low.value",
    "$this.valueRange.high.value",
    "$this.valuePeriod.start",
)
"""What a result may stand in; where none of it is there, there is no result."""

GRADED = (
    "$this.valueCodeableConcept.coding[*].code",
    "$this.valueCodeableConcept.coding[*].display",
    "$this.valueCodeableConcept.text",
    "$this.valueString",
    "$this.valueBoolean",
)
"""Codes and texts by which a result is known as one of the answers that an instrument permits."""

ENTERED_IN_ERROR = {"status": {"entered-in-error": "entered in error: the sender withdraws it"}}
FINAL = {"status": "final"}
CANCELLED = Codes({"cancelled": "NOT DONE"}, partial=True)
REPORTED = Codes(
    {
        "preliminary": "PRELIMINARY",
        "amended": "AMENDED",
        "corrected": "CORRECTED",
        "registered": "REGISTERED",
        "unknown": "UNKNOWN",
    },
    partial=True,
)
HL7_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
INDICATORS = Codes({"N": "NORMAL", "H": "HIGH", "L": "LOW", "A": "ABNORMAL"}, partial=True)
INTERPRETED = Beyond(("N", "H", "L", "A"), "NRIND")
NORMAL_WORDS = Beyond(("NORMAL", "HIGH", "LOW", "ABNORMAL"))
POSITION = (
    "extension[url=http://hl7.org/fhir/StructureDefinition/observation-bodyPosition].valueCodeableConcept"
)
ENCOUNTER = {"encounter": Join("encounter.reference", "Encounter")}
SAMPLED = {
    "specimen": Join("specimen.reference", "Specimen"),
    **ENCOUNTER,
    "laboratory": Join("performer[].reference", "Organization"),
}

Rules = dict[str, Rule]


def named(domain: str, rules: Mapping[str, Rule]) -> Rules:
    """Return the rules of the variables that a domain has; their names get its two letters."""
    known = {variable.name for variable in domain_variables(domain)}
    named = {
        name if name.startswith("VISIT") or name in _WHOLE else domain + name: rule
        for name, rule in rules.items()
    }
    return {name: rule for name, rule in named.items() if name in known}


_WHOLE = ("STUDYID", "DOMAIN", "USUBJID")


def identifiers(domain: str) -> Rules:
    """Return the rules of the identifiers.

    Example:
        >>> list(identifiers("VS"))
        ['STUDYID', 'DOMAIN', 'USUBJID', 'VSSEQ', 'VSGRPID', 'VSSPID']
    """
    specimen = OneOf(At("specimen->accessionIdentifier.value"), Read(At("specimen->identifier[].value")))
    return named(
        domain,
        {
            "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
            "DOMAIN": Const(domain),
            "USUBJID": OneWay("the subject that Observation.subject points to"),
            "SEQ": OneWay("derived: the order of the natural keys within the subject"),
            "GRPID": OneWay(
                "derived: the panel that names this Observation in hasMember, or whose component it is"
            ),
            **({"REFID": specimen} if domain in SPECIMEN_DOMAINS else {}),
            "SPID": At("identifier[].value"),
        },
    )


SPECIMEN_DOMAINS = ("CP", "IS", "LB", "MB")
"""Findings about a specimen."""

MEASURED = (*SPECIMEN_DOMAINS, "CV", "EG", "VS")
"""Findings whose results are quantities: a text may be a number with its unit."""

RATES = ("EG", "VS")
"""Findings that count, such as beats in a minute."""


def test(domain: str) -> Rules:
    """Return the rules of the topic: which test it is, and its groups.

    Example:
        >>> list(test("EG"))
        ['EGTESTCD', 'EGTEST', 'EGCAT', 'EGSCAT']
    """
    listed = next(one.codelists for one in domain_variables(domain) if one.name == f"{domain}TESTCD")
    code = At(f"{CODE}.coding[system={NCIT}].code", Term(f"{domain}TESTCD", partial=True))
    return named(
        domain,
        {
            "TESTCD": OneOf(*((code,) if listed else ()), Tested(CODE, "testcd")),
            "TEST": TestName(f"{domain}TESTCD", CODE),
            "CAT": Tested(CODE, "cat"),
            "SCAT": Tested(CODE, "scat"),
        },
    )


def value(*, printed: bool = False) -> OneOf:
    """Return the rule of the result as collected: it owns every type of FHIR's ``value[x]``.

    Args:
        printed: Whether a text may be a number with its unit.
    """
    return OneOf(
        Measured(VALUE),
        *((Printed("$this.valueString", "number"),) if printed else ()),
        At("$this.valueString"),
        Read(At("$this.valueCodeableConcept.text")),
        Read(At("$this.valueCodeableConcept.coding[].display")),
        Read(At("$this.valueCodeableConcept.coding[].code")),
        Read(At("$this.valueInteger", Number())),
        Read(At("$this.valueBoolean", Codes({"true": "Y", "false": "N"}))),
        Read(At("$this.valueDateTime", DateTime())),
        Read(At("$this.valueTime")),
        Ratio("$this.valueRatio"),
        Extent("$this.valueRange.low.value", "$this.valueRange.high.value"),
        Extent("$this.valuePeriod.start", "$this.valuePeriod.end", between="/", alone=("", "/")),
    )


def result(domain: str) -> Rules:
    """Return the rules of the result, as collected and in the standard unit.

    Example:
        >>> list(result("PE"))
        ['PEORRES', 'PEORRESU', 'PESTRESC']
    """
    printed, counted = domain in MEASURED, domain in RATES
    return named(
        domain,
        {
            "ORRES": value(printed=printed),
            "ORRESU": OneOf(
                *((Counted(VALUE, CODE),) if counted else ()),
                Unit(VALUE, needs=f"{VALUE}.value"),
                *((Printed("$this.valueString", "unit"),) if printed else ()),
                *((Counted("$this.valueRange.low", CODE),) if counted else ()),
                Read(Unit("$this.valueRange.low")),
                Read(Unit("$this.valueRange.high")),
            ),
            "RESSCL": Tested(CODE, "resscl"),
            "RESTYP": Tested(CODE, "restyp"),
            "STRESC": OneWay(f"derived: {domain}ORRES in the standard unit of the test"),
            "STRESN": OneWay(f"derived: the number in {domain}STRESC"),
            "STRESU": OneWay("derived: the standard unit of the test"),
        },
    )


def ranges(domain: str) -> Rules:
    """Return the rules of the reference range, and of where the result lies in it.

    Example:
        >>> list(ranges("MB"))
        []
    """
    return named(
        domain,
        {
            "ORNRLO": Reference(RANGE, "low.value", Number()),
            "ORNRHI": Reference(RANGE, "high.value", Number()),
            "STNRLO": OneWay(f"derived: {domain}ORNRLO in the standard unit"),
            "STNRHI": OneWay(f"derived: {domain}ORNRHI in the standard unit"),
            "STNRC": Reference(RANGE, "text"),
            "NRIND": OneOf(
                At(f"{INTERPRETATION}.coding[system={HL7_INTERPRETATION}].code", INDICATORS),
                Read(Coded(INTERPRETATION, "NRIND", "interpretation", partial=True)),
                Read(Coded("$this.interpretation[*]", "NRIND", "interpretation", partial=True)),
            ),
        },
    )


def absence(domain: str) -> Rules:
    """Return the rules of what was not done, and why.

    Example:
        >>> list(absence("IE"))
        []
    """
    return named(
        domain,
        {
            "STAT": OneOf(
                Without(RESULTS, Absence(ABSENT)),
                Read(Without(RESULTS, At("status", CANCELLED))),
            ),
            "REASND": OneOf(
                At(f"{ABSENT}.text"),
                Read(At(f"{ABSENT}.coding[].display")),
                Read(Absence(ABSENT, "reason")),
            ),
        },
    )


def specimen(domain: str) -> Rules:
    """Return the rules of the laboratory, the specimen and the method.

    Example:
        >>> list(specimen("MB"))
        ['MBNAM', 'MBLOINC', 'MBSPEC', 'MBSPCCND', 'MBMETHOD', 'MBFAST']
    """
    return named(
        domain,
        {
            "NAM": At("laboratory->name"),
            "LOINC": At(f"{CODE}.coding[system={LOINC}].code"),
            "SPEC": OneOf(Coded("specimen->type", "SPECTYPE", "specimen"), Tested(CODE, "spec")),
            "SPCCND": Coded("specimen->condition[]", "SPECCOND", "specimen_condition", verbatim=True),
            "SPCUFL": At("specimen->status", Codes({"unsatisfactory": "N"}, partial=True)),
            "METHOD": OneOf(Coded("method", "METHOD", "method", verbatim=True), Tested(CODE, "method")),
            "FAST": OneOf(
                Coded("specimen->collection.fastingStatusCodeableConcept", "NY", "fasting"),
                Tested(CODE, "fast"),
            ),
        },
    )


def site(domain: str) -> Rules:
    """Return the rules of the site on the body.

    Example:
        >>> list(site("PE"))
        ['PELOC', 'PELAT']
    """
    return named(
        domain,
        {
            "LOC": Coded("bodySite", "LOC", "body_site", verbatim=True),
            "LAT": OneOf(Read(Coded("bodySite", "LAT", "body_site", column="lat"))),
        },
    )


def flags(domain: str) -> Rules:
    """Return the rules of what is said of the record itself.

    Example:
        >>> list(flags("VS"))
        ['VSLOBXFL', 'VSDRVFL']
    """
    return named(
        domain,
        {
            "LOBXFL": OneWay("derived: the last result before the first dose"),
            "DRVFL": OneWay("a result stands as it was received, however its sender came by it"),
        },
    )


def timing(domain: str) -> Rules:
    """Return the rules of visit and time: of a specimen, when it was collected.

    Example:
        >>> list(timing("VS"))
        ['VISITNUM', 'VISIT', 'VSDTC', 'VSDY']
    """
    sampled = domain in SPECIMEN_DOMAINS
    collected = (
        Read(At("specimen->collection.collectedDateTime", DateTime())),
        Read(At("specimen->collection.collectedPeriod.start", DateTime())),
    )
    ended = At("specimen->collection.collectedPeriod.end", DateTime())
    return named(
        domain,
        {
            "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
            "VISIT": At("encounter->type[].text"),
            "DTC": OneOf(
                *(collected if sampled else ()),
                At("effectiveDateTime", DateTime()),
                Read(At("effectivePeriod.start", DateTime())),
                Read(At("effectiveInstant", DateTime())),
            ),
            **({"ENDTC": OneOf(ended, Read(At("effectivePeriod.end", DateTime())))} if sampled else {}),
            "DY": OneWay(f"derived: {domain}DTC against DM.RFSTDTC"),
            **({"ENDY": OneWay(f"derived: {domain}ENDTC against DM.RFSTDTC")} if sampled else {}),
            **({"TPT": Tested(CODE, "tpt"), "PDUR": Tested(CODE, "pdur")} if sampled else {}),
        },
    )


def remarks(domain: str, *, indicated: bool = False) -> dict[str, Supp]:
    """Return the supplemental qualifiers of every finding: interpretation, status and note.

    Args:
        domain: Two letters.
        indicated: Whether plain interpretations are a variable of the domain.

    Example:
        >>> list(remarks("MB"))
        ['MBINTP', 'MBRSLT', 'MBNOTE']
    """
    coded, words = f"{INTERPRETATION}.coding[].code", f"{INTERPRETATION}.text"
    told = (
        At(coded, INTERPRETED),
        Read(At(f"{INTERPRETATION}.coding[system={HL7_INTERPRETATION}].code", INTERPRETED)),
        Read(At(words, NORMAL_WORDS)),
    )
    return {
        f"{domain}INTP": Supp(
            "Interpretation as Reported", OneOf(*(told if indicated else (At(coded), Read(At(words)))))
        ),
        f"{domain}RSLT": Supp("Status of the Result at the Source", At("status", REPORTED)),
        f"{domain}NOTE": Supp("Note on the Result", At("note[].text")),
    }
