"""Return what clinicians rate: indices of activity and damage, global assessments, and responses.

Codes and names are those of the definitions (`trialbridge.instruments`), which have no instrument's own
wording. Who has which item follows from the disease activity, so that totals, grades and responses agree with
each other and with the course.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trialbridge.instruments import instruments
from trialbridge.samples.laboratory import normal
from trialbridge.samples.medication import prednisone
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    HL7,
    SPONSOR,
    Json,
    coding,
    concept,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Participant

RATINGS = f"{SPONSOR}/ratings"
WEIGHTS = (8,) * 8 + (4,) * 6 + (2,) * 7 + (1,) * 3
"""SLEDAI-2K: the weight of each of its 24 items; together 105."""
PROPENSITIES = (
    *(0.03, 0.02, 0.02, 0.03, 0.02, 0.05, 0.02, 0.12),
    *(1.7, 0.05, 0.35, 0.5, 0.75, 0.3),
    *(1.9, 0.7, 0.5, 0.25, 0.12, 1.1, 1.1),
    *(0.3, 0.25, 0.4),
)
"""How readily each item is there."""
LEADING = {8: 0.34, 14: 0.30}
"""Item that everybody has -> from which activity on."""
URINARY = (10, 11, 12, 13)
SYSTEMS = 9
POINTS = {"A": 12, "B": 8, "C": 1, "D": 0, "E": 0}
GRADES = ((0.72, "A"), (0.46, "B"), (0.18, "C"))


LEAN = ("SRI4LEAN", "SRI-4 Response within Steroid Limit", "SRI-4 WITHIN STEROID LIMIT")
"""The response of a trial that limits steroids, which is no instrument's own: code, name and category."""
LEAN_DOSE, LEAN_FROM = 10, 160
DAMAGED = 12
"""Organs of the SLICC/ACR Damage Index."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What was rated at one visit."""

    items: tuple[int, ...]
    grades: str
    pga: float
    damage: tuple[int, ...]

    @property
    def sledai(self) -> int:
        """The SLEDAI-2K."""
        return sum(self.items)


def _items(person: Participant, activity: float, seed: int) -> tuple[int, ...]:
    rng = stream(seed, person.key, "sledai")
    found = []
    for at, (weight, ready) in enumerate(zip(WEIGHTS, PROPENSITIES, strict=True)):
        limit = rng.random()
        kidney = 2.0 if person.nephritis and at in URINARY else 1.0
        there = activity > LEADING[at] if at in LEADING else limit < 0.7 * ready * kidney * (activity - 0.1)
        found.append(weight if there else 0)
    return tuple(found)


def _grades(person: Participant, activity: float, seed: int) -> str:
    rng = stream(seed, person.key, "bilag")
    said = ""
    for at in range(SYSTEMS):
        involved, share = rng.random() < 0.45 or at in {1, 3}, 0.7 + 0.5 * rng.random()
        grade = next((grade for limit, grade in GRADES if activity * share > limit), "D")
        said += grade if involved else "E"
    return said


def _damage(came: Attendance, seed: int) -> tuple[int, ...]:
    rng = stream(seed, came.participant.key, "damage")
    worse = came.day > 150 and came.participant.flare is not None
    harmed = {int(rng.random() * DAMAGED) for _ in range(int(rng.random() * 3))} | ({2} if worse else set())
    return tuple(int(at in harmed) for at in range(DAMAGED))


def rated(came: Attendance, seed: int) -> Rated:
    """Return what the clinicians rated at one visit."""
    person = came.participant
    activity = person.activity(came.day)
    pga = 2.6 * activity + 0.08 * normal(stream(seed, came.key, "pga"))
    return Rated(
        _items(person, activity, seed),
        _grades(person, activity, seed),
        round(max(0.0, min(3.0, pga)), 1),
        _damage(came, seed),
    )


def name_of(category: str, code: str) -> str:
    """Return what the definition of an instrument calls an item.

    Example:
        >>> name_of("SLEDAI-2K", "SLE2KTOT")
        'SLE2K-Total Score'
    """
    return instruments()[category].items[code].name


def rating(came: Attendance, category: str, code: str) -> Json:
    """Return the Observation of one rating, without its result."""
    at = came.at(came.arrival + 25)
    return resource("Observation", f"{came.key}-{code.lower()}", at) | {
        "status": "final",
        "category": [concept("", coding(f"{HL7}/observation-category", "survey"))],
        "code": concept(name_of(category, code), coding(RATINGS, code)),
        "subject": reference("Patient", came.participant.key),
        "encounter": reference("Encounter", came.key),
        "effectiveDateTime": at,
        "performer": [reference("Practitioner", f"investigator-{came.participant.site}")],
    }


def _parts(category: str, stem: str, kind: str, results: Iterable[object]) -> list[Json]:
    """Return the items of an instrument as components, in order."""
    return [
        {
            "code": concept(name_of(category, f"{stem}{at:02}"), coding(RATINGS, f"{stem}{at:02}")),
            kind: result,
        }
        for at, result in enumerate(results, 1)
    ]


def activity_index(came: Attendance, found: Rated) -> Json:
    """Return the SLEDAI-2K: its items as components, its total as the result."""
    said = rating(came, "SLEDAI-2K", "SLE2KTOT") | {"valueInteger": found.sledai}
    return said | {"component": _parts("SLEDAI-2K", "SLE2K", "valueInteger", found.items)}


def organ_grades(came: Attendance, found: Rated) -> Json:
    """Return the BILAG-2004: a grade for each organ system, and the number made of them."""
    said = rating(came, "BILAG-2004", "BILAGTOT")
    said |= {"valueInteger": sum(POINTS[grade] for grade in found.grades)}
    return said | {"component": _parts("BILAG-2004", "BILAG", "valueString", found.grades)}


def global_assessment(came: Attendance, found: Rated) -> Json:
    """Return the physician's global assessment, from 0 to 3."""
    score = quantity(f"{found.pga:.1f}", "{score}", "{score}")
    return rating(came, "PGA", "PGA01") | {"valueQuantity": score}


def damage(came: Attendance, found: Rated) -> Json:
    """Return the SLICC/ACR Damage Index."""
    said = rating(came, "SLICC/ACR DI", "SDITOT") | {"valueInteger": sum(found.damage)}
    return said | {"component": _parts("SLICC/ACR DI", "SDI", "valueInteger", found.damage)}


def _new(before: str, now: str, grade: str) -> int:
    """Return how many organ systems have a grade now that was better before."""
    return sum(then > grade and later == grade for then, later in zip(before, now, strict=True))


def _sri4(_: Attendance, before: Rated, now: Rated) -> list[bool]:
    """Return whether each of the three parts is met."""
    steady = not _new(before.grades, now.grades, "A") and _new(before.grades, now.grades, "B") <= 1
    return [before.sledai - now.sledai >= 4, steady, now.pga - before.pga < 0.3]


def _bicla(came: Attendance, before: Rated, now: Rated) -> list[bool]:
    """Return whether each of the five parts is met."""
    pairs = list(zip(before.grades, now.grades, strict=True))
    improved = all((then != "A" or grade > "A") and (then != "B" or grade > "B") for then, grade in pairs)
    steady = not _new(before.grades, now.grades, "A") and _new(before.grades, now.grades, "B") <= 1
    treated = prednisone(came.participant, came.day) <= came.participant.prednisone
    return [improved, steady, now.sledai <= before.sledai, now.pga - before.pga < 0.3, treated]


COMPOSITES = {"SRI-4": ("SRI4RESP", "SRI4", _sri4), "BICLA": ("BICLARSP", "BICLA", _bicla)}
"""Composite -> its code, the stem of its parts, and which of them are met."""


def composite(came: Attendance, category: str, before: Rated, now: Rated) -> Json:
    """Return a composite response with its parts."""
    code, stem, judge = COMPOSITES[category]
    met = judge(came, before, now)
    words = "RESPONDER" if all(met) else "NON-RESPONDER"
    sources = [reference("Observation", f"{came.key}-{one}") for one in ("sle2ktot", "bilagtot", "pga01")]
    said = rating(came, category, code) | {"valueString": words, "derivedFrom": sources}
    return said | {"component": _parts(category, stem, "valueString", ["Y" if one else "N" for one in met])}


def renal_response(came: Attendance, before: float, now: float) -> Json:
    """Return the renal response by the protein/creatinine ratio (mg/g) and the dose of prednisone.

    Args:
        came: The visit.
        before: The ratio at baseline.
        now: The ratio at the visit.
    """
    lean = prednisone(came.participant, came.day) <= 10
    word = "CR" if now < 500 and lean else ("PR" if now < 0.5 * before else "NR")
    source = [reference("Observation", f"{came.key}-upcr")]
    return rating(came, "RENAL RESPONSE", "RENRESP") | {"valueString": word, "derivedFrom": source}


def lean_response(came: Attendance, response: Json) -> Json:
    """Return whether a response counts where the dose of prednisone is limited from Week 20 on."""
    doses = [prednisone(came.participant, day) for day in (140, came.day)]
    lean = max(doses) <= LEAN_DOSE and response["valueString"] == "RESPONDER"
    said = response | {
        "id": f"{came.key}-{LEAN[0].lower()}",
        "code": concept(LEAN[1], coding(RATINGS, LEAN[0])),
    }
    said |= {"valueString": "RESPONDER" if lean else "NON-RESPONDER"}
    said |= {"derivedFrom": [reference("Observation", response["id"])]}
    return {name: value for name, value in said.items() if name != "component"}


def responses(came: Attendance, before: Rated, now: Rated, ratios: tuple[float, float]) -> list[Json]:
    """Return the responses that the investigator recorded.

    Args:
        came: The visit.
        before: What was rated at baseline.
        now: What was rated at the visit.
        ratios: The protein/creatinine ratio of the urine at baseline, and at the visit.
    """
    said = [composite(came, one, before, now) for one in came.trial.responses if one in COMPOSITES]
    if LEAN[2] in came.trial.responses and came.day > LEAN_FROM:
        said.append(lean_response(came, said[0]))
    if "RENAL RESPONSE" in came.trial.responses:
        said.append(renal_response(came, *ratios))
    return said


def ratings(came: Attendance, seed: int) -> list[Json]:
    """Return what clinicians rated at one visit; `responses` come after."""
    found = rated(came, seed)
    said = []
    if "CLINICIAN" in came.visit.panels:
        said += [activity_index(came, found), organ_grades(came, found), global_assessment(came, found)]
    if "DAMAGE" in came.visit.panels:
        said.append(damage(came, found))
    return said
