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


class Judged(NamedTuple):
    """One code of the mapping file, and what is to be said of ours.

    Attributes:
        loinc: The LOINC code.
        name: LOINC's short name.
        variable: ``TESTCD`` or ``SPEC``.
        ours: Our value; empty where we have none.
        theirs: The file's values.
        agrees: Whether they agree, or ours is the current target of a term that was retired.
        retired: Whether the file's term is no longer in the terminology.
    """

    loinc: str
    name: str
    variable: str
    ours: str
    theirs: str
    agrees: bool
    retired: bool = False


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


def judged(mapping: dict[str, Mapped], current: frozenset[str]) -> Iterator[Judged]:
    """Yield every code that both hold, and every retired one, with test code and specimen.

    A term that was retired agrees with its current target; it is wrong to omit the code or to keep the term.
    """
    for code, theirs in mapping.items():
        row, retired = loinc(code), not theirs.testcds & current
        words = "/".join(sorted(theirs.testcds))
        if row is None:
            if retired:
                yield Judged(code, theirs.name, "TESTCD", "", words, agrees=False, retired=True)
            continue
        moved = retired and row.testcd not in theirs.testcds | {""}
        same = (row.testcd in theirs.testcds and not retired) or moved or _moved(row, theirs)
        yield Judged(code, theirs.name, "TESTCD", f"{row.domain}.{row.testcd}", words, same, retired)
        if row.domain == "LB":
            specs = "/".join(sorted(theirs.specs))
            yield Judged(code, theirs.name, "SPEC", row.spec, specs, row.spec in theirs.specs)


def _moved(row: LoincRow, theirs: Mapped) -> bool:
    """Return whether a term of the file lives on under its own name in another domain."""
    return row.domain != "LB" and row.testcd in theirs.testcds


def share(part: int, whole: int) -> str:
    """Return a share as text, such as ``467 of 470 (99.4 %)``."""
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "0 of 0"


def agreement(mapping: dict[str, Mapped], current: frozenset[str], variable: str) -> tuple[int, int]:
    """Return on how many codes we agree about a variable, and of how many."""
    found = [item for item in judged(mapping, current) if item.variable == variable]
    return sum(item.agrees for item in found), len(found)


def print_agreement(mapping: dict[str, Mapped], current: frozenset[str]) -> None:
    """Print how far the crosswalk and the mapping file agree, and each code on which they do not."""
    rows = our_rows()
    both = sum(row.loinc in mapping for row in rows)
    print(f"codes in the crosswalk: {len(rows)}; of the mapping file's codes: {share(both, len(mapping))}")
    for variable in ("TESTCD", "SPEC"):
        print(f"{variable} agrees: {share(*agreement(mapping, current, variable))}")
    retired = [item for item in judged(mapping, current) if item.retired]
    print(
        f"retired terms with their current target: {share(sum(one.agrees for one in retired), len(retired))}"
    )
    for item in judged(mapping, current):
        if not item.agrees:
            print(f"  {item.loinc} {item.name}: {item.variable} ours {item.ours!r}, theirs {item.theirs!r}")


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


def measured(folder: Path) -> Counter[tuple[str, str]]:
    """Return code and display of each LOINC-coded result of the laboratory or vital sign -> how often."""
    seen: Counter[tuple[str, str]] = Counter()
    for document in resources(folder):
        for observation in filter(is_measured, observations(document)):
            seen.update(loincs(observation))
    return seen


def print_coverage(folder: Path) -> Counter[bool]:
    """Print and return how many laboratory and vital-sign results of a folder get a test code."""
    seen = measured(folder)
    known: Counter[bool] = Counter()
    for (code, _), count in seen.items():
        known[loinc(code) is not None] += count
    print(f"{folder.name}: {share(known[True], known.total())} LOINC-coded results get a test code")
    for code, display in sorted(seen):
        if loinc(code) is None:
            print(f"  {code} {display}: {seen[code, display]} not mapped")
    return known


def main() -> None:
    """Print agreement, then the coverage of each folder named."""
    mapping, terminology, *folders = (Path(name) for name in sys.argv[1:])
    print_agreement(read_mapping(mapping), read_testcodes(terminology))
    known = sum((print_coverage(folder) for folder in folders), Counter[bool]())
    if folders:
        print(f"together: {share(known[True], known.total())} LOINC-coded results get a test code")


if __name__ == "__main__":
    main()
