"""Rules for the code of a test: what it says of domain, name, category, specimen and method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.codecs import Text
from trialbridge.columns import TEXT, distinct, joined, split
from trialbridge.rules import Cells, Leaves, Written, cells_of
from trialbridge.standards import code_of_test, name_of_test
from trialbridge.vocabulary import LOINC, NCIT_SYSTEMS, Basis, Test, Vocabulary


@dataclass(frozen=True, slots=True)
class Tested:
    """What the code of a test says: its domain, --TESTCD, --CAT, --SPEC, --METHOD or --POS. Reads only.

    The study's own word comes first, then decisions, then LOINC by the user's own file and by the shipped
    crosswalk; an unknown code gives null, which is a finding where the variable is the topic.
    """

    base: str
    field: str
    targets: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """System and code of every coding, and the text."""
        return (f"{self.base}.coding[*].system", f"{self.base}.coding[*].code", f"{self.base}.text")

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the field of the test."""
        indices, tests = tests_of(self.base, leaves, vocabulary)
        values = [getattr(test, self.field) or None if test else None for test in tests]
        column = pc.take(pa.array(values, TEXT), indices)
        sources = [joined(leaves(path)) for path in self.paths[1:]]
        return cells_of(column, *sources, partial=self.field != "testcd")

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:  # noqa: ARG002 -- a Rule
        """Return nothing."""
        return {}


def tests_of(base: str, leaves: Leaves, vocabulary: Vocabulary) -> tuple[pa.Array, list[Test | None]]:
    """Return, for each row, an index into the list of distinct tests; asked once a table."""
    key = f"tests {base}"
    if key not in leaves.memo:
        paths = (*Tested(base, "testcd").paths, f"{base}.coding[].display")
        rows, combinations = distinct([joined(leaves(path)) for path in paths])
        leaves.memo[key] = (
            rows,
            [_test(system, code, text, display, vocabulary) for system, code, text, display in combinations],
        )
        leaves.memo[f"codes of {key}"] = [_code(*one[:2]) for one in combinations]
    found: tuple[pa.Array, list[Test | None]] = leaves.memo[key]
    return found


class Used(NamedTuple):
    """One test that a run used: what it is, by whose word, and the LOINC code that it was read from."""

    domain: str
    testcd: str
    basis: Basis
    loinc: str


def tests_used(base: str, leaves: Leaves, vocabulary: Vocabulary, asked: pa.Array) -> Counter[Used]:
    """Return each test of the rows `asked` for, by whose word it is that test, and of how many rows."""
    rows, tests = tests_of(base, leaves, vocabulary)
    codes: list[str] = leaves.memo[f"codes of tests {base}"]
    counted = _counted(rows.filter(asked))
    return Counter(
        {
            Used(test.domain, test.testcd, test.basis, code): counted[number]
            for number, (test, code) in enumerate(zip(tests, codes, strict=True))
            if test and test.testcd and counted[number]
        }
    )


def _counted(values: pa.Array) -> Counter[int]:
    """Return value -> how often."""
    return Counter({one["values"]: one["counts"] for one in pc.value_counts(values).to_pylist()})


def _code(system: str, code: str) -> str:
    """Return the LOINC code among the codings."""
    pairs = zip(split(system), split(code), strict=False)
    return next((one for name, one in pairs if name == LOINC and one), "")


def _test(system: str, code: str, text: str, display: str, vocabulary: Vocabulary) -> Test | None:
    codings = list(zip(split(system), split(code), strict=False))
    return vocabulary.test(codings, text, display) or _test_by_nci(codings, vocabulary)


def _test_by_nci(codings: Sequence[tuple[str, str]], vocabulary: Vocabulary) -> Test | None:
    for system, code in codings:
        for variable in TEST_CODES if system in NCIT_SYSTEMS else ():
            if term := code_of_test(variable, code, vocabulary.ct):
                return Test(variable[:2], term, basis="nci")
    return None


TEST_CODES = (
    *("LBTESTCD", "VSTESTCD", "QSTESTCD", "RSTESTCD", "FTTESTCD"),
    *("EGTESTCD", "CVTESTCD", "ISTESTCD", "MBTESTCD", "CPTESTCD", "SCTESTCD", "DDTESTCD", "FATESTCD"),
)
"""The variables whose codelists are asked for the NCI code of a test, in this order."""


@dataclass(frozen=True, slots=True)
class TestName:
    """--TEST: the name that terminology pairs with --TESTCD, else the study's own, else the printed text.

    Attributes:
        variable: --TESTCD.
        base: Path of the code.
        longest: Bytes up to which a printed text is a name; 0 for any.
    """

    variable: str
    base: str
    longest: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The codings, the printed name, and the display of the first coding."""
        return (*Tested(self.base, "test").paths, f"{self.base}.coding[].display")

    @property
    def targets(self) -> tuple[str, ...]:
        """The printed name."""
        return (f"{self.base}.text",)

    def to_sdtm(self, leaves: Leaves, vocabulary: Vocabulary) -> Cells:
        """Return the names."""
        indices, tests = tests_of(self.base, leaves, vocabulary)
        names = [self._name(test, vocabulary) if test else None for test in tests]
        column = pc.take(pa.array(names, TEXT), indices)
        printed = [leaves(f"{self.base}.text"), leaves(f"{self.base}.coding[].display")]
        return cells_of(pc.coalesce(column, *(self._short(one) for one in printed)))

    def _short(self, texts: pa.Array) -> pa.Array:
        if not self.longest:
            return texts
        return pc.if_else(pc.less_equal(pc.binary_length(texts), self.longest), texts, None)

    def _name(self, test: Test, vocabulary: Vocabulary) -> str | None:
        return name_of_test(self.variable, test.testcd, vocabulary.ct) or test.test or None

    def to_fhir(self, column: pa.Array, vocabulary: Vocabulary) -> Written:
        """Return the name as it is printed."""
        return {f"{self.base}.text": Text().to_fhir(column, vocabulary)}
