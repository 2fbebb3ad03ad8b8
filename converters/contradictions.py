"""What the resources of a domain say against themselves: found on whole columns, with the FHIR side at hand.

Nothing here changes a value. Equal oddities of one run are one `Finding` with a count, and its example is the
resource whose name comes first, so that neither blocks nor the order of the input show in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.codecs import Codec, DateTime, Number
from trialbridge.columns import by_value, by_values
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.crosswalks import is_ucum, is_unitless, to_cdisc_unit
from trialbridge.elements import Version, elements, resource_types
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import Domain, Records
from trialbridge.paths import parse
from trialbridge.quantities import Measured, Printed, Unit, printed, units_of
from trialbridge.rules import Rule, parts_of
from trialbridge.tested import tests_of
from trialbridge.versions import VERSIONS, localised
from trialbridge.vocabulary import SNOMED, UCUM, Vocabulary

CHOICES = re.compile(r"^(?P<before>.*\.)?(?P<name>value|effective|deceased|onset)(?P<type>[A-Z]\w*)")
NO_ZONE = r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?$"
CELLS = ("ERYTHROCYTES", "LEUKOCYTES", "LYMPHOCYTES", "PLATELETS")
MADE_OF: Mapping[str, frozenset[str]] = {
    "BLOOD": frozenset({"CELLS", "PLASMA"}),
    "SERUM": frozenset({"PLASMA"}),
    **dict.fromkeys(CELLS, frozenset({"CELLS"})),
}
"""What a material holds, in which a test may be named."""
VAGUE = frozenset({"FLUID", "OR", "SWABBED", "TISSUE"})
CRITERIA = ("AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESINTV", "AESLIFE", "AESMIE")


@dataclass
class Oddities:
    """Findings in the making: what was found, how many times, and the resource that comes first."""

    found: dict[Finding, tuple[int, str]] = field(default_factory=dict)

    def add(self, finding: Finding, count: int, resource: str) -> None:
        """Count a finding that names no resource yet."""
        known, first = self.found.get(finding, (0, resource))
        self.found[finding] = (known + count, min(first, resource))

    def merge(self, other: Oddities) -> None:
        """Add those of another block."""
        for finding, (count, resource) in other.found.items():
            self.add(finding, count, resource)

    def findings(self) -> list[Finding]:
        """Return the findings."""
        return [replace(one, count=count, resource=name) for one, (count, name) in self.found.items()]


def contradictions(
    domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary, oddities: Oddities
) -> None:
    """Add to `oddities` what the resources of `leaves` say against themselves.

    Args:
        domain: The declaration.
        leaves: The FHIR side of its records.
        records: The SDTM side.
        vocabulary: The words of the study.
        oddities: What was found so far.
    """
    for look in CHECKS:
        for finding, rows in look(domain, leaves, records, vocabulary):
            if rows.any():
                _note(domain, leaves, finding, rows, oddities)


def _note(
    domain: Domain, leaves: StagedLeaves, finding: Finding, rows: np.ndarray, oddities: Oddities
) -> None:
    chosen = pa.array(np.flatnonzero(rows))
    first = pc.min(pc.fill_null(leaves("id"), "").take(chosen)).as_py()
    oddities.add(replace(finding, domain=domain.code), len(chosen), f"{domain.source}/{first}")


Found = Iterator[tuple[Finding, np.ndarray]]
Look = Callable[[Domain, StagedLeaves, Records, Vocabulary], Found]


def _there(column: pa.Array) -> np.ndarray:
    valid: np.ndarray = column.is_valid().to_numpy(zero_copy_only=False)
    return valid


def _quoted(column: pa.Array) -> np.ndarray:
    """Return where a number is written as JSON text."""
    if not pa.types.is_string(column.type):
        return np.zeros(len(column), bool)
    found = pc.fill_null(pc.starts_with(column, '"'), False)  # noqa: FBT003 -- an Arrow scalar
    quoted: np.ndarray = found.to_numpy(zero_copy_only=False)
    return quoted


def _zoneless(column: pa.Array) -> np.ndarray:
    """Return where a time of day has no offset; those that end like one are not looked at further."""
    found = np.zeros(len(column), bool)
    if pa.types.is_string(column.type) and column.null_count < len(column):
        zoned = pc.or_(pc.ends_with(column, "Z"), _signed(column))
        rows = np.flatnonzero(pc.fill_null(pc.invert(zoned), False).to_numpy(zero_copy_only=False))  # noqa: FBT003 -- an Arrow scalar
        matched = pc.match_substring_regex(column.take(pa.array(rows)), NO_ZONE)
        found[rows] = matched.to_numpy(zero_copy_only=False)
    return found


def _signed(column: pa.Array) -> pa.Array:
    """Return where the sixth character from the end is a sign, as in ``-05:00``."""
    return pc.is_in(pc.utf8_slice_codeunits(column, -6, -5), pa.array(["+", "-"]))


def _read_as(rule: Rule, kind: type[Codec]) -> Iterator[str]:
    """Return the paths that a rule reads with one kind of codec."""
    for part in parts_of(rule):
        if (isinstance(part, Measured) and kind is Number) or isinstance(getattr(part, "codec", None), kind):
            yield part.paths[-1]


def _two_of_a_choice(
    domain: Domain,
    leaves: StagedLeaves,
    records: Records,  # noqa: ARG001 -- a Look
    vocabulary: Vocabulary,  # noqa: ARG001 -- a Look
) -> Found:
    """Find elements of which FHIR allows one of several types, and which are there in two."""
    done: set[str] = set()
    for name, rule in domain.all_rules():
        for choice, types in _choices(rule.paths).items():
            if len(types) > 1 and choice not in done:
                done.add(choice)
                there = [np.any([_there(leaves(path)) for path in paths], axis=0) for paths in types.values()]
                message = f"{choice.removeprefix('$this.')} is there in two types, of which FHIR allows one"
                finding = Finding(Severity.WARNING, "choice-ambiguous", message, variable=name, path=choice)
                yield finding, np.sum(there, axis=0) > 1


def _choices(paths: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Return the choices among single elements: their name, and the paths of each type."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        match = None if "[*]" in path else CHOICES.match(path)
        if match:
            found[f"{match['before'] or ''}{match['name']}[x]"][match["type"]].append(path)
    return found


def _quoted_numbers(domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary) -> Found:  # noqa: ARG001 -- a Look
    """Find numbers that were sent as text."""
    for name, rule in domain.all_rules():
        for path in dict.fromkeys(_read_as(rule, Number)):
            message = "a number is written as JSON text; it was read all the same"
            yield (
                Finding(Severity.WARNING, "number-as-text", message, variable=name, path=path),
                _quoted(leaves(path)),
            )


def _times_without_zone(
    domain: Domain,
    leaves: StagedLeaves,
    records: Records,  # noqa: ARG001 -- a Look
    vocabulary: Vocabulary,  # noqa: ARG001 -- a Look
) -> Found:
    """Find times of day without an offset, which FHIR does not allow and SDTM does."""
    for name, rule in domain.all_rules():
        for path in dict.fromkeys(_read_as(rule, DateTime)):
            message = "a time of day without an offset is no FHIR dateTime; none is assumed"
            yield (
                Finding(Severity.NOTICE, "time-without-zone", message, variable=name, path=path),
                _zoneless(leaves(path)),
            )


def _dangling(domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary) -> Found:  # noqa: ARG001 -- a Look
    """Find references to resources that are not in the input."""
    kinds: dict[str, list[str]] = {}
    for name, join in domain.joins.items():
        kinds.setdefault(join.path, []).append(name)
    for path, names in kinds.items():
        if parse(path).heads:
            continue
        found = [_there(leaves.joined(name)[1]) for name in names]
        types = " or ".join(domain.joins[name].type for name in names)
        message = f"refers to a {types} that is not in the input; what it would have said is missing"
        yield (
            Finding(Severity.NOTICE, "reference-unresolved", message, path=path),
            _there(leaves(path)) & ~np.any(found, axis=0),
        )


def _no_status(domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary) -> Found:  # noqa: ARG001 -- a Look
    """Find resources without the status that their release demands: they might have been withdrawn."""
    if domain.source in leaves.staged.made:
        return
    demanding = pa.array([one for one in VERSIONS if _demands_status(domain.source, one)], pa.string())
    releases = leaves.pointers({"release": "_version"})["release"]
    demanded: np.ndarray = pc.is_in(releases, demanding).to_numpy(zero_copy_only=False)
    message = "the required status is missing: it was taken as valid"
    finding = Finding(Severity.WARNING, "status-missing", message, path="status")
    yield finding, demanded & ~_there(leaves("status"))


def _demands_status(kind: str, release: Version) -> bool:
    """Return whether a release demands what is read as the status: of a subject R5 does not (`progress`)."""
    place = parse(localised(kind, "status", release) or "status").steps[0].name
    known = elements(kind, release) if kind in resource_types(release) else {}
    return place in known and known[place].required


def _another_specimen(
    domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary
) -> Found:
    """Find results whose code says another kind of specimen than the Specimen that they point to."""
    given = records.values.get(f"{domain.code}SPEC")
    if given is None or "specimen" not in domain.joins:
        return
    indices, tests = tests_of("$this.code", leaves, vocabulary)
    coded = pa.array([test.spec if test else None for test in tests], pa.string()).take(indices)
    said = by_values([coded, given], _disagreement)
    for text in pc.unique(said.drop_null()).to_pylist():
        finding = Finding(
            Severity.WARNING, "specimen-disagrees", text, variable=f"{domain.code}SPEC", path="specimen"
        )
        yield finding, pc.fill_null(pc.equal(said, text), False).to_numpy(zero_copy_only=False)  # noqa: FBT003 -- an Arrow scalar


def _disagreement(coded: str, given: str) -> str | None:
    if not coded or not given or _materials(coded) & _materials(given):
        return None
    return f"the code of the test is for {coded}, the Specimen is {given}; the Specimen was believed"


def _materials(specimen: str) -> frozenset[str]:
    """Return what a specimen is made of; serum and plasma are blood, and so are its cells."""
    words = (word for word in specimen.split(" ") if word not in VAGUE)
    return frozenset().union(*(MADE_OF.get(word, frozenset({word})) for word in words))


def _units_as_read(
    domain: Domain,
    leaves: StagedLeaves,
    records: Records,  # noqa: ARG001 -- a Look
    vocabulary: Vocabulary,  # noqa: ARG001 -- a Look
) -> Found:
    """Find units that were understood, though not as they were written."""
    for name, rule in domain.all_rules():
        for part in parts_of(rule):
            said = _readings(part, leaves)
            for text in () if said is None else pc.unique(said.drop_null()).to_pylist():
                finding = Finding(Severity.NOTICE, "unit-respelled", text, variable=name, path=part.paths[0])
                yield finding, pc.fill_null(pc.equal(said, text), False).to_numpy(zero_copy_only=False)  # noqa: FBT003 -- an Arrow scalar


def _readings(rule: Rule, leaves: StagedLeaves) -> pa.Array | None:
    """Return how the units of a rule were read; None where the rule is of none, or has nothing to read."""
    if not isinstance(rule, Unit | Printed):
        return None
    if all(leaves(path).null_count == leaves.rows for path in rule.paths):
        return None
    if isinstance(rule, Unit):
        rows, units = units_of(rule.base, leaves)
        return pa.array([_reading(*one) for one in units], pa.string()).take(rows)
    return by_value(leaves(rule.path), lambda text: UNIT_IN_TEXT if printed(text)[1] else None)


UNIT_IN_TEXT = "a number with its unit is written as one text; it was read as number and unit"
READ_AS_IT_IS = frozenset({"", UCUM, SNOMED})


def _reading(code: str, unit: str, system: str) -> str | None:
    """Return how a unit was read, where that is not plain from it; its size is the same always."""
    found = to_cdisc_unit(code)
    if found is not None and system not in READ_AS_IT_IS:
        return f"the code {code!r} of {system} was read as {found}"
    if found is not None:
        return None if system == SNOMED else _unless_plain(code, found)
    found = to_cdisc_unit(unit)
    if found is not None and code and not is_unitless(code):
        return f"no table knows the code {code!r}; the unit was read from its text {unit!r} as {found}"
    return None if found is None else _unless_plain(unit, found)


def _unless_plain(text: str, found: str) -> str | None:
    return None if text == found or is_ucum(text) else f"{text!r} is no UCUM code; it was read as {found}"


def _not_serious(domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary) -> Found:  # noqa: ARG001 -- a Look
    """Find adverse events that are not serious by one element, and serious by another."""
    serious = records.values.get("AESER")
    if serious is None:
        return
    values: Mapping[str, pa.Array] = records.values
    met = pc.equal(values["AEOUT"], "FATAL")
    for name in CRITERIA:
        met = pc.or_kleene(met, pc.equal(values[name], "Y"))
    wrong = pc.fill_null(pc.and_(pc.equal(serious, "N"), met), False)  # noqa: FBT003 -- an Arrow scalar
    message = "the event is said to be not serious, yet it was fatal or meets a criterion of seriousness"
    yield (
        Finding(Severity.ERROR, "seriousness-contradicts", message, variable="AESER", path="seriousness"),
        wrong.to_numpy(zero_copy_only=False),
    )


CHECKS: tuple[Look, ...] = (
    _two_of_a_choice,
    _quoted_numbers,
    _times_without_zone,
    _dangling,
    _no_status,
    _another_specimen,
    _units_as_read,
    _not_serious,
)
