"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Return a file open for writing that takes the place of `target` when the block ends without an error.

    Until then it lies beside `target` under another name; after an error it is gone and
    `target` is as it was.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "dm.xpt"
        >>> with whole_file(target) as file:
        ...     _ = file.write(b"all of it")
        >>> target.read_bytes()
        b'all of it'
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
