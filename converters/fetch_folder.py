"""What was fetched, on its way into a folder: a page at a time, so that what breaks off can go on."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from trialbridge.converters.report import to_json
from trialbridge.errors import ConfigurationError
from trialbridge.findings import Finding

PARTIAL = ".partial"
"""Subfolder of what is not complete yet."""

STATE = "state.json"
MANIFEST = "manifest.json"


class Asked(msgspec.Struct, frozen=True):
    """What a server is asked for.

    Attributes:
        url: Its base address.
        how: ``search``, ``everything`` or ``export``.
        types: Resource types; none for all.
        since: Only what was changed since then; an instant or a date.
        study: Only the subjects of this ResearchStudy.
        group: Only the members of this Group.
        count: Resources on a page.
    """

    url: str
    how: str = "search"
    types: tuple[str, ...] = ()
    since: str = ""
    study: str = ""
    group: str = ""
    count: int = 200


class Head(msgspec.Struct):
    """What is read of a resource to know it."""

    resourceType: str = ""  # noqa: N815 -- FHIR's word
    id: str = ""


class State(msgspec.Struct):
    """How far a fetch is.

    Attributes:
        asked: What is asked for.
        done: The pieces that are complete.
        piece: The piece that is being fetched.
        next: Where it goes on; empty for its beginning.
        read: How many resources of it came so far.
        lengths: File -> bytes of it that count.
        said: Piece -> how many resources the server says it has.
        findings: What was found so far.
    """

    asked: Asked
    done: list[str] = []
    piece: str = ""
    next: str = ""
    read: int = 0
    lengths: dict[str, int] = {}
    said: dict[str, int] = {}
    findings: list[Finding] = []


class Output(msgspec.Struct, frozen=True):
    """One file: what type it holds, its name, how many resources, and its hash."""

    type: str
    url: str
    count: int
    sha256: str


@dataclass
class FetchFolder(AbstractContextManager["FetchFolder"]):
    """A folder of what is fetched, in the making: one NDJSON file a type, each resource once.

    Attributes:
        out: The folder.
        asked: What is asked for.
        state: How far it is: where an earlier fetch of the same broke off, or at the beginning.
        counts: Type -> how many resources there are.
    """

    out: Path
    asked: Asked
    state: State = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _files: dict[str, BinaryIO] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def partial(self) -> Path:
        """The folder of what is not complete yet."""
        return self.out / PARTIAL

    def __enter__(self) -> Self:
        """Go on where an earlier fetch of the same broke off, or begin.

        Raises:
            ConfigurationError: The folder holds what no fetch has written.
        """
        refuse_others(self.out)
        self.state = self._earlier() or State(self.asked)
        if not self.state.piece and not self.state.done:
            shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True, exist_ok=True)
        for path in self.partial.glob("*.ndjson"):
            self._restore(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files; what is there stays for the next time."""
        self._stack.close()

    def _earlier(self) -> State | None:
        try:
            found = msgspec.json.decode((self.partial / STATE).read_bytes(), type=State)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return found if found.asked == self.asked else None

    def _restore(self, path: Path) -> None:
        """Cut a file to what counts of it, and note what it holds."""
        os.truncate(path, self.state.lengths.get(path.name, 0))
        with path.open("rb") as file:
            for line in file:
                head = msgspec.json.decode(line, type=Head)
                self._seen.add((head.resourceType, head.id))
                self.counts[head.resourceType] += 1

    def add(self, resource: bytes) -> str:
        """Keep a resource as it is written, on one line, unless it is there; return its type.

        Raises:
            ValueError: It is no JSON, or no resource.
        """
        head = msgspec.json.decode(resource, type=Head)
        kind = head.resourceType
        if not (kind.isascii() and kind.isalpha()):
            raise ValueError("it names no resource type")
        if not head.id or (kind, head.id) not in self._seen:
            self._seen.add((kind, head.id))
            self._file(f"{kind}.ndjson").write(msgspec.json.format(resource, indent=-1) + b"\n")
            self.counts[kind] += 1
        return kind

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            self._files[name] = self._stack.enter_context((self.partial / name).open("ab"))
        return self._files[name]

    def save(self) -> None:
        """Note how far it is: what was added so far counts from now on."""
        for name, file in self._files.items():
            file.flush()
            self.state.lengths[name] = file.tell()
        fresh = self.partial / f"{STATE}.new"
        fresh.write_bytes(msgspec.json.encode(self.state))
        fresh.replace(self.partial / STATE)

    def end(self, piece: str) -> None:
        """Note that a piece is complete."""
        self.state.done.append(piece)
        if self.state.piece == piece:
            self.state.piece = self.state.next = ""
        self.save()

    def resources(self, kind: str) -> Iterator[bytes]:
        """Yield the resources of a type that came so far."""
        name = f"{kind}.ndjson"
        if name in self._files:
            self._files[name].flush()
        if (self.partial / name).exists():
            with (self.partial / name).open("rb") as file:
                yield from file

    def outputs(self) -> list[Output]:
        """Return the files with what they hold."""
        self._stack.close()
        paths = sorted(path for path in self.partial.glob("*.ndjson") if path.stat().st_size)
        return [Output(path.stem, path.name, self.counts[path.stem], _sha256(path)) for path in paths]

    def finish(self, manifest: object) -> None:
        """Put the files and their manifest in their place, instead of those of an earlier fetch."""
        self._stack.close()
        kept = {one.url for one in self.outputs()}
        for name in _earlier_files(self.out):
            if name not in kept:
                (self.out / name).unlink(missing_ok=True)
        for name in sorted(kept):
            (self.partial / name).replace(self.out / name)
        (self.partial / MANIFEST).write_bytes(to_json(manifest))
        (self.partial / MANIFEST).replace(self.out / MANIFEST)
        shutil.rmtree(self.partial)


class _File(msgspec.Struct):
    url: str


class _Manifest(msgspec.Struct):
    generator: str = ""
    output: list[_File] = []


GENERATOR = "trialbridge fetch"


def refuse_others(folder: Path) -> None:
    """Do nothing where a folder is new, empty, or of an earlier fetch.

    Raises:
        ConfigurationError: It holds something else.
    """
    if folder.is_dir():
        others = {path.name for path in folder.iterdir()} - {PARTIAL, MANIFEST, *_earlier_files(folder)}
        if others or ((folder / MANIFEST).exists() and _manifest(folder).generator != GENERATOR):
            example = min(others, default=MANIFEST)
            raise ConfigurationError("--out", f"{folder} holds what no fetch has written, such as {example}")
    elif folder.exists():
        raise ConfigurationError("--out", f"{folder} is no folder")


def _manifest(folder: Path) -> _Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Manifest)
    except (FileNotFoundError, msgspec.MsgspecError):
        return _Manifest()


def _earlier_files(folder: Path) -> Sequence[str]:
    """Return the files of an earlier fetch, by its manifest; only names that a fetch gives."""
    found = _manifest(folder)
    names: Iterable[str] = (one.url for one in found.output) if found.generator == GENERATOR else ()
    return [name for name in names if name.endswith(".ndjson") and Path(name).name == name]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
