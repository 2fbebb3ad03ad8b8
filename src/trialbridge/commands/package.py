"""``trialbridge package`` and ``trialbridge verify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbridge.commands.outcome import Done, Json, console, print_json
from trialbridge.commands.under_rules import published_rules, under_rules, with_define

if TYPE_CHECKING:
    from trialbridge.converters.validation_summary import ValidationSummary
    from trialbridge.core_rules.model import CoreRule
    from trialbridge.dispositions import Dispositions


def package(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run folder, or datasets with a define.xml.")
    ],
    out: Annotated[Path, typer.Option(help="An empty folder, which will hold m5.")],
    study: Annotated[str, typer.Option(help="Name of the study's folder; STUDYID without it.")] = "",
    limit: Annotated[
        int, typer.Option("--split-at", min=1, help="Bytes of a transport file from which it is split, too.")
    ] = 5_000_000_000,
    dispositions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Why findings stay; else dispositions.toml in DIR."),
    ] = None,
    core_rules: Annotated[
        Path | None,
        typer.Option(help="CDISC's open rules, your own copy, for the guide: a file, or a folder."),
    ] = None,
    dataset_json: Annotated[
        bool, typer.Option("--dataset-json", help="Take the Dataset-JSON of the run along.")
    ] = False,
    json: Json = False,
) -> None:
    """Put datasets, their description and a draft of the guide where a regulator looks for them."""
    from trialbridge.converters.package import Packaging
    from trialbridge.converters.package import package as write_package
    from trialbridge.converters.report import to_json

    published = published_rules(core_rules)

    def judge(inside: Path, said: Dispositions) -> ValidationSummary:
        return _judged(inside, said, published)

    order = Packaging(folder, out, study, limit, dispositions, dataset_json)
    files = write_package(order, _name_documents, judge)
    names = [path.relative_to(out).as_posix() for path in files]
    if json:
        print_json(to_json({"files": names}))
    else:
        for name in names:
            console().print(name, highlight=False, soft_wrap=True)


def _judged(folder: Path, dispositions: Dispositions, published: Sequence[CoreRule]) -> ValidationSummary:
    """Return what the rules find in the folder of a package."""
    from trialbridge.converters.validate import Wanted, read_package
    from trialbridge.converters.validation_summary import summarise_validation

    package = with_define(read_package([folder], Wanted()), "")
    return summarise_validation(
        package, under_rules(package, "", published), [folder], dispositions=dispositions
    )


def _name_documents(folder: Path, crf: Mapping[str, str], supplements: Mapping[str, str]) -> None:
    """Name the documents of a package in its define.xml, and write its page again."""
    from trialbridge.define_xml.documents import with_documents
    from trialbridge.define_xml.html import write_define_html
    from trialbridge.define_xml.read import read_define
    from trialbridge.define_xml.write import write_define

    define = with_documents(read_define(folder / "define.xml"), crf, supplements)
    write_define(define, folder / "define.xml")
    write_define_html(define, folder / "define.html")


def verify(
    folder: Annotated[Path, typer.Argument(metavar="M5_ROOT", help="What trialbridge package wrote.")],
    json: Json = False,
) -> None:
    """Hash every file of a package again, read every dataset, and check its define.xml."""
    from trialbridge.converters.report import CLEAN, FINDINGS, findings_table, to_json
    from trialbridge.converters.verify_package import verify as verify_package
    from trialbridge.define_xml.check import check_define

    found = verify_package(folder)
    found += [one for path in sorted(folder.rglob("define.xml")) for one in check_define(path)]
    grave = [one for one in found if one.severity == "error"]
    if json:
        print_json(to_json(found))
    else:
        console().print(findings_table(found) if found else f"{folder}: every file is as it was packaged")
    raise Done(FINDINGS if grave else CLEAN)
