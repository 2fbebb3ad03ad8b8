"""The export doctor: a repaired copy of datasets, and a log of every cell that it changed or left."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from trialbridge.columns import by_value, flat
from trialbridge.converters.repair_columns import (
    ColumnRepair,
    Known,
    length_repairs,
    lengths_of,
    names_twice,
    repair_columns,
)
from trialbridge.converters.repair_texts import Column, Verdict, repair_text
from trialbridge.converters.texts import text_of
from trialbridge.converters.write_run import moment
from trialbridge.converters.write_xpt import check_xpt, study_lengths, write_xpt
from trialbridge.errors import ConfigurationError
from trialbridge.model import Dataset, Variable
from trialbridge.standards import IG_VERSIONS, Codelist, ig_datasets, ig_variables
from trialbridge.timing import as_mask, parse_dtc
from trialbridge.validation.checking import NotChecked
from trialbridge.validation.checks_terms import extended, lists_of, release_of
from trialbridge.validation.frame import Frame, Part
from trialbridge.validation.package import Package

_CLEAN = r"^[!-~]([ -~]*[!-~])?$"
"""A text in which no character can be wrong."""

LOG = "repairs.tsv"
"""The log, beside the repaired datasets."""


class Repair(NamedTuple):
    """One line of the log.

    Attributes:
        file: The file as it was given.
        dataset: The dataset.
        record: Number of the record, from 1; 0 where a variable, a dataset or a file is meant.
        keys: What names the record, such as ``USUBJID=S-1, AESEQ=3``.
        variable: The variable.
        before: What it was.
        after: What it is in the copy; none where it was left.
        rule: The rule of validation that speaks of it.
        why: Why; or why nothing is certain.
    """

    file: str
    dataset: str
    record: int
    keys: str
    variable: str
    before: str
    after: str | None
    rule: str
    why: str


@dataclass
class _Patient:
    """A dataset under repair."""

    part: Part
    dataset: Dataset
    log: list[Repair] = field(default_factory=list)


def repair_package(package: Package, sources: Sequence[Path], target: Path) -> list[Repair]:
    """Write a repaired copy of what was read as transport files, with a log, and return the log.

    Repaired is what can mean one thing only. What cannot is left as it is, and stands in the log, too. Files
    that are no datasets, or that cannot be written, are copied as they are.

    Raises:
        ConfigurationError: The target is there already and holds files.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigurationError(
            str(target), "is there already and holds files; a repair is never made in place"
        )
    patients = [_repaired(package, frame, part) for frame in package.frames.values() for part in frame.parts]
    datasets = [one.dataset for one in patients]
    longest, created = study_lengths(datasets), moment(datasets)
    target.mkdir(parents=True, exist_ok=True)
    log = [line for one in patients for line in _written(one, longest, created, target)]
    log += _copied(package, {one.part.file.path for one in patients}, sources, target)
    _write_log(log, target / LOG)
    return log


def _repaired(package: Package, frame: Frame, part: Part) -> _Patient:
    dataset, found = repair_columns(part.dataset, _known(package, frame))
    patient = _Patient(part, dataset)
    patient.log += [_line(patient, one) for one in found]
    for place, variable in enumerate(() if names_twice(dataset) else dataset.variables):
        if variable.type == "Char":
            _repair_cells(patient, place, _column(package, frame, part, variable))
    return patient


def _known(package: Package, frame: Frame) -> Known:
    """Return what the standard says of a domain; nothing where its version is not at hand."""
    version = package.standards.ig
    if version not in IG_VERSIONS or frame.name not in ig_datasets(version):
        return Known()
    facts = {one.name: one for one in ig_variables(frame.name, version)}
    whole = ig_datasets(version)[frame.name] if len(frame.parts) == 1 else None
    return Known(whole, facts, certain=package.standards.named)


def _column(package: Package, frame: Frame, part: Part, variable: Variable) -> Column:
    """Return what has to be known of a column; a codelist that define.xml extends says nothing."""
    lists: Sequence[Codelist] = ()
    with suppress(NotChecked):
        if not extended(package.define, variable.name):
            lists = lists_of(package, frame, variable.name, release_of(package))
    return Column(variable.name, variable.length, part.file.encoding or "utf-8", lists)


def _suspects(texts: pa.Array, column: Column) -> list[str]:
    """Return the distinct texts of a column that have to be looked at."""
    values = pc.unique(texts).drop_null()
    wrong = ~as_mask(pc.match_substring_regex(values, _CLEAN)) | as_mask(pc.equal(values, "."))
    if column.name.endswith("DTC"):
        wrong |= parse_dtc(values).faulty
    if column.lists:
        terms = {term.submission_value for one in column.lists for term in one.terms}
        wrong |= ~as_mask(pc.is_in(values, value_set=pa.array(sorted(terms))))
    found: list[str] = values.filter(pa.array(wrong)).to_pylist()
    return found


def _repair_cells(patient: _Patient, place: int, column: Column) -> None:
    """Repair the texts of one column, and log every cell in which something was wrong."""
    texts = flat(patient.dataset.table.column(place))
    verdicts: dict[str, list[Verdict]] = {}
    repaired: dict[str, str] = {}
    for text in _suspects(texts, column):
        after, found = repair_text(text, column)
        if found:
            verdicts[text], repaired[text] = found, after
    if not verdicts:
        return
    rows = pc.is_in(texts, value_set=pa.array(list(verdicts), pa.string()))
    for row in np.flatnonzero(as_mask(rows)).tolist():
        patient.log += [_cell(patient, row, column.name, one) for one in verdicts[texts[row].as_py()]]
    after = by_value(texts, lambda text: repaired.get(text, text) or None)
    table = patient.dataset.table.set_column(place, column.name, after)
    patient.dataset = replace(patient.dataset, table=table)


def _cell(patient: _Patient, row: int, variable: str, one: Verdict) -> Repair:
    part = patient.part
    named = [name for name in part.dataset.table.column_names if name == "USUBJID" or name.endswith("SEQ")]
    keys = ", ".join(f"{name}={text_of(part.dataset, name, np.array([row]))[0]}" for name in named[:2])
    place = (part.file.path.name, part.dataset.name, row + 1, keys, variable)
    return Repair(*place, one.before, one.after, one.rule, one.why)


def _line(patient: _Patient, one: ColumnRepair) -> Repair:
    place = (patient.part.file.path.name, patient.part.dataset.name, 0, "", one.variable)
    return Repair(*place, one.before, one.after, one.rule, one.why)


def _written(patient: _Patient, longest: Mapping[str, int], created: datetime, target: Path) -> list[Repair]:
    """Write a dataset, and return its log; one that cannot be written so is left as it was."""
    dataset = patient.dataset
    lengths = lengths_of(dataset, longest, study_lengths([dataset]))
    faults = check_xpt(dataset, lengths)
    source = patient.part.file.path
    if faults:
        shutil.copyfile(source, target / source.name)
        left = [ColumnRepair(one.variable, str(one), None, "file-unreadable", _UNWRITABLE) for one in faults]
        undone = [one._replace(after=None, why=f"{one.why}; {_UNWRITABLE}") for one in patient.log]
        return [*(_line(patient, one) for one in left), *undone]
    name = f"{dataset.name.lower()}.xpt"
    found = length_repairs(dataset, lengths)
    if source.name != name:
        why = "a transport file is named as its dataset, in lower case"
        found.append(ColumnRepair("", source.name, name, "file-name", why))
    if found or any(one.after is not None for one in patient.log):
        write_xpt(dataset, target / name, created=created, lengths=lengths)
    else:
        shutil.copyfile(source, target / name)
    return [*patient.log, *(_line(patient, one) for one in found)]


def _copied(package: Package, read: Collection[Path], sources: Sequence[Path], target: Path) -> list[Repair]:
    """Copy what is no dataset as it is, and return what could not be read."""
    given = {one.path for one in package.files}
    beside = (path for folder in sources if folder.is_dir() for path in sorted(folder.iterdir()))
    for path in dict.fromkeys([*given, *beside]):
        if path.is_file() and path not in read and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
    return [
        Repair(one.source, one.domain, 0, "", one.variable, one.message, None, "file-unreadable", _UNREADABLE)
        for one in package.findings
        if one.rule in _UNREAD
    ]


_UNREAD = ("dataset-unreadable", "xport-8", "cport")
_UNREADABLE = "it was copied as it is"
_UNWRITABLE = "XPORT version 5 cannot hold it; the file was copied as it is"


def _write_log(log: Sequence[Repair], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(
            ["file", "dataset", "record", "keys", "variable", "from", "to", "rule", "why", "status"]
        )
        for one in log:
            status = "left" if one.after is None else "repaired"
            values = one._replace(record=one.record or "", after=one.after or "")  # type: ignore[arg-type]
            writer.writerow([*values, status])


def show_repairs(log: Sequence[Repair], target: Path, console: Console) -> None:
    """Print how much was repaired, and what was left, by rule."""
    counts = Counter((one.rule, one.after is None) for one in log)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", "repaired", "left", "why"):
        table.add_column(name, justify="right" if name in {"repaired", "left"} else "left", overflow="fold")
    for rule in dict.fromkeys(one.rule for one in log):
        left = next((one.why for one in log if one.rule == rule and one.after is None), "")
        done, kept = counts[rule, False], counts[rule, True]
        table.add_row(rule, f"{done:,}" if done else "", f"{kept:,}" if kept else "", left)
    if log:
        console.print(table)
    done = sum(one.after is not None for one in log)
    said = f"{done:,} repaired, {len(log) - done:,} left; {target / LOG} has every one"
    console.print(said, soft_wrap=True, highlight=False)
