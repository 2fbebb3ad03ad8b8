"""Return the laboratory of a sample trial: what is measured, in which specimen, and what comes out.

LOINC codes where a code for exactly this test is known; the research laboratory reports the rest under codes
of its own, which ``study.toml`` maps. The values are invented; the reference ranges are those of adults.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trialbridge.samples.catalogue import (
    PANEL_CODES,
    PANELS,
    RESEARCH_PANELS,
    Measured,
    Reported,
    in_si,
)
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    BIOMARKER_LAB,
    HL7,
    HOSPITAL,
    LOINC,
    SNOMED,
    Json,
    coding,
    concept,
    identifier,
    in_utc,
    later,
    number,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Participant

# specimen: SNOMED type, its name, minutes after arrival, whether fasting is recorded
SPECIMENS = {
    "SERUM": ("119364003", "Serum", 15, True),
    "PLASMA": ("119361006", "Plasma", 18, True),
    "BLOOD": ("119297000", "Blood", 16, False),
    "URINE": ("122575003", "Urine", 35, False),
    "URINE24H": ("276833005", "24 hour urine", -1440, False),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One specimen that was taken: the id of its resource, and when."""

    ident: str
    at: str
    until: str = ""


def ckd_epi_2021(creatinine: float, age: int, *, female: bool) -> float:
    """Return the estimated glomerular filtration rate from creatinine in mg/dL.

    Example:
        >>> round(ckd_epi_2021(1.0, 50, female=True))
        69
    """
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine / kappa
    estimate = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age
    return float(estimate * (1.012 if female else 1.0))


def normal(rng: random.Random) -> float:
    """Return one standard normal number, from two uniform ones (the same on every version of Python)."""
    return math.sqrt(-2 * math.log(1 - rng.random())) * math.cos(2 * math.pi * rng.random())


def level(test: Measured, came: Attendance, own: float, rng: random.Random) -> float:
    """Return the true value of `test` on that day: the person's own level, moved by disease activity."""
    moved = 1 + test.effect * came.participant.activity(came.day)
    return float(
        test.centre
        * came.trial.centres.get(test.local, 1.0)
        * moved
        * math.exp(test.spread * (0.7 * own + 0.5 * normal(rng)))
    )


def measured_value(test: Measured, value: float) -> Json:
    """Return ``value[x]``: below the limit of quantification the limit with its comparator."""
    if test.floor and value < float(test.floor):
        return {"valueQuantity": quantity(test.floor, test.unit, test.ucum, "<")}
    return {"valueQuantity": quantity(f"{value:.{test.places}f}", test.unit, test.ucum)}


def interpretation(test: Measured, value: float) -> Json:
    """Return the laboratory's flag beside its reference range."""
    low, high = (float(limit) if limit else None for limit in (test.low, test.high))
    printed = max(value, float(test.floor or 0))  # the flag goes with what is printed
    shown = float(f"{printed:.{test.places}f}")
    flag = "N"
    if low is not None and shown < low:
        flag = "LL" if shown < 0.6 * low else "L"
    if high is not None and shown > high:
        flag = "HH" if shown > 4 * high else "H"
    said = concept("", coding(f"{HL7}/v3-ObservationInterpretation", flag))
    bounds: Json = {}
    for name, limit in (("low", test.low), ("high", test.high)):
        if limit:
            bounds[name] = quantity(limit, test.unit, test.ucum)
    ranges = {"type": concept("", coding(f"{HL7}/referencerange-meaning", "normal"))}
    return {"interpretation": [said], "referenceRange": [bounds | ranges]} if bounds else {}


def reported_value(test: Reported, came: Attendance, own: float, rng: random.Random) -> Json:
    """Return ``value[x]`` of a test that reports a word, a titre or a span."""
    score = test.centre + test.effect * came.participant.activity(came.day) + 0.35 * own + 0.35 * normal(rng)
    word = test.scale[max(0, min(len(test.scale) - 1, round(score)))]
    if not test.coded:
        return {"valueString": word}
    known = {"NEGATIVE": "260385009", "NON-REACTIVE": "131194007", "POSITIVE": "10828004"}.get(word)
    return {"valueCodeableConcept": concept(word, *([coding(SNOMED, known)] if known else []))}


def expected(test: Reported) -> Json:
    """Return the reference range in words, where the laboratory prints one."""
    return {"referenceRange": [{"text": test.expected}]} if test.expected else {}


def code_of(test: Measured | Reported) -> Json:
    """Return the code: LOINC where there is one, always the laboratory's own."""
    system = BIOMARKER_LAB if test.local.startswith(("BM-", "FC-")) else HOSPITAL
    local = coding(f"{system}/lab-codes", test.local, test.name)
    return concept(test.name, *([coding(LOINC, test.loinc)] if test.loinc else []), local)


def observation(came: Attendance, test: Measured | Reported, sample: Sample) -> Json:
    """Return a laboratory Observation with everything but its result."""
    issued = later(sample.until or sample.at, 240 if test.panel not in RESEARCH_PANELS else 20160)
    said = resource("Observation", f"{came.key}-{test.local.lower()}", issued)
    lab = "biomarker-lab" if test.panel in RESEARCH_PANELS else "hospital-lab"
    when: Json = {"effectiveDateTime": sample.at}
    if sample.until:
        when = {"effectivePeriod": {"start": sample.at, "end": sample.until}}
    if test.panel == "SUBSETS":
        when = {"effectiveInstant": in_utc(sample.at)}
    return said | {
        "identifier": [identifier(f"{HOSPITAL}/lab-results", f"R{came.key}-{test.local}")],
        "status": "final",
        "category": [concept("", coding(f"{HL7}/observation-category", "laboratory"))],
        "code": code_of(test),
        "subject": reference("Patient", came.participant.key),
        "encounter": reference("Encounter", came.key),
        **when,
        "issued": issued,
        "performer": [reference("Organization", lab)],
        "specimen": reference("Specimen", sample.ident),
    }


def specimen(came: Attendance, kind: str) -> tuple[Sample, Json]:
    """Return one specimen of that visit, and its resource."""
    code, name, minutes, fasting = SPECIMENS[kind]
    at = came.at(came.arrival + minutes)
    until = came.at(came.arrival) if minutes < 0 else ""
    ident = f"{came.key}-{kind.lower()}"
    said = resource("Specimen", ident, later(until or at, 30))
    when: Json = {"collectedPeriod": {"start": at, "end": until}} if until else {"collectedDateTime": at}
    if fasting:
        state = "F" if came.arrival < 520 else "NF"
        when["fastingStatusCodeableConcept"] = concept("", coding(f"{HL7}/v2-0916", state))
    said |= {
        "accessionIdentifier": identifier(f"{HOSPITAL}/accessions", f"A-{ident.upper()}"),
        "status": "available",
        "type": concept(name, coding(SNOMED, code)),
        "subject": reference("Patient", came.participant.key),
        "receivedTime": later(until or at, 30),
        "collection": {"collector": reference("Practitioner", f"investigator-{came.participant.site}")}
        | when,
    }
    return Sample(ident, at, until), said


def result(came: Attendance, test: Measured | Reported, own: float, rng: random.Random) -> tuple[Json, float]:
    """Return the result of `test`, and its number (0 where it has none)."""
    if isinstance(test, Reported):
        return reported_value(test, came, own, rng) | expected(test), 0.0
    value = level(test, came, own, rng)
    return measured_value(test, value) | interpretation(test, value), value


def filtration(came: Attendance, creatinine: Json, value: float) -> Json:
    """Return the filtration rate that is calculated from a creatinine result."""
    person = came.participant
    rate = ckd_epi_2021(value, person.age(), female=person.gender == "female")
    test = Measured(
        "CHEM",
        "98979-8",
        "EGFR",
        "eGFR (CKD-EPI 2021)",
        "mL/min/1.73m2",
        "mL/min/{1.73_m2}",
        "60",
        "",
        0,
        "SERUM",
    )
    sample = Sample(creatinine["specimen"]["reference"].partition("/")[2], creatinine["effectiveDateTime"])
    said = observation(came, test, sample) | measured_value(test, rate) | interpretation(test, rate)
    return said | {"derivedFrom": [reference("Observation", creatinine["id"])]}


def panel(came: Attendance, name: str, members: list[Json]) -> Json:
    """Return the header of a panel: a code and its members, no result of its own."""
    loinc, title = PANEL_CODES[name]
    first = members[0]
    said = resource("Observation", f"{came.key}-{name.lower()}-panel", first["issued"])
    kept = (
        "status",
        "category",
        "subject",
        "encounter",
        "effectiveDateTime",
        "issued",
        "performer",
        "specimen",
    )
    said |= {key: first[key] for key in kept}
    said["code"] = concept(title, coding(LOINC, loinc))
    said["hasMember"] = [reference("Observation", member["id"]) for member in members]
    return said


def wanted(came: Attendance) -> Iterator[str]:
    """Return the names of the panels that are done at that visit."""
    yield from came.visit.panels
    person = came.participant
    if person.fertile:
        yield "PREGNANCYSERUM" if came.visit.code == "SCR" else "PREGNANCYURINE"
    if came.visit.code == "SCR" and f"{came.key}-ana" in came.trial.feed.words:
        yield "ANASCREENING"  # only where no positive test of the last six months is on record


def own_levels(person: Participant, seed: int) -> Callable[[str], float]:
    """Return the function that says how far one person lies from the mean in one test."""
    return lambda local: normal(stream(seed, person.key, local, "own"))


def results(came: Attendance, seed: int) -> tuple[list[Json], list[Json]]:
    """Return the Specimens and the Observations of one visit to the clinic."""
    rng = stream(seed, came.key, "laboratory")
    own = own_levels(came.participant, seed)
    samples: dict[str, tuple[Sample, Json]] = {}
    said: list[Json] = []
    for name in wanted(came):
        members = []
        for listed in PANELS.get(name, ()):
            test = in_si(listed) if came.trial.si else listed
            sample = samples.setdefault(test.specimen, specimen(came, test.specimen))[0]
            found, value = result(came, test, own(test.local), rng)
            members.append(observation(came, test, sample) | found)
            if test.local == "CREA":
                members.append(filtration(came, members[-1], value / (88.4 if came.trial.si else 1)))
        if name in PANEL_CODES:
            said.append(panel(came, name, members))
        said += members
    return [each for _, each in samples.values()], said


def replaced(said: Json, value: str) -> Json:
    """Return `said` with another number."""
    return said | {"valueQuantity": said["valueQuantity"] | {"value": number(value)}}
