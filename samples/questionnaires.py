"""Return the questionnaires of a sample trial and what the participants answered.

Codes are facts of the controlled terminology; every item text and every answer text is ours (``Item 3``,
``Answer 2``), never an instrument's own wording. Scores are invented, but for those that are a plain sum.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from trialbridge.samples.laboratory import normal
from trialbridge.samples.participants import stream
from trialbridge.samples.resources import (
    CORE_EXTENSION,
    HL7,
    NCIT,
    SPONSOR,
    Json,
    coding,
    concept,
    extension,
    later,
    number,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Trial

ORDINAL = f"{CORE_EXTENSION}/ordinalValue"
ABSENT = f"{CORE_EXTENSION}/data-absent-reason"


@dataclass(frozen=True, slots=True)
class Item:
    """One question: its CDISC or sponsor test code, NCI code where it has one, and its number of answers."""

    test: str
    ncit: str
    answers: int
    group: str = ""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire: canonical name, title, items, and the scores that are reported beside it.

    Attributes:
        rarely: Whether it is left out at the visits in between.
        least: The number of the first answer.
        times: Factor of the sum of all answers that is its only score; 0 where scores are made otherwise.
    """

    name: str
    version: str
    title: str
    items: tuple[Item, ...]
    scores: tuple[tuple[str, str, str], ...] = ()
    rarely: bool = False
    least: int = 1
    times: float = 0


def _sf36_items() -> tuple[Item, ...]:
    parts = [("01", 5, ""), ("02", 5, "")]
    parts += [(f"03{letter}", 3, "3") for letter in "ABCDEFGHIJ"]
    parts += [(f"04{letter}", 5, "4") for letter in "ABCD"] + [(f"05{letter}", 5, "5") for letter in "ABC"]
    parts += [("06", 5, ""), ("07", 6, ""), ("08", 5, "")]
    parts += [(f"09{letter}", 5, "9") for letter in "ABCDEFGHI"] + [("10", 5, "")]
    parts += [(f"11{letter}", 5, "11") for letter in "ABCD"]
    return tuple(
        Item(f"SF363{tail}", f"C{102197 + at}", size, group) for at, (tail, size, group) in enumerate(parts)
    )


SF36_SCORES = tuple(
    (f"SF363{at}", f"C{176184 + at - 12}", name)
    for at, name in (
        *enumerate(
            ("Scale 1", "Scale 2", "Scale 3", "Scale 4", "Scale 5", "Scale 6", "Scale 7", "Scale 8"), 12
        ),
        (28, "Component 1"),
        (29, "Component 2"),
    )
)


def _sponsor_items(stem: str, count: int, answers: int) -> tuple[Item, ...]:
    return tuple(Item(f"{stem}{at:02}", "", answers) for at in range(1, count + 1))


INSTRUMENTS = (
    Instrument("sf36-v2-standard", "2.0", "SF36 V2.0 STANDARD", _sf36_items(), SF36_SCORES),
    Instrument(
        "promis-fatigue-7a",
        "1.0",
        "PROMIS IB V1.0 FATIGUE SF 7A",
        tuple(Item(f"PA13600{at}", f"C{202509 + at}", 5) for at in range(1, 8)),
        (("PFATTS", "", "T-score"),),
    ),
    Instrument(
        "promis-depression",
        "1.0",
        "PROMIS DEPRESSION",
        _sponsor_items("PDEP", 4, 5),
        (("PDEPTS", "", "T-score"),),
    ),
    Instrument(
        "promis-pain", "1.0", "PROMIS PAIN", _sponsor_items("PPAI", 4, 5), (("PPAITS", "", "T-score"),)
    ),
    Instrument(
        "lupuspro", "1.8", "LUPUSPRO", _sponsor_items("LPRO", 12, 5), (("LPROTOT", "", "Total"),), rarely=True
    ),
    Instrument(
        "lit",
        "1.0",
        "LIT",
        _sponsor_items("LITQ", 10, 5),
        (("LITTOT", "", "Total"),),
        rarely=True,
        least=0,
        times=2.5,
    ),
    Instrument("patient-global", "1.0", "PATIENT GLOBAL ASSESSMENT", _sponsor_items("PTGA", 1, 11), least=0),
)


def canonical(instrument: Instrument) -> str:
    """Return the canonical address of `instrument`, with its version."""
    return f"{SPONSOR}/Questionnaire/{instrument.name}|{instrument.version}"


def _answer(at: int, least: int) -> Json:
    said = coding(f"{SPONSOR}/answers", str(at), f"Answer {at}")
    return {"extension": [extension(ORDINAL, valueDecimal=number(str(at - 1 + least)))], **said}


def _question(item: Item, at: int, least: int) -> Json:
    system, code = (NCIT, item.ncit) if item.ncit else (f"{SPONSOR}/test-codes", item.test)
    options = [{"valueCoding": _answer(option, least)} for option in range(1, item.answers + 1)]
    said: Json = {"linkId": item.test, "code": [coding(system, code)], "text": f"Item {at}"}
    return said | {"type": "choice", "answerOption": options}


def nested(instrument: Instrument, told: dict[str, Json]) -> list[Json]:
    """Return `told` (by test code) in the order of the instrument, grouped as it groups its items."""
    said: list[Json] = []
    for item in instrument.items:
        if not item.group:
            said.append(told[item.test])
            continue
        link = f"{instrument.name}-{item.group}"
        if not said or said[-1]["linkId"] != link:
            said.append({"linkId": link, "text": f"Group {item.group}", "item": []})
        said[-1]["item"].append(told[item.test])
    return said


def questionnaire(instrument: Instrument, trial: Trial) -> Json:
    """Return the Questionnaire resource of `instrument`."""
    questions = {
        item.test: _question(item, at, instrument.least) for at, item in enumerate(instrument.items, 1)
    }
    said = resource("Questionnaire", instrument.name, trial.set_up)
    groups = [
        item | ({"type": "group"} if "type" not in item else {}) for item in nested(instrument, questions)
    ]
    return said | {
        "url": canonical(instrument).partition("|")[0],
        "version": instrument.version,
        "title": instrument.title,
        "status": "active",
        "subjectType": ["Patient"],
        "item": groups,
    }


def _reply(item: Item, at: int, came: Attendance, least: int, rng: random.Random) -> Json:
    said: Json = {"linkId": item.test, "text": f"Item {at}"}
    if rng.random() < 0.008:
        reason = extension(ABSENT, valueCode="asked-declined")
        return {"extension": [reason], **said}
    place = came.participant.activity(came.day) + 0.22 * normal(rng)
    chosen = max(1, min(item.answers, round(1 + place * (item.answers - 1))))
    return said | {"answer": [{"valueCoding": _answer(chosen, least)}]}


def response_head(came: Attendance, name: str, source: str, at: str) -> Json:
    """Return a QuestionnaireResponse without its items."""
    said = resource("QuestionnaireResponse", f"{came.key}-{name}", later(at, 12))
    person = reference("Patient", came.participant.key)
    said |= {"questionnaire": source, "status": "completed", "subject": person}
    return said | {
        "encounter": reference("Encounter", came.key),
        "authored": at,
        "author": person,
        "source": person,
    }


def response(came: Attendance, instrument: Instrument, at: str, rng: random.Random) -> Json:
    """Return what the participant answered to `instrument`."""
    told = {
        item.test: _reply(item, place, came, instrument.least, rng)
        for place, item in enumerate(instrument.items, 1)
    }
    head = response_head(came, instrument.name, canonical(instrument), at)
    return head | {"item": nested(instrument, told)}


def _sum(answered: Json) -> int | None:
    """Return the sum of the answers of a questionnaire without groups; ``None`` where one is missing."""
    answers = [item["answer"][0]["valueCoding"] for item in answered["item"] if "answer" in item]
    if len(answers) < len(answered["item"]):
        return None
    return sum(int(bytes(one["extension"][0]["valueDecimal"])) for one in answers)


def _score(came: Attendance, instrument: Instrument, answered: Json, rng: random.Random) -> float | None:
    """Return a score: made of the answers where the instrument's own rule is a sum, else an invented one."""
    if instrument.times:
        total = _sum(answered)
        return None if total is None else total * instrument.times
    return 50 + 25 * (came.participant.activity(came.day) - 0.3) + 4 * normal(rng)


def scores(came: Attendance, instrument: Instrument, answered: Json, rng: random.Random) -> list[Json]:
    """Return the scores that the site's system reports beside the answers, derived from them."""
    said = []
    for test, ncit, name in instrument.scores:
        value = _score(came, instrument, answered, rng)
        if value is None:
            continue
        system, code = (NCIT, ncit) if ncit else (f"{SPONSOR}/test-codes", test)
        score = resource("Observation", f"{came.key}-{test.lower()}", later(answered["authored"], 12))
        score |= {
            "status": "final",
            "category": [concept("", coding(f"{HL7}/observation-category", "survey"))],
            "code": concept(f"{instrument.title} {name}", coding(system, code)),
            "subject": answered["subject"],
            "encounter": answered["encounter"],
            "effectiveDateTime": answered["authored"],
            "valueQuantity": quantity(f"{value:.1f}", "{score}", "{score}"),
            "derivedFrom": [reference("QuestionnaireResponse", answered["id"])],
        }
        said.append(score)
    return said


def reported_outcomes(came: Attendance, seed: int) -> tuple[list[Json], list[Json]]:
    """Return the QuestionnaireResponses of one visit, filled in before anything else, and their scores."""
    rng = stream(seed, came.key, "questionnaires")
    responses, derived = [], []
    for at, instrument in enumerate(INSTRUMENTS):
        between = instrument.rarely and came.visit.code in {"V5", "V6"}
        if between or instrument.name not in came.trial.instruments:
            continue
        answered = response(came, instrument, came.at(came.arrival - 30 + 3 * at), rng)
        responses.append(answered)
        derived += scores(came, instrument, answered, rng)
    return responses, derived
