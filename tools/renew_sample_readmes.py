"""Write the numbers of records in the samples' READMEs anew: ``python tools/renew_sample_readmes.py``."""

from __future__ import annotations

from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.samples import generate
from trialbridge.samples.tables import folder_of, renewed
from trialbridge.study import read_study


def renew(registry: str) -> None:
    """Convert a sample with its bad records, as the demo does, and write what it counts into its README."""
    folder = folder_of(registry)
    inputs = [folder / generate.PACKAGE, folder / generate.BAD_RECORDS]
    found = to_sdtm(inputs, read_study(folder / generate.SETTINGS), processes=1)
    readme = folder / "README.md"
    tables = {dataset.name: dataset.table for dataset in found.datasets}
    readme.write_text(renewed(readme.read_text("utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    for one in generate.TRIALS:
        renew(one)
