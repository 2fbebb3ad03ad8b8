"""A laboratory dataset of 25 columns as SAS XPT, written and read: beside pyreadstat and nbase-converter.

Run ``python benchmarks/xpt.py [--rows N] [--rounds N]``. Each case runs in a process of its own, the tools
in turn (A B C A B C ...); the table gives medians. The clock covers the operation alone: imports and the
frame to write are there before. Memory is the peak above that state. A tool that is not installed is named
and left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather

SEED = 20_140_102
SUBJECTS = 5_000

# name -> width, number of different values, share that is missing
CHAR = {
    "STUDYID": (12, 1, 0.0),
    "DOMAIN": (2, 1, 0.0),
    "USUBJID": (11, SUBJECTS, 0.0),
    "LBTESTCD": (8, 60, 0.0),
    "LBTEST": (40, 60, 0.0),
    "LBCAT": (10, 3, 0.0),
    "LBORRES": (8, 4_000, 0.02),
    "LBORRESU": (8, 20, 0.05),
    "LBORNRLO": (6, 50, 0.1),
    "LBORNRHI": (6, 50, 0.1),
    "LBSTRESC": (8, 4_000, 0.02),
    "LBSTRESU": (10, 20, 0.05),
    "LBNRIND": (8, 3, 0.1),
    "LBSPEC": (12, 5, 0.0),
    "LBLOINC": (7, 60, 0.02),
    "VISIT": (49, 15, 0.0),
    "LBDTC": (19, 20_000, 0.01),
}
NUM = {
    "LBSEQ": (False, 0.0),
    "LBSTRESN": (True, 0.1),
    "LBSTNRLO": (True, 0.15),
    "LBSTNRHI": (True, 0.15),
    "VISITNUM": (False, 0.0),
    "LBDY": (False, 0.03),
    "LBTPTNUM": (False, 0.6),
    "LBDUR": (True, 0.9),
}
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", np.uint8)


def laboratory(rows: int) -> pa.Table:
    """Return the seeded frame: 17 character and 8 numeric columns, 288 bytes a row in XPT."""
    draw = np.random.default_rng(SEED)
    columns = {}
    for name, (width, distinct, missing) in CHAR.items():
        lengths = draw.integers(max(1, width // 3), width + 1, distinct)
        lengths[0] = width
        texts = [LETTERS[draw.integers(0, len(LETTERS), length)].tobytes().decode() for length in lengths]
        which = np.arange(rows) * SUBJECTS // rows if name == "USUBJID" else draw.integers(0, distinct, rows)
        columns[name] = pa.array(texts).take(pa.array(which, mask=draw.random(rows) < missing))
    for name, (decimal, missing) in NUM.items():
        values = draw.normal(100, 40, rows).round(2) if decimal else draw.integers(1, 400, rows).astype(float)
        columns[name] = pa.array(values, mask=draw.random(rows) < missing)
    return pa.table(columns)


def write_ours(folder: Path) -> Callable[[], object]:
    """Return the write of this package, with its checks."""
    from trialbridge.converters.write_xpt import write_xpt  # noqa: PLC0415
    from trialbridge.model import Dataset, Variable  # noqa: PLC0415

    table = frame(folder)
    variables = tuple(
        Variable(name, name.title(), "Char" if name in CHAR else "Num") for name in table.column_names
    )
    lb = Dataset("LB", "Laboratory Test Results", variables, table)
    created = datetime(2014, 1, 2, tzinfo=UTC)
    return lambda: write_xpt(lb, folder / "trialbridge.xpt", created=created)


def write_pyreadstat(folder: Path) -> Callable[[], object]:
    """Return pyreadstat's write, from its fastest input, a polars frame."""
    import polars  # noqa: ICN001, PLC0415
    import pyreadstat  # noqa: PLC0415

    lb = polars.from_arrow(frame(folder))
    target = str(folder / "pyreadstat.xpt")
    return lambda: pyreadstat.write_xport(lb, target, table_name="LB", file_format_version=5)


def write_nbase(folder: Path) -> Callable[[], object]:
    """Return nbase-converter's write, from Arrow."""
    import nbase_converter  # noqa: PLC0415

    lb = frame(folder)
    target = str(folder / "nbase.xpt")
    return lambda: nbase_converter.write_dataset(lb, target, target_format="xpt5", overwrite=True)


def read_ours(folder: Path) -> Callable[[], object]:
    """Return the read of this package."""
    from trialbridge.converters.read_xpt import read_xpt  # noqa: PLC0415

    return lambda: read_xpt(folder / "lb.xpt").table


def read_pyreadstat(folder: Path) -> Callable[[], object]:
    """Return pyreadstat's read into polars."""
    import polars  # noqa: F401, ICN001, PLC0415
    import pyreadstat  # noqa: PLC0415

    return lambda: pyreadstat.read_xport(str(folder / "lb.xpt"), output_format="polars")


def read_nbase(folder: Path) -> Callable[[], object]:
    """Return nbase-converter's read into Arrow."""
    import nbase_converter  # noqa: PLC0415

    return lambda: nbase_converter.read_dataset(str(folder / "lb.xpt"), output="arrow").data


CASES = {
    "write": {"trialbridge": write_ours, "pyreadstat": write_pyreadstat, "nbase-converter": write_nbase},
    "read": {"trialbridge": read_ours, "pyreadstat": read_pyreadstat, "nbase-converter": read_nbase},
}
NEEDS = {
    "trialbridge": ("trialbridge",),
    "pyreadstat": ("pyreadstat", "polars"),
    "nbase-converter": ("nbase_converter", "orjson"),
}


def frame(folder: Path) -> pa.Table:
    """Return the frame to write, all of it in memory."""
    return pa.feather.read_table(folder / "lb.arrow", memory_map=False)


def memory(which: str) -> int:
    """Return resident memory in bytes, ``VmRSS`` now or ``VmHWM`` at its peak; 0 where it is not told."""
    status = Path("/proc/self/status")
    found = re.search(rf"{which}:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def run_case(direction: str, tool: str, folder: Path) -> None:
    """Print the seconds and the memory of one case, as JSON."""
    operation = CASES[direction][tool](folder)
    before = memory("VmRSS")
    if before:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak begins anew
    start = time.perf_counter()
    kept = operation()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory": memory("VmHWM") - before, "kept": kept is not None}))


def measure(direction: str, tool: str, folder: Path) -> dict[str, Any]:
    """Return what one case took, in a process of its own."""
    command = [sys.executable, __file__, "--case", direction, tool, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def installed(tool: str) -> bool:
    """Return whether all that `tool` needs can be imported; say so where not."""
    missing = [name for name in NEEDS[tool] if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{tool} is left out: {', '.join(missing)} not installed (the extra `bench` has it)")
    return not missing


def compare(rows: int, rounds: int) -> None:
    """Run all cases in turn and print the table."""
    tools = [tool for tool in NEEDS if installed(tool)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = laboratory(rows)
        pa.feather.write_feather(table, folder / "lb.arrow", compression="uncompressed")
        size = table.nbytes
        del table
        write_ours(folder)()
        (folder / "trialbridge.xpt").rename(folder / "lb.xpt")
        file_size = (folder / "lb.xpt").stat().st_size
        sizes = f"{size / 1e6:.0f} MB in Arrow, {file_size / 1e6:.0f} MB as XPT"
        print(f"{rows:,} rows, {len(CHAR) + len(NUM)} columns: {sizes}; {rounds} rounds")
        print("       tool              seconds       min-max   vs pyreadstat  MB/s  peak above  of frame")
        for direction in CASES:
            runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in tools}
            for _ in range(rounds):
                for tool in tools:
                    runs[tool].append(measure(direction, tool, folder))
            report(direction, runs, size, file_size)


def report(direction: str, runs: dict[str, list[dict[str, Any]]], size: int, file_size: int) -> None:
    """Print a line for each tool: medians, and how many times as fast as pyreadstat."""
    medians = {tool: statistics.median(run["seconds"] for run in each) for tool, each in runs.items()}
    for tool, each in runs.items():
        seconds = [run["seconds"] for run in each]
        peak = statistics.median(run["memory"] for run in each)
        ratio = f"{medians['pyreadstat'] / medians[tool]:.1f}x" if "pyreadstat" in medians else "-"
        spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
        speed = file_size / 1e6 / medians[tool]
        print(
            f"{direction:6} {tool:16} {medians[tool]:8.2f} {spread:>13} {ratio:>15} {speed:5.0f} "
            f"{peak / 1e6:8.0f} MB {peak / size:8.2f}x"
        )


def main() -> None:
    """Compare, or run the one case that a comparison asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        direction, tool = options.case
        run_case(direction, tool, options.folder)
    else:
        compare(options.rows, options.rounds)


if __name__ == "__main__":
    main()
