"""SU, Substance Use: tobacco, alcohol and the like, one record per substance and answer.

An answer such as "former smoker" says whether the substance is or was used, and that it ended before the
day of the answer.
"""

from __future__ import annotations

from trialbridge.codecs import DateTime, Lookup, Number
from trialbridge.conditions import Where
from trialbridge.mapping import Domain, Supp
from trialbridge.observed import (
    ABSENT,
    CANCELLED,
    CODE,
    ENCOUNTER,
    ENTERED_IN_ERROR,
    FINAL,
    RESULTS,
    VALUE,
    identifiers,
)
from trialbridge.quantities import Unit
from trialbridge.results import Absence, Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read
from trialbridge.vocabulary import LOINC, SNOMED

ANSWER = "$this.valueCodeableConcept"
USED = Lookup("substance_use", SNOMED, partial=True)
UNTIL = Lookup("substance_use", SNOMED, "until", partial=True)
GOES_ON = OneOf(At(f"{ANSWER}.coding[].code", UNTIL), At(f"{ANSWER}.text", UNTIL))

SU = Domain(
    code="SU",
    source="Observation",
    rows="component",
    source_of="Subject",
    joins=ENCOUNTER,
    excluded=ENTERED_IN_ERROR,
    fixed=FINAL,
    rules={
        **identifiers("SU"),
        # Topic
        "SUTRT": OneOf(
            At(f"{CODE}.coding[].code", Lookup("substance", LOINC, partial=True)),
            Read(At(f"{CODE}.text", Lookup("substance", LOINC, partial=True))),
            At(f"{CODE}.text"),
            Read(At(f"{CODE}.coding[].display")),
        ),
        # Grouping qualifiers
        "SUCAT": OneOf(
            Read(At(f"{CODE}.coding[].code", Lookup("substance", LOINC, "cat", partial=True))),
            Read(At(f"{CODE}.text", Lookup("substance", LOINC, "cat", partial=True))),
        ),
        # Record qualifiers
        "SUPRESP": OneOf(Read(Const("Y"))),
        "SUOCCUR": OneOf(Read(At(f"{ANSWER}.coding[].code", USED)), Read(At(f"{ANSWER}.text", USED))),
        "SUSTAT": OneOf(Without(RESULTS, Absence(ABSENT)), Read(Without(RESULTS, At("status", CANCELLED)))),
        "SUREASND": OneOf(
            At(f"{ABSENT}.text"), Read(At(f"{ABSENT}.coding[].display")), Read(Absence(ABSENT, "reason"))
        ),
        "SUDOSE": OneOf(At(f"{VALUE}.value", Number()), Read(At("$this.valueInteger", Number()))),
        "SUDOSTXT": At("$this.valueString"),
        "SUDOSU": Unit(VALUE, needs=f"{VALUE}.value"),
        # Timing
        "VISITNUM": OneWay("assigned with the trial design's visits; blank without them"),
        "VISIT": At("encounter->type[].text"),
        "SUDTC": At("effectiveDateTime", DateTime()),
        "SUDY": OneWay("derived: SUDTC against DM.RFSTDTC"),
        "SUSTDTC": At("effectivePeriod.start", DateTime()),
        "SUENDTC": At("effectivePeriod.end", DateTime()),
        "SUSTDY": OneWay("derived: SUSTDTC against DM.RFSTDTC"),
        "SUENDY": OneWay("derived: SUENDTC against DM.RFSTDTC"),
        "SUENRTPT": OneOf(Read(Given("effectiveDateTime", GOES_ON))),
        "SUENTPT": OneOf(Read(Where(GOES_ON, At("effectiveDateTime", DateTime())))),
    },
    supp={
        "SUANSWER": Supp(
            "Answer as Given",
            OneOf(
                At(f"{ANSWER}.text"),
                Read(At(f"{ANSWER}.coding[].display")),
                Read(At(f"{ANSWER}.coding[].code")),
            ),
        ),
        "SUNOTE": Supp("Note on the Answer", At("note[].text")),
    },
)
