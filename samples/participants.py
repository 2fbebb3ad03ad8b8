# ruff: noqa: E501, FBT003 - one record a line reads as a table
"""Return who takes part in the sample trial, when they come, and how their lupus goes.

Everything here is invented. Visit names and days follow the registry text; day numbers count from the dose (Day 0).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta

SITE = "101"
STUDY = "LKB-SLE-101"
REGISTRY = "NCT06737380"


@dataclass(frozen=True, slots=True)
class Participant:
    """One synthetic person.

    Attributes:
        screening: Screening number, given at consent.
        subject: Subject number, given at enrolment; empty for a screen failure.
        gender: FHIR administrative gender.
        birth: Birth date, as precisely as the hospital knows it.
        races: OMB race category codes, none to several.
        ethnicity: OMB ethnicity code, or a null flavour.
        fertile: Whether pregnancy tests are done.
        height: Height in centimetres.
        weight: Weight in kilograms at screening.
        consent: The day of informed consent, which is the day of the screening visit.
        dose: The day of the dose; ``None`` for a screen failure.
        start: Disease activity at consent, from 0 to 1.
        end: Disease activity that the course settles at.
        flare: Days after the dose around which a flare peaks.
        leaves: Days after the dose of the early termination visit.
        dies: Days after the dose of death.
        missed: Codes of planned visits that did not happen.
        unscheduled: Days after the dose of unscheduled visits.
    """

    screening: str
    subject: str
    gender: str
    birth: str
    races: tuple[str, ...]
    ethnicity: str
    fertile: bool
    height: float
    weight: float
    consent: date
    dose: date | None
    start: float
    end: float
    flare: int | None = None
    leaves: int | None = None
    dies: int | None = None
    missed: tuple[str, ...] = ()
    unscheduled: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Return the number that names this person in resource ids."""
        return self.subject or self.screening

    def activity(self, day: int) -> float:
        """Return the disease activity `day` days after the dose, from 0 to about 1."""
        settled = self.end + (self.start - self.end) * math.exp(-max(day, 0) / 45)
        bump = 0.0 if self.flare is None else 0.45 * math.exp(-(((day - self.flare) / 16) ** 2))
        return settled + bump

    def age(self) -> int:
        """Return the age in years at consent; the middle of what is unknown is taken."""
        year, month, day = (int(part) for part in (self.birth + "-07-01"[len(self.birth) - 4 :]).split("-"))
        return self.consent.year - year - ((self.consent.month, self.consent.day) < (month, day))


# fmt: off
PARTICIPANTS = (
    Participant("S-001", "101-001", "female", "1988-04-17", ("2106-3",), "2186-5", True, 165.1, 68.4, date(2025, 2, 10), date(2025, 2, 24), 0.62, 0.20),
    Participant("S-002", "101-002", "female", "1979-11-02", ("2054-5",), "2186-5", True, 160.0, 74.9, date(2025, 2, 24), date(2025, 3, 10), 0.70, 0.18),
    Participant("S-003", "101-003", "female", "1993-07-29", ("2028-9",), "2186-5", True, 157.5, 52.3, date(2025, 3, 11), date(2025, 3, 25), 0.58, 0.25, flare=72, unscheduled=(72,)),
    Participant("S-004", "", "female", "1982-01-15", ("2106-3",), "2186-5", True, 168.0, 80.2, date(2025, 3, 20), None, 0.55, 0.55),
    Participant("S-005", "101-004", "female", "1985-09-08", ("2106-3",), "2135-2", True, 162.6, 61.0, date(2025, 3, 31), date(2025, 4, 14), 0.66, 0.50, leaves=40),
    Participant("S-006", "101-005", "male", "1971-05-23", ("2054-5",), "2186-5", False, 181.0, 92.6, date(2025, 4, 14), date(2025, 4, 28), 0.60, 0.30, missed=("V7",)),
    Participant("S-007", "101-006", "female", "1990-06", ("2106-3", "2054-5"), "2135-2", True, 170.2, 77.1, date(2025, 4, 28), date(2025, 5, 12), 0.64, 0.15),
    Participant("S-008", "101-007", "male", "1958-12-03", ("2106-3",), "2186-5", False, 176.5, 84.0, date(2025, 5, 12), date(2025, 5, 27), 0.80, 0.72, dies=98),
    Participant("S-009", "", "male", "1969-03-30", ("2054-5",), "2186-5", False, 179.0, 101.7, date(2025, 5, 28), None, 0.95, 0.95),
    Participant("S-010", "101-008", "female", "1966", ("2054-5",), "2186-5", False, 158.8, 70.5, date(2025, 6, 9), date(2025, 6, 26), 0.57, 0.22),
    Participant("S-011", "101-009", "female", "1997-10-11", ("1002-5",), "2135-2", True, 163.0, 58.8, date(2025, 6, 23), date(2025, 7, 7), 0.72, 0.60, flare=132, missed=("V9",), unscheduled=(130,)),
    Participant("S-012", "101-010", "female", "2001-02-19", ("2076-8",), "ASKU", True, 171.5, 66.2, date(2025, 7, 7), date(2025, 7, 21), 0.61, 0.12),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Visit:
    """One planned visit: its sponsor code, number, name, day after the dose, and what is done there."""

    code: str
    number: str
    name: str
    day: int | None
    panels: tuple[str, ...] = ()
    clinic: bool = True


ROUTINE = ("CHEM", "CBC", "UA", "COMPLEMENT")
FULL = (*ROUTINE, "INFLAMMATION", "AUTOIMMUNE", "URINE24H", "CYTOKINES", "SUBSETS", "PRO")

VISITS = (
    Visit("SCR", "0", "Screening", None, (*ROUTINE, "DIFFERENTIAL", "SEROLOGY")),
    Visit("V1", "1", "Visit 1 (Baseline, Day 0)", 0, FULL),
    Visit("V2", "2", "Visit 2 (Day 1)", 1, clinic=False),
    Visit("V3", "3", "Visit 3 (Day 3)", 3, clinic=False),
    Visit("V4", "4", "Visit 4 (Day 7)", 7, ("CHEM", "CBC", "COMPLEMENT")),
    Visit("V5", "5", "Visit 5 (Day 14)", 14, (*ROUTINE, "PRO")),
    Visit("V6", "6", "Visit 6 (Day 28)", 28, (*ROUTINE, "CYTOKINES", "SUBSETS", "PRO")),
    Visit("V7", "7", "Visit 7 (Day 56)", 56, (*ROUTINE, "CYTOKINES")),
    Visit("V8", "8", "Visit 8 (Day 84)", 84, clinic=False),
    Visit("V9", "9", "Visit 9 (Day 112)", 112, clinic=False),
    Visit("V10", "10", "Visit 10 (Day 140)", 140, (*ROUTINE, "CYTOKINES")),
    Visit("V11", "11", "Visit 11 (Day 168)", 168, FULL),
)
EARLY_TERMINATION = Visit("ET", "90", "Early Termination", None, FULL)
UNSCHEDULED = Visit("UNS", "99", "Unscheduled", None, ROUTINE)


@dataclass(frozen=True, slots=True)
class Attendance:
    """One visit of one participant, on its day; `missed` when nobody came."""

    participant: Participant
    visit: Visit
    on: date
    day: int
    arrival: int
    missed: bool = False

    @property
    def key(self) -> str:
        """Return the name of this visit in resource ids."""
        return f"{self.participant.key}-{self.visit.code.lower()}"


def stream(seed: int, *names: str) -> random.Random:
    """Return the random numbers of one topic, so that a change in one leaves the others as they are.

    Example:
        >>> stream(1, "a").random() == stream(1, "a").random() != stream(1, "b").random()
        True
    """
    return random.Random("/".join((str(seed), *names)))


def _planned(person: Participant, dose: date, rng: random.Random) -> list[Attendance]:
    said = []
    last = person.leaves if person.leaves is not None else person.dies
    for visit in VISITS[1:]:
        day = visit.day or 0
        if last is not None and day >= last:
            break
        late = 0 if day < 7 else int(rng.random() * 5) - 2
        arrival = 480 + int(rng.random() * 90)
        missed = visit.code in person.missed
        said.append(Attendance(person, visit, dose + timedelta(day + late), day + late, arrival, missed))
    return said


def attendances(person: Participant, seed: int) -> list[Attendance]:
    """Return the visits of `person` in the order of their days."""
    rng = stream(seed, person.key, "visits")
    before = -14 if person.dose is None else (person.consent - person.dose).days
    said = [Attendance(person, VISITS[0], person.consent, before, 495)]
    if person.dose is None:
        return said
    said += _planned(person, person.dose, rng)
    if person.leaves is not None:
        leaving = person.dose + timedelta(person.leaves)
        said.append(Attendance(person, EARLY_TERMINATION, leaving, person.leaves, 555))
    for day in person.unscheduled:
        said.append(Attendance(person, UNSCHEDULED, person.dose + timedelta(day), day, 660))
    return sorted(said, key=lambda visit: visit.on)
