"""One block of whole subjects to SDTM tables: rules, reference dates, derivations, supplemental qualifiers.

Nothing here looks across subjects, so a block can be any number of them, and the result is the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import remembering
from trialbridge.context import REFERENCE_DATES, Context
from trialbridge.converters.contradictions import Oddities, contradictions
from trialbridge.converters.decided import Uses, apply_decisions
from trialbridge.converters.derive import derive
from trialbridge.converters.derive_result import collected_units, plain_numbers
from trialbridge.converters.derive_sequence import total_order
from trialbridge.converters.derive_subject import derive_reference_dates
from trialbridge.converters.earlier_numbers import NO_EARLIER, EarlierNumbers
from trialbridge.converters.identity import Identities, keys_of
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.printable import CONTROL_CHARACTER, printable, unprintable
from trialbridge.converters.stage import Staged, column
from trialbridge.converters.subjects import Subjects
from trialbridge.converters.tests_in_use import tests_in_use
from trialbridge.converters.timeline import timeline
from trialbridge.converters.unmapped import KEPT, WHY, Unmapped, add_words, kept_as_sent
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import FROM_DECISION, Domain, Records, to_records
from trialbridge.registry import DERIVED, DOMAINS, declarations
from trialbridge.standards import domain_variables, keys
from trialbridge.study import Study
from trialbridge.tested import Used

POINTERS = {"_src": "_scope", "_id": "id", "_hash": "_hash"}
WHICH = "_which_"
JOIN = "_join_"
VISITS = "SV"
"""The domain whose topic, the number of the visit, is known only when all visits of a subject are."""


@dataclass(frozen=True)
class Plan:
    """What every block needs to know.

    Attributes:
        study: The study's settings.
        staged: What was read.
        identities: Who is who in it.
        subjects: The subjects.
        rowsets: Declaration, its records, and the subject's number of each.
        earlier: The numbers that records keep from an earlier cut.
    """

    study: Study
    staged: Staged
    identities: Identities
    subjects: Subjects
    rowsets: Sequence[tuple[Domain, Rowset, np.ndarray]]
    earlier: EarlierNumbers = NO_EARLIER


@dataclass
class Block:
    """The tables of some subjects, with what was not understood on the way."""

    tables: dict[str, pa.Table]
    unmapped: Unmapped = field(default_factory=Unmapped)
    uses: Uses = field(default_factory=Uses)
    tests: Counter[Used] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    oddities: Oddities = field(default_factory=Oddities)
    drawn: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    topicless: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))


def map_block(plan: Plan, first: int, last: int) -> Block:
    """Return the records of the subjects from `first` to before `last`, as the rules give them."""
    block = Block({})
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    parts["DM"].append(_demographics(plan, first, last, block))
    for domain, rowset, numbers in plan.rowsets:
        chosen = np.flatnonzero((numbers >= first) & (numbers < last))
        if len(chosen):
            leaves = StagedLeaves(domain, plan.staged, plan.identities, rowset.take(pa.array(chosen)))
            parts[domain.code].append(_mapped(plan, domain, leaves, numbers[chosen], block))
    for code, tables in parts.items():
        block.tables[code] = pa.concat_tables(tables, promote_options="default").combine_chunks()
    return block


def _demographics(plan: Plan, first: int, last: int, block: Block) -> pa.Table:
    subjects = plan.subjects
    rows = pa.array(range(first, last), pa.int64())
    leaves = replace(subjects.leaves, rowset=subjects.leaves.rowset.take(rows), memo={})
    records = Records(
        {name: values.take(rows) for name, values in subjects.records.values.items()},
        {name: which.take(rows) for name, which in subjects.records.which.items()},
        {name: lost.take(rows) for name, lost in subjects.records.lost.items()},
    )
    apply_decisions(leaves.domain, leaves, records, plan.study.vocabulary, block.uses)
    contradictions(leaves.domain, leaves, records, plan.study.vocabulary, block.oddities)
    table = _table(leaves.domain, leaves, records, block, plan.study)
    for name in ("RFSTDTC", "RFENDTC"):
        table = table.append_column(f"_{name}", table[name])
        table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), pa.string()))
    return table


def _mapped(plan: Plan, domain: Domain, leaves: StagedLeaves, numbers: np.ndarray, block: Block) -> pa.Table:
    records = to_records(domain, leaves, plan.study.vocabulary)
    rows = len(numbers)
    records.values["STUDYID"] = pa.array([plan.subjects.studyid], pa.string()).take(
        pa.array(np.zeros(rows, np.int8))
    )
    records.values["USUBJID"] = plan.subjects.usubjid.take(pa.array(numbers))
    apply_decisions(domain, leaves, records, plan.study.vocabulary, block.uses)
    block.tests += tests_in_use(domain, leaves, records, plan.study.vocabulary)
    contradictions(domain, leaves, records, plan.study.vocabulary, block.oddities)
    return _table(domain, leaves, records, block, plan.study)


def _table(domain: Domain, leaves: StagedLeaves, records: Records, block: Block, study: Study) -> pa.Table:
    columns = {
        name: _printable(domain, leaves, name, values, block) for name, values in records.values.items()
    }
    columns |= leaves.pointers(POINTERS)
    columns["_item"] = leaves.items()
    columns["_row"] = leaves.rowset.base
    number = declarations(domain.code).index(domain) if domain in declarations(domain.code) else 0
    columns["_declaration"] = pa.array(np.full(leaves.rows, number, np.int8))
    for name, which in records.which.items():
        columns[WHICH + name] = which
    for name in domain.joins:
        columns[JOIN + name] = leaves.keys(name)
    if domain.code == VISITS:
        columns["_key"] = keys_of(domain.source, leaves.base()).take(leaves.rowset.base)
    _note_unknown(domain, leaves, records, block, study)
    table = pa.table(columns)
    kept = _with_topic(domain, table, block)
    if len(kept) < len(table):
        table = table.take(kept)
        leaves = replace(leaves, rowset=leaves.rowset.take(kept), memo={})
    _draw(domain, leaves, block)
    return table


def _note_unknown(domain: Domain, leaves: StagedLeaves, records: Records, block: Block, study: Study) -> None:
    """Put on the worklist what no table knows and nobody decided: what is lost, and what is kept as sent."""
    for name, rule in domain.all_rules():
        lost = records.lost[name]
        if lost.true_count:
            add_words(name, rule, leaves, lost, WHY, block.unmapped)
        kept = kept_as_sent(domain, name, rule, records.values[name], study.ct)
        if kept is not None:
            which = records.which.get(name)
            if which is not None:  # the extension is exact, and of a decision enough is said
                own = pc.less(pc.fill_null(which, 0), FROM_DECISION)
                kept = pc.and_(kept, own)
            add_words(name, rule, leaves, kept, KEPT, block.unmapped)


def _with_topic(domain: Domain, table: pa.Table, block: Block) -> pa.Array:
    """Return the records that say what they are about; the others are none, and the ledger says so."""
    everything = pa.array(range(len(table)), pa.int64())
    topic = next((one.name for one in domain_variables(domain.code) if one.role == "Topic"), "")
    if not topic or domain.code == VISITS or not table[topic].null_count:
        return everything
    known = column(table, topic).is_valid()
    why = f"nothing in it gives {topic}, so no record can say what it is about"
    rows = column(table, "_row").filter(pc.invert(known)).to_pylist()
    block.topicless[domain.source] |= dict.fromkeys(rows, why)
    return everything.filter(known)


def _printable(domain: Domain, leaves: StagedLeaves, name: str, values: pa.Array, block: Block) -> pa.Array:
    """Return the column without control characters, and count what had some: no file may hold them."""
    found = unprintable(values)
    if found is None:
        return values
    ids = pc.fill_null(leaves("id"), "").filter(found).to_pylist()
    finding = Finding(Severity.WARNING, "control-character", CONTROL_CHARACTER, domain.code, name)
    block.oddities.add(finding, len(ids), f"{domain.source}/{min(ids)}")
    return printable(values)


def _draw(domain: Domain, leaves: StagedLeaves, block: Block) -> None:
    """Note which resources the records draw on, for the ledger."""
    if domain.code != VISITS:
        block.drawn[domain.source].append(_distinct_rows(leaves.rowset.base))
    for name, join in domain.joins.items():
        _, rows = leaves.joined(name)
        if rows.null_count < len(rows):
            block.drawn[join.type].append(_distinct_rows(rows.drop_null()))


def _distinct_rows(rows: pa.Array) -> np.ndarray:
    return np.flatnonzero(np.bincount(rows.to_numpy()))


def units_of(blocks: Sequence[Block]) -> dict[str, dict[tuple[str, str], frozenset[str]]]:
    """Return, for each domain, the units in which each test was collected over all blocks."""
    found: dict[str, dict[tuple[str, str], frozenset[str]]] = defaultdict(dict)
    for block in blocks:
        for code, table in block.tables.items():
            for test, units in collected_units(table, code).items():
                found[code][test] = found[code].get(test, frozenset()) | units
    return found


def derive_block(
    block: Block,
    study: Study,
    units: Mapping[str, Mapping[tuple[str, str], frozenset[str]]],
    exposed: bool,  # noqa: FBT001 -- a fact of the study
    earlier: EarlierNumbers = NO_EARLIER,
) -> None:
    """Add to the tables of a block what no source holds; they are in their total order then.

    Args:
        block: What `map_block` gave.
        study: The study's settings.
        units: Domain -> test -> the units in which it was collected over the whole study.
        exposed: Whether the study has any exposure at all.
        earlier: The numbers that records keep.
    """
    subjects = _with_reference_dates(block.tables)
    block.tables["DM"] = derive_arms(subjects, study, block, exposed=exposed)
    wanted = ["USUBJID", *REFERENCE_DATES]
    own = block.tables["DM"].select(wanted)  # the age of who failed screening is taken at the start, too
    others = _without_screen_failures(block.tables["DM"])
    _add_timeline(block, others, study)
    elements, exposure = (block.tables.get(name, pa.table({})) for name in ("SE", "EX"))
    for code in (*DOMAINS, *DERIVED):
        if code not in block.tables:
            continue
        table = typed(code, block.tables[code], block.findings)
        with remembering():  # apart, so that nothing is kept of the table as it was before
            order = total_order(table, keys(code))
        table = earlier.told(code, _ordered(table, order))
        collected = units.get(code, {})
        context = Context(
            code,
            own if code == "DM" else others,
            study.unit_system,
            study.ct,
            collected_units=collected,
            unit_of=study.unit_of,
            design=study.design,
            baseline_same_day=study.design.same_day,
            elements=elements,
            exposure=exposure,
        )
        block.tables[code], findings = derive(table, context)
        block.findings += findings
    block.tables["DM"] = _without_screen_failures(block.tables["DM"])


def _ordered(table: pa.Table, order: np.ndarray) -> pa.Table:
    """Return the rows in an order; a column that holds nothing is not moved."""
    rows = pa.array(order)
    columns = [one if one.null_count == len(table) else one.take(rows) for one in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _add_timeline(block: Block, subjects: pa.Table, study: Study) -> None:
    """Give the records of a block their visits, and the block its visits and elements."""
    if VISITS in block.tables:
        block.tables[VISITS] = typed(VISITS, block.tables[VISITS], block.findings)
    made = timeline(block.tables, subjects, study.design)
    block.tables = made.tables
    block.findings += made.findings
    block.drawn["Encounter"].append(made.had)
    block.topicless["Encounter"] |= made.dropped


def _without_screen_failures(table: pa.Table) -> pa.Table:
    """Return DM without the reference dates of who failed screening."""
    failed = pc.fill_null(pc.equal(column(table, "ARMNRS"), "SCREEN FAILURE"), False)  # noqa: FBT003 -- an Arrow scalar
    for name in ("RFSTDTC", "RFENDTC"):
        table = table.set_column(
            table.column_names.index(name), name, pc.if_else(failed, None, column(table, name))
        )
    return table


def _with_reference_dates(tables: Mapping[str, pa.Table]) -> pa.Table:
    nothing = pa.table({name: pa.array([], pa.string()) for name in ("USUBJID", "EXSTDTC", "EXENDTC")})
    exposure = tables.get("EX", nothing)
    return derive_reference_dates(tables["DM"], exposure, {"RFSTDTC": "_RFSTDTC", "RFENDTC": "_RFENDTC"})


def typed(code: str, table: pa.Table, findings: list[Finding]) -> pa.Table:
    """Return the table with every numeric variable as a number; text that is none is a finding."""
    for variable in domain_variables(code):
        name = variable.name
        if variable.type == "Num" and name in table.column_names and pa.types.is_string(table[name].type):
            text = column(table, name)
            numbers = plain_numbers(text)
            wrong = text.filter(pc.and_(text.is_valid(), numbers.is_null()))
            for item in pc.value_counts(wrong).to_pylist():
                message = f"{item['values']!r} is no number; the variable is left blank"
                findings.append(
                    Finding(
                        Severity.ERROR,
                        "not-a-number",
                        message,
                        code,
                        name,
                        value=item["values"],
                        count=item["counts"],
                    )
                )
            table = table.set_column(table.column_names.index(name), name, numbers)
    return table


def derive_arms(table: pa.Table, study: Study, block: Block, *, exposed: bool) -> pa.Table:
    """Return DM with ARMCD and ACTARMCD, and ARMNRS where a subject has no arm, as SDTMIG 3.4 wants it."""
    reason, arm, actual = (column(table, name) for name in ("ARMNRS", "ARM", "ACTARM"))
    none = pc.and_(reason.is_null(), pc.and_(arm.is_null(), actual.is_null()))
    reason = pc.if_else(none, "NOT ASSIGNED", reason)
    untreated = pc.and_(pc.and_(reason.is_null(), column(table, "RFXSTDTC").is_null()), exposed)
    untreated = pc.and_(untreated, actual.is_null())
    reason = pc.if_else(untreated, "ASSIGNED, NOT TREATED", reason)
    screened_out = pc.and_(reason.is_valid(), pc.invert(untreated))
    for text, name in ((arm, "ARM"), (actual, "ACTARM")):
        for item in pc.value_counts(text.filter(pc.and_(screened_out, text.is_valid()))).to_pylist():
            value = item["values"]
            message = f"{value!r} is no arm of a subject without one; {name} is blank and ARMNRS says why"
            block.findings.append(
                Finding(
                    Severity.NOTICE,
                    "arm-not-assigned",
                    message,
                    "DM",
                    name,
                    value=value,
                    count=item["counts"],
                )
            )
    columns = {
        "ARM": pc.if_else(screened_out, None, arm),
        "ACTARM": pc.if_else(screened_out, None, actual),
        "ARMNRS": reason,
    }
    columns |= {f"{name}CD": _arm_codes(columns[name], study, block, name) for name in ("ARM", "ACTARM")}
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _arm_codes(arms: pa.Array, study: Study, block: Block, name: str) -> pa.Array:
    """Return the code of each arm: the study's own, else the name where it is short enough for one."""
    codes: dict[str, str | None] = {}
    for item in pc.value_counts(arms.drop_null()).to_pylist():
        arm = item["values"]
        short = arm.upper() if len(arm) <= 20 else None
        codes[arm] = study.arms.get(arm, short)
        if codes[arm] is None:
            message = (
                f"the arm {arm!r} is too long for a code; give it one under [arms] in the study configuration"
            )
            block.findings.append(
                Finding(
                    Severity.ERROR, "arm-no-code", message, "DM", f"{name}CD", value=arm, count=item["counts"]
                )
            )
    encoded = arms.dictionary_encode()
    terms = pa.array([codes[arm] for arm in encoded.dictionary.to_pylist()], pa.string())
    return pc.take(terms, encoded.indices)
