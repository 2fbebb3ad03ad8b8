"""Where a study keeps records, and what is not to be seen: `[instruments]`, `[domains]`, `[blinded]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from trialbridge.questions import test_code
from trialbridge.standards import ig_datasets

_DOMAIN = re.compile(r"[A-Z][A-Z0-9]")
_OWN = {"label": str, "source": str, "codes": list}
LONGEST_LABEL = 40
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
    for name, own in data.get("domains", {}).items():
        yield from (f"domains.{name}: {problem}" for problem in _domain_problems(name, own))


def _domain_problems(name: str, own: Any) -> Iterator[str]:
    if not _DOMAIN.fullmatch(name) or name in ig_datasets():
        yield "must be two capitals that SDTMIG has no domain of"
    if not isinstance(own, dict) or any(not isinstance(own.get(key, of()), of) for key, of in _OWN.items()):
        yield 'must be { label = "...", source = "Observation", codes = ["system|code"] }'
        return
    yield from (f"has no key {key!r}; it has {', '.join(_OWN)}" for key in own if key not in _OWN)
    if own.get("source", "Observation") != "Observation":
        yield "source must be Observation: records of no other type are without a domain"
    if not 0 < len(own.get("label", "").encode()) <= LONGEST_LABEL:
        yield f"label must have 1 to {LONGEST_LABEL} bytes"
    for code in own.get("codes", ()):
        if not isinstance(code, str) or test_code(code.rpartition("|")[2]) is None:
            yield f"{code!r} makes no --TESTCD; give it one under [codes]"


def own_tests(
    domains: Mapping[str, Mapping[str, Any]], codes: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> dict[tuple[str, str], Mapping[str, str]]:
    """Return system and code -> what it is, for the codes of the study's own domains and of `[codes]`.

    Example:
        >>> own_tests({"XB": {"label": "Biopsy Scores", "codes": ["urn:lab|ACT"]}}, {})
        {('urn:lab', 'ACT'): {'domain': 'XB', 'testcd': 'ACT'}}
    """
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for name, own in domains.items():
        for said in own.get("codes", ()):
            system, _, code = said.rpartition("|")
            found[system, code] = {"domain": name, "testcd": test_code(code) or ""}
    for system, listed in codes.items():
        for code, own in listed.items():
            found[system, code] = {**found.get((system, code), {}), **own}
    return found
