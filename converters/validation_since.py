"""What became of findings since an earlier run: which are new, which are gone, which stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from trialbridge.errors import ReadError
from trialbridge.validation.clusters import Cluster
from trialbridge.validation.outcome import Status, Validation


class Change(StrEnum):
    """What became of a cause."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    RESOLVED = "resolved"
    NOT_CHECKED = "not checked"


class EarlierCause(msgspec.Struct, frozen=True):
    """A cause as the report of the earlier run has it."""

    id: str
    rule: str
    severity: str
    dataset: str
    message: str
    count: int


class GoneCause(EarlierCause, frozen=True):
    """A cause of the earlier run that was not found again: resolved, or its rule was not run."""

    change: Change


class _Report(msgspec.Struct):
    clusters: list[EarlierCause]


@dataclass(frozen=True)
class Since:
    """What an earlier run found.

    Attributes:
        source: Its report.
        causes: Id -> the cause.
    """

    source: str
    causes: Mapping[str, EarlierCause]

    def change(self, cause: str, count: int) -> Change:
        """Return what became of a cause that has so many findings now."""
        before = self.causes.get(cause)
        if before is None:
            return Change.NEW
        return Change.UNCHANGED if before.count == count else Change.CHANGED

    def gone(self, clusters: Iterable[Cluster], validation: Validation) -> list[GoneCause]:
        """Return what is found no more, and what was not looked for this time."""
        now = {one.id for one in clusters}
        looked = {one.rule.id for one in validation.outcomes if one.status in _LOOKED}
        return [
            GoneCause(**msgspec.structs.asdict(one), change=_GONE[one.rule in looked])
            for one in self.causes.values()
            if one.id not in now
        ]


_LOOKED = {Status.RUN, Status.NOT_APPLICABLE}
_GONE = {True: Change.RESOLVED, False: Change.NOT_CHECKED}


def read_since(path: Path) -> Since:
    """Return what an earlier run found.

    Args:
        path: What ``validate --report FILE.json`` wrote.

    Raises:
        ReadError: It is no such report.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except (OSError, msgspec.DecodeError) as error:
        raise ReadError(str(path), f"is no report of validate --report FILE.json: {error}") from error
    return Since(str(path), {one.id: one for one in report.clusters})
