"""VS, Vital Signs: one record per measurement, per time point, per subject."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Number, Term
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.rules import At, Coded, Const, Measured, OneOf, OneWay, Read, Tested, TestName, Unit
from trialbridge.vocabulary import NCIT

CODE = "$this.code"
VALUE = "$this.valueQuantity"
POSITION = "extension[url=http://hl7.org/fhir/StructureDefinition/observation-bodyPosition].valueCodeableConcept"

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
        "VSGRPID": OneWay("derived: the panel that names this Observation in hasMember, or the Observation of a component"),
        "VSSPID": At("identifier[].value"),
        # Topic
        "VSTESTCD": OneOf(At(f"{CODE}.coding[system={NCIT}].code", Term("VSTESTCD", partial=True)), Tested(CODE, "testcd")),
        "VSTEST": TestName("VSTESTCD", CODE),
        # Result qualifiers
        "VSCAT": Tested(CODE, "cat"),
        "VSPOS": OneOf(Coded(POSITION, "POSITION", "position"), Tested(CODE, "pos")),
        "VSORRES": OneOf(
            Measured(VALUE),
            At("$this.valueString"),
            Read(At("$this.valueCodeableConcept.text")),
            Read(At("$this.valueCodeableConcept.coding[].display")),
            Read(At("$this.valueCodeableConcept.coding[].code")),
            Read(At("$this.valueInteger", Number())),
        ),
        "VSORRESU": Unit(VALUE, needs=f"{VALUE}.value"),
        "VSSTRESC": OneWay("derived: VSORRES in the standard unit of the test"),
        "VSSTRESN": OneWay("derived: the number in VSSTRESC"),
        "VSSTRESU": OneWay("derived: the standard unit of the test"),
        "VSSTAT": OneOf(
            At("$this.dataAbsentReason.coding[].code", Codes({"not-performed": "NOT DONE"}, partial=True)),
            Read(At("status", Codes({"cancelled": "NOT DONE"}, partial=True))),
        ),
        "VSREASND": OneOf(
            At("$this.dataAbsentReason.text"),
            Read(At("$this.dataAbsentReason.coding[].display")),
            Read(At("$this.dataAbsentReason.coding[].code")),
        ),
        # Record qualifiers
        "VSLOC": Coded("bodySite", "LOC", "body_site"),
        "VSLAT": OneOf(Read(Coded("bodySite", "LAT", "body_site", column="lat"))),
        "VSLOBXFL": OneWay("derived: the last result before the first dose"),
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
        "VSNOTE": Supp("Note on the Measurement", At("note[].text")),
    },
)
