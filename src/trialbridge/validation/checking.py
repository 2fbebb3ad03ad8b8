"""What a check is: a function over one domain, or over the whole package, that returns hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trialbridge.errors import TrialbridgeError
from trialbridge.validation.frame import Frame
from trialbridge.validation.outcome import Hits
from trialbridge.validation.package import Package
from trialbridge.validation.rule import Rule


@dataclass
class NotChecked(TrialbridgeError):  # noqa: N818 -- no error: a rule says why it cannot say anything
    """A rule cannot be checked with what there is."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Check:
    """How rules of one kind are run.

    Attributes:
        run: Called for each domain in the rule's scope; or once, with no domain.
        each_domain: Whether it looks at one domain at a time.
    """

    run: Callable[[Package, Rule, Frame], Sequence[Hits]]
    each_domain: bool = True


def whole(run: Callable[[Package, Rule], Sequence[Hits]]) -> Check:
    """Return the check that looks at the whole package at once."""
    return Check(lambda package, rule, _: run(package, rule), each_domain=False)


def table_of(package: Package) -> str:
    """Return the version of SDTMIG whose tables hold.

    Raises:
        NotChecked: There are no tables of the version that the package is of.
    """
    from trialbridge.standards import IG_VERSIONS  # noqa: PLC0415 -- only rules that ask for a table

    version = package.standards.ig
    if version not in IG_VERSIONS:
        said = (
            package.standards.other_guide or f"SDTMIG {version}"
            if version
            else "a version of SDTMIG that nothing names"
        )
        raise NotChecked(f"needs the variable table of {said}; there is that of {', '.join(IG_VERSIONS)}")
    return version
