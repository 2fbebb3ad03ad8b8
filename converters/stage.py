"""All pieces of all sources to one set of Arrow tables, in one process or in several."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import refolded, unfolded
from trialbridge.converters.census import Census, merge
from trialbridge.converters.extract import Extraction, Extractor, Key
from trialbridge.converters.other_processes import WORTH_A_PROCESS, other_processes
from trialbridge.converters.read_fhir import Source, ranges, resources
from trialbridge.converters.uncollected import uncollected
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.registry import Paths

WORTH_A_THREAD = 2**16
"""Rows of a table from which several threads join its columns."""

PIECE = 12 * 2**20
"""Bytes that are read at a time: small, so that at the end no process waits long for another."""

Tables = dict[Key, pa.Table]
Progress = Callable[[str, int, int], None]
"""Called with a step's name, what is done of it, and what there is."""


@dataclass
class Staged:
    """What all sources hold: tables by type and unit, the census, and what was found while reading.

    ``made`` names the types whose tables were made here, of other resources: they were not read.
    """

    sources: Sequence[Source]
    tables: Tables
    census: Census = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    made: frozenset[str] = frozenset()

    def table(self, kind: str, unit: str = "") -> pa.Table | None:
        """Return the table of a type; none where nothing of it was read."""
        return self.tables.get((kind, unit))


@dataclass(frozen=True)
class Piece:
    """A byte range of one source."""

    number: int
    source: int
    start: int
    stop: int | None
    size: int


def stage(
    sources: Sequence[Source],
    paths: Mapping[str, Paths],
    release: Version | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    others: Executor | None = None,
) -> Staged:
    """Return what `sources` hold, whatever their order and however many processes read them.

    Args:
        sources: What to read.
        paths: Resource type -> unit -> paths, see `registry.paths_by_type`.
        release: The FHIR release, where it is known.
        processes: How many to use; by default one for each processor where there is much to read.
        progress: Told after each piece.
        others: Processes that were started before; else they are started where there is much to read.
    """
    pieces = _pieces(sources)
    work = partial(_read, tuple(sources), dict(paths), release)
    total = sum(piece.size for piece in pieces)
    wanted = processes or (os.cpu_count() or 1 if total > WORTH_A_PROCESS else 1)
    staged = Staged(sources, {})
    batches: dict[Key, list[pa.RecordBatch]] = defaultdict(list)
    parts: dict[int, Part] = {}
    for piece, part, done in _run(work, pieces, min(wanted, len(pieces)), others):
        parts[piece.number] = part
        if progress:
            progress("read", done, total)
    for _, (found, census, findings) in sorted(parts.items()):
        for key, some in found.items():
            batches[key] += some
        merge(staged.census, census)
        staged.findings += findings
    staged.tables = {key: whole_table(some) for key, some in sorted(batches.items()) if some}
    return staged


def whole_table(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Return one table of record batches; a column that a batch left out is blank there."""
    names = dict.fromkeys(name for batch in batches for name in batch.schema.names)
    whole = partial(_whole_column, batches)
    if sum(batch.num_rows for batch in batches) < WORTH_A_THREAD:
        return pa.table({name: whole(name) for name in names})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pa.table(dict(zip(names, pool.map(whole, names), strict=True)))


def _whole_column(batches: Sequence[pa.RecordBatch], name: str) -> pa.Array:
    parts = [batch.column(name) if name in batch.schema.names else batch.num_rows for batch in batches]
    kind = next(part.type for part in parts if not isinstance(part, int))
    whole = [pa.nulls(part, kind) if isinstance(part, int) else part for part in parts]
    folded = any(pa.types.is_dictionary(part.type) for part in whole)
    return refolded(whole) if folded else pa.concat_arrays(whole)


def _pieces(sources: Sequence[Source]) -> list[Piece]:
    found: list[Piece] = []
    for number, source in enumerate(sources):
        whole = source.path.stat().st_size
        for start, stop in ranges(source, PIECE):
            size = (min(stop, whole) if stop is not None else whole) - start
            found.append(Piece(len(found), number, start, stop, max(size, 1)))
    return found


Part = tuple[dict[Key, list[pa.RecordBatch]], Census, list[Finding]]
Filed = tuple[Piece, list[tuple[Key, str]], Census, list[Finding]]
"""What another process read of a piece: its tables lie in files."""


def _run(
    work: Callable[[Piece], Part], pieces: Sequence[Piece], processes: int, others: Executor | None
) -> Iterator[tuple[Piece, Part, int]]:
    """Yield what is read of each piece, and how many bytes somebody has taken so far."""
    if processes <= 1:
        done = accumulate(piece.size for piece in pieces)
        yield from zip(pieces, map(work, pieces), done, strict=True)
        return
    with TemporaryDirectory(prefix="trialbridge-") as name, other_processes(processes - 1, others) as pool:
        folder = Path(name)
        elsewhere = [pool.submit(_read_to_files, work, folder, pieces) for _ in range(processes - 1)]
        try:
            yield from _shared(work, folder, pieces, elsewhere)
        except BaseException:
            for piece in pieces:  # so that nobody goes on
                _take(folder, piece)
            raise


def _shared(
    work: Callable[[Piece], Part],
    folder: Path,
    pieces: Sequence[Piece],
    elsewhere: Sequence[Future[list[Filed]]],
) -> Iterator[tuple[Piece, Part, int]]:
    """Yield what is read of each piece: this process begins at the last one, the others at the first."""
    for piece in reversed(pieces):
        if not _take(folder, piece):
            break
        part = work(piece)
        yield piece, part, sum(one.size for one in pieces if _mark(folder, one).exists())
    total = sum(piece.size for piece in pieces)
    for future in elsewhere:
        for piece, paths, census, findings in future.result():
            yield piece, (_from_files(paths), census, findings), total


def _mark(folder: Path, piece: Piece) -> Path:
    return folder / f"{piece.number}.taken"


def _take(folder: Path, piece: Piece) -> bool:
    """Return whether a piece is this process's: that of the one that makes its mark first."""
    try:
        _mark(folder, piece).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _read_to_files(work: Callable[[Piece], Part], folder: Path, pieces: Sequence[Piece]) -> list[Filed]:
    """Read pieces that nobody has taken, and leave their tables in files: those cross faster than a pipe."""
    return [_filed(work, folder, piece) for piece in pieces if _take(folder, piece)]


def _filed(work: Callable[[Piece], Part], folder: Path, piece: Piece) -> Filed:
    tables, census, findings = work(piece)
    written = []
    for number, (key, batches) in enumerate(tables.items()):
        if batches:
            path = str(folder / f"{piece.number}-{number}.arrow")
            whole = whole_table(batches)
            with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
                writer.write_table(whole)
            written.append((key, path))
    return piece, written, census, findings


def _from_files(paths: Sequence[tuple[Key, str]]) -> dict[Key, list[pa.RecordBatch]]:
    found = {}
    for key, path in paths:
        with pa.memory_map(path) as file:
            reader = pa.ipc.open_file(file)
            found[key] = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    return found


_EXTRACTORS: dict[int, Extractor] = {}


def _read(
    sources: tuple[Source, ...], paths: dict[str, Paths], release: Version | None, piece: Piece
) -> Part:
    extractor = _EXTRACTORS.setdefault(hash((repr(paths), release)), Extractor(paths, release))
    source = sources[piece.source]
    extraction = Extraction(extractor, piece.source, source, first=piece.number << 32)
    with uncollected():
        for item in resources(source, piece.start, piece.stop, decoded=extractor.types):
            if isinstance(item, Finding):
                extraction.findings.append(item)
            else:
                extraction.add(item)
        return extraction.finished(), extraction.census, extraction.findings


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column of a staged table as one piece, unfolded; nulls where the table lacks it."""
    return unfolded(folded_column(table, name))


def folded_column(table: pa.Table, name: str) -> pa.Array:
    """Return a column of a staged table as one piece; one that repeats itself may be a dictionary."""
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    found = table[name]
    return found.combine_chunks() if found.num_chunks != 1 else found.chunk(0)


def has_any(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Return where any of `columns` holds a value."""
    found = pa.array([False]).take(pa.array([0] * rows, pa.int8()))
    for one in columns:
        found = pc.or_(found, one.is_valid())
    return found
