"""Why a rule cannot say anything: something it speaks of is not there, or it asks for what we cannot do."""

from __future__ import annotations

from dataclasses import dataclass

from trialbridge.errors import TrialbridgeError


@dataclass
class Absent(TrialbridgeError):  # noqa: N818 -- no error: the rule does not apply
    """What a rule speaks of is not there: a variable, a dataset, a define.xml."""

    what: str

    def __str__(self) -> str:
        return self.what


@dataclass
class NotSupported(TrialbridgeError):  # noqa: N818 -- no error: the report says it
    """A rule asks for something that this engine does not do."""

    reason: str

    def __str__(self) -> str:
        return self.reason
