"""Look at every resource that a package of SDTM becomes: by the output gate, and by fhir.resources.

Run ``python tools/check_fhir_output.py PACKAGE... [--fhir R4 --fhir R4B]``. Exit code 1 where one of the two
finds a fault. That library reads R4 as R4B: what is written differs in nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from trialbridge.converters.datasets_to_fhir import DatasetsToFhir
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.elements import Version


def model(kind: str, release: Version) -> Any:
    """Return the model of a resource type."""
    package = "fhir.resources." if release == "R5" else "fhir.resources.R4B."
    return getattr(import_module(package + kind.lower()), kind)


def check(package: Path, release: Version) -> tuple[Counter[str], list[str]]:
    """Return how many resources of each type there are, and what is wrong."""
    conversion = DatasetsToFhir(read_sdtm([package])[0], release)
    counts: Counter[str] = Counter()
    faults = []
    for block in conversion:
        for line in block:
            counts[line.kind] += 1
            try:
                model(line.kind, release).model_validate_json(line.text)
            except ValueError as error:
                faults.append(f"{line.kind}/{line.id}: {error}")
    return counts, [*faults, *(f"{one.resource}: {one.path}: {one.message}" for one in conversion.findings)]


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", type=Path, nargs="+")
    parser.add_argument("--fhir", action="append", choices=("R4", "R4B", "R5"))
    options = parser.parse_args()
    wrong = 0
    for package in options.packages:
        for release in options.fhir or ("R4", "R4B", "R5"):
            counts, faults = check(package, release)
            wrong += len(faults)
            print(
                f"{package.name} {release}: {counts.total():,} resources, {len(faults):,} faults", flush=True
            )
            for fault in faults[:5]:
                print(f"  {fault}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
