"""Return the design of a trial as FHIR: ResearchStudy, its parts at the sites, schedule, arms and criteria.

The form is that of ``docs/trial-design.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from trialbridge.samples.exposure import product_code
from trialbridge.samples.resources import (
    HL7,
    LOINC,
    NCIT,
    SNOMED,
    SPONSOR,
    UCUM,
    Json,
    coding,
    concept,
    extension,
    identifier,
    reference,
    resource,
)
from trialbridge.samples.trial import Arm, Element, Product, Site, Trial, Visit

PART = "urn:trialbridge:sdtm:design-part"
PARAMETER = "urn:trialbridge:sdtm:parameter"
CRITERION = "urn:trialbridge:sdtm:criterion"
ARM = "urn:trialbridge:sdtm:arm"
DESIGN = "urn:trialbridge:sdtm:design"
RANGE = "http://hl7.org/fhir/uv/vulcan-schedule/StructureDefinition/AcceptableOffsetRangeSoa"
DAY_1 = "day-1"
OBJECTIVES = f"{HL7}/research-study-objective-type"
NAMES = {"US": "USA", "CN": "CHN"}
MODELS = {"SINGLE GROUP": ("SINGLE GROUP", "C82640"), "PARALLEL": ("PARALLEL", "C82639")}
MASKINGS = {"NONE": ("OPEN LABEL", "C49659"), "DOUBLE": ("DOUBLE BLIND", "C15228")}
CONTROLS = {"Placebo Comparator": ("PLACEBO", "C49648"), "Active Comparator": ("ACTIVE", "C49649")}
ACTIVITIES = {
    "CHEM": "Chemistry",
    "CBC": "Haematology",
    "DIFFERENTIAL": "Differential in percent",
    "UA": "Urinalysis",
    "COMPLEMENT": "Complement, anti-dsDNA",
    "INFLAMMATION": "Inflammatory markers",
    "AUTOIMMUNE": "IgG and autoantibodies",
    "URINE24H": "Urine of 24 hours",
    "SEROLOGY": "Serology",
    "CYTOKINES": "Cytokines and urine biomarkers",
    "SUBSETS": "Cell subsets",
    "PRO": "Questionnaires",
    "ECG": "ECG with twelve leads",
    "PE": "Physical examination",
    "IMAGING": "Imaging of kidneys",
    "CLINICIAN": "SLEDAI-2K, BILAG-2004, PGA",
    "DAMAGE": "SLICC/ACR Damage Index",
    "RESPONSE": "Composite responses",
}
"""Name of a panel -> what the schedule calls it."""


def _kind(part: str) -> list[Json]:
    return [concept("", coding(PART, part))]


def _rules(start: tuple[str, ...], stop: tuple[str, ...]) -> Json:
    told = {"start": " or ".join(start), "stop": " or ".join(stop)}
    found = [
        {"kind": kind, "expression": {"language": "text/plain", "expression": words}}
        for kind, words in told.items()
        if words
    ]
    return {"condition": found} if found else {}


def _days(value: int) -> Json:
    return {"value": value, "unit": "day", "system": UCUM, "code": "d"}


def element_action(element: Element) -> Json:
    """Return what the plan says of one element."""
    said: Json = {"prefix": element.code, "title": element.name, "code": _kind("element")}
    said |= _rules(element.start, element.end)
    if element.duration:
        units = {"W": ("week", "wk"), "D": ("day", "d")}
        unit, code = units[element.duration[-1]]
        amount = int(element.duration[1:-1])
        said["timingDuration"] = {"value": amount, "unit": unit, "system": UCUM, "code": code}
    return said


def arm_action(trial: Trial, arm: Arm) -> Json:
    """Return an arm with its epochs and the elements in them."""
    mine = [one for one in trial.elements if arm.code in (one.arms or (arm.code,))]
    epochs = []
    for epoch, some in groupby(mine, key=lambda one: one.epoch):
        cells = [{"prefix": one.code, "title": one.name, "code": _kind("cell")} for one in some]
        if epoch == "SCREENING" and trial.design[0] == "RANDOMIZED":
            branch = extension("TABRANCH", valueString=f"Randomised to {arm.name}")
            cells[-1] = {"extension": [{"url": DESIGN, "extension": [branch]}], **cells[-1]}
        epochs.append({"title": epoch, "code": _kind("epoch"), "action": cells})
    return {"prefix": arm.code, "title": arm.name, "code": _kind("arm"), "action": epochs}


def visit_action(visit: Visit) -> Json:
    """Return a visit with its day, its window and what is done there."""
    said: Json = {"prefix": visit.number, "title": visit.name, "code": _kind("visit")}
    alias = extension("NAMES", valueString=visit.code)
    said = {"extension": [{"url": DESIGN, "extension": [alias]}], **said}
    if visit.window:
        offset = -14 if visit.day is None else visit.day
        sign = -1 if offset < 0 else 1
        low, high = sorted(sign * (offset + bound) for bound in visit.window)
        bounds = extension(RANGE, valueRange={"low": _days(low), "high": _days(high)})
        side = "before-start" if offset < 0 else "after-start"
        about = {"actionId": DAY_1, "relationship": side, "offsetDuration": _days(abs(offset))}
        said["relatedAction"] = [{"extension": [bounds], **about}]
    elif visit.day is None:
        said |= _rules(("Withdrawal from the study before its last visit",), ())
    done = [{"title": ACTIVITIES[name]} for name in visit.panels]
    return said | ({"action": [{"title": "Vital signs"}, *done]} if done else {})


def plan(trial: Trial) -> Json:
    """Return the PlanDefinition: elements, arms, and the schedule of visits."""
    day_1 = {"id": DAY_1, "title": "Reference start date (RFSTDTC)", "code": _kind(DAY_1)}
    actions = [element_action(one) for one in trial.elements]
    actions += [arm_action(trial, arm) for arm in trial.arms.values()]
    actions += [day_1, *(visit_action(visit) for visit in (*trial.visits, trial.termination))]
    return resource("PlanDefinition", f"{trial.ident}-plan", trial.set_up) | {
        "title": f"Schedule and arms of {trial.protocol}",
        "type": concept("", coding(f"{HL7}/plan-definition-type", "clinical-protocol")),
        "status": "active",
        "action": actions,
    }


def population(trial: Trial) -> Json:
    """Return the Group that says who may take part, and how many are planned."""
    ages = {
        name: {"value": age, "unit": "year", "system": UCUM, "code": "a"}
        for name, age in zip(("low", "high"), trial.ages, strict=True)
    }
    age = {"code": concept("Age", coding(LOINC, "30525-0")), "valueRange": ages, "exclude": False}
    sex = {"code": concept("Sex", coding(LOINC, "46098-0")), "valueCodeableConcept": concept("all")}
    criteria = [
        {
            "code": concept(one.words, coding(CRITERION, one.code)),
            "valueBoolean": True,
            "exclude": not one.including,
        }
        for one in trial.criteria
    ]
    said = resource("Group", f"{trial.ident}-population", trial.set_up)
    said |= {"type": "person", "actual": False, "name": "Who may take part", "quantity": trial.planned}
    return said | {"characteristic": [age, sex | {"exclude": False}, *criteria]}


def _characteristics(trial: Trial) -> Iterator[Json]:
    allocation, masking, model = trial.design
    controls = [CONTROLS[arm.kind] for arm in trial.arms.values() if arm.kind in CONTROLS]
    told = {
        "STYPE": ("INTERVENTIONAL", "C98388"),
        "INTMODEL": MODELS[model],
        "TBLIND": MASKINGS[masking],
        "TCNTRL": controls[0] if controls else ("NONE", "C41132"),
        "TTYPE": ("SAFETY", "C49667"),
        "RANDOM": ("Y", "C49488") if allocation == "RANDOMIZED" else ("N", "C49487"),
        "ADAPT": ("N", "C49487"),
        "INTTYPE": ("BIOLOGIC", "C307"),
        "HLTSUBJI": ("N", "C49487"),
        "ADDON": ("Y", "C49488"),
    }
    for code, (word, ncit) in told.items():
        yield concept(word, coding(PARAMETER, code), coding(NCIT, ncit))


def _investigated(trial: Trial) -> list[Product]:
    """Return the products that the trial is about: not those that only control arms get."""
    studied = {arm.regimen.product.ident for arm in trial.arms.values() if arm.kind not in CONTROLS}
    return [product for product in trial.products if product.ident in studied]


def studies(trial: Trial) -> list[Json]:
    """Return the study as a whole, and its part at each site."""
    whole = resource("ResearchStudy", trial.ident, trial.set_up) | {
        "identifier": [
            identifier("https://clinicaltrials.gov", trial.registry, "Registry number"),
            identifier(f"{SPONSOR}/protocols", trial.protocol, "Sponsor protocol number"),
        ],
        "title": trial.title,
        "protocol": [reference("PlanDefinition", f"{trial.ident}-plan")],
        "status": "completed",
        "primaryPurposeType": concept("", coding(f"{HL7}/research-study-prim-purp-type", "treatment")),
        "phase": concept("", coding(f"{HL7}/research-study-phase", trial.phase)),
        "category": list(_characteristics(trial)),
        "focus": [product_code(product) for product in _investigated(trial)],
        "condition": [concept(trial.population[1], coding(SNOMED, trial.population[0]))],
        "location": [
            concept(NAMES[country], coding("urn:iso:std:iso:3166", NAMES[country]))
            for country in sorted({site.country for site in trial.sites.values()})
        ],
        "enrollment": [reference("Group", f"{trial.ident}-population")],
        "period": {"start": trial.period[0], "end": trial.period[1]},
        "sponsor": {"display": trial.sponsor},
        "arm": [
            {
                "name": arm.name,
                "type": concept(arm.kind, coding(ARM, arm.code)),
                "description": arm.description,
            }
            for arm in trial.arms.values()
        ],
        "objective": [
            {"name": words, "type": concept(kind, coding(OBJECTIVES, kind))} for kind, words in trial.outcomes
        ],
    }
    return [whole, *(_part(trial, site) for site in trial.sites.values())]


def _part(trial: Trial, site: Site) -> Json:
    """Return the part of the study at one site."""
    return resource("ResearchStudy", f"{trial.ident}-site-{site.number}", trial.set_up) | {
        "identifier": [identifier(f"{SPONSOR}/sites", site.number, "Site number")],
        "title": f"{trial.protocol} at site {site.number}",
        "partOf": [reference("ResearchStudy", trial.ident)],
        "status": "completed",
        "period": {"start": trial.period[0], "end": trial.period[1]},
        "sponsor": {"display": trial.sponsor},
        "principalInvestigator": reference("Practitioner", f"investigator-{site.number}"),
        "site": [reference("Location", f"site-{site.number}")],
    }


def design(trial: Trial) -> list[Json]:
    """Return the resources of the design."""
    return [*studies(trial), plan(trial), population(trial)]
