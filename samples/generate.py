"""Write the sample trial: ``python -m trialbridge.samples.generate DIRECTORY``.

Everything follows from one seed; the same seed gives the same lines on every machine.
"""

from __future__ import annotations

import sys
import zipfile
from collections import defaultdict
from pathlib import Path

from trialbridge.samples import study
from trialbridge.samples.adverse_events import adverse_events
from trialbridge.samples.bad_records import bad_records
from trialbridge.samples.corrections import reported, revisions
from trialbridge.samples.diary import diary, diary_questionnaire
from trialbridge.samples.exposure import administrations, medications
from trialbridge.samples.laboratory import results
from trialbridge.samples.participants import PARTICIPANTS, Attendance, attendances
from trialbridge.samples.questionnaires import INSTRUMENTS, questionnaire, reported_outcomes
from trialbridge.samples.resources import Json, encode
from trialbridge.samples.vital_signs import vital_signs

SEED = 6737380
PACKAGE = "resources.zip"
BAD_RECORDS = "bad_records.ndjson"
NO_TIME = (1980, 1, 1, 0, 0, 0)


def of_the_visit(came: Attendance, seed: int) -> list[Json]:
    """Return everything that one visit leaves behind."""
    said = [study.encounter(came)]
    if came.missed or not came.visit.clinic:
        return said
    for sign in vital_signs(came, seed):
        said += revisions(sign)
    specimens, observations = reported(came, *results(came, seed))
    said += [*specimens, *observations]
    if "PRO" in came.visit.panels:
        responses, scores = reported_outcomes(came, seed)
        said += [*responses, *scores, diary(came, seed)]
    return said


def sample_trial(seed: int = SEED) -> list[Json]:
    """Return every resource of the sample trial, the bad records aside.

    Example:
        >>> len([said for said in sample_trial() if said["resourceType"] == "ResearchSubject"])
        12
    """
    said = [*study.studies(), study.location(), study.planned_group(), *study.organizations()]
    said += [*study.people_of_the_site(), *medications()]
    said += [*(questionnaire(instrument) for instrument in INSTRUMENTS), diary_questionnaire()]
    for at, person in enumerate(PARTICIPANTS, 1):
        visits = attendances(person, seed)
        said += [study.patient(person, at), study.research_subject(person, visits), study.consent(person)]
        for came in visits:
            said += of_the_visit(came, seed)
        said += administrations(person)
    return said + adverse_events()


def as_ndjson(resources: list[Json]) -> dict[str, bytes]:
    """Return one NDJSON file per resource type, by file name."""
    lines: defaultdict[str, list[bytes]] = defaultdict(list)
    for said in resources:
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


def write_sample(directory: Path, seed: int = SEED) -> None:
    """Write the sample trial and its bad records into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    resources = sample_trial(seed)
    write_package(directory / PACKAGE, as_ndjson(resources))
    (directory / BAD_RECORDS).write_bytes(b"".join(line + b"\n" for line in bad_records(resources)))


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]))
