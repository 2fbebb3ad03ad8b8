"""The run folder: the datasets, their description, and the proof of where everything came from and went.

All is written into a folder beside the target and moved there at the end, so that nothing is ever left half
written. Equal input gives equal bytes in every file but ``run/inputs.json``, which says where the input lay.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trialbridge.columns import distinct, flat, remembering
from trialbridge.conversion import Conversion
from trialbridge.converters.cells import RULES, cells, provenance_schema
from trialbridge.converters.dataset_json_format import DatasetJsonMetadata
from trialbridge.converters.latest_date import latest_date
from trialbridge.converters.manifest import INPUTS, MANIFEST, Manifest, manifest, read_manifest
from trialbridge.converters.report import Summary, summarise, to_json, to_text
from trialbridge.converters.worklist import write_worklist
from trialbridge.converters.write_dataset_json import write_dataset_json
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.errors import ConfigurationError, ConversionErrors, ReadError, TrialbridgeError, WriteError
from trialbridge.findings import Finding
from trialbridge.model import Dataset

PARTS = ("sdtm", "json", "parquet", "fhir", "run")
"""The folders that belong to a run; whatever else lies in the run folder is left alone."""

Describe = Callable[[Conversion, datetime, Path], Sequence[Finding]]
"""Writes the description of the datasets beside the transport files, and says what is wrong with it."""

STATUSES = ("mapped", "excluded", "unmapped")
_ROWS = 2**16


def write_run(  # noqa: PLR0913 -- the settings of a run, by name
    conversion: Conversion,
    out: Path,
    *,
    created: datetime,
    inputs: Sequence[Path] = (),
    formats: Iterable[str] = ("xpt",),
    describe: Describe | None = None,
    force: bool = False,
) -> Summary:
    """Write a run folder, and return the summary of the run.

    Args:
        conversion: The run.
        out: The folder. A run that is there already is replaced.
        created: The moment in the headers of all files.
        inputs: What was read, so that `explain` finds it again.
        formats: Of `FORMATS`; transport files are always written.
        describe: Writes ``define.xml`` beside the transport files.
        force: Replace also what this package did not write.

    Raises:
        ConfigurationError: `out` holds what this package did not write.
        ConversionErrors: A dataset cannot be written as it is; nothing is written.
        WriteError: The ledger does not balance; nothing is written.
    """
    if not force:
        refuse_foreign(out)
    with beside(out) as folder:
        (folder / "sdtm").mkdir()
        with ThreadPoolExecutor(1) as pool:  # most of a description is work of Arrow, which lets others work
            described = pool.submit(
                _described, describe or _undescribed, conversion, created, folder / "sdtm"
            )
            ledger = check_ledger(conversion)
            _write_datasets(conversion, folder, created, ("xpt", *formats))
            _write_accounts(conversion, folder / "run")
            found = [*conversion.findings, *described.result()]
        summary = summarise(conversion, found)
        _write_findings(conversion, folder / "run", summary, found, created)
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        (folder / MANIFEST).write_bytes(to_json(manifest(conversion, folder, names, created, ledger)))
        (folder / INPUTS).write_bytes(to_json({"inputs": [_from(out, path) for path in inputs]}))
        move(folder, out)
    return summary


def header_date(conversion: Conversion) -> datetime:
    """Return the moment for all headers, so that equal input gives equal bytes.

    That is ``SOURCE_DATE_EPOCH``, else the data cut of the study, else the latest complete date in any --DTC
    variable that is not in the future, else 1970-01-01.

    Raises:
        ConfigurationError: ``SOURCE_DATE_EPOCH`` or the data cut is no date.
    """
    return moment(conversion.datasets, conversion.study.cut, conversion.study.source or "study.cut")


def moment(datasets: Sequence[Dataset], cut: str = "", named: str = "") -> datetime:
    """Return the moment for all headers, see `header_date`.

    Args:
        datasets: The datasets.
        cut: The data cut; empty for none.
        named: Where the data cut stands.

    Raises:
        ConfigurationError: ``SOURCE_DATE_EPOCH`` or the data cut is no date.
    """
    names = ((one, variable.name) for one in datasets for variable in one.variables)
    return moment_of(
        cut or latest_date(one.table[name] for one, name in names if name.endswith("DTC")), named
    )


def moment_of(day: str, named: str = "") -> datetime:
    """Return the moment for all headers, where the data end with a day; empty where they name none.

    Raises:
        ConfigurationError: ``SOURCE_DATE_EPOCH`` or the day is no date.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        if given:
            return datetime.fromtimestamp(int(given), UTC).replace(tzinfo=None)
        return datetime.fromisoformat(day or "1970-01-01").replace(tzinfo=None)
    except (ValueError, OverflowError, OSError) as error:
        source = "SOURCE_DATE_EPOCH" if given else named
        raise ConfigurationError(source, f"{given or day} is no date: {error}") from error


def check_ledger(conversion: Conversion) -> dict[str, int]:
    """Return status -> number of resources, after proving that the ledger accounts for all of them.

    Each resource has one of the three statuses, each that is not mapped has its reason, and each record came
    from a resource that the ledger calls mapped, or is derived from others and from no resource.

    Raises:
        WriteError: It does not balance, which is a fault of this package and never of the data.
    """
    table = conversion.resources
    status, reason = table["status"], pc.fill_null(table["reason"], "")
    sound = pc.or_(
        pc.equal(status, "mapped"), pc.and_(pc.is_in(status, pa.array(STATUSES)), pc.not_equal(reason, ""))
    )
    wrong = pc.index(pc.fill_null(sound, False), False).as_py()  # noqa: FBT003 -- Arrow scalars
    if wrong >= 0:
        problem = f"{status[wrong].as_py()!r} for the reason {reason[wrong].as_py()!r} {_FAULT}"
        raise WriteError("LEDGER", "status", problem, wrong + 1)
    mapped, *places = _places([table.filter(pc.equal(status, "mapped")), *conversion.provenance.values()])
    for (code, pointers), place in zip(conversion.provenance.items(), places, strict=True):
        derived = pointers["source"].combine_chunks().is_null()
        absent = pc.index(pc.or_(derived, pc.is_in(place, mapped)), False).as_py()
        if absent >= 0:
            raise WriteError(
                code, "", f"the record came from a resource that is not mapped {_FAULT}", absent + 1
            )
    counted = {item["values"]: item["counts"] for item in pc.value_counts(status).to_pylist()}
    return {name: counted.get(name, 0) for name in STATUSES}


_FAULT = "(this is a fault of the program)"


def _places(tables: Sequence[pa.Table]) -> list[pa.Array]:
    """Return where the resource of each row lies, as a number that is the same in all tables."""
    known: dict[tuple[str, ...], int] = {}
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for table in tables:
        rows, pairs = distinct([flat(table["source"]).cast(pa.string()), flat(table["within"])])
        numbers = np.array([known.setdefault(pair, len(known)) for pair in pairs], np.int64)
        found.append((numbers[rows.to_numpy()], pc.fill_null(table["position"], 0).to_numpy()))
    return [pa.array(position * len(known) + number) for number, position in found]


def refuse_foreign(out: Path) -> None:
    """Return nothing where `out` may be written: absent, empty, or a run that nobody added a file to.

    Raises:
        ConfigurationError: It holds what this package did not write.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        known = {file.name for file in read_manifest(out).outputs} | {MANIFEST, INPUTS}
    except ReadError as error:
        raise ConfigurationError(
            str(out), "is there already and is no run of trialbridge; --force writes into it all the same"
        ) from error
    found = (
        path.relative_to(out).as_posix()
        for part in PARTS
        for path in (out / part).rglob("*")
        if path.is_file()
    )
    added = sorted(name for name in found if name not in known)
    if added:
        problem = f"{added[0]} ({len(added)} such files) was not written by trialbridge; --force removes it"
        raise ConfigurationError(str(out), problem)


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """Give a folder beside the target, which is gone afterwards, with what was not moved out of it."""
    target = out.resolve()
    folder = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        (folder / "run").mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move(folder: Path, out: Path) -> None:
    """Put the new parts in the place of the old ones."""
    out.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.rmtree(out / part, ignore_errors=True)
        if (folder / part).exists():
            (folder / part).replace(out / part)


def _from(out: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _write_datasets(conversion: Conversion, folder: Path, created: datetime, formats: Iterable[str]) -> None:
    faults: list[TrialbridgeError] = []
    for name in dict.fromkeys(formats):
        place, write = FORMATS[name]
        (folder / place).mkdir(exist_ok=True)
        for dataset in conversion.datasets:
            try:
                write(dataset, folder / place, conversion, created)
            except ConversionErrors as errors:
                faults += [error for error in errors.exceptions if isinstance(error, TrialbridgeError)]
    if faults:
        raise ConversionErrors("the datasets cannot be written as they are", faults)


def _write_xpt(dataset: Dataset, folder: Path, conversion: Conversion, created: datetime) -> None:  # noqa: ARG001 -- a format
    write_xpt(dataset, folder / f"{dataset.name.lower()}.xpt", created=created)


def _write_json(
    dataset: Dataset, folder: Path, conversion: Conversion, created: datetime, form: str = "json"
) -> None:
    study = conversion.study.id
    metadata = DatasetJsonMetadata(
        created, "trialbridge", study, define="../sdtm/define.xml", system="trialbridge"
    )
    write_dataset_json(dataset, folder / f"{dataset.name.lower()}.{form}", metadata=metadata)


def _write_parquet(dataset: Dataset, folder: Path, conversion: Conversion, created: datetime) -> None:  # noqa: ARG001 -- a format
    _parquet(folder / f"{dataset.name.lower()}.parquet", [dataset.table], dataset.table.schema)


Write = Callable[[Dataset, Path, Conversion, datetime], None]

FORMATS: Mapping[str, tuple[str, Write]] = {
    "xpt": ("sdtm", _write_xpt),
    "dataset-json": ("json", _write_json),
    "ndjson": ("json", partial(_write_json, form="ndjson")),
    "dsjc": ("json", partial(_write_json, form="dsjc")),
    "parquet": ("parquet", _write_parquet),
}
"""Format -> its folder, and what writes one dataset."""


def _described(
    describe: Describe, conversion: Conversion, created: datetime, folder: Path
) -> Sequence[Finding]:
    with remembering():  # what is in a column is asked often
        return describe(conversion, created, folder)


def _undescribed(conversion: Conversion, created: datetime, folder: Path) -> Sequence[Finding]:  # noqa: ARG001 -- a Describe
    return ()


def _write_accounts(conversion: Conversion, folder: Path) -> None:
    _parquet(folder / "ledger.parquet", [conversion.resources], conversion.resources.schema)
    _parquet(folder / "elements.parquet", [conversion.elements], conversion.elements.schema)
    _parquet(folder / "unmapped.parquet", [conversion.unmapped], conversion.unmapped.schema)
    schema = provenance_schema(conversion.provenance)
    both = [cells(code, table, schema) for code, table in conversion.provenance.items() if len(table)]
    _parquet(folder / "provenance.parquet", [records for records, _ in both], schema)
    _parquet(folder / "rules.parquet", [rules for _, rules in both], RULES)


def _write_findings(
    conversion: Conversion, folder: Path, summary: Summary, findings: Sequence[Finding], created: datetime
) -> None:
    (folder / "findings.json").write_bytes(to_json(findings))
    (folder / "summary.json").write_bytes(to_json(summary))
    (folder / "summary.txt").write_text(to_text(summary), encoding="utf-8", newline="\n")
    write_worklist(conversion, findings, folder / "worklist.xlsx", created=created)


def _parquet(target: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write tables as one file: nothing in it but the data and the version of the writer."""
    plain = schema.remove_metadata()
    with pq.ParquetWriter(target, plain, compression="zstd", version="2.6") as writer:
        for table in tables:
            writer.write_table(table.cast(plain), row_group_size=_ROWS)


__all__ = ["FORMATS", "Describe", "Manifest", "check_ledger", "refuse_foreign", "write_run"]
