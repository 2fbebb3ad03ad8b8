"""AE, Adverse Events: one record per adverse event, per subject."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Flag
from trialbridge.coded import Coded
from trialbridge.encoded import Named, meddra_first, meddra_variables
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.matching import Matching
from trialbridge.results import Without
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read, Rule
from trialbridge.suspects import Suspect
from trialbridge.vocabulary import SNOMED

GUIDE = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition"
BACKPORT = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
R5_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-AdverseEvent"
MEDDRA = "https://www.meddra.org"
MEDDRA_OID = "urn:oid:2.16.840.1.113883.6.163"
SERIOUS = "seriousness.coding[]"
ENTITY = "suspectEntity[*]"
ACTION = f"extension[url={R5_ELEMENT}.mitigatingAction].extension[url=item].valueCodeableConcept"
BACKPORT_ACTION = f"extension[url={BACKPORT}/mitigating-action].extension[url=item].valueCodeableConcept"
BACKPORT_GRADE = f"extension[url={BACKPORT}/severity-or-grade].valueCodeableConcept"
OCCURRENCE = f"extension[url={R5_ELEMENT}.occurrence].valuePeriod"
ENDED = (f"{OCCURRENCE}.end", f"extension[url={BACKPORT}/resolve-date].valueDateTime")
SUPPORTED = Codes(
    {
        "Non-serious": "N",
        "Serious": "Y",
        "SeriousResultsInDeath": "Y",
        "SeriousIsLifeThreatening": "Y",
        "SeriousResultsInHospitalization": "Y",
        "SeriousResultsInDisability": "Y",
        "SeriousIsBirthDefect": "Y",
        "SeriousRequiresPreventImpairment": "Y",
    },
    preferred={"Y": "Serious"},
    fold=True,
)
GRADES = Codes(
    {
        "C41338": "1",
        "C41339": "2",
        "C41340": "3",
        "C41337": "4",
        "C48275": "5",
        **{grade: grade for grade in "12345"},
    },
    preferred={"1": "C41338", "2": "C41339", "3": "C41340", "4": "C41337", "5": "C48275"},
)
ONGOING = Codes({"ongoing": "ONGOING", "C49494": "ONGOING"}, preferred={"ONGOING": "ongoing"}, partial=True)
WITHDRAWN = {"entered-in-error": "entered in error: the sender withdraws it"}
CODED = meddra_variables("AE", "event", "condition->code")
"""By the user's own MedDRA, for a coding says neither its level nor what stands above it; blank without."""


def criterion(code: str, *named: str, otherwise: tuple[Rule, ...] = ()) -> OneOf:
    """Return the rule of one seriousness criterion: FHIR's code, or the guides' extension.

    Args:
        code: FHIR's own code; empty where it has none.
        named: The codes of the guides.
        otherwise: What else says that the criterion is met.
    """
    reviewed = (
        _reviewed(guide, word, met)
        for guide in (GUIDE, BACKPORT)
        for word in named
        for met in ("true", "false")
    )
    return OneOf(
        *([At(f"seriousness.coding[code={code}].code", Codes({code: "Y"}))] if code else []),
        *reviewed,
        *otherwise,
    )


def _reviewed(guide: str, code: str, met: str) -> Matching:
    """Return the rule that reads whether a criterion of a guide's extension is met, or is not."""
    conditions = {
        "url": f"{guide}/seriousness-criteria",
        "extension[url=criterionCode].valueCodeableConcept.coding[].code": code,
        "extension[url=criterionPresent].valueBoolean": met,
    }
    return Matching("extension[*]", conditions, then="Y" if met == "true" else "N")


def causality(*, others: bool) -> tuple[Rule, ...]:
    """Return the rules that read the causality of the study product, or of the other suspects."""
    assessment = "causality[].assessment"
    relatedness = "extension[url=causality].extension[url=entityRelatedness].valueCodeableConcept"
    instance = "extension[url=instance]"
    return (
        Suspect(
            ENTITY,
            ("instance.reference", "instance.display", "instanceCodeableConcept.text"),
            (
                f"{assessment}.text",
                f"{assessment}.coding[].display",
                f"{assessment}.coding[].code",
                "causality[].productRelatedness",
            ),
            others=others,
            writes="" if others else "suspectEntity[].causality[].assessment.text",
        ),
        Suspect(
            "extension[*]",
            (
                f"{instance}.valueReference.reference",
                f"{instance}.valueReference.display",
                f"{instance}.valueCodeableConcept.text",
            ),
            (f"{relatedness}.text", f"{relatedness}.coding[].display", f"{relatedness}.coding[].code"),
            others=others,
            url=f"{BACKPORT}/suspect-entity",
        ),
    )


AE = Domain(
    code="AE",
    source="AdverseEvent",
    joins={"condition": Join("resultingCondition[].reference", "Condition")},
    excluded={
        "actuality": {"potential": "potential: it did not happen to the subject"},
        "status": WITHDRAWN,
        f"modifierExtension[url={BACKPORT}/status].valueCode": WITHDRAWN,
    },
    first=("AEENDTC", *meddra_first("AE")),
    fixed={"actuality": "actual"},
    companions={"suspectEntity[].instance.display": "study product"},
    rules={
        # Identifiers
        "STUDYID": OneWay("the study of the subject, from ResearchSubject.study"),
        "DOMAIN": Const("AE"),
        "USUBJID": OneWay("the subject that AdverseEvent.subject points to"),
        "AESEQ": OneWay("derived: the order of the natural keys within the subject"),
        "AESPID": At("identifier.value"),
        # Topic
        "AETERM": OneOf(
            At("event.text"),
            Read(At("event.coding[].display")),
            Read(At("condition->code.text")),
            Read(At("condition->code.coding[].display")),
            Read(Named("event")),
            Read(Named("condition->code")),
        ),
        # Synonym qualifiers
        "AELLT": CODED["AELLT"],
        "AELLTCD": CODED["AELLTCD"],
        "AEDECOD": CODED["AEDECOD"],
        "AEPTCD": CODED["AEPTCD"],
        "AEHLT": CODED["AEHLT"],
        "AEHLTCD": CODED["AEHLTCD"],
        "AEHLGT": CODED["AEHLGT"],
        "AEHLGTCD": CODED["AEHLGTCD"],
        "AECAT": OneOf(
            At("category[].text"),
            Read(At("category[].coding[].display")),
            Read(At("category[].coding[].code")),
        ),
        "AEBODSYS": CODED["AEBODSYS"],
        "AEBDSYCD": CODED["AEBDSYCD"],
        "AESOC": CODED["AESOC"],
        "AESOCCD": CODED["AESOCCD"],
        # Record qualifiers
        "AELOC": OneOf(Read(Coded("condition->bodySite[]", "LOC", "body_site"))),
        "AESEV": OneOf(
            Coded("severity", "AESEV", "ae_severity"),
            Read(Coded(BACKPORT_GRADE, "AESEV", "ae_severity", partial=True)),
        ),
        "AESER": At(f"{SERIOUS}.code", SUPPORTED),
        "AEACN": OneOf(
            Coded(ACTION, "ACN", "ae_action", partial=True),
            Read(Coded(BACKPORT_ACTION, "ACN", "ae_action", partial=True)),
        ),
        "AEACNOTH": OneOf(
            Read(Coded(ACTION, "ACN", "ae_action", unknown=True)),
            Read(Coded(BACKPORT_ACTION, "ACN", "ae_action", unknown=True)),
        ),
        "AEREL": OneOf(*causality(others=False)),
        "AEOUT": Coded("outcome", "OUT", "ae_outcome"),
        "AESCONG": criterion("SeriousIsBirthDefect", "C83117"),
        "AESDISAB": criterion("SeriousResultsInDisability", "C11338"),
        "AESDTH": criterion(
            "SeriousResultsInDeath",
            "C48275",
            otherwise=(
                Read(At("outcome.coding[code=fatal].code", Codes({"fatal": "Y"}))),
                Read(At("outcome.coding[code=C48275].code", Codes({"C48275": "Y"}))),
            ),
        ),
        "AESHOSP": criterion("SeriousResultsInHospitalization", "C83052"),
        "AESLIFE": criterion("SeriousIsLifeThreatening", "C84266"),
        "AESMIE": criterion("", "C82521"),
        "AESINTV": criterion("SeriousRequiresPreventImpairment", "C201939", "requiresPreventImpairment"),
        "AETOXGR": OneOf(
            At(f"extension[url={GUIDE}/ae-grade].valueCodeableConcept.coding[].code", GRADES),
            Read(At(f"extension[url={BACKPORT}/ae-grade].valueCodeableConcept.coding[].code", GRADES)),
            Read(At(f"{BACKPORT_GRADE}.coding[].code", GRADES)),
        ),
        # Timing
        "AESTDTC": OneOf(
            At("date", DateTime()),
            At(f"{OCCURRENCE}.start", DateTime()),
            Read(At("condition->onsetDateTime", DateTime())),
            Read(At("condition->onsetPeriod.start", DateTime())),
        ),
        "AEENDTC": OneOf(
            At(f"{OCCURRENCE}.end", DateTime()),
            Read(At(f"extension[url={BACKPORT}/resolve-date].valueDateTime", DateTime())),
            Read(At("condition->abatementDateTime", DateTime())),
            Read(At("condition->onsetPeriod.end", DateTime())),
        ),
        "AESTDY": OneWay("derived: AESTDTC against DM.RFSTDTC"),
        "AEENDY": OneWay("derived: AEENDTC against DM.RFSTDTC"),
        "AEENRTPT": OneOf(Read(Without(ENDED, Given("recordedDate", At("outcome.coding[].code", ONGOING))))),
        "AEENTPT": OneOf(
            Read(Without(ENDED, Given("outcome.coding[code=ongoing].code", At("recordedDate", DateTime())))),
            Read(Without(ENDED, Given("outcome.coding[code=C49494].code", At("recordedDate", DateTime())))),
        ),
    },
    supp={
        "AEMDRCD": Supp(
            "MedDRA Code of the Event at the Source",
            OneOf(
                At(f"event.coding[system={MEDDRA}].code"),
                Read(At(f"event.coding[system={MEDDRA_OID}].code")),
                Read(At(f"condition->code.coding[system={MEDDRA}].code")),
            ),
        ),
        "AEMDRTRM": Supp(
            "MedDRA Term of the Event at the Source",
            OneOf(
                At(f"event.coding[system={MEDDRA}].display"),
                Read(At(f"event.coding[system={MEDDRA_OID}].display")),
                Read(At(f"condition->code.coding[system={MEDDRA}].display")),
            ),
        ),
        "AESNOMED": Supp("SNOMED CT Code of the Event", At(f"event.coding[system={SNOMED}].code")),
        "AERELOTH": Supp("Causality of Other Suspects", OneOf(*causality(others=True))),
        "AEDISC": Supp(
            "Caused Study Discontinuation",
            OneOf(
                At(f"extension[url={GUIDE}/caused-subject-to-discontinue-study].valueBoolean", Flag()),
                Read(
                    At(f"extension[url={BACKPORT}/caused-subject-to-discontinue-study].valueBoolean", Flag())
                ),
            ),
        ),
        "AEEXPECT": Supp(
            "Expected in the Research Study",
            OneOf(
                At(f"extension[url={BACKPORT}/expected-in-research-study].valueBoolean", Flag()),
                Read(At("expectedInResearchStudy", Flag())),
            ),
        ),
        "AERECDTC": Supp("Date the Event Was Recorded", At("recordedDate", DateTime())),
        "AEDETDTC": Supp("Date the Event Was Detected", At("detected", DateTime())),
        "AENOTE": Supp(
            "Note on the Event",
            OneOf(
                At(f"extension[url={BACKPORT}/note].valueAnnotation.text"),
                Read(At("note[].text")),
            ),
        ),
    },
)
