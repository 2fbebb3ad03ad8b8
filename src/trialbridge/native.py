"""Where records of SDTM stand in elements of FHIR, beside what their mapping says: by resource type.

A mapping says where FHIR as others write it keeps a fact. A record that comes from SDTM has more: the visit,
the subcategory, every level of a dictionary. This table has a place for it, by the last letters of the
variable's name, so that a sponsor's own domain has it too. Both directions follow one declaration, `native`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Literal

from trialbridge.arms import ArmPart
from trialbridge.codecs import Codes, DateTime, Flag, Lookup, Term
from trialbridge.encoded import CANONICAL, MEDDRA
from trialbridge.labelled import Labelled, Linked, Termed
from trialbridge.mapping import Domain, Join, alternatives
from trialbridge.quantities import Unit
from trialbridge.rules import At, Const, Given, OneOf, Read, Rule
from trialbridge.tested import Tested
from trialbridge.vocabulary import NCIT

SDTM = "urn:trialbridge:sdtm"
HL7 = "http://terminology.hl7.org/CodeSystem"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition"
SERIOUSNESS = f"{HL7}/adverse-event-seriousness"
CRITERIA = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition/seriousness-criteria"
GROUPS = "overall->arm[*]"
PARTY_ROLES = "http://hl7.org/fhir/research-study-party-role"
PROGRESS = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
OMB = "urn:oid:2.16.840.1.113883.6.238"
VERIFIED = "verificationStatus.coding[].code"
WHOLE = ("VISITNUM", "VISIT", "VISITDY", "parent")
"""Columns whose names have no domain's letters."""

PARENT = "parent"
"""Names the column of references to the resource that a record of SUPP--, CO or RELREC says something of."""

STATE = "state"
"""Names the column of what became of each subject, which the dispositions say."""

LEAD = "lead"
"""Names the column of the part that an investigator has in a study, as R5 calls it."""

Rules = dict[str, Rule]
Constants = dict[str, str]

ENCOUNTERS: Mapping[str, str] = {
    "MedicationStatement": "context.reference",
    "MedicationAdministration": "context.reference",
    **dict.fromkeys(
        ("Observation", "QuestionnaireResponse", "AdverseEvent", "Condition", "Procedure", "Immunization"),
        "encounter.reference",
    ),
}
"""Where a resource names the visit that it belongs to."""

CATEGORIES: Mapping[str, str] = {
    **dict.fromkeys(("LB", "IS", "MB", "CP"), "laboratory"),
    **dict.fromkeys(("QS", "RS", "FT"), "survey"),
    **dict.fromkeys(("SC", "SU"), "social-history"),
    "VS": "vital-signs",
    "EG": "procedure",
    "PE": "exam",
}
"""HL7's category of the Observations of a domain."""

MET: Mapping[str, tuple[str, str]] = {
    "SCONG": ("SeriousIsBirthDefect", "C83117"),
    "SDISAB": ("SeriousResultsInDisability", "C11338"),
    "SDTH": ("SeriousResultsInDeath", "C48275"),
    "SHOSP": ("SeriousResultsInHospitalization", "C83052"),
    "SLIFE": ("SeriousIsLifeThreatening", "C84266"),
    "SMIE": ("", "C82521"),
    "SINTV": ("SeriousRequiresPreventImpairment", "C201939"),
}
"""Seriousness criterion -> FHIR's own code, where it has one, and the NCI code that HL7's guide uses."""


def own(name: str) -> str:
    """Return the system of values that only SDTM names.

    Example:
        >>> own("visitnum")
        'urn:trialbridge:sdtm:visitnum'
    """
    return f"{SDTM}:{name}"


def _display(base: str, name: str) -> str:
    return f"{base}.coding[system={own(name)}].display"


def _visit(place: str) -> Rules:
    """Return the rules of the visit: what kind of encounter it is, by its number, its name and its day."""
    return {
        "VISITNUM": At(f"{place}.coding[system={own('visitnum')}].code"),
        "VISIT": At(f"{place}.text"),
        "VISITDY": At(f"{place}.coding[system={own('visitdy')}].code"),
    }


def _dictionary(base: str) -> Rules:
    """Return the rules of the levels of MedDRA: a coding each, told apart by its id."""
    parts = {name: "code" if name.endswith("CD") else "display" for name in MEDDRA}
    return {name: At(f"{base}.coding[id={_level(name)}].{part}") for name, part in parts.items()}


def _level(name: str) -> str:
    return {"PTCD": "decod", "BDSYCD": "bodsys"}.get(name, name.removesuffix("CD").lower())


def _systems(base: str) -> Constants:
    return {f"{base}.coding[id={_level(name)}].system": CANONICAL["meddra"] for name in MEDDRA}


def _observation(domain: Domain) -> Rules:
    this = "$this." if domain.rows == "component" else ""
    code, answer = f"{this}code", f"{this}valueBoolean"
    yes_no = Codes({"true": "Y", "false": "N"})
    events = _dictionary(code) if f"{domain.code[:2]}TERM" in domain.rules else {}
    return {
        "TESTCD": At(f"{code}.coding[system={own('test')}].code"),
        "TEST": At(f"{code}.text"),
        "DECOD": At(_display(code, "decod")),
        "CAT": At("category[id=cat].text"),
        "SCAT": At("category[id=scat].text"),
        "OCCUR": At(answer, yes_no),
        "METHOD": At("method.text"),
        "POS": At(f"extension[url={STRUCTURE}/observation-bodyPosition].valueCodeableConcept.text"),
        "TOXGR": At(f"{this}interpretation[id=toxgr].text"),
        "CLSIG": At(f"{this}interpretation[id=clsig].text"),
        **_time_point(),
        **events,
    }


def _time_point() -> Rules:
    """Return the rules of the planned time point: an order for a moment, with its number and its distance."""
    moment = "planned->occurrenceTiming.code"
    return {
        "TPT": At(f"{moment}.text"),
        "TPTNUM": At(f"{moment}.coding[system={own('tptnum')}].code"),
        "ELTM": At(f"{moment}.coding[system={own('eltm')}].code"),
        "TPTREF": At(_display(moment, "tptref")),
    }


def _response(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    absent = f"$this.item.extension[url={STRUCTURE}/data-absent-reason].valueCode"
    return {
        "TEST": At("$this.item.text"),
        "STAT": At(absent, Codes({"not-performed": "NOT DONE"}, partial=True)),
        "REASND": At(absent),
        "EVAL": At("source.display"),
    }


def _adverse_event(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    not_so = Codes({"potential": "N"}, partial=True)
    return {
        **_dictionary("event"),
        "SCAT": At("category[id=scat].text"),
        "OCCUR": At("actuality", not_so),
        "STAT": At("actuality", Codes({"potential": "NOT DONE"}, partial=True)),
        "DTC": At("recordedDate", DateTime()),
        **{name: _criterion(f"AE{name}", *codes) for name, codes in MET.items()},
    }


def _criterion(name: str, code: str, nci: str) -> Rule:  # noqa: ARG001 -- the NCI code is a companion
    """Return the rule of a criterion: FHIR lists those that are met, HL7's extension those that are not."""
    met = At(f"seriousness.coding[code={code}].code", Codes({code: "Y"}))
    said = At(f"{_reviewed(name)}.extension[url=criterionPresent].valueBoolean", Flag())
    return OneOf(*([met] if code else []), said)


def _reviewed(name: str) -> str:
    return f"extension[id={name.lower()}]"


def _criteria() -> Constants:
    found = {}
    for name, (code, nci) in MET.items():
        place = _reviewed(f"AE{name}")
        found[f"{place}.url"] = CRITERIA
        found[f"{place}.extension[url=criterionCode].valueCodeableConcept.coding[system={NCIT}].code"] = nci
        if code:
            found[f"seriousness.coding[code={code}].system"] = SERIOUSNESS
    return {"seriousness.coding[].system": SERIOUSNESS, **found}


def _condition(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    return {
        **_dictionary("code"),
        "SCAT": At("category[id=scat].text"),
        "SEV": At("severity.text"),
        "LOC": At("bodySite[].text"),
        "STAT": At(VERIFIED, Codes({"unconfirmed": "NOT DONE"}, partial=True)),
    }


def _medication(dose: str, route: str, timing: str) -> Rules:
    concept = ("medicationCodeableConcept", "medication->code")
    return {
        **{
            f"{name}": OneOf(*(At(_display(base, name.lower())) for base in concept))
            for name in ("DECOD", "CLAS", "CLASCD")
        },
        "SCAT": At(_display("category", "scat")),
        "DOSU": Unit(dose),
        "ROUTE": At(f"{route}.text"),
        "DOSFRQ": At(f"{timing}.text"),
    }


def _statement(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    return {
        **_medication("dosage[].doseAndRate[].doseQuantity", "dosage[].route", "dosage[].timing.code"),
        "DTC": At("dateAsserted", DateTime()),
        "STAT": At("adherence.code.coding[].code", Codes({"unknown": "NOT DONE"}, partial=True)),
    }


def _administration(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    not_done = {"not-done": "N"}
    return {
        **_medication("dosage.dose", "dosage.route", "request->dosageInstruction[].timing.code"),
        "OCCUR": At("status", Codes(not_done, partial=True)),
        "STAT": At("status", Codes({"not-done": "NOT DONE"}, partial=True)),
    }


def _procedure(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    return {
        "DECOD": At(_display("code", "decod")),
        "SCAT": At(_display("category", "scat")),
        "INDC": At("reasonCode[].text"),
        "STAT": At("status", Codes({"not-done": "NOT DONE"}, partial=True)),
    }


def _encounter(domain: Domain) -> Rules:
    cancelled = {"cancelled": "N"}
    return {
        **(_visit("type[]") if domain.code == "SV" else {}),
        "UPDES": At("reasonCode[].text"),
        "OCCUR": At("status", Codes(cancelled, partial=True)),
        "STAT": At("status", Codes({"cancelled": "NOT DONE"}, partial=True)),
    }


def _subject(domain: Domain) -> Rules:
    if domain.code != "DM":
        return {}
    state = f"extension[url={PROGRESS}].extension[url=subjectState].valueCodeableConcept"
    no_arm: Mapping[Literal["ARM", "ARMCD"], str] = {
        "ARM": "text",
        "ARMCD": f"coding[system={own('armcd')}].code",
    }
    race, ethnicity = (f"patient->extension[url={US_CORE}/us-core-{name}]" for name in ("race", "ethnicity"))
    return {
        **{
            f"{of}{part}": OneOf(ArmPart(f"{of_whom}Arm", GROUPS, part), At(f"{state}.{place}"))
            for of, of_whom in (("", "assigned"), ("ACT", "actual"))
            for part, place in no_arm.items()
        },
        "RFPENDTC": At(f"extension[url={PROGRESS}].extension[url=endDate].valueDateTime", DateTime()),
        "DTHFL": OneOf(Read(Given("patient->deceasedDateTime", Const("Y")))),
        "RACE": Labelled(race, Lookup("race", OMB)),
        "ETHNIC": Labelled(ethnicity, Lookup("ethnicity", OMB)),
        STATE: Linked("status"),
        LEAD: Linked(f"study->associatedParty[id=investigator].role.coding[system={PARTY_ROLES}].code"),
    }


def _basic(domain: Domain) -> Rules:  # noqa: ARG001 -- one of PLACES
    return {PARENT: Linked(f"extension[url={own(PARENT)}].valueReference.reference")}


PLACES: Mapping[str, Callable[[Domain], Rules]] = {
    "Basic": _basic,
    "Observation": _observation,
    "QuestionnaireResponse": _response,
    "AdverseEvent": _adverse_event,
    "Condition": _condition,
    "MedicationStatement": _statement,
    "MedicationAdministration": _administration,
    "Procedure": _procedure,
    "Encounter": _encounter,
    "ResearchSubject": _subject,
}
"""Resource type -> last letters of a variable's name -> its place."""

AFTER = frozenset({"TESTCD", "METHOD", "POS", "ROUTE", "DOSFRQ", "OCCUR", "STAT", "INDC", "REASND", "DTHFL"})
"""What the mapping's own rule is asked for first, in these variables."""

COMPANIONS: Mapping[str, Constants] = {
    "AdverseEvent": {**_systems("event"), **_criteria()},
    "Condition": _systems("code"),
    "ResearchSubject": {
        f"patient->extension[url={US_CORE}/us-core-{name}].extension[url=ombCategory].valueCoding.system": OMB
        for name in ("race", "ethnicity")
    },
}
"""Resource type -> what is written beside a value of the same element."""


@cache
def native(domain: Domain) -> Domain:
    """Return the declaration of a domain for records that come from SDTM: with the places of the table.

    Qualifiers are left out: in SDTM they are records of SUPP--.

    Example:
        >>> from trialbridge.registry import declarations
        >>> native(declarations("MH")[0]).rules["MHLLT"].paths
        ('code.coding[id=llt].display',)
    """
    places = PLACES.get(domain.source)
    visits = ENCOUNTERS.get(domain.source, "")
    found = {**(places(domain) if places else {}), **(_visit("encounter->type[]") if visits else {})}
    rules = {name: _writing(rule) for name, rule in domain.rules.items() if not isinstance(rule, Tested)}
    for suffix, rule in found.items():
        name = suffix if suffix in WHOLE or domain.code == "DM" else domain.code[:2] + suffix
        rules[name] = _beside(rules.get(name), rule) if suffix in AFTER else rule
    joins = {"encounter": Join(visits, "Encounter")} if visits else {}
    if domain.source == "Observation":
        joins["planned"] = Join("basedOn[].reference", "ServiceRequest")
    return replace(
        domain,
        rules=rules,
        supp={},
        joins={**joins, **domain.joins},
        fixed={**domain.fixed, **_fixed(domain)},
        companions={**domain.companions, **(COMPANIONS.get(domain.source, {}) if found else {})},
        first=tuple(name for name in domain.first if name in rules),
        complete=False,
    )


def with_arms(domain: Domain, arms: Mapping[str, str]) -> Domain:
    """Return the declaration of subjects of a study that lists its arms.

    Args:
        domain: The declaration of DM.
        arms: Path -> what stands there of the study's arms, see `study_to_fhir.arms_of`.
    """
    ends = {path.rpartition(".")[0]: value for path, value in arms.items() if path.endswith(".linkId")}
    links = tuple((arms[f"{arm}.name"], link) for arm, link in ends.items())
    rules = {name: _linked(rule, links) for name, rule in domain.rules.items()}
    return replace(domain, rules=rules, fixed={**domain.fixed, **arms})


def _linked(rule: Rule, links: tuple[tuple[str, str], ...]) -> Rule:
    """Return a rule that knows by what `linkId` an arm is named, where it is one for arms."""
    some = [replace(one, links=links) if isinstance(one, ArmPart) else one for one in alternatives(rule)]
    return OneOf(*some) if isinstance(rule, OneOf) else rule


def _writing(rule: Rule) -> Rule:
    """Return the alternatives of a rule that write, where there are any: what they write is read back."""
    some = tuple(_termed(one) for one in alternatives(rule) if one.targets)
    return OneOf(*some) if isinstance(rule, OneOf) and some else rule


def _termed(rule: Rule) -> Rule:
    """Return a rule for an NCI code with the term beside it, which people read."""
    if isinstance(rule, At) and isinstance(rule.codec, Term) and rule.path.endswith(".code"):
        return Termed(rule.path.removesuffix(".code"), rule.codec)
    return rule


def _beside(known: Rule | None, more: Rule) -> Rule:
    return OneOf(*(alternatives(known) if known else ()), *alternatives(more))


def _fixed(domain: Domain) -> Constants:
    """Return what stands in every resource: HL7's category, and what an order for a moment has to say."""
    if domain.source != "Observation":
        return {}
    coding = "category[].coding[]"
    category = CATEGORIES.get(domain.code)
    said = {f"{coding}.system": f"{HL7}/observation-category", f"{coding}.code": category} if category else {}
    return {"planned->status": "completed", "planned->intent": "plan", **said}
