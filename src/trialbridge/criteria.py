"""Criteria that a subject did not meet: the only ones that IE has records of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from trialbridge import crosswalks
from trialbridge.columns import by_values, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.tested import Tested, tests_of
from trialbridge.vocabulary import Vocabulary

FAILING = {("INCLUSION", "N"), ("EXCLUSION", "Y")}
"""Category and answer of a criterion that was not met."""


@dataclass(frozen=True, slots=True)
class NotMet:
    """The code of a criterion, or the answer to it, where the criterion was not met. Reads only.

    Attributes:
        base: Path of the code of the criterion; the study's settings say its --TESTCD and --CAT.
        part: Which of the two.
    """

    base: str
    part: Literal["testcd", "answer"]
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The criterion, and the answer: a boolean, a coded word, or a text."""
        return (*Tested(self.base, "testcd").paths, *ANSWERS)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the codes or the answers; a criterion that was met is no loss."""
        rows, tests = tests_of(self.base, leaves, vocabulary)
        columns = [rows.cast(pa.string()), *(joined(leaves(path)) for path in ANSWERS)]

        def told(number: str, *answers: str) -> str | None:
            test, answer = tests[int(number)], _answer(*answers)
            if test is None or (test.cat, answer) not in FAILING:
                return None
            return test.testcd if self.part == "testcd" else answer

        return cells_of(by_values(columns, told), partial=True)

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


VALUE = "$this.valueCodeableConcept"
ANSWERS = (
    "$this.valueBoolean",
    f"{VALUE}.coding[*].system",
    f"{VALUE}.coding[*].code",
    f"{VALUE}.text",
    "$this.valueString",
)


def _answer(boolean: str, systems: str, codes: str, *texts: str) -> str:
    """Return ``Y`` or ``N``; empty where the answer is neither."""
    if boolean:
        return {"true": "Y", "false": "N"}.get(boolean, "")
    table = crosswalks.crosswalk("yes_no")
    pairs = zip(split(systems), split(codes), strict=False)
    coded = (table.find(system, code) for system, code in pairs if code)
    said = (table.find_text(text) for text in texts if text)
    return next((one for one in (*coded, *said) if one), "")
