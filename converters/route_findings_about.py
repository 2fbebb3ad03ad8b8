"""Which findings are about an event or an intervention, of those whose code no table gives to a domain."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from trialbridge.columns import by_value, joined, split
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.registry import declarations
from trialbridge.tested import Tested
from trialbridge.vocabulary import Vocabulary

FOCUS = "focus[].reference"
NAMED = "focus[].display"


def findings_about(leaves: StagedLeaves) -> np.ndarray:
    """Return which records have an event or an intervention in focus, whether that was read or not."""
    domain = declarations("FA")[0]
    about = StagedLeaves(domain, leaves.staged, leaves.identities, leaves.rowset)
    joins = [name for name, join in domain.joins.items() if join.path == FOCUS]
    kinds = "|".join(domain.joins[name].type for name in joins)
    references, names = about(FOCUS), about(NAMED)
    if references.null_count == names.null_count == about.rows:  # as most studies have it
        return np.zeros(about.rows, bool)
    met = pc.and_(references.is_null(), names.is_valid())
    met = pc.or_(met, pc.fill_null(pc.match_substring_regex(references, f"(^|/)({kinds})/"), False))  # noqa: FBT003 -- an Arrow scalar
    for name in joins:
        met = pc.or_(met, about.joined(name)[1].is_valid())
    return np.asarray(met.to_numpy(zero_copy_only=False))


def tests_about(leaves: StagedLeaves, vocabulary: Vocabulary) -> np.ndarray:
    """Return which records have a printed name that the terminology has for such a finding."""
    texts = joined(leaves(Tested("$this.code", "testcd").paths[2]))
    known = by_value(texts, lambda text: next((one for one in split(text) if _known(one, vocabulary)), None))
    return np.asarray(known.is_valid().to_numpy(zero_copy_only=False))


def _known(text: str, vocabulary: Vocabulary) -> bool:
    return bool(text) and vocabulary.find("FATESTCD", text) is not None
