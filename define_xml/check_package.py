"""A define.xml against the datasets of a sponsor's export, whatever state both are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trialbridge.define_xml.agreement import check_agreement
from trialbridge.define_xml.read import read_define
from trialbridge.errors import ReadError
from trialbridge.findings import Finding
from trialbridge.validation.frame import Part

ABSENT = frozenset({"agreement-dataset-absent"})
"""What cannot be said of single files."""

_ALL = (
    "agreement-dataset-undescribed",
    "agreement-dataset-absent",
    "agreement-label",
    "agreement-no-data",
    "agreement-variable-undescribed",
    "agreement-variable-absent",
    "agreement-order",
    "agreement-type",
    "agreement-length",
    "agreement-values",
    "agreement-digits",
    "agreement-code-undescribed",
    "agreement-code-absent",
    "agreement-decode",
    "agreement-value-undescribed",
    "agreement-value-absent",
    "agreement-value-twice",
)


def compare_package(
    source: Path, parts: Sequence[Part], *, complete: bool
) -> tuple[list[Finding], Mapping[str, str]]:
    """Return how a define.xml and datasets disagree, and what could not be compared, with the reason.

    Args:
        source: The define.xml.
        parts: The datasets.
        complete: They are all of the package: what is described and not there is absent.
    """
    if not parts:
        return [], dict.fromkeys(_ALL, "needs the datasets beside define.xml")
    try:
        define = read_define(source)
    except ReadError as error:
        return [], dict.fromkeys(_ALL, f"define.xml cannot be compared: {error.problem}")
    found = check_agreement(define, [part.dataset for part in parts])
    if complete:
        return found, {}
    without = dict.fromkeys(ABSENT, "needs the folder of all datasets")
    return [one for one in found if one.rule not in ABSENT], without
