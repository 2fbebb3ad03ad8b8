"""VS, Vital Signs: one record per measurement, per time point, per subject."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Number, Term
from trialbridge.coded import Coded
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.quantities import Measured, Printed, Unit
from trialbridge.results import Absence, Counted, Extent, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read
from trialbridge.tested import Tested, TestName
from trialbridge.vocabulary import NCIT

CODE = "$this.code"
VALUE = "$this.valueQuantity"
ABSENT = "$this.dataAbsentReason"
RESULTS = (
    f"{VALUE}.value",
    "$this.valueString",
    "$this.valueCodeableConcept.text",
    "$this.valueCodeableConcept.coding[].code",
    "$this.valueInteger",
    "$this.valueRange.low.value",
    "$this.valueRange.high.value",
)
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
CANCELLED = Codes({"cancelled": "NOT DONE"}, partial=True)
POSITION = (
    "extension[url=http://hl7.org/fhir/StructureDefinition/observation-bodyPosition].valueCodeableConcept"
)

VS = Domain(
    code="VS",
    source="Observation",
    rows="component",
    joins={"encounter": Join("encounter.reference", "Encounter")},
    excluded={"status": {"entered-in-error": "entered in error: the sender withdraws it"}},
    fixed={"status": "final"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("VS"),
        "USUBJID": OneWay("the subject that Observation.subject points to"),
        "VSSEQ": OneWay("derived: the order of the natural keys within the subject"),
        "VSGRPID": OneWay(
            "derived: the panel that names this Observation in hasMember, or the Observation of a component"
        ),
        "VSSPID": At("identifier[].value"),
        # Topic
        "VSTESTCD": OneOf(
            At(f"{CODE}.coding[system={NCIT}].code", Term("VSTESTCD", partial=True)), Tested(CODE, "testcd")
        ),
        "VSTEST": TestName("VSTESTCD", CODE),
        # Result qualifiers
        "VSCAT": Tested(CODE, "cat"),
        "VSPOS": OneOf(Coded(POSITION, "POSITION", "position"), Tested(CODE, "pos")),
        "VSORRES": OneOf(
            Measured(VALUE),
            Printed("$this.valueString", "number"),
            At("$this.valueString"),
            Read(At("$this.valueCodeableConcept.text")),
            Read(At("$this.valueCodeableConcept.coding[].display")),
            Read(At("$this.valueCodeableConcept.coding[].code")),
            Read(At("$this.valueInteger", Number())),
            Extent("$this.valueRange.low.value", "$this.valueRange.high.value"),
        ),
        "VSORRESU": OneOf(
            Counted(VALUE, CODE),
            Unit(VALUE, needs=f"{VALUE}.value"),
            Printed("$this.valueString", "unit"),
            Counted("$this.valueRange.low", CODE),
            Read(Unit("$this.valueRange.low")),
            Read(Unit("$this.valueRange.high")),
        ),
        "VSSTRESC": OneWay("derived: VSORRES in the standard unit of the test"),
        "VSSTRESN": OneWay("derived: the number in VSSTRESC"),
        "VSSTRESU": OneWay("derived: the standard unit of the test"),
        "VSSTAT": OneOf(
            Without(RESULTS, Absence(ABSENT)),
            Read(Without(RESULTS, At("status", CANCELLED))),
        ),
        "VSREASND": OneOf(
            At(f"{ABSENT}.text"),
            Read(At(f"{ABSENT}.coding[].display")),
            Read(Absence(ABSENT, "reason")),
        ),
        # Record qualifiers
        "VSLOC": Coded("bodySite", "LOC", "body_site", verbatim=True),
        "VSLAT": OneOf(Read(Coded("bodySite", "LAT", "body_site", column="lat"))),
        "VSLOBXFL": OneWay("derived: the last result before the first dose"),
        "VSDRVFL": OneOf(Read(Given("derivedFrom[].reference", Const("Y")))),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "VSDTC": OneOf(
            At("effectiveDateTime", DateTime()),
            Read(At("effectivePeriod.start", DateTime())),
            Read(At("effectiveInstant", DateTime())),
        ),
        "VSDY": OneWay("derived: VSDTC against DM.RFSTDTC"),
    },
    supp={
        "VSMETHOD": Supp("Method of Measurement", Coded("method", "METHOD", "method", verbatim=True)),
        "VSINTP": Supp(
            "Interpretation as Reported",
            OneOf(
                At("$this.interpretation[].coding[].code"),
                Read(At("$this.interpretation[].text")),
            ),
        ),
        "VSRSLT": Supp("Status of the Result at the Source", At("status", REPORTED)),
        "VSNOTE": Supp("Note on the Measurement", At("note[].text")),
    },
)
