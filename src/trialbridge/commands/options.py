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


class Only(StrEnum):
    """The parts of a validation that can be asked for alone."""

    XPT = "xpt"
    DEFINE = "define"
    TRC = "trc"
    CONTENT = "content"


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
Sources = Annotated[
    list[Path],
    typer.Argument(metavar="DIR|FILE...", help="A folder of datasets with define.xml, or single files."),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report", help="A report: .xlsx, .html, .json, .sarif or .xml (JUnit). Repeat for several."
    ),
]
OnlyPart = Annotated[Only | None, typer.Option("--only", help="One part of the rules; trc is the gate.")]
Guide = Annotated[
    str, typer.Option("--ig", help="Version of SDTMIG, against what the files say, such as 3.4.")
]
TermsHeld = Annotated[str, typer.Option("--ct", help="Release of controlled terminology, by its date.")]
TaggingFile = Annotated[Path | None, typer.Option("--stf", help="The eCTD's study tagging file.")]
DefineElsewhere = Annotated[Path | None, typer.Option("--define", help="A define.xml that lies elsewhere.")]
CoreRules = Annotated[
    Path | None,
    typer.Option("--core-rules", help="CDISC's open rules, your own copy: a JSON or YAML file, or a folder."),
]
DispositionsFile = Annotated[
    Path | None,
    typer.Option(
        "--dispositions",
        metavar="FILE.toml",
        help="Why findings stay; without it, dispositions.toml beside them.",
    ),
]
AddDispositions = Annotated[
    bool, typer.Option("--add-dispositions", help="Add a blank block for each new cause to that file.")
]
Since = Annotated[
    Path | None,
    typer.Option("--since", metavar="RUN.json", help="The --report of an earlier run: what is new?"),
]
OtherReport = Annotated[
    Path | None,
    typer.Option(
        "--compare", metavar="REPORT", help="A report of Pinnacle 21 or CDISC CORE to compare with."
    ),
]
Fix = Annotated[
    Path | None,
    typer.Option(
        "--fix", metavar="OUT", help="Write a repaired copy and a log of every change; never in place."
    ),
]
