"""FHIR resources into a folder: bulk NDJSON, one file a type, or a transaction Bundle a subject.

All is written beside the target and moved there at the end, so that nothing is ever left half written.
Equal datasets give equal bytes in every file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from trialbridge.converters.resource_lines import Block, Line

Form = Literal["ndjson", "bundle"]
STUDY = "study"
"""The Bundle of the resources that are of no subject."""


class FhirFile(NamedTuple):
    """One file that was written.

    Attributes:
        name: Its path in the folder.
        type: Resource type of what it holds.
        resources: How many it holds.
        sha256: Its digest.
    """

    name: str
    type: str
    resources: int
    sha256: str


@dataclass
class _Growing:
    """A file while it is written."""

    file: BinaryIO
    resources: int = 0
    digest: Any = field(default_factory=sha256)

    def write(self, data: bytes | memoryview, resources: int) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.resources += resources


@dataclass
class FhirFolder(AbstractContextManager["FhirFolder"]):
    """A folder of FHIR in the making.

    Attributes:
        folder: The folder.
        form: ``ndjson`` or ``bundle``.
        counts: Resource type -> how many were written.
        written: The files, by name, when all is written.
    """

    folder: Path
    form: Form = "ndjson"
    counts: Counter[str] = field(default_factory=Counter)
    written: list[FhirFile] = field(default_factory=list)
    _shared: list[Line] = field(default_factory=list)
    _files: dict[str, _Growing] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is of no subject, and close the files."""
        if self._shared and error is None:
            self._bundle(STUDY, self._shared)
        self._stack.close()
        for kind_of, one in self._files.items():
            name = f"{kind_of}.ndjson"
            self.written.append(FhirFile(name, kind_of, one.resources, one.digest.hexdigest()))
        self.written.sort()

    def write(self, block: Block) -> None:
        """Write the resources of a block; all resources of a subject are in one block."""
        for part in block.parts:
            self.counts[part.kind] += len(part.ids)
            if self.form == "ndjson":
                self._file(part.kind).write(_text(part.texts), len(part.ids))
        if self.form == "bundle":
            self._shared += [line for line in block if not line.patient]
            for name, some in _by_subject(block).items():
                self._bundle(name, some)

    def _file(self, kind: str) -> _Growing:
        if kind not in self._files:
            path = self.folder / f"{kind}.ndjson"
            self._files[kind] = _Growing(self._stack.enter_context(path.open("wb")))
        return self._files[kind]

    def _bundle(self, name: str, lines: Sequence[Line]) -> None:
        """Write a transaction that puts each resource where it is, so that a second one changes nothing."""
        start = b'{"resourceType":"Bundle","type":"transaction","entry":['
        data = start + b",".join(map(_entry, lines)) + b"]}\n"
        (self.folder / f"{name}.json").write_bytes(data)
        self.written.append(FhirFile(f"{name}.json", "Bundle", len(lines), sha256(data).hexdigest()))


def _text(texts: pa.Array) -> memoryview:
    """Return all texts as they lie behind one another."""
    _, offsets, data = texts.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return memoryview(data)[first:last]


def _by_subject(lines: Iterable[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.patient:
            found[line.patient].append(line)
    return found


def _entry(line: Line) -> bytes:
    place = f"{line.kind}/{line.id}".encode()
    request = b'"request":{"method":"PUT","url":"' + place + b'"}'
    return b'{"resource":' + line.text + b"," + request + b"}"
