"""Other processes that work beside this one: they start while this one still imports what it needs.

Nothing here imports what is slow to import.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from trialbridge.lean import become_lean

WORTH_A_PROCESS = 48 * 2**20
"""Bytes of input from which several processes are quicker than one."""

READING = "trialbridge.converters.stage"
WRITING = "trialbridge.converters.block_to_fhir"
"""What they import first."""


@contextmanager
def early_processes(
    inputs: Sequence[Path], processes: int | None = None, first: str = READING
) -> Iterator[Executor | None]:
    """Give processes that get ready; none where there is little to read, or one process is wanted.

    Args:
        inputs: Files, folders and archives.
        processes: How many are to work, with this one; by default one for each processor.
        first: What they import first.
    """
    count = processes or os.cpu_count() or 1
    if count < 2 or sum(map(_size, inputs)) <= WORTH_A_PROCESS:
        yield None
        return
    with other_processes(count - 1) as pool:
        for _ in range(count - 1):
            pool.submit(import_module, first)
        yield pool


@contextmanager
def other_processes(count: int, given: Executor | None = None) -> Iterator[Executor]:
    """Give other processes; when all is well nobody waits until they have ended: they are idle by then.

    Args:
        count: How many.
        given: Those that are there already; they stay.
    """
    if given is not None:
        yield given
        return
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=become_lean)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown(wait=False)


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)
    except OSError:
        return 0
