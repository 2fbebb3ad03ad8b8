"""What a sample trial is made of: its design, its sites, and who takes part, as plain values.

Everything that the generator writes follows from one `Trial` and one seed. Day numbers count from the first
dose (Day 0), as the registry counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from trialbridge.samples.resources import EASTERN, Zone, local


@dataclass(frozen=True, slots=True)
class Site:
    """One site: its number, where it is, and the hospital that runs it."""

    number: str
    city: str
    state: str
    hospital: str
    country: str = "US"
    zone: Zone = EASTERN


@dataclass(frozen=True, slots=True)
class Product:
    """A study product: the name that EXTRT gets, its dose form (words and NCI code), and its lots."""

    ident: str
    name: str
    title: str
    form: tuple[str, str]
    lots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regimen:
    """How the product of an arm is given.

    Attributes:
        product: The product.
        amount: Of one dose, in `unit`; per kilogram of body weight where `per_kg`.
        per_kg: Whether the amount is per kilogram.
        unit: As it is printed, and in UCUM.
        route: Words, SNOMED CT code and NCI code.
        site: Words and SNOMED CT code of the site of the body; empty where there is none.
        text: The dosage in words; ``{amount}`` and ``{weight}`` are filled in.
        days: The days of the doses, counted from the first.
        minutes: How long one takes.
    """

    product: Product
    amount: float
    unit: tuple[str, str]
    route: tuple[str, str, str]
    text: str
    per_kg: bool = False
    site: tuple[str, ...] = ()
    days: tuple[int, ...] = (0,)
    minutes: int = 10


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: as the trial names it, ARMCD, its kind, in words, and how well it works (0 to 1)."""

    name: str
    code: str
    kind: str
    description: str
    regimen: Regimen
    effect: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One planned visit: sponsor code, number, name, day after the dose, what is done there, window."""

    code: str
    number: str
    name: str
    day: int | None
    panels: tuple[str, ...] = ()
    clinic: bool = True
    window: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the arms: when it begins and ends, in the words of the study's settings."""

    code: str
    name: str
    epoch: str
    start: tuple[str, ...]
    end: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    duration: str = ""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of eligibility: its code, and what the registry says in our words."""

    code: str
    words: str

    @property
    def including(self) -> bool:
        """Whether it includes."""
        return self.code.startswith("IN")


@dataclass(frozen=True, slots=True)
class Participant:
    """One synthetic person.

    Attributes:
        screening: Screening number, given at consent.
        subject: Subject number, given at enrolment; empty for a screen failure.
        gender: FHIR administrative gender.
        birth: Birth date, as precisely as the hospital knows it.
        races: OMB race category codes, none to several.
        ethnicity: OMB ethnicity code, or a null flavour; empty where nobody asks.
        fertile: Whether pregnancy tests are done.
        height: Height in centimetres.
        weight: Weight in kilograms at screening.
        consent: The day of informed consent, which is the day of the screening visit.
        dose: The day of the first dose; ``None`` for a screen failure.
        start: Disease activity at consent, from 0 to 1.
        end: Disease activity that the course settles at.
        flare: Days after the dose around which a flare peaks.
        leaves: Days after the dose of the early termination visit.
        dies: Days after the dose of death.
        missed: Codes of planned visits that did not happen.
        unscheduled: Days after the dose of unscheduled visits.
        site: Number of the site.
        arm: ARMCD; empty for a screen failure.
        failed: Code of the criterion that a screen failure did not meet.
        prednisone: Milligrams a day at consent.
        nephritis: Whether the lupus is known to be in the kidneys.
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
    site: str = "101"
    arm: str = ""
    failed: str = ""
    prednisone: float = 10.0
    nephritis: bool = False

    @property
    def key(self) -> str:
        """Return the number that names this person in resource ids."""
        return self.subject or self.screening

    @property
    def died(self) -> date | None:
        """Return the day of death."""
        return self.dose + timedelta(self.dies) if self.dose and self.dies is not None else None

    def activity(self, day: int) -> float:
        """Return the disease activity `day` days after the dose, from 0 to about 1."""
        settled = self.end + (self.start - self.end) * math.exp(-max(day, 0) / 45)
        bump = 0.0 if self.flare is None else 0.45 * math.exp(-(((day - self.flare) / 16) ** 2))
        return settled + bump

    def age(self) -> int:
        """Return the age in years at consent; the middle of what is unknown is taken."""
        year, month, day = (int(part) for part in (self.birth + "-07-01"[len(self.birth) - 4 :]).split("-"))
        return self.consent.year - year - ((self.consent.month, self.consent.day) < (month, day))


@dataclass(frozen=True, slots=True)
class Feed:
    """What happens to results after they are first reported, by the id of the Observation.

    Attributes:
        numbers: The number that a participant's course demands, and its flag.
        words: The word that it demands.
        revised: Status of the first version, its number (empty for the same), status of the second, remark.
        absent: Why there is no result (a code of FHIR), and a remark.
        clumped: Id of the result that was cancelled, and drawn again.
        haemolysed: Id of the Specimen that was unsatisfactory.
        reflex: Local code of the test that a reactive result sets off, and its value.
        history: Key of the screening visit: when an older result was, as far as it is known, and what it was.
    """

    numbers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    revised: Mapping[str, tuple[str, str, str, str]] = field(default_factory=dict)
    absent: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    clumped: str = ""
    haemolysed: str = ""
    reflex: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    history: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One adverse event.

    Attributes:
        subject: Subject number.
        term: The investigator's words.
        start: Days after the dose, or a partial date as written.
        end: Days after the dose; ``None`` while it goes on or where nobody knows.
        severity: mild, moderate or severe.
        outcome: R4 outcome code.
        product: Causality of the study product.
        serious: R4 seriousness code.
        criteria: NCI codes of the criteria met, for the extension; empty where only R4 core is filled in.
        other: Another suspected Medication and its causality.
        action: NCI code of the action taken with the study product.
        grade: CTCAE grade, where the site gave one.
        left: Whether the participant left the study because of it.
        actuality: actual or potential.
        mistake: Whether the record was entered in error.
    """

    subject: str
    term: str
    start: int | str
    end: int | None
    severity: str
    outcome: str
    product: str
    serious: str = "Non-serious"
    criteria: tuple[str, ...] = ()
    other: tuple[str, str] | None = None
    action: str = "C48660"
    grade: str = ""
    left: bool = False
    actuality: str = "actual"
    mistake: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: what the registry says of it, and what its sample chose.

    Attributes:
        registry: Registry number, which is the name of the sample's folder.
        protocol: The sponsor's protocol number, STUDYID.
        title: Title of the registry.
        sponsor: Sponsor.
        phase: FHIR code of the phase.
        design: Allocation, masking and model, in the words of the registry.
        period: First and last day.
        planned: Number of participants that the registry names.
        ages: Lowest and highest age, in years.
        population: The condition: SNOMED CT code and words.
        sites: The sites, by number.
        arms: The arms, by ARMCD.
        visits: The planned visits, screening first.
        termination: The visit of who leaves early.
        elements: The elements of the arms, in order.
        criteria: The criteria of eligibility.
        outcomes: Kind and words of each outcome.
        participants: Who takes part, in order of screening.
        events: Adverse events that belong to somebody's course.
        background: Background medicines: id of the Medication -> share of the participants who take it.
        feed: What happens to results.
        bad: Id of the bad record -> id of the good one that it is made from.
        instruments: Names of the questionnaires that are filled in.
        centres: Local code of a test -> by how much its centre is higher in this population.
        responses: Categories of the composite responses that the investigator records.
        si: Whether the site's laboratory reports in SI units.
    """

    registry: str
    protocol: str
    title: str
    sponsor: str
    phase: str
    design: tuple[str, str, str]
    period: tuple[str, str]
    planned: int
    ages: tuple[int, int]
    population: tuple[str, str]
    sites: Mapping[str, Site]
    arms: Mapping[str, Arm]
    visits: tuple[Visit, ...]
    termination: Visit
    elements: tuple[Element, ...]
    criteria: tuple[Criterion, ...]
    outcomes: tuple[tuple[str, str], ...]
    participants: tuple[Participant, ...]
    events: tuple[Event, ...]
    background: Mapping[str, float]
    feed: Feed
    bad: Mapping[str, str]
    instruments: tuple[str, ...]
    responses: tuple[str, ...]
    centres: Mapping[str, float] = field(default_factory=dict)
    si: bool = False

    @property
    def ident(self) -> str:
        """Return the id of its ResearchStudy."""
        return self.protocol.lower()

    @property
    def seed(self) -> int:
        """Return the seed that its shipped sample was made with."""
        return int(self.registry.removeprefix("NCT"))

    @property
    def products(self) -> tuple[Product, ...]:
        """Return the study products, each once."""
        return tuple(dict.fromkeys(arm.regimen.product for arm in self.arms.values()))

    @property
    def set_up(self) -> str:
        """Return the instant at which the trial was set up."""
        first = date.fromisoformat(self.period[0]) - timedelta(26)
        return local(first, 540, next(iter(self.sites.values())).zone)

    def site(self, person: Participant) -> Site:
        """Return the site of a participant."""
        return self.sites[person.site]


@dataclass(frozen=True, slots=True)
class Attendance:
    """One visit of one participant, on its day; `missed` when nobody came."""

    trial: Trial
    participant: Participant
    visit: Visit
    on: date
    day: int
    arrival: int
    missed: bool = False
    nth: int = 0

    @property
    def key(self) -> str:
        """Return the name of this visit in resource ids."""
        name = f"{self.participant.key}-{self.visit.code.lower()}"
        return f"{name}{self.nth}" if self.nth else name

    def at(self, minutes: int) -> str:
        """Return the instant `minutes` after midnight of the visit's day, at its site."""
        return local(self.on, minutes, self.trial.site(self.participant).zone)
