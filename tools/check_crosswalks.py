"""Measure the LOINC crosswalk: agreement with CDISC's LOINC-to-LB mapping, and coverage of real FHIR data.

Usage: python tools/check_crosswalks.py MAPPING.csv.gz TERMINOLOGY.csv.gz [FHIR_FOLDER ...]

The mapping file is CDISC's and LOINC's; it is read where the user keeps it and never copied.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trialbridge.crosswalks import LoincRow, crosswalk, loinc

LOINC = "http://loinc.org"
MEASURED = {"laboratory", "vital-signs"}
TESTCODES = "C65047"


class Mapped(NamedTuple):
    """What the mapping file says of one LOINC code: one value or several."""

    name: str
    testcds: frozenset[str]
    specs: frozenset[str]


class Disagreement(NamedTuple):
    """One code on which the two differ."""

    loinc: str
    name: str
    variable: str
    ours: str
    theirs: str
    retired: bool


def read_mapping(path: Path) -> dict[str, Mapped]:
    """Return the mapping file by LOINC code."""
    names: dict[str, str] = {}
    testcds, specs = defaultdict(set), defaultdict(set)
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            code = row["LOINC Code"]
            names[code] = row["LOINC Short Name"]
            testcds[code].add(row["CDISC LBTESTCD"])
            specs[code].add(row["CDISC LBSPEC"])
    return {
        code: Mapped(name, frozenset(testcds[code]), frozenset(specs[code])) for code, name in names.items()
    }


def read_testcodes(path: Path) -> frozenset[str]:
    """Return the LBTESTCD terms of a terminology table."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return frozenset(row["submission_value"] for row in rows if row["codelist_code"] == TESTCODES)


def our_rows() -> list[LoincRow]:
    """Return every row of the crosswalk."""
    return [LoincRow(**row) for row in crosswalk("loinc").rows]


def disagreements(mapping: dict[str, Mapped], current: frozenset[str]) -> Iterator[Disagreement]:
    """Yield each code in both whose test code or specimen differs."""
    for row in our_rows():
        theirs = mapping.get(row.loinc)
        if theirs is None:
            continue
        if row.testcd not in theirs.testcds:
            retired = not theirs.testcds & current
            words = "/".join(sorted(theirs.testcds))
            yield Disagreement(row.loinc, theirs.name, "TESTCD", row.testcd, words, retired)
        if row.domain == "LB" and row.spec not in theirs.specs:
            words = "/".join(sorted(theirs.specs))
            yield Disagreement(row.loinc, theirs.name, "SPEC", row.spec, words, retired=False)


def share(part: int, whole: int) -> str:
    """Return a share as text, such as ``467 of 470 (99.4 %)``."""
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "0 of 0"


def print_agreement(mapping: dict[str, Mapped], current: frozenset[str]) -> None:
    """Print how far the crosswalk and the mapping file agree, and each code on which they do not."""
    rows = our_rows()
    both = [row for row in rows if row.loinc in mapping]
    lab = sum(row.domain == "LB" for row in both)
    found = list(disagreements(mapping, current))
    wrong = Counter(item.variable for item in found if not item.retired)
    print(f"codes in the crosswalk: {len(rows)}; also in the mapping file: {len(both)} of its {len(mapping)}")
    print(f"TESTCD agrees, or ours is the current target: {share(len(both) - wrong['TESTCD'], len(both))}")
    print(f"SPEC agrees (LB): {share(lab - wrong['SPEC'], lab)}")
    for item in found:
        note = " (theirs is no longer in the terminology)" if item.retired else ""
        print(f"  {item.loinc} {item.name}: {item.variable} ours {item.ours!r}, theirs {item.theirs!r}{note}")


def resources(folder: Path) -> Iterator[Any]:
    """Yield every JSON document of a folder: JSON and NDJSON, gzipped or not."""
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        if ".ndjson" in path.name:
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
        else:
            yield json.loads(text)


def observations(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every Observation inside a JSON document."""
    if isinstance(node, dict):
        if node.get("resourceType") == "Observation":
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from observations(item)


def loincs(observation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield code and display of each LOINC coding of an Observation and its components that has a value."""
    for part in [observation, *observation.get("component", [])]:
        if any(name.startswith("value") for name in part):
            for coding in part.get("code", {}).get("coding", []):
                if coding.get("system") == LOINC:
                    yield coding.get("code", ""), coding.get("display", "")


def is_measured(observation: dict[str, Any]) -> bool:
    """Return whether an Observation is of the laboratory or a vital sign."""
    codings = [coding for item in observation.get("category", []) for coding in item.get("coding", [])]
    return bool(MEASURED & {coding.get("code") for coding in codings})


def print_coverage(folder: Path) -> None:
    """Print how many of the laboratory and vital-sign codes of a folder the crosswalk knows."""
    seen: Counter[tuple[str, str]] = Counter()
    for document in resources(folder):
        for observation in filter(is_measured, observations(document)):
            seen.update(loincs(observation))
    codes = {code for code, _ in seen}
    known = {code for code in codes if loinc(code)}
    print(f"{folder.name}: {share(len(known), len(codes))} codes with a value are known")
    for code, display in sorted(seen):
        if code not in known:
            print(f"  {code} {display}: {seen[code, display]} not mapped")


def main() -> None:
    """Print agreement, then the coverage of each folder named."""
    mapping, terminology, *folders = (Path(name) for name in sys.argv[1:])
    print_agreement(read_mapping(mapping), read_testcodes(terminology))
    for folder in folders:
        print_coverage(folder)


if __name__ == "__main__":
    main()
