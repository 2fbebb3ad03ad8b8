"""AE, Adverse Events: one record per adverse event, per subject."""

from __future__ import annotations

from trialbridge.codecs import Codes, DateTime, Flag, Upper
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.rules import PRODUCT, At, Coded, Const, Given, Matching, OneOf, OneWay, Read, Rule

GUIDE = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition"
BACKPORT = "http://hl7.org/fhir/uv/ae-research-backport-ig/StructureDefinition"
R5_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-AdverseEvent"
ACTION = "extension[url=item].valueCodeableConcept"
SNOMED = "http://snomed.info/sct"
DISCONTINUED = "caused-subject-to-discontinue-study"
SERIOUS = "seriousness.coding[]"
ENTITY = "suspectEntity[*]"
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
    {"C41338": "1", "C41339": "2", "C41340": "3", "C41337": "4", "C48275": "5"} | {grade: grade for grade in "12345"},
    preferred={"1": "C41338", "2": "C41339", "3": "C41340", "4": "C41337", "5": "C48275"},
)
WITHDRAWN = {"entered-in-error": "entered in error: the sender withdraws it"}
CODED_BY_SPONSOR = OneWay("a coding does not say its MedDRA level: coded by the sponsor with its own dictionary")


def criterion(code: str, nci: str, *others: Rule) -> OneOf:
    """Return the rule of one seriousness criterion: FHIR's code, or the adverse event guides' extension."""
    return OneOf(
        *([At(f"seriousness.coding[code={code}].code", Codes({code: "Y"}))] if code else []),
        *(_reviewed(guide, nci, present) for guide in (GUIDE, BACKPORT) for present in ("true", "false")),
        *others,
    )


def _reviewed(guide: str, nci: str, present: str) -> Matching:
    """Return the rule that reads one criterion of a guide's extension, where it is met or where it is not."""
    conditions = {
        "url": f"{guide}/seriousness-criteria",
        "extension[url=criterionCode].valueCodeableConcept.coding[].code": nci,
        "extension[url=criterionPresent].valueBoolean": present,
    }
    return Matching("extension[*]", conditions, then="Y" if present == "true" else "N")


def relatedness(path: str) -> Matching:
    """Return the rule that reads the causality of the study product, or of the only suspect there is."""
    return Matching(ENTITY, {"instance.reference": PRODUCT}, path, Upper(), alone=True)


AE = Domain(
    code="AE",
    source="AdverseEvent",
    joins={"condition": Join("resultingCondition[].reference", "Condition")},
    excluded={
        "actuality": {"potential": "potential: it did not happen to the subject"},
        "status": WITHDRAWN,
        f"modifierExtension[url={BACKPORT}/status].valueCode": WITHDRAWN,
    },
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
        ),
        # Synonym qualifiers
        "AELLT": CODED_BY_SPONSOR,
        "AELLTCD": CODED_BY_SPONSOR,
        "AEDECOD": CODED_BY_SPONSOR,
        "AEPTCD": CODED_BY_SPONSOR,
        "AEHLT": CODED_BY_SPONSOR,
        "AEHLTCD": CODED_BY_SPONSOR,
        "AEHLGT": CODED_BY_SPONSOR,
        "AEHLGTCD": CODED_BY_SPONSOR,
        "AECAT": OneOf(At("category[].text"), Read(At("category[].coding[].display")), Read(At("category[].coding[].code"))),
        "AEBODSYS": CODED_BY_SPONSOR,
        "AEBDSYCD": CODED_BY_SPONSOR,
        "AESOC": CODED_BY_SPONSOR,
        "AESOCCD": CODED_BY_SPONSOR,
        # Record qualifiers
        "AELOC": OneOf(Read(Coded("condition->bodySite[]", "LOC", "body_site"))),
        "AESEV": Coded("severity", "AESEV", "ae_severity"),
        "AESER": At(f"{SERIOUS}.code", SUPPORTED),
        "AEACN": OneOf(
            Coded(f"extension[url={R5_ELEMENT}.mitigatingAction].{ACTION}", "ACN", "ae_action"),
            Read(Coded(f"extension[url={BACKPORT}/mitigating-action].{ACTION}", "ACN", "ae_action")),
        ),
        "AEREL": OneOf(
            relatedness("causality[].assessment.text"),
            relatedness("causality[].assessment.coding[].display"),
            relatedness("causality[].assessment.coding[].code"),
            relatedness("causality[].productRelatedness"),
            At("suspectEntity[].causality[].productRelatedness", Upper()),
        ),
        "AEOUT": Coded("outcome", "OUT", "ae_outcome"),
        "AESCONG": criterion("SeriousIsBirthDefect", "C83117"),
        "AESDISAB": criterion("SeriousResultsInDisability", "C11338"),
        "AESDTH": criterion("SeriousResultsInDeath", "C48275", Read(At("outcome.coding[code=fatal].code", Codes({"fatal": "Y"})))),
        "AESHOSP": criterion("SeriousResultsInHospitalization", "C83052"),
        "AESLIFE": criterion("SeriousIsLifeThreatening", "C84266"),
        "AESMIE": criterion("", "C82521"),
        "AESINTV": criterion("SeriousRequiresPreventImpairment", "C181060"),
        "AETOXGR": OneOf(
            At(f"extension[url={GUIDE}/ae-grade].valueCodeableConcept.coding[].code", GRADES),
            Read(At(f"extension[url={BACKPORT}/ae-grade].valueCodeableConcept.coding[].code", GRADES)),
        ),
        # Timing
        "AESTDTC": OneOf(At("date", DateTime()), Read(At("occurrencePeriod.start", DateTime())), Read(At("condition->onsetDateTime", DateTime()))),
        "AEENDTC": OneOf(
            At(f"extension[url={R5_ELEMENT}.occurrence].valuePeriod.end", DateTime()),
            Read(At(f"extension[url={GUIDE}/resolve-date].valueDateTime", DateTime())),
            Read(At(f"extension[url={BACKPORT}/resolve-date].valueDateTime", DateTime())),
            Read(At("occurrencePeriod.end", DateTime())),
            Read(At("condition->abatementDateTime", DateTime())),
        ),
        "AESTDY": OneWay("derived: AESTDTC against DM.RFSTDTC"),
        "AEENDY": OneWay("derived: AEENDTC against DM.RFSTDTC"),
        "AEENRTPT": OneOf(Read(Given("recordedDate", At("outcome.coding[].code", Codes({"ongoing": "ONGOING"}, partial=True))))),
        "AEENTPT": OneOf(Read(Given("outcome.coding[code=ongoing].code", At("recordedDate", DateTime())))),
    },
    supp={
        "AESNOMED": Supp("SNOMED CT Code of the Event", At(f"event.coding[system={SNOMED}].code"), origin="Collected"),
        "AERECDTC": Supp("Date the Event Was Recorded", At("recordedDate", DateTime())),
        "AEDETDTC": Supp("Date the Event Was Detected", At("detected", DateTime())),
        "AEDIS": Supp("Caused Study Discontinuation", At(f"extension[url={BACKPORT}/{DISCONTINUED}].valueBoolean", Flag())),
    },
)
