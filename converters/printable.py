"""Text that can stand in a transport file and in XML: without control characters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNPRINTABLE = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\x{FFFE}\\x{FFFF}]"
"""What XML 1.0 forbids, and what readers of transport files stop at; tabs and line ends are let through."""

CONTROL_CHARACTER = "a control character, which no file may hold; a blank stands in its place"

TEXT_WIDTH = 110
"""Characters of a line where no terminal says how many."""

_SUSPECT = np.zeros(256, bool)
_SUSPECT[[*range(9), 11, 12, *range(14, 32), 127, 0xEF]] = True


def unprintable(column: pa.Array) -> pa.Array | None:
    r"""Return which texts hold a control character; None where none does, as the bytes alone tell.

    Example:
        >>> unprintable(pa.array(["a\x00b", "c", None])).to_pylist()
        [True, False, False]
        >>> unprintable(pa.array(["a", "b"])) is None
        True
    """
    if column.null_count == len(column) or not pa.types.is_string(column.type):
        return None
    data = np.frombuffer(column.buffers()[2], np.uint8)
    if not len(data) or (data.min() >= 32 and data.max() < 127):  # quicker than looking each byte up
        return None
    if not _SUSPECT[data].any():
        return None
    found = pc.fill_null(pc.match_substring_regex(column, UNPRINTABLE), False)  # noqa: FBT003 -- an Arrow scalar
    return found if found.true_count else None


def printable(column: pa.Array) -> pa.Array:
    r"""Return the texts with a blank in place of each control character; what is blank then is null.

    Example:
        >>> printable(pa.array(["a\x1db", "\x00", "c"])).to_pylist()
        ['a b', None, 'c']
    """
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(column, UNPRINTABLE, " "))
    return pc.if_else(pc.equal(text, ""), None, text)
