"""What was the latest of a subject's things at a moment: one search over all subjects."""

from __future__ import annotations

import numpy as np

from trialbridge.timing import Numbers


def last_at_or_before(whose: Numbers, moments: Numbers, codes: Numbers, starts: Numbers) -> Numbers:
    """Return the place of the last thing of the same subject that starts at or before each moment; else -1.

    Args:
        whose: The subject of each moment.
        moments: The moments.
        codes: The subject of each thing; the things stand in the order of subject and start.
        starts: The start of each thing.

    Example:
        >>> one = np.array([0, 0, 1])
        >>> last_at_or_before(np.array([0, 0, 1]), np.array([4, 9, 0]), one, np.array([5, 8, 1])).tolist()
        [-1, 1, -1]
    """
    ranks = np.unique(np.concatenate([starts, moments]), return_inverse=True)[1]
    size = int(ranks.max(initial=0)) + 1
    keys = codes * size + ranks[: len(starts)]
    places = np.searchsorted(keys, whose * size + ranks[len(starts) :], side="right") - 1
    mine = (places >= 0) & (np.append(codes, -1)[places] == whose)
    return np.where(mine, places, -1)
