"""The options of commands, each with its name and its words, for whichever commands have it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Release(StrEnum):
    """FHIR releases."""

    R4 = "R4"
    R4B = "R4B"
    R5 = "R5"


class Form(StrEnum):
    """How FHIR resources are put into files."""

    NDJSON = "ndjson"
    BUNDLE = "bundle"


class Units(StrEnum):
    """Systems of standard units."""

    SI = "SI"
    CONVENTIONAL = "conventional"
    BOTH = "both"


Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT...",
        help="FHIR files, folders, NDJSON, .gz, .zip; with --to fhir: XPT, Dataset-JSON, SAS7BDAT, CSV.",
    ),
]
RunFolder = Annotated[Path, typer.Option("--out", help="The run folder.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="study.toml", help="The settings of the study.")
]
StudyName = Annotated[
    str,
    typer.Option("--study", help="The study, where the input names none; every Patient is a subject then."),
]
Formats = Annotated[str, typer.Option("--format", help="Besides xpt: dataset-json, ndjson, dsjc, parquet.")]
UnitSystem = Annotated[
    Units | None,
    typer.Option("--units", help="System of the standard units; both: LB in SI, LC in conventional."),
]
Terms = Annotated[str, typer.Option("--ct", help="Date of the controlled terminology.")]
Packages = Annotated[
    Path | None,
    typer.Option("--terminology", metavar="DIR", help="The folder of imported terminology packages."),
]
Decided = Annotated[
    Path | None,
    typer.Option("--decisions", metavar="FILE", help="What people decided about unknown codes and texts."),
]
LoincFile = Annotated[
    Path | None,
    typer.Option("--loinc", metavar="FILE", help="Your own copy of CDISC's LOINC-to-LB mapping file."),
]
Processes = Annotated[int | None, typer.Option("--processes", min=1, help="How many processes read.")]
ReleaseOf = Annotated[
    Release | None,
    typer.Option("--fhir", help="FHIR release: to write (R4 without it), or of the input where it is known."),
]
FormOf = Annotated[
    Form, typer.Option("--as", help="With --to fhir: NDJSON by type, or a transaction Bundle a subject.")
]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that is no run of trialbridge.")]
Blinded = Annotated[
    bool, typer.Option("--blinded", help="Mask arms, product, doses and what [blinded] lists.")
]
StableSeq = Annotated[
    Path | None,
    typer.Option("--stable-seq", metavar="RUN", help="The run of an earlier cut, whose --SEQ stay."),
]
