"""Where administrations and orders of the study product go: to EX, to EC, or to both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from trialbridge.converters.identity import Identities
from trialbridge.converters.products import products
from trialbridge.converters.route_events import asked_for
from trialbridge.converters.stage import Staged, column
from trialbridge.domain_settings import MOODS
from trialbridge.mapping import Domain
from trialbridge.vocabulary import Vocabulary

PERFORMED, SCHEDULED = MOODS

Rows = tuple[Domain, np.ndarray]


def administered(
    found: Sequence[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> tuple[list[Rows], dict[int, str]]:
    """Return each declaration with the administrations that it takes, and why one is none's.

    A dose that was given is exposure. EC has all doses of the product where one of them was not given, or
    where the settings ask for it; and alone those that say that they are records of EC.

    Args:
        found: The declarations of administrations.
        live: Their rows.
        staged: What was read.
        identities: Who is who in it.
        vocabulary: The study's words, the names of its product among them.
    """
    exposure, collected, concomitant = (_of(found, code) for code in ("EX", "EC", "CM"))
    given, other, reasons = products(exposure, live, staged, identities, vocabulary)
    own = asked_for(collected, live, staged)
    missed = given & ~own & _not_done(live, staged)
    whole = given & ~own if missed.any() or PERFORMED in vocabulary.moods else np.zeros(len(live), bool)
    rows = (
        (exposure, given & ~own & ~missed),
        (collected, own | whole),
        (concomitant, other & ~own),
    )
    kept = {row: why for row, why in reasons.items() if row not in set(live[own].tolist())}
    return [(domain, live[chosen]) for domain, chosen in rows], kept


def ordered(
    found: Sequence[Domain], live: np.ndarray, staged: Staged, identities: Identities, vocabulary: Vocabulary
) -> list[Rows]:
    """Return the declaration of planned doses with the orders that it takes, where the settings ask for them.

    Args:
        found: The declarations of orders.
        live: Their rows.
        staged: What was read.
        identities: Who is who in it.
        vocabulary: The study's words, the names of its product among them.
    """
    domain = _of(found, "EC")
    if SCHEDULED not in vocabulary.moods:
        return [(domain, live[:0])]
    given, _, _ = products(domain, live, staged, identities, vocabulary)
    return [(domain, live[given])]


def _of(found: Sequence[Domain], code: str) -> Domain:
    return next(one for one in found if one.code == code)


def _not_done(live: np.ndarray, staged: Staged) -> np.ndarray:
    table = staged.table("MedicationAdministration")
    assert table is not None  # noqa: S101 -- its resources are routed
    status = column(table, "status").take(pa.array(live, pa.int64())).to_pylist()
    return np.array([one == "not-done" for one in status], bool)
