"""DM, Demographics: one record per subject.

A subject is a ResearchSubject with its Patient. Where the site has a study of its own, that study is part of
the overall one: the overall study gives STUDYID, the site's one SITEID.
"""

from __future__ import annotations

from trialbridge.arms import Arm
from trialbridge.codecs import Codes, DateTime, Lookup, Text, Yes
from trialbridge.coded import Extensions, Several
from trialbridge.mapping import Domain, Join, Supp
from trialbridge.matching import Chosen, Matching
from trialbridge.rules import At, Const, Given, OneOf, OneWay, Read
from trialbridge.vocabulary import USUBJID

GENDER = "http://hl7.org/fhir/administrative-gender"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
OMB = "urn:oid:2.16.840.1.113883.6.238"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
RACE = f"patient->extension[url={US_CORE}/us-core-race]"
ETHNICITY = f"patient->extension[url={US_CORE}/us-core-ethnicity]"
BIRTH_SEX = f"{US_CORE}/us-core-birthsex"
NATIONAL = (
    "http://hl7.org.nz/fhir/StructureDefinition/nz-ethnicity",
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
)
"""Extensions of other countries that say what SDTM asks for as race."""
RACES = (
    Extensions(f"{RACE}.extension[*]", ("ombCategory", "detailed")),
    Extensions("patient->extension[*]", NATIONAL, "valueCodeableConcept.coding[]"),
)
PARTIES = "study->associatedParty[*]"
ROLE, LEADS = "role.coding[].code", "primary-investigator"
GROUPS = ("study->arm[*]", "overall->arm[*]")
NOT_ON_STUDY = Codes({"ineligible": "SCREEN FAILURE"}, partial=True)
COUNTRY = Lookup("country", "urn:iso:std:iso:3166")

DM = Domain(
    code="DM",
    source="ResearchSubject",
    joins={
        "patient": Join("individual.reference", "Patient"),
        "study": Join("study.reference", "ResearchStudy"),
        "overall": Join("study->partOf[].reference", "ResearchStudy"),
        "site": Join("study->site[].reference", "Location"),
        "organisation": Join("patient->managingOrganization.reference", "Organization"),
        "investigator": Join("study->principalInvestigator.reference", "Practitioner"),
        "party": Join(f"{PARTIES}.party.reference", "Practitioner", (f"{PARTIES}.{ROLE}", LEADS)),
        "consent": Join("consent.reference", "Consent"),
    },
    excluded={"status": {"entered-in-error": "entered in error: the sender withdraws it"}},
    first=("RACEOTH", "ETHNOTH"),
    fixed={"status": "on-study", "study->status": "active", "overall->status": "active"},
    rules={
        # Identifiers
        "STUDYID": OneOf(
            Matching("overall->identifier[*]", {"system": Chosen("study")}, "value"),
            Matching("study->identifier[*]", {"system": Chosen("study")}, "value"),
            Read(At("overall->identifier[use=usual].value")),
            At("overall->identifier[].value"),
            Read(At("study->identifier[use=usual].value")),
            Read(At("study->identifier[].value")),
            Read(At("study->id")),
        ),
        "DOMAIN": Const("DM"),
        "USUBJID": At(f"patient->identifier[system={USUBJID}].value"),
        "SUBJID": OneOf(
            Matching("identifier[*]", {"system": Chosen("subject")}, "value"),
            At("identifier[].value"),
            Read(At("id")),
        ),
        # Timing of participation
        "RFSTDTC": At("period.start", DateTime()),
        "RFENDTC": At("period.end", DateTime()),
        "RFXSTDTC": OneWay("derived: first administration of the study product in EX"),
        "RFXENDTC": OneWay("derived: last administration of the study product in EX"),
        "RFICDTC": OneOf(At("consent->dateTime", DateTime())),
        "RFPENDTC": OneOf(Read(At("period.end", DateTime()))),
        "DTHDTC": At("patient->deceasedDateTime", DateTime()),
        "DTHFL": OneOf(At("patient->deceasedBoolean", Yes())),
        # Site
        "SITEID": OneOf(
            Matching("study->identifier[*]", {"system": Chosen("site")}, "value"),
            Matching("site->identifier[*]", {"system": Chosen("site")}, "value"),
            Matching("organisation->identifier[*]", {"system": Chosen("site")}, "value"),
            Given("overall->id", At("study->identifier[].value")),
            Read(At("site->identifier[].value")),
            Read(At("organisation->identifier[].value")),
            Read(At("organisation->name")),
        ),
        "INVID": OneOf(At("investigator->identifier[].value"), Read(At("party->identifier[].value"))),
        "INVNAM": OneOf(
            At("investigator->name[].text"),
            Read(At("investigator->name[].family")),
            Read(At("party->name[].text")),
            Read(At("party->name[].family")),
            Matching(PARTIES, {ROLE: LEADS}, "name"),
        ),
        # Subject
        "BRTHDTC": At("patient->birthDate", DateTime()),
        "AGE": OneWay("derived: full years from BRTHDTC to RFSTDTC"),
        "AGEU": OneWay("derived: YEARS where AGE is given"),
        "SEX": OneOf(
            At("patient->gender", Lookup("sex", GENDER)),
            Read(
                Given(
                    "patient->gender",
                    At(f"patient->extension[url={BIRTH_SEX}].valueCode", Lookup("sex", BIRTH_SEX)),
                    present=False,
                )
            ),
        ),
        "RACE": OneOf(
            Several(RACES, "race"),
            At(f"{RACE}.extension[url=text].valueString", Lookup("race", OMB, partial=True)),
        ),
        "ETHNIC": OneOf(
            At(f"{ETHNICITY}.extension[url=ombCategory].valueCoding.code", Lookup("ethnicity", OMB)),
            Read(
                At(
                    f"{ETHNICITY}.extension[url=ombCategory].valueCoding.code",
                    Lookup("ethnicity", NULL_FLAVOR),
                )
            ),
            Read(
                At(
                    f"{ETHNICITY}.extension[url=detailed].valueCoding.code",
                    Lookup("ethnicity", OMB, partial=True),
                )
            ),
            Read(At(f"{ETHNICITY}.extension[url=text].valueString", Lookup("ethnicity", OMB, partial=True))),
        ),
        # Arms
        "ARMCD": OneWay(
            "derived: the code that the study configuration gives the arm, else the arm's name where it fits"
        ),
        "ARM": Arm("assignedArm", GROUPS),
        "ACTARMCD": OneWay("derived: as ARMCD"),
        "ACTARM": Arm("actualArm", GROUPS),
        "ARMNRS": OneOf(
            At("status", NOT_ON_STUDY),
            Matching("progress[*]", {"subjectState.coding[].code": "ineligible"}, then="SCREEN FAILURE"),
        ),
        "ACTARMUD": OneWay("a text of an unplanned treatment has no element in ResearchSubject"),
        "COUNTRY": OneOf(
            At("site->address.country", COUNTRY), Read(At("organisation->address[].country", COUNTRY))
        ),
    },
    supp={
        **{f"RACE{number}": Supp(f"Race {number}", Several(RACES, "race", number)) for number in range(1, 6)},
        "OTHSUBID": Supp(
            "Other Subject Identifiers", OneWay("derived: the same person's numbers in other participations")
        ),
        "CRACE": Supp("Race, Detailed", At(f"{RACE}.extension[url=detailed].valueCoding.display")),
        "RACEOTH": Supp("Race, as Reported", At(f"{RACE}.extension[url=text].valueString", Text())),
        "BRTHSEX": Supp(
            "Sex Assigned at Birth", At(f"patient->extension[url={BIRTH_SEX}].valueCode", Text())
        ),
        "CETHNIC": Supp(
            "Ethnicity, Detailed", At(f"{ETHNICITY}.extension[url=detailed].valueCoding.display")
        ),
        "ETHNOTH": Supp("Ethnicity, as Reported", At(f"{ETHNICITY}.extension[url=text].valueString", Text())),
    },
)
