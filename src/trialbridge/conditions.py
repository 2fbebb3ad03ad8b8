"""Rules that hold only where another element has one of some codes: negation is said by a status."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, joined, split
from trialbridge.rules import Conditional, Leaves, Rule
from trialbridge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class When(Conditional):
    """A rule that holds only where an element has one of some codes, or only where it has none of them.

    Attributes:
        path: Path of the element.
        codes: The codes that are meant.
        rule: What holds then.
        has: Whether the element must have one of the codes; else it must have none.

    Example:
        >>> from trialbridge.rules import At
        >>> When("status", ("stopped",), At("statusReason[].text")).targets
        ('statusReason[].text',)
    """

    path: str
    codes: tuple[str, ...]
    rule: Rule
    has: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """The condition's path, and the paths of the rule."""
        return (self.path, *self.rule.paths)

    def holds(self, leaves: Leaves, vocabulary: Vocabulary) -> pa.Array:  # noqa: ARG002 -- a Conditional
        """Return where the element has one of the codes, or has none."""
        return self.permits(joined(leaves(self.path)))

    def permits(self, said: pa.Array) -> pa.Array:
        """Return where the rule holds, by what is said at its path: elsewhere it is not written either."""
        meant = by_value(said, self._meant).is_valid()
        return meant if self.has else pc.invert(meant)

    def _meant(self, text: str) -> str | None:
        return next((code for code in split(text) if code in self.codes), None)


@dataclass(frozen=True, slots=True)
class Where(Conditional):
    """A rule that holds only where another one gives a value.

    Attributes:
        other: The rule that must give a value.
        rule: What holds then.

    Example:
        >>> from trialbridge.rules import At
        >>> Where(At("status"), At("recordedDate")).paths
        ('status', 'recordedDate')
    """

    other: Rule
    rule: Rule

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of both rules."""
        return (*self.other.paths, *self.rule.paths)

    def holds(self, leaves: Leaves, vocabulary: Vocabulary) -> pa.Array:
        """Return where the other gives a value."""
        return self.other.to_sdtm(leaves, vocabulary).values.is_valid()
