"""A package under the rules, ours and those of CDISC: what ``validate`` reports and ``package`` explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trialbridge.commands.outcome import progress_bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trialbridge.core_rules.model import CoreRule
    from trialbridge.validation.outcome import Validation
    from trialbridge.validation.package import Package


def under_rules(package: Package, part: str, published: Sequence[CoreRule]) -> Validation:
    """Return what our rules find, and those of CDISC where they are given."""
    from trialbridge.validation.rule import rules
    from trialbridge.validation.run import run_rules

    with progress_bars() as progress:
        validation = run_rules(package, rules(part), progress)
        if not published or part not in {"", "content"}:
            return validation
        from trialbridge.core_rules.run import with_core_rules

        return with_core_rules(package, validation, published, progress)


def published_rules(core_rules: Path | None) -> Sequence[CoreRule]:
    """Return the rules of the user's own copy; none where there is none."""
    if core_rules is None:
        return ()
    from trialbridge.core_rules.read import read_core_rules

    return read_core_rules(core_rules)


def with_define(package: Package, only: str) -> Package:
    """Return the package with what its define.xml has to say, and how the datasets agree with it."""
    from trialbridge.converters.validate import with_findings

    if package.define is None or package.define.version == "1.0" or only in {"xpt", "trc"}:
        return package
    from trialbridge.define_xml.check import check_define
    from trialbridge.define_xml.check_package import compare_package

    found, without = compare_package(package.define.path, package.parts(), complete=package.complete)
    return with_findings(package, [*check_define(package.define.path), *found], without)
