"""Rules for what only the way from SDTM writes: a word with its code, and a reference that is no variable."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.codecs import Codec, Text
from trialbridge.columns import blank
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Labelled:
    """A word as a coding where it has a code, and as text, which the profile asks for in any case.

    Attributes:
        base: Path of the extension.
        codec: Translates the code.

    Example:
        >>> from trialbridge.codecs import Text
        >>> Labelled("extension[url=x]", Text()).targets[1]
        'extension[url=x].extension[url=ombCategory].valueCoding.code'
    """

    base: str
    codec: Codec

    @property
    def paths(self) -> tuple[str, ...]:
        """The text, and the code."""
        return (
            f"{self.base}.extension[url=text].valueString",
            f"{self.base}.extension[url=ombCategory].valueCoding.code",
        )

    targets = paths

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return what the code says, else the text."""
        text, code = map(leaves, self.paths)
        said = self.codec.to_sdtm(code, vocabulary)
        return cells_of(pc.coalesce(said, Text().to_sdtm(text, vocabulary)), text, code)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the text, and the code where there is one."""
        return dict(
            zip(
                self.paths,
                (Text().to_fhir(column, vocabulary), self.codec.to_fhir(column, vocabulary)),
                strict=True,
            )
        )


@dataclass(frozen=True, slots=True)
class Linked:
    """What other records say: a reference to one, or a state that follows. Writes only."""

    path: str
    paths: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The place."""
        return (self.path,)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:  # noqa: ARG002 -- a Rule
        """Return nulls."""
        return cells_of(blank(leaves.rows))

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return the column as it is."""
        return {self.path: column}


@dataclass(frozen=True, slots=True)
class Termed:
    """An NCI code, and the CDISC term that it stands for as what people read.

    Attributes:
        coding: Path of the coding.
        codec: Translates the code.
    """

    coding: str
    codec: Codec

    @property
    def paths(self) -> tuple[str, ...]:
        """The code."""
        return (f"{self.coding}.code",)

    @property
    def targets(self) -> tuple[str, ...]:
        """The code and its display."""
        return (f"{self.coding}.code", f"{self.coding}.display")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the terms of the codes."""
        code = leaves(self.paths[0])
        return cells_of(self.codec.to_sdtm(code, vocabulary), code, partial=self.codec.partial)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the codes, and the terms that have one."""
        code = self.codec.to_fhir(column, vocabulary)
        term = pc.if_else(code.is_valid(), Text().to_fhir(column, vocabulary), None)
        return dict(zip(self.targets, (code, term), strict=True))
