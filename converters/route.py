"""Which domain each record belongs to, and why a resource becomes none: decided on whole columns, by type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, by_values, joined, split
from trialbridge.converters.identity import Identities
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.products import PRODUCT_PATHS, products
from trialbridge.converters.route_events import event_paths, taken_first, wanted, without_rows
from trialbridge.converters.route_exposure import administered, ordered
from trialbridge.converters.route_findings_about import findings_about, tests_about
from trialbridge.converters.stage import Staged, column, has_any
from trialbridge.crosswalks import crosswalk
from trialbridge.mapping import Domain
from trialbridge.questions import rated, segment
from trialbridge.registry import DOMAINS, declarations
from trialbridge.tested import Tested, tests_of
from trialbridge.vocabulary import Vocabulary

CATEGORIES = {
    "laboratory": "LB",
    "vital-signs": "VS",
    "survey": "QS",
    "exam": "PE",
    "social-history": "SC",
}
"""Observation.category -> the domain of a test that no table knows."""

NOT_MAPPED = "{} has no mapping yet"
NO_CODE = "no table says which SDTM test this is"
NO_DOMAIN = "neither its code nor its category says which domain this Observation belongs to"
NOT_WANTED = "no domain takes a resource of this kind"
OTHER_DISPENSED = "not the study product, and that a drug was dispensed does not say that it was taken"
NO_VALUE = "it has no value and gives no reason for its absence"
REPEATED = "repeats an answer of the QuestionnaireResponse that it was derived from"


@dataclass
class Routed:
    """What becomes of the resources of one type.

    Attributes:
        rowsets: Declaration -> its records.
        reasons: Row of the resource -> why it, or a part of it, is no record.
        unknown: Records of which no table knows the test, with the domain that their category says.
        panels: Row of a resource that only heads others; it is accounted for by them.
    """

    rowsets: list[tuple[Domain, Rowset]] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    unknown: list[tuple[str, StagedLeaves]] = field(default_factory=list)
    panels: frozenset[int] = frozenset()


def route(
    kind: str, live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """Return where the rows `live` of the resources of type `kind` go."""
    found = [one for code in DOMAINS if code != "DM" for one in declarations(code) if one.source == kind]
    if not found:
        return Routed(reasons={int(row): f"{kind} has no mapping yet" for row in live})
    return ROUTES.get(kind, _straight)(found, live, staged, identities, vocabulary)


def _straight(
    found: list[Domain],
    live: np.ndarray,
    staged: Staged,
    identities: Identities,  # noqa: ARG001 -- a route
    vocabulary: Vocabulary,
) -> Routed:
    """Every resource goes to the first declaration of its type that takes such a one."""
    routed = Routed()
    left = live
    for domain, taken in taken_first(found, live, staged, vocabulary):
        rowset = _whole(taken) if domain.rows == "resource" else _parts(domain, taken, staged)
        routed.rowsets.append((domain, rowset))
        without = np.setdiff1d(taken, rowset.base.to_numpy())
        routed.reasons |= {int(row): "it holds no answer" for row in without}
        left = without_rows(left, taken)
    routed.reasons |= dict.fromkeys(left.tolist(), NOT_WANTED)
    return routed


def _each(
    found: list[Domain],
    live: np.ndarray,
    staged: Staged,
    identities: Identities,  # noqa: ARG001 -- a route
    vocabulary: Vocabulary,
) -> Routed:
    """Every resource goes to all the declarations that take such a one."""
    return Routed(rowsets=[(one, _whole(live[wanted(one, live, staged, vocabulary)])) for one in found])


def _conditions(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """A condition that an adverse event names as its result is told by that event."""
    return _straight(found, np.setdiff1d(live, _results(staged, identities)), staged, identities, vocabulary)


def _results(staged: Staged, identities: Identities) -> np.ndarray:
    """Return the rows of the conditions that adverse events name as their results."""
    events = staged.table("AdverseEvent")
    if events is None:
        return np.array([], np.int64)
    event = next(one for one in declarations("AE") if one.source == "AdverseEvent")
    references = column(events, event.joins["condition"].path)
    rows = identities.resolve("Condition", events, "AdverseEvent", references)
    return np.asarray(rows.drop_null().to_numpy())


def _responses(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """Answers to an instrument belong to the domain that it is kept in, all others are questionnaires."""
    routed = _straight(found[:1], live, staged, identities, vocabulary)
    (questions, rowset), ratings = routed.rowsets[0], found[1]
    rating = rated(StagedLeaves(questions, staged, identities, rowset), vocabulary)
    pairs = ((questions, ~rating), (ratings, rating))
    routed.rowsets = [
        (domain, rowset.take(pa.array(np.flatnonzero(chosen)))) for domain, chosen in pairs if chosen.any()
    ]
    return routed


def _whole(rows: np.ndarray) -> Rowset:
    return Rowset(pa.array(rows, pa.int64()), pa.nulls(len(rows), pa.int64()))


def _parts(domain: Domain, live: np.ndarray, staged: Staged) -> Rowset:
    """Return the parts of the live resources, in order of resource and part."""
    table, unit = staged.table(domain.source), staged.table(domain.source, domain.rows)
    if table is None or unit is None:
        return _whole(live[:0])
    uids = column(table, "_uid").take(pa.array(live, pa.int64()))
    owner = pc.index_in(column(unit, "_parent"), uids)
    rows = np.flatnonzero(owner.is_valid().to_numpy(zero_copy_only=False))
    return Rowset(pa.array(live, pa.int64()).take(owner.drop_null()), pa.array(rows, pa.int64()))


def with_parts(domain: Domain, live: np.ndarray, staged: Staged) -> Rowset:
    """Return the live resources, and after them their parts."""
    parts = _parts(domain, live, staged)
    return Rowset(
        pa.concat_arrays([pa.array(live, pa.int64()), parts.base]),
        pa.concat_arrays([pa.nulls(len(live), pa.int64()), parts.unit]),
    )


def _observations(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    routed = Routed()
    for event, taken in taken_first([one for one in found if one.only], live, staged, vocabulary):
        routed.rowsets.append((event, _whole(taken)))
        live = without_rows(live, taken)
    found = [one for one in found if not one.only]
    laboratory = next(domain for domain in found if domain.code == "LB")
    parts = _parts(laboratory, live, staged)
    rowset = with_parts(laboratory, live, staged)
    leaves = StagedLeaves(laboratory, staged, identities, rowset)
    values = _has_value(found, leaves)
    heads = _heads(leaves, parts)
    domain, known = _domains(leaves, vocabulary)
    repeated = _repeated(leaves, identities, domain)
    states = _states(values, heads, domain, known, repeated)
    _say(routed, states, rowset, domain)
    taken = states == TAKEN
    for code in sorted(set(domain[taken])):
        _assign(routed, code, leaves, rowset, np.flatnonzero(taken & (domain == code)))
    lost = np.flatnonzero(states == UNKNOWN)
    for code in sorted(set(domain[lost])):
        chosen = pa.array(lost[domain[lost] == code])
        routed.unknown.append((str(code), StagedLeaves(laboratory, staged, identities, rowset.take(chosen))))
    routed.panels = frozenset(rowset.base.to_numpy()[states == HEAD].tolist())
    return routed


TAKEN, HEAD, EMPTY, REPEATS, UNKNOWN, UNMAPPED = range(6)


def _states(
    values: np.ndarray, heads: np.ndarray, domain: np.ndarray, known: np.ndarray, repeated: np.ndarray
) -> np.ndarray:
    mapped = pc.is_in(pa.array(domain, pa.string()), pa.array(DOMAINS)).to_numpy(zero_copy_only=False)
    conditions = [
        ~values & heads,
        ~values,
        repeated,
        mapped & (known | (domain == "QS")),
        (domain == "") | mapped,
    ]
    return np.select(conditions, [HEAD, EMPTY, REPEATS, TAKEN, UNKNOWN], UNMAPPED)


def _has_value(found: list[Domain], leaves: StagedLeaves) -> np.ndarray:
    names = [f"{domain.code}{suffix}" for domain in found for suffix in ("ORRES", "STAT", "REASND")]
    rules = [domain.rules[name] for domain in found for name in names if name in domain.rules]
    asked = ("status", *Tested("$this.code", "testcd").paths)  # rules read these too, and they are no value
    paths = dict.fromkeys(path for rule in rules for path in rule.paths if path not in asked)
    there = has_any([leaves(path) for path in paths], leaves.rows)
    cancelled = pc.fill_null(pc.equal(leaves("status"), "cancelled"), False)  # noqa: FBT003 -- an Arrow scalar
    return np.asarray(pc.or_(there, cancelled).to_numpy(zero_copy_only=False))


def _heads(leaves: StagedLeaves, parts: Rowset) -> np.ndarray:
    """Return which resources stand above others: they have members or components."""
    members = leaves("hasMember[*].reference").is_valid().to_numpy(zero_copy_only=False)
    base = leaves.rowset.base.to_numpy()
    alone = leaves.rowset.unit.is_null().to_numpy(zero_copy_only=False)
    return np.asarray(alone & (members | np.isin(base, parts.base.to_numpy())))


def _domains(leaves: StagedLeaves, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Return the domain of each record, and whether its test is known: by its code, else by its category."""
    indices, tests = tests_of("$this.code", leaves, vocabulary)
    by_code = np.array([test.domain if test else "" for test in tests], object)[indices.to_numpy()]
    by_code = np.where(by_code == "", _substances(leaves), by_code)
    about = np.where(by_code == "", findings_about(leaves), False)  # noqa: FBT003 -- a value
    by_code = np.where(about & tests_about(leaves, vocabulary), "FA", by_code)
    by_category = pc.fill_null(by_value(joined(leaves("category[*].coding[*].code")), _category), "")
    category = np.where(about, "FA", by_category.to_numpy(zero_copy_only=False))
    named = by_code != ""
    return np.where(named, by_code, category).astype(object), np.where(named, True, False)  # noqa: FBT003 -- values


def _substances(leaves: StagedLeaves) -> np.ndarray:
    """Return SU where the code or the text asks for the use of a substance."""
    table = crosswalk("substance")

    def known(systems: str, codes: str, text: str) -> str:
        pairs = zip(split(systems), split(codes), strict=False)
        coded = any(table.find(system, code) for system, code in pairs if code)
        return "SU" if coded or (text and table.find_text(text)) else ""

    columns = [joined(leaves(path)) for path in Tested("$this.code", "testcd").paths]
    return np.asarray(by_values(columns, known).to_numpy(zero_copy_only=False))


def _category(codes: str) -> str:
    return next((CATEGORIES[code] for code in split(codes) if code in CATEGORIES), "")


def _repeated(leaves: StagedLeaves, identities: Identities, domain: np.ndarray) -> np.ndarray:
    """Return which survey Observations repeat an answer of the response they were derived from."""
    sources = by_value(joined(leaves("derivedFrom[*].reference")), lambda text: _response(split(text)))
    rows = np.flatnonzero(sources.is_valid().to_numpy(zero_copy_only=False) & (domain == "QS"))
    answers = leaves.staged.table("QuestionnaireResponse", "item")
    responses = leaves.staged.table("QuestionnaireResponse")
    repeated = np.zeros(leaves.rows, bool)
    if not len(rows) or answers is None or responses is None:
        return repeated
    holder = column_table(leaves).take(leaves.rowset.base.take(pa.array(rows)))
    targets = identities.resolve("QuestionnaireResponse", holder, "Observation", sources.take(pa.array(rows)))
    owners = pc.index_in(column(answers, "_parent"), column(responses, "_uid"))
    links = column(answers, "item.linkId")
    asked = pa.concat_arrays(
        [
            pc.binary_join_element_wise(owners.cast(pa.string()), one, "|")
            for one in (links, by_value(links, segment))
        ]
    )
    codes = [joined(leaves("$this.code.coding[*].code")).take(pa.array(rows))]
    for number, (row, text) in enumerate(zip(rows, codes[0].to_pylist(), strict=True)):
        target = targets[number].as_py()
        wanted = [f"{target}|{code}" for code in split(text or "")]
        repeated[row] = pc.any(pc.is_in(pa.array(wanted), asked)).as_py() or False
    return repeated


def column_table(leaves: StagedLeaves) -> pa.Table:
    """Return the resource table of a domain's records."""
    table = leaves.staged.table(leaves.domain.source)
    assert table is not None  # noqa: S101 -- leaves stand over a table that was read
    return table


def _response(references: list[str]) -> str | None:
    return next(
        (one for one in references if "QuestionnaireResponse/" in one or one.startswith("urn:")), None
    )


def _say(routed: Routed, states: np.ndarray, rowset: Rowset, domain: np.ndarray) -> None:
    reasons = {EMPTY: NO_VALUE, REPEATS: REPEATED, UNKNOWN: NO_CODE}
    base = rowset.base.to_numpy()
    for number in np.flatnonzero(states > HEAD):
        code = domain[number]
        said = reasons.get(states[number]) or NOT_MAPPED.format(code)
        routed.reasons.setdefault(
            int(base[number]), NO_DOMAIN if code == "" and states[number] == UNKNOWN else said
        )


def _assign(routed: Routed, code: str, leaves: StagedLeaves, rowset: Rowset, chosen: np.ndarray) -> None:
    domain = next(one for one in declarations(code) if one.source == leaves.domain.source)
    routed.rowsets.append((domain, rowset.take(pa.array(chosen))))


def _administrations(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """The study product is exposure, every other drug that is known to be another is concomitant."""
    rows, reasons = administered(found, live, staged, identities, vocabulary)
    return Routed(rowsets=[(domain, _whole(chosen)) for domain, chosen in rows], reasons=reasons)


def _requests(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """An order of the study product may be a planned dose; other orders say nothing of what was taken."""
    rows = ordered(found, live, staged, identities, vocabulary)
    return Routed(rowsets=[(domain, _whole(chosen)) for domain, chosen in rows])


def _dispensings(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """Only the study product is accounted for."""
    given, other, reasons = products(found[0], live, staged, identities, vocabulary)
    reasons |= dict.fromkeys(live[other].tolist(), OTHER_DISPENSED)
    return Routed(rowsets=[(found[0], _whole(live[given]))], reasons=reasons)


def _encounters(
    found: list[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> Routed:
    """A stay in hospital is a visit of the study only where something ordered it, or it names a planned one.

    Any other encounter may be a visit, whether it was planned or not.
    """
    routed = _each(found, live, staged, identities, vocabulary)
    rowsets = {domain.code: (domain, rowset) for domain, rowset in routed.rowsets}
    (visit, visits), (stay, stays) = rowsets["SV"], rowsets["HO"]
    planned = _planned(StagedLeaves(visit, staged, identities, visits), vocabulary)
    own = np.setdiff1d(stays.base.to_numpy(), visits.base.to_numpy()[planned])
    kept = np.setdiff1d(visits.base.to_numpy(), own)
    return Routed(rowsets=[(visit, _whole(kept)), (stay, _whole(own))])


def _planned(leaves: StagedLeaves, vocabulary: Vocabulary) -> np.ndarray:
    """Return which encounters something ordered, and which name a planned visit."""
    named = leaves.domain.rules["VISITNUM"].to_sdtm(leaves, vocabulary).values
    met = pc.or_(leaves("basedOn[].reference").is_valid(), named.is_valid())
    return np.asarray(met.to_numpy(zero_copy_only=False))


Route = Callable[[list[Domain], np.ndarray, Staged, Identities, Vocabulary], Routed]

ROUTES: Mapping[str, Route] = {
    "Condition": _conditions,
    "Encounter": _encounters,
    "MedicationDispense": _dispensings,
    "MedicationRequest": _requests,
    "QuestionnaireResponse": _responses,
    "ResearchSubject": _each,
    "MedicationAdministration": _administrations,
    "Observation": _observations,
}

PATHS: Mapping[str, tuple[str, ...]] = {
    "Observation": ("category[*].coding[*].code", "hasMember[*].reference", "derivedFrom[*].reference"),
    "Encounter": ("basedOn[].reference",),
    "MedicationAdministration": tuple(path for path in PRODUCT_PATHS if "->" not in path),
    "MedicationDispense": tuple(path for path in PRODUCT_PATHS if "->" not in path),
    "MedicationRequest": tuple(path for path in PRODUCT_PATHS if "->" not in path),
    "Medication": ("code.coding[*].code", "code.coding[*].display", "code.text", "identifier[*].value", "id"),
    "ResearchStudy": (
        "title",
        "focus[*].coding[*].code",
        "focus[*].coding[*].display",
        "focus[*].text",
        "arm[*].name",
    ),
}
"""What routing always reads besides what the mappings read."""


def routing_paths(vocabulary: Vocabulary) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield resource type and what routing reads of it, besides what the mappings read."""
    yield from PATHS.items()
    yield from event_paths(vocabulary)
