"""What the study says of where records belong: `[instruments]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
