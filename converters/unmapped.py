"""The worklist in the making: each code or text that no table knows, once, with what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.coded import Several
from trialbridge.columns import by_value, distinct, joined, split
from trialbridge.conversion import UNMAPPED
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.decisions import Decision, Decisions, Word, is_test
from trialbridge.errors import TermError
from trialbridge.mapping import Domain
from trialbridge.quantities import Unit
from trialbridge.questions import ItemCode
from trialbridge.rules import Leaves, Rule, parts_of
from trialbridge.standards import codelist, domain_variables
from trialbridge.tested import Tested

EXAMPLES = 5
WHY = "no table translates it; the variable is blank"
KEPT = "no table translates it; it is kept as it was sent, outside the codelist"
ANOTHER_TEXT = "the decision about this code was made of another text: {!r}"


@dataclass
class Known:
    """What is known of one unknown code or text, over all its occurrences."""

    reason: str
    count: int = 0
    subjects: set[str] = field(default_factory=set)
    units: Counter[str] = field(default_factory=Counter)
    specimens: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    resource: str = ""

    def meet(self, subject: str, resource: str) -> None:
        """Count one occurrence."""
        self.count += 1
        self.subjects.add(subject)
        self.resource = min(filter(None, (self.resource, resource)))


@dataclass
class Unmapped:
    """Unknown words, and what is known of each."""

    words: dict[Word, Known] = field(default_factory=dict)

    def merge(self, other: Unmapped) -> None:
        """Add the words of another block."""
        for word, known in other.words.items():
            mine = self.words.setdefault(word, Known(known.reason))
            mine.count += known.count
            mine.subjects |= known.subjects
            mine.units += known.units
            mine.specimens += known.specimens
            mine.values += known.values
            mine.resource = min(filter(None, (mine.resource, known.resource)), default="")

    def table(self, decisions: Decisions) -> pa.Table:
        """Return the worklist: most frequent first, then by name."""
        rows = [
            {
                **word._asdict(),
                "units": _frequent(known.units),
                "specimens": _frequent(known.specimens),
                "example_values": _frequent(known.values),
                "count": known.count,
                "subjects": len(known.subjects),
                "example_resource": known.resource,
                "reason": _reason(word, known, decisions),
            }
            for word, known in sorted(self.words.items(), key=lambda item: (-item[1].count, item[0]))
            if decisions.find(word) is None
        ]
        return pa.Table.from_pylist(rows, schema=UNMAPPED)


def _reason(word: Word, known: Known, decisions: Decisions) -> str:
    other = decisions.of_another_text(word)
    return ANOTHER_TEXT.format(other.text) if other else known.reason


def _frequent(counted: Counter[str]) -> str:
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
    return "; ".join(value for value, _ in best)


def add_words(
    name: str, rule: Rule, leaves: StagedLeaves, where: pa.Array, why: str, unmapped: Unmapped
) -> None:
    """Add the source values of a variable where no table knows them.

    Args:
        name: The variable.
        rule: Its rule.
        leaves: The FHIR side of the records.
        where: The records that are meant.
        why: `WHY` or `KEPT`.
        unmapped: What was found so far.
    """
    chosen = pc.indices_nonzero(where).cast(pa.int64())
    resources = leaves.pointers({"id": "id"})["id"].take(chosen).to_pylist()
    subjects = _subjects(leaves).take(chosen).to_pylist()
    found = source_words(leaves.domain, name, rule, leaves, chosen)
    for word, resource, subject in zip(found, resources, subjects, strict=True):
        known = unmapped.words.setdefault(word, Known(why))
        known.meet(subject, f"{leaves.domain.source}/{resource}")


def kept_as_sent(domain: Domain, name: str, rule: Rule, values: pa.Array, ct: str) -> pa.Array | None:
    """Return where a rule that keeps what it does not know gave what is no term; None where it never did."""
    lists = [*_codelists(domain.code, name), *(["UNIT"] if any(_units(rule)) else [])]
    if not any(_keeping(rule)) or not lists:
        return None
    foreign = [value for value in pc.unique(values.drop_null()).to_pylist() if not _is_term(value, lists, ct)]
    return pc.is_in(values, pa.array(foreign, pa.string())) if foreign else None


def _is_term(value: str, lists: Sequence[str], ct: str) -> bool:
    for code in lists:
        try:
            if value in codelist(code, ct):
                return True
        except TermError:
            continue
    return False


def _codelists(domain: str, name: str) -> tuple[str, ...]:
    return next((facts.codelists for facts in domain_variables(domain) if facts.name == name), ())


def _keeping(rule: Rule) -> Iterator[Rule]:
    """Return the parts of a rule that keep a text which no table knows."""
    return (part for part in parts_of(rule) if isinstance(part, Unit) or getattr(part, "verbatim", False))


def _units(rule: Rule) -> Iterator[Unit]:
    return (part for part in parts_of(rule) if isinstance(part, Unit))


def source_words(
    domain: Domain, name: str, rule: Rule, leaves: Leaves, chosen: pa.Array | None = None
) -> list[Word]:
    """Return the code and the text that a variable was made of, for each record.

    Args:
        domain: The declaration.
        name: The variable.
        rule: Its rule.
        leaves: The FHIR side of the records.
        chosen: The rows that are asked for; all without it.
    """
    rows = pa.array(range(leaves.rows), pa.int64()) if chosen is None else chosen
    several = next((part for part in parts_of(rule) if isinstance(part, Several)), None)
    columns = [_words(leaves, paths, rows) for paths in _paths(rule)]
    if several is not None:
        unknown = several.unknown(leaves)
        columns[:2] = [[unknown[row][part] for row in rows.to_pylist()] for part in (0, 1)]
    return [Word(domain.code, name, *words) for words in zip(*columns, strict=True)]


def _paths(rule: Rule) -> tuple[list[str], list[str], list[str]]:
    """Return the paths of systems, of codes and of texts that a rule reads."""
    parts = [part for part in parts_of(rule) if not (isinstance(part, Tested) and part.field != "testcd")]
    if len(parts) == 1 and isinstance(parts[0], ItemCode):
        return [parts[0].canonical], [parts[0].link], []
    paths = [
        path
        for path in dict.fromkeys(path for part in parts for path in part.paths)
        if not path.endswith((".url", ".id"))
    ]
    codes = ("code", "Code", "gender", "linkId", "status")
    texts = (".text", ".display", ".unit", "valueString", "country")
    return (
        [path for path in paths if path.endswith(".system")],
        [path for path in paths if path.endswith(codes)],
        [path for path in paths if path.endswith(texts)],
    )


def _words(leaves: Leaves, paths: Sequence[str], chosen: pa.Array) -> list[str]:
    """Return the first value that one of `paths` holds, for each chosen record."""
    columns = [by_value(joined(leaves(path)).take(chosen), _first) for path in paths]
    if not columns:
        return [""] * len(chosen)
    words: list[str] = pc.fill_null(pc.coalesce(*columns), "").to_pylist()
    return words


def _first(values: str) -> str | None:
    return next((one for one in split(values) if one), None)


def _subjects(leaves: StagedLeaves) -> pa.Array:
    return pc.fill_null(
        leaves("individual.reference" if leaves.domain.code == "DM" else "subject.reference"), ""
    )


def test_words(domain: str, leaves: Leaves) -> list[Word]:
    """Return the first coding and the printed name of each record's test."""
    base = "$this.code"
    rows = pa.array(range(leaves.rows), pa.int64())
    pairs = (joined(leaves(f"{base}.coding[*].{part}")).to_pylist() for part in ("system", "code"))
    texts = _words(leaves, [f"{base}.text", f"{base}.coding[].display"], rows)
    variable = f"{domain}TESTCD" if domain else ""
    return [
        Word(domain, variable, *_first_pair(system, code), text)
        for system, code, text in zip(*pairs, texts, strict=True)
    ]


def _first_pair(systems: str | None, codes: str | None) -> tuple[str, str]:
    return (split(systems or "")[0], split(codes)[0]) if codes else ("", "")


def unknown_tests(
    domain: str, leaves: StagedLeaves, reason: str, decisions: Decisions, unmapped: Unmapped
) -> dict[int, Decision]:
    """Add the codes of tests that no table knows, with their units, specimens and some values.

    Returns:
        Row of the resource -> the decision by which all of it stays unmapped; such tests are not added.
    """
    rows = pa.array(range(leaves.rows), pa.int64())
    context = [_words(leaves, paths, rows) for paths in (UNITS, SPECIMENS, VALUES)]
    resources = leaves.pointers({"id": "id"})["id"].to_pylist()
    subjects = _subjects(leaves).to_pylist()
    decided = decided_tests(leaves, decisions)
    left, unknown = {}, set()
    for row, word in enumerate(test_words(domain, leaves)):
        base, decision = leaves.rowset.base[row].as_py(), decided[row]
        if decision is not None and decision.leaves:
            left[base] = decision
            continue
        unknown.add(base)
        known = unmapped.words.setdefault(word, Known(reason))
        known.meet(subjects[row], f"Observation/{resources[row]}")
        for counted, column in zip((known.units, known.specimens, known.values), context, strict=True):
            if column[row]:
                counted[column[row]] += 1
    return {base: decision for base, decision in left.items() if base not in unknown}


def decided_tests(leaves: Leaves, decisions: Decisions) -> list[Decision | None]:
    """Return the decision about each record's test."""
    if not decisions.made:
        return [None] * leaves.rows
    paths = [f"$this.code.coding[*].{part}" for part in ("system", "code")]
    columns = [joined(leaves(path)) for path in paths]
    texts = pa.array([word.text for word in test_words("", leaves)], pa.string())
    rows, combinations = distinct([*columns, texts])
    found = [
        decisions.of_test(zip(split(systems), split(codes), strict=False), text)
        for systems, codes, text in combinations
    ]
    return [found[row] for row in rows.to_pylist()]


def decision_of(
    domain: Domain, name: str, rule: Rule, leaves: Leaves, decisions: Decisions
) -> list[Decision | None]:
    """Return the decision about what a variable was made of, for each record."""
    if is_test(name) and not isinstance(rule, ItemCode):
        return decided_tests(leaves, decisions)
    return [decisions.find(word) for word in source_words(domain, name, rule, leaves)]


UNITS = ("$this.valueQuantity.code", "$this.valueQuantity.unit")
SPECIMENS = ("specimen->type.coding[*].display", "specimen->type.text", "specimen->type.coding[*].code")
VALUES = (
    "$this.valueQuantity.value",
    "$this.valueString",
    "$this.valueCodeableConcept.text",
    "$this.valueCodeableConcept.coding[].display",
    "$this.valueCodeableConcept.coding[].code",
    "$this.valueInteger",
)
