"""Write a sample trial: ``python -m trialbridge.samples.generate DIRECTORY [--trial NCT] [--fhir R5]``.

Everything follows from the description of the trial and one seed: the same seed gives the same lines on
every machine.
"""

from __future__ import annotations

import argparse
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from trialbridge.samples import livekidney, musc, nanjing, study
from trialbridge.samples.adverse_events import adverse_events
from trialbridge.samples.bad_records import bad_records
from trialbridge.samples.clinician import rated, ratings, responses
from trialbridge.samples.corrections import reported, revisions
from trialbridge.samples.design import design
from trialbridge.samples.diary import NAME as DIARY
from trialbridge.samples.diary import diary, diary_questionnaire
from trialbridge.samples.examination import electrocardiogram, physical_examination
from trialbridge.samples.exposure import administrations, medications
from trialbridge.samples.fhir_r5 import in_r5
from trialbridge.samples.history import cause_of_death, medical_history, procedures, smoking
from trialbridge.samples.laboratory import results
from trialbridge.samples.medication import taken
from trialbridge.samples.participants import attendances
from trialbridge.samples.questionnaires import INSTRUMENTS, questionnaire, reported_outcomes
from trialbridge.samples.resources import Json, encode
from trialbridge.samples.settings import settings
from trialbridge.samples.trial import Attendance, Participant, Trial
from trialbridge.samples.vital_signs import kilograms, vital_signs

Release = Literal["R4", "R5"]

TRIALS: dict[str, Trial] = {one.registry: one for one in (livekidney.TRIAL, musc.TRIAL, nanjing.TRIAL)}
"""The sample trials by registry number."""
FIRST = "NCT06737380"
PACKAGE = "resources.zip"
BAD_RECORDS = "bad_records.ndjson"
SETTINGS = "study.toml"
NO_TIME = (1980, 1, 1, 0, 0, 0)


def of_the_visit(came: Attendance, seed: int) -> list[Json]:
    """Return everything that one visit leaves behind, but the responses."""
    said = study.encounter(came)
    if came.missed or not came.visit.clinic:
        return said
    for sign in vital_signs(came, seed):
        said += revisions(sign, came.trial.feed)
    specimens, observations = reported(came, *results(came, seed))
    said += [*specimens, *observations, *physical_examination(came, seed), *electrocardiogram(came, seed)]
    said += ratings(came, seed)
    if "PRO" in came.visit.panels:
        answered, scores = reported_outcomes(came, seed)
        said += [*answered, *scores]
        said += [diary(came, seed)] if DIARY in came.trial.instruments else []
    return said


def _ratio(said: list[Json]) -> float:
    """Return the protein/creatinine ratio of the urine of one visit, as it was reported last."""
    found = (
        one["valueQuantity"]["value"]
        for one in said
        if one["id"].endswith("-upcr") and "valueQuantity" in one
    )
    return max((float(bytes(value)) for value in found), default=0.0)


def _course(trial: Trial, person: Participant, seed: int) -> Iterator[Json]:
    """Yield what the visits of one participant leave behind."""
    before, first = None, 0.0
    for came in attendances(trial, person, seed):
        said = of_the_visit(came, seed)
        yield from said
        if came.visit.day == 0:
            before, first = rated(came, seed), _ratio(said)
        if "RESPONSE" in came.visit.panels and not came.missed and before:
            yield from responses(came, before, rated(came, seed), (first, _ratio(said)))


def of_the_participant(trial: Trial, person: Participant, at: int, seed: int) -> list[Json]:
    """Return everything of one participant, the `at`-th in order of screening."""
    visits = attendances(trial, person, seed)
    last = person.dies if person.dies is not None else visits[-1].day
    weight = next((kilograms(came, seed) for came in visits if came.visit.day == 0), person.weight)
    said = [study.patient(trial, person, at), study.research_subject(trial, person, visits)]
    said += [study.consent(trial, person), *study.not_met(trial, visits[0]), smoking(visits[0], seed)]
    said += [*medical_history(trial, person, visits[0], seed), *procedures(trial, person, visits[0])]
    said += [*_course(trial, person, seed), *administrations(trial, person, weight, seed)]
    return [*said, *taken(trial, person, last, seed), *cause_of_death(trial, person)]


def sample_trial(trial: Trial = TRIALS[FIRST], seed: int = 0) -> list[Json]:
    """Return every resource of a sample trial in R4, the bad records aside.

    Args:
        trial: The trial.
        seed: Seed; 0 for that of the shipped sample.

    Example:
        >>> len([said for said in sample_trial() if said["resourceType"] == "ResearchSubject"])
        12
    """
    number = seed or trial.seed
    said = [*design(trial), *study.locations(trial), *study.laboratories(trial), *study.investigators(trial)]
    said += [questionnaire(one, trial) for one in INSTRUMENTS if one.name in trial.instruments]
    said += [diary_questionnaire(trial)] if DIARY in trial.instruments else []
    for at, person in enumerate(trial.participants, 1):
        said += of_the_participant(trial, person, at, number)
    said += adverse_events(trial, number)
    return [*_asked_for(medications(trial), said), *said]


def _asked_for(medicines: list[Json], said: list[Json]) -> list[Json]:
    """Return the medicines that somebody received."""
    named = {one["medicationReference"]["reference"] for one in said if "medicationReference" in one}
    named |= {suspect["instance"]["reference"] for one in said for suspect in one.get("suspectEntity", ())}
    return [one for one in medicines if f"Medication/{one['id']}" in named]


def _test(said: Json) -> str:
    """Return what the results of one test are put together by: so they pack into half the space."""
    return str(said["code"]) if said["resourceType"] == "Observation" else ""


def as_ndjson(resources: list[Json]) -> dict[str, bytes]:
    """Return one NDJSON file per resource type, by file name; the results of one test stand together."""
    lines: defaultdict[str, list[bytes]] = defaultdict(list)
    for said in sorted(resources, key=_test):
        lines[f"{said['resourceType']}.ndjson"].append(encode(said) + b"\n")
    return {name: b"".join(lines[name]) for name in sorted(lines)}


def write_package(path: Path, files: dict[str, bytes]) -> None:
    """Write `files` into a zip whose bytes do not depend on the day."""
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content, compresslevel=9)


def write_sample(
    directory: Path, trial: Trial = TRIALS[FIRST], release: Release = "R4", seed: int = 0
) -> None:
    """Write a sample trial, its bad records and its settings into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    resources = sample_trial(trial, seed)
    bad, cut = bad_records(trial, resources)
    if release == "R5":
        arms = {arm.name: arm.code for arm in trial.arms.values()}
        resources = [in_r5(said, arms) for said in resources]
        bad = [in_r5(said, arms) for said in bad]
    write_package(directory / PACKAGE, as_ndjson(resources))
    lines = [encode(said) for said in bad]
    lines.append(lines[cut][:200])
    (directory / BAD_RECORDS).write_bytes(b"".join(line + b"\n" for line in lines))
    (directory / SETTINGS).write_text(settings(trial), encoding="utf-8")


def main() -> None:
    """Write what the command line asks for."""
    asked = argparse.ArgumentParser(description="Write a sample trial.")
    asked.add_argument("directory", type=Path)
    asked.add_argument("--trial", choices=sorted(TRIALS), default=FIRST, help="Registry number.")
    asked.add_argument("--fhir", choices=("R4", "R5"), default="R4", help="FHIR release.")
    asked.add_argument("--seed", type=int, default=0, help="Another seed gives other values.")
    told = asked.parse_args()
    write_sample(told.directory, TRIALS[told.trial], told.fhir, told.seed)


if __name__ == "__main__":
    main()
