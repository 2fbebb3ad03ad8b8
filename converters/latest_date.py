"""The latest date that data say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.lexical import legal


def latest_date(columns: Iterable[pa.Array | pa.ChunkedArray]) -> str:
    """Return the latest complete date that is not in the future; empty where there is none.

    Example:
        >>> latest_date([pa.array(["2014-01-02T10:00", "2014-02", "2014-02-30", "9999-01-01", None])])
        '2014-01-02'
    """
    today = datetime.now(UTC).date().isoformat()
    found = []
    for column in columns:
        dates = pc.utf8_slice_codeunits(column, 0, len(today))
        past = pc.and_(legal("date", dates), pc.less_equal(dates, today))
        whole = dates.filter(pc.and_(past, pc.equal(pc.utf8_length(dates), len(today))))
        found.append(pc.max(whole).as_py())
    return max(filter(None, found), default="")
