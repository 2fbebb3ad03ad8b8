"""Which records are of a domain that only says so: by a code, a category or a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from trialbridge.columns import by_value, by_values, joined, split
from trialbridge.converters.stage import Staged, column
from trialbridge.event_names import EventNames
from trialbridge.mapping import Domain
from trialbridge.vocabulary import Vocabulary

CONCEPTS: Mapping[str, str] = {
    "AdverseEvent": "event",
    "Condition": "code",
    "DetectedIssue": "code",
    "Observation": "code",
}
"""Resource type -> the element that says what happened."""

PROFILES = "meta.profile[*]"
CATEGORY = "category[*]"


def _places(concept: str) -> tuple[str, ...]:
    """Return where a concept has systems, codes and texts."""
    return (
        f"{concept}.coding[*].system",
        f"{concept}.coding[*].code",
        f"{concept}.coding[*].display",
        f"{concept}.text",
    )


def event_paths(vocabulary: Vocabulary) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield resource type and what is read of it to find the events that the settings name."""
    for kind, concept in CONCEPTS.items() if vocabulary.events else ():
        yield kind, (*_places(concept), *_places(CATEGORY), PROFILES)


def taken_first(
    found: Sequence[Domain], live: np.ndarray, staged: Staged, vocabulary: Vocabulary
) -> Iterator[tuple[Domain, np.ndarray]]:
    """Yield each declaration with the resources that it takes: those first that ask for something.

    Args:
        found: The declarations of one type.
        live: Rows of its resources.
        staged: What was read.
        vocabulary: The study's words, the names of its events among them.
    """
    for domain in sorted(found, key=lambda one: not one.only):
        taken = live[wanted(domain, live, staged, vocabulary)]
        yield domain, taken
        live = without_rows(live, taken)


def without_rows(live: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return the rows of `live` that are not among `taken`; each stands once in either."""
    return np.setdiff1d(live, taken, assume_unique=True)


def wanted(domain: Domain, live: np.ndarray, staged: Staged, vocabulary: Vocabulary) -> np.ndarray:
    """Return which resources a declaration asks for, or the study's settings name for it."""
    met = asked_for(domain, live, staged)
    names, table = vocabulary.events.get(domain.code), staged.table(domain.source)
    if names is None or table is None or domain.source not in CONCEPTS:
        return met
    return np.asarray(met | _named(domain.source, table.take(pa.array(live, pa.int64())), names))


def asked_for(domain: Domain, live: np.ndarray, staged: Staged) -> np.ndarray:
    """Return which resources hold one of the codes that a declaration asks for, or any value of a place."""
    table = staged.table(domain.source)
    met = np.full(len(live), not domain.only)
    for path, codes in domain.only.items() if table is not None else ():
        cells = joined(column(table, path).take(pa.array(live, pa.int64())))
        met |= _valid(by_value(cells, partial(_one_of, codes)))
    return met


def _named(kind: str, table: pa.Table, names: EventNames) -> np.ndarray:
    """Return which resources of a type the study's settings name."""
    met = np.zeros(len(table), bool)
    for concept, known in ((CONCEPTS[kind], names.codes), (CATEGORY, names.categories)):
        columns = [joined(column(table, path)) for path in _places(concept)]
        met |= _valid(by_values(columns, partial(_names_one, known))) if known else False
    profiles = joined(column(table, PROFILES)) if names.profiles else None
    return met if profiles is None else met | _valid(by_value(profiles, partial(_one_of, names.profiles)))


def _names_one(known: frozenset[str], systems: str, codes: str, displays: str, texts: str) -> str | None:
    pairs = zip_longest(split(systems), split(codes), fillvalue="")
    said = [*split(codes), *split(displays), *split(texts), *(f"{system}|{code}" for system, code in pairs)]
    return "Y" if known.intersection(one.casefold() for one in said if one) else None


def _one_of(codes: Sequence[str] | frozenset[str], text: str) -> str | None:
    return "Y" if not codes or set(codes).intersection(split(text)) else None


def _valid(values: pa.Array) -> np.ndarray:
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
