"""The worklist in the making: each code or text that no table knows, once, with what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import joined, split
from trialbridge.conversion import UNMAPPED
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.mapping import Domain
from trialbridge.rules import Rule

EXAMPLES = 5
WHY = "no table translates it; the variable is blank"


@dataclass
class Word:
    """One unknown code or text, over all its occurrences."""

    reason: str
    count: int = 0
    subjects: set[str] = field(default_factory=set)
    units: Counter[str] = field(default_factory=Counter)
    specimens: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    resource: str = ""


Key = tuple[str, str, str, str, str]


@dataclass
class Unmapped:
    """Unknown words by domain, variable, system, code and text."""

    words: dict[Key, Word] = field(default_factory=dict)

    def merge(self, other: Unmapped) -> None:
        """Add the words of another block."""
        for key, word in other.words.items():
            mine = self.words.setdefault(key, Word(word.reason))
            mine.count += word.count
            mine.subjects |= word.subjects
            mine.units += word.units
            mine.specimens += word.specimens
            mine.values += word.values
            mine.resource = min(filter(None, (mine.resource, word.resource)), default="")

    def table(self) -> pa.Table:
        """Return the worklist: most frequent first, then by name."""
        rows = [
            {
                **dict(zip(("domain", "variable", "system", "code", "text"), key, strict=True)),
                "units": _frequent(word.units),
                "specimens": _frequent(word.specimens),
                "example_values": _frequent(word.values),
                "count": word.count,
                "subjects": len(word.subjects),
                "example_resource": word.resource,
                "reason": word.reason,
            }
            for key, word in sorted(self.words.items(), key=lambda item: (-item[1].count, item[0]))
        ]
        return pa.Table.from_pylist(rows, schema=UNMAPPED)


def _frequent(counted: Counter[str]) -> str:
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
    return "; ".join(value for value, _ in best)


def lost_values(
    domain: Domain, name: str, rule: Rule, leaves: StagedLeaves, lost: pa.Array, unmapped: Unmapped
) -> None:
    """Add the source values that `rule` did not understand where `lost` says so."""
    chosen = pa.array([number for number, one in enumerate(lost.to_pylist()) if one], pa.int64())
    paths = [path for path in dict.fromkeys(rule.paths) if not path.endswith((".url", ".id"))]
    parts = {
        "system": [path for path in paths if path.endswith(".system")],
        "code": [path for path in paths if path.endswith(("code", "Code", "gender", "linkId"))],
        "text": [
            path for path in paths if path.endswith((".text", ".display", ".unit", "valueString", "country"))
        ],
    }
    words = {part: _words(leaves, some, chosen) for part, some in parts.items()}
    resources = leaves.pointers({"id": "id"})["id"].take(chosen).to_pylist()
    subjects = _subjects(leaves).take(chosen).to_pylist()
    for system, code, text, resource, subject in zip(*words.values(), resources, subjects, strict=True):
        key = (domain.code, name, system, code, text)
        word = unmapped.words.setdefault(key, Word(WHY))
        _count(word, subject, f"{domain.source}/{resource}")


def _words(leaves: StagedLeaves, paths: Sequence[str], chosen: pa.Array) -> list[str]:
    """Return the first value that one of `paths` holds, for each chosen record."""
    columns = [joined(leaves(path)).take(chosen) for path in paths]
    if not columns:
        return [""] * len(chosen)
    found = pc.coalesce(*columns).to_pylist()
    return [next((one for one in split(value) if one), "") if value else "" for value in found]


def _subjects(leaves: StagedLeaves) -> pa.Array:
    return pc.fill_null(
        leaves("individual.reference" if leaves.domain.code == "DM" else "subject.reference"), ""
    )


def _count(word: Word, subject: str, resource: str) -> None:
    word.count += 1
    word.subjects.add(subject)
    word.resource = min(filter(None, (word.resource, resource)))


def unknown_tests(domain: str, leaves: StagedLeaves, reason: str, unmapped: Unmapped) -> None:
    """Add the codes of tests that no table knows, with their units, specimens and some values."""
    base = "$this.code"
    all_rows = pa.array(range(leaves.rows), pa.int64())
    systems, codes = (joined(leaves(f"{base}.coding[*].{part}")).to_pylist() for part in ("system", "code"))
    texts = _words(leaves, [f"{base}.text", f"{base}.coding[].display"], all_rows)
    units = _words(leaves, ["$this.valueQuantity.code", "$this.valueQuantity.unit"], all_rows)
    specimens = _words(
        leaves,
        ["specimen->type.coding[*].display", "specimen->type.text", "specimen->type.coding[*].code"],
        all_rows,
    )
    values = _words(leaves, VALUES, all_rows)
    resources = leaves.pointers({"id": "id"})["id"].to_pylist()
    subjects = _subjects(leaves).to_pylist()
    variable = f"{domain}TESTCD" if domain else ""
    for row in range(leaves.rows):
        system, code = _first_pair(systems[row], codes[row])
        word = unmapped.words.setdefault((domain, variable, system, code, texts[row]), Word(reason))
        _count(word, subjects[row], f"Observation/{resources[row]}")
        for counted, value in (
            (word.units, units[row]),
            (word.specimens, specimens[row]),
            (word.values, values[row]),
        ):
            if value:
                counted[value] += 1


VALUES = (
    "$this.valueQuantity.value",
    "$this.valueString",
    "$this.valueCodeableConcept.text",
    "$this.valueCodeableConcept.coding[].display",
    "$this.valueCodeableConcept.coding[].code",
    "$this.valueInteger",
)


def _first_pair(systems: str | None, codes: str | None) -> tuple[str, str]:
    if not codes:
        return "", ""
    return split(systems or "")[0], split(codes)[0]
