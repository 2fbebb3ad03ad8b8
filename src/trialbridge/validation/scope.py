"""Which domains a rule is for: by class, by name, or all but some."""

from __future__ import annotations

from collections.abc import Sequence

from trialbridge.validation.frame import Frame
from trialbridge.validation.package import Package

_GENERAL = {"EVENTS", "FINDINGS", "FINDINGS ABOUT", "INTERVENTIONS"}


def in_scope(package: Package, scope: Sequence[str]) -> list[Frame]:
    """Return the domains of a package that a scope means.

    Example:
        >>> from trialbridge.validation.example import package_of
        >>> package = package_of({"AE": [{}], "DS": [{}], "LB": [{}]})
        >>> [frame.name for frame in in_scope(package, ("EVENTS", "-DS"))]
        ['AE']
    """
    return [frame for frame in package.frames.values() if _is_meant(frame, scope)]


def _is_meant(frame: Frame, scope: Sequence[str]) -> bool:
    names = _names_of(frame)
    return not any(f"-{name}" in scope for name in names) and any(name in scope for name in names)


def _names_of(frame: Frame) -> set[str]:
    """Return all words of a scope that mean this domain."""
    kind = frame.observation_class
    names = {"ALL", frame.name, kind.replace(" ", "_")}
    if kind in _GENERAL:
        names.add("GENERAL")
    if kind == "FINDINGS ABOUT":
        names.add("FINDINGS")
    if frame.name.startswith("SUPP"):
        names.add("SUPP")
    return names
