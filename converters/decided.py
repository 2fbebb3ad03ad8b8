"""Decisions of people, applied to the records of a domain, and what became of each of them.

A decision comes before every table. It is looked up by the code and the text that the variable was made of,
so it holds for any variable, whatever its rule. What the extension carries is left alone: it is exact.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.coded import Several
from trialbridge.columns import by_values
from trialbridge.converters.evidence import measures
from trialbridge.converters.leaves import StagedLeaves
from trialbridge.converters.unmapped import UNITS, decision_of, kept_as_sent
from trialbridge.decisions import Decision, Decisions, is_test
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import FROM_DECISION, FROM_EXTENSION, Domain, Records
from trialbridge.questions import ItemCode
from trialbridge.rules import OneOf, Rule
from trialbridge.units import standard_unit
from trialbridge.vocabulary import Vocabulary


@dataclass
class Uses:
    """How often each decision was used, and what was seen that speaks against it.

    Attributes:
        counts: Decision -> how many values it gave, or left without one.
        against: Rule, decision and what was seen -> how often.
    """

    counts: Counter[Decision] = field(default_factory=Counter)
    against: Counter[tuple[str, Decision, str]] = field(default_factory=Counter)

    def merge(self, other: Uses) -> None:
        """Add the uses of another block."""
        self.counts += other.counts
        self.against += other.against

    def findings(self, decisions: Decisions) -> list[Finding]:
        """Return what there is to say of the decisions of a run."""
        found = [_unused(one) for one in decisions.made if not self.counts[one]]
        found += [_left(one, count) for one, count in self.counts.items() if one.leaves]
        found += [_against(*what, count) for what, count in self.against.items()]
        return found


def apply_decisions(
    domain: Domain, leaves: StagedLeaves, records: Records, vocabulary: Vocabulary, uses: Uses
) -> None:
    """Put into `records` what people decided about the codes and texts that they were made of.

    Args:
        domain: The declaration.
        leaves: The FHIR side of the records.
        records: The SDTM side, which is changed.
        vocabulary: The words of the study, with the decisions.
        uses: Told which decision was used.
    """
    for name, rule in domain.all_rules():
        if vocabulary.decisions.about(domain.code, name):
            decided = _decided(domain, name, rule, leaves, records, vocabulary.decisions)
            if any(decided):
                _put(domain, name, rule, records, decided, vocabulary, uses)
            if is_test(name) and not isinstance(rule, ItemCode):
                _look_at_units(leaves, decided, uses)


def _decided(
    domain: Domain, name: str, rule: Rule, leaves: StagedLeaves, records: Records, decisions: Decisions
) -> list[Decision | None]:
    """Return the decision about each record's value of a variable."""
    found = decision_of(domain, name, rule, leaves, decisions)
    which = records.which.get(name)
    if which is None:
        return found
    carried = pc.fill_null(pc.equal(which, FROM_EXTENSION), False).to_pylist()  # noqa: FBT003 -- an Arrow scalar
    return [None if skip else one for one, skip in zip(found, carried, strict=True)]


def _put(  # noqa: PLR0913, PLR0917 -- a column, and where it stands
    domain: Domain,
    name: str,
    rule: Rule,
    records: Records,
    decided: list[Decision | None],
    vocabulary: Vocabulary,
    uses: Uses,
) -> None:
    values = records.values[name]
    uses.counts.update(one for one in decided if one is not None)
    kept = kept_as_sent(domain, name, rule, values, vocabulary.ct)
    if not is_test(name):
        understood = values if kept is None else pc.if_else(kept, None, values)
        said = zip(decided, understood.to_pylist(), strict=True)
        uses.against.update(
            ("decision-overrules-table", one, value)
            for one, value in said
            if one is not None and value not in {None, one.value}
        )
    given = pa.array([one.value or None if one else None for one in decided], pa.string())
    about = pa.array([one is not None for one in decided], pa.bool_())
    if not _in_the_rule(rule):
        records.values[name] = pc.coalesce(given, values)
    which = records.which.get(name)
    if which is None:
        which = pc.if_else(values.is_valid(), pa.scalar(0, pa.uint8()), None)
    decision = pa.scalar(FROM_DECISION, pa.uint8())
    records.which[name] = pc.if_else(given.is_valid(), decision, which).cast(pa.uint8())
    records.lost[name] = pc.and_not(records.lost[name], about)


def _in_the_rule(rule: Rule) -> bool:
    """Return whether the rule asks for decisions itself, because it puts several codes together."""
    return any(isinstance(one, Several) for one in (rule.rules if isinstance(rule, OneOf) else (rule,)))


def _look_at_units(leaves: StagedLeaves, decided: list[Decision | None], uses: Uses) -> None:
    """Note units that cannot be those of the test that was decided on."""
    code, unit = (leaves(path) for path in UNITS)
    units = by_values([code, unit], crosswalks.to_cdisc_unit).to_pylist()
    for (decision, unit), count in Counter(zip(decided, units, strict=True)).items():
        if decision is not None and unit and not measures(decision.value, unit):
            uses.against["decision-unit-differs", decision, unit] += count


def other_tables(decisions: Decisions, vocabulary: Vocabulary, uses: Uses) -> None:
    """Note the decisions about tests of which the tables say something else by now."""
    plain = replace(vocabulary, decisions=Decisions())
    for one in decisions.made:
        known = plain.test([(one.system, one.code)], one.text) if one.of_test else None
        if known and uses.counts[one] and (known.domain, known.testcd) != (one.target[0], one.value):
            seen = f"{known.domain}.{known.testcd}"
            uses.against["decision-overrules-table", one, seen] += uses.counts[one]


_MESSAGES = {
    "decision-overrules-table": (
        Severity.NOTICE,
        "{word} is {decision} as {said}; a table knows it as {seen!r}",
    ),
    "decision-unit-differs": (
        Severity.WARNING,
        "{word} was decided to be {decision}, whose unit is {unit}; the data has {seen!r} ({said})",
    ),
}


def _against(rule: str, one: Decision, seen: str, count: int) -> Finding:
    severity, text = _MESSAGES[rule]
    message = text.format(
        word=repr(one.code or one.text),
        decision=repr(one.value or one.decision),
        said=one.said(),
        seen=seen,
        unit=standard_unit(one.value) if one.of_test else "",
    )
    return _finding(severity, rule, one, message, count)


def _unused(one: Decision) -> Finding:
    message = f"nothing in this run has {one.code or one.text!r} for {one.variable or 'a test'}: {one.said()}"
    return _finding(Severity.NOTICE, "decision-unused", one, message)


def _left(one: Decision, count: int) -> Finding:
    message = f"{one.code or one.text!r} stays unmapped, {one.said()}"
    return _finding(Severity.NOTICE, "decision-leaves-unmapped", one, message, count)


def _finding(severity: Severity, rule: str, one: Decision, message: str, count: int = 1) -> Finding:
    domain, variable = one.target if not one.leaves else (one.domain, one.variable)
    return Finding(severity, rule, message, domain, variable, value=one.code or one.text, count=count)
