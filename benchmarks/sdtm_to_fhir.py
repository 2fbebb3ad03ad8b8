"""Laboratory records of SDTM to FHIR R4 as NDJSON: 200,000, a quarter of them, and four times as many.

Run ``python benchmarks/sdtm_to_fhir.py [--count N] [--rounds N]``. The package is what ``trialbridge
convert`` makes of the Observations of `observations.py`. The clock covers whole processes, from the start of
the interpreter to its end: ``trialbridge convert --to fhir``, with the proof that each record can be read
again, the output gate, the summary and the manifest. Each subject has a hundred records, so that the three
sizes tell whether memory grows with the number of subjects.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from observations import write_observations

EACH = 100
"""Records of a subject."""

COMMAND = "import sys; from trialbridge.cli import main; sys.exit(main())"


class Run(NamedTuple):
    """Wall seconds, processor seconds of all processes, and the peak memory of the largest in bytes."""

    seconds: float
    cpu: float
    peak: int


def trialbridge(*arguments: str, log: Path) -> Run:
    """Return what a command took."""
    start = time.perf_counter()
    with log.open("w") as file:
        child = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], stdout=file, stderr=file)
        _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode > 2:
        sys.exit(log.read_text())
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def package(folder: Path, count: int) -> Path:
    """Return a folder of transport files with `count` laboratory records."""
    source = folder / f"{count}.ndjson"
    write_observations(source, count, most_subjects=count // EACH)
    out = folder / f"package{count}"
    trialbridge("convert", str(source), "--out", str(out), "--force", log=folder / "log")
    source.unlink()
    return out / "sdtm"


def convert(source: Path, folder: Path) -> Run:
    """Return what the conversion to FHIR took."""
    out = folder / "fhir"
    return trialbridge(
        "convert", str(source), "--to", "fhir", "--out", str(out), "--force", log=folder / "log"
    )


def observations(folder: Path) -> int:
    """Return how many Observations were written."""
    summary = json.loads((folder / "fhir" / "run" / "summary.json").read_text())
    return int(summary["resources"]["Observation"])


def compare(count: int, rounds: int) -> None:
    """Run the sizes in turn, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{rounds} rounds, {os.cpu_count()} processors")
        print("Observations  seconds       min-max  CPU s  Observations/s  per CPU s  largest process")
        for size in (count // 4, count, 4 * count):
            source = package(folder, size)
            runs = [convert(source, folder) for _ in range(rounds)]
            report(observations(folder), runs)


def report(count: int, runs: list[Run]) -> None:
    """Print the medians of one size."""
    seconds, cpu, peak = (statistics.median(values) for values in zip(*runs, strict=True))
    spread = f"{min(run.seconds for run in runs):.2f}-{max(run.seconds for run in runs):.2f}"
    print(
        f"{count:12,} {seconds:8.2f} {spread:>13} {cpu:6.2f} {count / seconds:15,.0f} {count / cpu:10,.0f}"
        f" {peak / 1e6:13.0f} MB"
    )


def main() -> None:
    """Compare three sizes of a study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    compare(options.count, options.rounds)


if __name__ == "__main__":
    main()
