"""The submission package: datasets, their description and the guide, where a regulator looks for them."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from trialbridge.columns import flat
from trialbridge.converters.guide import Facts, Grid, Section, guide, read_findings, read_rules
from trialbridge.converters.manifest import manifest_of, sha256_of
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.write_guide import write_docx, write_pdf
from trialbridge.converters.write_run import moment
from trialbridge.converters.write_xpt import study_lengths, write_xpt
from trialbridge.errors import ConfigurationError, ReadError
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset

HASHES = "manifest-sha256.txt"
"""Every file of the package with its digest, in the form that ``sha256sum --check`` reads."""

LIMIT = 5 * 10**9
"""Bytes of a transport file from which it is split, too."""

DESCRIPTIONS = ("define.xml", "define2-1.xsl", "define.html")


@dataclass(frozen=True)
class Packaging:
    """How a package is made.

    Attributes:
        source: A run folder, or a folder of datasets with their define.xml.
        target: The folder that will hold ``m5``.
        study: Name of the study's folder; STUDYID without it.
        limit: Bytes of a transport file from which it is split, too.
        explanations: A TOML file: rule -> the sponsor's explanation.
    """

    source: Path
    target: Path
    study: str = ""
    limit: int = LIMIT
    explanations: Path | None = None


def package(order: Packaging) -> list[Path]:
    """Write a package, and return its files.

    Raises:
        ConfigurationError: The target holds files already, or the explanations cannot be read.
        ReadError: There are no datasets, or there is no define.xml.
    """
    inside = order.source / "sdtm" if (order.source / "sdtm").is_dir() else order.source
    if not (inside / "define.xml").is_file():
        raise ReadError(str(inside), "there is no define.xml: a package is not made without one")
    if order.target.exists() and any(order.target.iterdir()):
        raise ConfigurationError(str(order.target), "is there already and holds files")
    datasets, _ = read_sdtm([path for path in sorted(inside.iterdir()) if path.suffix.lower() == ".xpt"])
    run = manifest_of(order.source)
    study = order.study or _study(datasets)
    created = datetime.fromisoformat(run.created) if run else moment(datasets)
    folder = order.target / "m5" / "datasets" / study.lower() / "tabulations" / "sdtm"
    folder.mkdir(parents=True)
    for path in sorted(inside.iterdir()):
        if path.suffix.lower() == ".xpt" or path.name in DESCRIPTIONS:
            shutil.copyfile(path, folder / path.name.lower())
    split = {
        one.name: _split(one, folder, order.limit, created)
        for one in datasets
        if _size(folder, one) > order.limit
    }
    facts = Facts(
        study, run.title if run else "", datasets, split, run, read_findings(order.source),
        _explanations(order.explanations), read_rules(order.source),
    )  # fmt: skip
    title = f"Clinical Study Data Reviewer's Guide: {study} (draft)"
    write_docx(title, guide(facts), folder / "csdrg.docx", created=created)
    write_pdf(title, guide(facts), folder / "csdrg.pdf")
    write_pdf(f"Annotated CRF: {study}", tuple(_crf(facts)), folder / "acrf.pdf")
    return _hashed(order.target)


def _study(datasets: Sequence[Dataset]) -> str:
    for dataset in datasets:
        if "STUDYID" in dataset.table.column_names:
            known = [one for one in dataset.table["STUDYID"].unique().to_pylist() if one]
            if known:
                return str(known[0])
    return "study"


def _explanations(source: Path | None) -> Mapping[str, str]:
    if source is None:
        return {}
    try:
        found = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(str(source), str(error)) from error
    return {rule: str(text) for rule, text in found.items()}


def _size(folder: Path, dataset: Dataset) -> int:
    path = folder / f"{dataset.name.lower()}.xpt"
    return path.stat().st_size if path.is_file() else 0


def _split(dataset: Dataset, folder: Path, limit: int, created: datetime) -> list[str]:
    """Write the parts of a dataset, none of which parts a subject, and return their names."""
    (folder / "split").mkdir(exist_ok=True)
    lengths = study_lengths([dataset])
    width = sum(
        lengths.get(one.name, one.length or 8) if one.type == "Char" else 8 for one in dataset.variables
    )
    names = []
    for number, (start, stop) in enumerate(_ranges(dataset, max(1, int(limit * 0.95) // max(width, 1))), 1):
        name = f"{dataset.name[:6]}{number:02d}"
        table = dataset.table.slice(start, stop - start)
        missing = {key: column.slice(start, stop - start) for key, column in dataset.missing.items()}
        part = replace(dataset, name=name, table=table, missing=missing)
        write_xpt(part, folder / "split" / f"{name.lower()}.xpt", created=created, lengths=lengths)
        names.append(name)
    return names


def _ranges(dataset: Dataset, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most so many rows that end where a subject does; one with more is a range alone."""
    rows = len(dataset.table)
    column = dataset.table["USUBJID"] if "USUBJID" in dataset.table.column_names else None
    codes = np.arange(rows) if column is None else _codes(flat(column))
    ends = np.append(np.flatnonzero(codes[1:] != codes[:-1]) + 1, rows)
    start = 0
    while start < rows:
        within = ends[(ends > start) & (ends <= start + most)]
        stop = int(within[-1]) if len(within) else int(ends[ends > start][0])
        yield start, stop
        start = stop


def _codes(column: pa.Array) -> np.ndarray:
    found: np.ndarray = column.dictionary_encode(null_encoding="encode").indices.to_numpy()
    return found


STATEMENT = (
    "The data of this study were received as FHIR resources from electronic health records, laboratories "
    "and questionnaires that subjects or investigators answered. There is no case report form with a page "
    "for each variable. The define.xml gives the origin of each, and the guide the element that feeds it."
)


def _crf(facts: Facts) -> Iterator[Section]:
    yield Section(1, "Statement", (STATEMENT,))
    rows = sorted(
        {
            (str(row["QSCAT"]), str(row["QSTESTCD"]), str(row["QSTEST"]))
            for dataset in facts.datasets
            if {"QSCAT", "QSTESTCD", "QSTEST"} <= set(dataset.table.column_names)
            for row in dataset.table.select(["QSCAT", "QSTESTCD", "QSTEST"]).to_pylist()
        }
    )
    if rows:
        yield Section(1, "Questionnaires", (Grid(("Instrument", "Item", "Name of the item"), tuple(rows)),))


def _hashed(target: Path) -> list[Path]:
    files = sorted(path for path in target.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(target).as_posix()}\n" for path in files]
    (target / HASHES).write_text("".join(lines), encoding="utf-8")
    return [*files, target / HASHES]


def verify(target: Path) -> list[Finding]:
    """Return what is no longer as it was packaged: changed, missing and added files, unreadable datasets.

    Raises:
        ReadError: The folder is no package.
    """
    source = target / HASHES
    if not source.is_file():
        raise ReadError(str(target), f"is no package: it has no {HASHES}")
    lines = (line.partition("  ") for line in source.read_text(encoding="utf-8").splitlines() if line)
    known = {name: digest for digest, _, name in lines}
    there = {path.relative_to(target).as_posix(): path for path in target.rglob("*") if path.is_file()}
    there.pop(HASHES, None)
    return [*_differing(known, there), *_unreadable(there)]


def _differing(known: Mapping[str, str], there: Mapping[str, Path]) -> Iterator[Finding]:
    for name in sorted(known.keys() | there.keys()):
        if name not in there:
            yield Finding(Severity.ERROR, "package-file-missing", "the file is not there", source=name)
        elif name not in known:
            yield Finding(Severity.ERROR, "package-file-added", "the file was added later", source=name)
        elif sha256_of(there[name]) != known[name]:
            yield Finding(Severity.ERROR, "package-file-changed", "the file was changed", source=name)


def _unreadable(there: Mapping[str, Path]) -> Iterator[Finding]:
    for name, path in sorted(there.items()):
        if path.suffix == ".xpt":
            try:
                _, found = read_sdtm([path])
            except ReadError as error:
                yield Finding(Severity.ERROR, "dataset-unreadable", str(error), source=name)
            else:
                yield from found
