"""200,000 laboratory Observations to LB as SAS XPT, everything on: beside a read of them with fhir.resources.

Run ``python benchmarks/fhir_to_sdtm.py [--count N] [--rounds N]``. The clock covers whole processes, from the
start of the interpreter to its end: ``trialbridge convert``, with terminology, derivations, define.xml,
ledger, census, provenance and worklist. A first run compiles the modules, as an installation does. The peer
only parses and validates a sample of the same Observations, after its imports; its rate is what is compared.
The steps are those of one more run, without define.xml, whose processes start no earlier than it reads.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from observations import write_observations

SAMPLE = 20_000
COMPILED = 2_000
"""Observations of a first run, which compiles the modules and is not measured."""

COMMAND = "import sys; from trialbridge.cli import main; sys.exit(main())"


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once, as after any installation."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def convert(source: Path, folder: Path) -> dict[str, Any]:
    """Return wall seconds, processor seconds and peak memory of ``trialbridge convert``."""
    arguments = ["convert", str(source), "--out", str(folder / "run"), "--force", "--json"]
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-c", COMMAND, *arguments]
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment(folder))
        _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode > 2 or not (folder / "run" / "sdtm" / "lb.xpt").exists():
        sys.exit((folder / "log").read_text())
    return {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}


def case_steps(source: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of each step of a run in this process."""
    start = time.perf_counter()
    from trialbridge.lean import become_lean  # noqa: PLC0415 -- the import is measured

    become_lean()
    from trialbridge.converters.to_sdtm import to_sdtm  # noqa: PLC0415 -- the same
    from trialbridge.converters.write_run import header_date, write_run  # noqa: PLC0415 -- the same

    steps = {"import": time.perf_counter() - start}
    conversion = to_sdtm([source])
    start = time.perf_counter()
    write_run(conversion, folder / "steps", created=header_date(conversion), force=True)
    return {**steps, **conversion.seconds, "write": time.perf_counter() - start}


def case_peer(source: Path, folder: Path) -> dict[str, float]:  # noqa: ARG001 -- a case
    """Return how many Observations fhir.resources reads in a second."""
    from fhir.resources.R4B.observation import Observation  # noqa: PLC0415 -- only this case needs it

    with source.open("rb") as file:
        lines = (line for line in file if line.startswith(b'{"resourceType":"Observation"'))
        sample = [line for line, _ in zip(lines, range(SAMPLE), strict=False)]
    start = time.perf_counter()
    for line in sample:
        Observation.model_validate_json(line)
    return {"rate": len(sample) / (time.perf_counter() - start)}


CASES = {"steps": case_steps, "peer": case_peer}


def measure(case: str, source: Path, folder: Path) -> dict[str, float]:
    """Return what one case measured, in a process of its own."""
    command = [sys.executable, __file__, "--case", case, str(source), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(folder))
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compare(count: int, rounds: int) -> None:
    """Run both in turn, then the steps, and print the tables."""
    peer = importlib.util.find_spec("fhir") is not None
    if not peer:
        print("fhir.resources is left out: not installed (the extra `bench` has it)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "observations.ndjson"
        size = write_observations(source, count)
        print(f"{count:,} Observations, {size / 1e6:.0f} MB; {rounds} rounds, {os.cpu_count()} processors")
        few = folder / "few.ndjson"
        write_observations(few, COMPILED)
        convert(few, folder)
        runs, rates = [], []
        for _ in range(rounds):
            runs.append(convert(source, folder))
            if peer:
                rates.append(measure("peer", source, folder)["rate"])
        report(count, runs, rates)
        steps(measure("steps", source, folder))


def report(count: int, runs: Sequence[dict[str, float]], rates: Sequence[float]) -> None:
    """Print the medians of the whole process, and the peer's rate beside it."""
    seconds = [run["seconds"] for run in runs]
    cpu, peak = (statistics.median(run[name] for run in runs) for name in ("cpu", "peak"))
    rate = count / statistics.median(seconds)
    print("                 seconds       min-max  CPU s  Observations/s  largest process")
    spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
    median = statistics.median(seconds)
    print(f"trialbridge      {median:7.2f} {spread:>13} {cpu:6.2f} {rate:15,.0f} {peak / 1e6:13.0f} MB")
    if rates:
        other = statistics.median(rates)
        print(f"fhir.resources   {count / other:7.2f} (read only, of {SAMPLE:,}) {other:14,.0f}")
        print(f"trialbridge converts {rate / other:.1f} times as fast as fhir.resources reads")


def steps(measured: dict[str, float]) -> None:
    """Print where the time of one run went."""
    total = sum(measured.values())
    print("step         seconds  share")
    for step, seconds in measured.items():
        print(f"{step:12} {seconds:7.2f} {seconds / total:6.0%}")


def main() -> None:
    """Compare, or run the one case that a comparison asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", nargs=3, metavar=("CASE", "FILE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        case, source, folder = options.case
        print(json.dumps(CASES[case](Path(source), Path(folder))))
    else:
        compare(options.count, options.rounds)


if __name__ == "__main__":
    main()
