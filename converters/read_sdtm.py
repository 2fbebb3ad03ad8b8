"""The datasets of a folder, whatever format each is in: XPT, Dataset-JSON, SAS7BDAT, CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import pyarrow as pa

from trialbridge.converters.read_dataset_json import read_dataset_json, stream_dataset_json
from trialbridge.converters.read_xpt import read_xpt_library, stream_xpt_library
from trialbridge.converters.stored_datasets import Batch, Shelved, shelve
from trialbridge.errors import ReadError
from trialbridge.findings import Finding, Severity
from trialbridge.model import Dataset, Variable
from trialbridge.standards import ig_datasets, ig_variables

_BATCH_ROWS = 16_384

Described = Mapping[str, Dataset]
"""Dataset name -> what a define.xml says of it; its table is not looked at."""


def _xpt(source: Path, described: Described) -> list[Dataset]:  # noqa: ARG001 -- one of READERS
    return read_xpt_library(source)


def _json(source: Path, described: Described) -> list[Dataset]:  # noqa: ARG001 -- one of READERS
    return [read_dataset_json(source)]


def _sas(source: Path, described: Described) -> list[Dataset]:  # noqa: ARG001 -- one of READERS
    import pyreadstat  # noqa: PLC0415 -- it brings pandas, which only this format needs

    try:
        columns, facts = pyreadstat.read_sas7bdat(str(source), output_format="dict")
    except pyreadstat.ReadstatError as error:
        raise ReadError(str(source), str(error)) from error
    kinds = facts.readstat_variable_types
    labels = dict(zip(facts.column_names, facts.column_labels, strict=True))
    variables, cells = [], {}
    for name in facts.column_names:
        kind: Literal["Char", "Num"] = "Char" if kinds[name] == "string" else "Num"
        variables.append(
            Variable(
                name.upper(), labels[name] or "", kind, facts.variable_storage_width.get(name),
                facts.original_variable_types.get(name) or "" if kind == "Num" else "",
            )
        )  # fmt: skip
        cells[name.upper()] = _sas_cells(columns[name], kind)
    name = (facts.table_name or source.stem).upper()
    return [Dataset(name, facts.file_label or "", tuple(variables), pa.table(cells))]


def _sas_cells(values: Iterable[object], kind: str) -> pa.Array:
    if kind == "Num":
        numbers = [None if value is None else float(str(value)) for value in values]
        return pa.array(numbers, pa.float64(), from_pandas=True)
    texts = [None if value is None else str(value).rstrip() or None for value in values]
    return pa.array(texts, pa.string())


def _csv(source: Path, described: Described) -> list[Dataset]:
    name = source.stem.upper()
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = list(csv.reader(file)) or [[]]
    except csv.Error as error:
        raise ReadError(str(source), str(error)) from error
    if not names:
        raise ReadError(str(source), "it holds no line with the names of variables")
    counts = Counter(one.upper() for one in names)
    if twice := [one for one, count in counts.items() if count > 1]:
        raise ReadError(str(source), f"its first line has a name twice: {', '.join(twice)}")
    known = {variable.name: variable for variable in _variables_of(name, described)}
    variables = [known.get(one.upper()) or Variable(one.upper(), "") for one in names]
    cells = {}
    for number, variable in enumerate(variables):
        texts = [row[number] if number < len(row) and row[number] else None for row in rows]
        cells[variable.name] = _csv_cells(source, variable, texts)
    label = described[name].label if name in described else _label(name)
    return [Dataset(name, label, tuple(variables), pa.table(cells))]


def _csv_cells(source: Path, variable: Variable, texts: Sequence[str | None]) -> pa.Array:
    if variable.type == "Char":
        return pa.array(texts, pa.string())
    try:
        return pa.array([None if text is None else float(text) for text in texts], pa.float64())
    except ValueError as error:
        raise ReadError(str(source), f"{variable.name} is a number in its description: {error}") from error


def _variables_of(name: str, described: Described) -> Sequence[Variable]:
    """Return what a define.xml says of a dataset's variables, else what the standard says."""
    if name in described:
        return described[name].variables
    code = name if name in ig_datasets() or name.startswith("SUPP") else name[:2]
    try:
        return [Variable(facts.name, facts.label, facts.type) for facts in ig_variables(code)]
    except LookupError:
        return ()


def _label(name: str) -> str:
    return ig_datasets()[name].label if name in ig_datasets() else ""


READERS: Mapping[str, Callable[[Path, Described], list[Dataset]]] = {
    ".xpt": _xpt,
    ".json": _json,
    ".ndjson": _json,
    ".dsjc": _json,
    ".sas7bdat": _sas,
    ".csv": _csv,
}
"""Ending of a file's name, in lower case -> what reads it."""


def dataset_files(sources: Iterable[Path]) -> list[Path]:
    """Return the files of datasets among `sources`, those of folders too, in the order of their names.

    Raises:
        ReadError: A source does not exist.
    """
    return sorted(set(_files(sources)), key=lambda path: (path.name.lower(), str(path)))


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if not source.exists():
            raise ReadError(str(source), "there is no such file")
        found = sorted(source.iterdir()) if source.is_dir() else [source]
        yield from (path for path in found if path.suffix.lower() in READERS)


def read_sdtm(
    sources: Iterable[Path], described: Described | None = None
) -> tuple[list[Dataset], list[Finding]]:
    """Return the datasets of files and folders, and a finding for each file that is none.

    Args:
        sources: Files, and folders that hold them.
        described: What a define.xml says of the datasets: the types of a CSV's columns.

    Raises:
        ReadError: A source does not exist, or nothing in `sources` is a dataset.
    """

    def read(path: Path) -> Iterator[Dataset]:
        yield from READERS[path.suffix.lower()](path, described or {})

    return _distinct(list(sources), read, lambda dataset: dataset)


def shelve_sdtm(
    sources: Iterable[Path], described: Described, folder: Path
) -> tuple[list[Shelved], list[Finding]]:
    """Return the same datasets, put into files, so that memory holds a batch of each at a time.

    Args:
        sources: Files, and folders that hold them.
        described: What a define.xml says of the datasets.
        folder: A folder for the files.

    Raises:
        ReadError: A source does not exist, or nothing in `sources` is a dataset.
    """
    numbers = count()

    def read(path: Path) -> Iterator[Shelved]:
        for dataset, batches in _streamed(path, described):
            yield shelve(dataset, batches, folder / f"{next(numbers)}.arrow")

    return _distinct(list(sources), read, Shelved.whole)


def _streamed(path: Path, described: Described) -> Iterator[tuple[Dataset, Iterable[Batch]]]:
    """Yield the datasets of a file without their records, each with these in batches."""
    kind = path.suffix.lower()
    if kind == ".xpt":
        yield from stream_xpt_library(path)
    elif READERS[kind] is _json:
        dataset, batches = stream_dataset_json(path)
        yield dataset, ((batch, {}) for batch in batches)
    else:
        for dataset in READERS[kind](path, described):
            yield replace(dataset, table=dataset.table.slice(0, 0)), _cut(dataset.table)


def _cut(table: pa.Table) -> Iterator[Batch]:
    return ((batch, {}) for batch in table.to_batches(max_chunksize=_BATCH_ROWS))


class _Named(Protocol):
    """A dataset in any form."""

    @property
    def name(self) -> str:
        """Its name."""


Form = TypeVar("Form", bound=_Named)


def _distinct(
    sources: Sequence[Path], read: Callable[[Path], Iterator[Form]], whole: Callable[[Form], Dataset]
) -> tuple[list[Form], list[Finding]]:
    """Return the datasets that are read of `sources`, one of each name, and what is wrong."""
    found: dict[str, tuple[Path, Form]] = {}
    findings = []
    for path in sorted(dataset_files(sources), key=_preference):
        try:
            some = list(read(path))
        except (ReadError, UnicodeDecodeError, OSError) as error:
            findings.append(Finding(Severity.ERROR, "dataset-unreadable", str(error), source=path.name))
            continue
        for one in some:
            first, known = found.setdefault(one.name, (path, one))
            if known is not one:
                same = whole(known).table.equals(whole(one).table)
                findings.append(_double(one.name, first, path, same=same))
    if not found:
        reasons = "; ".join(one.message for one in findings) or f"no {', '.join(READERS)} file is there"
        raise ReadError(", ".join(map(str, sources)), reasons)
    return [one for _, (_, one) in sorted(found.items())], findings


def _preference(path: Path) -> tuple[int, str, str]:
    """Return what a file goes by: of two with one dataset, the format that regulators take counts."""
    return [*READERS].index(path.suffix.lower()), path.name.lower(), str(path)


def _double(name: str, first: Path, path: Path, *, same: bool) -> Finding:
    severity = Severity.NOTICE if same else Severity.ERROR
    how = "the same" if same else "not the same"
    message = f"{path.name} holds a dataset {name}, too, {how} as {first.name}, which is taken"
    return Finding(severity, "dataset-twice", message, name, source=path.name)
