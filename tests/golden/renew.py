"""Write the hashes of the sample's outputs anew, after a change that was meant."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from trialbridge import cli

SAMPLE = Path(str(files("trialbridge.samples"))) / "nct06737380"


def main() -> None:
    """Convert the sample and keep the hash of each file that users are given."""
    with TemporaryDirectory() as folder:
        out = Path(folder, "sample")
        inputs = ["convert", str(SAMPLE / "resources.zip"), "--to", "sdtm", "--out", str(out)]
        cli.main([*inputs, "--config", str(SAMPLE / "study.toml")])
        found = {
            path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(out.rglob("*"))
            if path.is_file() and path.suffix in {".xpt", ".xml", ".html"}
        }
    target = Path(__file__).parent / "sample.json"
    target.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
