"""LB, Laboratory Test Results: one record per test, per time point, per subject.

Labels, types, core and codelists come from the generated table of the standard; this file says only where
values live. Microbiology and antibodies are routed elsewhere by the code of the test.
"""

from __future__ import annotations

from trialbridge.codecs import Beyond, Codes, DateTime, Number, Term
from trialbridge.coded import Coded
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Measured, Printed, Unit
from trialbridge.results import Absence, Extent, Ratio, Reference, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read
from trialbridge.tested import Tested, TestName
from trialbridge.vocabulary import LOINC, NCIT

CODE = "$this.code"
VALUE = "$this.valueQuantity"
RANGE = "$this.referenceRange"
ABSENT = "$this.dataAbsentReason"
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
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
INTERPRETED = Beyond(("N", "H", "L", "A"), "NRIND")
INDICATORS = Codes({"N": "NORMAL", "H": "HIGH", "L": "LOW", "A": "ABNORMAL"}, partial=True)
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
IN_ERROR = {"entered-in-error": "entered in error: the sender withdraws it"}

LB = Domain(
    code="LB",
    source="Observation",
    rows="component",
    source_of="Vendor",
    joins={
        "specimen": Join("specimen.reference", "Specimen"),
        "encounter": Join("encounter.reference", "Encounter"),
        "laboratory": Join("performer[].reference", "Organization"),
    },
    excluded={"status": IN_ERROR},
    fixed={"status": "final"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("LB"),
        "USUBJID": OneWay("the subject that Observation.subject points to"),
        "LBSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "LBGRPID": OneWay(
            "derived: the panel that names this Observation in hasMember, or the Observation of a component"
        ),
        "LBREFID": OneOf(At("specimen->accessionIdentifier.value"), Read(At("specimen->identifier[].value"))),
        "LBSPID": At("identifier[].value"),
        # Topic
        "LBTESTCD": OneOf(
            At(f"{CODE}.coding[system={NCIT}].code", Term("LBTESTCD", partial=True)), Tested(CODE, "testcd")
        ),
        "LBTEST": TestName("LBTESTCD", CODE),
        # Result qualifiers
        "LBCAT": Tested(CODE, "cat"),
        "LBSCAT": Tested(CODE, "scat"),
        "LBORRES": OneOf(
            Measured(VALUE),
            Printed("$this.valueString", "number"),
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
        ),
        "LBORRESU": OneOf(
            Unit(VALUE, needs=f"{VALUE}.value"),
            Printed("$this.valueString", "unit"),
            Read(Unit("$this.valueRange.low")),
            Read(Unit("$this.valueRange.high")),
        ),
        "LBRESSCL": Tested(CODE, "resscl"),
        "LBRESTYP": Tested(CODE, "restyp"),
        "LBORNRLO": Reference(RANGE, "low.value", Number()),
        "LBORNRHI": Reference(RANGE, "high.value", Number()),
        "LBSTRESC": OneWay("derived: LBORRES in the standard unit of the test"),
        "LBSTRESN": OneWay("derived: the number in LBSTRESC"),
        "LBSTRESU": OneWay("derived: the standard unit of the test"),
        "LBSTNRLO": OneWay("derived: LBORNRLO in the standard unit"),
        "LBSTNRHI": OneWay("derived: LBORNRHI in the standard unit"),
        "LBSTNRC": Reference(RANGE, "text"),
        "LBNRIND": OneOf(
            At(f"$this.interpretation[].coding[system={INTERPRETATION}].code", INDICATORS),
            Read(Coded("$this.interpretation[]", "NRIND", "interpretation", partial=True)),
            Read(Coded("$this.interpretation[*]", "NRIND", "interpretation", partial=True)),
        ),
        "LBSTAT": OneOf(
            Without(RESULTS, Absence(ABSENT)),
            Read(Without(RESULTS, At("status", CANCELLED))),
        ),
        "LBREASND": OneOf(
            At(f"{ABSENT}.text"),
            Read(At(f"{ABSENT}.coding[].display")),
            Read(Absence(ABSENT, "reason")),
        ),
        # Record qualifiers
        "LBNAM": At("laboratory->name"),
        "LBLOINC": At(f"{CODE}.coding[system={LOINC}].code"),
        "LBSPEC": OneOf(Coded("specimen->type", "SPECTYPE", "specimen"), Tested(CODE, "spec")),
        "LBSPCCND": Coded("specimen->condition[]", "SPECCOND", "specimen_condition", verbatim=True),
        "LBSPCUFL": At("specimen->status", Codes({"unsatisfactory": "Y"}, partial=True)),
        "LBMETHOD": OneOf(Coded("method", "METHOD", "method", verbatim=True), Tested(CODE, "method")),
        "LBLOBXFL": OneWay("derived: the last result before the first dose"),
        "LBFAST": OneOf(
            Coded("specimen->collection.fastingStatusCodeableConcept", "NY", "fasting"), Tested(CODE, "fast")
        ),
        "LBDRVFL": OneOf(Read(Given("derivedFrom[].reference", Const("Y")))),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "LBDTC": OneOf(
            Read(At("specimen->collection.collectedDateTime", DateTime())),
            Read(At("specimen->collection.collectedPeriod.start", DateTime())),
            At("effectiveDateTime", DateTime()),
            Read(At("effectivePeriod.start", DateTime())),
            Read(At("effectiveInstant", DateTime())),
        ),
        "LBENDTC": OneOf(
            At("specimen->collection.collectedPeriod.end", DateTime()),
            Read(At("effectivePeriod.end", DateTime())),
        ),
        "LBDY": OneWay("derived: LBDTC against DM.RFSTDTC"),
        "LBENDY": OneWay("derived: LBENDTC against DM.RFSTDTC"),
        "LBTPT": Tested(CODE, "tpt"),
        "LBPDUR": Tested(CODE, "pdur"),
    },
    supp={
        "LBINTP": Supp(
            "Interpretation as Reported",
            OneOf(
                At("$this.interpretation[].coding[].code", INTERPRETED),
                Read(At(f"$this.interpretation[].coding[system={INTERPRETATION}].code", INTERPRETED)),
                Read(At("$this.interpretation[].text", Beyond(("NORMAL", "HIGH", "LOW", "ABNORMAL")))),
            ),
        ),
        "LBRSLT": Supp("Status of the Result at the Source", At("status", REPORTED)),
        "LBNOTE": Supp("Note on the Result", At("note[].text")),
    },
)
