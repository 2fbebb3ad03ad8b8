"""Which resources are about the study product: by every code, text and reference that names it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, joined, split
from trialbridge.converters.identity import Identities
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.stage import Staged
from trialbridge.mapping import Domain
from trialbridge.vocabulary import Vocabulary

MEDICATION_ABSENT = "its Medication is not in the input: nothing says whether it is the study product"
PRODUCT_UNKNOWN = "the study product is not known: name it under [study] products in the study configuration"

SAID_OF_THE_MEDICATION = (
    "medicationCodeableConcept.coding[*].code",
    "medicationCodeableConcept.text",
    "medicationReference.display",
)

PRODUCT_PATHS = (
    "medicationCodeableConcept.coding[*].code",
    "medicationCodeableConcept.coding[*].display",
    "medicationCodeableConcept.text",
    "medicationReference.reference",
    "medicationReference.display",
    "medication->code.coding[*].code",
    "medication->code.coding[*].display",
    "medication->code.text",
    "medication->identifier[*].value",
    "medication->id",
)


def products(
    domain: Domain, live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Return which resources are about the study product, which about another drug, and why one is neither.

    Args:
        domain: A declaration of their type, which has a join to the Medication.
        live: Their rows.
        staged: What was read.
        identities: Who is who in it.
        vocabulary: The study's words, the names of its product among them.
    """
    leaves = StagedLeaves(
        domain, staged, identities, Rowset(pa.array(live, pa.int64()), pa.nulls(len(live), pa.int64()))
    )
    given = np.zeros(len(live), bool)
    for one in (joined(leaves(path)) for path in PRODUCT_PATHS):
        given |= pc.fill_null(by_value(one, _named(vocabulary)), "").to_numpy(zero_copy_only=False) == "Y"
    _, rows = leaves.joined("medication")
    silent = leaves("medicationReference.reference").is_valid().to_numpy(zero_copy_only=False)
    silent &= rows.is_null().to_numpy(zero_copy_only=False)
    for path in SAID_OF_THE_MEDICATION:
        silent &= joined(leaves(path)).is_null().to_numpy(zero_copy_only=False)
    other = ~given & ~silent if vocabulary.products else np.zeros(len(live), bool)
    lost = zip(live[~given & ~other], silent[~given & ~other], strict=True)
    return (
        given,
        other,
        {int(row): MEDICATION_ABSENT if unknown else PRODUCT_UNKNOWN for row, unknown in lost},
    )


def _named(vocabulary: Vocabulary) -> Callable[[str], str | None]:
    @cache
    def named(text: str) -> str | None:
        return (
            "Y"
            if vocabulary.is_product(*split(text), *(one.rpartition("/")[2] for one in split(text)))
            else None
        )

    return named
