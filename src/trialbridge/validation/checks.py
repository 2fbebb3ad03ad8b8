"""How a rule is looked for: every check by its name, as the rule files call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trialbridge.validation.checking import Check
from trialbridge.validation.checks_days import DAY_CHECKS
from trialbridge.validation.checks_define import DEFINE_CHECKS
from trialbridge.validation.checks_links import LINK_CHECKS
from trialbridge.validation.checks_records import RECORD_CHECKS
from trialbridge.validation.checks_structure import STRUCTURE_CHECKS
from trialbridge.validation.checks_terms import TERM_CHECKS
from trialbridge.validation.checks_transport import TRANSPORT_CHECKS
from trialbridge.validation.checks_values import VALUE_CHECKS

_FAMILIES: Sequence[Mapping[str, Check]] = (
    RECORD_CHECKS,
    TRANSPORT_CHECKS,
    STRUCTURE_CHECKS,
    TERM_CHECKS,
    DAY_CHECKS,
    LINK_CHECKS,
    VALUE_CHECKS,
    DEFINE_CHECKS,
)

CHECKS: Mapping[str, Check] = {name: check for family in _FAMILIES for name, check in family.items()}
"""Name of a check -> what runs it."""
