"""Return the sponsor's own participant diary: a questionnaire with every type of answer, repeats and nesting.

Its wording is ours, so it may be printed in full.
"""

from __future__ import annotations

from trialbridge.samples.laboratory import normal
from trialbridge.samples.participants import stream
from trialbridge.samples.questionnaires import response_head
from trialbridge.samples.resources import (
    SPONSOR,
    Json,
    coding,
    number,
    quantity,
    reference,
    resource,
)
from trialbridge.samples.trial import Attendance, Trial

NAME, VERSION = "participant-diary", "1.0"
TEST_CODES = f"{SPONSOR}/test-codes"
SYMPTOMS = ("Fatigue", "Joint pain", "Rash", "Mouth ulcer", "Fever")

# link, FHIR type, wording
GLOBAL = (("DIARY01", "decimal", "How is your lupus today, from 0 (very well) to 100 (very poor)?"),)
TREATMENT = (
    ("DIARY02", "boolean", "Did you take all your lupus medicines since the last visit?"),
    ("DIARY03", "integer", "How many doses did you leave out?"),
    ("DIARY04", "quantity", "What is your daily dose of prednisone?"),
    ("DIARY05", "date", "On which day did the dose last change?"),
    ("DIARY06", "time", "At what time of day do you take it?"),
)
EVENTS = (
    ("DIARY07", "choice", "Which symptoms did you have?"),
    ("DIARY08", "integer", "On how many days?"),
    ("DIARY09", "dateTime", "When did the worst of them begin?"),
    ("DIARY10", "text", "Tell us about it in your own words."),
    ("DIARY11", "string", "Whom did you tell?"),
    ("DIARY12", "url", "Where did you read about it?"),
    ("DIARY13", "attachment", "Photograph, if you took one."),
    ("DIARY14", "reference", "Which of our doctors did you see?"),
)
GROUPS = (
    ("DIARY-A", "Your lupus", GLOBAL),
    ("DIARY-B", "Your medicines", TREATMENT),
    ("DIARY-C", "Your symptoms", EVENTS),
)


def _symptom(name: str) -> Json:
    return coding(f"{SPONSOR}/symptoms", name.upper().replace(" ", "-"), name)


def _question(link: str, kind: str, wording: str) -> Json:
    said: Json = {"linkId": link, "code": [coding(TEST_CODES, link)], "text": wording, "type": kind}
    if kind == "choice":
        said |= {"repeats": True, "answerOption": [{"valueCoding": _symptom(name)} for name in SYMPTOMS]}
    return said


def diary_questionnaire(trial: Trial) -> Json:
    """Return the Questionnaire resource of the diary; days are asked under each symptom."""
    groups = []
    for link, title, questions in GROUPS:
        items = [_question(*question) for question in questions]
        if link == "DIARY-C":
            items[0]["item"] = [items.pop(1)]
        groups.append({"linkId": link, "text": title, "type": "group", "item": items})
    said = resource("Questionnaire", NAME, trial.set_up)
    said |= {"url": f"{SPONSOR}/Questionnaire/{NAME}", "version": VERSION, "title": "PARTICIPANT DIARY"}
    return said | {"status": "active", "subjectType": ["Patient"], "item": groups}


def diary(came: Attendance, seed: int) -> Json:
    """Return the diary of one visit; what did not happen is left unanswered."""
    rng = stream(seed, came.key, "diary")
    ill = came.participant.activity(came.day)
    day = came.on.isoformat()
    days = number(str(1 + int(5 * rng.random())))
    chosen = [name for name in SYMPTOMS if rng.random() < 0.25 + 0.5 * ill]
    told: dict[str, list[Json]] = {
        "DIARY01": [{"valueDecimal": number(f"{max(0.0, min(100.0, 100 * ill + 6 * normal(rng))):.1f}")}],
        "DIARY02": [{"valueBoolean": rng.random() < 0.8}],
        "DIARY03": [{"valueInteger": number(str(int(3 * rng.random())))}],
        "DIARY04": [{"valueQuantity": quantity(f"{5 * round(4 * ill)}", "mg/d", "mg/d")}],
        "DIARY05": [{"valueDate": day[:7]}],
        "DIARY06": [{"valueTime": "08:30:00"}],
        "DIARY07": [
            {
                "valueCoding": _symptom(name),
                "item": [{"linkId": "DIARY08", "answer": [{"valueInteger": days}]}],
            }
            for name in chosen
        ],
    }
    if came.participant.subject == "101-003" and came.visit.code == "V5":
        told |= _worst(came, day)
    items = []
    for link, title, questions in GROUPS:
        answered = [
            {"linkId": question, "text": wording, "answer": told[question]}
            for question, _, wording in questions
            if told.get(question)
        ]
        items.append({"linkId": link, "text": title, "item": answered})
    head = response_head(
        came, "diary", f"{SPONSOR}/Questionnaire/{NAME}|{VERSION}", came.at(came.arrival - 10)
    )
    return head | {"item": [item for item in items if item["item"]]}


def _worst(came: Attendance, day: str) -> dict[str, list[Json]]:
    """Return the answers that only a participant with a bad week gives."""
    words = (
        "The rash on both cheeks came back after a day in the garden. It burned in the evening and faded "
        "a little by the next morning, and my hands were too stiff to open a jar until noon. I slept badly "
        "for three nights; paracetamol helped with the pain but not with the tiredness. "
        "\u201cMuch better\u201d since Sunday \u2013 38.1 \u00b0C at worst."
    )
    photograph = {
        "contentType": "image/jpeg",
        "title": "Rash, left cheek",
        "url": f"{SPONSOR}/photographs/{came.key}",
    }
    return {
        "DIARY09": [{"valueDateTime": came.at(-3000)}],
        "DIARY10": [{"valueString": words}],
        "DIARY11": [{"valueString": "My sister"}],
        "DIARY12": [{"valueUri": "https://lupus.example.org/rash"}],
        "DIARY13": [{"valueAttachment": photograph | {"creation": f"{day}T09:12:00-04:00"}}],
        "DIARY14": [{"valueReference": reference("Practitioner", f"investigator-{came.participant.site}")}],
    }
