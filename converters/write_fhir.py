"""FHIR resources into a folder: bulk NDJSON, one file a type, or a transaction Bundle a subject.

All is written beside the target and moved there at the end, so that nothing is ever left half written.
Equal datasets give equal bytes in every file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple

from trialbridge.converters.block_to_fhir import Line

Form = Literal["ndjson", "bundle"]
STUDY = "study"
"""The Bundle of the resources that are of no subject."""


class FhirFile(NamedTuple):
    """One file that was written.

    Attributes:
        name: Its path in the folder.
        type: Resource type of what it holds.
        resources: How many it holds.
    """

    name: str
    type: str
    resources: int


@dataclass
class FhirFolder(AbstractContextManager["FhirFolder"]):
    """A folder of FHIR in the making.

    Attributes:
        folder: The folder.
        form: ``ndjson`` or ``bundle``.
        counts: Resource type -> how many were written.
    """

    folder: Path
    form: Form = "ndjson"
    counts: Counter[str] = field(default_factory=Counter)
    _shared: list[Line] = field(default_factory=list)
    _files: dict[str, BinaryIO] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is of no subject, and close the files."""
        if self._shared and error is None:
            self._bundle(STUDY, self._shared)
        self._stack.close()

    def write(self, lines: Sequence[Line]) -> None:
        """Write the resources of a block; all resources of a subject are in one block."""
        self.counts.update(line.kind for line in lines)
        if self.form == "ndjson":
            for kind, texts in _by_kind(lines).items():
                self._file(kind).write(b"\n".join(texts) + b"\n")
        else:
            self._shared += [line for line in lines if not line.patient]
            for name, some in _by_subject(lines).items():
                self._bundle(name, some)

    def _file(self, kind: str) -> BinaryIO:
        if kind not in self._files:
            path = self.folder / f"{kind}.ndjson"
            self._files[kind] = self._stack.enter_context(path.open("wb"))
        return self._files[kind]

    def _bundle(self, name: str, lines: Sequence[Line]) -> None:
        """Write a transaction that puts each resource where it is, so that a second one changes nothing."""
        with (self.folder / f"{name}.json").open("wb") as file:
            file.write(b'{"resourceType":"Bundle","type":"transaction","entry":[')
            file.write(b",".join(map(_entry, lines)))
            file.write(b"]}\n")

    def files(self) -> list[FhirFile]:
        """Return what was written, by name."""
        return [_described(path) for path in sorted(self.folder.iterdir()) if path.is_file()]


def _by_kind(lines: Iterable[Line]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for line in lines:
        found[line.kind].append(line.text)
    return found


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


def _described(path: Path) -> FhirFile:
    data = path.read_bytes()
    ndjson = path.suffix == ".ndjson"
    kind = path.stem if ndjson else "Bundle"
    count = data.count(b"\n") if ndjson else data.count(b'"request":{"method":"PUT"')
    return FhirFile(path.name, kind, count)
