"""One block of subjects to FHIR: their records of every dataset, and what the gate says of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, reduce
from itertools import repeat
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.arms import without_arm
from trialbridge.columns import TEXT, by_value, remembering
from trialbridge.converters.assemble import Written
from trialbridge.converters.component_panels import joined_panels
from trialbridge.converters.fhir_gate import Gate
from trialbridge.converters.fhir_parts import code_of, declaration_of
from trialbridge.converters.to_fhir import Resources, patient_id, to_resources
from trialbridge.converters.uncollected import uncollected
from trialbridge.elements import Version
from trialbridge.findings import Finding
from trialbridge.loinc_back import loinc_column
from trialbridge.mapping import Domain
from trialbridge.native import LEAD, with_arms
from trialbridge.registry import SUBJECTS
from trialbridge.vocabulary import USUBJID, Vocabulary

ENCODER = msgspec.json.Encoder()


def _of_subject(table: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return what follows from records of DM: why there is no arm, and the part of an investigator."""
    named = [table[name].is_valid() for name in ("INVID", "INVNAM") if name in table]
    leads = pc.if_else(reduce(pc.or_, named), "primary-investigator", None) if named else None
    return {**without_arm(table), **({LEAD: leads.cast(pa.string())} if leads is not None else {})}


FOLLOWS: Mapping[str, Callable[[Mapping[str, pa.Array]], Mapping[str, pa.Array]]] = {
    "DM": _of_subject,
    "LB": lambda table: {"LBLOINC": loinc_column(table)},
}
"""Domain -> what is written of its records that they do not hold as they are, and is not read back."""


class Line(NamedTuple):
    """One resource: its type, its id, the id of its subject's Patient (empty for nobody's), and its text."""

    kind: str
    id: str
    patient: str
    text: bytes


class Slice(NamedTuple):
    """Records of one dataset that follow one declaration.

    Attributes:
        dataset: Dataset name.
        variables: Its variables.
        kind: Their resource type, which tells the declaration.
        constants: Path -> what is written in every resource.
        numeric: The variables that are numbers.
        table: Variable, or part of the extension -> text, with ``USUBJID``.
        ids: The id of each record's resource.
    """

    dataset: str
    variables: tuple[str, ...]
    kind: str
    constants: tuple[tuple[str, str], ...]
    numeric: frozenset[str]
    table: Mapping[str, pa.Array]
    ids: pa.Array


class Counts(NamedTuple):
    """What became of the cells of some records: variable -> how many, see `to_fhir.Resources`."""

    dataset: str
    carried: Mapping[str, int]
    dated: Mapping[str, int]
    lost: Mapping[str, int]


class Made(NamedTuple):
    """What a block became: its resources, those that others point to first, and what is said of them."""

    lines: list[Line]
    counts: list[Counts]
    findings: list[Finding]


def make_block(slices: Sequence[Slice], vocabulary: Vocabulary, version: Version) -> Made:
    """Return the resources of a block of subjects; one that DM does not know has a Patient all the same.

    Args:
        slices: All records of these subjects.
        vocabulary: The words of the study.
        version: The FHIR release to write.
    """
    with uncollected(), remembering():
        return _made(slices, vocabulary, version)


def _made(slices: Sequence[Slice], vocabulary: Vocabulary, version: Version) -> Made:
    found: dict[tuple[str, str], Line] = {}
    counts = []
    subjects: dict[str, None] = {}
    for one in sorted(slices, key=lambda one: (one.dataset != "DM", one.dataset)):
        domain = _domain(one.dataset, one.variables, one.kind, tuple(one.table), one.constants)
        made = to_resources(
            domain,
            one.table,
            vocabulary,
            version,
            ids=one.ids,
            numeric=one.numeric,
            beside=_beside(one),
        )
        counts.append(Counts(one.dataset, made.carried, made.dated, made.lost))
        subjects |= dict.fromkeys(pc.unique(one.table["USUBJID"]).drop_null().to_pylist())
        patients = by_value(one.table["USUBJID"], patient_id)
        for line in _lines(made, domain, one, patients, version):
            found.setdefault(line[:2], line)
    for name in subjects:
        if ("Patient", patient_id(name)) not in found:
            found["Patient", patient_id(name)] = bare_patient(name)
    lines = list(found.values())
    return Made(lines, counts, gate_of(version).check(((line.kind, line.text) for line in lines), set()))


def _beside(records: Slice) -> Mapping[str, pa.Array]:
    """Return what follows from records and is written in the place of what they hold."""
    follows = FOLLOWS.get(code_of(records.dataset))
    return follows(records.table) if follows else {}


@lru_cache(maxsize=256)
def _domain(
    dataset: str,
    variables: tuple[str, ...],
    kind: str,
    names: tuple[str, ...],
    constants: tuple[tuple[str, str], ...],
) -> Domain:
    """Return the declaration that carries what no rule takes of some variables."""
    domain = declaration_of(dataset, variables, kind)
    carrying = domain.carrying([name for name in names if name != "USUBJID"])
    return with_arms(carrying, dict(constants)) if constants else carrying


@cache
def gate_of(version: Version) -> Gate:
    """Return the gate of a release, which remembers what it has seen."""
    return Gate(version)


def _lines(
    made: Resources, domain: Domain, records: Slice, patients: pa.Array, version: Version
) -> Iterator[Line]:
    *joined, own = made.written
    for part in joined:
        yield from _one_by_one(part)
    if domain.rows == "item":  # answers share a response, which has an id of its own
        yield from _one_by_one(own)
        return
    own, first = joined_panels(domain, own, records.table, records.ids, version)
    ids, of_whom = (column.take(pa.array(first)) for column in (records.ids, patients.cast(TEXT)))
    whose = pc.fill_null(of_whom, "").to_pylist()
    yield from map(Line, repeat(own.kind), ids.to_pylist(), whose, own.lines())


def _one_by_one(part: Written) -> Iterator[Line]:
    for row, text in zip(part.rows, part.lines(), strict=True):
        yield Line(part.kind, row.id, _patient_of(part.kind, row), text)  # type: ignore[attr-defined]  # a Struct made at run time


def _patient_of(kind: str, row: msgspec.Struct) -> str:
    """Return the id of the Patient that a resource is of."""
    if kind == "Patient":
        return str(row.id)  # type: ignore[attr-defined]  # a Struct made at run time
    holder = SUBJECTS.get(kind, "subject.reference").partition(".")[0]
    reference = getattr(getattr(row, holder, getattr(row, "subject", None)), "reference", None) or ""
    return str(reference).removeprefix("Patient/") if str(reference).startswith("Patient/") else ""


def bare_patient(usubjid: str) -> Line:
    """Return the Patient of a subject of whom nothing is known but the identifier."""
    name = patient_id(usubjid)
    resource = {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": USUBJID, "value": usubjid}],
    }
    return Line("Patient", name, name, ENCODER.encode(resource))
