# ruff: noqa: E501 - lines of JSON and of a table
"""Write many laboratory Observations, as a hospital's bulk export holds them, for the benchmarks.

``write_observations(path, count, seed)`` writes NDJSON: the study, the subjects and their one dose first, then `count`
Observations of 1.0 to 1.4 KB. The lines are put together from prepared pieces, so that 200,000 take a few seconds.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

SUBJECTS = 2_000
START = date(2024, 1, 8)
LOCAL = "https://hospital.example.org/lab-codes"

# LOINC, local code, name, unit, UCUM, low, high, decimals
# LOINC (https://loinc.org) is copyright Regenstrief Institute, Inc. and the LOINC Committee, free under its licence.
NUMERIC = (
    ("1751-7", "ALB", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", "g/dL", 3.5, 5.2, 1),
    ("3094-0", "BUN", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 7, 20, 0),
    ("2160-0", "CREA", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0.5, 1.1, 2),
    ("2345-7", "GLU", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 70, 99, 0),
    ("3084-1", "URIC", "Urate [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 2.6, 6.0, 1),
    ("17861-6", "CA", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 8.6, 10.3, 1),
    ("2777-1", "PHOS", "Phosphate [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 2.5, 4.5, 1),
    ("2823-3", "K", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 3.5, 5.1, 2),
    ("2951-2", "NA", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 136, 145, 0),
    ("2885-2", "TP", "Protein [Mass/volume] in Serum or Plasma", "g/dL", "g/dL", 6.0, 8.3, 1),
    ("19123-9", "MG", "Magnesium [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 1.6, 2.6, 2),
    ("6768-6", "ALP", "Alkaline phosphatase in Serum or Plasma", "U/L", "U/L", 35, 104, 0),
    ("1742-6", "ALT", "Alanine aminotransferase in Serum or Plasma", "U/L", "U/L", 5, 35, 0),
    ("1920-8", "AST", "Aspartate aminotransferase in Serum or Plasma", "U/L", "U/L", 5, 35, 0),
    ("1975-2", "TBIL", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0.2, 1.2, 2),
    ("14804-9", "LDH", "Lactate dehydrogenase in Serum or Plasma", "U/L", "U/L", 125, 220, 0),
    ("30522-7", "HSCRP", "C reactive protein, high sensitivity", "mg/L", "mg/L", 0.15, 3.0, 2),
    ("4537-7", "ESR", "Erythrocyte sedimentation rate, Westergren", "mm/h", "mm/h", 1, 20, 0),
    ("718-7", "HGB", "Hemoglobin [Mass/volume] in Blood", "g/dL", "g/dL", 12.0, 16.0, 1),
    ("4544-3", "HCT", "Hematocrit of Blood by Automated count", "%", "%", 36.0, 46.0, 1),
    ("6690-2", "WBC", "Leukocytes in Blood by Automated count", "10*3/uL", "10*3/uL", 4.0, 11.0, 2),
    ("751-8", "NEUT", "Neutrophils in Blood by Automated count", "10*3/uL", "10*3/uL", 1.8, 7.7, 2),
    ("731-0", "LYM", "Lymphocytes in Blood by Automated count", "10*3/uL", "10*3/uL", 1.0, 4.8, 2),
    ("742-7", "MONO", "Monocytes in Blood by Automated count", "10*3/uL", "10*3/uL", 0.1, 0.9, 2),
    ("711-2", "EOS", "Eosinophils in Blood by Automated count", "10*3/uL", "10*3/uL", 0.02, 0.5, 2),
    ("704-7", "BASO", "Basophils in Blood by Automated count", "10*3/uL", "10*3/uL", 0.01, 0.2, 2),
    ("789-8", "RBC", "Erythrocytes in Blood by Automated count", "10*6/uL", "10*6/uL", 4.0, 5.2, 2),
    ("777-3", "PLT", "Platelets in Blood by Automated count", "10*3/uL", "10*3/uL", 150, 400, 0),
    ("770-8", "NEUTP", "Neutrophils/100 leukocytes in Blood", "%", "%", 40.0, 74.0, 1),
    ("736-9", "LYMP", "Lymphocytes/100 leukocytes in Blood", "%", "%", 19.0, 48.0, 1),
    ("4485-9", "C3", "Complement C3 [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 90, 180, 0),
    ("4498-2", "C4", "Complement C4 [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 10, 40, 1),
    ("2465-3", "IGG", "IgG [Mass/volume] in Serum", "mg/dL", "mg/dL", 700, 1600, 0),
    ("26881-3", "IL6", "Interleukin 6 [Mass/volume] in Serum or Plasma", "pg/mL", "pg/mL", 0.7, 7.0, 2),
    ("2890-2", "UPCR", "Protein/Creatinine [Mass Ratio] in Urine", "mg/g", "mg/g", 50, 200, 0),
)
# LOINC, local code, name, words; the first is the expected one
WORDS = (
    (
        "20454-5",
        "UPROT",
        "Protein [Presence] in Urine by Test strip",
        ("NEGATIVE", "TRACE", "1+", "2+", "3+"),
    ),
    ("25428-4", "UGLU", "Glucose [Presence] in Urine by Test strip", ("NEGATIVE", "TRACE", "1+", "2+")),
    ("2514-8", "UKET", "Ketones [Presence] in Urine by Test strip", ("NEGATIVE", "TRACE", "1+")),
    ("5770-3", "UBIL", "Bilirubin [Presence] in Urine by Test strip", ("NEGATIVE", "1+")),
    (
        "5799-2",
        "ULEU",
        "Leukocyte esterase [Presence] in Urine by Test strip",
        ("NEGATIVE", "TRACE", "1+", "2+"),
    ),
)

HEAD = (
    '{{"resourceType":"Observation","id":"obs-{at:07d}","meta":{{"versionId":"1","lastUpdated":"{issued}",'
    '"source":"urn:example:laboratory:feed","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}},'
    '"status":"final",'
    '"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],'
    '{code},"subject":{{"reference":"Patient/p{who:04d}"}},"encounter":{{"reference":"Encounter/e{who:04d}-{visit:02d}"}},'
    '"effectiveDateTime":"{taken}","issued":"{issued}",'
    '"performer":[{{"reference":"Organization/laboratory","display":"Hospital laboratory"}}],{result},'
    '"specimen":{{"reference":"Specimen/s{who:04d}-{visit:02d}","display":"{specimen}"}}{range}}}\n'
)
FLAG = (
    ',"interpretation":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",'
    '"code":"{flag}"}}]}}]'
)


def code_of(loinc: str, local: str, name: str) -> str:
    """Return the code element, with the laboratory's own code beside LOINC."""
    return (
        f'"code":{{"coding":[{{"system":"http://loinc.org","code":"{loinc}","display":"{name}"}},'
        f'{{"system":"{LOCAL}","code":"{local}"}}],"text":"{name}"}}'
    )


def quantity(value: str, unit: str, code: str, comparator: str = "") -> str:
    """Return a Quantity; `value` is written digit for digit."""
    than = f'"comparator":"{comparator}",' if comparator else ""
    return f'{{"value":{value},{than}"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{code}"}}'


def numeric_results(rng: random.Random) -> list[list[tuple[str, str, str, str]]]:
    """Return, for each numeric test, 200 prepared results: code, result with flag, range, specimen."""
    prepared = []
    for loinc, local, name, unit, ucum, low, high, places in NUMERIC:
        bounds = [quantity(f"{limit:.{places}f}", unit, ucum) for limit in (low, high)]
        ranges = f',"referenceRange":[{{"low":{bounds[0]},"high":{bounds[1]}}}]'
        specimen = "Urine" if local.startswith("U") and local != "URIC" else "Blood"
        rows = []
        for _ in range(200):
            value = max(0.0, rng.gauss((low + high) / 2, (high - low) / 2.6))
            below = value < low * 0.7
            shown = f"{low if below else value:.{places}f}"
            flag = "L" if below or value < low else "H" if value > high else "N"
            said = quantity(shown, unit, ucum, "<" if below and rng.random() < 0.5 else "")
            rows.append(
                (
                    code_of(loinc, local, name),
                    f'"valueQuantity":{said}' + FLAG.format(flag=flag),
                    ranges,
                    specimen,
                )
            )
        prepared.append(rows)
    return prepared


def worded_results(rng: random.Random) -> list[list[tuple[str, str, str, str]]]:
    """Return, for each test with words, 200 prepared results; half the tests answer with a CodeableConcept."""
    prepared = []
    for at, (loinc, local, name, words) in enumerate(WORDS):
        rows = []
        for _ in range(200):
            word = words[0] if rng.random() < 0.6 else rng.choice(words)
            said = f'"valueCodeableConcept":{{"text":"{word}"}}' if at % 2 else f'"valueString":"{word}"'
            flag = FLAG.format(flag="N" if word == words[0] else "A")
            ranges = (
                f',"referenceRange":[{{"text":"{words[0]}, as printed on the strip of this lot of reagent"}}]'
            )
            rows.append((code_of(loinc, local, name), said + flag, ranges, "Urine"))
        prepared.append(rows)
    return prepared


def subject_lines(who: int) -> str:
    """Return the Patient, the ResearchSubject and the one dose of subject `who`."""
    dosed = START + timedelta(who % 300 + 14)
    gender = "female" if who % 5 else "male"
    return (
        f'{{"resourceType":"Patient","id":"p{who:04d}","gender":"{gender}","birthDate":"{1950 + who % 50}-{1 + who % 12:02d}-{1 + who % 28:02d}"}}\n'
        f'{{"resourceType":"ResearchSubject","id":"rs{who:04d}","identifier":[{{"system":"https://sponsor.example.org/subject-numbers","value":"{who:04d}"}}],'
        f'"status":"on-study","period":{{"start":"{dosed - timedelta(14)}"}},"study":{{"reference":"ResearchStudy/site-001"}},'
        f'"individual":{{"reference":"Patient/p{who:04d}"}},"assignedArm":"Study product","actualArm":"Study product"}}\n'
        f'{{"resourceType":"MedicationAdministration","id":"d{who:04d}","status":"completed",'
        f'"medicationCodeableConcept":{{"coding":[{{"system":"https://sponsor.example.org/products","code":"BENCH-1"}}],"text":"BENCH-1"}},'
        f'"subject":{{"reference":"Patient/p{who:04d}"}},"effectiveDateTime":"{dosed}T10:30:00-05:00",'
        f'"dosage":{{"route":{{"text":"SUBCUTANEOUS"}},"dose":{quantity("50", "mg", "mg")}}}}}\n'
    )


def study_lines() -> str:
    """Return the study, its site and the laboratory."""
    return (
        '{"resourceType":"ResearchStudy","id":"bench","identifier":[{"system":"https://sponsor.example.org/protocols","value":"BENCH-001"}],'
        '"title":"Benchmark study","status":"active","focus":[{"coding":[{"system":"https://sponsor.example.org/products","code":"BENCH-1"}],"text":"BENCH-1"}],'
        '"arm":[{"name":"Study product"}]}\n'
        '{"resourceType":"ResearchStudy","id":"site-001","identifier":[{"system":"https://sponsor.example.org/sites","value":"001"}],'
        '"status":"active","partOf":[{"reference":"ResearchStudy/bench"}],"site":[{"reference":"Location/site-001"}]}\n'
        '{"resourceType":"Location","id":"site-001","name":"Benchmark site","address":{"country":"US"}}\n'
        '{"resourceType":"Organization","id":"laboratory","name":"Hospital laboratory"}\n'
    )


def observation_lines(count: int, rng: random.Random, subjects: int) -> Iterator[str]:
    """Return `count` Observations: subject after subject, visit after visit, the forty tests in turn."""
    tests = numeric_results(rng) + worded_results(rng)
    per_subject = -(-count // subjects)
    for at in range(count):
        who, within = divmod(at, per_subject)
        visit, which = divmod(within, len(tests))
        day = START + timedelta(who % 300 + 14 * visit)
        stamp = f"{8 + who % 3:02d}:{(7 * which + who) % 60:02d}:{at % 60:02d}-05:00"
        code, result, ranges, specimen = tests[which][int(rng.random() * 200)]
        said = {"at": at, "who": who, "visit": visit, "code": code, "result": result, "range": ranges}
        yield HEAD.format(**said, specimen=specimen, taken=f"{day}T{stamp}", issued=f"{day}T15{stamp[2:]}")


def write_observations(path: Path, count: int = 200_000, seed: int = 1, most_subjects: int = SUBJECTS) -> int:
    """Return how many bytes were written to `path`: the study, its subjects, then `count` Observations.

    There are as many subjects as are named, or fewer where that would leave a subject without every test.
    """
    rng = random.Random(seed)
    subjects = max(1, min(most_subjects, count // (len(NUMERIC) + len(WORDS))))
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(study_lines())
        out.writelines(subject_lines(who) for who in range(subjects))
        out.writelines(observation_lines(count, rng, subjects))
    return path.stat().st_size


if __name__ == "__main__":
    print(write_observations(Path(sys.argv[1]), *(int(said) for said in sys.argv[2:])))
