"""Return when the participants of a sample trial come, and people for a trial with many of them.

Everything here is invented.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from trialbridge.samples.trial import Arm, Attendance, Participant, Site, Trial, Visit

UNSCHEDULED = Visit("UNS", "99", "Unscheduled", None, ("CHEM", "CBC", "UA", "COMPLEMENT", "CLINICIAN"))
WHITE, BLACK, ASIAN, NATIVE = "2106-3", "2054-5", "2028-9", "1002-5"
HISPANIC, NOT_HISPANIC = "2135-2", "2186-5"


def stream(seed: int, *names: str) -> random.Random:
    """Return the random numbers of one topic, so that a change in one leaves the others as they are.

    Example:
        >>> stream(1, "a").random() == stream(1, "a").random() != stream(1, "b").random()
        True
    """
    return random.Random("/".join((str(seed), *names)))


def _planned(trial: Trial, person: Participant, dose: date, rng: random.Random) -> list[Attendance]:
    said = []
    last = person.leaves if person.leaves is not None else person.dies
    for visit in trial.visits[1:]:
        day = visit.day or 0
        if last is not None and day >= last:
            break
        late = 0 if day < 7 else int(rng.random() * 5) - 2
        arrival = 480 + int(rng.random() * 90)
        missed = visit.code in person.missed
        said.append(
            Attendance(trial, person, visit, dose + timedelta(day + late), day + late, arrival, missed)
        )
    return said


def attendances(trial: Trial, person: Participant, seed: int) -> list[Attendance]:
    """Return the visits of `person` in the order of their days."""
    rng = stream(seed, person.key, "visits")
    before = -14 if person.dose is None else (person.consent - person.dose).days
    said = [Attendance(trial, person, trial.visits[0], person.consent, before, 495)]
    if person.dose is None:
        return said
    said += _planned(trial, person, person.dose, rng)
    if person.leaves is not None:
        leaving = person.dose + timedelta(person.leaves)
        said.append(Attendance(trial, person, trial.termination, leaving, person.leaves, 555))
    for nth, day in enumerate(person.unscheduled):
        on = person.dose + timedelta(day)
        said.append(Attendance(trial, person, UNSCHEDULED, on, day, 660, nth=nth))
    return sorted(said, key=lambda visit: visit.on)


@dataclass(frozen=True, slots=True)
class Recruitment:
    """How people come into a trial with many of them.

    Attributes:
        seed: Seed of everything below.
        enrolled: How many are enrolled.
        failures: Places in the order of screening of those who fail it -> the criterion not met.
        sites: The sites.
        arms: The arms; people are allocated in blocks of twice their number.
        first: The day of the first consent.
        apart: Mean days between two consents.
        ages: Lowest and highest age.
        start: Lowest and highest disease activity at consent.
        leaving: Place among the enrolled -> day of early termination.
        dying: Place among the enrolled -> day of death.
        flares: Place among the enrolled -> day of a flare.
        missing: Place among the enrolled -> code of the visit that did not happen.
        abroad: Whether nobody asks for race in the categories of the United States.
        nephritis: Share of those whose kidneys are affected.
    """

    seed: int
    enrolled: int
    failures: Mapping[int, str]
    sites: Sequence[Site]
    arms: Sequence[Arm]
    first: date
    apart: float
    ages: tuple[int, int]
    start: tuple[float, float]
    leaving: Mapping[int, int]
    dying: Mapping[int, int]
    flares: Mapping[int, int]
    missing: Mapping[int, str]
    abroad: bool = False
    nephritis: float = 0.4


def recruit(plan: Recruitment) -> tuple[Participant, ...]:
    """Return the people of a trial, in the order of screening."""
    rng = stream(plan.seed, "recruitment")
    arms = _allocation(plan, rng)
    consent, place, said = plan.first, 0, []
    numbers = {site.number: 0 for site in plan.sites}
    for at in range(plan.enrolled + len(plan.failures)):
        site = plan.sites[int(rng.random() * len(plan.sites))]
        person = _person(plan, at, site, consent, rng)
        if at in plan.failures:
            said.append(Participant(**person, dose=None, end=person["start"], failed=plan.failures[at]))
        else:
            numbers[site.number] += 1
            subject = f"{site.number}-{numbers[site.number]:03}"
            said.append(_enrolled(plan, place, person | {"subject": subject}, arms[place], rng))
            place += 1
        consent = _weekday(consent + timedelta(int(2 * plan.apart * rng.random()) + (plan.apart >= 2)))
    return tuple(said)


def _weekday(day: date) -> date:
    return day + timedelta((7 - day.weekday()) % 7 if day.weekday() > 4 else 0)


def _allocation(plan: Recruitment, rng: random.Random) -> list[Arm]:
    """Return the arm of each who is enrolled, by permuted blocks."""
    said: list[Arm] = []
    while len(said) < plan.enrolled:
        block = [*plan.arms, *plan.arms] if plan.enrolled - len(said) >= 2 * len(plan.arms) else [*plan.arms]
        said += sorted(block, key=lambda arm: (rng.random(), arm.code))
    return said[: plan.enrolled]


def _person(plan: Recruitment, at: int, site: Site, consent: date, rng: random.Random) -> dict[str, Any]:
    """Return what is known of a person at consent."""
    female = rng.random() < 0.88
    age = plan.ages[0] + 1 + rng.random() * (plan.ages[1] - plan.ages[0] - 2)
    born = consent - timedelta(int(age * 365.25))
    known = 10 if plan.abroad or rng.random() < 0.93 else (7 if rng.random() < 0.6 else 4)
    tall = (159.0 if female else 172.0) + (0 if plan.abroad else 4) + 12 * (rng.random() - 0.5)
    mass = (tall / 100) ** 2 * (19 + (6 if plan.abroad else 13) * rng.random())
    low, high = plan.start
    return {
        "screening": f"S-{at + 1:03}",
        "subject": "",
        "gender": "female" if female else "male",
        "birth": born.isoformat()[:known],
        "races": _races(plan, rng),
        "ethnicity": "" if plan.abroad else (HISPANIC if rng.random() < 0.2 else NOT_HISPANIC),
        "fertile": female and age < 50,
        "height": round(tall, 1),
        "weight": round(mass, 1),
        "consent": consent,
        "start": round(low + (high - low) * rng.random(), 2),
        "site": site.number,
        "prednisone": float((5, 7.5, 10, 15, 20)[int(rng.random() * 5)]),
        "nephritis": rng.random() < plan.nephritis,
    }


def _races(plan: Recruitment, rng: random.Random) -> tuple[str, ...]:
    drawn = rng.random()
    if plan.abroad:
        return (ASIAN,)
    shares = ((0.42, (BLACK,)), (0.80, (WHITE,)), (0.92, (ASIAN,)), (0.95, (NATIVE,)), (0.98, (WHITE, BLACK)))
    return next((races for share, races in shares if drawn < share), ())


def _enrolled(
    plan: Recruitment, place: int, person: dict[str, Any], arm: Arm, rng: random.Random
) -> Participant:
    """Return a person who is enrolled, with a course: what becomes of the disease, and of taking part."""
    answers = rng.random() < arm.effect
    start = float(person["start"])
    end = start * ((0.15 + 0.25 * rng.random()) if answers else (0.65 + 0.3 * rng.random()))
    dose = _weekday(person["consent"] + timedelta(14 + int(rng.random() * 8)))
    flare = plan.flares.get(place)
    return Participant(
        **person,
        dose=dose,
        end=round(end, 2),
        flare=flare,
        leaves=plan.leaving.get(place),
        dies=plan.dying.get(place),
        missed=(plan.missing[place],) if place in plan.missing else (),
        unscheduled=() if flare is None else (flare,),
        arm=arm.code,
    )
