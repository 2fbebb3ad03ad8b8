"""Which domain and test a record has in SDTMIG 3.3: cells and antibodies were laboratory tests then."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from trialbridge.crosswalks.tables import crosswalk
from trialbridge.errors import TermError
from trialbridge.standards import codelist

LABORATORY = "LB"
MOVED = frozenset({"IS", "CP"})
"""Domains that took over tests of LB in SDTMIG 3.4."""


def routed(domain: str, testcd: str, bdagnt: str, version: str, ct: str) -> tuple[str, str]:
    """Return domain and --TESTCD of a test in a version of the guide; no --TESTCD where it has none there.

    Args:
        domain: Its domain in SDTMIG 3.4.
        testcd: Its --TESTCD there.
        bdagnt: What an antibody binds to; empty for another test.
        version: The version of the guide.
        ct: The release of terminology.

    Example:
        >>> routed("IS", "ATIGGAB", "DOUBLE STRANDED DNA", "3.3", "2026-03-27")
        ('LB', 'DDNAIGAB')
        >>> routed("CP", "BLYCE", "", "3.3", "2026-03-27"), routed("CP", "TLYH", "", "3.3", "2026-03-27")
        (('LB', 'BLYCE'), ('LB', ''))
        >>> routed("CP", "BLYCE", "", "3.4", "2026-03-27")
        ('CP', 'BLYCE')
    """
    if version == "3.4" or domain not in MOVED:
        return domain, testcd
    known = _table().get((domain, testcd, bdagnt))
    if known:
        return known
    return LABORATORY, "" if bdagnt else _of_laboratory(domain, testcd, ct)


def _of_laboratory(domain: str, testcd: str, ct: str) -> str:
    """Return the LBTESTCD of the same concept; empty where the release has none."""
    try:
        term = codelist(f"{domain}TESTCD", ct).term(testcd)
        same = codelist("LBTESTCD", ct).by_code(term.code) if term else None
    except TermError:  # an older release has no codelist for the domain: nothing says that two codes are one
        return ""
    return same.submission_value if same else ""


@cache
def _table() -> Mapping[tuple[str, str, str], tuple[str, str]]:
    rows = crosswalk("earlier_routing").rows
    return {(row["domain"], row["testcd"], row["bdagnt"]): (row["target"], row["lbtestcd"]) for row in rows}
