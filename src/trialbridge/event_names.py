"""What names the records of a domain that FHIR does not tell apart: `[domains.CE]`, `[domains.DV]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

EVENT_DOMAINS = ("CE", "DV")
"""The domains of events that the study's settings may name."""

_KEYS = ("codes", "categories", "profiles")


class EventNames(NamedTuple):
    """What names an event: codes and texts in lower case, with their system where one was given.

    Attributes:
        codes: Of the event itself.
        categories: Of its category.
        profiles: Canonical URLs that it claims to follow.
    """

    codes: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()


def event_problems(own: Any) -> Iterator[str]:
    """Return what is wrong with such a section.

    Example:
        >>> list(event_problems({"code": ["flare"]}))
        ["has no key 'code'; it has codes, categories, profiles"]
    """
    if not isinstance(own, dict) or not own:
        yield 'must be { codes = ["system|code"], categories = ["..."], profiles = ["..."] }, of which one'
        return
    yield from (f"has no key {key!r}; it has {', '.join(_KEYS)}" for key in own if key not in _KEYS)
    for key in _KEYS:
        listed = own.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            yield f"{key} must be a list of texts"


def event_names(domains: Mapping[str, Mapping[str, Any]]) -> dict[str, EventNames]:
    """Return domain -> what names its events.

    Example:
        >>> event_names({"CE": {"categories": ["Flare"]}})["CE"].categories
        frozenset({'flare'})
    """
    return {
        code: EventNames(
            _folded(own.get("codes", ())),
            _folded(own.get("categories", ())),
            frozenset(own.get("profiles", ())),
        )
        for code, own in domains.items()
        if code in EVENT_DOMAINS
    }


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)
