"""Which tests a run used, and by whose word each of them is that test."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.mapping import FROM_DECISION, Domain, Records, alternatives
from trialbridge.rules import Leaves, Rule
from trialbridge.tested import Tested, Used, tests_used
from trialbridge.vocabulary import Basis, Vocabulary


def tests_in_use(domain: Domain, leaves: Leaves, records: Records, vocabulary: Vocabulary) -> Counter[Used]:
    """Return each test of the records, by whose word it is that test, and of how many records.

    Args:
        domain: The declaration.
        leaves: The FHIR side of the records.
        records: The SDTM side.
        vocabulary: The words of the study.
    """
    name = f"{domain.code}TESTCD"
    rule = dict(domain.all_rules()).get(name)
    number = _by_code(rule) if rule else None
    if rule is None or number is None:
        return Counter()
    values, which = records.values[name], records.which.get(name)
    asked = values.is_valid()
    if which is not None:
        asked = pc.and_(asked, pc.is_in(which, pa.array([number, FROM_DECISION], pa.uint8())))
    tested = alternatives(rule)[number]
    found = tests_used(tested.base, leaves, vocabulary, asked) if isinstance(tested, Tested) else Counter()
    others = pc.and_not(values.is_valid(), asked)
    named = (
        others if which is None else pc.is_in(which, pa.array(range(number + 1, FROM_DECISION), pa.uint8()))
    )
    for basis, rows in _others(others, named):
        counted = pc.value_counts(values.filter(rows)).to_pylist()
        found += Counter({Used(domain.code, one["values"], basis, ""): one["counts"] for one in counted})
    return found


def _others(others: pa.Array, named: pa.Array) -> tuple[tuple[Basis, pa.Array], ...]:
    """Return by whose word the other tests are tests: their NCI code, or after that their printed name."""
    return ("nci", pc.and_not(others, named)), ("name", pc.and_(others, named))


def by_basis(used: Counter[Used]) -> dict[str, int]:
    """Return by whose word tests are tests -> how many tests; what is not asked has no entry.

    Example:
        >>> codes = ("1742-6", "1743-4")
        >>> by_basis(Counter(Used("LB", "ALT", "crosswalk", code) for code in codes))
        {'crosswalk': 1}
    """
    tests = {(one.domain, one.testcd, one.basis) for one in used}
    counted = Counter(basis for _, _, basis in tests)
    return {basis: counted[basis] for basis in sorted(counted)}


def _by_code(rule: Rule) -> int | None:
    """Return which alternative of a rule asks for the test of a code."""
    parts = alternatives(rule)
    return next((number for number, one in enumerate(parts) if isinstance(one, Tested)), None)
