"""Where a study keeps records, and what of it is not to be seen: `[instruments]` and `[blinded]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TEST = re.compile(r"([A-Z][A-Z0-9]\.)?[A-Z_][A-Z0-9_]{0,7}")
INSTRUMENT_DOMAINS = ("QS", "RS")
"""The domains that an instrument may be kept in."""


def domain_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong with these sections of a `study.toml`.

    Example:
        >>> list(domain_problems({"instruments": {"PGA": {"domain": "LB"}}}))
        ['instruments."PGA" must be { domain = "QS" } or { domain = "RS" }']
    """
    for name, own in data.get("instruments", {}).items():
        if not isinstance(own, dict) or set(own) != {"domain"} or own["domain"] not in INSTRUMENT_DOMAINS:
            words = " or ".join(f'{{ domain = "{one}" }}' for one in INSTRUMENT_DOMAINS)
            yield f'instruments."{name}" must be {words}'
    for name in data.get("blinded", {}).get("tests", ()):
        if not isinstance(name, str) or not _TEST.fullmatch(name):
            yield f'blinded.tests: {name!r} is no test, such as "LB.CRP" or "CRP"'
