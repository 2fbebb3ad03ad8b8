"""``trialbridge terminology``: import, list, lookup, diff, conceptmap."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trialbridge.commands.decide import decide, suggest
from trialbridge.commands.outcome import Done, Json

if TYPE_CHECKING:
    from trialbridge.standards import Change, Hit, ReleaseFacts

NOTHING = 1
"""Exit code where nothing was found, or where two releases differ."""

SHOWN = 20
WIDEST = 60

terminology_app = typer.Typer(
    help="Controlled terminology: your own releases, their terms, and what a new release changes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

terminology_app.command("decide")(decide)
terminology_app.command("suggest")(suggest)

Folder = Annotated[
    Path | None, typer.Option("--terminology", metavar="DIR", help="The folder of imported packages.")
]
Ct = Annotated[str, typer.Option("--ct", help="A release: a date for SDTM, else such as adam-2026-03-27.")]


@terminology_app.command("import")
def terminology_import(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="NCI text, ODM-XML, .xlsx; CDISC Library JSON, CSV; .gz, .zip."
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the packages go; else your data folder.")
    ] = None,
    standard: Annotated[
        str, typer.Option(help="Such as SDTM or Define-XML, where the file does not say it.")
    ] = "",
    date: Annotated[str, typer.Option(help="The date of the release, where the file does not say it.")] = "",
    json: Json = False,
) -> None:
    """Make packages of the terminology that NCI and CDISC publish, one for each release."""
    from trialbridge.converters.read_terminology import read_terminology
    from trialbridge.converters.write_terminology import write_terminology
    from trialbridge.standards import data_folder, releases

    found = [one for file in files for one in read_terminology(file, standard, date)]
    folder = to or data_folder()
    written = write_terminology(found, folder)
    _show_releases([one for one in releases(folder) if one.name in written], json=json)


@terminology_app.command("list")
def terminology_list(ct: Ct = "", terminology: Folder = None, json: Json = False) -> None:
    """List the releases that there are, or the codelists of one of them."""
    from trialbridge.standards import codelists, release, releases

    if not ct:
        _show_releases(releases(terminology), json=json)
        return
    facts = codelists(release(ct, terminology))
    columns = ("code", "submission_value", "extensible", "terms", "name")
    _show([{name: getattr(one, name) for name in columns} for one in facts], json=json)


@terminology_app.command("lookup")
def terminology_lookup(
    text: Annotated[
        str,
        typer.Argument(
            metavar="CODE-OR-TEXT", help="NCI code, submission value, synonym, name; or a LOINC code."
        ),
    ],
    codelist: Annotated[str, typer.Option(help="Only in this codelist: its NCI code or name.")] = "",
    ct: Ct = "",
    terminology: Folder = None,
    json: Json = False,
) -> None:
    """Find terms by any of their names; where none has the text as a name, those that it is a part of."""
    from trialbridge.standards import DEFAULT_CT, lookup, parts, release

    if row := _loinc(text):
        _show([row], json=json)
        return
    of = release(ct or DEFAULT_CT, terminology)
    hits = lookup(text, of, codelist) or parts(text, of, codelist)
    _show([_hit(hit) for hit in (hits if json else hits[:SHOWN])], json=json)
    if not hits and not json:
        typer.echo(f"{text!r} names no term of {codelist or 'any codelist'} in {of}, and is part of no name")
    if not json and len(hits) > SHOWN:
        typer.echo(f"... and {len(hits) - SHOWN} more; --json shows them all")
    raise Done(0 if hits else NOTHING)


@terminology_app.command("diff")
def terminology_diff(
    old: Annotated[str, typer.Argument(help="A release.")],
    new: Annotated[str, typer.Argument(help="A later release.")],
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only what this run, or folder of SDTM data, uses.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="study.toml", help="Whose [terminology] folder counts.")
    ] = None,
    terminology: Folder = None,
    json: Json = False,
) -> None:
    """Say what changed from one release to another: in all terms, or in those that a study uses."""
    from trialbridge.standards import changes, release

    folder = terminology or _folder_of(config)
    before, after = release(old, folder), release(new, folder)
    found = changes(before, after) if run is None else _changes_in_use(run, before, after)
    _show([_change(one) for one in found], json=json)
    if not json:
        typer.echo(f"{len(found)} changes from {old} to {new}" + (" in what is used" if run else ""))
    raise Done(NOTHING if found else 0)


@terminology_app.command("conceptmap")
def terminology_conceptmap(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")],
    name: Annotated[str, typer.Argument(help="One crosswalk, such as specimen; all without it.")] = "",
    json: Json = False,
) -> None:
    """Write the shipped crosswalks as FHIR ConceptMaps (R4), one file each."""
    from trialbridge.converters.write_concept_maps import table_names, write_concept_maps

    written = write_concept_maps([name] if name else table_names(), out)
    _show([{"file": str(path)} for path in written], json=json)


def _changes_in_use(run: Path, old: str, new: str) -> Sequence[Change]:
    from trialbridge.converters.compare_terminology import changes_in_use, study_datasets, used_terms

    used = used_terms(study_datasets(run), (old, new))
    for code, values in _defined(run):
        used.setdefault(code, set()).update(values)
    return changes_in_use(used, old, new)


def _defined(run: Path) -> Iterable[tuple[str, set[str]]]:
    """Yield the codelists of NCI that the define of a run has, with their values."""
    from trialbridge.define_xml.read import read_define

    source = next((one for one in (run / "sdtm" / "define.xml", run / "define.xml") if one.is_file()), None)
    if source is None:
        return
    define = read_define(source)
    for one in define.study.meta_data_version.code_lists:
        for alias in one.aliases:
            yield alias.name, {item.coded_value for item in one.items}


def _folder_of(config: Path | None) -> Path | None:
    from trialbridge.study import read_study

    named = read_study(config).terminology if config else ""
    return Path(named) if named else None


def _loinc(text: str) -> dict[str, Any] | None:
    if not text.replace("-", "").isdigit() or "-" not in text:
        return None
    from trialbridge.crosswalks.tables import loinc

    row = loinc(text)
    return {name: value for name, value in row._asdict().items() if value} if row else None


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "codelist": hit.codelist.submission_value,
        "codelist_code": hit.codelist.code,
        "code": hit.term.code,
        "submission_value": hit.term.submission_value,
        "preferred_term": hit.term.preferred_term,
        "synonyms": "; ".join(hit.term.synonyms),
        "by": hit.by,
    }


def _change(change: Change) -> dict[str, Any]:
    return change._asdict() | {"successors": "; ".join(change.successors)}


def _show_releases(found: Sequence[ReleaseFacts], *, json: bool) -> None:
    rows = [one._asdict() | {"package": str(one.package) if one.package else "shipped"} for one in found]
    _show(rows, json=json)


def _show(rows: Sequence[dict[str, Any]], *, json: bool) -> None:
    """Print rows as columns, or as JSON; without the libraries for tables, which are slow to load."""
    if json:
        from json import dumps

        sys.stdout.write(dumps(rows, ensure_ascii=False, indent=2) + "\n")
    elif rows:
        table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
        widths = [max(len(row[number]) for row in table) for number in range(len(table[0]))]
        for row in table:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            typer.echo("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    text = {True: "Y", False: "N"}[value] if isinstance(value, bool) else str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."
