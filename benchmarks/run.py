"""All benchmarks, one after the other; ``make bench`` calls this."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = ("xpt.py", "fhir_to_sdtm.py", "sdtm_to_fhir.py")


def main() -> int:
    """Return the exit code of the first benchmark that fails, else 0."""
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        done = subprocess.run([sys.executable, Path(__file__).with_name(name)], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
